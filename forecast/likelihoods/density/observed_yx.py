"""Density of measured Y_X where errors are asymmetric or go with Y_X: that of true values, averaged over errors.

An error that is larger for small Y_X is one of the truth, p(x | t) = N(x; t, s(t)), not of what was measured: with s(x)
in its place p is of integral one over no x, and densities lack d(s^2)/dt times their slope. From measured values and
their errors the power is found with which s goes with Y_X; each cluster's own error says how far it is from the law.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np
from scipy.interpolate import CubicSpline

from ...core.arrays import Array
from ...core.chunks import Remembered
from ...model.yx_distribution import reaching
from .split_normal import half_normals, split_normal

_TINY = np.finfo(float).tiny
_FINEST = 64
"""Largest number of cells into which one of the model's is divided."""
_SHARP = 0.5
"""Side of an error, in the model's cells, below which a cluster has nodes of its own: others need none so fine."""
_NODES = 3
"""Nodes at least in the smaller side of an error: the law has a kink in its curvature where the sides meet."""
_MARGIN = 5.0
"""Errors by which nodes reach beyond the true values that are expected."""
_CERTAIN, _FEWEST = 2.0, 10
"""Standard errors from which on a slope is one; clusters of which one is asked."""
_EXACT, _ALIKE = 1e-9, 0.01
"""Errors that are as good as none; factors between errors that are told apart where they are many; dex."""


@dataclass(frozen=True)
class ErrorTrend:
    """How errors of log10 Y_X go with it: as 10^(slope log10 Y_X) between two values, constant beyond."""

    slope: float = 0.0
    low: float = -np.inf
    high: float = np.inf

    @classmethod
    def of(cls, log_yx: Array, error: Array) -> ErrorTrend:
        """Least squares of ln of errors (Q,), those of zero left out; none where it is not certain."""
        y, log_error = log_yx[error > 0], np.log10(error[error > 0])
        if len(y) < _FEWEST or np.ptp(y) == 0 or np.ptp(log_error) == 0:
            return cls()
        offset = y - y.mean()
        slope = float(offset @ log_error / (offset @ offset))
        rest = log_error - log_error.mean() - slope * offset
        uncertainty = math.sqrt(float(rest @ rest) / (len(y) - 2) / float(offset @ offset))
        return cls(slope, float(y.min()), float(y.max())) if abs(slope) > _CERTAIN * uncertainty else cls()

    def factor(self, at: Array | float, other: Array | float) -> Array:
        """Errors at a log10 Y_X in units of those at another; arrays broadcast."""
        if not self.slope:
            return np.ones(np.broadcast_shapes(np.shape(at), np.shape(other)))
        change = np.clip(at, self.low, self.high) - np.clip(other, self.low, self.high)
        return np.asarray(10.0 ** (self.slope * change))


