"""Posterior of one data set by independent draws from a Student t near it, and exact ranks of a truth in it.

The t is learnt from the data alone: Newton's steps with curvatures of other data sets of the survey, then two rounds of
importance sampling. A Metropolis chain of its draws is reversible, so that the rank of the truth, from which the
chain runs k steps one way and L - k the other, is uniform whatever the t (`forecast.sampling.ranks`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from forecast.core.arrays import Array
from forecast.core.parameters import ParameterSet
from forecast.likelihoods.level import Likelihood
from forecast.sampling.autocorrelation import effective_draws
from forecast.sampling.proposal import Proposal, from_scores
from forecast.sampling.ranks import in_order

DRAWS, WIDER, FREEDOM, FARTHEST = (150, *[250] * 19), 1.25, 6.0, 4.0
"""Draws of each round, two at least; the t's width and degrees of freedom; largest scores of a maximum."""
LogPosterior = Callable[[Array], Array]
"""ln posterior, (S,), of prior scores (S, D)."""


def log_posterior(likelihood: Likelihood, parameters: ParameterSet) -> LogPosterior:
    """That of one data set, up to a constant."""
    return lambda scores: likelihood(from_scores(parameters, scores)) - 0.5 * (scores**2).sum(axis=1)


@dataclass(frozen=True)
class Search:
    """How the maximum is found: step of derivatives in scores, Newton's steps and the parts of them that are tried.

    `own`: whether the curvature there is measured, which takes 2 D (D - 1) + 2 D + 1 likelihoods; `enough`: effective
    draws below which there are more rounds.
    """

    step: float = 0.3
    rounds: int = 2
    parts: tuple[float, ...] = (1.0,)
    own: bool = False
    enough: float = 0.0

    def curvature(self, target: LogPosterior, at: Array) -> Array:
        """Minus the second derivatives at scores (D,), by differences."""
        size, unit = len(at), self.step * np.eye(len(at))
        pairs = [(i, j) for i in range(size) for j in range(i)]
        signs = [(1, 1), (1, -1), (-1, 1), (-1, -1)]
        corners = [a * unit[i] + b * unit[j] for i, j in pairs for a, b in signs]
        value = target(at + np.vstack([np.zeros(size), unit, -unit, *corners]))
        here, up, down = value[0], value[1 : size + 1], value[size + 1 : 2 * size + 1]
        bend = np.diag((up + down - 2 * here) / self.step**2)
        for k, (i, j) in enumerate(pairs):
            four = value[2 * size + 1 + 4 * k :][:4]
            bend[i, j] = bend[j, i] = (four[0] - four[1] - four[2] + four[3]) / (4 * self.step**2)
        return -bend

    def maximum(self, target: LogPosterior, covariance: Array, start: Array) -> Array:
        """Scores (D,) of the maximum, from others."""
        unit, at = self.step * np.eye(len(start)), start
        for _ in range(self.rounds):
            value = target(at + np.vstack([unit, -unit]))
            slope = (value[: len(at)] - value[len(at) :]) / (2 * self.step)
            step = np.clip(covariance @ slope, -1.0, 1.0)
            tried = np.clip(at + np.array(self.parts)[:, None] * step, -FARTHEST, FARTHEST)
            at = tried[np.argmax(target(tried))]
        return at


@dataclass(frozen=True)
class Draws:
    """Independent draws: scores (S, D), ln posterior and ln of the weight, (S,)."""

    scores: Array
    height: Array
    log_weight: Array
    proposal: Proposal

    @property
    def weight(self) -> Array:
        """Normalised to one."""
        weight = np.exp(self.log_weight - self.log_weight.max())
        return np.asarray(weight / weight.sum())

    @classmethod
    def of(cls, target: LogPosterior, proposal: Proposal, size: int, rng: np.random.Generator) -> Draws:
        """From a proposal."""
        normal = rng.standard_normal((size, len(proposal.mean)))
        scores = proposal.independent(normal, rng.chisquare(proposal.freedom, size))
        height = target(scores)
        return cls(scores, height, height - proposal.log_density(scores), proposal)


def independent_draws(target: LogPosterior, curvature: Array, search: Search, rng: np.random.Generator) -> Draws:
    """Draws of one posterior, whose curvature is about that of others, (D, D)."""
    covariance = np.linalg.inv(_positive(curvature))
    centre = search.maximum(target, covariance, np.zeros(len(curvature)))
    if search.own:
        covariance = np.linalg.inv(_positive(search.curvature(target, centre)))
        centre = search.maximum(target, covariance, centre)
    for number, size in enumerate(DRAWS):
        proposal = Proposal(centre, np.linalg.cholesky(WIDER**2 * covariance), FREEDOM)
        draws = Draws.of(target, proposal, size, rng)
        if number and 1 / (draws.weight @ draws.weight) >= search.enough:
            break
        softened = np.sqrt(draws.weight)
        softened /= softened.sum()
        centre = softened @ draws.scores
        share = 1 / np.sum(softened**2) / (1 / np.sum(softened**2) + 4 * len(centre))
        covariance = share * np.cov(draws.scores.T, aweights=softened) + (1 - share) * covariance
    return draws


@dataclass(frozen=True)
class Rank:
    """Where the truth lies among the states of its chain: (D + 1,), ln L the last; effective draws of the first."""

    rank: Array
    effective: float


def rank_of(truth: Array, target: LogPosterior, draws: Draws, rng: np.random.Generator) -> Rank:
    """Rank of a truth (D,), in scores, in a chain of the draws that goes both ways from it."""
    states = np.vstack([draws.scores, truth])
    height = np.append(draws.height, target(truth[None]))
    log_weight = np.append(draws.log_weight, height[-1] - draws.proposal.log_density(truth[None]))
    steps, dice = len(draws.scores), np.log(rng.random(len(draws.scores)))
    turn, at, visited = int(rng.integers(0, steps + 1)), steps, np.empty(steps, dtype=int)
    for step in range(steps):
        at = steps if step == turn else at
        at = step if dice[step] < log_weight[step] - log_weight[at] else at
        visited[step] = at
    value = np.column_stack([states, height + 0.5 * (states**2).sum(axis=1)])
    below, equal = ((compare(value[visited], value[-1])).sum(axis=0) for compare in (np.less, np.equal))
    trace = in_order(states[visited, :1], np.array([turn]))
    return Rank((below + rng.random(len(below)) * (1 + equal)) / (steps + 1), float(effective_draws(trace[:, None])[0]))


def _positive(matrix: Array) -> Array:
    """The matrix with curvatures of at least the prior's."""
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray((vectors * np.maximum(values, 1.0)) @ vectors.T)
