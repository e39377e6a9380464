"""Figures of what networks attend to, in the manner of NV22's figures 9 to 12: results in, Figure out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from forecast.report.plots.style import BLUE, COLUMN, CYCLE, freeze, new_figure, style

from ...attribution.leave_one_out import ShiftDistribution
from ...attribution.mass_bins import Bands, Totals
from ...attribution.saliency import NetworkSaliency, RadialSaliency
from ...data.catalogues import Catalogues
from ...data.layout import group_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

GREY = "#888888"
MASS = r"true $\log_{10}(M_{500{\rm c}}\,/\,h^{-1}M_\odot)$"
SYMBOLS = {
    "log_t": r"\log_{10}T",
    "log_mgas": r"\log_{10}M_{\rm gas}",
    "slope": r"(d\ln\rho/d\ln r)",
    "log_lx": r"\log_{10}L_{\rm X}",
    "log_mwl": r"\log_{10}M_{\rm WL}",
    "log_yx": r"\log_{10}Y_{\rm X}",
    "log_y500": r"\log_{10}Y_{500}",
    "z": "z",
    "mass": r"\log_{10}M",
}
_FAR = 0.3


@dataclass(frozen=True)
class _Look:
    """Of one series; `ranges` of its clusters are shaded: the middle 68%, and 95%."""

    colour: str
    label: str
    marker: str = "o"
    ranges: int = 1


@style()
def leave_one_out_figure(bands: Bands, distributions: Sequence[ShiftDistribution]) -> Figure:
    """Shift of sigma8 when a cluster is removed, by true mass, and its distributions (NV22 figure 9)."""
    figure = new_figure(COLUMN, 1.5 * COLUMN)
    top, bottom = figure.subplots(2, 1)
    _fill(top, bands, 1e3, _Look(BLUE, "median, 68%, 95% of clusters", ranges=2))
    top.axhline(0, color=GREY, lw=0.6, zorder=0)
    top.set_xlabel(MASS)
    top.set_ylabel(r"$10^3\,(\sigma_8$ without it $-\ \sigma_8)$")
    top.legend(loc="lower left")
    for i, found in enumerate(distributions):
        words = f"$\\log_{{10}}M>{found.benchmark:g}$" if np.isfinite(found.benchmark) else "all clusters"
        look: dict[str, Any] = {"color": CYCLE[i % len(CYCLE)], "ls": ("-", "--", "-.", ":")[i % 4]}
        bottom.plot(1e3 * found.shift, found.probability, label=f"{words} ({found.number:,})", **look)
    ends = 1e3 * np.array([[d.shift[1], d.shift[-2]] for d in distributions])
    bottom.set_xlim(ends[:, 0].min(), max(0.0, ends[:, 1].max()) + 0.05 * np.ptp(ends))
    bottom.axvline(0, color=GREY, lw=0.6, zorder=0)
    bottom.set_ylim(0, 1)
    bottom.set_xlabel(r"$10^3\,(\sigma_8$ without it $-\ \sigma_8)$")
    bottom.set_ylabel("cumulative fraction of clusters")
    handles, labels = bottom.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, fontsize=6.5)
    return freeze(figure)


@style()
def map_figure(saliency: NetworkSaliency, catalogues: Catalogues, shown: Sequence[int]) -> Figure:
    """Absolute saliency of every feature of every cluster of a few catalogues (NV22 figure 10).

    Parameters
    ----------
    saliency : NetworkSaliency
    catalogues : Catalogues
        Those the saliency is of.
    shown : sequence of int
        Places of the catalogues.
    """
    figure, values = new_figure(COLUMN, 1.25 * COLUMN), np.abs(saliency.values)
    low, high = np.quantile(values[values > 0], [0.02, 0.99])
    panels = figure.subplots(1, len(shown), sharey=True, squeeze=False)[0]
    longest = int(catalogues.size[list(shown)].max())
    ends = _apart([at[-1] for at in _columns(saliency.names).values()])
    for axes, i in zip(panels, shown, strict=True):
        mine = np.log10(np.clip(values[catalogues.rows_of(np.array([i]))], low, high))
        extent = (0.5, values.shape[1] + 0.5, len(mine) + 0.5, 0.5)
        image = axes.imshow(mine, "cividis", aspect="auto", interpolation="nearest", extent=extent)
        image.set_clim(np.log10(low), np.log10(high))
        axes.set_ylim(longest + 0.5, 0.5)
        axes.tick_params(which="both", top=False, right=False)
        axes.minorticks_off()
        axes.set_xticks(ends)
        if "sigma8" in catalogues.parameters:
            axes.set_title(f"$\\sigma_8={catalogues.sigma8[i]:.2f}$", fontsize=7.5)
    panels[0].set_ylabel("cluster, as the network gets them")
    panels[len(panels) // 2].set_xlabel(_features(saliency.names))
    words = rf"$\log_{{10}}|{_numerator(saliency.of)}/\partial\,{{\rm feature}}|$"
    figure.colorbar(panels[0].images[0], ax=list(panels), label=words, pad=0.02)
    return freeze(figure)


@style()
def radial_figure(profiles: Sequence[RadialSaliency]) -> Figure:
    """Median saliency of profiles by radius, one line per bin of true mass (NV22 figure 11).

    Open symbols: radii to which more than 30% of the observed profiles had to be extrapolated.
    """
    import matplotlib as mpl
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    figure = new_figure(COLUMN, 0.75 * COLUMN * len(profiles) + 0.3)
    panels, colours = figure.subplots(len(profiles), 1, sharex=True, squeeze=False)[:, 0], mpl.colormaps["viridis"]
    scale = Normalize(profiles[0].bands.centre[0], profiles[0].bands.centre[-1])
    for axes, found in zip(panels, profiles, strict=True):
        axes.axhline(0, color=GREY, lw=0.6, zorder=0)
        for b, centre in enumerate(found.bands.centre):
            median, colour = _factor(found.of) * found.bands.quantiles[2, b], colours(scale(centre))
            axes.plot(found.radius, median, color=colour, lw=0.8)
            far = found.extrapolated > _FAR
            axes.plot(found.radius[~far], median[~far], "o", ms=2.5, color=colour)
            axes.plot(found.radius[far], median[far], "o", ms=2.5, color=colour, mfc="white", mew=0.7)
        axes.set_ylabel(_label(found.of, found.profile, "(r)"))
    panels[-1].set_xlabel(r"$r\,/\,R_{500{\rm c}}$")
    figure.colorbar(ScalarMappable(scale, colours), ax=list(panels), label=MASS, pad=0.02)
    figure.align_ylabels(panels)
    return freeze(figure)


@style()
def mass_figure(cases: Mapping[str, Bands], of: str, feature: str, *, log_break: float | None = None) -> Figure:
    """Median saliency of one feature by true mass, with 68% of the clusters, by case (NV22 figure 12, right).

    Parameters
    ----------
    cases : mapping of str to Bands
        Of one feature each: values without further axes, or a single one.
    of : {"terse", "sigma8"}
    feature : str
    log_break : float, optional
        log10 M500c, Msun/h, where the survey turns from flux- to volume-limited.
    """
    from matplotlib.ticker import MaxNLocator

    figure = new_figure(COLUMN, 0.85 * COLUMN)
    axes = figure.subplots()
    for i, (name, found) in enumerate(cases.items()):
        _fill(axes, found, _factor(of), _Look(CYCLE[i % len(CYCLE)], name, "osD^"[i % 4]))
    axes.axhline(0, color=GREY, lw=0.6, zorder=0)
    if log_break is not None:
        axes.axvline(log_break, color=GREY, lw=0.8, ls=":", zorder=0, label="break")
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.set_xlabel(MASS)
    axes.set_ylabel(_label(of, feature))
    figure.legend(loc="outside upper center", ncols=4)
    return freeze(figure)


@style()
def totals_figure(
    cases: Mapping[str, Mapping[str, Totals]], quantities: Sequence[str], *, log_break: float | None = None
) -> Figure:
    """Response of sigma8 if all clusters of a mass bin move together, per dex of mass, one panel per quantity.

    Parameters
    ----------
    cases : mapping of str to mapping of str to Totals
        By case and quantity, each of values without further axes or a single one; a case may lack a quantity.
    quantities : sequence of str
    log_break : float, optional
        log10 M500c, Msun/h, where the survey turns from flux- to volume-limited.
    """
    figure = new_figure(COLUMN, 0.45 + 1.5 * len(quantities))
    panels = figure.subplots(len(quantities), 1, sharex=True, squeeze=False)[:, 0]
    for axes, quantity in zip(panels, quantities, strict=True):
        axes.axhline(0, color=GREY, lw=0.6, zorder=0)
        for i, (name, moved) in enumerate(cases.items()):
            if quantity not in moved:
                continue
            found, width = moved[quantity], np.diff(moved[quantity].edges)
            error = np.where(np.isfinite(found.seeds), np.hypot(found.error, found.seeds), found.error)
            look: dict[str, Any] = {"fmt": "osD^"[i % 4], "color": CYCLE[i % len(CYCLE)], "ms": 2.8, "lw": 0.8}
            middle, mean = 0.5 * (found.edges[1:] + found.edges[:-1]), found.mean.reshape(-1) / width
            axes.errorbar(middle, mean, error.reshape(-1) / width, label=name, **look)
            axes.plot(middle, mean, color=look["color"], lw=0.7)
        if log_break is not None:
            axes.axvline(log_break, color=GREY, lw=0.8, ls=":", zorder=0)
        axes.set_ylabel(rf"$\Sigma\,\partial\sigma_8/\partial{_symbol(quantity)}$" + "\nper dex of $M$")
    panels[-1].set_xlabel(MASS)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=4)
    figure.align_ylabels(panels)
    return freeze(figure)


def _fill(axes: Axes, found: Bands, factor: float, look: _Look) -> None:
    """Median, with the standard error of the mean over catalogues and seeds, and the middle ranges of clusters."""
    quantiles = factor * found.quantiles.reshape(len(found.quantiles), len(found.centre))
    for low, high, alpha in ((1, 3, 0.25), (0, 4, 0.15))[: look.ranges]:
        axes.fill_between(found.centre, quantiles[low], quantiles[high], color=look.colour, alpha=alpha, lw=0)
    error = factor * np.where(np.isfinite(found.seeds), np.hypot(found.error, found.seeds), found.error).reshape(-1)
    axes.errorbar(found.centre, quantiles[2], error, color=look.colour, marker=look.marker, ms=2.8, label=look.label)


def _symbol(feature: str) -> str:
    stem, _, radius = feature.rpartition("_r")
    return f"{SYMBOLS[stem]}(r_{radius})" if stem in SYMBOLS else SYMBOLS.get(feature, rf"{{\rm {feature}}}")


def _numerator(of: str) -> str:
    return r"\partial\,{\rm terse}" if of == "terse" else r"\partial\sigma_8"


def _factor(of: str) -> float:
    """Derivatives of sigma8 with respect to one cluster are shown times 1000."""
    return 1.0 if of == "terse" else 1e3


def _label(of: str, feature: str, argument: str = "") -> str:
    """Derivative with its unit."""
    unit = "" if feature in ("slope", "z") or feature.startswith("slope_") else r" [dex$^{-1}$]"
    power = "" if of == "terse" else r"10^3\,"
    return rf"${power}{_numerator(of)}/\partial {_symbol(feature)}{argument}${unit}"


def _columns(names: Sequence[str]) -> dict[str, list[int]]:
    """Columns of a map, counted from 1, by quantity."""
    found: dict[str, list[int]] = {}
    for i, name in enumerate(names):
        found.setdefault(group_of(name), []).append(i + 1)
    return found


def _apart(ends: Sequence[int], least: int = 3) -> list[int]:
    """Those of ascending numbers, the last among them, whose labels do not touch."""
    kept = [ends[-1]]
    for end in reversed(ends[:-1]):
        if kept[0] - end >= least:
            kept.insert(0, end)
    return kept


def _features(names: Sequence[str], line: int = 3) -> str:
    """What the columns of a map are, so many quantities to a line."""
    spans = [
        (f"{at[0]}-{at[-1]}" if len(at) > 1 else f"{at[0]}", SYMBOLS.get(name, name))
        for name, at in _columns(names).items()
    ]
    words = [f"{span}: ${symbol}$" for span, symbol in spans]
    lines = [", ".join(words[i : i + line]) for i in range(0, len(words), line)]
    return "feature (" + ",\n".join(lines) + ")"
