"""Posterior predictive checks: do catalogues drawn from a posterior look like the one it was inferred from?

The p-value of a statistic is two-sided; the smallest one is compared with those that replicas have among
each other, so that the joint p-value accounts for the number of statistics and for how they depend on each other.

Data are used twice, for the posterior and for the check: posterior predictive p-values of data that follow
the model are not uniform but crowd about 1/2 (two-sided: at 1) the better the data fix the statistic. A verdict at
5% raises a false alarm in at most about 5% of cases (never more than 10%: Meng 1994, Ann. Stat. 22, 1142),
mostly in fewer, and so loses power; `forecast.checks.ppc_power` measures both.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..core.arrays import Array
from ..model.catalogue import Catalogue
from ..model.forward import ForwardModel
from ..model.mocks import Mocks, grouped_median
from ..model.simulate import draw_mocks
from .sbc import MIN_ESS

DOUBT, ALARM = 0.05, 0.01
"""Joint p-values below which a catalogue is doubtful, and inconsistent with the model."""
MOMENTS = ("median", "scatter", "skewness", "minimum", "maximum")
"""Statistics of log10 of an observable; its "distance" is from the posterior's mean distribution."""
PAIR = ("slope", "scatter", "outlier")
"""Statistics of the regression of log10 L_X on log10 Y_X: see `_regression`."""
_NODES, _ROWS, _CLUSTERS = 100, 500, 2_000_000
SCREEN = 10.0
"""Replicas of weight below e^-10 of the largest are left out."""
_TAIL = 0.05


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
        share = weight * (size := self.values[:, 0])
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


def predictive_test(
    level: str, observed: Summary, replicas: Summary, weight: Array, ess: float | None = None
) -> PredictiveTest:
    """Compare one catalogue with replicas of `weight`, shape (P,); it counts as a replica of average weight.

    `ess`: effective number of replicas, if they are not independent.
    """
    kept, independent = np.flatnonzero(weight > np.exp(-SCREEN) * weight.max()), weight.sum() ** 2 / (weight**2).sum()
    ess, weights = ess or float(independent), np.append(weight[kept], weight.sum() / independent)
    table = Summary.joined([replicas[kept], observed]).table(weights)
    p_values, smallest, joint = joint_p_values(table, weights)
    low, middle, high = _weighted_quantiles(table[:-1], weights[:-1], (0.16, 0.5, 0.84))
    threshold = float(_weighted_quantiles(smallest[:-1, None], weights[:-1], (DOUBT,))[0, 0])
    verdict = "inconsistent" if joint < ALARM else "doubtful" if joint < DOUBT else "consistent"
    return PredictiveTest(
        level=level,
        names=observed.names,
        observed=table[-1],
        low=low,
        middle=middle,
        high=high,
        p_values=p_values,
        joint=joint,
        threshold=threshold,
        status="no power" if ess < MIN_ESS else verdict,
        replicas=len(weight),
        ess=ess,
    )


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
    """log10 of the observables that are checked, shape (n,): those that every cluster has."""
    return {"Y_X": mocks.log_yx, "L_X": mocks.log_lx} if mocks.with_yx is mocks else {"L_X": mocks.log_lx}


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

    `yx_errors`: errors of log10 Y_X, dex, of which each cluster gets one at random, beyond the setup's.
    """
    count = np.concatenate([model.expected_count(theta[i : i + _ROWS]) for i in range(0, len(theta), _ROWS)])
    ends = np.flatnonzero(np.diff(np.cumsum(count) // _CLUSTERS)) + 1
    parts = []
    for part in np.split(theta, ends):
        mocks = draw_mocks(model, part, rng=rng)
        columns = columns_of(mocks)
        if yx_errors is not None:
            beyond = rng.choice(yx_errors, len(mocks.z)) ** 2 - model.setup.yx_error_of(mocks.z, mocks.log_lx) ** 2
            columns["Y_X"] = columns["Y_X"] + np.sqrt(np.maximum(beyond, 0.0)) * rng.standard_normal(len(beyond))
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
    known = {"L_X": catalogue.log_lx} if model.setup.followup else {"Y_X": catalogue.log_yx, "L_X": catalogue.log_lx}
    columns = {name: x for name, x in known.items() if len(x) and bool(np.all(np.isfinite(x)))}
    pilot = columns_of(draw_mocks(model, theta[:: max(1, len(theta) // 100)], rng=rng))
    nodes = nodes_of({name: np.concatenate([pilot[name], x]) for name, x in columns.items()})
    errors = catalogue.log_yx_error if "Y_X" in columns else None
    replicas = draw_summaries(model, theta, nodes, rng=rng, yx_errors=errors)
    size, row = np.array([catalogue.size]), np.zeros(catalogue.size, dtype=int)
    return predictive_test(level, Summary.of(size, row, columns, nodes), replicas, np.ones(len(theta)), ess)


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
