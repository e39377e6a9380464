"""sigma(sigma8) of a survey with every further piece of data."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...forecasts.ladder import LadderRow
from .style import COLUMN, LEVEL_STYLE, LEVELS, freeze, mathtext, new_figure, style


@style()
def ladder_figure(rows: Sequence[LadderRow]) -> Figure:
    """sigma(sigma8) by level: one line of markers per row, rows of one variant under its name.

    Parameters
    ----------
    rows : sequence of LadderRow
        Neighbouring rows of equal `selection` form a group; the left axis shows their `widening`.
    """
    places, headers = _ladder_places(rows)
    depth = max(places, default=0.0) + 0.7
    figure = new_figure(COLUMN, 0.75 + 0.17 * (depth + 0.8))
    axes = figure.subplots()
    for row, y in zip(rows, places, strict=True):
        known = [s for s in row.sigma8_std.values() if np.isfinite(s)]
        axes.plot([min(known, default=0), max(known, default=0)], [y, y], color="#CCCCCC", lw=0.7, zorder=1)
    shown = [level for level in LEVELS if any(level in row.sigma8_std for row in rows)]
    for level in shown:
        colour, marker = LEVEL_STYLE[level]
        values = [row.sigma8_std.get(level, np.nan) for row in rows]
        size, edge, width = (7.0, colour, 1.0) if marker == "|" else (4.8, "white", 0.4)
        axes.plot(values, places, marker, ms=size, color=colour, mec=edge, mew=width, label=level)
    for y, words in headers:
        axes.text(0.02, y, mathtext(words), transform=axes.get_yaxis_transform(), va="center")
    axes.set_yticks(places, [f"$\\times{row.widening:g}$" for row in rows])
    axes.tick_params(axis="y", which="both", left=False, right=False)
    axes.set_ylim(depth, -0.8)
    _log_std_axis(axes, rows)
    axes.set_ylabel("width of normalisation priors" if depth > 7 else "prior width")
    figure.legend(loc="outside upper center", ncols=4, columnspacing=0.7, handletextpad=0.0)
    return freeze(figure)


def _log_std_axis(axes: Axes, rows: Sequence[LadderRow]) -> None:
    """Logarithmic axis, on which equal factors are equal lengths, with plain numbers."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    axes.set_xlabel(r"$\sigma(\sigma_8)$")
    known = [s for row in rows for s in row.sigma8_std.values() if np.isfinite(s) and s > 0]
    if known:
        axes.set_xscale("log")
        axes.set_xlim(min(known) / 1.25, max(known) * 1.15)
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())


def _ladder_places(rows: Sequence[LadderRow]) -> tuple[list[float], list[tuple[float, str]]]:
    """Height of each row, and height and words of each group's header."""
    places: list[float] = []
    headers: list[tuple[float, str]] = []
    at, group = 0.0, None
    for row in rows:
        if row.selection != group:
            at += 0.25 if headers else 0.0
            headers.append((at, row.selection))
            at, group = at + 1.0, row.selection
        places.append(at)
        at += 1.0
    return places, headers
