r"""Exact posterior mean and width of sigma8 over cluster count and median Y_X, beside the binned map.

At every point (N, y) prior draws weigh Poisson(N) x density of the median y of N. Norms that only move
log10 Y_X by tau are integrated over, p(N, y | rest) = \int p(N, y - tau | rest) p(tau) dtau: draws of the
rest are enough. Mocks scatter inside a cell of the binned map: what their mean and scatter should be are
those of the mixture of all posteriors in the cell, each weighted by its evidence p(N, y).

The draws come in independent batches, whose sums differ by chance: this gives the Monte Carlo error of each
mean, and the effective number of draws, (width / error)^2.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import special

from .distribution import TabulatedDistribution
from .errors import InputError, NumericalError
from .model import ForwardModel
from .results import Sigma8Map

Array = np.ndarray

POINTS = 4
"""Points in either direction that show one cell of the binned map."""
EXPANDED = 20
"""Even count from which the median's density is expanded in 1/N; below, it is integrated."""
REACH = 1.5
"""Half-range in log10 Y_X over which it is integrated, dex."""
_SIZES, _SHIFTS, _INTEGRAL_STEP, _TRIAL = 20, 100_000, 0.025, 1.1
_BATCH = 250
_BATCHES = 12  # effective batches below which their spread says nothing
_MEAN, _SQUARE, _SHOWN_POWERS, _POWERS = 1, 2, 3, 5
_TINY, _DIGITS = np.finfo(float).tiny, 6


@dataclass(frozen=True)
class ExactPlan:
    """Prior draws for the exact map.

    Parameters
    ----------
    draws, most : int
        `draws`, and as many again until enough points are effective, but not more than `most`.
    min_ess : float
        Points of fewer effective draws are masked.
    cover : float
        Part of the evidence that should lie at points that are not masked.
    """

    draws: int = 10_000
    most: int = 40_000
    min_ess: float = 50.0
    cover: float = 0.9

    def __post_init__(self) -> None:
        least = 2 * _BATCHES * _BATCH
        if not least <= self.draws <= self.most:
            raise InputError(f"the exact map needs {least} <= draws <= most, got {self.draws} and {self.most}")


@dataclass(frozen=True)
class Agreement:
    """One quantity of the binned map against its exact expectation.

    Parameters
    ----------
    quantity : str
        "mean" or "scatter" of sigma8, or "number" of mocks.
    z : ndarray, shape (B, A)
        Deviation of each cell in standard deviations, Monte Carlo errors of both sides included; NaN where
        it is not compared.
    chi_squared : float
    cells : int
    p_value : float
    """

    quantity: str
    z: Array
    chi_squared: float
    cells: int
    p_value: float


@dataclass(frozen=True)
class ExactMap:
    """Exact posterior of sigma8 for the data (N, median log10 Y_X), over the plane of a binned map.

    Parameters
    ----------
    size : ndarray, shape (a,)
        Cluster counts.
    log_yx : ndarray, shape (b,)
        log10 of the median Y_X, Msun/h keV.
    mean, std, ess : ndarray, shape (b, a)
        Posterior mean and width of sigma8, NaN where there are fewer than `min_ess` effective draws, and
        their number.
    median_std : float
        Median of `std`, weighted by evidence.
    count_edges, yx_edges : ndarray, shape (A + 1,), (B + 1,)
        Cells of the binned map.
    cell_mean, cell_std, cell_mean_error, cell_std_error : ndarray, shape (B, A)
        Expected mean and scatter of sigma8 of the mocks in each cell, masked alike, and their Monte Carlo errors.
    cell_number : ndarray, shape (B, A)
        Expected number of mocks.
    agreement : tuple of Agreement
        Of mean, scatter and number.
    draws : int
    min_ess, covered : float
        `covered`: part of the evidence, over the plane, at points that are not masked.
    """

    size: Array
    log_yx: Array
    mean: Array
    std: Array
    ess: Array
    median_std: float
    count_edges: Array
    yx_edges: Array
    cell_mean: Array
    cell_std: Array
    cell_mean_error: Array
    cell_std_error: Array
    cell_number: Array
    agreement: tuple[Agreement, ...]
    draws: int
    min_ess: float
    covered: float


