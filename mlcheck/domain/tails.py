"""How rare numbers are: distributions learnt from samples, and continued beyond them."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from forecast.core.arrays import Array

_KNOTS = 64
_SHARE, _LARGEST_SHARE, _WANTED = 0.05, 0.25, 100
"""The tail holds the largest 5% of the sample, or as many more as give 100 values, at most a quarter."""
_HEAVIEST = 0.5


@dataclass(frozen=True)
class Tails:
    """Survival functions of J statistics: quantiles of a sample, and beyond the last a generalised Pareto tail.

    Parameters
    ----------
    knots : ndarray, shape (Q, J)
        Quantiles at equal steps of probability, from the smallest value to where the tail begins.
    share : float
        Of the sample that lies in the tail.
    scale, shape : ndarray, shape (J,)
        Of the tail.
    """

    knots: Array
    share: float
    scale: Array
    shape: Array

    @classmethod
    def of(cls, sample: Array, caution: float = 0.0) -> Tails:
        """Of a sample (n, J).

        The tail is fitted by probability-weighted moments (Hosking & Wallis 1987, Technometrics 29, 339). It errs on
        the side of rarer alarms: it is never lighter than an exponential, its scale is one standard error larger
        than that of the fit, and its shape `caution` standard errors heavier.
        """
        share = float(np.clip(_WANTED / len(sample), _SHARE, _LARGEST_SHARE))
        knots = np.quantile(sample, np.linspace(0.0, 1.0 - share, _KNOTS), axis=0)
        excess = np.sort(sample, axis=0)[-max(2, round(share * len(sample))) :] - knots[-1]
        count = len(excess)
        rank = (np.arange(count, 0, -1) - 0.35) / count
        first, second = excess.mean(axis=0), (excess * rank[:, None]).mean(axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            shape = np.clip(np.nan_to_num(2 - first / (first - 2 * second)) + caution / np.sqrt(count), 0.0, _HEAVIEST)
        scale = first * (1 - shape) * (1 + 1 / np.sqrt(count))
        return cls(knots, share, np.maximum(scale, 1e-12), shape)

    def surprise(self, values: Array) -> Array:
        """-ln of the chance of at least such values (m, J), (m, J)."""
        survival = np.linspace(1.0, self.share, len(self.knots))
        inside = np.column_stack(
            [np.interp(column, knots, survival) for column, knots in zip(values.T, self.knots.T, strict=True)]
        )
        excess = np.maximum(values - self.knots[-1], 0.0) / self.scale
        safe = np.where(self.shape > 1e-6, self.shape, 1.0)
        beyond = np.where(self.shape > 1e-6, np.log1p(safe * excess) / safe, excess)
        return np.asarray(np.where(values > self.knots[-1], beyond - np.log(self.share), -np.log(inside)))


@dataclass(frozen=True)
class GroupedTails:
    """Survival functions of J statistics in groups that measure much the same, so that each group counts as one.

    Parameters
    ----------
    columns : Tails
        Of the J statistics.
    groups : ndarray of int, shape (J,)
        Of each, from zero.
    largest : Tails
        Of the largest surprise in each group.
    """

    columns: Tails
    groups: Array
    largest: Tails

    @classmethod
    def of(cls, sample: Array, names: Sequence[Hashable]) -> GroupedTails:
        """Of a sample (n, J); statistics of equal names are of one group.

        The chances only rank statistics; whoever wants alarms learns how rare the rarest is. So shapes are fitted the
        other way: as light as their errors allow.
        """
        known = {name: i for i, name in enumerate(dict.fromkeys(names))}
        columns, groups = Tails.of(sample, caution=-1.0), np.array([known[name] for name in names])
        return cls(columns, groups, Tails.of(_largest(columns.surprise(sample), groups), caution=-1.0))

    def rarest(self, values: Array) -> tuple[Array, Array]:
        """-ln of the chance of the rarest group of values (m, J), (m,), and its rarest statistic, (m,)."""
        each = self.columns.surprise(values)
        found = self.largest.surprise(_largest(each, self.groups))
        mine = self.groups == found.argmax(axis=1)[:, None]
        return found.max(axis=1), np.where(mine, each, -np.inf).argmax(axis=1)


def _largest(surprise: Array, groups: Array) -> Array:
    """Largest surprise (m, J) in each group, (m, G)."""
    return np.column_stack([surprise[:, groups == group].max(axis=1) for group in range(groups.max() + 1)])
