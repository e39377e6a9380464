"""Coordinates in which posteriors of cluster surveys are nearly Gaussian, with the density of the prior in them.

Normal scores of parameters with any prior but a flat one, logarithms of those with a flat one: numbers of
clusters are power laws of these, and a posterior that leans against the end of a flat prior has no long tail in them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from forecast.core.arrays import Array
from forecast.core.parameters import Parameter

_FARTHEST = 7.0


@dataclass(frozen=True)
class Chart:
    """Of free parameters whose priors are independent, D in all; flat ones between positive numbers."""

    free: Sequence[Parameter]

    def parameters(self, at: Array) -> Array:
        """Parameters at coordinates, both (S, D); beyond the end of a flat prior, its end."""
        found = np.empty(np.shape(at))
        for i, one in enumerate(self.free):
            if one.prior.kind == "flat":
                centre, scale = _logarithmic(one)
                found[:, i] = np.clip(np.exp(centre + scale * at[:, i]), *one.prior.bounds)
            else:
                found[:, i] = one.prior.quantile(special.ndtr(np.clip(at[:, i], -_FARTHEST, _FARTHEST)))
        return found

    def coordinates(self, theta: Array) -> Array:
        """Coordinates of parameters, both (S, D)."""
        found = np.empty(np.shape(theta))
        for i, one in enumerate(self.free):
            if one.prior.kind == "flat":
                centre, scale = _logarithmic(one)
                found[:, i] = (np.log(theta[:, i]) - centre) / scale
            else:
                found[:, i] = special.ndtri(one.prior.cumulative(theta[:, i]))
        return found

    def log_prior(self, at: Array) -> Array:
        """ln of the prior's density at coordinates (S, D), (S,)."""
        total = np.zeros(len(at))
        for i, one in enumerate(self.free):
            if one.prior.kind == "flat":
                centre, scale = _logarithmic(one)
                log = centre + scale * at[:, i]
                low, high = one.prior.bounds
                inside = (np.exp(log) > low) & (np.exp(log) < high)
                total += np.where(inside, log + np.log(scale / (high - low)), -np.inf)
            else:
                total += -0.5 * (at[:, i] ** 2 + np.log(2 * np.pi))
        return total


def _logarithmic(one: Parameter) -> tuple[float, float]:
    """Centre and standard deviation of ln of a parameter whose prior is flat."""
    low, high = np.log(one.prior.bounds)
    return float(low + high) / 2, float(high - low) / np.sqrt(12)
