"""Forward model of a flux-limited survey."""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np
from scipy import special

from .distribution import TabulatedDistribution, YxDistribution
from .parameters import Values
from .population import CHUNK, Population, Setup, columns, mass_grid, mixture, prior_sample, yx_support
from .scaling import Lines
from .selection import FluxLimited

Array = np.ndarray

MASS_STEP = 0.04
"""Spacing of the mass grid, dex: a flux limit is smooth in mass."""
_HERMITE_NODES = 10
_HERMITE_X, _HERMITE_W = np.polynomial.hermite_e.hermegauss(_HERMITE_NODES)
_HERMITE_W = _HERMITE_W / math.sqrt(2 * math.pi)


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
        self.population = Population.of(setup, mass_grid(setup, self._lowest_mass(), MASS_STEP))

    def _lowest_mass(self) -> float:
        """Mass whose luminosity is six scatters below the limit at the nearest redshift."""
        setup = self.setup
        z = setup.geometry.shells(setup.cosmology).z[:1]
        limit = self._selection.log_luminosity_limit(z, np.array([14.0]), setup.cosmology, setup.relations)
        lx = self._lines(self.parameters.values(prior_sample(setup))).lx
        masses = setup.relations.pivot + (limit.min() - 6 * lx.scatter - lx.log_norm) / lx.slope
        return float(np.clip(np.min(masses), 12.0, 13.5))

    def _lines(self, v: Values) -> Lines:
        """Relations of the measured L_X and of Y_X."""
        return self._selection.observed(self.setup.relations.at(v))

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
        lx = self._lines(v).lx
        significance = (self.population.mean_observable(lx) - self._limit) / columns(lx.scatter, 3)
        return self.population.abundance(v) * special.ndtr(significance)

    def expected_count(self, theta: Array) -> Array:
        """Expected number of selected clusters, shape (P,)."""
        return self._selected(theta).sum(axis=(1, 2)) * MASS_STEP

    def redshift_density(self, theta: Array) -> tuple[Array, Array]:
        """Redshift nodes (K,) and expected number at each (P, K); they sum to the count."""
        return self.population.shells.z, self._selected(theta).sum(axis=2) * MASS_STEP

    def mass_density(self, theta: Array, log_mass: Array) -> Array:
        """Expected number per dex of true M500c, shape (P, Q)."""
        number = self._selected(theta).sum(axis=1)
        tiny = np.finfo(float).tiny
        position = (np.asarray(log_mass, dtype=float) - self.population.log_mass[0]) / MASS_STEP
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
        rows = max(1, CHUNK // max(1, per_vector))
        parts = [
            self._yx_density(theta[start : start + rows], log_yx, error) for start in range(0, len(theta), rows)
        ]
        return np.concatenate(parts)

    def _yx_density(self, theta: Array, log_yx: Array, error: Array) -> Array:
        v = self.parameters.values(theta)
        lines = self._lines(v)
        lx, yx, population = lines.lx, lines.yx, self.population
        growth = population.log_growth[:, None]
        mean = log_yx - columns(yx.log_norm, 3) - columns(yx.evolution, 3) * growth
        mean = mean / columns(yx.slope, 3)  # log mass at zero residual, relative to the pivot, (P, K, Q)
        scatter = np.hypot(columns(yx.scatter, 3), error)
        rho = columns(lines.correlation, 3) * columns(yx.scatter, 3) / scatter
        unexplained = columns(lx.scatter, 3) * np.sqrt(1 - rho**2)
        luminosity = columns(lx.log_norm, 3) + columns(lx.slope, 3) * mean
        luminosity = luminosity + columns(lx.evolution, 3) * growth
        position = (mean + (self.setup.relations.pivot - population.log_mass[0])) / MASS_STEP
        significance = (luminosity - self._limit_at(position)) / unexplained
        width = scatter / columns(yx.slope, 3)  # log mass per unit residual
        tilt = (rho * columns(lx.scatter, 3) - columns(lx.slope, 3) * width) / unexplained
        table = np.log(np.maximum(population.abundance(v), np.finfo(float).tiny))
        cubic = _local_cubic(table, np.broadcast_to(position, (len(theta), *position.shape[1:])))
        step = -width / MASS_STEP
        total = np.zeros(np.broadcast_shapes(significance.shape, cubic[0].shape))
        for node, weight in zip(_HERMITE_X, _HERMITE_W, strict=True):
            t = step * node
            number = np.exp(cubic[0] + t * (cubic[1] + t * (cubic[2] + t * cubic[3])))
            number *= special.ndtr(significance + tilt * node)
            number *= weight
            total += number
        return total.sum(axis=1) / columns(yx.slope, 2)

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
        lx = self._lines(v).lx
        number = self.population.abundance(v) * MASS_STEP
        mean = np.broadcast_to(self.population.mean_observable(lx), number.shape)
        size, shells, _ = number.shape
        scatter = np.broadcast_to(columns(lx.scatter, 2), (size, len(log_lx)))
        density = np.stack(
            [mixture(log_lx, mean[:, k], number[:, k], scatter) for k in range(shells)], axis=-1
        )  # (P, Q, K), volume weights included
        return (density * self._visible_fraction(log_lx)).sum(axis=-1)

    def _visible_fraction(self, log_lx: Array) -> Array:
        """Weights (Q, K) that cut the redshift quadrature where L_X falls below the limit.

        The T in K(z, T) is taken at the mass whose mean fiducial L_X this is.
        """
        population, relation = self.population, self.setup.relations
        log_mass = relation.pivot + (log_lx - relation.lx.log_norm) / relation.lx.slope
        position = np.rint((log_mass - population.log_mass[0]) / MASS_STEP).astype(int)
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
        return yx_support(self)


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
