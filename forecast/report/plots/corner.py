"""Corner plots of several levels on top of each other, drawn with the corner package."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core.arrays import Array
from ...core.observables import latex
from ...core.parameters import COSMOLOGY
from .style import COLUMN, layer_colours, new_figure, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDEST = 7.2
"""Inches: two columns."""
_CONTOURS = (1 - np.exp(-0.5), 1 - np.exp(-2.0))


@style()
def corner_figure(
    samples: Mapping[str, Array],
    names: Sequence[str],
    truths: Sequence[float] | None = None,
    *,
    left_out: Collection[str] = (),
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
    left_out : collection of str
        Parameters that are not drawn, such as those about which the data say nothing; by default every one is.
    """
    drawn = [i for i, name in enumerate(names) if name not in left_out]
    order = sorted(drawn, key=lambda i: COSMOLOGY.index(names[i]) if names[i] in COSMOLOGY else len(COSMOLOGY))
    columns = {level: np.asarray(x)[:, order] for level, x in samples.items()}
    size = len(order)
    side = max(COLUMN, min(_WIDEST, 0.58 * size + 0.5))
    figure = new_figure(side, side, layout="none")
    colours = dict(zip(columns, layer_colours(list(columns)), strict=True))
    for level, x in columns.items():
        _corner_layer(figure, x, [latex(names[i]) for i in order], _ranges(columns), colours[level])
    panels = np.array(figure.axes).reshape(size, size)
    _tidy_corner(figure, panels)
    if truths is not None:
        _mark_truths(panels, np.asarray(truths)[order])
    _corner_legend(figure, colours, single=size == 1)
    return figure


def _ranges(columns: Mapping[str, Array]) -> list[tuple[float, float]]:
    """Common range of each parameter: from samples, so that it holds at least 99.8% of every level."""
    low = np.min([np.percentile(x, 0.1, axis=0, method="lower") for x in columns.values()], axis=0)
    high = np.max([np.percentile(x, 99.9, axis=0, method="higher") for x in columns.values()], axis=0)
    flat = np.where(high > low, 0.0, 1e-3 * np.maximum(np.abs(low), 1.0))
    return list(zip((low - flat).tolist(), (high + flat).tolist(), strict=True))


def _corner_layer(figure: Figure, x: Array, labels: list[str], ranges: list[tuple[float, float]], colour: str) -> None:
    """Draw one level with the corner package."""
    with warnings.catch_warnings():  # corner imports ArviZ where it finds it, and ArviZ 0.23 warns
        warnings.filterwarnings("ignore", r"\s*ArviZ", FutureWarning)
        import corner

    x = np.tile(x, (-(-x.shape[1] // len(x)), 1))  # corner refuses fewer samples than parameters
    weights = np.full(len(x), 1 / len(x))
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


def _corner_legend(figure: Figure, colours: Mapping[str, str], *, single: bool) -> None:
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], color=colour, label=label) for label, colour in colours.items()]
    figure.legend(handles=handles, loc="upper center" if single else "upper right", ncols=3 if single else 1)
