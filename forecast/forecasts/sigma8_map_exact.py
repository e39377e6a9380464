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

import numpy as np
from scipy import special

from ..core.arrays import Array
from ..core.errors import InputError, NumericalError
from ..model.forward import ForwardModel
from .batch_moments import BATCHES, POWERS, SHOWN_POWERS, Moments
from .plane import POINTS, Plane, Shift, Tables
from .sigma8_map import Sigma8Map

_BATCH = 250
_DIGITS = 6


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
        least = 2 * BATCHES * _BATCH
        if not least <= self.draws <= self.most:
            raise InputError(f"the exact map needs {least} <= draws <= most, got {self.draws} and {self.most}")


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
        points = Moments.of(np.stack([batch.points for batch in batches]))
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
    points = Moments.of(np.stack([batch.points for batch in batches]))
    cells = Moments.of(np.stack([batch.cells for batch in batches]))
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
        power = (theta[tables.order, i, None] - model.parameters.fiducial[i]) ** np.arange(POWERS) / len(theta)
        points, cells = [], []
        for column, (sizes, stands_for) in enumerate(plane.columns):
            sums = _likelihood_sums(tables, sizes, power)
            sums = matrix @ sums[:, padding : padding + matrix.shape[1]]
            points.append(sums[plane.shown(column), :, :SHOWN_POWERS])
            whole = sums.sum(axis=0) * (stands_for * plane.step)
            cells.append(whole.reshape(-1, POINTS, POWERS).sum(axis=1))
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


def _agreements(binned: Sigma8Map, cells: Moments, number: Array, fiducial: Array) -> tuple[Agreement, ...]:
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
    return Agreement(
        quantity=quantity,
        z=z,
        chi_squared=chi_squared,
        cells=cells,
        p_value=float(special.gammaincc(cells / 2, chi_squared / 2)),
    )


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
