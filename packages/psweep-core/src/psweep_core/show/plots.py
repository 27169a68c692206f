"""A first plot of a study: `df_plot`. matplotlib is imported when it is called."""

from __future__ import annotations

import datetime
import importlib
import itertools
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from ..errors import NotInstalledError, ParamsError
from ..messages import safe_repr
from ..table.cells import MISSING, cells
from ..table.factors import factors_of
from ..table.importance import df_importance, numeric_column, spans_decades
from ..table.levels import chosen_names, codes_of, first_rows, study_frame
from ..table.outcomes import good_rows
from ..table.stats import numbers_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["are_told_apart", "binned", "df_plot", "holds_bools", "is_log_grid", "number_labels"]

Array = np.ndarray[Any, Any]

_MAX_X = 200  # values of a number along the axis; more are put into bins
_BINS = 30
_MAX_TEXTS = 30  # categories along the axis
_MAX_HUES = 10
_HUE_BINS = 5
_MAX_COLS = 12
_COL_BINS = 4


def df_plot(df: pd.DataFrame, y: Any, x: Any = None, hue: Any = None, col: Any = None) -> Figure:
    """Plot a result against parameters: the mean over all others, and its standard deviation.

    Parameters
    ----------
    df : DataFrame
        A database. Failed rows are left out.
    y : name
        A numeric result, or ``"_pset_runtime"``.
    x : name, optional
        The parameter, or another column, along the axis. None: chosen by `df_importance`. If `hue`
        is None, too, these are the two parameters that explain most together.
    hue : name, optional
        One line for each of its values. None: see `x`.
    col : name, optional
        One panel for each of its values. None: one panel.

    Returns
    -------
    matplotlib.figure.Figure
        Save it by ``fig.savefig("y.png")``; a notebook shows it. Bands and bars are the mean ± one
        standard deviation of all rows with the same `x`, `hue` and `col`. Numbers with many
        values, as in random samples, are put into bins with equal numbers of rows. An axis is
        logarithmic where the values of the parameter are in equal ratios or nearly so, or where
        all of `y` is positive and its largest value is at least 1000 times the smallest.

    Raises
    ------
    NotInstalledError
        matplotlib is not installed: ``pip install 'psweep-core[plot]'``.
    ParamsError
        There is no such column or numeric result, or a column has too many values that are
        not numbers.
    DatabaseError
        `df` is not a database.

    Examples
    --------
    >>> import psweep as ps
    >>> params = ps.pgrid(a=[1, 2, 4, 8], b=[1, 2], c=[0, 1])
    >>> df = ps.run_local(lambda p: {"y": p["a"] * p["b"]}, params, save=False)
    >>> fig = ps.df_plot(df, "y")
    >>> fig.axes[0].get_xlabel(), fig.axes[0].get_xscale()
    ('a', 'log')
    """
    figure = _new_figure()
    df = study_frame(df, "df_plot")
    values = numeric_column(df, y, "df_plot")
    for name in (x, hue, col):
        if name is not None:
            chosen_names([name], list(df.columns), "column")
    rows = good_rows(df) & np.isfinite(values)
    if not rows.any():
        message = f"df_plot: {y!r} has no finite value in any good row, so there is nothing to plot"
        raise ParamsError(message)
    df, values = df[rows], values[rows]
    if x is None:
        x, hue = _strongest(df, y, hue, col)
    axis = _levels(df[x], x, "x", _MAX_X, _BINS, _MAX_TEXTS)
    hues = None if hue is None else _levels(df[hue], hue, "hue", _MAX_HUES, _HUE_BINS, _MAX_HUES)
    cols = None if col is None else _levels(df[col], col, "col", _MAX_COLS, _COL_BINS, _MAX_COLS)
    _draw(figure, str(y), values, (axis, hues, cols))
    return figure


class _Levels(NamedTuple):
    """The levels of a column: of each row its number, of each level its place and its name."""

    name: str
    codes: Array
    places: Array
    labels: list[str]
    is_number: bool
    is_log: bool

    @property
    def n(self) -> int:
        return len(self.labels)


def _new_figure() -> Figure:
    try:
        module = importlib.import_module("matplotlib.figure")
        if "ipykernel" in sys.modules:
            importlib.import_module("matplotlib.pyplot")  # which lets notebooks show figures
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "matplotlib":
            raise
        message = "psweep.df_plot needs matplotlib: pip install 'psweep-core[plot]'"
        raise NotInstalledError(message, name="matplotlib") from None
    # Not one of pyplot, which would keep each figure forever.
    figure: Figure = module.Figure(layout="constrained")
    return figure


