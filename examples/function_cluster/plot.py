"""Plot the error of the estimates, and what theory says.

The estimates have a normal distribution around pi, with variance pi (4 - pi) / n for n points, so
the mean of their absolute error is the square root of 2 (4 - pi) / n. Needs matplotlib.
"""

import os

import matplotlib.pyplot as plt
import numpy as np

import psweep as ps

if __name__ == "__main__":
    stats = ps.df_stats(ps.df_read("calc"))
    n = stats.n_points

    fig, ax = plt.subplots(figsize=(5.4, 4.05), layout="constrained")
    ax.loglog(n, np.sqrt(2 * (4 - np.pi) / n), color="0.7", label="theory")
    ax.errorbar(n, stats.error_mean, yerr=stats.error_sem, fmt="o", markersize=4, capsize=3,
                label="mean ± standard error of 20 runs")  # fmt: skip
    ax.set_xlabel("number of points")
    ax.set_ylabel("error of pi")
    ax.set_title("A Monte Carlo estimate of pi")
    ax.legend()
    path = os.path.join("calc", "pi.png")
    fig.savefig(path)
    print(f"picture: {path}")
