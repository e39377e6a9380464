"""Posterior predictive checks: do catalogues drawn from a posterior look like the one it was inferred from?

Every prior draw has one replicated catalogue, shared by all data: weighted by the likelihood they are the
posterior predictive distribution (the posterior draws of a chain weigh the same). The p-value of a statistic
is two-sided; the smallest one is compared with those that replicas have among each other, so that the
joint p-value accounts for the number of statistics and for how they depend on each other.

Data are used twice, for the posterior and for the check: posterior predictive p-values of data that follow
the model are not uniform but crowd about 1/2 (two-sided: at 1) the better the data fix the statistic. A verdict at
5% raises a false alarm in at most about 5% of cases (never more than 10%: Meng 1994, Ann. Stat. 22, 1142),
mostly in fewer, and so loses power. `predictive_check` measures both, false alarms and the power for planted
failures, on mocks whose truth is drawn from the prior. It offers two exact alternatives: the rank of a joint
p-value among those of the mocks (Hjort, Dahl & Steinbakk 2006, JASA 101, 1157), uniform for data of the model;
and the ranks of a *new* catalogue of the same truth, exchangeable with the replicas once the truth is among
the draws, as in `forecast.calibration`: they prove that predictions are right, and must be uniform.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import islice
from typing import Protocol

import numpy as np
from scipy import special

from .calibration import CHAIN_SHARE, MIN_ESS, log_likelihoods
from .catalogue import Catalogue
from .errors import InputError
from .fisher import fisher_matrix
from .likelihood import POINT_LEVELS
from .mock import Mocks, draw_mocks, grouped_median
from .model import ForwardModel, forward_model
from .population import Setup
from .rankchain import TRAINING, PairwisePosterior, Proposal, from_scores, regression, summaries, walk
from .rng import generator
from .selection import FluxLimited, Selection, Smoothed

Array = np.ndarray

DOUBT, ALARM = 0.05, 0.01
"""Joint p-values below which a catalogue is doubtful, and inconsistent with the model."""
MOMENTS = ("median", "scatter", "skewness", "minimum", "maximum")
"""Statistics of log10 of an observable; its "distance" is from the posterior's mean distribution."""
PAIR = ("slope", "scatter", "outlier")
"""Statistics of the regression of log10 L_X on log10 Y_X: see `_regression`."""
_NODES, _ROWS, _CLUSTERS = 100, 500, 2_000_000
_SCREEN, _FALSE, _TAIL = 10.0, 1e-3, 0.05


@dataclass(frozen=True)
class Summary:
    """Statistics of P catalogues.

    Parameters
    ----------
    observables : tuple of str
        "Y_X", "L_X".
    values : ndarray, shape (P, K - O)
        Number of clusters, `MOMENTS` of log10 of each of O observables, and `PAIR` of two; -inf for too few clusters.
    below : ndarray, shape (P, O, G)
        Fraction of the clusters below each of G nodes.
    """

    observables: tuple[str, ...]
    values: Array
    below: Array

    @property
    def names(self) -> tuple[str, ...]:
        """Statistics, the distances of the observables last."""
        moments = (f"{o} {m}" for o in self.observables for m in MOMENTS)
        pair = (f"L_X at Y_X {m}" for m in PAIR if len(self.observables) == 2)
        return "N", *moments, *pair, *(f"{o} distance" for o in self.observables)

    @classmethod
    def of(cls, size: Array, row: Array, columns: dict[str, Array], nodes: dict[str, Array]) -> Summary:
        """From clusters, `row` ascending: log10 of observables, shape (n,), and nodes, shape (G,)."""
        moments = [_moments(size, row, x) for x in columns.values()]
        if len(columns) == 2:
            moments.append(_regression(size, row, columns["Y_X"], columns["L_X"]))
        below = np.zeros((len(size), len(columns), _NODES), dtype=np.float32)
        for i, (name, x) in enumerate(columns.items()):
            below[:, i] = _fraction_below(size, row, x, nodes[name])
        return cls(tuple(columns), np.column_stack([size, *moments]), below)

    @classmethod
    def joined(cls, parts: list[Summary]) -> Summary:
        """Catalogues of several summaries."""
        values, below = (np.concatenate([getattr(p, n) for p in parts]) for n in ("values", "below"))
        return cls(parts[0].observables, values, below)

    def __getitem__(self, rows: Array | slice) -> Summary:
        return Summary(self.observables, self.values[rows], self.below[rows])

    def table(self, weight: Array) -> Array:
        """All statistics, shape (P, K); distances from the mean distribution of catalogues of `weight`.

        The distance is sqrt(N) max |F_i - F|, F the distribution of all clusters, each with its catalogue's weight.
        """
        size = self.values[:, 0]
        share = weight * size
        mean = np.tensordot(share.astype(np.float32), self.below, 1) / np.float32(max(share.sum(), 1e-30))
        distance = np.sqrt(size)[:, None] * np.abs(self.below - mean).max(axis=2)
        return np.column_stack([self.values, distance])


