"""Observed against predicted counts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...checks.goodness import Goodness
from .style import BLUE, COLUMN, LABELS, freeze, new_figure, proxy_label, style


@style()
def goodness_figure(goodness: Sequence[Goodness]) -> Figure:
    """Observed counts with exact 68% Poisson intervals against the posterior prediction and its band.

    Parameters
    ----------
    goodness : sequence of Goodness
        One panel each, with its p-value.
    """
    figure = new_figure(COLUMN, 0.4 + 1.8 * len(goodness))
    for axes, check in zip(figure.subplots(len(goodness), 1, squeeze=False)[:, 0], goodness, strict=True):
        _goodness_panel(axes, check)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3, columnspacing=1.2)
    return freeze(figure)


def _goodness_panel(axes: Axes, check: Goodness) -> None:
    from matplotlib.ticker import MaxNLocator
    from scipy.special import gammaincinv

    edges, count = check.edges, check.observed
    band = axes.stairs(check.high, edges, baseline=check.low, fill=True, color="#56B4E9", alpha=0.4)
    band.set_label("68% of predictions")
    axes.stairs(check.predicted, edges, baseline=None, color=BLUE, lw=1.1, label="predicted")
    low = np.where(count > 0, gammaincinv(np.maximum(count, 1e-9), 0.1587), 0.0)
    high = gammaincinv(count + 1, 0.8413)
    centres, bars = 0.5 * (edges[1:] + edges[:-1]), np.array([count - low, high - count])
    axes.errorbar(centres, count, bars, fmt="o", ms=3, color="black", lw=0.8, clip_on=False, label="observed")
    axes.set_xlabel(proxy_label(check.unit) if check.observable == "yx" else LABELS[check.observable])
    axes.set_ylabel("clusters per bin")
    axes.set_ylim(0, 1.2 * max(1.0, float(np.nanmax([high, check.high, check.predicted]))))
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    chance = "$p < 0.01$" if check.p_value < 0.01 else f"$p = {check.p_value:.2f}$"
    axes.text(0.97, 0.95, chance, transform=axes.transAxes, ha="right", va="top")
