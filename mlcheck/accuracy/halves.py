"""Comparing with exact values that have Monte Carlo errors, known through two independent halves of the draws.

If a = x + noise and b = x + other noise, the mean of a b is that of x^2 without the noise: slopes and correlations
against x are then free of the attenuation that errors of an abscissa bring (errors in variables; the halves are each
other's instrument).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from forecast.core.arrays import Array
from forecast.core.errors import InputError


@dataclass(frozen=True)
class Estimate:
    """A number and its standard error."""

    value: float
    error: float

    def deviation(self, expected: float) -> float:
        """Distance from what is expected, standard errors."""
        return (self.value - expected) / self.error if self.error > 0 else float("nan")


@dataclass(frozen=True)
class Sums:
    """Weighted sums of n pairs, gathered by group: all that slopes and correlations need.

    Parameters
    ----------
    table : ndarray, shape (G, 6)
        By group: 1, y, x, y^2, x^2 and x y, where x is known through its halves.
    """

    table: Array

    @classmethod
    def of(cls, y: Array, halves: Array, group: Array) -> Sums:
        """Sums of y (n,) and x, known as halves (2, n), by group (n,).

        Raises
        ------
        InputError
            If the lengths disagree or a value is not finite.
        """
        if halves.shape != (2, len(y)) or group.shape != np.shape(y):
            raise InputError(f"{np.shape(y)} values, halves of shape {halves.shape} and {group.shape} groups: unequal")
        x = halves.mean(axis=0)
        columns = [np.ones(len(y)), y, x, y * y, halves[0] * halves[1], x * y]
        if not np.isfinite(columns).all():
            raise InputError("a value to be compared is not finite; leave that cluster or catalogue out")
        _, index = np.unique(group, return_inverse=True)
        return cls(np.stack([np.bincount(index, weights=c) for c in columns], axis=1))

    def resampled(self, size: int, *, rng: np.random.Generator) -> Array:
        """Totals (`size`, 6) of groups drawn with replacement."""
        number = len(self.table)
        return rng.multinomial(number, np.full(number, 1.0 / number), size=size) @ self.table

    @property
    def total(self) -> Array:
        """Totals over all groups, shape (1, 6)."""
        total: Array = self.table.sum(axis=0, keepdims=True)
        return total

    def estimate(self, function: Callable[[Array], Array], size: int, *, rng: np.random.Generator) -> Estimate:
        """A function of totals (R, 6) -> (R,), and its standard error from `size` bootstrap samples of groups."""
        samples, value = function(self.resampled(size, rng=rng)), float(function(self.total)[0])
        samples = samples[np.isfinite(samples)]
        return Estimate(value, float(np.std(samples)) if np.isfinite(value) and len(samples) else float("nan"))


def _central(totals: Array) -> tuple[Array, Array, Array]:
    """Variances of y and x and their covariance, (R,) each."""
    one, y, x, yy, xx, xy = totals.T
    return yy / one - (y / one) ** 2, xx / one - (x / one) ** 2, xy / one - x * y / one**2


def correlation(totals: Array) -> Array:
    """Correlation of y with x without noise; NaN where nothing but noise is seen in x."""
    y, x, both = _central(totals)
    return both / np.sqrt(np.where((x > 0) & (y > 0), x * y, np.nan))


def slope(totals: Array) -> Array:
    """Slope of y on x, with a free intercept."""
    _, x, both = _central(totals)
    return both / np.where(x > 0, x, np.nan)


def slope_through_origin(totals: Array) -> Array:
    """Slope of y on x without intercept."""
    return totals[:, 5] / np.where(totals[:, 4] > 0, totals[:, 4], np.nan)
