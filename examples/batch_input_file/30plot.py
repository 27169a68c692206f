"""Plot the activity of each daughter over time, from the files that the program wrote.

The database has the maximum of each curve. The curve itself is in output.txt, in the folder of its
pset, which is named by `_pset_id`. See how a row leads to its files. Needs matplotlib.
"""

import os

import matplotlib.pyplot as plt
import numpy as np

import psweep as ps

if __name__ == "__main__":
    df = ps.df_read("calc")

    plt.style.use("tableau-colorblind10")
    fig, ax = plt.subplots(figsize=(5.4, 4.05), layout="constrained")
    for _, row in df[df.steps == df.steps.max()].iterrows():
        path = os.path.join("calc", row._pset_id, "output.txt")
        with open(path, encoding="utf-8") as file:
            lines = file.readlines()
        hours, _, activity = np.loadtxt(lines[:-1], unpack=True)  # the last line is the maximum
        (curve,) = ax.semilogx(hours[1:], activity[1:], label=row.title)
        ax.plot(row.hours, row.activity, "o", color=curve.get_color())
        text = f"{row.hours:.3g} h"
        ax.annotate(
            text, (row.hours, row.activity), (0, 7), textcoords="offset points", ha="center"
        )
    ax.set_ylim(0, 1.5)  # with room for the legend
    ax.xaxis.set_major_formatter("{x:g}")
    ax.set_xlabel("time since the generator was last milked (hours)")
    ax.set_ylabel("activity / activity of the mother at the start")
    ax.set_title("When to milk a radionuclide generator")
    ax.grid(alpha=0.3)
    ax.legend(loc="upper left")
    path = os.path.join("calc", "generators.png")
    fig.savefig(path)
    print(f"picture: {path}")
