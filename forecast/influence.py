"""Statistical saliency and leave-one-out averaged over mock catalogues, by true mass."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline

from .errors import InputError
from .mock import Mocks, draw_mocks
from .model import ForwardModel
from .results import InfluenceCurve
from .saliency import WeightedDraws, average_by

Array = np.ndarray
MIN_EFFECTIVE_SIZE = 50.0
"""Median effective sample size below which the averages are refused."""
_CHUNK = 256


@dataclass(frozen=True)
class InfluencePlan:
    """How many mock catalogues and prior draws to use.

    Parameters
    ----------
    mocks : int
        Catalogues drawn at the fiducial parameters.
    draws : int
        Prior draws that are weighted by each catalogue's likelihood.
    mass_bins : int
        Bins of equal numbers of clusters.
    """

    mocks: int = 40
    draws: int = 8000
    mass_bins: int = 12


@dataclass(frozen=True)
class _Table:
    """ln lambda of every prior draw as splines of log10 Y_X."""

    theta: Array
    sigma8: Array
    count: Array
    log_density: CubicSpline
    slope: CubicSpline

    @classmethod
    def of(cls, model: ForwardModel, theta: Array) -> _Table:
        parts = np.array_split(theta, max(1, len(theta) // _CHUNK))
        density = np.concatenate([model.yx_density(part, model.yx_grid) for part in parts])
        count = np.concatenate([model.expected_count(part) for part in parts])
        spline = CubicSpline(model.yx_grid, np.log(np.maximum(density, 1e-300)), axis=1)
        sigma8 = theta[:, model.parameters.names.index("sigma8")]
        return cls(theta, sigma8, count, spline, spline.derivative())

    def of_catalogue(self, log_yx: Array) -> tuple[Array, Array, float]:
        """Saliency and leave-one-out shift of each cluster, and the effective sample size."""
        log_density = np.asarray(self.log_density(log_yx))
        value = log_density.sum(axis=1) - self.count
        weight = np.exp(value - value.max())
        draws = WeightedDraws(self.theta, weight / weight.sum(), self.sigma8)
        slope = draws.covariance(np.asarray(self.slope(log_yx)))
        shift = np.array([draws.reweighted_mean(-column) - draws.mean for column in log_density.T])
        return slope, shift, draws.effective_size


def build_influence(
    model: ForwardModel, selection: str, plan: InfluencePlan, *, rng: np.random.Generator
) -> InfluenceCurve:
    """Average saliency and leave-one-out shift of the level `unbinned` in bins of true mass.

    Raises
    ------
    InputError
        If the prior is so much wider than the posterior that too few draws carry the weight.
    """
    table = _Table.of(model, model.parameters.draw(plan.draws, rng=rng))
    mocks = draw_mocks(model, np.repeat(model.parameters.fiducial[None], plan.mocks, axis=0), rng=rng)
    slopes, shifts, sizes = zip(*_each(table, mocks, plan.mocks), strict=True)
    if np.median(sizes) < MIN_EFFECTIVE_SIZE:
        raise InputError(
            f"only {np.median(sizes):.0f} of {plan.draws} prior draws carry the posterior's weight; raise --draws, "
            "or narrow the priors"
        )
    edges = np.quantile(mocks.log_mass, np.linspace(0, 1, plan.mass_bins + 1))
    edges[-1] = np.nextafter(edges[-1], np.inf)
    saliency, saliency_error = average_by(np.concatenate(slopes), mocks.log_mass, edges)
    shift, shift_error = average_by(np.concatenate(shifts), mocks.log_mass, edges)
    return InfluenceCurve(
        selection, edges, saliency, saliency_error, shift, shift_error, plan.mocks, float(np.median(sizes))
    )


def _each(table: _Table, mocks: Mocks, size: int) -> list[tuple[Array, Array, float]]:
    return [table.of_catalogue(mocks.log_yx[mocks.row == i]) for i in range(size)]
