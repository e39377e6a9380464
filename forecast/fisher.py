"""Fisher matrices of each level, in natural coordinates (ln of positive factors)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from .bins import YxBins
from .distribution import TabulatedDistribution, log_median_density
from .errors import NumericalError
from .mock import draw_mocks
from .model import ForwardModel, forward_model
from .parameters import ParameterSet
from .pointdensity import PointDensity
from .points import Points
from .rng import generator
from .survey import Replicated

Array = np.ndarray
_STEP = 0.1
"""Step of the derivatives in prior standard deviations; fourth-order differences."""
EXPECTED_POINTS = 4096
"""Clusters that stand for the expected ones."""


@dataclass(frozen=True)
class Fisher:
    """Fisher information of data on the free parameters, and the priors' own.

    Parameters
    ----------
    parameters : ParameterSet
    information : ndarray, shape (D, D)
        Of the data alone, in natural coordinates.
    """

    parameters: ParameterSet
    information: Array

    @property
    def covariance(self) -> Array:
        """Covariance of the natural coordinates, priors (Gaussians of equal variance) included."""
        scale = self.parameters.prior_std
        scaled = self.information * np.outer(scale, scale) + np.eye(len(scale))
        return np.linalg.inv(scaled) * np.outer(scale, scale)

    def std(self, name: str = "sigma8") -> float:
        """Forecast standard deviation of one parameter (of its logarithm if it is a factor)."""
        i = self.parameters.names.index(name)
        return float(np.sqrt(self.covariance[i, i]))


def derivatives(
    function: Callable[[Array], Array], parameters: ParameterSet, at: Array, steps: Array | None = None
) -> Array:
    """Fourth-order central derivatives of `function` in natural coordinates.

    Parameters
    ----------
    function : callable
        Maps parameter vectors (P, D) to (P, ...).
    parameters : ParameterSet
    at : ndarray, shape (D,)
        Parameter vector.
    steps : ndarray, shape (D,), optional
        In natural coordinates; a tenth of the prior's standard deviation by default, which suits what
        does not depend on the amount of data.

    Returns
    -------
    ndarray, shape (D, ...)

    Raises
    ------
    NumericalError
        If the result is not finite.
    """
    size = len(at)
    steps = _STEP * np.minimum(parameters.prior_std, 1.0) if steps is None else steps
    offsets = np.concatenate([k * np.diag(steps) for k in (-2, -1, 1, 2)])
    theta = parameters.from_coordinates(parameters.to_coordinates(at) + offsets)
    f = function(theta)
    f = f.reshape(4, size, *f.shape[1:])
    slope = (f[0] - 8 * f[1] + 8 * f[2] - f[3]) / 12
    slope = slope / steps.reshape(-1, *([1] * (slope.ndim - 1)))
    if not np.all(np.isfinite(slope)):
        raise NumericalError(f"a derivative of the forward model is not finite at {at}")
    return slope


def narrow_steps(parameters: ParameterSet, information: Array) -> Array:
    """Steps for derivatives of a log likelihood: a tenth of what moves it, or of the prior's width."""
    return _STEP / np.sqrt(np.diag(information) + 1.0 / np.minimum(parameters.prior_std, 1.0) ** 2)


def fisher_matrix(level: str, model: ForwardModel, *, at: Array | None = None) -> Fisher:
    """Fisher matrix of one level of the ladder.

    Parameters
    ----------
    level : {"prior", "counts", "selfcal", "binned", "unbinned", "full", "full+wl"}
        The last two by Monte Carlo over 4,096 expected clusters: widths are right to about 1% where
        priors matter, and to 5% in surveys so large that they do not.
    model : ForwardModel
    at : ndarray, shape (D,), optional
        Parameter vector; the fiducial one by default.
    """
    at = model.parameters.fiducial if at is None else at
    parts = bin_models(model)
    if parts and level not in ("full", "full+wl"):
        matrices = [fisher_matrix(level, part, at=at).information for part in parts]
        return Fisher(model.parameters, np.sum(matrices, axis=0))
    error = model.setup.yx_error
    information = {
        "prior": lambda: np.zeros((len(at), len(at))),
        "counts": lambda: _counts(model, at),
        "selfcal": lambda: _counts(model, at) + _median(model, at, error),
        "binned": lambda: _binned(model, at, error),
        "unbinned": lambda: _unbinned(model, at, error),
        "full": lambda: _points(model, at, lensing=False),
        "full+wl": lambda: _points(model, at, lensing=True),
    }[level]()
    return Fisher(model.parameters, information)


def bin_models(model: ForwardModel) -> tuple[ForwardModel, ...]:
    """Forward models of a survey's redshift bins, with its parameters; none if its data are not binned."""
    bins = model.setup.bins
    return () if len(bins) == 1 else tuple(forward_model(setup) for setup in bins)


