"""Density of measured Y_X where errors are asymmetric: that of true values, averaged over split normal laws."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Protocol

import numpy as np
from scipy.interpolate import CubicSpline

from ...core.arrays import Array
from ...core.chunks import Remembered
from ...model.yx_distribution import reaching
from .split_normal import split_normal

_TINY = np.finfo(float).tiny
_FINEST = 64
"""Largest number of cells into which one of the model's is divided."""
_MARGIN = 5.0
"""Errors by which nodes reach beyond the true values that are expected."""


class OfYx(Protocol):
    """What expects clusters of a Y_X."""

    @property
    def yx_grid(self) -> Array:
        """Uniform nodes in log10 Y_X that hold all of them, shape (Q,)."""

    def yx_density(self, theta: Array, log_yx: Array) -> Array:
        """Expected number per dex, shape (P, Q)."""


class OnNodes:
    """Density of true Y_X on the nodes of a model, continued to hold what was measured; kept for the last parameters.

    Parameters
    ----------
    model : OfYx
    log_yx : ndarray, shape (Q,)
        log10 Y_X that the nodes must hold.
    """

    def __init__(self, model: OfYx, log_yx: Array) -> None:
        grid, self._model = model.yx_grid, model
        self.grid = reaching(reaching(grid, float(log_yx.min())), float(log_yx.max())) if len(log_yx) else grid
        self._density = Remembered(self._of_model)

    def _of_model(self, theta: Array) -> Array:
        return self._model.yx_density(theta, self.grid)

    def __call__(self, theta: Array) -> Array:
        """Expected clusters per dex, (P, N)."""
        return self._density(np.atleast_2d(theta))


class ObservedYx:
    """Averages of a model's density over asymmetric errors, exact on nodes that resolve the smaller sides.

    Parameters
    ----------
    model : OfYx
    log_yx, error, skew : ndarray, shape (Q,)
        log10 Y_X, the mean of its lower and upper error, and how much they differ.
    """

    def __init__(self, model: OfYx, log_yx: Array, error: Array, skew: Array) -> None:
        self._error, self._skew = error, skew
        self.true = OnNodes(model, log_yx)
        self._grid = self.true.grid
        step, smallest = self._grid[1] - self._grid[0], float((error * (1 - np.abs(skew))).min())
        cells = min(_FINEST, math.ceil(2 * step / smallest) if smallest > 0 else _FINEST)
        self._fine = np.linspace(self._grid[0], self._grid[-1], cells * (len(self._grid) - 1) + 1)
        self._step = float(self._fine[1] - self._fine[0])
        self._matrix = lru_cache(maxsize=3)(self._to_data)

    def _to_data(self, log_yx: bytes) -> Array:
        """Matrix from densities of true values to those of measured ones (Q,), each with its own error."""
        error = np.maximum(self._error, self._step)
        return self._step * split_normal(np.frombuffer(log_yx), self._fine[:, None], error, self._skew)

    def _true(self, theta: Array) -> Array:
        """Density of true values on the fine nodes, (P, N)."""
        density = self.true(theta)
        true: Array = np.exp(CubicSpline(self._grid, np.log(np.maximum(density, _TINY)), axis=1)(self._fine))
        return true

    def __call__(self, theta: Array, log_yx: Array) -> Array:
        """Expected clusters per dex of measured values (Q,) of the same clusters, (P, Q)."""
        density: Array = self._true(theta) @ self._matrix(log_yx.tobytes())
        return density

    def of_any(self, log_yx: Array) -> Callable[[Array], Array]:
        """Expected clusters per dex of measured values (G,), by parameter vectors: those of a cluster of the sample.

        Which of the clusters it is, and so its error, is left open: the average over their laws.
        """
        kernel = np.zeros((len(self._fine), len(log_yx)))
        for error, skew in zip(np.maximum(self._error, self._step), self._skew, strict=True):
            kernel += split_normal(log_yx, self._fine[:, None], error, skew)
        kernel *= self._step / len(self._error)
        return lambda theta: self._true(theta) @ kernel

    @property
    def nodes(self) -> Array:
        """Nodes of the model, and as far beyond as errors reach."""
        margin = _MARGIN * float((self._error * (1 + np.abs(self._skew))).max())
        return reaching(reaching(self._grid, float(self._grid[0]) - margin), float(self._grid[-1]) + margin)
