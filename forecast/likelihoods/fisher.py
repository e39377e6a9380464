"""Fisher matrices of each level, in natural coordinates (ln of positive factors)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import pairwise

import numpy as np
from scipy import stats
from scipy.interpolate import CubicSpline

from ..core.arrays import Array
from ..core.errors import InputError, NumericalError, nearest
from ..core.parameters import ParameterSet
from ..core.rng import generator
from ..model.forward import ForwardModel, forward_model
from ..model.mean_density import at_mean_density
from ..model.simulate import draw_mocks
from ..model.yx_distribution import TabulatedDistribution, YxDistribution, log_median_density
from ..survey.geometry import Replicated
from ..survey.redshift_bins import in_bins
from .bins import YxBins
from .point_density import PointDensity
from .points import Points

_STEP = 0.1
"""Step of the derivatives in prior standard deviations; fourth-order differences."""
EXPECTED_POINTS = 4096
"""Clusters that stand for the expected ones."""
MANY = 30
"""Expected clusters from which on the median is taken to be of the expected number of them."""
_NEGLIGIBLE = 1e-6
"""Poisson probability, in units of the largest, of numbers that are left out."""


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
        """Forecast standard deviation of one parameter (of its logarithm if it is a factor).

        Raises
        ------
        InputError
            If it is not free.
        """
        if name not in self.parameters.names:
            raise InputError(f"parameter '{name}' is not free; {nearest(name, self.parameters.names)}")
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

    For one survey it grows from level to level, and vanishes as the expected number of clusters does.

    Parameters
    ----------
    level : {"prior", "counts", "selfcal", "binned", "unbinned", "full", "full+wl"}
        What the last two add to every Y_X is an average over 4,096 expected clusters: widths are right to
        about 1% where priors matter, and to 5% in surveys so large that they do not.
    model : ForwardModel
    at : ndarray, shape (D,), optional
        Parameter vector; by default the fiducial one, at the survey's mean density.
    """
    at = at_mean_density(model) if at is None else at
    information = {
        "prior": lambda: np.zeros((len(at), len(at))),
        "counts": lambda: _by_bin(_counts, model, at),
        "selfcal": lambda: _by_bin(_selfcal, model, at),
        "binned": lambda: _by_bin(_binned, model, at),
        "unbinned": lambda: _by_bin(_unbinned, model, at),
        "full": lambda: _points(model, at, lensing=False),
        "full+wl": lambda: _points(model, at, lensing=True),
    }[level]()
    return Fisher(model.parameters, information)


def _by_bin(one: Callable[[ForwardModel, Array], Array], model: ForwardModel, at: Array) -> Array:
    """Information of the redshift bins whose data are kept apart."""
    return np.sum([one(part, at) for part in bin_models(model) or (model,)], axis=0)


def bin_models(model: ForwardModel) -> tuple[ForwardModel, ...]:
    """Forward models of a survey's redshift bins, with its parameters; none if its data are not binned."""
    bins = model.setup.bins
    return () if len(bins) == 1 else tuple(forward_model(setup) for setup in bins)


def _counts(model: ForwardModel, at: Array) -> Array:
    """Lambda d_i(ln Lambda) d_j(ln Lambda)."""
    slope = derivatives(lambda theta: np.log(model.expected_count(theta)), model.parameters, at)
    return float(model.expected_count(at[None])[0]) * np.outer(slope, slope)


@dataclass(frozen=True)
class _YxScore:
    """Expected density of log10 Y_X at uniform nodes (G,), and the derivatives of its logarithm, (D, G)."""

    grid: Array
    density: Array
    slope: Array

    @classmethod
    def of(cls, model: ForwardModel, at: Array) -> _YxScore:
        """Where the density is more than 1e-8 of its maximum."""
        error = model.setup.yx_error
        grid = np.linspace(model.yx_grid[0], model.yx_grid[-1], 2 * len(model.yx_grid))
        density = model.yx_density(at[None], grid, error)[0]
        keep = density > 1e-8 * density.max()
        grid, density = grid[keep], density[keep]
        slope = derivatives(lambda theta: np.log(model.yx_density(theta, grid, error)), model.parameters, at)
        return cls(grid, density, slope)

    @property
    def information(self) -> Array:
        """Integral of d_i(lambda) d_j(lambda) / lambda."""
        step = (self.grid[-1] - self.grid[0]) / max(len(self.grid) - 1, 1)
        return np.einsum("iq,jq,q->ij", self.slope, self.slope, self.density) * step

    def at(self, log_yx: Array) -> Array:
        """Derivatives at values of log10 Y_X, (n,), shape (D, n); beyond the nodes those at the last one."""
        return np.asarray(CubicSpline(self.grid, self.slope, axis=1)(np.clip(log_yx, self.grid[0], self.grid[-1])))


