"""Forward model: the expected density of selected clusters in log10 M, log10 Y_X and log10 L_X.

Everything is vectorised over parameter vectors. Two final classes share one protocol: selection in
mass (`Sharp`, `Smoothed`) and selection on flux (`FluxLimited`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from scipy import special

from .cosmology import Cosmology
from .distribution import LocalDistribution, TabulatedDistribution, YxDistribution
from .massfunction import MassFunction
from .parameters import ParameterSet, Values
from .scaling import Line, Lines, Relations
from .selection import FluxLimited, Selection, Sharp, Smoothed, sharp_weights
from .survey import Geometry, Shells, rms_contrast

Array = np.ndarray

LOG_MASS_LOW, LOG_MASS_HIGH = 11.5, 15.9
"""log10 M500c (Msun/h) outside which no cluster is expected in any survey."""
MASS_STEP = {"mass": 0.0125, "flux": 0.04}
"""Spacing of the mass grid, dex: 200 nodes resolve a sharp cut, a flux limit is smooth."""
_HERMITE_NODES = 10
_HERMITE_X, _HERMITE_W = np.polynomial.hermite_e.hermegauss(_HERMITE_NODES)
_HERMITE_W = _HERMITE_W / math.sqrt(2 * math.pi)
_CHUNK = 50_000
_SQRT2PI = math.sqrt(2 * math.pi)


@dataclass(frozen=True)
class Setup:
    """Everything that defines a forward model.

    Parameters
    ----------
    cosmology : Cosmology
    mass_function : str
        One of `forecast.massfunction.MODELS`.
    geometry : Box or LightCone
    selection : Sharp, Smoothed or FluxLimited
    relations : Relations
    parameters : ParameterSet
        If ``density_contrast`` is among the free ones, sample variance of the survey volume is
        marginalised over: the abundance is multiplied by exp(b g - b^2 sigma_V^2/2) with halo bias
        b(M) and g = density_contrast x sigma_V, so that its mean is unchanged.
    """

    cosmology: Cosmology
    mass_function: str
    geometry: Geometry
    selection: Selection
    relations: Relations
    parameters: ParameterSet


class ForwardModel(Protocol):
    """Expected selected clusters; all methods take parameter vectors `theta` of shape (P, D)."""

    @property
    def setup(self) -> Setup:
        """What the model was built from."""

    @property
    def parameters(self) -> ParameterSet:
        """Free and fixed parameters."""

    def expected_count(self, theta: Array) -> Array:
        """Expected number of selected clusters, shape (P,)."""

    def mass_density(self, theta: Array, log_mass: Array) -> Array:
        """Expected number per dex of true M500c (Msun/h), shape (P, Q)."""

    def yx_density(self, theta: Array, log_yx: Array, error: Array | float = 0.0) -> Array:
        """Expected number per dex of observed Y_X (Msun/h keV), shape (P, Q)."""

    def lx_density(self, theta: Array, log_lx: Array) -> Array:
        """Expected number per dex of L_X (erg/s), shape (P, Q)."""

    def yx_distribution(self, theta: Array, centre: float, size: int, error: float = 0.0) -> YxDistribution:
        """Distribution of one selected cluster's log10 Y_X, accurate for the median of `size`."""

    @property
    def yx_grid(self) -> Array:
        """Uniform nodes in log10 Y_X that hold all selected clusters, shape (Q,)."""


def forward_model(setup: Setup) -> ForwardModel:
    """Forward model for a setup's selection."""
    if isinstance(setup.selection, FluxLimited):
        return FluxLimitedModel(setup)
    return MassSelectedModel(setup)


def _columns(x: Any, ndim: int) -> Array:
    """Shape a per-parameter-vector quantity for broadcasting: (P,) -> (P, 1, ...)."""
    return np.reshape(np.asarray(x, dtype=float), (-1,) + (1,) * (ndim - 1))


def _mass_grid(setup: Setup, lowest: float, step: float) -> Array:
    """Uniform mass grid from a little below `lowest` to `LOG_MASS_HIGH`."""
    low = max(LOG_MASS_LOW, math.floor((lowest - 4 * step) / step) * step)
    return low + step * np.arange(round((LOG_MASS_HIGH - low) / step) + 1)


