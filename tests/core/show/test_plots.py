"""Figures of studies."""

from __future__ import annotations

import datetime
import io

import numpy as np
import pytest

import psweep as ps
from psweep_core.show.plots import is_log_grid

pytest.importorskip("matplotlib")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:matplotlib")


def run(func, params, **kwds):
    return ps.run_local(func, params, save=False, **kwds)


def drawn(*args, **kwds):
    figure = ps.df_plot(*args, **kwds)
    figure.savefig(io.BytesIO(), format="svg")
    return figure


def labels(figure):
    (legend,) = figure.legends
    return legend.get_title().get_text(), [text.get_text() for text in legend.get_texts()]


def test_the_strongest_pair_with_mean_and_std_over_the_rest():
    params = ps.pgrid(a=[1, 2, 3, 4], b=[10, 20], c=[0, 1, 2])

    def func(pset):
        return {"y": pset["a"] * pset["b"] + pset["c"], "t": "x"}

    df = run(func, params)
    figure = drawn(df, "y")
    (panel,) = figure.axes
    assert (panel.get_xlabel(), panel.get_ylabel()) == ("a", "y")
    assert labels(figure) == ("b", ["10", "20"])
    for line, band, b in zip(panel.lines, panel.collections, (10, 20)):
        mean = df[df.b == b].groupby("a").y.mean()
        std = df[df.b == b].groupby("a").y.std()
        np.testing.assert_allclose(line.get_xdata(), mean.index)
        np.testing.assert_allclose(line.get_ydata(), mean)
        edges = band.get_paths()[0].vertices[:, 1]
        assert edges.min() == pytest.approx((mean - std).min())
        assert edges.max() == pytest.approx((mean + std).max())
    assert panel.get_xscale() == panel.get_yscale() == "linear"


def test_columns_that_are_named():
    df = run(lambda p: {"y": p["a"]}, ps.pgrid(a=[1, 2, 3], b=["u", "v"], c=[None, 1.5]))
    figure = drawn(df, "y", x="b", hue="a", col="c")
    titles = [panel.get_title() for panel in figure.axes if panel.get_title()]
    assert titles == ["c = None", "c = 1.5"]
    assert [text.get_text() for text in figure.axes[0].get_xticklabels()] == ["u", "v"]
    assert labels(figure) == ("a", ["1", "2", "3"])
    assert not drawn(df, "y", x="a").legends
    assert drawn(df, "_pset_runtime", x="_pset_seq").axes[0].get_xlabel() == "_pset_seq"
    assert drawn(df, "y", hue="b").axes[0].get_xlabel() == "a"
    assert not drawn(run(lambda p: {"y": 1}, ps.plist("a", [1, 2])), "y").legends


def test_bools_are_shown_as_true_and_false():
    params = ps.pgrid(a=[1, 2, 3], b=[True, False], c=[True, None])
    df = run(lambda p: {"y": p["a"] * p["b"], "ok": p["a"] > 1}, params)
    assert labels(drawn(df, "y")) == ("b", ["True", "False"])
    for name, texts in {
        "b": ["True", "False"],
        "c": ["True", "None"],
        "ok": ["False", "True"],
    }.items():
        (panel,) = drawn(df, "y", x=name).axes
        assert [text.get_text() for text in panel.get_xticklabels()] == texts


def test_log_axes_where_values_are_in_equal_ratios():
    def func(p):
        return {"y": 10.0 ** p["b"], "z": p["b"]}

    df = run(func, ps.pgrid(a=ps.logspace(1, 1000, 7), b=[0, 1, 2, 3]))
    panel = drawn(df, "y", x="a").axes[0]
    assert (panel.get_xscale(), panel.get_yscale()) == ("log", "log")
    panel = drawn(df, "z", x="b").axes[0]
    assert (panel.get_xscale(), panel.get_yscale()) == ("linear", "linear")
    powers = run(lambda p: {"y": p["n"]}, ps.plist("n", [1, 2, 4, 8]))
    panel = drawn(powers, "y").axes[0]
    assert panel.get_xscale() == "log"
    assert [text.get_text() for text in panel.get_xticklabels()] == ["1", "2", "4", "8"]


