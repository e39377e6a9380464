"""Markov chains of groups of catalogues, which any process may walk.

A chain's random numbers do not depend on its group; its likelihood may, by as little as interpolation errs.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import cast

import numpy as np

from ..core.arrays import Array
from ..core.rng import generator
from ..model.forward import ForwardModel, forward_model
from ..model.mocks import Mocks
from ..model.setup import Setup
from .pairwise import Lessons, PairwisePosterior, Proposal, regression, summaries, walk
from .proposal import from_scores

BURN = 0.2
"""Share of a chain that is left out."""
_CLUSTERS = 8000
"""Clusters in a group: so many that arrays are long, so few that there are several groups."""


@dataclass(frozen=True)
class Group:
    """Catalogues from number `start` up to `stop`."""

    start: int
    stop: int


def groups_of(mocks: Mocks) -> list[Group]:
    """Successive catalogues of about `_CLUSTERS` clusters."""
    number = max(1, min(len(mocks.size) // 2, int(mocks.size.sum()) // _CLUSTERS))
    parts = np.array_split(np.arange(len(mocks.size)), number)
    return [Group(int(part[0]), int(part[-1]) + 1) for part in parts]


@dataclass(frozen=True)
class GroupChains:
    """Chains of n catalogues.

    Parameters
    ----------
    mean, std : ndarray, shape (n, D)
    trace : ndarray, shape (T, n)
        sigma8.
    theta : ndarray, shape (n, S, D)
        States that are kept.
    """

    mean: Array
    std: Array
    trace: Array
    theta: Array


@dataclass(frozen=True)
class ChainsPlan:
    """Seed, length of the chains, and number of states to keep, evenly spaced."""

    seed: int
    steps: int
    kept: int


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

    @cached_property
    def _model(self) -> ForwardModel:
        return forward_model(self.setup)

    @cached_property
    def _begun(self) -> tuple[Array, np.random.Generator]:
        """Where proposals are sought, in scores (P, D), and the randomness of the chains of all catalogues."""
        rng = generator(self.plan.seed, f"moments {self.level}")
        lessons = Lessons.drawn(self._model, rng=rng)
        features = summaries(self.mocks, self.setup.relations.names)
        return regression(lessons.scores, lessons.features, features), rng

    def __call__(self, group: Group) -> GroupChains:
        """Chains of a group."""
        chosen, parameters = slice(group.start, group.stop), self._model.parameters
        mocks, (starts, rng) = self.mocks.part(group.start, group.stop), self._begun
        target = PairwisePosterior(self._model, mocks, lensing=self.level == "full+wl")
        proposal = Proposal.laplace(target, parameters, starts[chosen])
        mine = cast(np.random.Generator, _Share(copy.deepcopy(rng), len(starts), chosen))
        steps, burn = self.plan.steps, round(BURN * self.plan.steps)
        wanted = set(np.linspace(0, steps - burn - 1, self.plan.kept).astype(int).tolist())
        total, square = np.zeros((2, *proposal.mean.shape))
        trace, states = np.empty((steps - burn, len(proposal.mean))), []
        chain = walk(target, parameters, proposal, proposal.mean, rng=mine)
        for step, (scores, _) in enumerate(islice(chain, burn, steps)):
            theta = from_scores(parameters, scores)
            total, square = total + theta, square + theta**2
            trace[step] = theta[:, parameters.names.index("sigma8")]
            if step in wanted:
                states.append(theta)
        mean = total / len(trace)
        std = np.sqrt(np.maximum(square / len(trace) - mean**2, 0.0))
        drawn = np.stack(states, axis=1) if states else np.empty((len(mean), 0, mean.shape[1]))
        return GroupChains(mean, std, trace, drawn)


@dataclass(frozen=True)
class _Share:
    """Randomness of some of the chains that are walked side by side: that of the others is drawn and left."""

    rng: np.random.Generator
    number: int
    chosen: slice

    def random(self, size: int) -> Array:
        return self.rng.random(self.number)[self.chosen]

    def chisquare(self, freedom: float, size: int) -> Array:
        return self.rng.chisquare(freedom, size=self.number)[self.chosen]

    def standard_normal(self, shape: tuple[int, int]) -> Array:
        return self.rng.standard_normal((self.number, shape[1]))[self.chosen]
