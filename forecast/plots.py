"""Figures: records in, `matplotlib.figure.Figure` out. Nothing is computed here; pyplot is never used."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .errors import InputError
from .goodness import Goodness
from .ladder import LadderRow
from .plotstyle import BLUE, COLUMN, CYCLE, LEVEL_STYLE, freeze, new_figure, style
from .results import Abundance
from .sigma8_map import Sigma8Map

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LEVELS = tuple(LEVEL_STYLE)
"""Levels in the order of what they add."""
LABELS = {
    "mass": r"$\log_{10} M_{500{\rm c}}\ [h^{-1}\,M_\odot]$",
    "yx": r"$\log_{10} Y_{\rm X}\ [h^{-1}\,M_\odot\,{\rm keV}]$",
    "lx": r"$\log_{10} L_{\rm X}\ [{\rm erg\,s^{-1}}]$",
}
"""Axis labels of quantities that are no parameters."""


def mathtext(words: str) -> str:
    r"""Plain words with symbols set in mathtext; a dollar sign stays a dollar sign.

    >>> print(mathtext("Mmin follows L_X"))
    $M_{\rm min}$ follows $L_{\rm X}$
    """
    words = words.replace("$", r"\$")
    words = re.sub(r"\b([LY])_X\b", r"$\1_{\\rm X}$", words)
    words = re.sub(r"\bM(min|break)\b", r"$M_{\\rm \1}$", words)
    words = re.sub(r"\b10\^(\d+(?:\.\d+)?)", r"$10^{\1}$", words)
    words = words.replace("Msun/h", r"$h^{-1}\,M_\odot$")
    return words.replace("sigma8", r"$\sigma_8$")


@style()
def abundance_figure(abundance: Abundance) -> Figure:
    """Expected clusters per dex of true mass; dotted without selection, solid with it (NV22 figure 1).

    Parameters
    ----------
    abundance : Abundance
        Curve labels may contain mathtext.
    """
    figure = new_figure(COLUMN, 2.7)
    axes = figure.subplots()
    colours = {c.label: CYCLE[i % len(CYCLE)] for i, c in enumerate(abundance.selected)}
    for curve in abundance.unselected:
        axes.plot(abundance.log_mass, curve.values, ":", color=colours.get(curve.label, "#888888"))
    for curve in abundance.selected:
        axes.plot(abundance.log_mass, curve.values, color=colours[curve.label], label=curve.label)
    axes.plot([], [], ":", color="#555555", label="no selection")
    axes.set_yscale("log")
    _abundance_limits(axes, abundance)
    axes.set_xlabel(LABELS["mass"])
    axes.set_ylabel("expected clusters per dex")
    axes.legend(loc="upper right")
    return freeze(figure)


def _abundance_limits(axes: Axes, abundance: Abundance, floor: float = 0.1) -> None:
    """Show masses at which at least `floor` clusters per dex are expected, and what lies above `floor`."""
    values = np.array([c.values for c in abundance.selected])
    seen = (values >= floor).any(axis=0)
    if not seen.any():
        return
    x = abundance.log_mass[seen]
    axes.set_xlim(max(x[0] - 0.2, abundance.log_mass[0]), min(x[-1] + 0.1, abundance.log_mass[-1]))
    inside = (abundance.log_mass >= axes.get_xlim()[0]) & (abundance.log_mass <= axes.get_xlim()[1])
    everything = [c.values[inside] for c in (*abundance.selected, *abundance.unselected)]
    axes.set_ylim(floor, 2 * float(np.nanmax(everything)))


@style()
def ladder_figure(rows: Sequence[LadderRow]) -> Figure:
    """sigma(sigma8) by level: one line of markers per row, rows of one variant under its name.

    Parameters
    ----------
    rows : sequence of LadderRow
        Neighbouring rows of equal `selection` form a group; the left axis shows their `widening`.
    """
    places, headers = _ladder_places(rows)
    depth = max(places, default=0.0) + 0.7
    figure = new_figure(COLUMN, 0.75 + 0.17 * (depth + 0.8))
    axes = figure.subplots()
    for row, y in zip(rows, places, strict=True):
        known = [s for s in row.sigma8_std.values() if np.isfinite(s)]
        axes.plot([min(known, default=0), max(known, default=0)], [y, y], color="#CCCCCC", lw=0.7, zorder=1)
    shown = [level for level in LEVELS if any(level in row.sigma8_std for row in rows)]
    for level in shown:
        colour, marker = LEVEL_STYLE[level]
        values = [row.sigma8_std.get(level, np.nan) for row in rows]
        size, edge, width = (7.0, colour, 1.0) if marker == "|" else (4.8, "white", 0.4)
        axes.plot(values, places, marker, ms=size, color=colour, mec=edge, mew=width, label=level)
    for y, words in headers:
        axes.text(0.02, y, mathtext(words), transform=axes.get_yaxis_transform(), va="center")
    axes.set_yticks(places, [f"$\\times{row.widening:g}$" for row in rows])
    axes.tick_params(axis="y", which="both", left=False, right=False)
    axes.set_ylim(depth, -0.8)
    _log_std_axis(axes, rows)
    axes.set_ylabel("width of normalisation priors" if depth > 7 else "prior width")
    figure.legend(loc="outside upper center", ncols=4, columnspacing=0.7, handletextpad=0.0)
    return freeze(figure)


def _log_std_axis(axes: Axes, rows: Sequence[LadderRow]) -> None:
    """Logarithmic axis, on which equal factors are equal lengths, with plain numbers."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    axes.set_xlabel(r"$\sigma(\sigma_8)$")
    known = [s for row in rows for s in row.sigma8_std.values() if np.isfinite(s) and s > 0]
    if known:
        axes.set_xscale("log")
        axes.set_xlim(min(known) / 1.25, max(known) * 1.15)
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())


