"""Is a network's posterior of sigma8 what it claims: coverage, ranks of the truth, shrinkage, whose errors it shares.

Ranks are uniform whatever part of the catalogues is chosen by data alone (simulation-based calibration, Talts et al.
2018, arXiv:1804.06788): also within thirds of the predicted sigma8, but not within thirds of the true one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import optimize, stats

from forecast.core.arrays import Array
from forecast.core.errors import InputError

PROBABILITIES = (0.68, 0.95)
PARTS = ("all", "lowest third", "middle third", "highest third")
_BINS, _BAND = 10, 0.99


@dataclass(frozen=True)
class Coverage:
    """How many truths lie in central credible intervals of one probability.

    Parameters
    ----------
    probability : float
    found : float
        Share of the truths.
    low, high : float
        99% band of that share if calibrated (binomial).
    p_value : float
        Two-sided, exact.
    """

    probability: float
    found: float
    low: float
    high: float
    p_value: float


@dataclass(frozen=True)
class RankTest:
    """Ranks of the truths of some of the catalogues.

    Parameters
    ----------
    part : str
        All catalogues, or a third by predicted sigma8.
    catalogues : int
    coverage : tuple of Coverage
    distance : float
        Largest difference of the ranks' distribution from the uniform one (Kolmogorov and Smirnov).
    distance_p : float
    chi_square_p : float
        Of ten bins.
    """

    part: str
    catalogues: int
    coverage: tuple[Coverage, ...]
    distance: float
    distance_p: float
    chi_square_p: float

    @property
    def p_values(self) -> tuple[float, ...]:
        """All p-values."""
        return (self.distance_p, self.chi_square_p, *(c.p_value for c in self.coverage))


@dataclass(frozen=True)
class CalibrationTest:
    """Tests of one network's posteriors.

    Parameters
    ----------
    parts : tuple of RankTest
    false_alarm : float
        Largest chance that a calibrated posterior fails: each p-value is held against it over their number.
    """

    parts: tuple[RankTest, ...]
    false_alarm: float

    @property
    def p_value(self) -> float:
        """Smallest p-value times their number (Bonferroni)."""
        each = [p for part in self.parts for p in part.p_values]
        return float(min(1.0, min(each) * len(each)))

    @property
    def passes(self) -> bool:
        """Whether nothing speaks against calibration."""
        return self.p_value >= self.false_alarm


def calibration_test(below: Array, predicted: Array, *, false_alarm: float = 0.01) -> CalibrationTest:
    """Test posteriors by the ranks of the truths.

    Parameters
    ----------
    below : ndarray, shape (P,)
        Posterior probability below the true sigma8 (`Predictions.cumulative`).
    predicted : ndarray, shape (P,)
        Posterior means.
    false_alarm : float

    Raises
    ------
    InputError
        If a probability is not one, as of networks that give a number and no density, or catalogues are too few.
    """
    below, predicted = np.asarray(below, dtype=float), np.asarray(predicted, dtype=float)
    if not ((below >= 0) & (below <= 1)).all():
        raise InputError("posterior probabilities below the truth must lie in 0-1; a network without density has none")
    if len(below) < 10 * _BINS:
        raise InputError(f"{len(below)} catalogues are too few to test calibration; use at least {10 * _BINS}")
    thirds = np.array_split(np.argsort(predicted, kind="stable"), 3)
    parts = (np.arange(len(below)), *thirds)
    tests = tuple(_rank_test(name, below[part]) for name, part in zip(PARTS, parts, strict=True))
    return CalibrationTest(tests, false_alarm)


def _rank_test(part: str, below: Array) -> RankTest:
    inside = np.abs(2 * below - 1)
    found = stats.kstest(below, "uniform")
    counts = np.histogram(below, _BINS, (0, 1))[0]
    coverage = tuple(_coverage(p, int(np.sum(inside < p)), len(below)) for p in PROBABILITIES)
    return RankTest(
        part=part,
        catalogues=len(below),
        coverage=coverage,
        distance=float(found.statistic),
        distance_p=float(found.pvalue),
        chi_square_p=float(stats.chisquare(counts).pvalue),
    )


def _coverage(probability: float, inside: int, total: int) -> Coverage:
    low, high = stats.binom.interval(_BAND, total, probability)
    p_value = float(stats.binomtest(inside, total, probability).pvalue)
    return Coverage(
        probability=probability, found=inside / total, low=float(low) / total, high=float(high) / total, p_value=p_value
    )


def tolerable_bias(catalogues: int) -> float:
    """Bias of Gaussian posteriors, in their widths, that 68% coverage of so many catalogues would just betray.

    Parameters
    ----------
    catalogues : int
        At least 20: coverage falls by half the width of its 99% band.
    """
    probability = PROBABILITIES[0]
    half = float(stats.norm.ppf(0.5 + probability / 2))
    low, high = stats.binom.interval(_BAND, max(catalogues, 20), probability)
    loss = (high - low) / 2 / max(catalogues, 20)

    def excess(bias: float) -> float:
        return float(probability - loss - (stats.norm.cdf(half - bias) - stats.norm.cdf(-half - bias)))

    return float(optimize.brentq(excess, 0.0, 10.0))