def _prior_sample(setup: Setup) -> Array:
    """Parameter vectors that span the prior, with the fiducial one; deterministic."""
    draws = setup.parameters.draw(256, rng=np.random.default_rng(0))
    return np.vstack([setup.parameters.fiducial, draws])


@dataclass(frozen=True)
class Population:
    """Unselected clusters on a grid of redshift and mass.

    Parameters
    ----------
    setup : Setup
    log_mass : ndarray, shape (M,)
        log10 M500c, Msun/h.
    shells : Shells
        K redshifts, and the comoving volume at each.
    """

    setup: Setup
    log_mass: Array
    shells: Shells

    @classmethod
    def of(cls, setup: Setup, log_mass: Array) -> Population:
        """Population on the redshift quadrature of the survey's own geometry."""
        return cls(setup, log_mass, setup.geometry.shells(setup.cosmology))

    @cached_property
    def mass_function(self) -> MassFunction:
        """dn/dlog10 M on the grid."""
        return MassFunction(self.setup.cosmology, self.setup.mass_function, self.shells.z, self.log_mass)

    @cached_property
    def log_growth(self) -> Array:
        """log10 E(z)/E(z0) at the redshift nodes, shape (K,)."""
        cosmology, z0 = self.setup.cosmology, self.setup.relations.z0
        return np.log10(cosmology.efunc(self.shells.z) / cosmology.efunc(z0))

    @cached_property
    def _contrast(self) -> Array:
        volume = self.setup.geometry.shells(self.setup.cosmology).total_volume
        return rms_contrast(self.shells.z, volume, self.setup.cosmology)[:, None]

    def abundance(self, v: Values) -> Array:
        """Expected number per dex of mass in each shell's volume, shape (P, K, M)."""
        number = self.mass_function(v.sigma8)
        number *= self.shells.volume[:, None]
        if "density_contrast" in self.setup.parameters.names:
            bias = self.mass_function.bias(v.sigma8)
            sigma = bias * self._contrast * _columns(v.sigma8, 3)
            number = number * np.exp(sigma * _columns(v.density_contrast, 3) - 0.5 * sigma**2)
        return number

    def mean_observable(self, line: Line) -> Array:
        """Mean log10 of an observable on the grid, shape (P or 1, K, M)."""
        log_mass = (self.log_mass - self.setup.relations.pivot)[None, None, :]
        return line.mean(log_mass, self.log_growth[:, None])