def _strongest(df: pd.DataFrame, y: Any, hue: Any, col: Any) -> tuple[Any, Any]:
    """Choose the parameters that explain most; the one with more numbers is `x`."""
    factors = [f for f in factors_of(df) if hue not in f.names and col not in f.names]
    few = [f for f in factors if f.values is not None or f.codes.max() < _MAX_HUES]
    factors = few or factors
    if not factors:
        message = "df_plot: no parameter varies among the good rows; name a column as x"
        raise ParamsError(message)
    try:
        table = df_importance(df, y)
        shares = dict(zip(table["term"], table["share"].fillna(0), strict=True))
    except ParamsError:  # too few rows to tell
        shares = {}
    alone = [shares.get(f.label, 0.0) for f in factors]
    if hue is None and len(factors) > 1:
        pairs = [*itertools.combinations(range(len(factors)), 2)]
        together = [
            alone[i] + alone[j] + shares.get(f"{factors[i].label}:{factors[j].label}", 0.0)
            for i, j in pairs
        ]
        pair = [factors[i] for i in pairs[int(np.argmax(together))]]
    else:
        pair = [factors[int(np.argmax(alone))]]
    pair.sort(key=lambda f: (f.values is None, -int(f.codes.max())))
    return pair[0].names[0], hue if len(pair) == 1 else pair[1].names[0]


def _levels(
    series: pd.Series[Any], name: Any, what: str, most: int, n_bins: int, most_texts: int
) -> _Levels:
    label = _text(name)
    numbers = None if holds_bools(series) else numbers_of(series)
    if numbers is not None and not (
        numbers.dtype == np.float64
        and np.isfinite(numbers).all()
        and are_told_apart(numbers, codes_of(series))
    ):
        numbers = None
    if numbers is not None:
        values, codes = np.unique(numbers, return_inverse=True)
        if len(values) <= most:
            labels = number_labels(values)
            return _Levels(label, codes.reshape(-1), values, labels, True, is_log_grid(values))
        bins = binned(numbers, n_bins)
        return _Levels(label, bins.codes, bins.places, bins.labels, True, bins.is_log)
    codes = codes_of(series)
    first = cells(series.iloc[first_rows(codes)])
    labels = ["missing" if value is MISSING else _text(value) for value in first]
    if len(labels) > most_texts:
        message = (
            f"df_plot: {name!r} has {len(labels)} values that are not numbers, too many for "
            f"{what}; select some rows, or choose another column"
        )
        raise ParamsError(message)
    return _Levels(label, codes, np.arange(len(labels)), labels, False, False)


def holds_bools(series: pd.Series[Any]) -> bool:
    """Return whether a column holds True and False, which are shown as such, not as 1 and 0."""
    return pd.api.types.is_bool_dtype(series.dtype) or (
        series.dtype == object and all(type(v) in (bool, np.bool_) for v in cells(series.iloc[:1]))
    )


def number_labels(values: Array) -> list[str]:
    """Write different numbers so that they look different."""
    labels = [f"{value:g}" for value in values]
    return labels if len({*labels}) == len(labels) else [repr(value) for value in values.tolist()]


class Bins(NamedTuple):
    """Numbers in bins: of each number that of its bin, of each bin its place and its name."""

    codes: Array
    places: Array
    labels: list[str]
    is_log: bool  # the places are means of logarithms


def binned(numbers: Array, n_bins: int) -> Bins:
    """Put numbers into at most this many bins, each with about as many numbers."""
    edges = np.unique(np.quantile(numbers, np.linspace(0, 1, n_bins + 1)))
    codes = np.clip(np.searchsorted(edges, numbers, side="right") - 1, 0, len(edges) - 2)
    codes = np.unique(codes, return_inverse=True)[1].reshape(-1)
    counts = np.bincount(codes)
    log = are_spread_in_ratios(numbers)
    means = np.bincount(codes, weights=np.log10(numbers) if log else numbers) / counts
    parts = [numbers[codes == i] for i in range(len(counts))]
    labels = [f"{part.min():.3g} to {part.max():.3g}" for part in parts]
    return Bins(codes, 10**means if log else means, labels, log)


def are_told_apart(numbers: Array, codes: Array) -> bool:
    """Return whether floats are as different as the levels; ints above 2**53 may not be."""
    largest = np.abs(numbers).max(initial=0)
    return bool(largest <= 2**53 or len(np.unique(numbers)) == codes.max() + 1)


def is_log_grid(values: Array) -> bool:
    """Return whether sorted numbers are better seen on a logarithmic axis.

    These are numbers that grow by the same factor, such as 16, 64, 256, and those whose gaps are
    smaller there, such as 1e-10, 1e-6, 1e-4, 0.01 or 1, 2, 5, 10, 20, 50.
    """
    if len(values) < 3 or values[0] <= 0:
        return False
    with np.errstate(over="ignore"):
        ratios = values[1:] / values[:-1]
    # (The ratios of numbers that hardly differ, such as years, are nearly equal, too.)
    if values[-1] >= 2 * values[0] and np.allclose(ratios, ratios[0], rtol=1e-3):
        return True
    if values[-1] < 20 * values[0]:
        return False
    scales = (values, np.log(values))
    linear, log = (np.diff(scale).max() / (scale[-1] - scale[0]) for scale in scales)
    return bool(log < linear)


