"""Level `selfcal`: the number of clusters and their median Y_X."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np
from scipy import special

from ..core.arrays import Array
from ..core.chunks import in_chunks, in_parts
from ..core.errors import InputError
from ..model.forward import ForwardModel
from ..model.mocks import Mocks
from ..model.yx_distribution import TabulatedDistribution, YxDistribution, log_median_density
from .counts import Counts
from .data import Data
from .density.followed import Proxied
from .density.observed_yx import ObservedYx
from .derivatives import derivatives, narrow_steps
from .expectation import Expectation
from .level import TINY, Level, log_poisson
from .level_name import LevelName
from .yx_score import density_on_nodes

MANY = 30
"""Expected clusters from which on the median is taken to be of the expected number of them."""
_NEGLIGIBLE = 1e-6
"""Poisson probability, in units of the largest, of numbers that are left out."""
_SCREEN_SIZE, _SCREEN_DEPTH = 30, 10.0
_STEP = 0.01
"""Step of the derivative by the median, dex."""


class SelfCal(Level):
    """Poisson times the density of an order statistic; errors of Y_X enter as their rms.

    Of a cluster with an upper limit of Y_X the rank must be known: below the median. Asymmetric errors enter as the
    average over each cluster's own.
    """

    name = LevelName.SELFCAL
    whole = True
    of_median = True
    proxy_words = "N and the median of the "

    def __init__(self, model: ForwardModel, data: Data, asymmetric: ObservedYx | None = None) -> None:
        """`asymmetric`: density of what was measured with asymmetric errors, where it is known already."""
        super().__init__(model, data)
        if fault := self.fault(data):
            raise InputError(fault)
        self._proxied = Proxied.of(model)
        self._with_yx, self._error = round(data.number_with_yx) + len(data.limit), data.rms_error
        asymmetric = asymmetric or data.asymmetric(self._proxied.model)
        self._asymmetric = asymmetric
        self._nodes = None if asymmetric is None else asymmetric.nodes
        self._density = None if asymmetric is None else asymmetric.of_any(asymmetric.nodes)

    @classmethod
    def fault(cls, data: Data) -> str:
        """Upper limits that lie above the median, or are most of the data."""
        above = [part for part in data.bins or (data,) if len(part.limit) and not np.isfinite(part.median)]
        if not above:
            return ""
        beside = f"{len(above[0].limit)} upper limits beside {len(above[0].log_yx)} values"
        return (
            f"level '{cls.name}' needs the median Y_X, which {beside} do not tell, as some limits are larger than it; "
            "use level 'unbinned'"
        )

    def __call__(self, theta: Array) -> Array:
        """Log likelihood, shape (P,)."""
        size, median = self._data.size, self._data.median
        if self._proxied.told_apart:
            return self._of_two_numbers(theta)
        if not self._with_yx:
            return log_poisson(size, self._model.expected_count(theta))
        one = self._distribution(theta)
        return log_poisson(size, one.count) + log_median_density(one, median, self._with_yx)

    def _of_two_numbers(self, theta: Array) -> Array:
        """Poisson numbers of the clusters that were followed up and of the others, and the median of the former."""
        some, number = self._proxied.model, self._with_yx
        rest = self._proxied.rest(theta, self._model.expected_count(theta))
        value = log_poisson(number, some.expected_count(theta)) + log_poisson(self._data.size - number, rest)
        if not number:
            return value
        return value + log_median_density(self._distribution(theta), self._data.median, number)

    def _distribution(self, theta: Array) -> YxDistribution:
        """Distribution of the measured Y_X of a cluster that has one."""
        if self._nodes is None or self._density is None:
            return self._proxied.model.yx_distribution(theta, self._data.median, self._with_yx, self._error)
        return TabulatedDistribution.from_density(self._nodes, self._density(theta))

    @classmethod
    def of_many(cls, model: ForwardModel, mocks: Mocks, theta: Array) -> Array:
        """Log likelihoods, shape (n, S).

        Of large even sizes, draws of weight below e^-10 get the median of one cluster more: 0.02 in ln L.
        """
        proxied, known = Proxied.of(model), mocks.with_yx
        table = TabulatedDistribution.from_density(*density_on_nodes(proxied.model, known.log_yx, theta))
        value, medians = Counts.of_many(model, mocks, theta), mocks.median_yx
        if proxied.told_apart:
            count = in_parts(model.expected_count, theta)
            rest = proxied.rest(theta, count)
            value = special.xlogy(known.size[:, None], np.maximum(count - rest, TINY)) - count
            value += special.xlogy((mocks.size - known.size)[:, None], rest)
        for i in np.flatnonzero(known.size):
            size, median, poisson = int(known.size[i]), float(medians[i]), value[i].copy()
            screened = size % 2 == 0 and size >= _SCREEN_SIZE
            value[i] += log_median_density(table, median, size | 1 if screened else size)
            if screened:
                kept = np.flatnonzero(value[i] > value[i].max() - _SCREEN_DEPTH)
                value[i, kept] = poisson[kept] + log_median_density(_local(table, kept, median, size), median, size)
        return value

    @classmethod
    def information(cls, expected: Expectation) -> Array:
        """That of N, and of the median of N values of Y_X, averaged over Poisson N where N is small."""
        model, number = expected.proxied.model, expected.information_of_numbers
        count = expected.count_with_proxy
        steps = narrow_steps(model.parameters, expected.yx_score.information * max(count, 1.0) / count)
        medians = _Medians(model, expected.at, steps, count >= MANY)
        if medians.many:
            return number + medians.information(round(count))
        sizes = np.arange(1, int(count + 8 * np.sqrt(count)) + 8)
        chances = np.exp(log_poisson(sizes, np.array(count)))
        kept = chances > _NEGLIGIBLE * chances.max()
        each = [chance * medians.information(int(n)) for n, chance in zip(sizes[kept], chances[kept], strict=True)]
        information: Array = number + np.sum(each, axis=0)
        return information

    def without_each(self, theta: Array) -> Array:
        """The ratio of likelihoods of N - 1 clusters with the median of those that remain, and of N, shape (S, Q).

        Equal medians are computed once.
        """
        data, others, which = self._data, dict[float, SelfCal](), []
        for i in range(len(data.log_yx)):
            kept = np.arange(len(data.log_yx)) != i
            own = {"limits": (data.limit, data.limit_width), "skew": data.skew[kept]}
            rest = Data.observed(int(data.size) - 1, data.log_yx[kept], data.error[kept], **own)
            if rest.median not in others:
                asymmetric = None if self._asymmetric is None else self._asymmetric.without(i)
                others[rest.median] = SelfCal(self._model, rest, asymmetric)
            which.append(list(others).index(rest.median))

        def ratios(some: Array) -> Array:
            now = self(some)
            return np.stack([one(some) - now for one in others.values()], axis=1)

        return in_chunks(ratios, theta)[:, which]

    def one_more(self, theta: Array) -> Array:
        """That of `counts`: the median stays, and how well it is known."""
        return Counts(self._model, self._data).one_more(theta)

    def median_slope(self, theta: Array) -> Array:
        """d ln L / d median log10 Y_X, shape (S,)."""
        data = self._data
        sides = (replace(data, median=data.median + step) for step in (_STEP, -_STEP))
        moved = (SelfCal(self._model, side, self._asymmetric) for side in sides)
        above, below = (in_chunks(each, theta) for each in moved)
        return (above - below) / (2 * _STEP)


def _local(table: TabulatedDistribution, kept: Array, median: float, size: int) -> TabulatedDistribution:
    """Some of a table's parameter vectors, on the nodes within 20 e-folds of the median's integrand."""
    density = float(np.max(np.exp(table.log_density(median)[kept]) / table.count[kept]))
    low, high = (int(np.searchsorted(table.grid, median + x / (size * density))) for x in (-10, 10))
    return table.part(kept, max(low - 3, 0), min(high + 3, len(table.grid) - 1))


@dataclass(frozen=True)
class _Medians:
    """Medians of N values of Y_X at parameters about `at`.

    Parameters
    ----------
    model : ForwardModel
    at, steps : ndarray, shape (D,)
        Parameter vector, and steps of derivatives in natural coordinates.
    many : bool
        Whether one size is asked for, of many clusters; else densities are tabulated once for all sizes.
    """

    model: ForwardModel
    at: Array
    steps: Array
    many: bool

    @cached_property
    def _table(self) -> Callable[[bytes], TabulatedDistribution]:
        """Distributions of Y_X at parameter vectors, kept for those asked for last."""
        grid, error = self.model.yx_grid, self.model.setup.yx_error

        def tabulated(theta: bytes) -> TabulatedDistribution:
            density = self.model.yx_density(np.frombuffer(theta).reshape(-1, len(self.at)), grid, error)
            return TabulatedDistribution.from_density(grid, density)

        return lru_cache(maxsize=2)(tabulated)

    def _about(self, theta: Array, y: float, size: int) -> YxDistribution:
        """Distributions of Y_X at parameter vectors (P, D), as good as the median of `size` near `y` needs them."""
        if not self.many:
            return self._table(theta.tobytes())
        return self.model.yx_distribution(theta, y, size, self.model.setup.yx_error)

    def information(self, size: int) -> Array:
        """Information in the median of `size` values, averaged over its exact density, shape (D, D)."""
        one = self._table(self.at[None].tobytes())
        centre = one.quantile(0.5)
        width = 0.5 / (np.sqrt(size) * float(one.pdf(np.array([centre]))[0, 0]))
        nodes = centre + width * np.linspace(-5, 5, 41)

        def log_densities(theta: Array) -> Array:
            table = self._about(theta, centre, size)
            whole = isinstance(table, TabulatedDistribution)  # else an expansion about each node
            parts = (table if whole else self._about(theta, y, size) for y in nodes)
            return np.stack([log_median_density(part, y, size) for part, y in zip(parts, nodes, strict=True)], axis=-1)

        weight = np.exp(log_densities(self.at[None])[0])
        score = derivatives(log_densities, self.model.parameters, self.at, self.steps)
        information: Array = np.einsum("iq,jq,q->ij", score, score, weight / weight.sum())
        return information
