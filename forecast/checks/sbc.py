"""Proof of calibration: posteriors of mock catalogues whose true parameters are drawn from the prior.

Simulation-based calibration (Talts et al. 2018, arXiv:1804.06788) by importance sampling: if a likelihood is right,
the posterior weight below the true sigma8 (PIT) is uniform over mocks. The posterior is prior draws weighted by the
likelihood, *the true parameters among them*: truth and draws are exchangeable before the data are seen, so that PIT =
weight below the truth + U x its own weight is exactly uniform for any number of draws. Without the truth a right
likelihood looks overconfident.

Mocks that share draws have dependent PITs: each of S draws carries 1/S of the weight averaged over mocks, so that
counts of n PITs vary, to first order, by up to 1 + n/S times the binomial variance (data that say nothing reach it).
Groups of mocks with draws of their own keep n/S small, and bands simulated for independent PITs are widened by the
larger of it and the variance found between groups.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from ..core.arrays import Array
from ..core.errors import InputError
from ..core.rng import generator
from ..likelihoods.levels import level_class
from ..likelihoods.many_data import log_likelihoods
from ..model.forward import ForwardModel
from ..model.simulate import draw_mocks
from ..sampling.autocorrelation import harmonic_mean
from ..sampling.ranks import rank_truths

MIN_ESS = 50.0  # median effective sample size below which nothing is proved
BAND, ALARM = 0.95, 0.999  # joint probability of the bands shown, and of those that decide
CHAIN_SHARE = 4  # one mock in so many has chains of its own
_LEVELS_OF_COVERAGE = (np.arange(20) + 0.5) / 20
_CELLS, _BINS, _SIMULATIONS = 80, 20, 50_000


@dataclass(frozen=True)
class CalibrationPlan:
    """How many mock catalogues, in `groups` that share `draws` prior draws each; at levels of single clusters a quarter
    of them, with chains of `steps` steps."""

    mocks: int = 2000
    draws: int = 8000
    seed: int = 1
    groups: int = 10
    steps: int = 2000

    def __post_init__(self) -> None:
        for name, least in (("mocks", max(100, 10 * self.groups)), ("draws", 2), ("groups", 2)):
            if getattr(self, name) < least:
                raise InputError(f"calibration needs {name} of at least {least}, got {getattr(self, name)}")


Models = tuple[ForwardModel, ForwardModel]
"""The one whose posteriors are tested, and the one that mocks are drawn from."""


@dataclass(frozen=True)
class GroupRanks:
    """Ranks of the truth of one group of mocks.

    Parameters
    ----------
    rank : ndarray, shape (Q, n)
        Posterior weight below the truth, of the free parameters, in order, and of the log likelihood.
    effective : ndarray, shape (n,)
        Effective number of draws of each mock.
    """

    rank: Array
    effective: Array


@dataclass(frozen=True)
class LevelCalibration:
    """Whether the posteriors of one level are calibrated for sigma8.

    Parameters
    ----------
    level, status : str
        "not calibrated" if the smallest of Q `p_values` is below 0.001/Q, else "no power" if `ess_median` is
        below 50 (nothing is proved), else "calibrated".
    mocks, draws : int
        `draws` is the length of the chains for `full` and `full+wl`.
    pit : ndarray, shape (mocks,)
        Posterior weight below the true sigma8.
    ess_median : float
        Median over mocks of the effective number of weighted draws, (sum w)^2 / sum w^2, the truth among them, but
        no more than there are without it. Of chains the harmonic mean of their effective draws of sigma8, each no
        more than its steps: single chains are too short for a median to be fair.
    edges, counts, band_low, band_high, alarm_low, alarm_high : ndarray, shape (20,); edges (21,)
        Histogram of `pit`, and its simultaneous 95% and 99.9% bands.
    levels, coverage, coverage_low, coverage_high : ndarray, shape (20,)
        Probability of central credible intervals, the fraction that hold the truth, its 95% band.
    coverage_68, coverage_95 : tuple of two floats
        Coverage of 68% and 95% intervals, and the standard error if calibrated.
    statistic, p_value : float
        Largest deviation of histogram, coverage and cumulative distribution (39 points), in standard deviations, and
        its chance if calibrated. The bands are this statistic's own.
    p_values : dict of str to float
        Of every free parameter, and of "log_likelihood": it notices a posterior that ignores its data (Modrak et al.
        2023, arXiv:2211.02383).
    inflation : float
        Variance of counts of ranks over that of independent ones, at least 1.
    """

    level: str
    status: str
    mocks: int
    draws: int
    pit: Array
    ess_median: float
    edges: Array
    counts: Array
    band_low: Array
    band_high: Array
    alarm_low: Array
    alarm_high: Array
    levels: Array
    coverage: Array
    coverage_low: Array
    coverage_high: Array
    coverage_68: tuple[float, float]
    coverage_95: tuple[float, float]
    statistic: float
    p_value: float
    p_values: dict[str, float]
    inflation: float


def posterior_rank(log_likelihood: Array, own: Array, below: Array, u: Array) -> tuple[Array, Array]:
    """Weight below the truth + u x its own, shape (Q, n), and the effective number of draws, (n,).

    ln L of draws (n, S) and of the truth (n,), -inf to leave it out; whether Q quantities of the draws are
    below the truth's (Q, n, S); uniform random numbers (n,).
    """
    peak = np.maximum(log_likelihood.max(axis=1), own)
    weight, mine = np.exp(log_likelihood - peak[:, None]), np.exp(own - peak)
    total = weight.sum(axis=1) + mine
    rank = np.stack([np.einsum("ns,ns->n", weight, b) for b in below]) + u * mine
    effective = total**2 / (np.einsum("ns,ns->n", weight, weight) + mine**2)
    return np.minimum(rank / total, 1.0), np.minimum(effective, log_likelihood.shape[1])


def calibrate(
    model: ForwardModel,
    level: str,
    plan: CalibrationPlan,
    *,
    truth: ForwardModel | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> LevelCalibration:
    """Rank the true parameters of mock catalogues, drawn from `truth` (default: `model`), in posteriors.

    `truth` has the model's free parameters; `progress` is told the number of mocks done and their total.
    """
    models = (model, truth or model)
    check_names(models)
    found = []
    for index in range(plan.groups):
        found.append(rank_group(models, level, plan, index))
        if progress is not None:
            progress(sum(group.rank.shape[1] for group in found), of_level(plan, level).mocks)
    return gathered(level, found, model.parameters.names, plan)


def check_names(models: Models) -> None:
    """Refuse models of which sigma8 is not free, or whose free parameters differ.

    Raises
    ------
    InputError
    """
    names, others = (model.parameters.names for model in models)
    if "sigma8" not in names or others != names:
        raise InputError(f"sigma8 must be free, and the mocks' parameters {others} be {names}")


def of_level(plan: CalibrationPlan, level: str) -> CalibrationPlan:
    """The plan with the number of mocks of a level: levels of single clusters have fewer."""
    dear = level_class(level).of_clusters
    return replace(plan, mocks=max(plan.mocks // CHAIN_SHARE, 10 * plan.groups)) if dear else plan


def rank_group(models: Models, level: str, plan: CalibrationPlan, index: int) -> GroupRanks:
    """Ranks of the true parameters of one group of mocks; its numbers depend on the seed and its index alone."""
    model, truth = models
    size = len(np.array_split(np.arange(of_level(plan, level).mocks), plan.groups)[index])
    if level_class(level).of_clusters:  # many parameters and narrow posteriors: ranks in Markov chains, see `ranks`
        found = rank_truths(models, level, size, plan.steps, rng=generator(plan.seed, "calibration chains", index))
        return GroupRanks(found.rank, found.effective)
    rngs = {name: generator(plan.seed, f"calibration {name}", index) for name in ("truth", "mocks", "draws", "u")}
    true = model.parameters.draw(size, rng=rngs["truth"])
    draws = model.parameters.draw(plan.draws, rng=rngs["draws"])
    mocks = draw_mocks(truth, true, rng=rngs["mocks"])
    value, own = log_likelihoods(model, level, mocks, draws, true)
    smaller = (draws[:, i] < true[:, i, None] for i in range(len(model.parameters.names)))
    below = np.stack([*smaller, value < own[:, None]])
    return GroupRanks(*posterior_rank(value, own, below, rngs["u"].random(size)))


def gathered(
    level: str, groups: Sequence[GroupRanks], names: tuple[str, ...], plan: CalibrationPlan
) -> LevelCalibration:
    """The ranks of all groups of a level, in order, compared with uniform ones."""
    ranks = np.concatenate([group.rank for group in groups], axis=1)
    each = np.concatenate([group.effective for group in groups])
    size = harmonic_mean(each) if level_class(level).of_clusters else float(np.median(each))
    by_name = dict(zip((*names, "log_likelihood"), ranks, strict=True))
    return assess(level, by_name, size, of_level(plan, level), shared=not level_class(level).of_clusters)


def assess(
    level: str, ranks: dict[str, Array], ess_median: float, plan: CalibrationPlan, *, shared: bool = True
) -> LevelCalibration:
    """Compare ranks, shape (mocks,) by quantity, with uniform ones; groups as `numpy.array_split` has them.

    `shared`: whether the mocks of a group share prior draws.
    """
    pit, size = ranks["sigma8"], plan.mocks
    tests = {name: _test(rank, plan, shared) for name, rank in ranks.items()}
    statistic, p_value, inflation = tests["sigma8"]
    mean, spread = size * _CHANCE, np.sqrt(inflation * size * _CHANCE * (1 - _CHANCE))
    reach = np.quantile(_null(size), [BAND, ALARM])[:, None] * spread
    (low, alarm_low), (high, alarm_high) = np.clip([mean - reach, mean + reach], 0, size)
    bins, levels, counts = slice(_BINS), slice(_BINS, 2 * _BINS), _measure(np.histogram(pit, _CELLS, (0, 1))[0])
    inside = np.abs(2 * pit - 1)
    central = [(float(np.mean(inside <= p)), float(np.sqrt(inflation * p * (1 - p) / size))) for p in (0.68, 0.95)]
    wrong = min(p for _, p, _ in tests.values()) < (1 - ALARM) / len(tests)
    status = "not calibrated" if wrong else "no power" if ess_median < MIN_ESS else "calibrated"
    return LevelCalibration(
        level=level,
        status=status,
        mocks=size,
        draws=plan.draws if shared else plan.steps,
        pit=pit,
        ess_median=ess_median,
        edges=np.linspace(0, 1, _BINS + 1),
        counts=counts[bins],
        band_low=low[bins],
        band_high=high[bins],
        alarm_low=alarm_low[bins],
        alarm_high=alarm_high[bins],
        levels=_LEVELS_OF_COVERAGE,
        coverage=counts[levels] / size,
        coverage_low=low[levels] / size,
        coverage_high=high[levels] / size,
        coverage_68=central[0],
        coverage_95=central[1],
        statistic=statistic,
        p_value=p_value,
        p_values={name: p for name, (_, p, _) in tests.items()},
        inflation=inflation,
    )


def _measure(cells: Array) -> Array:
    """Histogram (20), coverage (20) and cumulative distribution (39 points) of cell counts (..., 80)."""
    below = np.cumsum(cells, axis=-1)
    histogram = cells.reshape(*cells.shape[:-1], _BINS, -1).sum(axis=-1)
    half = np.rint(_LEVELS_OF_COVERAGE * _CELLS / 2).astype(int)
    covered = below[..., _CELLS // 2 + half - 1] - below[..., _CELLS // 2 - half - 1]
    return np.concatenate([histogram, covered, below[..., 1:-1:2]], axis=-1)


_CHANCE = _measure(np.ones(_CELLS)) / _CELLS


def _deviation(measured: Array, size: int) -> Array:
    """Largest deviation from uniform, binomial standard deviations, over the last axis."""
    largest: Array = np.max(np.abs(measured - size * _CHANCE) / np.sqrt(size * _CHANCE * (1 - _CHANCE)), axis=-1)
    return largest


@lru_cache(maxsize=8)
def _null(size: int) -> Array:
    """Sorted simulations of the largest deviation of `size` independent uniform ranks."""
    rng, chance = generator(0, "calibration null", size), np.full(_CELLS, 1 / _CELLS)
    cells = (rng.multinomial(size, chance, size=_SIMULATIONS // 10) for _ in range(10))
    return np.sort(np.concatenate([_deviation(_measure(c), size) for c in cells]))


def _test(pit: Array, plan: CalibrationPlan, shared: bool) -> tuple[float, float, float]:
    """Largest deviation from uniform in widened standard deviations, its p-value, and the inflation."""
    inflation, null = _inflation(pit, plan) if shared else 1.0, _null(len(pit))
    found = float(_deviation(_measure(np.histogram(pit, _CELLS, (0, 1))[0]), len(pit)) / np.sqrt(inflation))
    return found, float((1 + len(null) - np.searchsorted(null, found)) / (1 + len(null))), inflation


def _inflation(pit: Array, plan: CalibrationPlan) -> float:
    """Larger of 1 + n/S and chi-squared per degree of freedom of the groups' histograms about their mean."""
    counts = np.array([np.histogram(part, _BINS, (0, 1))[0] for part in np.array_split(pit, plan.groups)])
    counts = counts[:, counts.any(axis=0)]
    expected = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0) / len(pit)
    freedom = (plan.groups - 1) * max(counts.shape[1] - 1, 1)
    measured: float = float(np.sum((counts - expected) ** 2 / expected)) / freedom
    return max(measured, 1 + len(pit) / plan.groups / plan.draws)
