"""ln L of many catalogues, each at a parameter vector of its own, at the levels that sum over clusters.

ln L = sum of weighted terms ln lambda minus the expected number: clusters are the terms of `full`, nodes in log10 Y_X
those of `unbinned`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable

import numpy as np
from scipy.interpolate import CubicSpline

from ..core.arrays import Array
from ..core.errors import NumericalError
from ..model.forward import ForwardModel
from ..model.mocks import Mocks
from .density.followed import Proxied
from .density.point_density import PointDensity
from .density.points import Points

_MARGIN = 8
"""Nodes beyond the data."""
_TINY = np.finfo(float).tiny


class Paired(ABC):
    """ln L of n catalogues, each at a parameter vector of its own."""

    _model: ForwardModel

    @abstractmethod
    def _terms(self, theta: Array) -> Array:
        """ln lambda of the terms of all catalogues at `theta`, (n, D)."""

    @abstractmethod
    def _sum(self, terms: Array) -> Array:
        """Weighted sums over the terms of each catalogue, shape (n,)."""

    def __call__(self, theta: Array) -> Array:
        """ln L up to a term of the data, shape (n,), for `theta` of shape (n, D).

        Raises
        ------
        NumericalError
            If it is NaN.
        """
        value = self._sum(self._terms(theta)) - self._model.expected_count(theta)
        if np.isnan(value).any():
            raise NumericalError(f"the likelihood of a mock catalogue is NaN at {theta[np.isnan(value)][0]}")
        return value

    def expansion(self, pairs: Iterable[tuple[Array, Array]]) -> tuple[Array, Array]:
        """How ln L differs between K pairs of parameter vectors, (n, D) each, first minus second.

        Returns
        -------
        ndarray, shape (n, K)
            Differences of ln L.
        ndarray, shape (n, K, K)
            Sums over clusters of products of the differences of ln lambda: they estimate what Fisher's matrix tells.
        """
        terms, counts = [], []
        for one, other in pairs:
            terms.append(self._terms(one) - self._terms(other))
            counts.append(self._model.expected_count(one) - self._model.expected_count(other))
        products = np.empty((len(counts[0]), len(terms), len(terms)))
        for i, one in enumerate(terms):
            for j, other in enumerate(terms[: i + 1]):
                products[:, i, j] = products[:, j, i] = self._sum(one * other)
        return np.stack([self._sum(one) - count for one, count in zip(terms, counts, strict=True)], axis=1), products


class PairedPoints(Paired):
    """Every observable of each cluster is a datum.

    Parameters
    ----------
    model : ForwardModel
    mocks : Mocks
    lensing : bool
        Whether weak-lensing masses are among the data.
    """

    def __init__(self, model: ForwardModel, mocks: Mocks, *, lensing: bool) -> None:
        self._model, self._row, self._size = model, mocks.row, len(mocks.size)
        self._density = PointDensity(model, Points.of_mocks(model, mocks), lensing)
        self._column = np.arange(len(mocks.row))

    def _terms(self, theta: Array) -> Array:
        return self._density(theta, self._row, self._column)

    def _sum(self, terms: Array) -> Array:
        return np.bincount(self._row, weights=terms, minlength=self._size)


class PairedYx(Paired):
    """The Y_X of each cluster is a datum.

    A cubic spline is linear in its nodes: ln lambda summed over clusters is a weighted sum of nodes. Clusters that were
    not followed up are one node more.

    Parameters
    ----------
    model : ForwardModel
    mocks : Mocks
    among : Mocks, optional
        All the catalogues, of which `mocks` are some: the nodes must hold their clusters, so that values do not
        depend on which catalogues are taken together.
    """

    def __init__(self, model: ForwardModel, mocks: Mocks, among: Mocks | None = None) -> None:
        self._model, self._proxied, known = model, Proxied.of(model), mocks.with_yx
        self._grid = _covering(self._proxied.model.yx_grid, (among or mocks).with_yx.log_yx)
        cardinal = CubicSpline(self._grid, np.eye(len(self._grid)))
        self._data = np.zeros((len(mocks.size), len(self._grid)))
        np.add.at(self._data, known.row, cardinal(known.log_yx))
        if self._proxied.told_apart:
            self._data = np.column_stack([self._data, mocks.size - known.size])

    def _terms(self, theta: Array) -> Array:
        density = self._proxied.model.yx_density(theta, self._grid, self._model.setup.yx_error)
        if self._proxied.told_apart:
            density = np.column_stack([density, self._proxied.rest(theta, self._model.expected_count(theta))])
        return np.asarray(np.log(np.maximum(density, _TINY)))

    def _sum(self, terms: Array) -> Array:
        return np.asarray((self._data * terms).sum(axis=1))


def _covering(grid: Array, values: Array) -> Array:
    """Nodes as dense as those of a uniform grid that hold all values, and a margin."""
    step = grid[1] - grid[0]
    low, high = (values.min(), values.max()) if len(values) else (grid[0], grid[-1])
    nodes: Array = low + step * np.arange(-_MARGIN, np.ceil((high - low) / step) + _MARGIN + 1)
    return nodes
