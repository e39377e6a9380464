"""Where in mass and redshift the information sits: statistical saliency and leave-one-out of one level."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ...core.arrays import Array
from ...core.errors import InputError
from ...influence.by_mass import InfluenceBins, InfluenceCurve
from .style import COLUMN, CYCLE, LABELS, freeze, mathtext, new_figure, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PAGE = 7.1
"""Width of two journal columns, inches."""
SYMBOLS = {
    "lx": r"L_{\rm X}",
    "t": "T",
    "mgas": r"M_{\rm gas}",
    "yx": r"Y_{\rm X}",
    "core": r"(L_{\rm X}/L_{\rm X,ce})",
    "mwl": r"M_{\rm WL}",
    "mass": "M",
}
"""Observables, and "mass": all of them along their mean relations."""
_FAR = 2.5
"""Values this many times beyond nine tenths of the others are arrows."""


@dataclass(frozen=True)
class _Series:
    """What one selection shows."""

    colour: str
    marker: str
    label: str
    log_break: float | None
    bins: InfluenceBins


@style()
def influence_figure(curves: Sequence[InfluenceCurve], by: Literal["mass", "redshift"] = "mass") -> Figure:
    """One panel for the saliency of each observable and one for leave-one-out; one colour per selection.

    One journal column wide for up to two panels, else two. Values far beyond the others are arrows with
    their number. The dotted line is the break mass.

    Parameters
    ----------
    curves : sequence of InfluenceCurve
        Of one level.
    by : {"mass", "redshift"}
        By redshift: light cones only.

    Raises
    ------
    InputError
        If the curves are of several levels, or by redshift none is of a light cone.
    """
    levels = sorted({c.level for c in curves})
    if len(levels) != 1:
        raise InputError(f"one figure is of one level, got {levels}; draw a figure for each")
    series = [
        _Series(
            colour=CYCLE[i % len(CYCLE)],
            marker="os^Dv"[i % 5],
            label=mathtext(c.selection),
            log_break=c.log_break,
            bins=bins,
        )
        for i, c in enumerate(curves)
        if (bins := c.by_mass if by == "mass" else c.by_redshift) is not None
    ]
    if not series:
        raise InputError("no figure by redshift: none of the surveys is a light cone")
    known = series[0].bins.saliency
    names = [name for name in SYMBOLS if name in known and (name != "mass" or len(known) > 2)]
    columns = (1, 1, 1, 2, 2, 3, 3, 2, 3, 3)[len(names) + 1]
    figure = new_figure(COLUMN if columns == 1 else PAGE, 0.45 + 1.8 * -(-(len(names) + 1) // columns))
    panels = _panels(figure, len(names) + 1, columns, LABELS["mass"] if by == "mass" else r"redshift $z$")
    for axes, name in zip(panels, names, strict=False):
        _draw(axes, [(s, s.bins.saliency[name], s.bins.saliency_error[name]) for s in series])
        axes.set_ylabel(rf"$10^3\,\partial\langle\sigma_8\rangle/\partial\log_{{10}}{SYMBOLS[name]}$ [dex$^{{-1}}$]")
    _leave_one_out(panels[-1], series)
    for axes in panels if by == "mass" else []:
        for position in {s.log_break for s in series if s.log_break is not None}:
            axes.axvline(position, color="#888888", lw=0.8, ls=":", zorder=0)
    figure.align_ylabels(panels)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=2 if columns == 1 else 4)
    return freeze(figure)


def _panels(figure: Figure, number: int, columns: int, label: str) -> list[Axes]:
    """Panels with a common horizontal axis, named below the lowest of each column."""
    from matplotlib.ticker import MaxNLocator

    grid = figure.subplots(-(-number // columns), columns, sharex=True, squeeze=False)
    panels = list(grid.ravel())
    for axes in panels[number:]:
        axes.remove()
    for axes in panels[number - columns if number > columns else 0 : number]:
        axes.set_xlabel(label)
        axes.xaxis.set_major_locator(MaxNLocator(6 if columns == 1 else 4, steps=[1, 2, 5, 10]))
        axes.tick_params(labelbottom=True)
    return panels[:number]


def _draw(axes: Axes, lines: Sequence[tuple[_Series, Array, Array]]) -> None:
    """Values and errors, times 1000, of every selection, on an axis that outliers do not stretch."""
    values, errors = (1e3 * np.concatenate([line[i] for line in lines]) for i in (1, 2))
    far = np.abs(values) > _FAR * np.nanquantile(np.abs(values), 0.9)
    low = min(0.0, float(np.nanmin((values - errors)[~far])))
    high = max(0.0, float(np.nanmax((values + errors)[~far])))
    span = max(high - low, 1e-9)
    margins = [span * (0.3 if (far & (sign * values > 0)).any() else 0.07) for sign in (-1, 1)]
    low, high = low - margins[0], high + margins[1]
    axes.axhline(0, color="#888888", lw=0.6, zorder=0)
    for series, value, error in lines:
        look: dict[str, Any] = {"color": series.colour, "marker": series.marker, "ms": 2.8, "lw": 0.7}
        value, inside = 1e3 * value, (1e3 * value > low) & (1e3 * value < high)
        axes.errorbar(series.bins.centre, np.where(inside, value, np.nan), 1e3 * error, label=series.label, **look)
        for x, y in zip(series.bins.centre[~inside], value[~inside], strict=True):
            _arrow(axes, (x, high if y > 0 else low), 0.2 * span, f"${y:.0f}$", series.colour)
    axes.set_ylim(low, high)


def _arrow(axes: Axes, tip: tuple[float, float], length: float, words: str, colour: str) -> None:
    """An arrow to the edge of the axes, with the number that lies beyond."""
    look: dict[str, Any] = {"arrowstyle": "-|>", "color": colour, "lw": 0.8, "shrinkA": 0, "shrinkB": 0}
    start = (tip[0], tip[1] - np.copysign(length, tip[1]))
    axes.annotate("", xy=tip, xytext=start, arrowprops=look)
    axes.annotate(words, xy=start, xytext=(3, 0), textcoords="offset points", color=colour, va="center", size=7)


def _leave_one_out(axes: Axes, series: Sequence[_Series]) -> None:
    """Mean shifts, and for the first selection the central 68% of single clusters."""
    _draw(axes, [(s, s.bins.shift, s.bins.shift_error) for s in series])
    first = series[0].bins
    ends = [1e3 * (first.shift + sign * first.shift_spread) for sign in (-1, 1)]
    axes.fill_between(first.centre, *ends, color=series[0].colour, alpha=0.15, lw=0)
    shown = np.concatenate([axes.get_ylim(), *ends])
    axes.set_ylim(float(np.nanmin(shown)), float(np.nanmax(shown)))
    axes.set_ylabel(r"$10^3\,\delta\langle\sigma_8\rangle$, one left out")
