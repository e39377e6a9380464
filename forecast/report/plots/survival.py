"""What remains of self-calibration as priors widen and the survey grows, in one picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ...forecasts.ladder import SurvivalRow
from ...likelihoods.level_name import Bound, LevelName
from .style import BLUE, COLUMN, GREEN, ORANGE, VERMILLION, freeze, mathtext, new_figure, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LINES = {LevelName.SELFCAL: "--", LevelName.UNBINNED: "-", LevelName.FULL: "-."}
"""Levels that are drawn, and how."""
_COLOURS = (BLUE, GREEN, ORANGE, VERMILLION)


@style()
def survival_figure(rows: Sequence[SurvivalRow]) -> Figure:
    """sigma(sigma8) against survey volume: a panel per selection, a colour per width of the priors.

    Parameters
    ----------
    rows : sequence of SurvivalRow
        Dashed: N and the median Y_X; solid: every Y_X; dash-dotted: every observable; dotted grey:
        nuisances known; the top line is the prior.
    """
    from matplotlib.lines import Line2D

    selections = list(dict.fromkeys(row.selection for row in rows))
    widths = sorted({row.widening for row in rows})
    figure = new_figure(COLUMN, 0.7 + 1.45 * len(selections))
    panels = figure.subplots(len(selections), 1, sharex=True, sharey=True, squeeze=False)[:, 0]
    for axes, selection in zip(panels, selections, strict=True):
        _panel(axes, [row for row in rows if row.selection == selection], widths)
        axes.set_title(mathtext(selection), loc="left", fontsize=7.5, pad=3)
    panels[-1].set_xlabel("survey volume / its own")
    figure.supylabel(r"$\sigma(\sigma_8)$", fontsize=8)
    handles = [
        Line2D([], [], color=_COLOURS[i % 4], label=rf"priors $\times{width:g}$") for i, width in enumerate(widths)
    ]
    handles += [Line2D([], [], color="black", ls=look, label=level) for level, look in LINES.items()]
    handles.append(Line2D([], [], color="#888888", ls=":", label="known"))
    figure.legend(handles=handles, loc="outside upper center", ncols=3, columnspacing=1.0)
    return freeze(figure)


def _panel(axes: Axes, rows: Sequence[SurvivalRow], widths: Sequence[float]) -> None:
    """One selection."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    for i, width in enumerate(widths):
        line = sorted((row for row in rows if row.widening == width), key=lambda row: row.volume)
        volume = [row.volume for row in line]
        for level, look in LINES.items():
            std = [row.sigma8_std.get(level, np.nan) for row in line]
            axes.plot(volume, std, look, color=_COLOURS[i % 4], marker="o", ms=2.5)
    volume = sorted({row.volume for row in rows})
    known = {row.volume: row.sigma8_std[Bound.KNOWN] for row in rows}
    axes.plot(volume, [known[v] for v in volume], ":", color="#888888")
    axes.axhline(rows[0].sigma8_std[Bound.PRIOR], color="#888888", lw=0.6)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