def _mixture(x: Array, mean: Array, weight: Array, scatter: Array) -> Array:
    """Sum of Gaussians: x (Q,), mean and weight (P, J), scatter (P, Q) -> density (P, Q)."""
    out = np.empty((len(weight), len(x)))
    mean = np.broadcast_to(mean, weight.shape)
    rows = max(1, 8 * _CHUNK // max(1, len(x) * weight.shape[1]))
    for start in range(0, len(weight), rows):
        part = slice(start, start + rows)
        u = x[None, :, None] - mean[part, None, :]
        u /= scatter[part, :, None]
        u *= u
        u *= -0.5
        np.exp(u, out=u)
        out[part] = np.matmul(u, weight[part, :, None])[..., 0] / (scatter[part] * _SQRT2PI)
    return out


class MassSelectedModel:
    """Forward model of a survey selected in mass: `Sharp` or `Smoothed`.

    Parameters
    ----------
    setup : Setup
    """

    def __init__(self, setup: Setup) -> None:
        if isinstance(setup.selection, FluxLimited):
            raise TypeError("MassSelectedModel needs a Sharp or Smoothed selection")
        self.setup = setup
        self.parameters = setup.parameters
        self._selection: Sharp | Smoothed = setup.selection
        self._sharp = setup.selection.sharp if isinstance(setup.selection, Smoothed) else setup.selection
        lines = setup.relations.at(self.parameters.values(_prior_sample(setup)))
        lowest = float(self._sharp.limits(lines.lx, setup.relations)[0].min())
        self.population = Population.of(setup, _mass_grid(setup, lowest, MASS_STEP["mass"]))

    def _selected(self, theta: Array) -> tuple[Array, Lines]:
        """Expected selected clusters on the mass nodes, (P, K, M), and the relations."""
        v = self.parameters.values(theta)
        lines = self.setup.relations.at(v)
        limits = self._sharp.limits(lines.lx, self.setup.relations)
        lower, upper = (np.broadcast_to(x, (len(np.atleast_2d(theta)),)) for x in limits)
        weights = sharp_weights(self._sharp, self.population.log_mass, (lower, upper))
        return self.population.abundance(v) * weights[:, None, :], lines

    def expected_count(self, theta: Array) -> Array:
        """Expected number of selected clusters, shape (P,)."""
        return self._selected(theta)[0].sum(axis=(1, 2))

    def mass_density(self, theta: Array, log_mass: Array) -> Array:
        """Expected number per dex of true M500c, shape (P, Q)."""
        log_mass = np.asarray(log_mass, dtype=float)
        if isinstance(self._selection, Smoothed):
            number, _ = self._selected(theta)
            width = np.full((len(number), len(log_mass)), self._selection.width)
            return _mixture(log_mass, self.population.log_mass[None], number.sum(axis=1), width)
        v = self.parameters.values(theta)
        lines = self.setup.relations.at(v)
        at = replace(self.population, log_mass=log_mass)
        return at.abundance(v).sum(axis=1) * self._sharp.probability(log_mass, lines.lx, self.setup.relations)

    def _components(self, theta: Array, observable: str) -> tuple[Array, Array, Array]:
        """Means (P, K M), weights (P, K M) and scatters (P,) of a mixture of Gaussians."""
        number, lines = self._selected(theta)
        line: Line = getattr(lines, observable)
        size = len(number)
        mean = self.population.mean_observable(line)
        mean = np.broadcast_to(mean, number.shape)
        scatter = np.hypot(line.scatter, np.asarray(line.slope) * self._selection.blur)
        return mean.reshape(size, -1), number.reshape(size, -1), np.broadcast_to(scatter, (size,))

    def yx_density(self, theta: Array, log_yx: Array, error: Array | float = 0.0) -> Array:
        """Expected number per dex of observed Y_X, shape (P, Q); `error` in dex, scalar or (Q,)."""
        mean, number, scatter = self._components(theta, "yx")
        log_yx = np.asarray(log_yx, dtype=float)
        return _mixture(log_yx, mean, number, np.hypot(scatter[:, None], np.broadcast_to(error, log_yx.shape)))

    def lx_density(self, theta: Array, log_lx: Array) -> Array:
        """Expected number per dex of L_X, shape (P, Q)."""
        mean, number, scatter = self._components(theta, "lx")
        log_lx = np.asarray(log_lx, dtype=float)
        return _mixture(log_lx, mean, number, np.broadcast_to(scatter[:, None], (len(number), len(log_lx))))

    def yx_distribution(self, theta: Array, centre: float, size: int, error: float = 0.0) -> YxDistribution:
        """Local expansion about `centre` for the median of many clusters, a table for that of few."""
        if size < LocalDistribution.MIN_SIZE:
            grid = self.yx_grid
            return TabulatedDistribution.from_density(grid, self.yx_density(theta, grid, error))
        mean, number, scatter = self._components(theta, "yx")
        return LocalDistribution.from_mixture(centre, mean, number, np.hypot(scatter, error))

    def yx_resolution(self, lines: Lines) -> Array:
        """Scale in log10 Y_X, dex, below which the density does not vary: the scatter."""
        return np.hypot(lines.yx.scatter, lines.yx.slope * self._selection.blur)

    @cached_property
    def yx_grid(self) -> Array:
        """Uniform nodes in log10 Y_X that hold all selected clusters, shape (Q,)."""
        return _support(self)


def _support(model: MassSelectedModel | FluxLimitedModel) -> Array:
    """Nodes over the log10 Y_X with more than 1e-6 of the density's maximum, anywhere in the prior.

    Their spacing is half the smallest scale on which the density varies in the prior: its logarithm
    is then a cubic spline to 1e-4.
    """
    sample = _prior_sample(model.setup)
    smallest = float(np.min(model.yx_resolution(model.setup.relations.at(model.parameters.values(sample)))))
    sample = sample[:64]
    lines = model.setup.relations.at(model.parameters.values(sample))
    mean = model.population.mean_observable(lines.yx)
    margin = 6 * float(np.max(lines.yx.scatter))
    coarse = np.linspace(mean.min() - margin, mean.max() + margin, 160)
    density = model.yx_density(sample, coarse)
    inside = np.flatnonzero((density > 1e-6 * density.max(axis=1, keepdims=True)).any(axis=0))
    low, high = coarse[max(inside[0] - 1, 0)], coarse[min(inside[-1] + 1, len(coarse) - 1)]
    nodes = math.ceil((high - low) / (smallest / 2)) + 1
    return np.linspace(low, high, int(np.clip(nodes, 32, 240)))


class FluxLimitedModel:
    """Forward model of a flux-limited survey, with the Malmquist bias of correlated residuals.

    Parameters
    ----------
    setup : Setup
    """

    def __init__(self, setup: Setup) -> None:
        if not isinstance(setup.selection, FluxLimited):
            raise TypeError("FluxLimitedModel needs a FluxLimited selection")
        self.setup = setup
        self.parameters = setup.parameters
        self._selection = setup.selection
        self.population = Population.of(setup, _mass_grid(setup, self._lowest_mass(), MASS_STEP["flux"]))

    def _lowest_mass(self) -> float:
        """Mass whose luminosity is six scatters below the limit at the nearest redshift."""
        setup = self.setup
        z = setup.geometry.shells(setup.cosmology).z[:1]
        limit = self._selection.log_luminosity_limit(z, np.array([14.0]), setup.cosmology, setup.relations)
        lx = setup.relations.at(self.parameters.values(_prior_sample(setup))).lx
        masses = setup.relations.pivot + (limit.min() - 6 * lx.scatter - lx.log_norm) / lx.slope
        return float(np.clip(np.min(masses), 12.0, 13.5))

    @cached_property
    def _limit(self) -> Array:
        """log10 of the limiting luminosity on the grid, shape (K, M)."""
        population = self.population
        return self._selection.log_luminosity_limit(
            population.shells.z[:, None], population.log_mass, self.setup.cosmology, self.setup.relations
        )

    def _selected(self, theta: Array) -> Array:
        """Expected selected clusters per dex of mass on the grid, shape (P, K, M)."""
        v = self.parameters.values(theta)
        lx = self.setup.relations.at(v).lx
        significance = (self.population.mean_observable(lx) - self._limit) / _columns(lx.scatter, 3)
        return self.population.abundance(v) * special.ndtr(significance)

    def expected_count(self, theta: Array) -> Array:
        """Expected number of selected clusters, shape (P,)."""
        return self._selected(theta).sum(axis=(1, 2)) * MASS_STEP["flux"]

    def redshift_density(self, theta: Array) -> tuple[Array, Array]:
        """Redshift nodes (K,) and expected number at each (P, K); they sum to the count."""
        return self.population.shells.z, self._selected(theta).sum(axis=2) * MASS_STEP["flux"]

    def mass_density(self, theta: Array, log_mass: Array) -> Array:
        """Expected number per dex of true M500c, shape (P, Q)."""
        number = self._selected(theta).sum(axis=1)
        tiny = np.finfo(float).tiny
        position = (np.asarray(log_mass, dtype=float) - self.population.log_mass[0]) / MASS_STEP["flux"]
        table = np.log(np.maximum(number, tiny))[:, None, :]
        position = np.broadcast_to(position, (len(number), 1, len(position)))
        return np.exp(_local_cubic(table, position, stride=1)[0][:, 0])

    def yx_density(self, theta: Array, log_yx: Array, error: Array | float = 0.0) -> Array:
        """Expected number per dex of observed Y_X, shape (P, Q); `error` in dex, scalar or (Q,).

        The integral over mass at given Y_X is a Gauss-Hermite sum over the Y_X residual; a residual
        shifts the expected L_X by correlation x scatter ratio, and with it the chance of selection.
        """
        theta = np.atleast_2d(theta)
        log_yx = np.asarray(log_yx, dtype=float)
        error = np.broadcast_to(np.asarray(error, dtype=float), log_yx.shape)
        per_vector = len(self.population.shells.z) * len(log_yx)
        rows = max(1, _CHUNK // max(1, per_vector))
        parts = [
            self._yx_density(theta[start : start + rows], log_yx, error) for start in range(0, len(theta), rows)
        ]
        return np.concatenate(parts)

    def _yx_density(self, theta: Array, log_yx: Array, error: Array) -> Array:
        v = self.parameters.values(theta)
        lines = self.setup.relations.at(v)
        lx, yx, population = lines.lx, lines.yx, self.population
        growth = population.log_growth[:, None]
        mean = log_yx - _columns(yx.log_norm, 3) - _columns(yx.evolution, 3) * growth
        mean = mean / _columns(yx.slope, 3)  # log mass at zero residual, relative to the pivot, (P, K, Q)
        scatter = np.hypot(_columns(yx.scatter, 3), error)
        rho = _columns(lines.correlation, 3) * _columns(yx.scatter, 3) / scatter
        unexplained = _columns(lx.scatter, 3) * np.sqrt(1 - rho**2)
        luminosity = _columns(lx.log_norm, 3) + _columns(lx.slope, 3) * mean
        luminosity = luminosity + _columns(lx.evolution, 3) * growth
        position = (mean + (self.setup.relations.pivot - population.log_mass[0])) / MASS_STEP["flux"]
        significance = (luminosity - self._limit_at(position)) / unexplained
        width = scatter / _columns(yx.slope, 3)  # log mass per unit residual
        tilt = (rho * _columns(lx.scatter, 3) - _columns(lx.slope, 3) * width) / unexplained
        table = np.log(np.maximum(population.abundance(v), np.finfo(float).tiny))
        cubic = _local_cubic(table, np.broadcast_to(position, (len(theta), *position.shape[1:])))
        step = -width / MASS_STEP["flux"]
        total = np.zeros(np.broadcast_shapes(significance.shape, cubic[0].shape))
        for node, weight in zip(_HERMITE_X, _HERMITE_W, strict=True):
            t = step * node
            number = np.exp(cubic[0] + t * (cubic[1] + t * (cubic[2] + t * cubic[3])))
            number *= special.ndtr(significance + tilt * node)
            number *= weight
            total += number
        return total.sum(axis=1) / _columns(yx.slope, 2)

    def _limit_at(self, position: Array) -> Array:
        """Limiting luminosity at grid positions; it varies with mass only through T in K(z, T)."""
        if self._selection.k_correction != "bremsstrahlung":
            return self._limit[None, :, :1]
        index = np.clip(np.rint(position).astype(int), 0, self._limit.shape[1] - 1)
        return self._limit[np.arange(self._limit.shape[0])[None, :, None], index]

    def lx_density(self, theta: Array, log_lx: Array) -> Array:
        """Expected number per dex of L_X, shape (P, Q).

        At each L_X the unselected density is expanded in Legendre polynomials of the redshift
        coordinate and integrated up to the redshift at which L_X falls below the flux limit.
        """
        log_lx = np.asarray(log_lx, dtype=float)
        v = self.parameters.values(theta)
        lx = self.setup.relations.at(v).lx
        number = self.population.abundance(v) * MASS_STEP["flux"]
        mean = np.broadcast_to(self.population.mean_observable(lx), number.shape)
        size, shells, _ = number.shape
        scatter = np.broadcast_to(_columns(lx.scatter, 2), (size, len(log_lx)))
        density = np.stack(
            [_mixture(log_lx, mean[:, k], number[:, k], scatter) for k in range(shells)], axis=-1
        )  # (P, Q, K), volume weights included
        return (density * self._visible_fraction(log_lx)).sum(axis=-1)

    def _visible_fraction(self, log_lx: Array) -> Array:
        """Weights (Q, K) that cut the redshift quadrature where L_X falls below the limit.

        The T in K(z, T) is taken at the mass whose mean fiducial L_X this is.
        """
        population, relation = self.population, self.setup.relations
        log_mass = relation.pivot + (log_lx - relation.lx.log_norm) / relation.lx.slope
        position = np.rint((log_mass - population.log_mass[0]) / MASS_STEP["flux"]).astype(int)
        limit = self._limit[:, np.clip(position, 0, self._limit.shape[1] - 1)].T  # (Q, K)
        order = len(population.shells.z)
        if order == 1:
            return (log_lx[:, None] > limit).astype(float)
        nodes, _ = np.polynomial.legendre.leggauss(order)
        reach = np.array([_crossing(level, row, nodes) for level, row in zip(log_lx, limit, strict=True)])
        basis = np.polynomial.legendre.legvander(nodes, order - 1)  # (K, n)
        series = np.polynomial.legendre.legint(np.eye(order), lbnd=-1, axis=0)
        integrals = np.polynomial.legendre.legval(reach, series)  # (n, Q)
        return np.einsum("nq,n,kn->qk", integrals, np.arange(order) + 0.5, basis)

    def yx_distribution(self, theta: Array, centre: float, size: int, error: float = 0.0) -> YxDistribution:
        """Distribution of one selected cluster's log10 Y_X, tabulated."""
        grid = self.yx_grid
        return TabulatedDistribution.from_density(grid, self.yx_density(theta, grid, error))

    def yx_resolution(self, lines: Lines) -> Array:
        """Scale in log10 Y_X, dex, below which the density does not vary: scatters of Y_X and L_X."""
        return np.hypot(lines.yx.scatter, lines.yx.slope * lines.lx.scatter / lines.lx.slope)

    @cached_property
    def yx_grid(self) -> Array:
        """Uniform nodes in log10 Y_X that hold all selected clusters, shape (Q,)."""
        return _support(self)


def _local_cubic(table: Array, position: Array, stride: int = 2) -> tuple[Array, Array, Array, Array]:
    """Cubic through four nodes of a uniform table around each position, expanded about it.

    Parameters
    ----------
    table : ndarray, shape (P, K, M)
    position : ndarray, shape (P, K, Q)
        In units of the grid spacing; clipped to the table.
    stride : int
        Distance of the four nodes, grid cells.

    Returns
    -------
    tuple of four ndarrays, shape (P, K, Q)
        Coefficients of 1, t, t^2, t^3, t in units of the grid spacing.
    """
    last = table.shape[-1] - 1
    position = np.clip(position, 0.0, float(last))
    cell = np.clip(position.astype(int), stride, last - 2 * stride)
    rows = np.arange(table.shape[0] * table.shape[1]).reshape(table.shape[:2])[..., None] * (last + 1)
    flat, index = table.ravel(), rows + cell
    before, here, after, beyond = (flat[index + k * stride] for k in (-1, 0, 1, 2))
    a1 = (-2 * before - 3 * here + 6 * after - beyond) / 6
    a2 = (before - 2 * here + after) / 2
    a3 = (beyond - before + 3 * (here - after)) / 6
    u = (position - cell) / stride
    value = here + u * (a1 + u * (a2 + u * a3))
    slope = (a1 + u * (2 * a2 + u * 3 * a3)) / stride
    return value, slope, (a2 + 3 * a3 * u) / stride**2, a3 / stride**3


def _crossing(level: float, limit: Array, nodes: Array) -> float:
    """Quadrature coordinate in [-1, 1] at which an increasing `limit` reaches `level`."""
    i = int(np.clip(np.searchsorted(limit, level), 1, len(limit) - 1))
    slope = (nodes[i] - nodes[i - 1]) / (limit[i] - limit[i - 1])
    return float(np.clip(nodes[i] + slope * (level - limit[i]), -1.0, 1.0))
