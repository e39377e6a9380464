"""Figures of the terse layer: correlations (NV22 figure 15), the mass proxy (16), and sigma8 at fixed mass (21)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from forecast.core.arrays import Array
from forecast.report.plots.style import BLUE, COLUMN, GREEN, VERMILLION, freeze, new_figure, style

from ...attribution.terse import Correlation
from ...data.catalogues import Catalogues
from ...trust.label_leakage import Leak

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_GREY = "#888888"
LABELS = {
    "log_m500": r"$\log_{10} M_{500}$ [$h^{-1} M_\odot$]",
    "log_mwl": r"$\log_{10} M_\mathrm{WL}$ [$h^{-1} M_\odot$]",
    "log_mgas": r"$\log_{10} M_\mathrm{gas}$ [$h^{-1} M_\odot$]",
    "log_t": r"$\log_{10} T$ [keV]",
    "log_yx": r"$\log_{10} Y_X$ [$h^{-1} M_\odot$ keV]",
    "log_lx": r"$\log_{10} L_X$ [erg s$^{-1}$]",
    "size": r"$N$ of the catalogue",
    "sigma8": r"$\sigma_8$ of the catalogue",
}
PROXY_STYLE = {
    "terse": ("terse value", VERMILLION, ":"),
    "log_mgas": (r"$M_\mathrm{gas}$", GREEN, "--"),
    "log_yx": (r"$Y_X$", BLUE, "-"),
}
"""Label, colour and line of each proxy."""


@style()
def terse_figure(
    terse: Array, catalogues: Catalogues, observables: Mapping[str, Array], table: Sequence[Correlation]
) -> Figure:
    """Density of clusters in terse value and each quantity, with Spearman's correlation (NV22 figure 15).

    Parameters
    ----------
    terse : ndarray, shape (n,)
        Normalised values.
    catalogues : Catalogues
    observables : mapping of str to ndarray, shape (n,)
    table : sequence of Correlation
        From `terse.correlations`.
    """
    row = catalogues.row
    values = {"log_m500": catalogues.log_mass, **observables, "size": catalogues.size[row]}
    values["sigma8"] = catalogues.sigma8[row]
    found = {line.name: line for line in table if line.of == "clusters"}
    rows = -(-len(values) // 2)
    figure = new_figure(COLUMN, 0.44 * COLUMN * rows)
    panels = figure.subplots(rows, 2, sharey=True, squeeze=False)
    low, high = np.quantile(terse, [0.0005, 0.9995])
    for axes, (name, x) in zip(panels.flat, values.items(), strict=False):
        left, right = np.quantile(x, [0.0005, 0.9995])
        extent = (float(left), float(right), float(low), float(high))
        axes.hexbin(x, terse, gridsize=28, bins="log", mincnt=1, extent=extent, cmap="cividis", lw=0.1, rasterized=True)
        axes.set(xlim=(left, right), ylim=(low, high), yticks=(-2, 0, 2), xlabel=LABELS.get(name, name))
        axes.set_title(rf"$\rho = {found[name].spearman:+.3f} \pm {found[name].spearman_error:.3f}$", pad=3)
    for axes in panels.flat[len(values) :]:
        axes.set_axis_off()
    figure.supylabel("terse value [standard deviations]", fontsize=8)
    figure.supxlabel("colour: number of clusters, logarithmic", fontsize=7.5)
    return freeze(figure)


@style()
def proxy_error_figure(errors: Mapping[str, Array], scatter: Mapping[str, float]) -> Figure:
    """Distributions of log10(M_proxy / M), each catalogue's mean removed (NV22 figure 16).

    Very wide ones are cut where the narrowest would no longer be seen.

    Parameters
    ----------
    errors : mapping of str to ndarray
        Errors of each proxy in dex, as from `proxystats.within_catalogues`.
    scatter : mapping of str to float
        Their standard deviations, dex.
    """
    figure = new_figure(COLUMN, 0.75 * COLUMN)
    axes = figure.subplots()
    widest = min(3 * max(scatter.values()), 15 * min(scatter.values()))
    edges = np.linspace(-widest, widest, 121)
    for name, error in errors.items():
        label, colour, line = PROXY_STYLE.get(name, (name, _GREY, "-."))
        words = f"{label}: {scatter[name]:.3f} dex ({100 * np.log(10) * scatter[name]:.0f}%)"
        density = np.histogram(error, edges)[0] / (len(error) * (edges[1] - edges[0]))
        axes.stairs(density, edges, color=colour, ls=line, lw=1.1, label=words)
    axes.axvline(0, color=_GREY, lw=0.6, zorder=0)
    axes.set(xlim=(-widest, widest), ylim=(0, 1.45 * axes.get_ylim()[1]))
    axes.set(xlabel=r"$\log_{10}(M_\mathrm{proxy}/M_{500})$ [dex]", ylabel="probability density [dex$^{-1}$]")
    axes.legend(loc="upper left")
    return freeze(figure)


@style()
def leak_figure(found: Leak, title: str = "") -> Figure:
    """What conditions leave of each catalogue's mean terse value against sigma8; and the test with its null."""
    figure = new_figure(COLUMN, 1.15 * COLUMN)
    top, bottom = figure.subplots(2, 1, height_ratios=[1.5, 1])
    top.plot(found.sigma8, found.residual, ".", ms=1.5, color=BLUE, alpha=0.4, rasterized=True)
    _binned(top, found)
    top.axhline(0, color=_GREY, lw=0.6)
    top.set(xlabel=r"$\sigma_8$ of the catalogue", ylabel="mean terse value at\nfixed mass [s.d.]")
    words = rf"partial correlation ${found.correlation:+.4f} \pm {found.correlation_error:.4f}$"
    top.set_title(f"{title}\n{words}" if title else words, loc="left")
    _null(bottom, found)
    return freeze(figure)


def _binned(axes: Axes, found: Leak) -> None:
    """Means in tenths of the catalogues, with standard errors."""
    parts = np.array_split(np.argsort(found.sigma8), 10)
    x, mean = (np.array([values[part].mean() for part in parts]) for values in (found.sigma8, found.residual))
    error = [found.residual[part].std(ddof=1) / np.sqrt(len(part)) for part in parts]
    axes.errorbar(x, mean, error, fmt="o", ms=3, lw=1, color=VERMILLION, label="means of tenths")
    limit = 1.15 * np.quantile(np.abs(found.residual), 0.995)
    axes.set_ylim(-limit, 1.5 * limit)
    axes.legend(loc="upper left")


def _null(axes: Axes, found: Leak) -> None:
    largest = max(found.null.max(), found.threshold, found.statistic)
    log = largest > 3 * found.threshold
    low = 0.3 * float(np.median(found.null))
    edges = np.geomspace(low, 1.2 * largest, 60) if log else np.linspace(0, 1.1 * largest, 50)
    axes.hist(found.null, edges.tolist(), color=_GREY, histtype="stepfilled", alpha=0.6, label=r"$\sigma_8$ permuted")
    axes.axvline(found.threshold, color="black", ls="--", lw=0.9, label=f"threshold ({found.false_alarms:.2g})")
    axes.axvline(found.statistic, color=VERMILLION, lw=1.3, label="this network")
    if log:
        axes.set_xscale("log")
    axes.set(xlim=(edges[0], edges[-1]), xlabel="statistic", ylabel="permutations")
    axes.legend(loc="lower center", bbox_to_anchor=(0.45, 1.0), ncols=3, columnspacing=1.0, handletextpad=0.5)
