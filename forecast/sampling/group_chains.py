"""Markov chains of groups of catalogues, which any process may walk: they do not depend on the group."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

import numpy as np

from ..core.arrays import Array
from ..core.rng import generator
from ..likelihoods.levels import cluster_level
from ..likelihoods.paired import Paired
from ..model.forward import ForwardModel, forward_model
from ..model.mocks import Mocks
from ..model.setup import Setup
from .autocorrelation import effective_draws, harmonic_mean
from .chains import Pilots, walk
from .lessons import Lessons
from .proposal import from_scores

BURN, _LONGEST_BURN = 0.2, 200
"""Share of the chains from which proposals are learnt, and which is left out; of the steps of each chain at most."""
_CLUSTERS = 8000
"""Clusters in a group: so many that arrays are long, so few that there are several groups."""
_COPIES, _CHAINS = 4, 20
"""Chains of each catalogue, and of all catalogues together, at least."""
_SHORTEST, _BLOCK = 10, 100
"""Steps of a chain at least, and before the first look at whether chains are long enough."""


def copies_of(number: int) -> int:
    """Chains of each of so many catalogues."""
    return max(_COPIES, -(-_CHAINS // number))


@dataclass(frozen=True)
class Group:
    """Catalogues from number `start` up to `stop`."""

    start: int
    stop: int


@dataclass(frozen=True)
class GroupChains:
    """Chains of n catalogues.

    Parameters
    ----------
    mean, std : ndarray, shape (n, D)
    trace : ndarray, shape (T, C, n)
        sigma8 of C chains of each.
    theta : ndarray, shape (n, S, D)
        States that are kept, chain by chain.
    """

    mean: Array
    std: Array
    trace: Array
    theta: Array


@dataclass(frozen=True)
class ChainsPlan:
    """How long chains are.

    Parameters
    ----------
    seed : int
    steps : int
        Of the chains of one catalogue, all together; at most, but for ten of each chain.
    kept : int
        States of each catalogue to keep, evenly spaced.
    enough : float
        Effective number of draws (harmonic mean over catalogues) at which chains end; all catalogues are then one
        group.
    """

    seed: int
    steps: int
    kept: int
    enough: float = float("inf")


@dataclass(frozen=True)
class ChainsOf:
    """Chains of the posteriors of catalogues, at a level of single clusters.

    Parameters
    ----------
    setup : Setup
    level : str
    mocks : Mocks
    plan : ChainsPlan
    """

    setup: Setup
    level: str
    mocks: Mocks
    plan: ChainsPlan

    @property
    def groups(self) -> list[Group]:
        """Successive catalogues of about `_CLUSTERS` clusters."""
        mocks = self.mocks
        number = max(1, min(len(mocks.size) // 2, int(mocks.size.sum()) // _CLUSTERS))
        parts = np.array_split(np.arange(len(mocks.size)), number if self.plan.enough == np.inf else 1)
        return [Group(int(part[0]), int(part[-1]) + 1) for part in parts]

    @property
    def copies(self) -> int:
        """Chains of each catalogue."""
        return copies_of(len(self.mocks.size))

    @cached_property
    def _model(self) -> ForwardModel:
        return forward_model(self.setup)

    @cached_property
    def _starts(self) -> Array:
        """Where proposals are sought, scores (P, D)."""
        rng = generator(self.plan.seed, f"lessons {self.level}")
        return Lessons.drawn(self._model, rng=rng).start(self.mocks)

    def __call__(self, group: Group) -> GroupChains:
        """Chains of a group."""
        model, inside = self._model, range(group.start, group.stop)
        each = max(self.plan.steps // self.copies, _SHORTEST)
        mocks, burn = self.mocks.part(group.start, group.stop), min(round(BURN * each), _LONGEST_BURN)
        names = [f"chains {self.level} {copy}" for copy in range(self.copies)]
        rngs = [generator(self.plan.seed, name, index) for name in names for index in inside]

        def targets(copies: int) -> Paired:
            return cluster_level(self.level).paired(model, Mocks.stacked([mocks] * copies), self.mocks)

        lengths = [length for length in (burn // 2, burn - burn // 2) if length]
        pilots = Pilots.run(targets, model.parameters, self._starts[group.start : group.stop], lengths, rng=rngs)
        proposal = pilots.proposal.repeated(self.copies)
        chain = walk(pilots.target, model.parameters, proposal, pilots.at, rng=rngs)
        states, left = np.empty((0, *pilots.at.shape)), each - burn
        while more := min(self._missing(states), left - len(states)):
            states = np.concatenate([states, [at.copy() for at, _ in islice(chain, more)]])
        return self._summary(states)

    def _missing(self, states: Array) -> int:
        """About how many more steps chains, scores (T, C n, D), should have; no more than twice their length."""
        length, place = len(states), self._model.parameters.names.index("sigma8")
        if self.plan.enough == np.inf:
            return max(self.plan.steps, _SHORTEST)
        if not length:
            return _BLOCK
        size = harmonic_mean(effective_draws(states[..., place].reshape(length, self.copies, -1)))
        share = self.plan.enough / size - 1
        return 0 if share <= 0 else min(max(math.ceil(share * length), _BLOCK // 4), length)

    def _summary(self, states: Array) -> GroupChains:
        parameters, (length, _, dimension) = self._model.parameters, states.shape
        theta = from_scores(parameters, states.reshape(-1, dimension)).reshape(length, self.copies, -1, dimension)
        every = theta.transpose(2, 1, 0, 3).reshape(theta.shape[2], -1, dimension)
        kept = np.linspace(0, every.shape[1] - 1, self.plan.kept).astype(int)
        trace = theta[..., parameters.names.index("sigma8")]
        return GroupChains(every.mean(axis=1), every.std(axis=1), trace, every[:, kept])