def _averages(size: Array, row: Array, x: Array) -> Array:
    """Mean of each catalogue, shape (P,)."""
    return np.bincount(row, x, len(size)) / np.maximum(size, 1)


def _extremes(size: Array, x: Array) -> tuple[Array, Array]:
    """Smallest and largest of each catalogue, shape (P,); -inf if it is empty."""
    start = np.concatenate([[0], np.cumsum(size)[:-1]])[size > 0]
    ends = np.full((2, len(size)), -np.inf)
    if len(x):
        ends[:, size > 0] = np.minimum.reduceat(x, start), np.maximum.reduceat(x, start)
    return ends[0], ends[1]


def _moments(size: Array, row: Array, x: Array) -> Array:
    """`MOMENTS` of each catalogue, shape (P, 5)."""
    offset = x - _averages(size, row, x)[row]
    scatter = np.sqrt(_averages(size, row, offset**2))
    skewness = _averages(size, row, offset**3) / np.maximum(scatter, 1e-9) ** 3
    moments = np.stack([grouped_median(x, row, size), scatter, skewness, *_extremes(size, x)], axis=1)
    return np.where(size[:, None] > 0, moments, -np.inf)


def _regression(size: Array, row: Array, x: Array, y: Array) -> Array:
    """Slope, scatter and largest residual in units of the scatter of y on x, of each catalogue, shape (P, 3)."""
    dx, dy = (v - _averages(size, row, v)[row] for v in (x, y))
    slope = _averages(size, row, dx * dy) / np.maximum(_averages(size, row, dx**2), 1e-18)
    residual = dy - slope[row] * dx
    scatter = np.sqrt(_averages(size, row, residual**2))
    outlier = _extremes(size, np.abs(residual))[1] / np.maximum(scatter, 1e-9)
    return np.where(size[:, None] > 2, np.stack([slope, scatter, outlier], axis=1), -np.inf)


def _fraction_below(size: Array, row: Array, x: Array, nodes: Array) -> Array:
    """Fraction of each catalogue's clusters below each node, shape (P, G)."""
    shape = (len(size), len(nodes) + 1)
    flat = row * shape[1] + np.searchsorted(nodes, x, side="right")
    count = np.bincount(flat, minlength=shape[0] * shape[1]).reshape(shape)
    return np.asarray(np.cumsum(count[:, :-1], axis=1) / np.maximum(size, 1)[:, None])


@dataclass(frozen=True)
class PredictiveTest:
    """One catalogue against its posterior predictive distribution.

    Parameters
    ----------
    level : str
    names : tuple of str
        K statistics: "N", and "Y_X median" and the like, of log10.
    observed : ndarray, shape (K,)
    low, middle, high : ndarray, shape (K,)
        16%, 50% and 84% of the replicas.
    p_values : ndarray, shape (K,)
        Two-sided: twice the chance of a replica beyond the observed value, on the rarer side.
    joint : float
        Chance that a replica's smallest p-value is at most the observed one.
    threshold : float
        Smallest p-value at which `joint` is 5%.
    status : str
        "no power" below 50 effective replicas, else "inconsistent" for `joint` below 1%, "doubtful"
        below 5%, "consistent".
    replicas : int
    ess : float
        Effective number of replicas.
    """

    level: str
    names: tuple[str, ...]
    observed: Array
    low: Array
    middle: Array
    high: Array
    p_values: Array
    joint: float
    threshold: float
    status: str
    replicas: int
    ess: float


def predictive_test(
    level: str, observed: Summary, replicas: Summary, weight: Array, ess: float | None = None
) -> PredictiveTest:
    """Compare one catalogue with replicas of `weight`, shape (P,); it counts as a replica of average weight.

    `ess`: effective number of replicas, if they are not independent.
    """
    kept = np.flatnonzero(weight > np.exp(-_SCREEN) * weight.max())
    independent = float(weight.sum() ** 2 / (weight**2).sum())
    ess, weights = ess or independent, np.append(weight[kept], weight.sum() / independent)
    table = Summary.joined([replicas[kept], observed]).table(weights)
    p_values, smallest, joint = joint_p_values(table, weights)
    low, middle, high = _weighted_quantiles(table[:-1], weights[:-1], (0.16, 0.5, 0.84))
    threshold = _weighted_quantiles(smallest[:-1, None], weights[:-1], (DOUBT,))[0, 0]
    verdict = "inconsistent" if joint < ALARM else "doubtful" if joint < DOUBT else "consistent"
    return PredictiveTest(
        level, observed.names, table[-1], low, middle, high, p_values, joint, float(threshold),
        "no power" if ess < MIN_ESS else verdict, len(weight), ess,
    )  # fmt: skip