def _unbinned(model: ForwardModel, at: Array) -> Array:
    """Integral of d_i(lambda) d_j(lambda) / lambda over log10 Y_X."""
    return _YxScore.of(model, at).information


def _binned(model: ForwardModel, at: Array) -> Array:
    """Sum over bins of d_i(mu) d_j(mu) / mu."""
    bins, error = YxBins.of(model), model.setup.yx_error
    expected = bins.expected(model, at[None], error)[0]
    keep = expected > 1e-9 * expected.max()
    slope = derivatives(lambda theta: np.log(bins.expected(model, theta, error)[:, keep]), model.parameters, at)
    return np.einsum("ib,jb,b->ij", slope, slope, expected[keep])


def _selfcal(model: ForwardModel, at: Array) -> Array:
    """That of N, and of the median of N values of Y_X, averaged over Poisson N where N is small."""
    expected = float(model.expected_count(at[None])[0])
    steps = narrow_steps(model.parameters, _unbinned(model, at) * max(expected, 1.0) / expected)
    medians = _Medians(model, at, steps, expected >= MANY)
    if medians.many:
        return _counts(model, at) + medians.information(round(expected))
    sizes = np.arange(1, int(expected + 8 * np.sqrt(expected)) + 8)
    chances = stats.poisson(expected).pmf(sizes)
    kept = chances > _NEGLIGIBLE * chances.max()
    each = [chance * medians.information(int(n)) for n, chance in zip(sizes[kept], chances[kept], strict=True)]
    return _counts(model, at) + np.sum(each, axis=0)


@dataclass(frozen=True)
class _Medians:
    """Medians of N values of Y_X at parameters about `at`.

    Parameters
    ----------
    model : ForwardModel
    at, steps : ndarray, shape (D,)
        Parameter vector, and steps of derivatives in natural coordinates.
    many : bool
        Whether one size is asked for, of many clusters; else densities are tabulated once for all sizes.
    """

    model: ForwardModel
    at: Array
    steps: Array
    many: bool

    @cached_property
    def _table(self) -> Callable[[bytes], TabulatedDistribution]:
        """Distributions of Y_X at parameter vectors, kept for those asked for last."""
        grid, error = self.model.yx_grid, self.model.setup.yx_error

        def tabulated(theta: bytes) -> TabulatedDistribution:
            density = self.model.yx_density(np.frombuffer(theta).reshape(-1, len(self.at)), grid, error)
            return TabulatedDistribution.from_density(grid, density)

        return lru_cache(maxsize=2)(tabulated)

    def _about(self, theta: Array, y: float, size: int) -> YxDistribution:
        """Distributions of Y_X at parameter vectors (P, D), as good as the median of `size` near `y` needs them."""
        if not self.many:
            return self._table(theta.tobytes())
        return self.model.yx_distribution(theta, y, size, self.model.setup.yx_error)

    def information(self, size: int) -> Array:
        """Information in the median of `size` values, averaged over its exact density, shape (D, D)."""
        one = self._table(self.at[None].tobytes())
        centre = one.quantile(0.5)
        width = 0.5 / (np.sqrt(size) * float(one.pdf(np.array([centre]))[0, 0]))
        nodes = centre + width * np.linspace(-5, 5, 41)

        def log_densities(theta: Array) -> Array:
            table = self._about(theta, centre, size)
            whole = isinstance(table, TabulatedDistribution)  # else an expansion about each node
            parts = (table if whole else self._about(theta, y, size) for y in nodes)
            return np.stack([log_median_density(part, y, size) for part, y in zip(parts, nodes, strict=True)], axis=-1)

        weight = np.exp(log_densities(self.at[None])[0])
        score = derivatives(log_densities, self.model.parameters, self.at, self.steps)
        return np.einsum("iq,jq,q->ij", score, score, weight / weight.sum())


