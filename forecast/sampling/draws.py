"""Weighted draws from the posterior of one data set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..core.arrays import Array
from ..likelihoods.data import Data
from ..likelihoods.levels import likelihood
from ..model.forward import ForwardModel

_CHUNK = 64


@dataclass(frozen=True)
class WeightedDraws:
    """Draws that represent a posterior.

    Parameters
    ----------
    theta : ndarray, shape (S, D)
    weight : ndarray, shape (S,)
        Normalised to one; equal for a chain.
    sigma8 : ndarray, shape (S,)
    """

    theta: Array
    weight: Array
    sigma8: Array

    @property
    def mean(self) -> float:
        """Posterior mean of sigma8."""
        return float(self.weight @ self.sigma8)

    @property
    def effective_size(self) -> float:
        """Kish effective sample size; the correlation of a chain's samples is not in it."""
        return float(1.0 / (self.weight @ self.weight))

    @property
    def centred(self) -> Array:
        """Weight times sigma8 minus its mean, shape (S,): what turns values into their covariance with sigma8."""
        return self.weight * (self.sigma8 - self.mean)

    def covariance(self, values: Array) -> Array:
        """Posterior covariance of sigma8 with `values`, shape (S, ...) -> (...)."""
        return np.tensordot(self.centred, values, axes=1)

    def equal(self, values: Array) -> Array:
        """`values` (S, ...) at draws of equal weight (systematic resampling)."""
        return values[systematic(self.weight, len(self.weight))]

    def reweighted_mean(self, log_ratio: Array) -> Array:
        """Posterior means of sigma8 after multiplying the likelihood by exp(`log_ratio`), (S, ...) -> (...)."""
        peak = log_ratio[self.weight > 0].max(axis=0)
        ratio = np.exp(np.minimum(log_ratio - peak, 0.0))
        return np.tensordot(self.weight * self.sigma8, ratio, axes=1) / np.tensordot(self.weight, ratio, axes=1)


def systematic(weight: Array, size: int) -> Array:
    """Indices (`size`,) of draws of equal weight that stand for those of `weight` (systematic resampling)."""
    places = (np.arange(size) + 0.5) / size * weight.sum()
    chosen: Array = np.minimum(np.searchsorted(np.cumsum(weight), places), len(weight) - 1)
    return chosen


def from_chain(model: ForwardModel, samples: Array) -> WeightedDraws:
    """Equal-weight draws from a chain's samples, shape (S, D)."""
    sigma8 = samples[:, model.parameters.names.index("sigma8")]
    return WeightedDraws(samples, np.full(len(samples), 1.0 / len(samples)), sigma8)


def from_prior(model: ForwardModel, level: str, data: Data, size: int, *, rng: np.random.Generator) -> WeightedDraws:
    """`size` prior draws weighted by one level's likelihood; see their effective size."""
    theta = model.parameters.draw(size, rng=rng)
    value = _in_chunks(likelihood(level, model, data), theta)
    weight = np.exp(value - value.max())
    return WeightedDraws(theta, weight / weight.sum(), theta[:, model.parameters.names.index("sigma8")])


def _in_chunks(function: Callable[[Array], Array], theta: Array) -> Array:
    parts = np.array_split(theta, max(1, len(theta) // _CHUNK))
    return np.concatenate([function(part) for part in parts])