def _ladder_places(rows: Sequence[LadderRow]) -> tuple[list[float], list[tuple[float, str]]]:
    """Height of each row, and height and words of each group's header."""
    places: list[float] = []
    headers: list[tuple[float, str]] = []
    at, group = 0.0, None
    for row in rows:
        if row.selection != group:
            at += 0.25 if headers else 0.0
            headers.append((at, row.selection))
            at, group = at + 1.0, row.selection
        places.append(at)
        at += 1.0
    return places, headers


@style()
def map_figure(map: Sigma8Map) -> Figure:
    """Mean and scatter of sigma8 over cluster count and median Y_X (NV22 figures 14 and 18).

    Parameters
    ----------
    map : Sigma8Map
        NaN cells stay blank.
    """
    figure = new_figure(COLUMN, 4.4)
    panels = figure.subplots(2, 1, sharex=True, sharey=True)
    layers = ((map.mean, "viridis", r"mean of $\sigma_8$"), (map.std, "cividis", r"scatter of $\sigma_8$"))
    for axes, (values, colours, label) in zip(panels, layers, strict=True):
        cells = np.ma.masked_invalid(values)
        if cells.count():
            image = axes.pcolormesh(map.count_edges, map.yx_edges, cells, cmap=colours)
            figure.colorbar(image, ax=axes, label=label, pad=0.02)
        else:
            words = f"no cell has {map.min_mocks} mocks"
            axes.text(0.5, 0.5, words, transform=axes.transAxes, ha="center", va="center")
        axes.set_ylabel("median " + LABELS["yx"])
    _map_limits(panels[0], map)
    panels[1].set_xlabel(r"number of clusters $N$")
    panels[0].set_xlabel("")
    return freeze(figure)


def _map_limits(axes: Axes, map: Sigma8Map) -> None:
    """Show the cells that are filled, and half a cell around them."""
    filled = np.isfinite(map.mean)
    for edges, hit, limit in (
        (map.count_edges, np.asarray(filled.any(axis=0)), axes.set_xlim),
        (map.yx_edges, np.asarray(filled.any(axis=1)), axes.set_ylim),
    ):
        index = np.flatnonzero(hit) if hit.any() else np.arange(len(hit))
        margin = 0.5 * (edges[1] - edges[0])
        limit(edges[index[0]] - margin, edges[index[-1] + 1] + margin)


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
    axes.set_xlabel(LABELS.get(check.observable, check.observable))
    axes.set_ylabel("clusters per bin")
    axes.set_ylim(0, 1.2 * max(1.0, float(np.nanmax([high, check.high, check.predicted]))))
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    chance = "$p < 0.01$" if check.p_value < 0.01 else f"$p = {check.p_value:.2f}$"
    axes.text(0.97, 0.95, chance, transform=axes.transAxes, ha="right", va="top")


@style()
def save_figure(figure: Figure, stem: Path) -> tuple[Path, Path]:
    """Write `stem`.pdf and `stem`.png (200 dpi) with reproducible bytes, and return their paths.

    Raises
    ------
    InputError
        If a file cannot be written.
    """
    pdf, png = (stem.with_name(stem.name + suffix) for suffix in (".pdf", ".png"))
    for path, metadata in ((pdf, {"CreationDate": None}), (png, {"Software": None})):
        try:
            figure.savefig(path, metadata=metadata)
        except OSError as error:
            reason = error.strerror or error
            raise InputError(f"{path}: cannot be written ({reason}); choose another --out") from error
    return pdf, png
