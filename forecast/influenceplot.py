"""Where in mass the information sits: statistical saliency and leave-one-out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from .plots import LABELS, mathtext
from .plotstyle import COLUMN, CYCLE, freeze, new_figure, style
from .results import InfluenceCurve

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@style()
def influence_figure(curves: Sequence[InfluenceCurve]) -> Figure:
    """Saliency above, leave-one-out below, against true mass; one colour per selection.

    Parameters
    ----------
    curves : sequence of InfluenceCurve
    """
    figure = new_figure(COLUMN, 4.2)
    upper, lower = figure.subplots(2, 1, sharex=True)
    for i, curve in enumerate(curves):
        middle = 0.5 * (curve.mass_edges[1:] + curve.mass_edges[:-1])
        half = 0.5 * np.diff(curve.mass_edges)
        look = {"color": CYCLE[i], "fmt": "os^Dv"[i % 5], "ms": 3, "lw": 0, "elinewidth": 0.8}
        upper.errorbar(middle, curve.saliency, curve.saliency_error, half, label=mathtext(curve.selection), **look)
        lower.errorbar(middle, 1e3 * curve.shift, 1e3 * curve.shift_error, half, **look)
    _zero(upper, r"$\partial\langle\sigma_8\rangle/\partial\log_{10}Y_{\rm X}$ per cluster")
    _zero(lower, r"$10^3\,\delta\langle\sigma_8\rangle$, one cluster left out")
    lower.set_xlabel(LABELS["mass"])
    figure.legend(loc="outside upper center", ncols=2)
    return freeze(figure)


def _zero(axes: Axes, label: str) -> None:
    axes.axhline(0, color="#888888", lw=0.6, zorder=0)
    axes.set_ylabel(label)
