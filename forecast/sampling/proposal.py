"""A proposal learnt from the first steps of a chain: independent draws near the posterior make chains short."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from ..core.arrays import Array
from ..core.parameters import ParameterSet

_FREEDOM, _STRETCH, _EDGE = 6.0, 1.1, 8.0


@dataclass(frozen=True)
class Guide:
    """Student t in prior scores, the standard normal numbers that the prior's quantiles make parameters of.

    Parameters
    ----------
    parameters : ParameterSet
    mean : ndarray, shape (D,)
    factor : ndarray, shape (D, D)
        Lower Cholesky factor of the scale matrix.
    """

    parameters: ParameterSet
    mean: Array
    factor: Array

    @classmethod
    def learnt(cls, parameters: ParameterSet, theta: Array) -> Guide:
        """Guide with mean and covariance of parameter vectors (n, D)."""
        scores = to_scores(parameters, theta)
        covariance = np.atleast_2d(np.cov(scores, rowvar=False)) + 1e-10 * np.eye(scores.shape[1])
        scale = covariance * (_FREEDOM - 2) / _FREEDOM
        return cls(parameters, scores.mean(axis=0), _STRETCH * np.linalg.cholesky(scale))

    def __call__(self, theta: Array, random: np.random.RandomState) -> tuple[Array, Array]:
        """New vectors (W, D), and ln of the proposal density at the old ones over that at the new, (W,).

        The form of proposal that `emcee.moves.MHMove` takes.
        """
        normal = random.standard_normal(theta.shape)
        heavy = np.sqrt(random.chisquare(_FREEDOM, size=len(theta)) / _FREEDOM)
        scores = np.clip(self.mean + normal @ self.factor.T / heavy[:, None], -_EDGE, _EDGE)
        new = from_scores(self.parameters, scores)
        return new, self.log_density(theta) - self.log_density(new)

    def log_density(self, theta: Array) -> Array:
        """ln of the proposal density up to a constant, shape (W,)."""
        scores = to_scores(self.parameters, theta)
        white = np.linalg.solve(self.factor, (scores - self.mean).T)
        value = -0.5 * (_FREEDOM + len(white)) * np.log1p((white**2).sum(axis=0) / _FREEDOM)
        log_density: Array = value + self.parameters.log_prior(theta) + 0.5 * (scores**2).sum(axis=1)
        return log_density


def to_scores(parameters: ParameterSet, theta: Array) -> Array:
    """Standard normal scores of parameter vectors, (n, D)."""
    u = np.stack([p.prior.cumulative(theta[:, i]) for i, p in enumerate(parameters.free)], axis=1)
    scores: Array = np.clip(special.ndtri(u), -_EDGE, _EDGE)
    return scores


def from_scores(parameters: ParameterSet, scores: Array) -> Array:
    """Parameter vectors whose prior cumulative probability is that of standard normal `scores`."""
    return parameters.quantile(np.clip(special.ndtr(scores), 1e-12, 1 - 1e-12))
