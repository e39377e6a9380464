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
from .density.followed import Proxied
from .density.proxy_limits import ProxyLimits
from .derivatives import derivatives, outer_sum
from .expectation import Expectation
from .level import TINY, Level
from .level_name import LevelName


class Binned(Level):
    """Poisson counts in bins of Y_X; errors of Y_X enter as their rms, or, asymmetric, as their average.

    Clusters without Y_X each contribute ln Lambda; those with an upper limit of it are in no bin, and contribute what
    lies below the limit.
    """

    name = LevelName.BINNED
    smooth = False
    proxy_words = "N in bins of the "

    def __init__(self, model: ForwardModel, data: Data) -> None:
        super().__init__(model, data)
        self._proxied = Proxied.of(model)
        self._bins = YxBins.of(self._proxied.model)
        self._counts = self._bins.count(data.log_yx, data.weight)
        self._without, self._error = data.number_without_yx, data.rms_error
        asymmetric = data.asymmetric(self._proxied.model)
        limits = data.limit, data.limit_width, None, None if asymmetric is None else asymmetric.true
        self._limits = ProxyLimits(self._proxied.model, *limits) if len(data.limit) else None
        self._density = None if asymmetric is None else asymmetric.of_any(self._bins.nodes)

    def _expected(self, theta: Array) -> Array:
        """Expected clusters in each bin, (P, B)."""
        if self._density is not None:
            return np.maximum(self._bins.summed(self._density(theta)), TINY)
        return np.maximum(self._bins.expected(self._proxied.model, theta, self._error), TINY)

    def __call__(self, theta: Array) -> Array:
        """Log likelihood, shape (P,)."""
        count = self._model.expected_count(theta)
        value = special.xlogy(self._counts, self._expected(theta)).sum(axis=1) - count
        value -= special.gammaln(self._counts + 1).sum() + special.gammaln(self._without + 1)
        total: Array = value + special.xlogy(self._without, self._proxied.rest(theta, count))
        return total if self._limits is None else total + self._limits(theta)

    @classmethod
    def of_many(cls, model: ForwardModel, mocks: Mocks, theta: Array) -> Array:
        """Log likelihoods, shape (n, S)."""
        proxied, known = Proxied.of(model), mocks.with_yx
        some, bins = proxied.model, YxBins.of(proxied.model)
        expected = in_parts(lambda part: bins.expected(some, part, some.setup.yx_error), theta)
        data = np.array([bins.count(y, np.ones(len(y))) for y in np.split(known.log_yx, np.cumsum(known.size)[:-1])])
        count = in_parts(model.expected_count, theta)
        value = data @ np.log(np.maximum(expected, TINY)).T - count
        total: Array = value + special.xlogy((mocks.size - known.size)[:, None], proxied.rest(theta, count))
        return total

    @classmethod
    def information(cls, expected: Expectation) -> Array:
        """Sum over bins of d_i(mu) d_j(mu) / mu, and what the number of clusters in none adds."""
        model, at = expected.proxied.model, expected.at
        bins, error = YxBins.of(model), model.setup.yx_error
        number = bins.expected(model, at[None], error)[0]
        keep = number > 1e-9 * number.max()
        slope = derivatives(lambda theta: np.log(bins.expected(model, theta, error)[:, keep]), model.parameters, at)
        return outer_sum(slope, number[keep]) + expected.information_of_rest

    def without_each(self, theta: Array) -> Array:
        """Minus ln of the expected number in each cluster's bin, shape (S, Q)."""
        expected = in_chunks(self._expected, theta)
        place = np.searchsorted(self._bins.edges, self._data.log_yx, side="right") - 1
        return -np.log(expected)[:, np.clip(place, 0, expected.shape[1] - 1)]