@pytest.mark.parametrize(
    ("values", "log"),
    [
        ([16, 64, 256], True),
        ([64, 128, 256, 1024, 4096], True),
        ([1, 2, 5, 10, 20, 50], True),
        ([1e-10, 1e-6, 1e-4, 0.01], True),
        ([1, 2, 3, 4], False),
        ([*range(1, 31)], False),
        ([1, 5, 10], False),
        ([0, 1, 10, 100], False),
        ([1, 100], False),
        ([5e-324, 1.0, 1e308], True),
        ([2019, 2020, 2021, 2022], False),
        ([1.0000001, 1.0000002, 1.0000003], False),
    ],
)
def test_which_values_get_a_log_axis(values, log):
    assert is_log_grid(np.array(values, dtype=float)) is log


@pytest.mark.slow
def test_samples_are_put_into_bins():
    rng = np.random.default_rng(0)
    params = [
        {"x": x, "k": float(10 ** (6 * k - 3))} for x, k in rng.random((5000, 2)).tolist()
    ]  # fmt: skip
    df = run(lambda p: {"y": p["x"] + np.log10(p["k"])}, params)
    figure = drawn(df, "y", x="x", hue="k")
    assert len(figure.axes[0].lines) == 5
    assert len(figure.axes[0].lines[0].get_xdata()) == 30
    assert figure.axes[0].get_xscale() == "linear"
    panel = drawn(df, "y", x="k").axes[0]
    assert panel.get_xscale() == "log"
    assert len(panel.lines) == 1
    drawn(df, "y", x="x", hue="k", col="x")


def test_what_cannot_be_drawn_is_not_chosen():
    params = [{"name": f"n{i}", "a": i % 3, "b": i % 2} for i in range(60)]
    figure = drawn(run(lambda p: {"y": len(p["name"]) + int(p["name"][1:])}, params), "y")
    assert figure.axes[0].get_xlabel() == "a"


def test_odd_values_names_and_failures():
    params = ps.pgrid({"$a": ["$x^", "_y", "\x1b[31m", "é\n", ""], "b": [[1], [2]], 5: [1, None]})

    def func(pset):
        if pset["$a"] == "_y":
            raise ValueError
        return {"$y_": float("nan") if pset[5] is None else 2.5, "inf": float("inf")}

    df = run(func, params, on_error="record")
    figure = drawn(df, "$y_", x="$a", hue="b", col=5)
    assert len([panel for panel in figure.axes if panel.get_title()]) == 1
    drawn(df, "$y_")
    with pytest.raises(ps.ParamsError, match="no finite value"):
        ps.df_plot(df, "inf")


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda df: ps.df_plot(df, "z"), "df_plot: there is no result 'z'"),
        (lambda df: ps.df_plot(df, "t"), "'t' is not numeric"),
        (lambda df: ps.df_plot(df, "y", x="q"), "no column 'q'"),
        (lambda df: ps.df_plot(df, "y", x="s"), "40 values that are not numbers, too many for x"),
        (lambda df: ps.df_plot(df, "y", x="i", hue="s"), "too many for hue"),
        (lambda df: ps.df_plot(df[:1], "y"), "no parameter varies"),
        (lambda df: ps.df_plot(df[:0], "y"), "no finite value"),
        (lambda df: ps.df_plot("calc", "y"), "psweep.df_read('calc')"),
    ],
)  # fmt: skip
def test_mistakes_are_named(call, said):
    params = [{"i": i, "s": f"s{i}"} for i in range(40)]
    with pytest.raises(ps.PsweepError) as caught:
        call(run(lambda pset: {"y": pset["i"], "t": "x"}, params))
    assert said in str(caught.value)


def test_ticks_of_whole_numbers_are_whole_and_dates_are_short():
    days = [datetime.date(2024, 1, day) for day in (1, 2)]
    params = ps.pgrid(year=range(2000, 2021), day=days)
    df = ps.run_local(lambda p: {"y": p["year"] * p["day"].day}, params, save=False)
    figure = ps.df_plot(df, "y", "year", "day")
    figure.canvas.draw()
    assert all(tick % 1 == 0 for tick in figure.axes[0].get_xticks())
    assert len(figure.axes[0].get_xticks()) > 3
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["2024-01-01", "2024-01-02"]