def joint_p_values(table: Array, weight: Array) -> tuple[Array, Array, float]:
    """Two-sided p-values of the last of J catalogues, (K,), everyone's smallest, (J,), and the last one's joint.

    Statistics of shape (J, K); ties count half. `tail_chance` keeps extreme catalogues apart.
    """
    two_sided = np.stack([tail_chance(x, weight) for x in table.T], axis=1)
    smallest = two_sided.min(axis=1)
    return two_sided[-1], smallest, float(weight[smallest <= smallest[-1] * (1 + 1e-9)].sum() / weight.sum())


def tail_chance(x: Array, weight: Array) -> Array:
    """Two-sided chance of every value (J,) in the distribution of all of them.

    Ranks; beyond the outer 5% on either side, 5% times an exponential of the excess over its mean.
    """
    total, order = weight.sum(), np.argsort(x)
    start = np.flatnonzero(np.append(True, x[order][1:] != x[order][:-1]))
    tied = np.add.reduceat(weight[order], start)
    rank = np.empty(len(x))
    rank[order] = np.repeat((np.cumsum(tied) - 0.5 * tied) / total, np.diff(np.append(start, len(x))))
    chance = np.minimum(rank, 1 - rank)
    for side, beyond in ((-1.0, rank), (1.0, 1 - rank)):
        outer = np.flatnonzero((beyond < _TAIL) & np.isfinite(x))
        if len(outer) > 1:
            excess = side * x[outer] - np.min(side * x[outer])
            mean = np.average(excess, weights=weight[outer])
            if mean > 0:
                chance[outer] = beyond[outer].max() * np.exp(-excess / mean)
    return 2 * chance


def _weighted_quantiles(x: Array, weight: Array, levels: tuple[float, ...]) -> Array:
    """Quantiles of each column of `x`, shape (len(levels), K)."""
    order = np.argsort(x, axis=0)
    below = np.cumsum(weight[order], axis=0) / weight.sum()
    rows = [np.minimum((below < level).sum(axis=0), len(x) - 1) for level in levels]
    return np.stack([np.take_along_axis(x, order, axis=0)[row, np.arange(x.shape[1])] for row in rows])


def columns_of(mocks: Mocks) -> dict[str, Array]:
    """log10 of the observables that are checked, shape (n,)."""
    return {"Y_X": mocks.log_yx, "L_X": mocks.log_lx}


def nodes_of(columns: dict[str, Array]) -> dict[str, Array]:
    """Uniform nodes that hold 99.9% of the clusters, by observable."""
    ends = {name: np.quantile(x, [5e-4, 1 - 5e-4]) for name, x in columns.items()}
    return {name: np.linspace(low, high, _NODES) for name, (low, high) in ends.items()}