class OfYx(Protocol):
    """What expects clusters of a Y_X."""

    @property
    def yx_grid(self) -> Array:
        """Uniform nodes in log10 Y_X that hold all of them, shape (Q,)."""

    def yx_density(self, theta: Array, log_yx: Array, error: Array | float = 0.0) -> Array:
        """Expected number per dex of values measured with errors, shape (P, Q)."""


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

    Symmetric errors are those of the true value, by their trend. Asymmetric ones hold their own: where the truth lies
    above or below what was measured.

    Parameters
    ----------
    model : OfYx
    log_yx, error, skew : ndarray, shape (Q,)
        log10 Y_X, the mean of its lower and upper error, and how much they differ.
    """

    def __init__(self, model: OfYx, log_yx: Array, error: Array, skew: Array) -> None:
        self._log_yx, self._error, self._skew, self._trend = log_yx, error, skew, ErrorTrend.of(log_yx, error)
        self._middle = float(np.median(log_yx)) if len(log_yx) else 0.0
        self._typical = error * self._trend.factor(self._middle, log_yx)
        self.true = OnNodes(model, log_yx)
        self._grid = self.true.grid
        smallest = error * (1 - np.abs(skew))
        sharp = smallest < _SHARP * (self._grid[1] - self._grid[0])
        self._broad, self._sharp = np.flatnonzero(~sharp), np.flatnonzero(sharp)
        self._fine, self._finest = (self._divided(smallest[part].min(initial=np.inf)) for part in (~sharp, slice(None)))
        self._matrix, self._laws = lru_cache(maxsize=3)(self._to_data), lru_cache(maxsize=1)(self._sum_of_laws)
        self._left: int | None = None
        self._own = [half_normals(error[q], skew[q], self._grid[1] - self._grid[0]) for q in self._sharp]

    def _divided(self, smallest: float) -> Array:
        """Nodes that resolve errors."""
        step, last = self._grid[1] - self._grid[0], len(self._grid) - 1
        cells = min(_FINEST, math.ceil(_NODES * step / smallest) if smallest > 0 else _FINEST)
        return np.linspace(self._grid[0], self._grid[-1], max(cells, 1) * last + 1)

    def _to_data(self, log_yx: bytes) -> Array:
        """Matrix from densities of true values to those of measured ones, each with its own error."""
        step, mine = float(self._fine[1] - self._fine[0]), self._broad
        error = np.maximum(self._at(self._fine[:, None], mine), step)
        return step * split_normal(np.frombuffer(log_yx)[mine], self._fine[:, None], error, self._skew[mine])

    def _at(self, true: Array, which: Array) -> Array:
        """Errors of some clusters (Q,) at true values that broadcast against them."""
        return self._error[which] * np.where(
            self._skew[which] == 0, self._trend.factor(true, self._log_yx[which]), np.ones(len(which))
        )

    def _true(self, theta: Array, at: Array) -> Array:
        """Density of true values at nodes, (P, N)."""
        density = self.true(theta)
        true: Array = np.exp(CubicSpline(self._grid, np.log(np.maximum(density, _TINY)), axis=1)(at))
        return true

    def __call__(self, theta: Array, log_yx: Array) -> Array:
        """Expected clusters per dex of measured values (Q,) of the same clusters, (P, Q)."""
        if not len(self._sharp):
            return np.asarray(self._true(theta, self._fine) @ self._matrix(log_yx.tobytes()))
        density = np.empty((len(np.atleast_2d(theta)), len(log_yx)))
        if len(self._broad):
            density[:, self._broad] = self._true(theta, self._fine) @ self._matrix(log_yx.tobytes())
        density[:, self._sharp] = self._about(theta, log_yx[self._sharp])
        return density

    def _about(self, theta: Array, log_yx: Array) -> Array:
        """The same of clusters of small errors, at nodes about each."""
        offset, weight = (np.concatenate(x) for x in zip(*self._own, strict=True))
        size = np.array([len(x) for x, _ in self._own])
        true, which = np.repeat(log_yx, size) + offset, np.repeat(self._sharp, size)
        if self._trend.slope:
            weight = weight * _ratio(offset, self._error[which], self._at(true, which), self._skew[which])
        at = np.clip(true, self._grid[0], self._grid[-1])
        return np.asarray(np.add.reduceat(self._true(theta, at) * weight, np.cumsum(size) - size, axis=1))

    def of_any(self, log_yx: Array) -> Callable[[Array], Array]:
        """Expected clusters per dex of measured values (G,), by parameter vectors: those of a cluster of the sample.

        Which of the clusters it is, and so its error, is left open: the average over their laws.
        """
        kernel = self._laws(log_yx.tobytes())
        if self._left is not None:
            kernel = kernel - self._law(log_yx, *self._told_apart[self._left])
        kernel = kernel * (float(self._finest[1] - self._finest[0]) / (len(self._error) - (self._left is not None)))
        return lambda theta: self._true(theta, self._finest) @ kernel

    def without(self, cluster: int) -> ObservedYx:
        """The same of all clusters but one, where nobody says which one is meant."""
        rest = copy(self)
        rest._left = cluster
        return rest

    def _sum_of_laws(self, log_yx: bytes) -> Array:
        """Densities of measured values (G,) at the finest true ones, (N, G), summed over clusters."""
        at = np.frombuffer(log_yx)
        laws, number = np.unique(self._told_apart, axis=0, return_counts=True)
        total = np.zeros((len(self._finest), len(at)))
        for (error, skew), some in zip(laws, number, strict=True):
            total += some * self._law(at, error, skew)
        return total

    @property
    def _told_apart(self) -> Array:
        """Errors at the middle and skews, (Q, 2), nearly the same ones alike."""
        typical = self._typical
        if self._trend.slope:
            size = np.log10(np.maximum(typical, _TINY))
            typical = np.where(typical > 0, 10.0 ** (_ALIKE * np.rint(size / _ALIKE)), 0.0)
        return np.column_stack([typical, self._skew])

    def _law(self, log_yx: Array, typical: float, skew: float) -> Array:
        """That of one error at the middle."""
        smallest = float(self._finest[1] - self._finest[0])
        of = log_yx if skew else self._finest[:, None]
        error = np.maximum(typical * self._trend.factor(of, self._middle), smallest)
        return split_normal(log_yx, self._finest[:, None], error, np.asarray(skew))

    @property
    def nodes(self) -> Array:
        """Nodes of the model, and as far beyond as errors reach."""
        widest = self._trend.factor(np.array([self._grid[0], self._grid[-1]]), self._middle).max()
        margin = _MARGIN * float((self._typical * (1 + np.abs(self._skew))).max() * widest)
        return reaching(reaching(self._grid, float(self._grid[0]) - margin), float(self._grid[-1]) + margin)


def _ratio(offset: Array, error: Array, at_truth: Array, skew: Array) -> Array:
    """Densities of measured values with errors at the truth, in units of those with other ones; arrays broadcast."""
    new, old = (split_normal(np.zeros(1), offset, np.maximum(x, _EXACT), skew) for x in (at_truth, error))
    return np.asarray(new / np.maximum(old, _TINY))
