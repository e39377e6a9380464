"""Figures of trained networks: results in, Figure out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from forecast.core.arrays import Array
from forecast.report.plots.style import BLUE, COLUMN, freeze, new_figure, style

from ...accuracy.metrics import Exact
from ...networks.history import History

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ORANGE, GREEN, GREY = "#D55E00", "#009E73", "#888888"


@style()
def learning_curve(histories: Sequence[History], *, density: bool) -> Figure:
    """Training and validation loss by epoch, and the validation error (NV22 figure 7), of every member."""
    figure = new_figure(COLUMN, 1.35 * COLUMN)
    top, bottom = figure.subplots(2, 1, sharex=True)
    for i, history in enumerate(histories):
        epoch = np.arange(1, history.epochs + 1)
        seen = np.isfinite(history.validation)
        label = ("training", "validation", "selected") if i == 0 else (None, None, None)
        top.plot(epoch, history.train, color=BLUE, lw=0.8, label=label[0])
        top.plot(epoch[seen], np.array(history.validation)[seen], color=ORANGE, lw=0.8, label=label[1])
        bottom.plot(epoch[seen], np.log10(np.array(history.mse)[seen]), color=ORANGE, lw=0.8)
        if history.best:
            at = history.best - 1
            top.plot(history.best, history.validation[at], "*", color="black", ms=6, label=label[2])
            bottom.plot(history.best, np.log10(history.mse[at]), "*", color="black", ms=6)
    values = np.concatenate([[*h.train, *h.validation] for h in histories])
    values = values[np.isfinite(values)]
    low, high = values.min(), np.quantile(values, 0.98, method="higher")
    top.set_ylim(low - 0.05 * (high - low), high + 0.1 * (high - low))
    top.set_ylabel(r"$-\ln$ density of scaled $\sigma_8$" if density else r"mean $|\Delta|$ of scaled $\sigma_8$")
    top.legend(frameon=False)
    bottom.set_ylabel(r"$\log_{10}$ MSE of scaled $\sigma_8$, validation")
    bottom.set_xlabel("epoch")
    bottom.xaxis.get_major_locator().set_params(integer=True)
    return freeze(figure)


@style()
def prediction_figure(found: Array, std: Array, truth: Array, title: str) -> Figure:
    """Predicted against true sigma8 (NV22 figure 8), and errors by true value with the middle 68%."""
    figure = new_figure(COLUMN, 1.35 * COLUMN)
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=[2, 1])
    top.plot(truth, found, ".", ms=1.2, color=BLUE, alpha=0.5, rasterized=True)
    span = np.array([truth.min(), truth.max()])
    top.plot(span, span, color=GREY, lw=0.8, ls="--")
    edges = np.linspace(float(span[0]), float(span[1]), 12)
    cell = np.clip(np.digitize(truth, edges) - 1, 0, len(edges) - 2)
    held, error = np.unique(cell), found - truth
    middle = 0.5 * (edges[1:] + edges[:-1])[held]
    bands = np.array([np.quantile(error[cell == i], [0.16, 0.5, 0.84]) for i in held])
    bottom.axhline(0, color=GREY, lw=0.8, ls="--")
    bottom.errorbar(
        middle, bands[:, 1], [bands[:, 1] - bands[:, 0], bands[:, 2] - bands[:, 1]], fmt="o", ms=2.5, lw=0.9, color=BLUE
    )
    words = f"{title}\nscatter {error.std():.4f}"
    words += f"\nmean width {np.mean(std):.4f}" if np.isfinite(std).all() else ""
    top.text(0.04, 0.96, words, transform=top.transAxes, va="top")
    top.set_ylabel(r"predicted $\sigma_8$")
    bottom.set_ylabel(r"$\delta\sigma_8$")
    bottom.set_xlabel(r"true $\sigma_8$")
    return freeze(figure)


@style()
def agreement_figure(found: Array, exact: Exact, title: str) -> Figure:
    """Posterior means of a network against exact ones of the same catalogues, and their difference in widths.

    Parameters
    ----------
    found : ndarray, shape (P,)
        Of all test catalogues.
    exact : Exact
    title : str
        Of the exact level.
    """
    figure = new_figure(COLUMN, 1.35 * COLUMN)
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=[2, 1])
    mean, difference = found[exact.index], found[exact.index] - exact.mean
    error = exact.std / np.sqrt(exact.effective)
    top.errorbar(exact.mean, mean, xerr=error, fmt="o", ms=2, lw=0.5, color=BLUE, alpha=0.6)
    span = np.array([exact.mean.min(), exact.mean.max()])
    top.plot(span, span, color=GREY, lw=0.8, ls="--")
    words = f"{title}\nrms difference {np.sqrt(np.mean(difference**2)):.4f}\nmean width {exact.std.mean():.4f}"
    top.text(0.04, 0.96, words, transform=top.transAxes, va="top")
    bottom.axhspan(-1, 1, color=GREY, alpha=0.2, lw=0)
    bottom.axhline(0, color=GREY, lw=0.8, ls="--")
    bottom.plot(exact.mean, difference / exact.std, "o", ms=2, color=BLUE, alpha=0.6)
    top.set_ylabel(r"network's mean of $\sigma_8$")
    bottom.set_ylabel("difference / width")
    bottom.set_xlabel(r"exact posterior mean of $\sigma_8$")
    bottom.locator_params(axis="x", nbins=5)
    return freeze(figure)
