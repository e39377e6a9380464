"""What upper limits of single clusters' mass proxies say, at the levels that know proxies but no other observable."""

from __future__ import annotations

import numpy as np
from scipy.interpolate import CubicSpline

from ...core.arrays import Array
from ...model.forward import ForwardModel
from .edges import chance_of_limit
from .evidence import contaminants_of, log_weighed
from .observed_yx import OnNodes

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
    evidence : ndarray, shape (L,), optional
        ln of the likelihood ratio of a cluster to a contaminant.
    true : OnNodes, optional
        Density of true Y_X that is known for other data too.
    """

    def __init__(
        self,
        model: ForwardModel,
        limit: Array,
        width: Array,
        evidence: Array | None = None,
        true: OnNodes | None = None,
    ) -> None:
        self._evidence, self._true = evidence, true or OnNodes(model, np.empty(0))
        grid = self._true.grid
        self._false = None if evidence is None else contaminants_of(model)
        fine = np.linspace(grid[0], grid[-1], _FINE * (len(grid) - 1) + 1)
        chance = chance_of_limit(fine[:, None], limit, width) * (fine[1] - fine[0])
        self._weights = CubicSpline(grid, np.eye(len(grid)))(fine).T @ chance

    def __call__(self, theta: Array) -> Array:
        """Log likelihood, shape (P,)."""
        grid, expected = self._true.grid, self._true(theta) @ self._weights
        if self._false is not None and self._evidence is not None:
            false = self._false.yx_density(theta, grid, np.zeros_like(grid)) @ self._weights
            return np.asarray(log_weighed(expected, false, self._evidence).sum(axis=1))
        value: Array = np.log(np.maximum(expected, _TINY)).sum(axis=1)
        return value
