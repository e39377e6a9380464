"""ln density of many measured Y_X of which most have equal errors: from tables, the others one by one."""

from __future__ import annotations

import numpy as np

from ...core.arrays import Array
from ...model.yx_distribution import TabulatedDistribution
from .observed_yx import OfYx

_DIGITS = 12
_TINY = np.finfo(float).tiny


class TabulatedYx:
    """ln of the expected number per dex at measured values, by parameter vectors.

    Parameters
    ----------
    model : OfYx
    log_yx, error : ndarray, shape (Q,)
        log10 Y_X and symmetric errors, dex. Where more values than the model has nodes share an error and lie between
        its nodes, they are interpolated.
    """

    def __init__(self, model: OfYx, log_yx: Array, error: Array) -> None:
        self._model, self._log_yx, self._error, grid = model, log_yx, error, model.yx_grid
        inside = (log_yx >= grid[0]) & (log_yx <= grid[-1])
        _, kind, number = np.unique(np.round(error, _DIGITS), return_inverse=True, return_counts=True)
        number = np.bincount(kind.ravel()[inside], minlength=len(number))
        self._alike = [np.flatnonzero(inside & (kind.ravel() == i)) for i in np.flatnonzero(number > len(grid))]
        single = np.ones(len(log_yx), dtype=bool)
        for mine in self._alike:
            single[mine] = False
        self._single = np.flatnonzero(single)

    @property
    def worthwhile(self) -> bool:
        """Whether any value is interpolated."""
        return bool(self._alike)

    def __call__(self, theta: Array) -> Array:
        """ln of the expected number per dex, (P, Q)."""
        if len(self._alike) == 1 and not len(self._single):
            return self._interpolated(theta, self._alike[0])
        value = np.empty((len(theta), len(self._log_yx)))
        for mine in self._alike:
            value[:, mine] = self._interpolated(theta, mine)
        if len(self._single):
            density = self._model.yx_density(theta, self._log_yx[self._single], self._error[self._single])
            value[:, self._single] = np.log(np.maximum(density, _TINY))
        return value

    def _interpolated(self, theta: Array, mine: Array) -> Array:
        """The same of values that share an error."""
        grid = self._model.yx_grid
        density = self._model.yx_density(theta, grid, float(self._error[mine[0]]))
        return np.asarray(TabulatedDistribution.from_density(grid, density).log_density(self._log_yx[mine]))
