"""Figures of the tests of trust and of the comparison with the exact statistics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from forecast.core.arrays import Array
from forecast.report.plots.style import BLUE, COLUMN, VERMILLION, freeze, new_figure, style

from ...attribution.mass_peak import MassCurve
from ...attribution.seed_agreement import Trend

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_GREY = "#888888"
_TITLES = {
    "L_X": r"$x = L_{\rm X}$",
    "T": "$x = T$",
    "M_gas": r"$x = M_{\rm gas}$",
    "M_WL": r"$x = M_{\rm WL}$",
    "Y_X": r"$x = Y_{\rm X}$",
}


@style()
def rank_figure(below: Array, bins: int = 20) -> Figure:
    """Histogram of posterior probabilities below the truth, (P,), with the 99% band of every bin."""
    figure = new_figure(COLUMN, 0.7 * COLUMN)
    axes = figure.subplots()
    counts, edges = np.histogram(below, bins, (0, 1))
    low, high = stats.binom.interval(0.99, len(below), 1 / bins)
    axes.axhspan(low, high, color=_GREY, alpha=0.25, lw=0)
    axes.axhline(len(below) / bins, color=_GREY, lw=0.8, ls="--")
    axes.stairs(counts, edges, color=BLUE)
    axes.set(xlim=(0, 1), ylim=(0, None), ylabel="catalogues")
    axes.set_xlabel(r"posterior probability below the true $\sigma_8$")
    return freeze(figure)


@style()
def thinning_figure(network: Array, exact: Array, allowed: Array) -> Figure:
    """Shifts of sigma8 when clusters are taken away, network's against exact ones, (P,); crosses are left out."""
    figure = new_figure(COLUMN, 0.9 * COLUMN)
    axes = figure.subplots()
    axes.plot(exact[allowed], network[allowed], "o", ms=2.5, color=BLUE, alpha=0.7)
    axes.plot(exact[~allowed], network[~allowed], "x", ms=3, color=_GREY, label="left out")
    ends = np.array([min(exact.min(), np.nanmin(network)), max(exact.max(), np.nanmax(network), 0.0)])
    axes.plot(ends, ends, color=_GREY, lw=0.8, ls="--")
    axes.set(xlabel=r"exact shift of $\sigma_8$", ylabel=r"network's shift of $\sigma_8$")
    if (~allowed).any():
        axes.legend()
    return freeze(figure)


@style()
def mass_curves_figure(
    curves: Mapping[str, tuple[MassCurve, MassCurve]], label: str, log_break: float | None
) -> Figure:
    """What clusters do by true mass, network beside exact statistics: per cluster, and all of a bin together.

    Parameters
    ----------
    curves : mapping of str to tuple of MassCurve
        Of the network and of the statistics, by name of a panel's title.
    label : str
        Of the value per cluster.
    log_break : float or None
        Marked.
    """
    figure = new_figure(COLUMN, 0.62 * COLUMN * len(curves) + 0.1 * COLUMN)
    panels = np.atleast_1d(figure.subplots(len(curves), 1, sharex=True))
    for axes, (title, pair) in zip(panels, curves.items(), strict=True):
        for curve, colour, fmt, name in zip(pair, (BLUE, VERMILLION), ("o-", "s-"), ("network", "exact"), strict=True):
            axes.errorbar(curve.centre, curve.mean, curve.error, fmt=fmt, ms=2.5, lw=0.9, color=colour, label=name)
        axes.axhline(0, color=_GREY, lw=0.6)
        if log_break is not None:
            axes.axvline(log_break, color=_GREY, lw=0.8, ls=":")
        axes.set_ylabel(label)
        axes.set_title(_TITLES.get(title, title), loc="left")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=2)
    panels[-1].set_xlabel(r"$\log_{10} M_{500}$ [$h^{-1} M_\odot$]")
    return freeze(figure)


@style()
def trends_figure(trends: Sequence[Trend], log_break: float | None) -> Figure:
    """What clusters do by true mass according to each network of an ensemble, and their mean.

    Parameters
    ----------
    trends : sequence of Trend
    log_break : float or None
        Marked.
    """
    figure = new_figure(COLUMN, 0.5 * COLUMN * len(trends) + 0.1 * COLUMN)
    panels = np.atleast_1d(figure.subplots(len(trends), 1, sharex=True))
    for axes, found in zip(panels, trends, strict=True):
        axes.plot(found.centre, found.curves.T, color=BLUE, lw=0.6, alpha=0.5)
        axes.plot(found.centre, found.curves.mean(axis=0), color=VERMILLION, lw=1.2)
        axes.axhline(0, color=_GREY, lw=0.6)
        if log_break is not None:
            axes.axvline(log_break, color=_GREY, lw=0.8, ls=":")
        name = found.name.removeprefix("saliency, ")
        removal = name == "leave-one-out"
        axes.set_ylabel(r"shift of $\sigma_8$" if removal else r"$d\sigma_8/d\log_{10}x$")
        axes.set_title("cluster left out" if removal else _TITLES.get(name, name), loc="left")
    panels[-1].set_xlabel(r"$\log_{10} M_{500}$ [$h^{-1} M_\odot$]")
    return freeze(figure)