def are_spread_in_ratios(numbers: Array) -> bool:
    """Return whether a sample is spread more evenly on a logarithmic scale."""
    some = np.quantile(numbers, np.linspace(0.05, 0.95, 19))
    if some[0] <= 0 or some[-1] < 10 * some[0]:
        return False
    ranks = np.arange(len(some))
    return bool(np.corrcoef(np.log(some), ranks)[0, 1] > max(0.98, np.corrcoef(some, ranks)[0, 1]))


def _text(value: Any) -> str:
    """Show a value or a name in a figure, where a $ would start a formula."""
    is_date = isinstance(value, datetime.date) and value == value  # not NaT
    text = value if isinstance(value, str) else str(value) if is_date else safe_repr(value)
    text = "".join(char if char.isprintable() else " " for char in text)
    return (text if len(text) <= 40 else text[:39] + "…").replace("$", r"\$")


def _draw(figure: Any, y: str, values: Array, levels: tuple[Any, Any, Any]) -> None:
    axis, hues, cols = levels
    n_cols = 1 if cols is None else cols.n
    n_wide = min(n_cols, 4)
    n_high = -(-n_cols // n_wide)
    figure.set_size_inches(1.5 + 4 * n_wide if n_wide == 1 else 1.5 + 3 * n_wide, 3.5 * n_high)
    panels = figure.subplots(n_high, n_wide, sharex=True, sharey=True, squeeze=False).flat
    log = spans_decades(values)
    color_of = _colors(hues)
    for i, panel in enumerate(panels):
        if i >= n_cols:
            panel.set_axis_off()
            continue
        some = np.ones(len(values), dtype=bool) if cols is None else cols.codes == i
        for j in range(1 if hues is None else hues.n):
            mine = some if hues is None else some & (hues.codes == j)
            if mine.any():
                aside = 0 if hues is None else (j + 0.5) / hues.n - 0.5
                _line(panel, axis, values, mine, color_of(j), log, aside)
        panel.set_xlabel(axis.name)
        if i % n_wide == 0:
            panel.set_ylabel(_text(y))
        if cols is not None:
            panel.set_title(f"{cols.name} = {cols.labels[i]}")
        if axis.is_log:
            _log_axis(panel, axis)
        elif axis.is_number and (axis.places % 1 == 0).all():
            panel.locator_params(axis="x", integer=True)
        if log:
            panel.set_yscale("log")
        if not axis.is_number:
            long = max(map(len, axis.labels)) * axis.n > 40
            panel.set_xticks(axis.places, axis.labels, rotation=90 if long else 0)
    if hues is not None:
        _legend(figure, hues, color_of, _marker(axis))


def _log_axis(panel: Any, axis: _Levels) -> None:
    panel.set_xscale("log")
    if axis.n > 8 and axis.places.max() >= 100 * axis.places.min():
        return
    # matplotlib's own labels of less than two decades overlap.
    ticker = importlib.import_module("matplotlib.ticker")
    panel.xaxis.set_minor_formatter(ticker.NullFormatter())
    if axis.n <= 8:
        panel.set_xticks(axis.places, axis.labels)
        panel.set_xticks([], minor=True)
    else:
        panel.xaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
        panel.xaxis.set_major_formatter(ticker.StrMethodFormatter("{x:g}"))


def _colors(hues: _Levels | None) -> Any:
    colormaps = importlib.import_module("matplotlib").colormaps
    if hues is None or not hues.is_number:
        return lambda i: colormaps["tab10"](i % 10)
    n = max(1, hues.n - 1)
    return lambda i: colormaps["viridis"](0.9 * i / n)  # its end is too light for a line


def _line(
    panel: Any, axis: _Levels, values: Array, mine: Array, color: Any, log: bool, aside: float
) -> None:
    grouped = pd.Series(values[mine]).groupby(axis.codes[mine])
    mean = grouped.mean()
    places = axis.places[mean.index.to_numpy()]
    means = mean.to_numpy()
    std = grouped.std().fillna(0).to_numpy()
    lowest = values[values > 0].min() if log else -np.inf
    low, high = np.maximum(means - std, np.minimum(means, lowest)), means + std
    if axis.is_number:
        panel.plot(places, means, marker=_marker(axis), ms=4, color=color)
        panel.fill_between(places, low, high, color=color, alpha=0.2, lw=0)
    else:
        bars = np.array([means - low, high - means])
        panel.errorbar(places + 0.5 * aside, means, bars, fmt="o", capsize=3, color=color)


def _marker(axis: _Levels) -> str | None:
    """Mark each value with a dot, unless the dots would hide the line."""
    return None if axis.is_number and axis.n > 30 else "o"


def _legend(figure: Any, hues: _Levels, color_of: Any, marker: str | None) -> None:
    line = importlib.import_module("matplotlib.lines").Line2D
    handles = [line([], [], color=color_of(i), marker=marker, ms=4) for i in range(hues.n)]
    figure.legend(handles, hues.labels, title=hues.name, loc="outside right upper")
