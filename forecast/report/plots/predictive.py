"""Observed statistics against their posterior predictive distribution; false alarms and power on mocks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ...checks.ppc import DOUBT, PredictiveTest
from ...checks.ppc_power import PredictiveCheck
from ...core.digits import chance_text
from .style import BLUE, COLUMN, CYCLE, VERMILLION, freeze, mathtext, new_figure, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_REACH = 4.0


@style()
def predictive_figure(test: PredictiveTest) -> Figure:
    """Every statistic, from the median of the replicas in units of their 68% interval, with its p-value.

    Parameters
    ----------
    test : PredictiveTest
        Red: single p-values below `test.threshold`, which only 5% of catalogues of the model have.
    """
    figure = new_figure(COLUMN, 0.9 + 0.16 * len(test.names))
    axes = figure.subplots()
    known = np.isfinite(test.observed + test.low + test.middle + test.high)  # a scatter needs more than two clusters
    observed, low, middle, high = (np.where(known, x, 0.0) for x in (test.observed, test.low, test.middle, test.high))
    width = np.where(observed > middle, high - middle, middle - low)
    place = np.where(known, np.clip((observed - middle) / np.maximum(width, 1e-12), -_REACH, _REACH), np.nan)
    axes.axvspan(-1, 1, color="#DDDDDD", lw=0)
    axes.axvline(0, color="#888888", lw=0.6)
    for y, (x, p) in enumerate(zip(place, test.p_values, strict=True)):
        colour = VERMILLION if p < test.threshold else BLUE
        axes.plot(x, y, "o", ms=3.5, color=colour, clip_on=False)
        words = "none" if np.isnan(x) else f"{p:.2f}" if p >= 0.01 else "<0.01"
        axes.text(1.02, y, words, transform=axes.get_yaxis_transform(), va="center", color=colour)
    axes.text(1.02, -1.1, "$p$", transform=axes.get_yaxis_transform(), va="center")
    axes.set_yticks(range(len(test.names)), [mathtext(name) for name in test.names])
    axes.tick_params(axis="y", which="both", left=False, right=False)
    axes.set_ylim(len(test.names) - 0.4, -0.6)
    axes.set_xlim(-_REACH, _REACH)
    axes.set_xlabel("observed minus predicted, 68% half-widths")
    axes.set_title(f"{test.level}: {test.status}, joint $p$ {chance_text(test.joint)}", loc="left")
    return freeze(figure)


@style()
def predictivecheck_figure(checks: Sequence[PredictiveCheck]) -> Figure:
    """Distribution of joint p-values of mocks (left), and planted failures caught (right), a row per level.

    Parameters
    ----------
    checks : sequence of PredictiveCheck
        Dotted and filled: verdict at 5%; dashed and open: at the p-value that 5% of the model's own mocks are below.
    """
    figure = new_figure(2 * COLUMN, 0.75 + 1.3 * len(checks))
    panels = figure.subplots(len(checks), 2, sharex="col", squeeze=False, width_ratios=(1, 0.8))
    for (left, right), check in zip(panels, checks, strict=True):
        _joint(left, check)
        _power(right, check)
        alarms = f"{100 * check.false_alarms[0]:.1f}%"
        left.set_title(f"{check.level}: {check.status}, false alarms {alarms}", loc="left")
    panels[-1, 0].set_xlabel("joint $p$-value below")
    panels[-1, 1].set_xlabel("failures caught at 5% (open: calibrated)")
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=4, columnspacing=1.2)
    return freeze(figure)


def _joint(axes: Axes, check: PredictiveCheck) -> None:
    axes.plot([0, 1], [0, 1], color="#CCCCCC", lw=0.7)
    axes.ecdf(check.joint, color="#777777", lw=2.0, label="model itself")
    for colour, (name, joint) in zip(CYCLE, check.planted.items(), strict=False):
        axes.ecdf(joint, color=colour, label=mathtext(name))
    axes.axvline(DOUBT, color="#000000", ls=":", lw=0.8)
    axes.axvline(check.calibrated_threshold, color="#000000", ls="--", lw=0.8)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_ylabel("fraction of mocks")


def _power(axes: Axes, check: PredictiveCheck) -> None:
    names = list(check.power)
    for y, (colour, name) in enumerate(zip(CYCLE, names, strict=False)):
        plain, calibrated = check.power[name]
        axes.plot([plain, calibrated], [y, y], color=colour, lw=0.8)
        axes.plot(plain, y, "o", ms=4, color=colour, clip_on=False)
        axes.plot(calibrated, y, "D", ms=4, mfc="white", mec=colour, clip_on=False)
    axes.axvline(DOUBT, color="#888888", ls=":", lw=0.8)
    axes.set_yticks(range(len(names)), [mathtext(name) for name in names])
    axes.tick_params(axis="y", which="both", left=False, right=False)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xlim(0, 1)
