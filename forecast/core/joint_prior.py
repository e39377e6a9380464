"""The joint prior of all free parameters: each has its own, and some are correlated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import linalg, special

from .arrays import Array
from .priors import Prior

_EDGE = 1e-300
"""Cumulative probabilities 0 and 1 are taken to be about this far inside, so that quantiles are finite."""


@dataclass(frozen=True, eq=False)
class TiedPriors:
    """Gaussian and log-normal priors that are correlated: natural coordinates are jointly Gaussian.

    Parameters
    ----------
    index : ndarray of int, shape (K,)
        Places of their parameters in a parameter vector.
    priors : sequence of Prior
        One for each.
    correlation : ndarray, shape (K, K)
    """

    index: Array
    priors: Sequence[Prior]
    correlation: Array

    @cached_property
    def moments(self) -> Array:
        """Means and standard deviations of the natural coordinates, shape (2, K)."""
        return np.array([prior.coordinate_moments for prior in self.priors]).T

    @cached_property
    def _log(self) -> Array:
        return np.array([prior.log for prior in self.priors], dtype=bool)

    @cached_property
    def _factor(self) -> Array:
        """Lower Cholesky factor of the correlations."""
        return np.linalg.cholesky(self.correlation)

    @cached_property
    def _excess(self) -> Array:
        """Inverse of the correlations, less that of none."""
        return np.linalg.inv(self.correlation) - np.eye(len(self.index))

    def _scores(self, theta: Array) -> Array:
        """Natural coordinates less their means in standard deviations, (P, K); of factors below 0 those of 1."""
        x = theta[:, self.index]
        positive = np.where(self._log & (x > 0), x, 1.0)
        mean, std = self.moments
        return np.asarray((np.where(self._log, np.log(positive), x) - mean) / std)

    def log_ratio(self, theta: Array) -> Array:
        """ln of the joint density over the product of the single ones, (P,), at parameter vectors (P, D)."""
        z = self._scores(theta)
        square = np.einsum("pi,ij,pj->p", z, self._excess, z)
        return np.asarray(-0.5 * square - np.log(np.diag(self._factor)).sum())

    def quantile(self, u: Array) -> Array:
        """Values (n, K) of these parameters at cumulative probabilities (n, D), each given those before it."""
        scores = special.ndtri(np.clip(u[:, self.index], _EDGE, 1 - np.finfo(float).eps / 2))
        mean, std = self.moments
        coordinates = mean + std * (scores @ self._factor.T)
        return np.where(self._log, np.exp(np.where(self._log, coordinates, 0.0)), coordinates)

    def cumulative(self, theta: Array) -> Array:
        """Inverse of `quantile`."""
        return np.asarray(special.ndtr(linalg.solve_triangular(self._factor, self._scores(theta).T, lower=True).T))


@dataclass(frozen=True, eq=False)
class JointPrior:
    """Prior of parameter vectors.

    Parameters
    ----------
    priors : sequence of Prior
        Of each of D parameters.
    ties : sequence of TiedPriors
        Those that are correlated; no parameter is in two.
    """

    priors: Sequence[Prior]
    ties: Sequence[TiedPriors] = ()

    def log_density(self, theta: Array) -> Array:
        """Log of the normalised density; shape (P,) for `theta` of shape (P, D)."""
        plain, low, high, constant = self._plain_flat
        inside = ((theta[:, plain] >= low) & (theta[:, plain] <= high)).all(axis=1)
        value = np.where(inside, constant, -np.inf)
        for i, prior in enumerate(self.priors):
            if not plain[i]:
                value += prior.log_density(theta[:, i])
        for tied in self.ties:
            value += tied.log_ratio(theta)
        return value

    @cached_property
    def _plain_flat(self) -> tuple[Array, Array, Array, float]:
        """Which priors are flat and not widened, their bounds, and their summed log density."""
        plain = np.array([prior.kind == "flat" and prior.widening == 1 for prior in self.priors], dtype=bool)
        bounds = [(prior.low, prior.high) for prior, flat in zip(self.priors, plain, strict=True) if flat]
        low, high = np.array(bounds).reshape(-1, 2).T
        return plain, low, high, float(-np.sum(np.log(high - low)))

    def quantile(self, u: Array) -> Array:
        """Parameter vectors at cumulative probabilities, both of shape (n, D)."""
        theta = np.stack([prior.quantile(u[:, i]) for i, prior in enumerate(self.priors)], axis=1)
        for tied in self.ties:
            theta[:, tied.index] = tied.quantile(u)
        return theta

    def cumulative(self, theta: Array) -> Array:
        """Inverse of `quantile`."""
        u = np.stack([prior.cumulative(theta[:, i]) for i, prior in enumerate(self.priors)], axis=1)
        for tied in self.ties:
            u[:, tied.index] = tied.cumulative(theta)
        return u

    @cached_property
    def std(self) -> Array:
        """Standard deviation of each prior in natural coordinates, shape (D,)."""
        return np.array([prior.coordinate_moments[1] for prior in self.priors])

    @cached_property
    def correlation(self) -> Array:
        """Correlations of the natural coordinates, shape (D, D)."""
        matrix = np.eye(len(self.priors))
        for tied in self.ties:
            matrix[np.ix_(tied.index, tied.index)] = tied.correlation
        return matrix
