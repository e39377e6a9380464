"""Level `counts`: the number of clusters."""

from __future__ import annotations

import numpy as np
from scipy import special

from ..core.arrays import Array
from ..core.chunks import in_chunks, in_parts
from ..model.forward import ForwardModel
from ..model.mocks import Mocks
from .derivatives import derivatives
from .expectation import Expectation
from .level import Contribution, Level, log_poisson
from .level_name import LevelName


class Counts(Level):
    """Poisson likelihood of the number of clusters."""

    name = LevelName.COUNTS
    whole = True

    def __call__(self, theta: Array) -> Array:
        """Log likelihood, shape (P,)."""
        return log_poisson(self._data.size, self._model.expected_count(theta))

    @classmethod
    def of_many(cls, model: ForwardModel, mocks: Mocks, theta: Array) -> Array:
        """Log likelihoods, shape (n, S)."""
        count = in_parts(model.expected_count, theta)
        value: Array = special.xlogy(mocks.size[:, None], count) - count
        return value

    @classmethod
    def information(cls, expected: Expectation) -> Array:
        """Lambda d_i(ln Lambda) d_j(ln Lambda)."""
        model = expected.model
        slope = derivatives(lambda theta: np.log(model.expected_count(theta)), model.parameters, expected.at)
        return expected.count * np.outer(slope, slope)

    def without_each(self, theta: Array) -> Array:
        """The ratio of likelihoods of N - 1 and N clusters, the same for each, shape (S, Q)."""
        return np.repeat(self._more(theta, -1)[:, None], len(self._data.log_yx), axis=1)

    def one_more(self, theta: Array) -> Array:
        """The ratio of likelihoods of N + 1 and N clusters, shape (S,)."""
        return self._more(theta, 1)

    def _more(self, theta: Array, more: int) -> Array:
        """ln L of other numbers of clusters minus ln L, shape (S,)."""
        count, size = in_chunks(self._model.expected_count, theta), self._data.size
        return log_poisson(size + more, count) - log_poisson(size, count)

    @classmethod
    def contribution(cls, model: ForwardModel, theta: Array) -> Contribution:
        """ln Lambda, whatever the cluster's Y_X."""
        grid = np.linspace(model.yx_grid[0], model.yx_grid[-1], 4)
        return Contribution(grid, np.repeat(np.log(model.expected_count(theta))[:, None], len(grid), axis=1))
