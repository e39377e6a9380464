"""Log likelihoods of many mock catalogues at parameter vectors that they share."""

from __future__ import annotations

import numpy as np
from scipy import special
from scipy.interpolate import CubicSpline

from ..core.arrays import Array
from ..core.errors import InputError, NumericalError, nearest
from ..model.forward import ForwardModel
from ..model.mocks import Mocks
from ..model.yx_distribution import TabulatedDistribution, log_median_density
from ..survey.redshift_bins import in_bins
from .bins import YxBins
from .fisher import bin_models
from .levels import LEVELS

_ROWS, _SCREEN_SIZE, _SCREEN_DEPTH = 500, 30, 10.0
_TINY = np.finfo(float).tiny


def log_likelihoods(model: ForwardModel, level: str, mocks: Mocks, draws: Array, true: Array) -> tuple[Array, Array]:
    """ln L of draws (S, D), shape (n, S), and of n mocks' true parameters, (n,), up to a term of the mock."""
    if level not in _LEVELS:
        raise InputError(f"level '{level}' is unknown; {nearest(level, LEVELS)}")
    bins = bin_models(model)
    if bins:
        mine = [mocks.kept(chosen) for chosen in in_bins(model.setup.geometry, mocks.z)]
        each = [log_likelihoods(m, level, some, draws, true) for m, some in zip(bins, mine, strict=True)]
        return np.sum([value for value, _ in each], axis=0), np.sum([own for _, own in each], axis=0)
    theta = np.concatenate([draws, true])
    parts = [theta[i : i + _ROWS] for i in range(0, len(theta), _ROWS)]
    count = np.concatenate([model.expected_count(p) for p in parts])
    value = _LEVELS[level](model, mocks, parts, count)
    if np.isnan(value).any():
        raise NumericalError(f"the {level} likelihood is NaN at {theta[np.isnan(value).any(axis=0)][0]}")
    return value[:, : len(draws)], np.diagonal(value[:, len(draws) :])


def _counts(model: ForwardModel, mocks: Mocks, parts: list[Array], count: Array) -> Array:
    return special.xlogy(mocks.size[:, None], count) - count


def _binned(model: ForwardModel, mocks: Mocks, parts: list[Array], count: Array) -> Array:
    bins = YxBins.of(model)
    expected = np.concatenate([bins.expected(model, p, model.setup.yx_error) for p in parts])
    data = np.array([bins.count(y, np.ones(len(y))) for y in np.split(mocks.log_yx, np.cumsum(mocks.size)[:-1])])
    return data @ np.log(np.maximum(expected, _TINY)).T - count


def _unbinned(model: ForwardModel, mocks: Mocks, parts: list[Array], count: Array) -> Array:
    """A cubic spline is linear in its nodes: summed over a mock's clusters it is a weighted sum of nodes."""
    grid, density = _density(model, mocks, parts)
    cardinal = CubicSpline(grid, np.eye(len(grid)))
    data = np.array([cardinal(y).sum(axis=0) for y in np.split(mocks.log_yx, np.cumsum(mocks.size)[:-1])])
    return data @ np.log(np.maximum(density, _TINY)).T - count


def _selfcal(model: ForwardModel, mocks: Mocks, parts: list[Array], count: Array) -> Array:
    """Of large even sizes, draws of weight below e^-10 get the median of one cluster more: 0.02 in ln L."""
    table = TabulatedDistribution.from_density(*_density(model, mocks, parts))
    value, medians = special.xlogy(mocks.size[:, None], count) - count, mocks.median_yx
    for i in np.flatnonzero(mocks.size):
        size, median, poisson = int(mocks.size[i]), float(medians[i]), value[i].copy()
        screened = size % 2 == 0 and size >= _SCREEN_SIZE
        value[i] += log_median_density(table, median, size | 1 if screened else size)
        if screened:
            kept = np.flatnonzero(value[i] > value[i].max() - _SCREEN_DEPTH)
            value[i, kept] = poisson[kept] + log_median_density(_local(table, kept, median, size), median, size)
    return value


def _local(table: TabulatedDistribution, kept: Array, median: float, size: int) -> TabulatedDistribution:
    """Some of a table's parameter vectors, on the nodes within 20 e-folds of the median's integrand."""
    density = float(np.max(np.exp(table.log_density(median)[kept]) / table.count[kept]))
    low, high = (int(np.searchsorted(table.grid, median + x / (size * density))) for x in (-10, 10))
    return table.part(kept, max(low - 3, 0), min(high + 3, len(table.grid) - 1))


def _density(model: ForwardModel, mocks: Mocks, parts: list[Array]) -> tuple[Array, Array]:
    """The model's nodes in log10 Y_X, continued to hold every cluster, and densities on them, (P, Q)."""
    grid, held = model.yx_grid, np.concatenate([model.yx_grid, mocks.log_yx])
    step = grid[1] - grid[0]
    left, right = np.ceil((grid[0] - held.min()) / step), np.ceil((held.max() - grid[-1]) / step)
    grid = grid[0] + step * np.arange(-left, len(grid) + right)
    return grid, np.concatenate([model.yx_density(p, grid, model.setup.yx_error) for p in parts])


_LEVELS = {"counts": _counts, "selfcal": _selfcal, "binned": _binned, "unbinned": _unbinned}
