"""Rank histograms and expected coverage of every level, with their simultaneous bands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ...checks.sbc import LevelCalibration
from .style import BLUE, COLUMN, freeze, new_figure, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@style()
def calibration_figure(checks: Sequence[LevelCalibration]) -> Figure:
    """Ranks of the true sigma8 (left) and coverage minus its nominal value (right), a row per level.

    Parameters
    ----------
    checks : sequence of LevelCalibration
        Grey: simultaneous 95% band; dotted: the 99.9% band outside which a level is not calibrated.
    """
    figure = new_figure(2 * COLUMN, 0.5 + 1.35 * len(checks))
    panels = figure.subplots(len(checks), 2, sharex="col", squeeze=False)
    for (left, right), check in zip(panels, checks, strict=True):
        _ranks(left, check)
        _coverage(right, check)
        left.set_ylabel("mocks per bin")
        proof = "" if check.status == "no power" else f", p = {check.p_value:#.2g}"
        left.set_title(f"{check.level}: {check.status}{proof}", loc="left")
    panels[-1, 0].set_xlabel(r"posterior probability below the true $\sigma_8$")
    panels[-1, 1].set_xlabel("probability of the central interval")
    return freeze(figure)


def _ranks(axes: Axes, check: LevelCalibration) -> None:
    low, high = (np.append(x, x[-1]) for x in (check.band_low, check.band_high))
    axes.fill_between(check.edges, low, high, step="post", color="#DDDDDD", lw=0)
    for edge in (check.alarm_low, check.alarm_high):
        axes.stairs(edge, check.edges, color="#888888", ls=":", lw=0.7)
    axes.stairs(check.counts, check.edges, color=BLUE)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.25 * float(max(check.alarm_high.max(), check.counts.max())))


def _coverage(axes: Axes, check: LevelCalibration) -> None:
    low, high = check.coverage_low - check.levels, check.coverage_high - check.levels
    axes.fill_between(check.levels, low, high, color="#DDDDDD", lw=0)
    axes.plot(check.levels, check.coverage - check.levels, "o-", ms=2.5, color=BLUE)
    axes.axhline(0, color="#888888", lw=0.6)
    axes.set_xlim(0, 1)
    axes.set_ylabel("coverage - nominal")
