"""Figures: records in, `matplotlib.figure.Figure` out. Nothing is computed here; pyplot is never used."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import InputError
from .parameters import LATEX
from .results import Abundance, Goodness, LadderRow, Sigma8Map

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = np.ndarray

LEVELS = ("prior", "counts", "selfcal", "unbinned", "known")
"""Levels in the order of what they add."""
COLUMN = 3.4
"""Width of one journal column, inches."""
LABELS = {
    "mass": r"$\log_{10} M_{500{\rm c}}\ [h^{-1}\,M_\odot]$",
    "yx": r"$\log_{10} Y_{\rm X}\ [h^{-1}\,M_\odot\,{\rm keV}]$",
    "lx": r"$\log_{10} L_{\rm X}\ [{\rm erg\,s^{-1}}]$",
}
"""Axis labels of quantities that are no parameters."""

_BLUE, _VERMILLION, _GREEN, _ORANGE = "#0072B2", "#D55E00", "#009E73", "#E69F00"
_CYCLE = (_BLUE, _VERMILLION, _GREEN, _ORANGE, "#CC79A7", "#56B4E9", "#000000")  # Okabe & Ito (2008)
_LEVEL_STYLE = {
    "prior": ("#888888", "|"),
    "counts": (_ORANGE, "o"),
    "selfcal": (_BLUE, "s"),
    "unbinned": (_GREEN, "D"),
    "known": ("#000000", "^"),
}
_CONTOURS = (1 - np.exp(-0.5), 1 - np.exp(-2.0))
_RC: dict[Any, Any] = {
    "font.size": 8,
    **dict.fromkeys(("axes.labelsize", "axes.titlesize"), 8),
    **dict.fromkeys(("legend.fontsize", "xtick.labelsize", "ytick.labelsize"), 7.5),
    **dict.fromkeys(("xtick.direction", "ytick.direction"), "in"),
    **dict.fromkeys(("xtick.top", "ytick.right", "xtick.minor.visible", "ytick.minor.visible"), True),
    **{"axes.linewidth": 0.6, "lines.linewidth": 1.1, "axes.formatter.useoffset": False},
    **{"legend.frameon": False, "legend.handlelength": 1.4},
    **{"figure.dpi": 200, "savefig.dpi": 200, "pdf.fonttype": 42},
}


@contextmanager
def _style() -> Iterator[None]:
    """The package's style on top of matplotlib's own, whatever the user's matplotlibrc says."""
    import matplotlib.style

    with matplotlib.style.context(["default", _RC]):
        yield


def _figure(width: float, height: float, layout: str = "constrained") -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout=layout)  # type: ignore[arg-type]
    FigureCanvasAgg(figure)
    return figure


