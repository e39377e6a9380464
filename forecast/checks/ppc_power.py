"""Posterior predictive checks of mock catalogues whose truth is drawn from the prior: false alarms and power.

Every prior draw has one replicated catalogue, shared by all mocks: weighted by the likelihood they are the
posterior predictive distribution. The levels of single clusters draw replicas from Markov chains instead.

Two exact alternatives to conservative p-values: the rank of a joint p-value among those of the mocks (Hjort,
Dahl & Steinbakk 2006, JASA 101, 1157), uniform for data of the model; and the ranks of a *new* catalogue of the
same truth, exchangeable with the replicas once the truth is among the draws, as in `forecast.checks.sbc`: they
prove that predictions are right, and must be uniform.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import islice
from typing import Protocol

import numpy as np
from scipy import special

from ..core.arrays import Array
from ..core.errors import InputError
from ..core.rng import generator
from ..likelihoods.levels import level_class
from ..likelihoods.many_data import log_likelihoods
from ..model.forward import ForwardModel
from ..model.mocks import Mocks
from ..model.simulate import draw_mocks
from ..sampling.autocorrelation import effective_draws, harmonic_mean
from ..sampling.proposal import from_scores
from ..sampling.ranks import TurningChains, in_order
from .plants import Plant, plants
from .ppc import (
    DOUBT,
    SCREEN,
    PredictiveTest,
    Summary,
    columns_of,
    draw_summaries,
    joint_p_values,
    nodes_of,
    predictive_test,
)
from .sbc import CHAIN_SHARE, MIN_ESS

_FALSE = 1e-3


@dataclass(frozen=True)
class PredictivePlan:
    """How many mock catalogues of the model, and of each planted failure, on how many shared prior draws.

    The levels of single clusters run Markov chains of `steps` steps instead, for a quarter of the mocks, and
    draw `replicas` catalogues from each.
    """

    mocks: int = 300
    planted: int = 100
    draws: int = 8000
    seed: int = 1
    steps: int = 2000
    replicas: int = 250

    def __post_init__(self) -> None:
        least_of = {"mocks": 100, "planted": 0, "draws": 200, "replicas": 100, "steps": self.replicas}
        for name, least in least_of.items():
            if getattr(self, name) < least:
                raise InputError(f"predictive checks need {name} of at least {least}, got {getattr(self, name)}")


@dataclass(frozen=True)
class PredictiveCheck:
    """Posterior predictive checks of mocks whose true parameters are drawn from the prior, for one level.

    Parameters
    ----------
    level, status : str
        "no power" if `ess_median` is below 50; "false alarms" if there are more than 5% of them, "not
        calibrated" if new catalogues are not as predicted, either with chance below 0.001; else "calibrated".
    mocks : int
    ess_median : float
        Median over mocks of the effective number of replicas.
    names : tuple of str
    p_values : ndarray, shape (mocks, K)
    joint : ndarray, shape (mocks,)
        Joint p-values of the mocks of the model itself.
    false_alarms : tuple of two floats
        Fraction of them below 5%, and the standard error if it were 5%.
    calibrated_threshold : float
        Joint p-value that 5% of them are below: an exact verdict at 5%.
    new_ranks : ndarray, shape (mocks, K + 1)
        Ranks of new catalogues of the same truth among replicas, last of their smallest p-value: uniform.
    new_p_values : dict of str to float
        Kolmogorov-Smirnov test of each column, the last under "joint", which decides.
    planted : dict of str to ndarray
        Joint p-values of mocks with a failure.
    power : dict of str to tuple of two floats
        Fraction of them below 5%, and below `calibrated_threshold`.
    """

    level: str
    status: str
    mocks: int
    ess_median: float
    names: tuple[str, ...]
    p_values: Array
    joint: Array
    false_alarms: tuple[float, float]
    calibrated_threshold: float
    new_ranks: Array
    new_p_values: dict[str, float]
    planted: dict[str, Array]
    power: dict[str, tuple[float, float]]

    def calibrated(self, joint: float) -> float:
        """Rank of a catalogue's joint p-value among the mocks': a p-value that is uniform for data of the model."""
        return float((1 + np.sum(self.joint <= joint)) / (1 + len(self.joint)))


def predictive_check(
    model: ForwardModel,
    level: str,
    plan: PredictivePlan,
    failures: tuple[Plant, ...] | None = None,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> PredictiveCheck:
    """False alarms on mocks of the model, power for `failures` (default: `plants`), calibration of predictions.

    `progress` is told the number of mocks done and their total.
    """
    if level_class(level).of_clusters:
        plan = replace(plan, mocks=max(100, plan.mocks // CHAIN_SHARE), planted=plan.planted // CHAIN_SHARE)
    failures = plants(model.setup) if failures is None else failures
    groups = [(plan.mocks, Plant("", model)), *((plan.planted, plant) for plant in failures if plan.planted)]
    labels = np.repeat([plant.label for _, plant in groups], [number for number, _ in groups])
    rng = {name: generator(plan.seed, f"predictive {name}") for name in ("truth", "mocks", "posterior", "new", "u")}
    scores = rng["truth"].standard_normal((len(labels), len(model.parameters.free)))
    true = from_scores(model.parameters, scores)
    mocks = _draw_groups(groups, true, rng["mocks"])
    nodes = nodes_of(columns_of(draw_mocks(model, model.parameters.draw(200, rng=rng["new"]), rng=rng["new"])))
    observed = Summary.of(mocks.size, mocks.row, columns_of(mocks), nodes)
    new = draw_summaries(model, true[: plan.mocks], nodes, rng=rng["new"])
    posterior: _Posteriors
    if level_class(level).of_clusters:
        posterior = _Chains.of(model, level, (mocks, scores, labels != ""), nodes, plan, rng["posterior"])
    else:
        posterior = _Shared.of(model, level, (mocks, true), nodes, plan, rng["posterior"])
    tests, ranks = [], []
    for i in range(len(labels)):
        replicas, weight, own, ess = posterior.of_mock(i)
        tests.append(predictive_test(level, observed[i : i + 1], replicas, weight, ess))
        if i < plan.mocks:
            ranks.append(_new_ranks(new[i : i + 1], replicas, weight, own, rng["u"].random()))
        if progress is not None:
            progress(i + 1, len(labels))
    return _assess(level, tests, labels, np.array(ranks), posterior.sharing)


def _draw_groups(groups: list[tuple[int, Plant]], true: Array, rng: np.random.Generator) -> Mocks:
    """So many mocks of each kind, in one table, at successive parameter vectors."""
    parts, start = [], 0
    for number, plant in groups:
        parts.append(plant.draw(true[start : start + number], rng=rng))
        start += number
    return Mocks.stacked(parts)


class _Posteriors(Protocol):
    """Replicas drawn from the posteriors of mock catalogues."""

    @property
    def sharing(self) -> float:
        """Variance of counts of ranks over that of independent ones."""

    def of_mock(self, index: int) -> tuple[Summary, Array, float, float | None]:
        """Replicas, their weights, the truth's, and the number of effective replicas if they are dependent."""


