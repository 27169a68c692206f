"""The road to chaos: bifurcation diagram of the logistic map x -> r x (1 - x).

The result of a pset is an array: the values of x after it has settled. A coarse scan finds between
which r the period doubles. Then a fine scan of just these gaps extends the study, and the
distances between doublings shrink as Feigenbaum predicted. See how a cell of the database holds an
array, and how all arrays become one picture. Needs matplotlib.
"""

import os

import matplotlib.pyplot as plt
import numpy as np

import psweep as ps

EXACT = [3, 1 + 6**0.5, 3.544090]  # where the period becomes 2, 4 and 8


def settle(pset):
    r, x = pset["r"], 0.4
    for _ in range(20_000):
        x = r * x * (1 - x)
    orbit = np.empty(200)
    for i in range(len(orbit)):
        orbit[i] = x = r * x * (1 - x)
    periods = (p for p in (1, 2, 4, 8) if np.allclose(orbit[p:], orbit[:-p], rtol=0, atol=1e-6))
    lyapunov = np.log(np.abs(r * (1 - 2 * orbit))).mean()
    return {"x": orbit, "period": next(periods, None), "lyapunov": lyapunov}


def doublings(df):
    """Between which r the period becomes 2, 4 and 8."""
    df = df.sort_values("r")
    return [(df.r[df.period == p / 2].max(), df.r[df.period == p].min()) for p in (2, 4, 8)]


if __name__ == "__main__":
    coarse = ps.plist("r", np.linspace(2.8, 4.0, 481).round(6))
    df = ps.run_local(settle, coarse, poolsize=2, skip_dups=True)
    gaps = doublings(df[df.r.isin([pset["r"] for pset in coarse])])
    fine = ps.plist("r", np.concatenate([np.linspace(a, b, 9) for a, b in gaps]).round(6))
    df = ps.run_local(settle, fine, poolsize=2, skip_dups=True)
    print(f"{len(df)} psets, {(df.lyapunov > 0.01).sum()} of them chaotic")

    found = np.mean(doublings(df), axis=1)
    for period, r, exact in zip((2, 4, 8), found, EXACT, strict=True):
        print(f"period {period} from r = {r:.4f} on (theory: {exact:.4f})")
    ratio, exact = ((b - a) / (c - b) for a, b, c in (found, EXACT))
    print(f"ratio of the distances: {ratio:.2f} (theory: {exact:.2f}, later ones go to 4.67)")

    df = df.sort_values("r")
    fig, (top, bottom) = plt.subplots(
        2, sharex=True, figsize=(5.4, 4.05), height_ratios=[2, 1], layout="constrained"
    )
    points = df.explode("x")  # a row for each element of the arrays
    top.plot(points.r, points.x, ".k", markersize=0.7, markeredgewidth=0, alpha=0.3)
    top.set_ylabel("x, settled")
    top.set_title("Logistic map: the period doubles, then chaos")
    bottom.axhline(0, color="0.6", linewidth=1)
    bottom.plot(df.r, df.lyapunov, color="C0", linewidth=1)
    bottom.set(xlabel="r", ylabel="Lyapunov exponent\n(1 / step)", xlim=(2.8, 4), ylim=(-2, 1))
    for ax in (top, bottom):
        for r in found:
            ax.axvline(r, color="C1", linewidth=1, linestyle="--")
    path = os.path.join("calc", "bifurcation.png")
    fig.savefig(path)
    print(f"picture: {path}")
