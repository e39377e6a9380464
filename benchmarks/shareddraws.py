"""Posteriors of many data sets from draws that they share, weighted by the mixture of all proposals they came from.

Each round adds draws near the posteriors that have too few (Cappe et al. 2004, J. Comput. Graph. Stat. 13, 907), and
weighs all draws anew with the density of the whole mixture (Cornuet et al. 2012, Scand. J. Stat. 39, 798): whatever was
computed for one data set serves all that are like it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from forecast.core.arrays import Array
from forecast.sampling.proposal import Proposal

FREEDOM, SOFTEST = 6.0, 60.0
"""Degrees of freedom of proposals; effective draws to which weights are softened before moments are taken."""
LogPosteriors = Callable[[Array], Array]
"""ln L plus ln of the prior, (S, M), of M data sets at coordinates (S, D); up to a constant of each data set."""


@dataclass(frozen=True)
class Plan:
    """Draws that a data set of too few gets in a round; effective draws that are enough; rounds; widths.

    `wider`: factor on the widths of what is learnt from weighted draws.
    """

    each: int = 40
    enough: float = 100.0
    rounds: int = 10
    wider: float = 1.3


@dataclass(frozen=True)
class Component:
    """A proposal, and how many draws came from it."""

    proposal: Proposal
    number: int

    def log_density(self, at: Array) -> Array:
        """ln of its number times its density at coordinates (S, D), (S,)."""
        size, freedom = at.shape[1], self.proposal.freedom
        constant = special.gammaln((freedom + size) / 2) - special.gammaln(freedom / 2)
        constant -= 0.5 * size * np.log(freedom * np.pi) + np.log(np.diag(self.proposal.factor)).sum()
        return np.asarray(np.log(self.number) + constant + self.proposal.log_density(at))

    def drawn(self, rng: np.random.Generator) -> Array:
        """Its draws, (number, D)."""
        normal = rng.standard_normal((self.number, len(self.proposal.mean)))
        return self.proposal.independent(normal, rng.chisquare(self.proposal.freedom, self.number))


@dataclass(frozen=True)
class Pool:
    """Draws (S, D), ln posterior of every data set, (S, M), components, and ln of numbers times densities, (S,)."""

    at: Array
    log_posterior: Array
    components: tuple[Component, ...]
    log_density: Array

    @classmethod
    def of(cls, target: LogPosteriors, components: Sequence[Component], rng: np.random.Generator) -> Pool:
        """The first draws."""
        at = np.vstack([one.drawn(rng) for one in components])
        return cls(at, target(at), tuple(components), mixture(components, at))

    @property
    def log_weight(self) -> Array:
        """ln of the weight of each draw for each data set, (S, M); its exponentials have the evidence for sum."""
        return self.log_posterior - self.log_density[:, None]

    @property
    def log_evidence(self) -> Array:
        """ln of the integral of the posterior, up to ln L's own constants, (M,)."""
        return np.asarray(special.logsumexp(self.log_weight, axis=0))

    @property
    def weight(self) -> Array:
        """Normalised, (S, M)."""
        return normalised(self.log_weight)

    def added(self, target: LogPosteriors, components: Sequence[Component], rng: np.random.Generator) -> Pool:
        """With draws of more components."""
        more = Pool.of(target, components, rng)
        here = np.logaddexp(self.log_density, mixture(components, self.at))
        there = np.logaddexp(more.log_density, mixture(self.components, more.at))
        return Pool(
            np.vstack([self.at, more.at]),
            np.vstack([self.log_posterior, more.log_posterior]),
            (*self.components, *components),
            np.concatenate([here, there]),
        )


def mixture(components: Sequence[Component], at: Array) -> Array:
    """ln of the density of draws of all components at at (S, D), (S,)."""
    total = np.full(len(at), -np.inf)
    for one in components:
        total = np.logaddexp(total, one.log_density(at))
    return total


def normalised(log_weight: Array) -> Array:
    """Weights whose sum over draws, the first axis, is one."""
    weight = np.exp(log_weight - log_weight.max(axis=0))
    return np.asarray(weight / weight.sum(axis=0))


def effective(weight: Array) -> Array:
    """Effective draws of weights (S, M), (M,)."""
    return np.asarray(1 / (weight**2).sum(axis=0))


def softened(log_weight: Array, least: float) -> Array:
    """Weights (S,) as near to those given as leaves `least` effective draws."""
    low, high = 0.0, 1.0
    if effective(normalised(log_weight[:, None]))[0] >= least:
        return normalised(log_weight)
    for _ in range(20):
        middle = 0.5 * (low + high)
        enough = effective(normalised(middle * log_weight[:, None]))[0] >= least
        low, high = (middle, high) if enough else (low, middle)
    return normalised(low * log_weight)


def shared_draws(
    target: LogPosteriors, first: Sequence[Component], plan: Plan, rng: np.random.Generator
) -> tuple[Pool, Array]:
    """Draws of all posteriors, the first ones near where they all are, and their weights, (S, M)."""
    pool = Pool.of(target, first, rng)
    wide = first[0].proposal.factor @ first[0].proposal.factor.T
    for _ in range(plan.rounds):
        log_weight = pool.log_weight
        poor = np.flatnonzero(effective(normalised(log_weight)) < plan.enough)
        if not len(poor):
            break
        near = [Component(_near(pool.at, log_weight[:, one], wide, plan.wider), plan.each) for one in poor]
        pool = pool.added(target, near, rng)
    return pool, pool.weight


def _near(at: Array, log_weight: Array, wide: Array, wider: float) -> Proposal:
    """A proposal near weighted at, whose covariance is `wide` where there are few of them."""
    weight = softened(log_weight, SOFTEST)
    number = float(effective(weight[:, None])[0])
    share = number / (number + 4 * at.shape[1])
    used = weight > 1e-6 * weight.max()
    seen = np.cov(at[used].T, aweights=weight[used])
    covariance = wider**2 * (share * seen + (1 - share) * _narrowing(seen, wide) * wide)
    return Proposal(weight @ at, np.linalg.cholesky(covariance), FREEDOM)


def _narrowing(seen: Array, wide: Array) -> float:
    """How much smaller one covariance is than another, in the mean over directions, at most 1."""
    return float(min(1.0, np.exp(np.mean(np.log(np.linalg.eigvalsh(np.linalg.solve(wide, seen).real).clip(1e-6))))))
