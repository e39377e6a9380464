"""The binned sigma8 map beside the exact posterior, on shared colour scales, and how they differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...core.arrays import Array
from ...core.errors import InputError
from ...forecasts.sigma8_map import Sigma8Map
from ...forecasts.sigma8_map_exact import Agreement, ExactMap
from .style import COLUMN, freeze, new_figure, proxy_label, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh
    from matplotlib.figure import Figure


@style()
def exactmap_figure(binned: Sigma8Map, exact: ExactMap) -> Figure:
    """Mean and scatter of sigma8 of mocks in cells, posterior mean and width at every point, z-scores of cells.

    Parameters
    ----------
    binned : Sigma8Map
        NaN cells stay blank.
    exact : ExactMap
        Points of few effective draws stay blank.
    """
    figure = new_figure(2 * COLUMN, 4.3)
    panels = figure.subplots(2, 3, sharex=True, sharey=True, width_ratios=(1, 1, 0.8))
    rows = (
        ("mean", binned.mean, exact.mean, "viridis", "mean"),
        ("scatter", binned.std, exact.std, "cividis", "width"),
    )
    for (left, middle, right), (name, cells, points, colours, word) in zip(panels, rows, strict=True):
        limits = _limits(cells, points, _seen(binned, exact))
        image = _mesh(left, (binned.count_edges, binned.yx_edges), cells, colours, limits)
        _mesh(middle, (exact.size, exact.log_yx), points, colours, limits)
        figure.colorbar(image, ax=[left, middle], label=rf"{name} of $\sigma_8$", pad=0.02, aspect=30)
        agreement = next(a for a in exact.agreement if a.quantity == name)
        score = _mesh(right, (binned.count_edges, binned.yx_edges), agreement.z, "PuOr", (-3.5, 3.5))
        figure.colorbar(score, ax=right, label="deviation, standard errors", pad=0.03, aspect=30)
        left.set_title(f"mocks: {name} in cells", loc="left")
        middle.set_title(f"exact: posterior {word}", loc="left")
        right.set_title(_verdict(agreement), loc="left")
        left.set_ylabel("median " + proxy_label(binned.proxy_unit))
    for axes in panels[1]:
        axes.set_xlabel(r"number of clusters $N$")
    _window(panels[0, 0], binned)
    return freeze(figure)


def _verdict(agreement: Agreement) -> str:
    if not agreement.cells:
        return "no cell compared"
    words = "$p < 0.001$" if agreement.p_value < 1e-3 else f"$p = {agreement.p_value:.2g}$"
    return rf"$\chi^2 = {agreement.chi_squared:.0f}$, {agreement.cells} cells, {words}"


def _seen(binned: Sigma8Map, exact: ExactMap) -> Array:
    """Which points of the exact map lie in cells that are filled."""
    line = np.clip(np.digitize(exact.log_yx, binned.yx_edges) - 1, 0, len(binned.yx_edges) - 2)
    column = np.clip(np.digitize(exact.size, binned.count_edges) - 1, 0, len(binned.count_edges) - 2)
    return np.isfinite(binned.mean)[np.ix_(line, column)]


def _limits(cells: Array, points: Array, seen: Array) -> tuple[float, float]:
    """Colour scale that holds nearly all filled cells and the points in them."""
    known = [x[np.isfinite(x)] for x in (cells, np.where(seen, points, np.nan))]
    ends = np.array([np.percentile(x, [2, 98]) for x in known if len(x)] or [np.array([0.0, 1.0])])
    low, high = float(ends[:, 0].min()), float(ends[:, 1].max())
    return low, max(high, low + 1e-6)


def _mesh(axes: Axes, at: tuple[Array, Array], values: Array, colours: str, limits: tuple[float, float]) -> QuadMesh:
    """Colours of known values; grey is unknown."""
    axes.set_facecolor("#E6E6E6")
    low, high = limits
    shading: Literal["flat", "nearest"] = "flat" if len(at[0]) == values.shape[1] + 1 else "nearest"
    known = np.ma.masked_invalid(values)
    return axes.pcolormesh(*at, known, cmap=colours, vmin=low, vmax=high, shading=shading, rasterized=True)


def _window(axes: Axes, binned: Sigma8Map) -> None:
    """Show the filled cells, and one cell around them."""
    filled = np.isfinite(binned.mean)
    for edges, hit, limit in (
        (binned.count_edges, np.asarray(filled.any(axis=0)), axes.set_xlim),
        (binned.yx_edges, np.asarray(filled.any(axis=1)), axes.set_ylim),
    ):
        index = np.flatnonzero(hit) if hit.any() else np.arange(len(hit))
        limit(edges[max(index[0] - 1, 0)], edges[min(index[-1] + 2, len(edges) - 1)])


@style()
def map_figure(map: Sigma8Map, axes: Sequence[Axes] | None = None) -> Figure:
    """Mean and scatter of sigma8 over cluster count and median Y_X (NV22 figures 14 and 18).

    Parameters
    ----------
    map : Sigma8Map
        NaN cells stay blank.
    axes : sequence of two Axes, optional
        To draw mean and scatter on; by default those of a new figure.

    Raises
    ------
    InputError
        If there are not two axes.
    """
    panels = _two_panels(axes)
    figure: Any = panels[0].figure
    layers = ((map.mean, "viridis", r"mean of $\sigma_8$"), (map.std, "cividis", r"scatter of $\sigma_8$"))
    for panel, (values, colours, label) in zip(panels, layers, strict=True):
        cells = np.ma.masked_invalid(values)
        if cells.count():
            image = panel.pcolormesh(map.count_edges, map.yx_edges, cells, cmap=colours)
            figure.colorbar(image, ax=panel, label=label, pad=0.02)
        else:
            words = f"no cell has {map.min_mocks} mocks"
            panel.text(0.5, 0.5, words, transform=panel.transAxes, ha="center", va="center")
        panel.set_ylabel("median " + proxy_label(map.proxy_unit))
        if axes is not None or panel is panels[0]:
            _map_limits(panel, map)
    for panel in panels if axes is not None else panels[1:]:
        panel.set_xlabel(r"number of clusters $N$")
    return freeze(figure) if axes is None else figure


def _two_panels(axes: Sequence[Axes] | None) -> Sequence[Axes]:
    if axes is None:
        return list(new_figure(COLUMN, 4.4).subplots(2, 1, sharex=True, sharey=True))
    panels = list(np.atleast_1d(np.asarray(axes, dtype=object)).ravel())
    if len(panels) != 2:
        raise InputError(f"the map has two panels, mean and scatter of sigma8: give two axes, got {len(panels)}")
    return panels


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
