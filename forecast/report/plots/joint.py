"""Joint forecast of Om0 and sigma8: Fisher ellipses of every level, S8 and the combination measured best."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ...core.arrays import Array
from ...core.observables import latex
from ...forecasts.joint import JointForecast, JointLevel
from ...likelihoods.level_name import Bound, LevelName
from .style import COLUMN, LEVEL_STYLE, canvas, finished, legend, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PROBABILITIES = (0.68, 0.95)
"""Inside each level's ellipses."""


def ellipse(covariance: Array, centre: Sequence[float], probability: float, size: int = 361) -> Array:
    """Outline that holds `probability` of a Gaussian in two dimensions, shape (size, 2).

    Chi-squared of two degrees of freedom: radius^2 = -2 ln(1 - probability).
    """
    angle = np.linspace(0, 2 * np.pi, size)
    circle = math.sqrt(-2 * math.log1p(-probability)) * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return np.asarray(np.asarray(centre) + circle @ np.linalg.cholesky(covariance).T)


@style()
def joint_figure(forecast: JointForecast, axes: Axes | None = None) -> Figure:
    """68% and 95% ellipses of every level; S8 and the power of the best measured combination in the legend.

    Parameters
    ----------
    forecast : JointForecast
    axes : Axes, optional
        To draw on; by default those of a new figure.
    """
    drawn = canvas(axes, 1.35 * COLUMN, 5.0)
    centre = forecast.Om0, forecast.sigma8
    for order, level in enumerate(forecast.levels):
        _draw(drawn, level, centre, order)
    drawn.plot(*centre, "+", color="black", ms=5, mew=0.7, zorder=20)
    _frame(drawn, forecast)
    drawn.set_xlabel(latex("Om0"))
    drawn.set_ylabel(latex("sigma8"))
    title = r"$S_8$; power $p$ of the best measured $\sigma_8\,(\Omega_{\rm m}/0.3)^p$: its error"
    legend(drawn, axes, title=title, ncols=1)
    return finished(drawn, axes)


def _draw(axes: Axes, level: JointLevel, centre: tuple[float, float], order: int) -> None:
    """Both ellipses of one level; `binned`, which nearly coincides with `unbinned`, is dashed on top of it."""
    colour, _ = LEVEL_STYLE[level.level]
    look, above = ("--", 10) if level.level == LevelName.BINNED else ("-", 0)
    words = rf"{level.level}: $S_8 = {level.s8:.3f} \pm {level.s8_std:.3f}$"
    words += "" if level.level == Bound.PRIOR else f"; $p = {level.power:.2f}$: $\\pm {level.combined_std:.3f}$"
    for probability, width in zip(PROBABILITIES, (1.2, 0.7), strict=True):
        outline = ellipse(level.covariance, centre, probability)
        if probability == PROBABILITIES[0] and level.level not in (Bound.PRIOR, LevelName.BINNED):
            axes.fill(*outline.T, color=colour, alpha=0.13, lw=0, zorder=order)
        axes.plot(*outline.T, look, color=colour, lw=width, zorder=order + above, label=words)
        words = "_"


def _frame(axes: Axes, forecast: JointForecast) -> None:
    """Limits that hold every level but the prior, and lines at the bounds of flat priors."""
    data = [level for level in forecast.levels if level.level != Bound.PRIOR]
    reach = 1.08 * math.sqrt(-2 * math.log1p(-PROBABILITIES[-1]))
    for i, (middle, bounds) in enumerate(zip((forecast.Om0, forecast.sigma8), forecast.bounds, strict=True)):
        half = reach * max(level.std[i] for level in data)
        (axes.set_xlim, axes.set_ylim)[i](max(middle - half, 0.0), middle + half)
        for bound in bounds or ():
            line = axes.axvline if i == 0 else axes.axhline
            line(bound, color=LEVEL_STYLE[Bound.PRIOR][0], ls=(0, (5, 3)), lw=0.8, zorder=0)