def _points(model: ForwardModel, at: Array, *, lensing: bool) -> Array:
    """Information of every Y_X, and what all other data of the clusters add to it.

    A score given Y_X alone is the mean, at that Y_X, of the score given everything (and likewise with and without
    weak lensing): the information added is the mean square of their difference, which is never negative.
    """
    expected = _expected(model, tuple(at))  # type: ignore[arg-type]
    if expected.of_yx is None:  # Y_X holds more than these observables
        return _outer_sum(expected.scores[lensing], expected.weight)
    scores = [expected.of_yx, *expected.scores[: 1 + lensing]]
    added = [_outer_sum(after - before, expected.weight) for before, after in pairwise(scores)]
    return np.sum([_by_bin(_unbinned, model, at), *added], axis=0)


def _outer_sum(score: Array, weight: Array) -> Array:
    return np.einsum("iq,jq,q->ij", score, score, weight)


def expected_points(model: ForwardModel, at: Array) -> Points:
    """Weighted clusters that stand for those expected at `at`, shape (D,).

    Mock clusters whose weights are tilted, linearly in the scores, until the expected log likelihood of
    the point process is stationary at `at`: without it Monte Carlo noise would move its maximum.
    """
    expected = _expected(model, tuple(at))  # type: ignore[arg-type]
    scores, start = expected.scores, expected.weight
    growth = derivatives(model.expected_count, model.parameters, at)
    basis = np.concatenate([np.ones((1, len(start))), *scores])
    target = np.concatenate([[start.sum()], *[growth for _ in scores]])
    tilt = np.linalg.lstsq((start * basis) @ basis.T, target - basis @ start, rcond=1e-10)[0]
    return replace(expected.points, weight=start * (1 + tilt @ basis))


@dataclass(frozen=True)
class _Expected:
    """Clusters that stand for the expected ones, and derivatives of their log densities.

    Parameters
    ----------
    points : Points
    weight : ndarray, shape (Q,)
        Expected number of clusters that each stands for.
    scores : list of ndarray, shape (D, Q)
        Of everything that is known of them, without and (where there is some) with weak lensing.
    of_yx : ndarray, shape (D, Q), or None
        Of their Y_X alone, in their redshift bins; None where Y_X does not follow from the other observables.
    """

    points: Points
    weight: Array
    scores: list[Array]
    of_yx: Array | None


@lru_cache(maxsize=2)
def _expected(model: ForwardModel, at: tuple[float, ...]) -> _Expected:
    theta, parameters = np.array(at), model.parameters
    plain = parameters.without(parameters.contrasts)
    mean = forward_model(replace(model.setup, parameters=plain))
    known = theta[[parameters.names.index(name) for name in plain.names]]
    share = 1.5 * EXPECTED_POINTS / float(mean.expected_count(known[None])[0])
    many = forward_model(replace(mean.setup, geometry=Replicated(model.setup.geometry, share)))
    mocks = draw_mocks(many, known[None], rng=generator(0, "expected points"))
    chosen = np.sort(generator(0, "expected points", 1).permutation(len(mocks.z))[:EXPECTED_POINTS])
    points = Points.of_mocks(model, mocks)[chosen]
    levels = (False, True) if model.setup.weak_lensing is not None else (False,)
    densities = [PointDensity(model, points, lensing) for lensing in levels]
    scores = [derivatives(density.grid, parameters, theta) for density in densities]
    # drawn at the mean density, they stand for clusters at the density contrasts of `at`
    weight = np.exp(densities[0].grid(theta[None]) - PointDensity(mean, points, False).grid(known[None]))[0]
    weight *= float(model.expected_count(theta[None])[0]) / weight.sum()
    return _Expected(points, weight, scores, _yx_scores(model, theta, mocks.z[chosen], mocks.log_yx[chosen]))


def _yx_scores(model: ForwardModel, at: Array, z: Array, log_yx: Array) -> Array | None:
    """Derivatives of the log density of each cluster's Y_X, (D, Q), unless Y_X has what other observables have not."""
    setup = model.setup
    own = {f"{kind}_yx" for kind in ("norm", "slope", "scatter", "evolution")} & set(model.parameters.names)
    composed = "yx" not in setup.relations.names
    noisy = setup.relations.combination[0] and setup.selection.flux_error
    if (composed and own) or noisy:
        return None
    parts = bin_models(model)
    if not parts:
        return _YxScore.of(model, at).at(log_yx)
    scores = np.zeros((len(at), len(z)))
    for part, mine in zip(parts, in_bins(setup.geometry, z), strict=True):
        scores[:, mine] = _YxScore.of(part, at).at(log_yx[mine])
    return scores