def _counts(model: ForwardModel, at: Array) -> Array:
    """Lambda d_i(ln Lambda) d_j(ln Lambda)."""
    slope = derivatives(lambda theta: np.log(model.expected_count(theta)), model.parameters, at)
    return float(model.expected_count(at[None])[0]) * np.outer(slope, slope)


def _unbinned(model: ForwardModel, at: Array, error: float) -> Array:
    """Integral of d_i(lambda) d_j(lambda) / lambda over log10 Y_X."""
    grid = np.linspace(model.yx_grid[0], model.yx_grid[-1], 2 * len(model.yx_grid))
    density = model.yx_density(at[None], grid, error)[0]
    keep = density > 1e-8 * density.max()
    slope = derivatives(
        lambda theta: np.log(model.yx_density(theta, grid[keep], error)), model.parameters, at
    )
    return np.einsum("iq,jq,q->ij", slope, slope, density[keep]) * (grid[1] - grid[0])


def _binned(model: ForwardModel, at: Array, error: float) -> Array:
    """Sum over bins of d_i(mu) d_j(mu) / mu."""
    bins = YxBins.of(model)
    expected = bins.expected(model, at[None], error)[0]
    keep = expected > 1e-9 * expected.max()
    slope = derivatives(
        lambda theta: np.log(bins.expected(model, theta, error)[:, keep]), model.parameters, at
    )
    return np.einsum("ib,jb,b->ij", slope, slope, expected[keep])


def _median(model: ForwardModel, at: Array, error: float) -> Array:
    """Information in the median of round(Lambda) values of Y_X, averaged over its exact density."""
    size = max(1, round(float(model.expected_count(at[None])[0])))
    grid = model.yx_grid
    one = TabulatedDistribution.from_density(grid, model.yx_density(at[None], grid, error))
    centre = one.quantile(0.5)
    width = 0.5 / (np.sqrt(size) * float(one.pdf(np.array([centre]))[0, 0]))
    nodes = centre + width * np.linspace(-5, 5, 41)

    def log_densities(theta: Array) -> Array:
        table = model.yx_distribution(theta, centre, size, error)
        whole = isinstance(table, TabulatedDistribution)  # else an expansion about each node
        parts = (table if whole else model.yx_distribution(theta, y, size, error) for y in nodes)
        return np.stack([log_median_density(part, y, size) for part, y in zip(parts, nodes, strict=True)], axis=-1)

    weight = np.exp(log_densities(at[None])[0])
    information = _unbinned(model, at, error)
    score = derivatives(log_densities, model.parameters, at, narrow_steps(model.parameters, information))
    return np.einsum("iq,jq,q->ij", score, score, weight / weight.sum())


def _points(model: ForwardModel, at: Array, *, lensing: bool) -> Array:
    """Sum over expected clusters of d_i(ln lambda) d_j(ln lambda)."""
    points, scores = _expected(model, tuple(at))  # type: ignore[arg-type]
    return np.einsum("iq,jq,q->ij", scores[lensing], scores[lensing], points.weight)


def expected_points(model: ForwardModel, at: Array) -> Points:
    """Weighted clusters that stand for those expected at `at`, shape (D,).

    Mock clusters whose weights are tilted, linearly in the scores, until the expected log likelihood of
    the point process is stationary at `at`: without it Monte Carlo noise would move its maximum.
    """
    return _expected(model, tuple(at))[0]  # type: ignore[arg-type]


@lru_cache(maxsize=2)
def _expected(model: ForwardModel, at: tuple[float, ...]) -> tuple[Points, list[Array]]:
    """Expected clusters, and their scores (D, Q) without and (where there is some) with weak lensing."""
    theta = np.array(at)
    expected = float(model.expected_count(theta[None])[0])
    copies = int(np.ceil(1.2 * EXPECTED_POINTS / expected)) + 1
    part, share = model, 1.5 * EXPECTED_POINTS / expected
    if share < 1:  # a part of a large survey is enough
        part = forward_model(replace(model.setup, geometry=Replicated(model.setup.geometry, share)))
    mocks = draw_mocks(part, np.repeat(theta[None], copies, axis=0), rng=generator(0, "expected points"))
    points = Points.of_mocks(model, mocks)
    chosen = generator(0, "expected points", 1).permutation(len(points.z))[:EXPECTED_POINTS]
    points = points[np.sort(chosen)]
    levels = (False, True) if model.setup.weak_lensing is not None else (False,)
    densities = (PointDensity(model, points, lensing) for lensing in levels)
    scores = [derivatives(density.grid, model.parameters, theta) for density in densities]
    growth = derivatives(model.expected_count, model.parameters, theta)
    basis = np.concatenate([np.ones((1, len(points.z))), *scores])
    target = np.concatenate([[expected], *[growth for _ in levels]])
    start = expected / len(points.z)
    tilt = np.linalg.lstsq(start * basis @ basis.T, target - start * basis.sum(axis=1), rcond=1e-10)[0]
    return replace(points, weight=start * (1 + tilt @ basis)), scores