@dataclass(frozen=True)
class _Shared:
    """Replicas of prior draws, weighted by the likelihood."""

    replicas: Summary
    log_likelihood: Array  # (n, S)
    own: Array  # (n,), of the truth

    @classmethod
    def of(
        cls,
        model: ForwardModel,
        level: str,
        data: tuple[Mocks, Array],
        nodes: dict[str, Array],
        plan: PredictivePlan,
        rng: np.random.Generator,
    ) -> _Shared:
        """For mocks and their true parameters."""
        draws = model.parameters.draw(plan.draws, rng=rng)
        value, own = log_likelihoods(model, level, data[0], draws, data[1])
        return cls(draw_summaries(model, draws, nodes, rng=rng), value, own)

    @property
    def sharing(self) -> float:
        return 1 + len(self.own) / int(self.log_likelihood.shape[1])

    def of_mock(self, index: int) -> tuple[Summary, Array, float, float | None]:
        value, own = self.log_likelihood[index], float(self.own[index])
        peak = float(value.max())
        kept = value > peak - SCREEN
        return self.replicas[kept], np.exp(value[kept] - peak), float(np.exp(min(own - peak, 700.0))), None


@dataclass(frozen=True)
class _Chains:
    """Replicas of the states of one Markov chain for each mock, see `forecast.sampling.ranks`."""

    replicas: Summary  # of (n, T) catalogues
    number: int  # T
    ess: float
    sharing: float = 1.0

    @classmethod
    def of(
        cls,
        model: ForwardModel,
        level: str,
        data: tuple[Mocks, Array, Array],
        nodes: dict[str, Array],
        plan: PredictivePlan,
        rng: np.random.Generator,
    ) -> _Chains:
        """For mocks, the prior scores of their true parameters, and whether they do not follow the model."""
        (mocks, scores, wrong), parameters = data, model.parameters
        chains, thin = TurningChains.of(model, level, mocks, rng=rng), plan.steps // plan.replicas
        start = np.where(wrong[:, None], chains.proposal.mean, scores)
        turn = rng.integers(0, plan.replicas + 1, size=len(scores))
        chain = chains.walk(start, thin * turn, rng=rng)
        states = [at.copy() for at, _ in islice(chain, thin - 1, thin * plan.replicas, thin)]
        sigma8 = np.stack(states)[..., parameters.names.index("sigma8")]
        ess = harmonic_mean(effective_draws(in_order(sigma8, turn)[:, None]))
        drawn = [draw_summaries(model, from_scores(parameters, at), nodes, rng=rng) for at in states]
        order = np.arange(plan.replicas * len(scores)).reshape(plan.replicas, -1).T.ravel()
        return cls(Summary.joined(drawn)[order], plan.replicas, ess)

    def of_mock(self, index: int) -> tuple[Summary, Array, float, float | None]:
        part = slice(index * self.number, (index + 1) * self.number)
        return self.replicas[part], np.ones(self.number), 1.0, self.ess


