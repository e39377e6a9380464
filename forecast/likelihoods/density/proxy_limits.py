"""What upper limits of single clusters' mass proxies say, at the levels that know proxies but no other observable."""

from __future__ import annotations

import numpy as np
from scipy.interpolate import CubicSpline

from ...core.arrays import Array
from ...model.forward import ForwardModel
from .edges import chance_of_limit

_TINY = np.finfo(float).tiny
_FINE = 8
"""Nodes for each of the model's, so that they resolve the edges."""


class ProxyLimits:
    """Sum over clusters of ln of the integral of lambda(y) P(limit | y) over the true log10 Y_X.

    Parameters
    ----------
    model : ForwardModel
    limit, width : ndarray, shape (L,)
        log10 of the limits, and the noise behind them in units of the limits.
    """

    def __init__(self, model: ForwardModel, limit: Array, width: Array) -> None:
        self._model, grid = model, model.yx_grid
        fine = np.linspace(grid[0], grid[-1], _FINE * (len(grid) - 1) + 1)
        chance = chance_of_limit(fine[:, None], limit, width) * (fine[1] - fine[0])
        self._weights = CubicSpline(grid, np.eye(len(grid)))(fine).T @ chance

    def __call__(self, theta: Array) -> Array:
        """Log likelihood, shape (P,)."""
        expected = self._model.yx_density(theta, self._model.yx_grid) @ self._weights
        value: Array = np.log(np.maximum(expected, _TINY)).sum(axis=1)
        return value
