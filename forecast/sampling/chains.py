"""The Markov chains of many catalogues, walked side by side: one proposal for each, learnt from its data alone.

Every chain has random numbers of its own, and what is done for one does not look at the others: chains do not depend
on which catalogues are taken together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count, islice
from typing import Protocol

import numpy as np

from ..core.arrays import Array
from ..core.parameters import ParameterSet
from ..likelihoods.paired import Paired
from .proposal import Proposal, from_scores

_BOLD_SHARE = 2 / 3
"""Share of steps that are independent of the state."""
_NEWTON, _NEAR, _EDGE, _DIFFERENCE = 12, 0.05, 2.5, 0.02
"""Newton's steps at most, what they may still gain in ln L, how far they go, and the step of derivatives; scores."""
_SCALES = (1.0, 0.3, 0.1, 0.03, 0.01)
"""Parts of Newton's step that are tried until one gains: it is too long for some posteriors narrow beside the prior."""
_A_DRAW = 10.0
"""Steps of pilot chains that are worth one draw."""
_AHEAD = 100
"""Steps for which random numbers are drawn at once."""

Target = Callable[[Array], Array]
"""ln L up to a term of the data, (n,), of n catalogues at parameter vectors of their own, (n, D)."""


@dataclass(frozen=True)
class _Noise:
    """Random numbers of one step of n chains: uniform ones (2, n), normal ones (n, D), sums of squares (n,)."""

    uniform: Array
    normal: Array
    squares: Array


def _noises(rngs: Sequence[np.random.Generator], size: int, freedom: float) -> Iterator[_Noise]:
    """Random numbers of successive steps in D = `size` parameters."""
    while True:
        uniform = np.stack([rng.random((_AHEAD, 2)) for rng in rngs], axis=-1)
        normal = np.stack([rng.standard_normal((_AHEAD, size)) for rng in rngs], axis=1)
        squares = np.stack([rng.chisquare(freedom, _AHEAD) for rng in rngs], axis=-1)
        yield from (_Noise(*step) for step in zip(uniform, normal, squares, strict=True))


def laplace(target: Paired, parameters: ParameterSet, start: Array) -> Proposal:
    """A proposal for each catalogue, about the maximum of its posterior: Newton's steps from scores `start`, (n, D)."""
    at, size = np.clip(start, -_EDGE, _EDGE), start.shape[1]
    shifts = _DIFFERENCE * np.eye(size)

    def height(scores: Array) -> Array:
        value: Array = target(from_scores(parameters, scores)) - 0.5 * (scores**2).sum(axis=1)
        return value

    value, moving = height(at), np.ones(len(at), dtype=bool)
    precision = np.tile(np.eye(size), (len(at), 1, 1))
    for _ in range(_NEWTON):
        pairs = ((from_scores(parameters, at + x), from_scores(parameters, at - x)) for x in shifts)
        slope, products = target.expansion(pairs)
        gradient = slope / (2 * _DIFFERENCE) - at
        found = products / (2 * _DIFFERENCE) ** 2 + np.eye(size)
        precision = np.where(moving[:, None, None], found, precision)
        step = np.linalg.solve(precision, gradient[..., None])[..., 0]
        moving &= 0.5 * (step * gradient).sum(axis=1) > _NEAR
        step, before = np.where(moving[:, None], np.clip(step, -1, 1), 0.0), value
        for scale in _SCALES:
            left = moving & (value - before <= 0)
            if not left.any():
                break
            new = np.clip(at + scale * step, -_EDGE, _EDGE)
            raised = height(new)
            better = left & (raised > value)
            at, value = np.where(better[:, None], new, at), np.where(better, raised, value)
        moving &= value - before > _NEAR
        if not moving.any():
            break
    return Proposal(at, np.linalg.cholesky(np.linalg.inv(precision)))


def walk(
    target: Target,
    parameters: ParameterSet,
    proposal: Proposal,
    start: Array,
    *,
    rng: Sequence[np.random.Generator],
    turn: Array | None = None,
) -> Iterator[tuple[Array, Array]]:
    """States of Metropolis chains, one for each catalogue: scores (n, D) and ln L (n,), without end.

    `rng`: one for each chain. Before step `turn` (n,) a chain goes back to its start.
    """
    origin = start.copy(), target(from_scores(parameters, start)), proposal.log_densities(start)
    at, value, density = (x.copy() for x in origin)
    chains, noises = np.arange(len(at)), _noises(rng, start.shape[1], proposal.freedom)
    for step in count():
        if turn is not None:
            turned = turn == step
            at[turned], value[turned], density[turned] = (x[turned] for x in origin)
        noise = next(noises)
        bold, chance = noise.uniform[0] < _BOLD_SHARE, np.log(noise.uniform[1])
        new = proposal.remembering(at, noise.normal)
        new[bold] = proposal.independent(noise.normal, noise.squares)[bold]
        new_value, new_density = target(from_scores(parameters, new)), proposal.log_densities(new)
        toward, back = (d[chains, bold.astype(int)] for d in (new_density, density))
        gain = new_value - value - 0.5 * ((new**2).sum(axis=1) - (at**2).sum(axis=1)) - (toward - back)
        kept = chance < gain
        at[kept], value[kept], density[kept] = new[kept], new_value[kept], new_density[kept]
        yield at, value


class Targets(Protocol):
    """Likelihoods of catalogues, each so many times, one set after the other."""

    def __call__(self, copies: int) -> Paired:
        """ln L of so many copies of all n catalogues."""


@dataclass(frozen=True)
class Pilots:
    """Chains that have learnt what their catalogues' posteriors look like.

    Parameters
    ----------
    proposal : Proposal
        Of n catalogues.
    target : Paired
        Of C copies of them.
    at : ndarray, shape (C n, D)
        States in which the pilot chains ended, scores.
    """

    proposal: Proposal
    target: Paired
    at: Array

    @classmethod
    def run(
        cls,
        targets: Targets,
        parameters: ParameterSet,
        start: Array,
        lengths: Sequence[int],
        *,
        rng: Sequence[np.random.Generator],
    ) -> Pilots:
        """Pilot chains from about the maxima that Newton's steps find from `start`, (n, D).

        Parameters
        ----------
        targets : callable
        parameters : ParameterSet
        start : ndarray, shape (n, D)
        lengths : sequence of int
            Steps after each of which proposals are learnt anew from all copies of a catalogue.
        rng : sequence of numpy.random.Generator
            One for each of the C n chains; they begin apart, at draws from the proposals.
        """
        size, (number, dimension) = len(rng), start.shape
        target = targets(size // number)
        proposal = about = laplace(targets(1), parameters, start)
        first, many = next(_noises(rng, dimension, about.freedom)), about.repeated(size // number)
        at = np.clip(many.independent(first.normal, first.squares), -_EDGE - 1, _EDGE + 1)
        for length in lengths:
            many = proposal.repeated(size // number)
            chain = islice(walk(target, parameters, many, at, rng=rng), length)
            states = np.array([state.copy() for state, _ in chain]).reshape(length, -1, number, dimension)
            at = states[-1].reshape(-1, dimension)
            seen = states[length // 2 :].reshape(-1, number, dimension)
            proposal = about.updated(seen, len(seen) / _A_DRAW)
        return cls(proposal, target, at)
