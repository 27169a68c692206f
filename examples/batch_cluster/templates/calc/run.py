"""What each job runs: iterate m = tanh(m / T) until the magnetisation m no longer changes.

It reads its pset from a file, so it needs psweep-core on the cluster, but no psweep-batch.
Close to the Curie point T = 1, each iteration changes so little that it takes many of them.
"""

import math
import sys

import psweep as ps

MAX_ITERATIONS = 1000
TOLERANCE = 1e-10

pset = ps.pickle_read("pset.pk")
temperature = pset["temperature"]

m = 1.0
for n_iterations in range(1, MAX_ITERATIONS + 1):
    before, m = m, math.tanh(m / temperature)
    if abs(m - before) < TOLERANCE:
        break
else:
    # exits with status 1, and that is how psweep knows that it has failed
    change = before - m
    sys.exit(f"no convergence in {MAX_ITERATIONS} iterations, the last changed m by {change:.1e}")

susceptibility = (1 - m**2) / (temperature - (1 - m**2))
print(f"converged in {n_iterations} iterations")
result = {
    "magnetisation": round(m, 6),  # what comes after is not converged
    "susceptibility": susceptibility,
    "n_iterations": n_iterations,
}
ps.pickle_write("result.pk", result)