def draw_summaries(
    model: ForwardModel,
    theta: Array,
    nodes: dict[str, Array],
    *,
    rng: np.random.Generator,
    yx_errors: Array | None = None,
) -> Summary:
    """Statistics of one catalogue for each parameter vector; those of `nodes`' observables.

    `yx_errors`: measurement errors of log10 Y_X, dex, of which each cluster gets one at random, beyond the setup's.
    """
    count = np.concatenate([model.expected_count(theta[i : i + _ROWS]) for i in range(0, len(theta), _ROWS)])
    ends = np.flatnonzero(np.diff(np.cumsum(count) // _CLUSTERS)) + 1
    parts = []
    for part in np.split(theta, ends):
        mocks = draw_mocks(model, part, rng=rng)
        columns = columns_of(mocks)
        if yx_errors is not None:
            spread = np.sqrt(np.maximum(yx_errors**2 - model.setup.yx_error**2, 0.0))
            noise = rng.choice(spread, len(mocks.row)) * rng.standard_normal(len(mocks.row))
            columns["Y_X"] = columns["Y_X"] + noise
        parts.append(Summary.of(mocks.size, mocks.row, {n: columns[n] for n in nodes}, nodes))
    return Summary.joined(parts)


def check_catalogue(
    model: ForwardModel,
    level: str,
    catalogue: Catalogue,
    theta: Array,
    *,
    rng: np.random.Generator,
    ess: float | None = None,
) -> PredictiveTest:
    """Compare a catalogue with replicas drawn from posterior draws `theta`, shape (P, D), of a level.

    Observables that every cluster has are checked; replicas get the catalogue's errors of Y_X, at random. `ess`:
    effective number of draws, if they are not independent.
    """
    known = {"Y_X": catalogue.log_yx, "L_X": catalogue.log_lx}
    columns = {name: x for name, x in known.items() if len(x) and bool(np.all(np.isfinite(x)))}
    pilot = columns_of(draw_mocks(model, theta[:: max(1, len(theta) // 100)], rng=rng))
    nodes = nodes_of({name: np.concatenate([pilot[name], x]) for name, x in columns.items()})
    errors = catalogue.log_yx_error if "Y_X" in columns else None
    replicas = draw_summaries(model, theta, nodes, rng=rng, yx_errors=errors)
    observed = Summary.of(np.array([catalogue.size]), np.zeros(catalogue.size, dtype=int), columns, nodes)
    return predictive_test(level, observed, replicas, np.ones(len(theta)), ess)


@dataclass(frozen=True)
class Plant:
    """Mocks that the model does not describe.

    Parameters
    ----------
    label : str
    model : ForwardModel
        What the mocks are drawn from, with the parameters of the model that is checked.
    tail : tuple of two floats
        Fraction of clusters whose Y_X is too high, and by how much, dex.
    """

    label: str
    model: ForwardModel
    tail: tuple[float, float] = (0.0, 0.0)

    def draw(self, theta: Array, *, rng: np.random.Generator) -> Mocks:
        """One mock catalogue for each parameter vector."""
        mocks = draw_mocks(self.model, theta, rng=rng)
        fraction, height = self.tail
        relations = self.model.setup.relations
        raised = "mgas" if "mgas" in relations.names else relations.names[-1]
        column = relations.names.index(raised)
        move = height * (rng.random(len(mocks.row)) < fraction)
        observables = mocks.observables.copy()
        observables[:, column] += move
        moved = float(relations.combination[column]) * move
        return replace(mocks, observables=observables, log_yx=mocks.log_yx + moved)


def plants(setup: Setup) -> tuple[Plant, ...]:
    """Failures to be caught: another L_X scatter, another break or flux limit, a tail in Y_X."""
    relations, selection = setup.relations, setup.selection
    wider = replace(relations, lx=replace(relations.lx, scatter=1.5 * relations.lx.scatter))
    label = "flux limit x 1.5" if isinstance(selection, FluxLimited) else "Mbreak + 0.2 dex"
    return (
        Plant("L_X scatter x 1.5", forward_model(replace(setup, relations=wider))),
        Plant(label, forward_model(replace(setup, selection=_moved(selection)))),
        Plant("Y_X of 5% + 0.5 dex", forward_model(setup), (0.05, 0.5)),
    )


def _moved(selection: Selection) -> Selection:
    """A selection of brighter or more massive clusters."""
    if isinstance(selection, FluxLimited):
        return replace(selection, flux_limit=1.5 * selection.flux_limit)
    if isinstance(selection, Smoothed):
        return replace(selection, sharp=replace(selection.sharp, log_break=selection.sharp.log_break + 0.2))
    return replace(selection, log_break=selection.log_break + 0.2)


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
    if level in POINT_LEVELS:
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
    if level in POINT_LEVELS:
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
        part = plant.draw(true[start : start + number], rng=rng)
        parts.append(replace(part, row=part.row + start))
        start += number
    return Mocks.joined(parts)


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
        return 1 + len(self.own) / self.log_likelihood.shape[1]

    def of_mock(self, index: int) -> tuple[Summary, Array, float, float | None]:
        value, own = self.log_likelihood[index], float(self.own[index])
        peak = float(value.max())
        kept = value > peak - _SCREEN
        return self.replicas[kept], np.exp(value[kept] - peak), float(np.exp(min(own - peak, 700.0))), None


@dataclass(frozen=True)
class _Chains:
    """Replicas of the states of one Markov chain for each mock, see `forecast.rankchain`."""

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
        (mocks, scores, wrong), parameters, lensing = data, model.parameters, level == "full+wl"
        training = rng.standard_normal((TRAINING, scores.shape[1]))
        learnt = summaries(draw_mocks(model, from_scores(parameters, training), rng=rng))
        target = PairwisePosterior(model, mocks, lensing=lensing)
        proposal = Proposal.laplace(target, fisher_matrix(level, model), regression(training, learnt, summaries(mocks)))
        start, thin = np.where(wrong[:, None], proposal.mean, scores), plan.steps // plan.replicas
        turn = thin * rng.integers(0, plan.replicas + 1, size=len(scores))
        chain = walk(target, parameters, proposal, start, rng=rng, turn=turn)
        states = [at.copy() for at, _ in islice(chain, thin - 1, thin * plan.replicas, thin)]
        sigma8 = np.stack(states)[..., parameters.names.index("sigma8")]
        sigma8 = sigma8 - sigma8.mean(axis=0)
        correlation = float(np.sum(sigma8[1:] * sigma8[:-1]) / np.sum(sigma8**2))
        ess = plan.replicas * (1 - correlation) / (1 + max(correlation, 0.0))
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
    return weight @ np.where(tied, u, table < table[-1]) / weight.sum()


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
