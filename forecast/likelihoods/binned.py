"""Level `binned`: numbers of clusters in bins of Y_X."""

from __future__ import annotations

import numpy as np
from scipy import special

from ..core.arrays import Array
from ..core.chunks import in_chunks, in_parts
from ..model.forward import ForwardModel
from ..model.mocks import Mocks
from .bins import YxBins
from .data import Data
from .derivatives import derivatives, outer_sum
from .expectation import Expectation
from .level import TINY, Level
from .level_name import LevelName


class Binned(Level):
    """Poisson counts in bins of Y_X; errors of Y_X enter as their rms, or, asymmetric, as their average.

    Clusters without Y_X each contribute ln Lambda.
    """

    name = LevelName.BINNED
    smooth = False
    proxy_words = "N in bins of the "

    def __init__(self, model: ForwardModel, data: Data) -> None:
        super().__init__(model, data)
        self._bins = YxBins.of(model)
        self._counts = self._bins.count(data.log_yx, data.weight)
        self._without, self._error = max(data.size - data.number_with_yx, 0.0), data.rms_error
        asymmetric = data.asymmetric(model)
        self._density = None if asymmetric is None else asymmetric.of_any(self._bins.nodes)

    def _expected(self, theta: Array) -> Array:
        """Expected clusters in each bin, (P, B)."""
        if self._density is not None:
            return np.maximum(self._bins.summed(self._density(theta)), TINY)
        return np.maximum(self._bins.expected(self._model, theta, self._error), TINY)

    def __call__(self, theta: Array) -> Array:
        """Log likelihood, shape (P,)."""
        count = self._model.expected_count(theta)
        value = special.xlogy(self._counts, self._expected(theta)).sum(axis=1) - count
        value -= special.gammaln(self._counts + 1).sum() + special.gammaln(self._without + 1)
        total: Array = value + special.xlogy(self._without, np.maximum(count, TINY))
        return total

    @classmethod
    def of_many(cls, model: ForwardModel, mocks: Mocks, theta: Array) -> Array:
        """Log likelihoods, shape (n, S)."""
        bins = YxBins.of(model)
        expected = in_parts(lambda part: bins.expected(model, part, model.setup.yx_error), theta)
        data = np.array([bins.count(y, np.ones(len(y))) for y in np.split(mocks.log_yx, np.cumsum(mocks.size)[:-1])])
        return data @ np.log(np.maximum(expected, TINY)).T - in_parts(model.expected_count, theta)

    @classmethod
    def information(cls, expected: Expectation) -> Array:
        """Sum over bins of d_i(mu) d_j(mu) / mu."""
        model, at = expected.model, expected.at
        bins, error = YxBins.of(model), model.setup.yx_error
        number = bins.expected(model, at[None], error)[0]
        keep = number > 1e-9 * number.max()
        slope = derivatives(lambda theta: np.log(bins.expected(model, theta, error)[:, keep]), model.parameters, at)
        return outer_sum(slope, number[keep])

    def without_each(self, theta: Array) -> Array:
        """Minus ln of the expected number in each cluster's bin, shape (S, Q)."""
        expected = in_chunks(self._expected, theta)
        place = np.searchsorted(self._bins.edges, self._data.log_yx, side="right") - 1
        return -np.log(expected)[:, np.clip(place, 0, expected.shape[1] - 1)]