def _freeze(figure: Figure) -> Figure:
    """Lay out once, so that saving again gives the same bytes."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    return figure


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


@_style()
def abundance_figure(abundance: Abundance) -> Figure:
    """Expected clusters per dex of true mass; dotted without selection, solid with it (NV22 figure 1).

    Parameters
    ----------
    abundance : Abundance
        Curve labels may contain mathtext.
    """
    figure = _figure(COLUMN, 2.7)
    axes = figure.subplots()
    colours = {c.label: _CYCLE[i % len(_CYCLE)] for i, c in enumerate(abundance.selected)}
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
    return _freeze(figure)


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


@_style()
def ladder_figure(rows: Sequence[LadderRow]) -> Figure:
    """sigma(sigma8) by level: one line of markers per row, rows of one variant under its name.

    Parameters
    ----------
    rows : sequence of LadderRow
        Neighbouring rows of equal `selection` form a group; the left axis shows their `widening`.
    """
    places, headers = _ladder_places(rows)
    depth = max(places, default=0.0) + 0.7
    figure = _figure(COLUMN, 0.75 + 0.17 * (depth + 0.8))
    axes = figure.subplots()
    for row, y in zip(rows, places, strict=True):
        known = [s for s in row.sigma8_std.values() if np.isfinite(s)]
        axes.plot([min(known, default=0), max(known, default=0)], [y, y], color="#CCCCCC", lw=0.7, zorder=1)
    for level in LEVELS:
        colour, marker = _LEVEL_STYLE[level]
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
    figure.legend(loc="outside upper center", ncols=5, columnspacing=0.9, handletextpad=0.0)
    return _freeze(figure)


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


@_style()
def corner_figure(
    samples: Mapping[str, Array], names: Sequence[str], truths: Sequence[float] | None = None
) -> Figure:
    """Posteriors of up to three levels on top of each other, sigma8 first.

    Contours hold 1 - exp(-1/2) and 1 - exp(-2) of the samples: 1 and 2 sigma of a 2D Gaussian, whose
    projections hold 68% and 95%. They are left out where a pair is so unconstrained that they would
    follow nothing but noise.

    Parameters
    ----------
    samples : mapping of str to ndarray, shape (n, D)
        Posterior samples by level.
    names : sequence of str
        Parameter of each column.
    truths : sequence of float, optional
        Values marked by thin grey lines.
    """
    order = sorted(range(len(names)), key=lambda i: names[i] != "sigma8")
    columns = {level: np.asarray(x)[:, order] for level, x in samples.items()}
    size = len(order)
    side = max(COLUMN, min(7.2, 0.95 * size + 0.6))
    figure = _figure(side, side, layout="none")
    for level, x in columns.items():
        _corner_layer(figure, x, [LATEX.get(names[i], names[i]) for i in order], _ranges(columns), level)
    panels = np.array(figure.axes).reshape(size, size)
    _tidy_corner(figure, panels)
    if truths is not None:
        _mark_truths(panels, np.asarray(truths)[order])
    _corner_legend(figure, list(columns), single=size == 1)
    return figure


def _ranges(columns: Mapping[str, Array]) -> list[tuple[float, float]]:
    """Common range of each parameter: from samples, so that it holds at least 99.8% of every level."""
    low = np.min([np.percentile(x, 0.1, axis=0, method="lower") for x in columns.values()], axis=0)
    high = np.max([np.percentile(x, 99.9, axis=0, method="higher") for x in columns.values()], axis=0)
    flat = np.where(high > low, 0.0, 1e-3 * np.maximum(np.abs(low), 1.0))
    return list(zip((low - flat).tolist(), (high + flat).tolist(), strict=True))


def _corner_layer(
    figure: Figure, x: Array, labels: list[str], ranges: list[tuple[float, float]], level: str
) -> None:
    """Draw one level with the corner package."""
    with warnings.catch_warnings():  # corner imports ArviZ where it finds it, and ArviZ 0.23 warns
        warnings.filterwarnings("ignore", r"\s*ArviZ", FutureWarning)
        import corner

    x = np.tile(x, (-(-x.shape[1] // len(x)), 1))  # corner refuses fewer samples than parameters
    weights, colour = np.full(len(x), 1 / len(x)), _LEVEL_STYLE.get(level, ("#000000", ""))[0]
    look: dict[str, Any] = {"plot_datapoints": False, "plot_density": False, "no_fill_contours": True}
    look |= {"max_n_ticks": 3, "hist_kwargs": {"lw": 1.0}, "contour_kwargs": {"linewidths": [0.6, 1.0]}}
    look |= {"quiet": True, "bins": 24, "smooth": 1.2, "smooth1d": 0.7, "levels": _CONTOURS}
    corner.corner(x, fig=figure, range=ranges, weights=weights, color=colour, labels=labels, **look)
    for i, j in zip(*np.tril_indices(x.shape[1], -1), strict=True):
        if _is_flat(x[:, j], x[:, i], (ranges[j], ranges[i])):
            figure.axes[i * x.shape[1] + j].collections[-1].remove()


def _is_flat(x: Array, y: Array, ranges: tuple[tuple[float, float], tuple[float, float]]) -> bool:
    """Whether the inner contour would enclose over 28% of a panel; 39% if the density is constant."""
    from scipy.ndimage import gaussian_filter

    cells = np.sort(gaussian_filter(np.histogram2d(x, y, bins=12, range=ranges)[0], 1.0), axis=None)[::-1]
    return bool(np.searchsorted(np.cumsum(cells), _CONTOURS[0] * cells.sum()) > 0.28 * cells.size)


def _tidy_corner(figure: Figure, panels: Array) -> None:
    """Small ticks, labels at the same distance whatever the size of a panel, room for all 1D peaks."""
    width, height = figure.get_size_inches()
    top = 0.1 if len(panels) > 1 else 0.35
    figure.subplots_adjust(0.55 / width, 0.55 / height, 1 - 0.1 / width, 1 - top / height, 0.06, 0.06)
    inches = panels[0, 0].get_position().height * height
    for i, j in zip(*np.tril_indices(len(panels)), strict=True):
        axes = panels[i, j]
        axes.minorticks_off()
        axes.tick_params(labelsize=6.5, rotation=45, length=2.5, pad=1.5)
        _inner_ticks(axes)
        axes.xaxis.set_label_coords(0.5, -0.35 / inches)
        axes.yaxis.set_label_coords(-0.35 / inches, 0.5)
        if i == j:
            axes.tick_params(axis="y", left=False, right=False)
            axes.set_ylim(0, 1.1 * max(np.max(line.get_ydata()) for line in axes.lines))
    if len(panels) == 1:
        panels[0, 0].set_ylabel("posterior density")
        panels[0, 0].yaxis.set_label_coords(-0.1 / inches, 0.5)


def _inner_ticks(axes: Axes) -> None:
    """Drop ticks so close to a corner that their labels would touch those of the next panel."""
    for ticks, (low, high), choose in (
        (axes.get_xticks(), axes.get_xlim(), axes.set_xticks),
        (axes.get_yticks(), axes.get_ylim(), axes.set_yticks),
    ):
        choose([t for t in ticks if 0.08 < (t - low) / (high - low) < 0.92])


def _mark_truths(panels: Array, truths: Array) -> None:
    for i, j in zip(*np.tril_indices(len(panels)), strict=True):
        panels[i, j].axvline(truths[j], color="#999999", lw=0.6, zorder=0)
        if j < i:
            panels[i, j].axhline(truths[i], color="#999999", lw=0.6, zorder=0)


def _corner_legend(figure: Figure, levels: list[str], *, single: bool) -> None:
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], color=_LEVEL_STYLE.get(v, ("#000000", ""))[0], label=v) for v in levels]
    figure.legend(handles=handles, loc="upper center" if single else "upper right", ncols=3 if single else 1)


@_style()
def map_figure(map: Sigma8Map) -> Figure:
    """Mean and scatter of sigma8 over cluster count and median Y_X (NV22 figures 14 and 18).

    Parameters
    ----------
    map : Sigma8Map
        NaN cells stay blank.
    """
    figure = _figure(COLUMN, 4.4)
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
    return _freeze(figure)


def _map_limits(axes: Axes, map: Sigma8Map) -> None:
    """Show the cells that are filled, and half a cell around them."""
    filled = np.isfinite(map.mean)
    for edges, hit, limit in (
        (map.count_edges, filled.any(axis=0), axes.set_xlim),
        (map.yx_edges, filled.any(axis=1), axes.set_ylim),
    ):
        index = np.flatnonzero(hit) if hit.any() else np.arange(len(hit))
        margin = 0.5 * (edges[1] - edges[0])
        limit(edges[index[0]] - margin, edges[index[-1] + 1] + margin)


@_style()
def goodness_figure(goodness: Sequence[Goodness]) -> Figure:
    """Observed counts with exact 68% Poisson intervals against the posterior prediction and its band.

    Parameters
    ----------
    goodness : sequence of Goodness
        One panel each, with its p-value.
    """
    figure = _figure(COLUMN, 0.4 + 1.8 * len(goodness))
    for axes, check in zip(figure.subplots(len(goodness), 1, squeeze=False)[:, 0], goodness, strict=True):
        _goodness_panel(axes, check)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3, columnspacing=1.2)
    return _freeze(figure)


def _goodness_panel(axes: Axes, check: Goodness) -> None:
    from matplotlib.ticker import MaxNLocator
    from scipy.special import gammaincinv

    edges, count = check.edges, check.observed
    band = axes.stairs(check.high, edges, baseline=check.low, fill=True, color="#56B4E9", alpha=0.4)
    band.set_label("68% of predictions")
    axes.stairs(check.predicted, edges, baseline=None, color=_BLUE, lw=1.1, label="predicted")
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


@_style()
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
