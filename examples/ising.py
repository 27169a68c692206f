"""Monte Carlo with error bars: how a magnet loses its magnetisation when it gets warm.

The two-dimensional Ising model: spins on a square lattice, up or down, flip at random, more often
the warmer they are. Each temperature is run eight times with its own random numbers, by `repeats`
and `seed`, and `df_stats` averages over the repeats. Below the critical temperature, 2.269, the
result agrees with the exact one, by Onsager and Yang. Above it, the exact one is 0, for an infinite
lattice; a small one keeps a little magnetisation (finite size). Needs matplotlib.
"""

import os

import matplotlib.pyplot as plt
import numpy as np

import psweep as ps

SIZE = 24  # spins along an edge
CRITICAL = 2 / np.log(1 + 2**0.5)  # temperature, in units of the coupling


def magnetisation(pset):
    rng = np.random.default_rng(pset["_seed"])
    spins = np.ones((SIZE, SIZE), dtype=int)
    black = np.indices(spins.shape).sum(axis=0) % 2 == 0  # as on a chessboard
    values = []
    for sweep in range(500):
        for half in (black, ~black):  # the neighbours of a black spin are white
            neighbours = sum(np.roll(spins, step, axis) for axis in (0, 1) for step in (-1, 1))
            cost = 2 * spins * neighbours
            spins[half & (rng.random(spins.shape) < np.exp(-cost / pset["T"]))] *= -1
        if sweep >= 200:  # it has settled
            values.append(abs(spins.mean()))
    return {"m": np.mean(values)}


def exact(temperature):
    """Magnetisation of an infinite lattice; C. N. Yang, Phys. Rev. 85, 808 (1952)."""
    return np.maximum(1 - np.sinh(2 / np.minimum(temperature, CRITICAL)) ** -4, 0) ** (1 / 8)


if __name__ == "__main__":
    params = ps.plist("T", np.linspace(1.4, 3.4, 11).round(2))
    df = ps.run_local(magnetisation, params, poolsize=2, repeats=8, seed=1, skip_dups=True)

    stats = ps.df_stats(df)
    stats["exact"] = exact(stats["T"])
    print(stats.loc[::2, ["T", "n", "m_mean", "m_sem", "exact"]].round(4).to_string(index=False))

    fig, ax = plt.subplots(figsize=(5.4, 4.05), layout="constrained")
    T = np.linspace(1.4, 3.4, 1000)
    ax.plot(T, exact(T), color="0.5", label="exact, infinite lattice")
    ax.errorbar(stats["T"], stats.m_mean, yerr=stats.m_std, fmt="o", markersize=4, capsize=3,
                label=f"{SIZE} × {SIZE} spins,\nmean ± std of 8 runs")  # fmt: skip
    ax.axvline(CRITICAL, color="C1", linestyle="--", linewidth=1, label="critical temperature")
    ax.set_xlabel("temperature (coupling / k)")
    ax.set_ylabel("magnetisation per spin")
    ax.set_title("Ising model: a magnet gets warm")
    ax.legend()
    path = os.path.join("calc", "ising.png")
    fig.savefig(path)
    print(f"picture: {path}")
