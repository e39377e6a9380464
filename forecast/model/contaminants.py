"""Detections that are no clusters, as a forward model sees them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Protocol

import numpy as np
from scipy.interpolate import CubicSpline

from ..core.arrays import Array
from ..core.parameters import ParameterSet
from .mixture import SQRT2PI

_KEPT, _REFINED = 64, 4
"""Densities kept, and nodes of their table for each of the model's."""


class Detections(Protocol):
    """A forward model on flux; all methods take parameter vectors (P, D)."""

    @property
    def yx_grid(self) -> Array:
        """Uniform nodes in log10 Y_X that hold all detections, shape (Q,)."""

    def expected_count(self, theta: Array) -> Array:
        """Expected number, shape (P,)."""

    def yx_density(self, theta: Array, log_yx: Array, error: Array | float = 0.0) -> Array:
        """Expected number per dex of observed Y_X, shape (P, Q); `error` in dex, scalar or (Q,)."""

    def local_yx_density(self, theta: Array, log_yx: Array, error: Array) -> Array:
        """Expected number per dex of Y_X observed with small errors (Q,), shape (P, Q)."""

    def lx_density(self, theta: Array, log_lx: Array) -> Array:
        """Expected number per dex of measured L_X, shape (P, Q)."""


@dataclass(frozen=True)
class Contaminants:
    """Detections that are no clusters: as many as `Contamination` says, times a free factor.

    Parameters
    ----------
    model : Detections
        Clusters detected with the chance of detection times the odds of contamination.
    fiducial : ndarray, shape (1, D)
        Parameters at which it is evaluated.
    parameters : ParameterSet
        Of the survey.
    """

    model: Detections
    fiducial: Array
    parameters: ParameterSet

    def factor(self, theta: Array) -> Array:
        """Their number in units of the expected one, shape (P,)."""
        factor = np.atleast_1d(self.parameters.values(theta).norm_contamination)
        return np.broadcast_to(factor, (len(np.atleast_2d(theta)),))

    @cached_property
    def _expected(self) -> Array:
        return self.model.expected_count(self.fiducial)

    @cached_property
    def _table(self) -> tuple[Array, Array]:
        """Fine uniform nodes in log10 Y_X, and the expected number per dex at them, without errors."""
        coarse = self.model.yx_grid
        density = self.model.local_yx_density(self.fiducial, coarse, np.zeros_like(coarse))[0]
        grid = np.linspace(coarse[0], coarse[-1], _REFINED * (len(coarse) - 1) + 1)
        return grid, np.exp(CubicSpline(coarse, np.log(np.maximum(density, np.finfo(float).tiny)))(grid))

    @cached_property
    def _densities(self) -> Callable[[bytes, bytes], Array]:
        """Density at given Y_X and errors, kept for those asked for last: likelihoods ask again and again."""
        return lru_cache(maxsize=_KEPT)(lambda y, e: self._observed(np.frombuffer(y), np.frombuffer(e)))

    def _observed(self, log_yx: Array, error: Array) -> Array:
        """Expected number per dex at Y_X observed with errors (Q,), which are at least the nodes' spacing."""
        if np.isnan(error).any():  # `BY_FLUX`
            return np.asarray(self.model.yx_density(self.fiducial, log_yx, error)[0])
        grid, density = self._table
        step = grid[1] - grid[0]
        error = np.maximum(error, step)
        kernel = np.exp(-0.5 * ((log_yx - grid[:, None]) / error) ** 2) * (step / (SQRT2PI * error))
        observed: Array = density @ kernel
        return observed

    def count(self, theta: Array) -> Array:
        """Expected number, shape (P,)."""
        return self.factor(theta) * self._expected

    def yx_density(self, theta: Array, log_yx: Array, error: Array) -> Array:
        """Expected number per dex of observed Y_X, shape (P, Q)."""
        return self.factor(theta)[:, None] * self._densities(log_yx.tobytes(), error.tobytes())

    def lx_density(self, theta: Array, log_lx: Array) -> Array:
        """Expected number per dex of measured L_X, shape (P, Q)."""
        return self.factor(theta)[:, None] * self.model.lx_density(self.fiducial, log_lx)