def _new_ranks(new: Summary, replicas: Summary, weight: Array, own: float, u: float) -> Array:
    """Ranks, uniform in (0, 1), of a new catalogue of the truth: of each statistic and of its smallest p-value."""
    weight = np.append(weight, own)
    table = Summary.joined([replicas, new]).table(weight)
    table = np.column_stack([table, joint_p_values(table, weight)[1]])
    tied = np.isclose(table, table[-1], rtol=1e-9, atol=0)
    ranks: Array = weight @ np.where(tied, u, table < table[-1]) / weight.sum()
    return ranks


def _assess(level: str, tests: list[PredictiveTest], labels: Array, ranks: Array, sharing: float) -> PredictiveCheck:
    """Rates of alarms and uniformity of ranks; failures have a label."""
    joint, names, mocks = np.array([test.joint for test in tests]), tests[0].names, len(ranks)
    threshold = float(np.sort(joint[:mocks])[int(DOUBT * (mocks + 1)) - 1])
    alarms, ess = int(np.sum(joint[:mocks] < DOUBT)), float(np.median([test.ess for test in tests[:mocks]]))
    uniform = {n: _uniform_p(rank, sharing) for n, rank in zip((*names, "joint"), ranks.T, strict=True)}
    many = special.bdtrc(alarms - 1, mocks, DOUBT) if alarms else 1.0
    status = "false alarms" if many < _FALSE else "not calibrated" if uniform["joint"] < _FALSE else "calibrated"
    planted = {str(label): joint[labels == label] for label in dict.fromkeys(labels[mocks:])}
    return PredictiveCheck(
        level=level,
        status="no power" if ess < MIN_ESS else status,
        mocks=mocks,
        ess_median=ess,
        names=names,
        p_values=np.array([test.p_values for test in tests[:mocks]]),
        joint=joint[:mocks],
        false_alarms=(alarms / mocks, float(np.sqrt(DOUBT * (1 - DOUBT) / mocks))),
        calibrated_threshold=threshold,
        new_ranks=ranks,
        new_p_values=uniform,
        planted=planted,
        power={n: (float(np.mean(x < DOUBT)), float(np.mean(x <= threshold))) for n, x in planted.items()},
    )


def _uniform_p(ranks: Array, sharing: float) -> float:
    """Kolmogorov-Smirnov p-value (Stephens 1970) of ranks whose counts vary by `sharing` times the binomial."""
    size, x = len(ranks), np.sort(ranks)
    steps = np.arange(size + 1) / size
    distance = max(np.max(steps[1:] - x), np.max(x - steps[:-1])) / np.sqrt(sharing)
    return float(special.kolmogorov((np.sqrt(size) + 0.12 + 0.11 / np.sqrt(size)) * distance))
