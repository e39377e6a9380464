"""sigma(sigma8) of a survey with every further piece of data."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...core.arrays import Array
from ...forecasts.ladder import LadderRow
from .style import COLUMN, LEVEL_STYLE, LEVELS, freeze, log_ticks, mathtext, new_figure, style

_WIDE = 1.5 * COLUMN
_FACTOR, _GAP = 5.0, 1.6
"""Factor between the levels beyond which the figure is wide, and empty factor that is cut out of its axis."""


@style()
def ladder_figure(rows: Sequence[LadderRow], axes: Axes | None = None) -> Figure:
    """sigma(sigma8) by level: one line of markers per row, rows of one variant under its name.

    Where levels differ by a factor of five the figure is wider than a column, and its axis is broken at the
    widest factor in which no level lies.

    Parameters
    ----------
    rows : sequence of LadderRow
        Neighbouring rows of equal `selection` form a group; the left axis shows their `widening`.
    axes : Axes, optional
        Where to draw, on a single axis with a legend of its own; by default a new figure.
    """
    places, headers = _ladder_places(rows)
    depth = max(places, default=0.0) + 0.7
    known = np.sort([s for row in rows for s in row.sigma8_std.values() if np.isfinite(s) and s > 0])
    if axes is not None:
        _draw(axes, rows, places)
        _frame([axes], rows, (places, headers), depth)
        _limits([axes], [known])
        axes.legend(loc="best")
        return axes.get_figure(root=True)  # type: ignore[return-value]
    parts = _parts(known)
    spans = [np.log(part[-1] / part[0]) + 0.4 if len(part) else 1.0 for part in parts]
    wide = len(known) > 0 and known[-1] / known[0] >= _FACTOR
    figure = new_figure(_WIDE if wide else COLUMN, 0.75 + 0.17 * (depth + 0.8))
    shares = np.maximum(spans, 0.25 * sum(spans)).tolist()
    panels = list(figure.subplots(1, len(parts), sharey=True, squeeze=False, width_ratios=shares)[0])
    for panel in panels:
        _draw(panel, rows, places)
    _frame(panels, rows, (places, headers), depth)
    _limits(panels, parts)
    handles, labels = panels[0].get_legend_handles_labels()
    columns = 4 if not wide else len(labels)
    figure.legend(handles, labels, loc="outside upper center", ncols=columns, columnspacing=0.7, handletextpad=0.0)
    figure.get_layout_engine().set(w_pad=0.02, wspace=0.0)  # type: ignore[union-attr,call-arg]
    return freeze(figure)


def _parts(known: Array) -> list[Array]:
    """Sorted values, in two parts if they span a factor of five with a gap in it."""
    if len(known) < 2 or known[-1] / known[0] < _FACTOR:
        return [known]
    widest = int(np.argmax(known[1:] / known[:-1])) + 1
    return [known[:widest], known[widest:]] if known[widest] / known[widest - 1] > _GAP else [known]


def _draw(axes: Axes, rows: Sequence[LadderRow], places: Sequence[float]) -> None:
    """A line of markers a row."""
    for row, y in zip(rows, places, strict=True):
        known = [s for s in row.sigma8_std.values() if np.isfinite(s)]
        axes.plot([min(known, default=0), max(known, default=0)], [y, y], color="#CCCCCC", lw=0.7, zorder=1)
    for level in [level for level in LEVELS if any(level in row.sigma8_std for row in rows)]:
        colour, marker = LEVEL_STYLE[level]
        values = [row.sigma8_std.get(level, np.nan) for row in rows]
        size, edge, width = (7.0, colour, 1.0) if marker == "|" else (4.8, "white", 0.4)
        axes.plot(values, places, marker, ms=size, color=colour, mec=edge, mew=width, label=level)


def _frame(
    panels: Sequence[Axes],
    rows: Sequence[LadderRow],
    words: tuple[Sequence[float], Sequence[tuple[float, str]]],
    depth: float,
) -> None:
    """Names of variants, widths of priors, and the marks of a broken axis."""
    places, headers = words
    first, last = panels[0], panels[-1]
    for y, name in headers:
        first.text(0.02, y, mathtext(name), transform=first.get_yaxis_transform(), va="center", zorder=5)
    first.set_yticks(places, [f"$\\times{row.widening:g}$" for row in rows])
    for axes in panels:
        axes.tick_params(axis="y", which="both", left=False, right=False)
        axes.set_ylim(depth, -0.8)
    first.set_ylabel("width of normalisation priors" if depth > 7 else "prior width")
    first.set_xlabel(r"$\sigma(\sigma_8)$")
    if first is not last:
        first.set_xlabel("")
        first.get_figure().supxlabel(r"$\sigma(\sigma_8)$", fontsize=8)  # type: ignore[union-attr]
        first.spines["right"].set_visible(False)
        last.spines["left"].set_visible(False)
        slash = {"marker": [(-1, -2), (1, 2)], "ms": 6, "ls": "none", "color": "black", "mew": 0.6, "clip_on": False}
        first.plot([1, 1], [0, 1], transform=first.transAxes, **slash)  # type: ignore[arg-type]
        last.plot([0, 0], [0, 1], transform=last.transAxes, **slash)  # type: ignore[arg-type]


def _limits(panels: Sequence[Axes], parts: Sequence[Array]) -> None:
    """Logarithmic axes, on which equal factors are equal lengths, with plain numbers."""
    for axes, part in zip(panels, parts, strict=True):
        if len(part):
            log_ticks(axes, part[0] / 1.15, part[-1] * 1.15)


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
