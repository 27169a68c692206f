"""Convergence study: is a method as good as its order says? One orbit around the sun, four ways.

After one period a planet is back where it started, so its distance from that point is the
error. Each method is tried with ever smaller steps. On log-log axes the errors lie on lines, whose
slopes are the orders: 1 for Euler, 4 for Runge-Kutta. See how the study is one `pgrid`, and how
`groupby` finds the slopes. Needs matplotlib.
"""

import math
import os

import matplotlib.pyplot as plt
import numpy as np

import psweep as ps

ECCENTRICITY = 0.2  # of an orbit with half axis 1 and period 2 pi, in the plane of complex numbers


def deriv(y):
    z, v = y
    return np.array([v, -z / abs(z) ** 3])


def euler(y, h):
    return y + h * deriv(y)


def heun(y, h):
    k1 = deriv(y)
    return y + h / 2 * (k1 + deriv(y + h * k1))


def leapfrog(y, h):
    half = y[1] + h / 2 * deriv(y)[1]
    z = y[0] + h * half
    return np.array([z, half + h / 2 * deriv([z, half])[1]])


def rk4(y, h):
    k1 = deriv(y)
    k2 = deriv(y + h / 2 * k1)
    k3 = deriv(y + h / 2 * k2)
    k4 = deriv(y + h * k3)
    return y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


METHODS = {"euler": (euler, 1), "heun": (heun, 2), "leapfrog": (leapfrog, 2), "rk4": (rk4, 4)}


def orbit(pset):
    step, _ = METHODS[pset["method"]]
    h = 2 * math.pi / pset["n_steps"]
    e = ECCENTRICITY
    start = np.array([1 - e, 1j * math.sqrt((1 + e) / (1 - e))])
    y = start
    for _ in range(pset["n_steps"]):
        y = step(y, h)
    return {"h": h, "error": abs(y[0] - start[0])}


if __name__ == "__main__":
    n_steps = ps.plist("n_steps", [2**k for k in range(6, 13)])
    params = ps.pgrid(ps.plist("method", METHODS), n_steps)
    df = ps.run_local(orbit, params, poolsize=2, skip_dups=True)

    by_method = df.sort_values("h").groupby("method")
    plt.style.use("tableau-colorblind10")
    fig, ax = plt.subplots(figsize=(5.4, 4.05), layout="constrained")
    print("method    order  theory  error of 4096 steps")
    for (method, group), marker in zip(by_method, "osD^", strict=True):
        finest = group[:3]  # where the steps are small enough for the theory to hold
        order = np.polyfit(np.log(finest.h), np.log(finest.error), 1)[0]
        print(f"{method:<9} {order:5.2f} {METHODS[method][1]:7d} {finest.error.iloc[0]:20.1e}")
        ax.loglog(group.h, group.error, marker + "-", label=f"{method}, order {order:.2f}")
    ax.set_xlabel("step (year / 2π)")
    ax.set_ylabel("error after a year (half axis)")
    ax.set_title("One orbit around the sun")
    ax.grid(alpha=0.3)
    ax.legend(fontsize="small")
    path = os.path.join("calc", "convergence.png")
    fig.savefig(path)
    print(f"picture: {path}")
