"""Weak-lensing masses of a catalogue against predicted ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...checks.lensed import LensedFit
from ...core.digits import chance_text
from .style import BLUE, COLUMN, freeze, new_figure, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@style()
def lensed_figure(fit: LensedFit) -> Figure:
    """Every measured mass over the mean of what is predicted for that cluster, with the width of the prediction.

    Parameters
    ----------
    fit : LensedFit
        The line is their mean, each weighed by its prediction; at zero if the model is right.
    """
    figure = new_figure(COLUMN, 2.4)
    axes = figure.subplots()
    off = fit.log_mwl - fit.predicted
    axes.errorbar(fit.predicted, off, fit.width, fmt="o", ms=2.5, lw=0.6, color="black", label="measured / predicted")
    axes.axhline(0, color="#888888", lw=0.6)
    axes.axhline(fit.offset, color=BLUE, label="mean")
    most = 1.25 * float(np.max(np.abs(off) + fit.width))
    axes.set_ylim(-most, most)
    axes.set_xlabel(r"predicted $\log_{10} M_{\rm WL}\ [h^{-1}\,M_\odot]$")
    axes.set_ylabel("measured less predicted, dex")
    figure.legend(loc="outside upper center", ncols=2)
    words = f"{fit.level}: joint $p$ {chance_text(fit.joint)}"
    axes.text(0.97, 0.96, words, transform=axes.transAxes, ha="right", va="top")
    return freeze(figure)
