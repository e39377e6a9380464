"""Levels `full` and `full+wl`: a Poisson point process of every cluster's redshift and observables."""

from __future__ import annotations

import numpy as np
from scipy import special

from ..core.arrays import Array
from ..core.parameters import ParameterSet
from ..model.forward import ForwardModel
from .point_density import PointDensity
from .points import Points


class PointProcess:
    """Poisson point process of every cluster: -Lambda + sum ln lambda(x_i, z_i) - ln N!.

    Parameters
    ----------
    model : ForwardModel
    points : Points
    size : float
        Number of clusters, at least the points' weight; the rest each contribute ln Lambda.
    lensing : bool
        Whether weak-lensing masses are among the data.
    """

    def __init__(self, model: ForwardModel, points: Points, size: float, *, lensing: bool) -> None:
        self.name = "full+wl" if lensing else "full"
        self.parameters: ParameterSet = model.parameters
        self._model, self._weight, self._size = model, points.weight, size
        self._density = PointDensity(model, points, lensing)

    def __call__(self, theta: Array) -> Array:
        """Log likelihood, shape (P,)."""
        theta = np.atleast_2d(theta)
        count = self._model.expected_count(theta)
        value = -count - special.gammaln(self._size + 1)
        value += special.xlogy(max(self._size - self._weight.sum(), 0.0), np.maximum(count, np.finfo(float).tiny))
        if len(self._weight):
            value += self._density.grid(theta) @ self._weight
        return value
