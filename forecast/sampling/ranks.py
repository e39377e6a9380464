"""Ranks of true parameters in Markov chains: exact calibration tests where prior draws are too sparse.

Run a reversible chain from the truth k steps one way and L - k the other, with k uniform from 0 to L:
truth and states are exchangeable if the posterior is right, so that the rank of the truth is uniform
for any L and any mixing (Besag & Clifford 1989; Gandy & Scott 2020, arXiv:2001.06465). The length buys
power only. What a proposal knows of the data does not spoil exactness; it never knows the truth.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np

from ..core.arrays import Array
from ..likelihoods.levels import cluster_level
from ..likelihoods.paired import Paired
from ..model.forward import ForwardModel
from ..model.mocks import Mocks
from ..model.simulate import draw_mocks
from .autocorrelation import effective_draws
from .chains import Pilots, walk
from .lessons import Lessons
from .proposal import Proposal, from_scores

_COPIES, _PILOTS = 4, (10, 20)
"""Pilot chains of each catalogue, and their steps."""


@dataclass(frozen=True)
class TurningChains:
    """A reversible chain for each catalogue, through a state from which it may be walked both ways.

    Parameters
    ----------
    model : ForwardModel
    target : Paired
    proposal : Proposal
        Learnt from the data.
    """

    model: ForwardModel
    target: Paired
    proposal: Proposal

    @classmethod
    def of(cls, model: ForwardModel, level: str, mocks: Mocks, *, rng: np.random.Generator) -> TurningChains:
        """Chains of the posteriors of n catalogues at a level of single clusters."""

        def targets(copies: int) -> Paired:
            return cluster_level(level).paired(model, Mocks.stacked([mocks] * copies))

        start = Lessons.drawn(model, rng=rng).start(mocks)
        pilots = Pilots.run(targets, model.parameters, start, _PILOTS, rng=rng.spawn(_COPIES * len(start)))
        return cls(model, targets(1), pilots.proposal)

    def walk(self, start: Array, turn: Array, *, rng: np.random.Generator) -> Iterator[tuple[Array, Array]]:
        """States, scores (n, D) and ln L (n,); before step `turn` (n,) a chain goes back to `start`, (n, D)."""
        rngs = rng.spawn(len(start))
        return walk(self.target, self.model.parameters, self.proposal, start, rng=rngs, turn=turn)


@dataclass(frozen=True)
class Ranks:
    """Ranks of the truth: weight below it by quantity (Q, n), and the chains' effective draws of sigma8 (n,)."""

    rank: Array
    effective: Array


def rank_truths(
    models: tuple[ForwardModel, ForwardModel], level: str, size: int, steps: int, *, rng: np.random.Generator
) -> Ranks:
    """Ranks of `size` truths drawn from the prior in chains of `steps` steps.

    Parameters
    ----------
    models : tuple of ForwardModel
        The one whose posterior is tested, and the one that draws the mocks.
    level : str
        One of single clusters.
    size, steps : int
    rng : numpy.random.Generator
        Quantities are the free parameters, in order, then the log likelihood.
    """
    model, source = models
    parameters = model.parameters
    truth = rng.standard_normal((size, len(parameters.free)))
    mocks = draw_mocks(source, from_scores(source.parameters, truth), rng=rng)
    chains = TurningChains.of(model, level, mocks, rng=rng)
    turn = rng.integers(0, steps + 1, size=size)
    goal = np.column_stack([truth, chains.target(from_scores(parameters, truth))])
    below, equal = np.zeros((2, *goal.shape))
    trace = np.empty((steps, size))
    for step, (at, value) in enumerate(islice(chains.walk(truth, turn, rng=rng), steps)):
        state = np.column_stack([at, value])
        below += state < goal
        equal += state == goal
        trace[step] = at[:, parameters.names.index("sigma8")]
    rank = (below + rng.random((size, 1)) * (1 + equal)) / (steps + 1)
    return Ranks(rank.T, effective_draws(in_order(trace, turn)[:, None]))


def in_order(trace: Array, turn: Array) -> Array:
    """Traces (S, n) as if reversible chains had run through their start: before `turn` (n,) they ran backwards."""
    return np.stack([np.concatenate([t[:k][::-1], t[k:]]) for t, k in zip(trace.T, turn, strict=True)], axis=1)
