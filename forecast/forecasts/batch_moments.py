"""Moments of sigma8 from averages over independent batches of draws."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..core.arrays import Array

BATCHES = 12
"""Effective batches below which their spread says nothing."""
POWERS, SHOWN_POWERS = 5, 3
"""Powers of sigma8 that are averaged where the fourth moment counts, and where it does not."""


@dataclass(frozen=True)
class Moments:
    """Mean and variance of sigma8 from averages over batches, and their Monte Carlo errors; 0 / 0 is NaN."""

    evidence: Array
    mean: Array
    variance: Array
    mean_error: Array
    variance_error: Array
    fourth: Array  # central moment; NaN where it was not summed
    batches: Array  # effective number

    @classmethod
    def of(cls, sums: Array) -> Moments:
        """From averages over G batches, shape (G, ..., K): powers 0 to K - 1."""
        number, evidence = len(sums), sums[..., 0].mean(axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            raw = np.moveaxis(sums.mean(axis=0) / evidence[..., None], -1, 0)
            mean, variance = raw[1], raw[2] - raw[1] ** 2
            shares = sums / (number * evidence[..., None])
            first = shares[..., 1] - mean * shares[..., 0]
            second = shares[..., 2] - 2 * mean * shares[..., 1] + (mean**2 - variance) * shares[..., 0]
            mean_error, variance_error = (np.sqrt(number / (number - 1) * (x**2).sum(axis=0)) for x in (first, second))
            batches = 1 / (shares[..., 0] ** 2).sum(axis=0)
        fourth = np.full_like(mean, np.nan)
        if len(raw) == POWERS:
            fourth = raw[4] - 4 * mean * raw[3] + 6 * mean**2 * raw[2] - 3 * mean**4
        return cls(
            evidence=evidence,
            mean=mean,
            variance=np.maximum(variance, 0.0),
            mean_error=mean_error,
            variance_error=variance_error,
            fourth=fourth,
            batches=batches,
        )

    @property
    def std(self) -> Array:
        """Width of the posterior."""
        return np.sqrt(self.variance)

    @property
    def ess(self) -> Array:
        """Number of independent posterior draws whose mean has the same error; 0 if too few batches share it."""
        with np.errstate(invalid="ignore", divide="ignore"):
            number = self.variance / self.mean_error**2
        return np.where(self.batches >= BATCHES, number, 0.0)