def exact_map(
    model: ForwardModel,
    binned: Sigma8Map,
    plan: ExactPlan | None = None,
    *,
    rng: np.random.Generator,
) -> ExactMap:
    """Exact posterior of sigma8 over the plane of a binned map, and whether the two agree.

    Parameters
    ----------
    model : ForwardModel
    binned : Sigma8Map
        Of mocks whose parameters were drawn from the model's prior.
    plan : ExactPlan
    rng : numpy.random.Generator

    Raises
    ------
    NumericalError
        If no point of the map has enough effective draws.
    """
    plan, names = plan or ExactPlan(), model.parameters.names
    if "sigma8" not in names:
        raise InputError("the exact map needs sigma8 to be free")
    plane = Plane(binned.count_edges, binned.yx_edges)
    shift = Shift.of(model, plane.step, rng=rng)
    batches: list[_Batch] = []
    while True:
        for _ in range(plan.draws // _BATCH):
            theta = model.parameters.draw(_BATCH, rng=rng)
            batches.append(_Batch.of(model, theta, plane, shift))
        points = _Moments.of(np.stack([batch.points for batch in batches]))
        good = points.ess >= plan.min_ess
        covered = float(points.evidence[good].sum() / points.evidence.sum())
        if covered >= plan.cover or (len(batches) * _BATCH + plan.draws) > plan.most:
            break
    if not good.any():
        raise NumericalError(
            f"no point of the sigma8 map has {plan.min_ess:g} effective draws of {len(batches) * _BATCH} from the "
            f"prior (best: {points.ess.max():.1f}): the prior is too wide for data this informative; narrow it, "
            "or raise the number of draws"
        )
    return _record(binned, batches, plan, float(model.parameters.fiducial[names.index("sigma8")]))


def _record(binned: Sigma8Map, batches: list[_Batch], plan: ExactPlan, fiducial: float) -> ExactMap:
    """Sums over batches as a map; sigma8 is relative to `fiducial` in them."""
    plane = Plane(binned.count_edges, binned.yx_edges)
    points = _Moments.of(np.stack([batch.points for batch in batches]))
    cells = _Moments.of(np.stack([batch.cells for batch in batches]))
    number = binned.mocks * cells.evidence / np.mean([batch.seen for batch in batches])
    good, known = points.ess >= plan.min_ess, cells.ess >= plan.min_ess
    std = np.where(good, points.std, np.nan)
    return ExactMap(
        size=plane.size,
        log_yx=plane.log_yx,
        mean=np.round(np.where(good, points.mean + fiducial, np.nan), _DIGITS),
        std=np.round(std, _DIGITS),
        ess=np.round(points.ess),
        median_std=_weighted_median(std[good], points.evidence[good]),
        count_edges=binned.count_edges,
        yx_edges=binned.yx_edges,
        cell_mean=np.where(known, cells.mean + fiducial, np.nan),
        cell_std=np.where(known, cells.std, np.nan),
        cell_mean_error=np.where(known, cells.mean_error, np.nan),
        cell_std_error=np.where(known, cells.variance_error / (2 * np.maximum(cells.std, 1e-12)), np.nan),
        cell_number=number,
        agreement=_agreements(binned, cells, number, fiducial + np.where(known, 0.0, np.nan)),
        draws=len(batches) * _BATCH,
        min_ess=plan.min_ess,
        covered=float(points.evidence[good].sum() / points.evidence.sum()),
    )


def _weighted_median(values: Array, weight: Array) -> float:
    order = np.argsort(values)
    below = np.cumsum(weight[order])
    return float(values[order][np.searchsorted(below, 0.5 * below[-1])])


@dataclass(frozen=True)
class Plane:
    """Nodes of the map's plane: a column of cluster counts for each of its cells, one axis in log10 Y_X.

    Parameters
    ----------
    count_edges : ndarray, shape (A + 1,)
    yx_edges : ndarray, shape (B + 1,)
        log10 of the median Y_X, Msun/h keV; equal steps.
    """

    count_edges: Array
    yx_edges: Array

    @property
    def step(self) -> float:
        """Distance of the nodes in log10 Y_X, dex."""
        return float(self.yx_edges[1] - self.yx_edges[0]) / POINTS

    @property
    def log_yx(self) -> Array:
        """Middles of the equal parts of every cell, shape (b,)."""
        number = POINTS * (len(self.yx_edges) - 1)
        return np.asarray(self.yx_edges[0] + self.step * (np.arange(number) + 0.5))

    @cached_property
    def columns(self) -> list[tuple[Array, float]]:
        """For each cell the counts summed over, none of them 0, and how many counts each one stands for."""
        found = []
        for low, high in zip(self.count_edges[:-1], self.count_edges[1:], strict=True):
            every = np.arange(max(1, np.ceil(low)), np.ceil(high)).astype(int)
            stride = max(1, -(-len(every) // _SIZES))
            kept = every[stride // 2 :: stride]
            found.append((kept, len(every) / max(len(kept), 1)))
        return found

    def shown(self, column: int) -> Array:
        """Indices of those of a column's counts that become points of the map."""
        number = len(self.columns[column][0])
        return np.unique(((np.arange(POINTS) + 0.5) * number / POINTS).astype(int)) if number else np.arange(0)

    @property
    def size(self) -> Array:
        """Cluster counts of the map's points, shape (a,)."""
        return np.concatenate([sizes[self.shown(i)] for i, (sizes, _) in enumerate(self.columns)])

    @property
    def padding(self) -> int:
        """Nodes beyond either end that integrals for small counts need."""
        smallest = min((int(sizes.min()) for sizes, _ in self.columns if len(sizes)), default=EXPANDED)
        return int(REACH / self.step) + 1 if smallest < EXPANDED else 0


@dataclass(frozen=True)
class Shift:
    """Parameters that only move log10 Y_X, and the density of the move they cause, in steps of the plane.

    Parameters
    ----------
    index : ndarray of int
        Which parameters.
    first : int
        Smallest move.
    weight : ndarray, shape (J,)
        Chances of the moves `first`, `first` + 1, ...
    """

    index: Array
    first: int
    weight: Array

    @classmethod
    def of(cls, model: ForwardModel, step: float, *, rng: np.random.Generator) -> Shift:
        """Draw the parameters from the prior, and share each move among four nodes (cubic interpolation)."""
        parameters, relations = model.parameters, model.setup.relations
        index = np.array([i for i in range(len(parameters.free)) if _only_moves(model, i)], dtype=int)
        theta = np.repeat(parameters.fiducial[None], _SHIFTS, axis=0)
        theta[:, index] = parameters.draw(_SHIFTS, rng=rng)[:, index]
        fiducial = relations.at(parameters.values(parameters.fiducial)).yx.log_norm
        move = np.broadcast_to((relations.at(parameters.values(theta)).yx.log_norm - fiducial) / step, _SHIFTS)
        cell = np.floor(move).astype(int)
        t, first = move - cell, int(cell.min()) - 1
        outer, inner = t * (1 - t) / 6, (1 + t) * (2 - t) / 2
        shares = (-outer * (2 - t), inner * (1 - t), inner * t, -outer * (1 + t))
        length = int(cell.max()) - first + 3
        weight = sum(np.bincount(cell - first + k - 1, share, length) for k, share in enumerate(shares))
        return cls(index, first, np.asarray(weight) / _SHIFTS)

    def sources(self, nodes: int, padding: int) -> Array:
        """Positions, in steps from the first of `nodes` nodes, at which unmoved densities are needed."""
        return np.arange(1 - self.first - len(self.weight) - padding, nodes - self.first + padding)

    def matrix(self, nodes: int) -> Array:
        """From densities at the sources, without padding, to those on `nodes` nodes."""
        reach = len(self.weight) - 1
        out = np.zeros((nodes, nodes + reach))
        for k, weight in enumerate(self.weight):
            out[np.arange(nodes), np.arange(nodes) + reach - k] = weight
        return out


def _only_moves(model: ForwardModel, index: int) -> bool:
    """Whether all a parameter does, at the fiducial values of the others, is to move log10 Y_X."""
    parameters = model.parameters
    if not parameters.names[index].startswith("norm_"):
        return False
    theta = np.repeat(parameters.fiducial[None], 2, axis=0)
    theta[1, index] *= _TRIAL
    log_norm = np.broadcast_to(model.setup.relations.at(parameters.values(theta)).yx.log_norm, 2)
    move, counts = float(log_norm[1] - log_norm[0]), model.expected_count(theta)
    if not move or abs(counts[1] / counts[0] - 1) > 1e-9:
        return False
    before = model.yx_density(theta[:1], model.yx_grid)[0]
    likely = before > 1e-2 * before.max()
    after = model.yx_density(theta[1:], model.yx_grid[likely] + move)[0]
    return bool(np.all(np.abs(after / before[likely] - 1) < 1e-3))


@dataclass(frozen=True)
class Tables:
    """Distribution of one cluster's log10 Y_X on uniform nodes for D draws, in ascending order of `count`.

    Parameters
    ----------
    order : ndarray of int, shape (D,)
        Of the parameter vectors.
    count : ndarray, shape (D,)
        Expected number of clusters.
    log_density, slope : ndarray, shape (Y, D)
        ln p, per dex, and d ln p / dy.
    below : ndarray, shape (Y, D)
        Probability F of less.
    step : float
        Distance of the nodes, dex.
    """

    order: Array
    count: Array
    log_density: Array
    slope: Array
    below: Array
    step: float

    @classmethod
    def of(cls, model: ForwardModel, theta: Array, nodes: Array) -> Tables:
        """Tables at parameter vectors `theta`."""
        grid = model.yx_grid
        table = TabulatedDistribution.from_density(grid, model.yx_density(theta, grid, model.setup.yx_error))
        order, at = np.argsort(table.count), np.clip(nodes, grid[0], grid[-1])
        log_density = np.asarray(table.log_density(at)) - np.log(table.count)[:, None]
        below = np.clip(np.asarray(table.cumulative(at)) / table.count[:, None], 1e-15, 1 - 1e-15)
        slope = np.asarray(table.log_density(at, 1))
        log_density[:, nodes != at] = -np.inf
        log_density, slope, below = (np.ascontiguousarray(x[order].T) for x in (log_density, slope, below))
        return cls(order, table.count[order], log_density, slope, below, float(nodes[1] - nodes[0]))

    def near(self, sizes: Array) -> tuple[Tables, slice, slice]:
        """The draws that may have one of `sizes` clusters, on the nodes that may be their median: slices of both."""
        few, many = np.sqrt(sizes.min()), np.sqrt(sizes.max())
        draws = slice(*np.searchsorted(self.count, [few * (few - 7), many * (many + 7) + 25]))
        hit = np.flatnonzero((np.abs(self.below[:, draws] - 0.5) < 3.5 / few).any(axis=1))
        nodes = slice(int(hit[0]), int(hit[-1]) + 1) if len(hit) else slice(0, 0)
        log_density, slope, below = (x[nodes, draws] for x in (self.log_density, self.slope, self.below))
        return Tables(self.order[draws], self.count[draws], log_density, slope, below, self.step), nodes, draws

    @cached_property
    def _log_both(self) -> Array:
        return np.log(self.below * (1 - self.below))

    @cached_property
    def _log_rate(self) -> Array:
        return np.log(self.count) + 0.5 * self._log_both

    @cached_property
    def _correction(self) -> Array:
        """p'/p^2 (1-2F) F(1-F) - F^2 - (1-F)^2."""
        F, both = self.below, np.exp(self._log_both)
        with np.errstate(over="ignore", invalid="ignore"):
            tilt = self.slope * np.exp(-self.log_density) * (1 - 2 * F) * both
        return np.nan_to_num(tilt) + 2 * both - 1

    def log_joint(self, size: int) -> Array:
        r"""ln p(N, y), per dex, for a count N of `size`: ln Poisson(N) + ln of the median's density, shape (Y, D).

        The density of the median is, for odd N, N!/((N-1)/2)!^2 [F(1-F)]^((N-1)/2) p, and for even N = 2n
        2 N!/((n-1)!)^2 p [F(1-F)]^n [1 + c/(n-1)] / (n-1), c = p'/p^2 (1-2F) F(1-F) - F^2 - (1-F)^2: the integral of
        `forecast.distribution.log_median_density` to first order in 1/n (0.002 in ln p at N = 20, 0.0003 at 60).
        """
        half = size // 2
        value = size * self._log_rate
        value += self.log_density
        value -= self.count
        if size % 2:
            value -= 0.5 * self._log_both
            value -= 2 * special.gammaln(half + 1)
        elif size >= EXPANDED:
            value += np.log(np.maximum(1 + self._correction / (half - 1), _TINY))
            value += np.log(2) - 2 * special.gammaln(half) - np.log(half - 1)
        else:
            value = size * np.log(self.count) - self.count + self._log_integral(half)
            value += np.log(2) - 2 * special.gammaln(half)
        return value

    def _log_integral(self, half: int) -> Array:
        r"""ln \int_0^\infty [F(y-t)]^(n-1) [1-F(y+t)]^(n-1) p(y-t) p(y+t) dt by Simpson's rule, shape (Y, D)."""
        p = np.exp(self.log_density)
        low, high = self.below ** (half - 1) * p, (1 - self.below) ** (half - 1) * p
        stride = max(1, int(_INTEGRAL_STEP / self.step))
        far = min(int(REACH * min(1.0, 4 / max(half - 1, 1)) / self.step), len(p) - 1)
        steps = 2 * (far // (2 * stride))
        total = np.zeros_like(p)
        for k in range(steps + 1):
            weight = stride * self.step / 3 * (1 if k in (0, steps) else 4 if k % 2 else 2)
            reach = k * stride
            total[reach : len(p) - reach] += weight * low[: len(p) - 2 * reach] * high[2 * reach :]
        return np.log(np.maximum(total, _TINY))


@dataclass(frozen=True)
class _Batch:
    """Means over draws of their likelihood times powers of sigma8 minus its fiducial value."""

    points: Array  # (b, a, 3), per dex
    cells: Array  # (B, A, 5)
    seen: float  # chance of at least one cluster

    @classmethod
    def of(cls, model: ForwardModel, theta: Array, plane: Plane, shift: Shift) -> _Batch:
        """Average over `theta`, parameters that only move Y_X integrated over."""
        i = model.parameters.names.index("sigma8")
        theta[:, shift.index] = model.parameters.fiducial[shift.index]
        matrix, padding = shift.matrix(len(plane.log_yx)), plane.padding
        sources = plane.log_yx[0] + plane.step * shift.sources(len(plane.log_yx), padding)
        tables = Tables.of(model, theta, sources)
        power = (theta[tables.order, i, None] - model.parameters.fiducial[i]) ** np.arange(_POWERS) / len(theta)
        points, cells = [], []
        for column, (sizes, stands_for) in enumerate(plane.columns):
            sums = _likelihood_sums(tables, sizes, power)
            sums = matrix @ sums[:, padding : padding + matrix.shape[1]]
            points.append(sums[plane.shown(column), :, :_SHOWN_POWERS])
            whole = sums.sum(axis=0) * (stands_for * plane.step)
            cells.append(whole.reshape(-1, POINTS, _POWERS).sum(axis=1))
        seen = float(np.mean(-np.expm1(-tables.count)))
        return cls(np.concatenate(points).swapaxes(0, 1), np.stack(cells, axis=1), seen)


def _likelihood_sums(tables: Tables, sizes: Array, power: Array) -> Array:
    """Sums over draws of p(N, y) times powers (D, 5) of sigma8, for counts `sizes` at all nodes, shape (n, Y, 5)."""
    sums = np.zeros((len(sizes), len(tables.below), power.shape[1]))
    if len(sizes):
        near, nodes, draws = tables.near(sizes)
        for i, size in enumerate(sizes):
            sums[i, nodes] = np.exp(near.log_joint(int(size))) @ power[draws]
    return sums


@dataclass(frozen=True)
class _Moments:
    """Mean and variance of sigma8 from averages over batches, and their Monte Carlo errors; 0 / 0 is NaN."""

    evidence: Array
    mean: Array
    variance: Array
    mean_error: Array
    variance_error: Array
    fourth: Array  # central moment; NaN where it was not summed
    batches: Array  # effective number

    @classmethod
    def of(cls, sums: Array) -> _Moments:
        """From averages over G batches, shape (G, ..., K): powers 0 to K - 1."""
        number, evidence = len(sums), sums[..., 0].mean(axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            raw = np.moveaxis(sums.mean(axis=0) / evidence[..., None], -1, 0)
            mean, variance = raw[_MEAN], raw[_SQUARE] - raw[_MEAN] ** 2
            shares = sums / (number * evidence[..., None])
            first = shares[..., _MEAN] - mean * shares[..., 0]
            second = shares[..., _SQUARE] - 2 * mean * shares[..., _MEAN] + (mean**2 - variance) * shares[..., 0]
            mean_error, variance_error = (np.sqrt(number / (number - 1) * (x**2).sum(axis=0)) for x in (first, second))
            batches = 1 / (shares[..., 0] ** 2).sum(axis=0)
        fourth = np.full_like(mean, np.nan)
        if len(raw) == _POWERS:
            fourth = raw[4] - 4 * mean * raw[3] + 6 * mean**2 * raw[2] - 3 * mean**4
        return cls(evidence, mean, np.maximum(variance, 0.0), mean_error, variance_error, fourth, batches)

    @property
    def std(self) -> Array:
        """Width of the posterior."""
        return np.sqrt(self.variance)

    @property
    def ess(self) -> Array:
        """Number of independent posterior draws whose mean has the same error; 0 if too few batches share it."""
        with np.errstate(invalid="ignore", divide="ignore"):
            number = self.variance / self.mean_error**2
        return np.where(self.batches >= _BATCHES, number, 0.0)


def _agreements(binned: Sigma8Map, cells: _Moments, number: Array, fiducial: Array) -> tuple[Agreement, ...]:
    """Mean and scatter in cells with enough mocks, their number in cells that expect enough; NaN `fiducial` masks."""
    n, variance = binned.number, cells.variance
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = (binned.mean - fiducial - cells.mean) / np.sqrt(variance / n + cells.mean_error**2)
        of_variance = (cells.fourth - variance**2 * (n - 3) / (n - 1)) / n + cells.variance_error**2
        spread = of_variance / (9 * variance**2)
        scatter = (np.cbrt(binned.std**2 / variance) - (1 - spread)) / np.sqrt(spread) + 0 * fiducial
        of_number = np.where(number >= binned.min_mocks, (n - number) / np.sqrt(number), np.nan)
    layers = {"mean": mean, "scatter": scatter, "number": of_number}
    return tuple(agreement(quantity, z) for quantity, z in layers.items())


def agreement(quantity: str, z: Array) -> Agreement:
    """Chi-squared of the cells with a known deviation `z`, shape (B, A), and its p-value."""
    cells, chi_squared = int(np.isfinite(z).sum()), float(np.nansum(z**2))
    return Agreement(quantity, z, chi_squared, cells, float(special.gammaincc(cells / 2, chi_squared / 2)))
