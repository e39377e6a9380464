"""The error of a parameter against a factor on each thing that could be bought."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...core.observables import latex
from ...forecasts.require.change import thing
from ...forecasts.require.records import Requirement, Requirements
from .style import COLUMN, CYCLE, freeze, log_ticks, mathtext, new_figure, plain_log, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MARKERS, _DASHES = "osD^vPX", ("-", "--", "-.", ":")


@style()
def require_figure(found: Requirements) -> Figure:
    """A line for each key from what is configured, where all begin; open markers: where the error is that wanted.

    Parameters
    ----------
    found : Requirements
        Keys whose configured value is zero have no factor, and no line.
    """
    rows = [row for row in found.rows if row.factors]
    figure = new_figure(COLUMN, 2.4 + 0.17 * len(rows))
    axes = figure.subplots()
    for place, row in enumerate(rows):
        _draw(axes, row, place)
    axes.axhline(found.std, color="#888888", lw=0.8, ls=(0, (5, 2)), zorder=1, label=f"wanted: {found.std:g}")
    farthest = max((max(_gains(row)[0]) for row in rows), default=2.0)
    log_ticks(axes, 0.96, max(1.1, 1.08 * farthest))
    axes.set_yscale("log")
    plain_log(axes.yaxis, np.array([found.std, *(error for row in rows for error in row.errors)]))
    axes.set_xlabel(r"factor on what is configured ($\times$ or $\div$)")
    axes.set_ylabel(rf"$\sigma(${latex(found.name)}$)$")
    figure.legend(loc="outside upper left", ncols=1)
    return freeze(figure)


def _draw(axes: Axes, row: Requirement, place: int) -> None:
    """One key: what is bought is a factor above one, whichever way its value goes."""
    factors, errors = _gains(row)
    colour, marker = CYCLE[place % len(CYCLE)], _MARKERS[place % len(_MARKERS)]
    sign = r"$\div$" if _falls(row) else r"$\times$"
    label = f"{mathtext(thing(row.key))} {sign}"
    axes.plot(factors, errors, _DASHES[place % 4], color=colour, marker=marker, ms=3.2, zorder=2 + place, label=label)
    if row.needed is not None and row.factor is not None:
        at = max(row.factor, 1 / row.factor)
        axes.plot([at], [row.std], marker, ms=6.5, mfc="none", mec=colour, mew=1.0, zorder=9)


def _falls(row: Requirement) -> bool:
    """Whether the search went to smaller values."""
    return row.farthest < row.configured


def _gains(row: Requirement) -> tuple[list[float], list[float]]:
    """Factors from one on, in the direction of the search, and the errors there."""
    power = -1 if _falls(row) else 1
    pairs = sorted((factor**power, error) for factor, error in zip(row.factors, row.errors, strict=True))
    kept = [pair for pair in pairs if pair[0] >= 1 - 1e-9]
    return [factor for factor, _ in kept], [error for _, error in kept]
