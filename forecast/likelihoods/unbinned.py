"""Level `unbinned`: a Poisson point process of every Y_X."""

from __future__ import annotations

from functools import partial

import numpy as np
from scipy import special
from scipy.interpolate import CubicSpline

from ..core.arrays import Array
from ..core.chunks import in_chunks, in_parts
from ..model.forward import ForwardModel
from ..model.mocks import Mocks
from .data import Data
from .density.evidence import contaminants_of, log_weighed
from .density.followed import Proxied
from .density.proxy_limits import ProxyLimits
from .density.tabulated_yx import TabulatedYx
from .expectation import Expectation
from .level import TINY, Contribution, Level
from .level_name import LevelName
from .paired import Paired, PairedYx
from .yx_score import density_on_nodes

_STEP, _ROWS = 0.01, 500
"""Step of derivatives with respect to log10 Y_X, dex; parameter vectors at once, about."""


class Unbinned(Level):
    """-Lambda + sum ln lambda(y_i) - ln N!.

    Clusters without Y_X each contribute ln Lambda: their Y_X is marginalised over. Those with an upper limit of it
    contribute what lies below, see `ProxyLimits`.
    """

    name = LevelName.UNBINNED
    proxy_words = "N and the "

    def __init__(self, model: ForwardModel, data: Data) -> None:
        super().__init__(model, data)
        self._proxied = Proxied.of(model)
        self._asymmetric = data.asymmetric(self._proxied.model)
        table = None if self._asymmetric else TabulatedYx(self._proxied.model, data.log_yx, data.error)
        self._table = table if table is not None and table.worthwhile else None
        self._false = None if data.evidence is None else contaminants_of(self._proxied.model)
        self._asymmetric_false = None if self._false is None else data.asymmetric(self._false.model)
        evidence = None if data.evidence is None else data.evidence.limited
        true = None if self._asymmetric is None else self._asymmetric.true
        limits = data.limit, data.limit_width, evidence, true
        self._limits = ProxyLimits(self._proxied.model, *limits) if len(data.limit) else None

    def __call__(self, theta: Array) -> Array:
        """Log likelihood, shape (P,)."""
        data = self._data
        count = self._model.expected_count(theta)
        value: Array = -count - special.gammaln(data.size + 1)
        value += self._lacking_yx(theta, count)
        if len(data.log_yx):
            log_density = self._log_density(theta) if self._table is None else self._from_table(self._table, theta)
            value += log_density @ data.weight
        if self._limits is not None:
            value += self._limits(theta)
        return value

    def _from_table(self, table: TabulatedYx, theta: Array) -> Array:
        """ln lambda at every datum, shape (P, Q), where many have equal errors."""
        log_density = table(theta)
        return log_density if self._false is None else self._weighed(np.exp(log_density), theta, self._data.log_yx)

    def _lacking_yx(self, theta: Array, count: Array) -> Array:
        """What clusters without Y_X contribute, of `count` expected detections (P,); shape (P,)."""
        data, rest = self._data, self._proxied.rest(theta, count)
        every = contaminants_of(self._model)
        if self._false is None or every is None or data.evidence is None:
            return np.asarray(special.xlogy(data.number_without_yx, rest))
        false = every.count(theta) - (self._false.count(theta) if self._proxied.told_apart else 0.0)
        return np.asarray(log_weighed(rest[:, None], false[:, None], data.evidence.without).sum(axis=1))

    def _weighed(self, density: Array, theta: Array, log_yx: Array) -> Array:
        """ln of densities at every datum (P, Q), with its evidence where there is some."""
        if self._false is None or self._data.evidence is None:
            return np.log(np.maximum(density, TINY))
        if self._asymmetric_false is None:
            false = self._false.yx_density(theta, log_yx, self._data.error)
        else:
            false = self._false.factor(theta)[:, None] * self._asymmetric_false(self._false.fiducial, log_yx)
        return log_weighed(density, false, self._data.evidence.with_yx)

    def _log_density(self, theta: Array, shift: float = 0.0) -> Array:
        """ln lambda at every datum, moved by `shift` dex, shape (P, Q)."""
        moved = self._data.log_yx + shift
        if self._asymmetric is not None:
            return self._weighed(self._asymmetric(theta, moved), theta, moved)
        return self._weighed(self._proxied.model.yx_density(theta, moved, self._data.error), theta, moved)

    @classmethod
    def of_many(cls, model: ForwardModel, mocks: Mocks, theta: Array) -> Array:
        """Log likelihoods, shape (n, S).

        A cubic spline is linear in its nodes: summed over a mock's clusters it is a weighted sum of nodes.
        """
        proxied, known = Proxied.of(model), mocks.with_yx
        grid, density = density_on_nodes(proxied.model, known.log_yx, theta)
        cardinal = CubicSpline(grid, np.eye(len(grid)))
        data = np.array([cardinal(y).sum(axis=0) for y in np.split(known.log_yx, np.cumsum(known.size)[:-1])])
        count = in_parts(model.expected_count, theta)
        value = data @ np.log(np.maximum(density, TINY)).T - count
        total: Array = value + special.xlogy((mocks.size - known.size)[:, None], proxied.rest(theta, count))
        return total

    @classmethod
    def information(cls, expected: Expectation) -> Array:
        """Integral of d_i(lambda) d_j(lambda) / lambda over log10 Y_X, and what the number without one adds."""
        return expected.yx_score.information + expected.information_of_rest

    def without_each(self, theta: Array) -> Array:
        """-ln lambda of each cluster, shape (S, Q)."""
        return -in_chunks(self._log_density, theta)

    @classmethod
    def observables(cls, model: ForwardModel) -> tuple[str, ...]:
        """The mass proxy."""
        return ("yx",)

    @classmethod
    def mass_slopes(cls, model: ForwardModel) -> Array:
        """d log10 Y_X / d log10 M at the fiducial parameters, shape (1,)."""
        return np.array([float(np.asarray(model.setup.relations.at(model.parameters.fiducial_values).yx.slope))])

    def pull(self, theta: Array, weight: Array) -> Array:
        """Weighted sum of d ln lambda / d log10 Y_X, shape (Q, 1)."""
        moved = (partial(self._log_density, shift=step) for step in (_STEP, -_STEP))
        above, below = (in_chunks(each, theta) for each in moved)
        return np.tensordot(weight, (above - below) / (2 * _STEP), axes=1)[:, None]

    @classmethod
    def contribution(cls, model: ForwardModel, theta: Array) -> Contribution:
        """ln lambda on the model's nodes."""
        model = Proxied.of(model).model
        grid = model.yx_grid
        parts = np.array_split(theta, 1 + len(theta) // _ROWS)
        density = np.concatenate([model.yx_density(part, grid, model.setup.yx_error) for part in parts])
        return Contribution(grid, np.log(np.maximum(density, TINY)))

    @classmethod
    def paired(cls, model: ForwardModel, mocks: Mocks, among: Mocks | None = None) -> Paired:
        """Likelihoods of mock catalogues, some of those `among` which they are, each at parameters of its own."""
        return PairedYx(model, mocks, among)
