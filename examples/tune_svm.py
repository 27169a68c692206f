"""Grid search for the two hyperparameters of a support vector machine that reads digits.

C (how much a misread digit costs) and gamma (how far one example reaches) are varied over decades
on a grid, and each pset is scored by cross-validation on the training digits. The best pset
is then tested on digits that no pset has seen. The heatmap shows that good values form a plateau,
and that a large gamma learns the examples by heart. Needs scikit-learn and matplotlib.
"""

import os

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import cross_val_score, train_test_split
from sklearn.svm import SVC

import psweep as ps

DIGITS = load_digits()  # 1797 pictures of 8 x 8 pixels
X_TRAIN, X_TEST, Y_TRAIN, Y_TEST = train_test_split(
    DIGITS.data, DIGITS.target, test_size=0.5, stratify=DIGITS.target, random_state=0
)


def score(pset):
    model = SVC(C=pset["C"], gamma=pset["gamma"])
    scores = cross_val_score(model, X_TRAIN, Y_TRAIN, cv=3)
    return {"accuracy": scores.mean(), "spread": scores.std()}


if __name__ == "__main__":
    C = ps.plist("C", [0.1, 1.0, 10.0, 100.0, 1000.0])
    gamma = ps.plist("gamma", [1e-5, 1e-4, 1e-3, 1e-2, 1e-1])
    df = ps.run_local(score, ps.pgrid(C, gamma), poolsize=2, skip_dups=True)

    best = df.sort_values(["accuracy", "C"], ascending=[False, True])
    ps.df_print(best[:5], cols=["C", "gamma", "accuracy", "spread"])
    model = SVC(C=best.C.iloc[0], gamma=best.gamma.iloc[0]).fit(X_TRAIN, Y_TRAIN)
    print(f"the best reads {model.score(X_TEST, Y_TEST):.1%} of {len(Y_TEST)} new digits correctly")

    table = df.pivot_table(index="C", columns="gamma", values="accuracy")
    fig, ax = plt.subplots(figsize=(5.4, 4.05), layout="constrained")
    image = ax.imshow(table, origin="lower", cmap="viridis", vmin=0, vmax=1)
    for (i, j), value in np.ndenumerate(table):
        ax.text(j, i, f"{value:.3f}", ha="center", va="center", color="wk"[int(value > 0.5)])
    ax.set_xticks(range(table.shape[1]), [f"{value:g}" for value in table.columns])
    ax.set_yticks(range(table.shape[0]), [f"{value:g}" for value in table.index])
    ax.set_xlabel("gamma (1 / pixel value²)")
    ax.set_ylabel("C")
    ax.set_title("Support vector machine on handwritten digits")
    fig.colorbar(image, label="accuracy in cross-validation")
    path = os.path.join("calc", "tune_svm.png")
    fig.savefig(path)
    print(f"picture: {path}")
