"""Student t in prior scores: independent draws near the posterior make chains short, of one data set or of many.

SciPy's `multivariate_t` holds one mean and one matrix: n chains, each with its own, take n calls of it a step (for 48
chains of 9 parameters densities take 16 times as long, draws 200 times), and it has no steps that remember.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from ..core.arrays import Array
from ..core.parameters import ParameterSet

_STRETCH, _EDGE = 1.1, 8.0
_FREEDOM, _FREEDOM_LEARNT = 5.0, 6.0
"""Degrees of freedom of a proposal about a maximum, and of one that has the posterior's own covariance."""
_FRESH = 0.5
"""How much of a remembering step is new."""


@dataclass(frozen=True)
class Proposal:
    """Student t in prior scores, the standard normal numbers that the prior's quantiles make parameters of.

    Parameters
    ----------
    mean : ndarray, shape (D,) or (n, D)
        One for all chains, or one for each of n.
    factor : ndarray, shape (D, D) or (n, D, D)
        Lower Cholesky factors of the scale matrices.
    freedom : float
    """

    mean: Array
    factor: Array
    freedom: float = _FREEDOM

    @classmethod
    def learnt(cls, scores: Array) -> Proposal:
        """Proposal with mean and covariance of scores (S, D)."""
        covariance = np.atleast_2d(np.cov(scores, rowvar=False)) + 1e-10 * np.eye(scores.shape[1])
        scale = covariance * (_FREEDOM_LEARNT - 2) / _FREEDOM_LEARNT
        return cls(scores.mean(axis=0), _STRETCH * np.linalg.cholesky(scale), _FREEDOM_LEARNT)

    def updated(self, states: Array, number: float) -> Proposal:
        """The proposals of n chains after seeing states (S, n, D) that are worth `number` draws each.

        Mean and covariance are averages of what was and what was seen, with weights of `number` and 2 D.
        """
        share = number / (number + 2 * states.shape[2])
        mean = states.mean(axis=0)
        away = np.moveaxis(states - mean, 0, 1)
        seen = np.swapaxes(away, 1, 2) @ away / len(states)
        covariance = share * seen + (1 - share) * self.factor @ np.swapaxes(self.factor, 1, 2)
        return Proposal(share * mean + (1 - share) * self.mean, np.linalg.cholesky(covariance), self.freedom)

    def repeated(self, copies: int) -> Proposal:
        """The proposals of all n chains, `copies` times one after the other."""
        return Proposal(np.tile(self.mean, (copies, 1)), np.tile(self.factor, (copies, 1, 1)), self.freedom)

    def independent(self, normal: Array, squares: Array) -> Array:
        """Scores (n, D) from standard normal numbers (n, D), and ones distributed as chi-squared, (n,)."""
        return self.mean + self._coloured(normal) / np.sqrt(squares / self.freedom)[:, None]

    def remembering(self, scores: Array, normal: Array) -> Array:
        """Scores (n, D) half of which remember `scores`: reversible with respect to a Gaussian, a bit wider."""
        memory = np.sqrt(1 - _FRESH**2)
        proposed: Array = self.mean + memory * (scores - self.mean) + _STRETCH * _FRESH * self._coloured(normal)
        return proposed

    def log_density(self, scores: Array) -> Array:
        """ln density of independent steps up to a constant, shape (n,)."""
        return self._heavy(self._square(scores), scores.shape[1])

    def log_densities(self, scores: Array) -> Array:
        """ln density of both kinds of step, up to constants, shape (n, 2): remembering, and independent."""
        square = self._square(scores)
        return np.stack([-0.5 * square / _STRETCH**2, self._heavy(square, scores.shape[1])], axis=1)

    def _heavy(self, square: Array, size: int) -> Array:
        return -0.5 * (self.freedom + size) * np.log1p(square / self.freedom)

    def _coloured(self, normal: Array) -> Array:
        return normal @ self.factor.T if self.factor.ndim == 2 else (self.factor @ normal[..., None])[..., 0]

    def _square(self, scores: Array) -> Array:
        """Squared distances from the mean in units of the scale, shape (n,)."""
        away = scores - self.mean
        if self.factor.ndim == 2:
            return np.asarray((np.linalg.solve(self.factor, away.T) ** 2).sum(axis=0))
        return np.asarray((np.linalg.solve(self.factor, away[..., None])[..., 0] ** 2).sum(axis=1))


@dataclass(frozen=True)
class Guide:
    """A proposal in the form that `emcee.moves.MHMove` takes.

    Parameters
    ----------
    parameters : ParameterSet
    proposal : Proposal
        One for all walkers.
    """

    parameters: ParameterSet
    proposal: Proposal

    @classmethod
    def learnt(cls, parameters: ParameterSet, theta: Array) -> Guide:
        """Guide with mean and covariance of parameter vectors (n, D)."""
        return cls(parameters, Proposal.learnt(to_scores(parameters, theta)))

    def __call__(self, theta: Array, random: np.random.RandomState) -> tuple[Array, Array]:
        """New vectors (W, D), and ln of the proposal density at the old ones over that at the new, (W,)."""
        normal = random.standard_normal(theta.shape)
        squares = random.chisquare(self.proposal.freedom, size=len(theta))
        new = from_scores(self.parameters, np.clip(self.proposal.independent(normal, squares), -_EDGE, _EDGE))
        return new, self.log_density(theta) - self.log_density(new)

    def log_density(self, theta: Array) -> Array:
        """ln of the proposal density up to a constant, shape (W,)."""
        scores = to_scores(self.parameters, theta)
        prior: Array = self.parameters.log_prior(theta) + 0.5 * (scores**2).sum(axis=1)
        return self.proposal.log_density(scores) + prior


def to_scores(parameters: ParameterSet, theta: Array) -> Array:
    """Standard normal scores of parameter vectors, (n, D)."""
    scores: Array = np.clip(special.ndtri(parameters.prior.cumulative(theta)), -_EDGE, _EDGE)
    return scores


def from_scores(parameters: ParameterSet, scores: Array) -> Array:
    """Parameter vectors whose prior cumulative probability is that of standard normal `scores`."""
    return parameters.quantile(np.clip(special.ndtr(scores), 1e-12, 1 - 1e-12))
