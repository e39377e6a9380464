"""Contours of several results over two parameters: ellipses of Fisher matrices, densities of samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...core.arrays import Array
from .style import COLUMN, canvas, finished, layer_colours, legend, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_CELLS, _MARGIN = 100, 4
_WIDTHS = (1.2, 0.7)
_THIN = 1e-3
"""Of a cell: beyond a bound, within so much, the density has fallen to nothing."""


@dataclass(frozen=True)
class Outlines:
    """Closed curves (K, 2), the innermost first, and their label."""

    label: str
    curves: Sequence[Array]


@dataclass(frozen=True)
class Cloud:
    """Weighted draws over two parameters.

    Parameters
    ----------
    label : str
    draws : ndarray, shape (n, 2)
    weights : ndarray, shape (n,)
    effective : float
        Independent draws: the fewer, the smoother the density.
    bounds : sequence of two (low, high)
        Beyond which there can be no draws.
    """

    label: str
    draws: Array
    weights: Array
    effective: float
    bounds: Sequence[tuple[float, float]]


@style()
def contour_figure(
    layers: Sequence[Outlines | Cloud],
    labels: Sequence[str],
    axes: Axes | None = None,
    probabilities: Sequence[float] = (0.68, 0.95),
) -> Figure:
    """Contours that hold `probabilities` of each layer, in one colour a layer.

    Parameters
    ----------
    layers : sequence of Outlines and Cloud
    labels : sequence of two str
        Of the axes; mathtext.
    axes : Axes, optional
        To draw on; by default those of a new figure.
    probabilities : sequence of float
    """
    drawn = canvas(axes, COLUMN, 3.2)
    for layer, colour in zip(layers, layer_colours([one.label for one in layers]), strict=True):
        if isinstance(layer, Outlines):
            for i, curve in enumerate(layer.curves):
                drawn.plot(*curve.T, color=colour, lw=_WIDTHS[min(i, 1)])
        else:
            middles, density, limits = smooth(layer, probabilities)
            middles, density = walled(middles, density, layer.bounds)
            drawn.contour(*middles, density.T, levels=limits, colors=colour, linewidths=_WIDTHS[::-1])
        drawn.plot([], [], color=colour, label=layer.label)
    drawn.use_sticky_edges = False  # contours would end at the edge
    drawn.autoscale_view()
    drawn.set_xlabel(labels[0])
    drawn.set_ylabel(labels[1])
    legend(drawn, axes, ncols=3)
    return finished(drawn, axes)


def walled(
    middles: Sequence[Array], density: Array, bounds: Sequence[tuple[float, float]]
) -> tuple[list[Array], Array]:
    """A density with nothing beyond the bounds that its cells touch, so that contours close along them."""
    places = []
    for axis, (x, (low, high)) in enumerate(zip(middles, bounds, strict=True)):
        step, ends = x[1] - x[0], []
        for place, wall, side in ((x[0], low, 0), (x[-1], high, 1)):
            touches = abs(abs(place - wall) - 0.5 * step) < 1e-6 * step
            ends.append(np.array([wall, wall + (2 * side - 1) * _THIN * step]) if touches else np.empty(0))
        places.append(np.concatenate([ends[0][::-1], x, ends[1]]))
        wide = [(len(ends[0]), len(ends[1])) if i == axis else (0, 0) for i in (0, 1)]
        density = np.pad(density, wide, mode="edge")
        for end, row in zip(ends, (0, -1), strict=True):
            if len(end):
                np.moveaxis(density, axis, 0)[row] = 0.0
    return places, density


def smooth(cloud: Cloud, probabilities: Sequence[float]) -> tuple[list[Array], Array, Array]:
    """Middles (A,) and (B,) of cells, smoothed density (A, B), and limits above which `probabilities` of draws lie.

    The kernel's width follows Scott's rule; the density is mirrored at bounds. Limits ascend, and are quantiles of the
    density at the draws themselves, so that smoothing does not make contours hold too much. Cells far outside the
    outermost contour are cut away.
    """
    from scipy.ndimage import gaussian_filter

    mean = cloud.weights @ cloud.draws
    std = np.sqrt(cloud.weights @ (cloud.draws - mean) ** 2)
    width = np.maximum(std, 1e-12 * np.maximum(np.abs(mean), 1.0)) * max(cloud.effective, 2.0) ** (-1 / 6)
    edges = []
    for x, step, (low, high) in zip(cloud.draws.T, width, cloud.bounds, strict=True):
        ends = max(x.min() - 3 * step, low), min(x.max() + 3 * step, high)
        edges.append(np.linspace(*ends, _CELLS + 1))
    x, y = cloud.draws.T
    histogram = np.histogram2d(x, y, bins=(edges[0], edges[1]), weights=cloud.weights)[0]
    density = gaussian_filter(histogram, [w / (e[1] - e[0]) for w, e in zip(width, edges, strict=True)], mode="reflect")
    places = [np.clip(np.digitize(x, e) - 1, 0, _CELLS - 1) for x, e in zip(cloud.draws.T, edges, strict=True)]
    at = density[tuple(places)]
    order = np.argsort(at)
    below = np.cumsum(cloud.weights[order])
    limits = [np.interp(1 - p, below, at[order]) for p in sorted(probabilities, reverse=True)]
    seen = [np.flatnonzero((density >= limits[0]).any(axis=1 - i)) for i in (0, 1)]
    rows, columns = (slice(max(one[0] - _MARGIN, 0), one[-1] + 1 + _MARGIN) for one in seen)
    middles = [0.5 * (edge[1:] + edge[:-1])[part] for edge, part in zip(edges, (rows, columns), strict=True)]
    return middles, density[rows, columns], np.asarray(limits)
