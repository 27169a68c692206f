"""Plot the results and the exact solution.

Where m = tanh(m / T), the temperature is T = tanh(u) / u for u = m / T. So the exact curves need no
iteration. A pset that failed has no results, and no point in the plot, until its job has been
submitted again. Needs matplotlib.
"""

import os

import matplotlib.pyplot as plt
import numpy as np

import psweep as ps


def exact():
    """Return temperature, magnetisation and susceptibility on a curve through the Curie point."""
    u = np.linspace(6, 0.02, 500)
    m = np.tanh(u)
    below = m / u
    above = np.linspace(1.0002, 1.6, 500)
    return (
        np.concatenate([below, above]),
        np.concatenate([m, np.zeros(500)]),
        np.concatenate([(1 - m**2) / (below - (1 - m**2)), 1 / (above - 1)]),
    )


if __name__ == "__main__":
    df = ps.df_read("calc")
    temperature, magnetisation, susceptibility = exact()

    plt.style.use("tableau-colorblind10")
    fig, axes = plt.subplots(2, sharex=True, figsize=(5.4, 4.05), layout="constrained")
    axes[0].plot(temperature, magnetisation, color="0.7", label="exact")
    axes[0].plot(df.temperature, df.magnetisation, "o", label="jobs")
    axes[0].set_ylabel("magnetisation")
    axes[0].set_title("A magnet loses its magnetisation")
    axes[0].legend()
    axes[1].semilogy(temperature, susceptibility, color="0.7")
    axes[1].semilogy(df.temperature, df.susceptibility, "o")
    axes[1].set_ylabel("susceptibility")
    axes[1].set_xlabel("temperature / Curie temperature")
    for ax in axes:
        ax.grid(alpha=0.3)
    path = os.path.join("calc", "magnet.png")
    fig.savefig(path)
    print(f"picture: {path}")
