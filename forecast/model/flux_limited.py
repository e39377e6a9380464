"""Forward model of a flux-limited survey."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np
from scipy import special
from scipy.interpolate import CubicSpline

from ..core.arrays import Array
from ..core.errors import InputError
from ..core.parameters import ParameterSet, Values
from ..cosmology.rescaling import Background
from ..relations.power_laws import Component, Lines
from ..survey.selection import FluxSelection
from .population import CHUNK, SQRT2PI, Population, Setup, columns, mass_grid, mixture, prior_sample, sum_of, yx_support
from .resolution import SMOOTH, proxy_step
from .yx_distribution import TabulatedDistribution, YxDistribution, reaching

MASS_STEP = 0.04
"""Largest spacing of the mass grid, dex: a flux limit is smooth in mass."""
_FINEST = 0.004
"""Smallest spacing that resolves the scatter of mass at the flux limit, dex."""
_WELL_RESOLVED = 0.1
"""Scatter of L_X at given Y_X, dex, down to which a geometry's own redshift nodes are right to 1e-3."""
_KEPT, _REFINED = 64, 4
"""Densities of contaminants kept, and nodes of their table for each of the model's."""
WIDEST_EXPANSION = 0.07
"""Width in log10 M, dex, up to which ln abundance around a mass is a local cubic (to 0.3%)."""
_RULES = ((0.8, 5), (1.25, 8))
"""Change of a chance of selection over one scatter of Y_X, in its own widths, that so many nodes resolve to 1e-4."""
STEEPEST = _RULES[-1][0]
_REACH = 7.0
"""Scatters of Y_X beyond which a mass adds nothing."""


def _sum_of_expansions(
    log_number: Array, position: Array, step: Array, chance: tuple[Array, Array], rule: tuple[Array, Array]
) -> Array:
    """Gauss-Hermite sum over the residual of Y_X of abundance times chance, with ln abundance a cubic about each mass.

    Parameters
    ----------
    log_number : ndarray, shape (P, K, M)
    position : ndarray, shape (P, K, Q)
        Mass of each Y_X, in grid cells; it moves by `step` cells with each unit of the residual.
    step : ndarray
    chance : tuple of ndarray
        Of selection: a normal integral up to the first plus the second times the residual.
    rule : tuple of ndarray
        Nodes and weights of the sum.
    """
    significance, tilt = chance
    cubic = local_cubic(log_number, position)
    total, number, above = np.zeros((3, *np.broadcast_shapes(significance.shape, position.shape)))
    for node, weight in zip(*rule, strict=True):
        t = step * node
        np.multiply(cubic[3], t, out=number)
        for coefficient in (cubic[2], cubic[1]):
            number += coefficient
            number *= t
        number += cubic[0]
        np.exp(number, out=number)
        np.add(significance, tilt * node, out=above)
        number *= special.ndtr(above, out=above)
        number *= weight
        total += number
    return total


@lru_cache(maxsize=len(_RULES))
def _hermite(number: int) -> tuple[Array, Array]:
    """Nodes and weights of the average over a standard normal number."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(number)
    return nodes, weights / SQRT2PI


def _rule(steepness: float) -> tuple[Array, Array]:
    """Nodes and weights that resolve a chance of selection of this steepness."""
    return _hermite(next((number for limit, number in _RULES if steepness <= limit), _RULES[-1][1]))


class FluxLimitedModel:
    """Forward model of a flux-limited survey, with the Malmquist bias of correlated residuals.

    Parameters
    ----------
    setup : Setup
    """

    def __init__(self, setup: Setup) -> None:
        if setup.selection.in_flux is None:
            raise TypeError("FluxLimitedModel needs a selection on flux")
        self.setup = setup
        self.parameters = setup.parameters
        self.selection = setup.selection.in_flux
        self.step, fineness = self._resolution()
        self.population = Population.of(setup, mass_grid(setup, self._lowest_mass(), self.step), fineness)
        self.contaminants = Contaminants.of(setup, self.selection.of_contaminants)

    def _resolution(self) -> tuple[float, float]:
        """Spacing of the mass grid, dex, and fineness of the redshift nodes that resolve the limit."""
        relations, v = self.setup.relations, self.parameters.values(prior_sample(self.setup))
        lines, masses = relations.at(v), relations.unit_residuals.log_mass
        parts = [part.blurred(self.selection.flux_error) for part in relations.components(v, masses)]
        smallest = min(float(np.min(part.lx_scatter)) for part in parts)
        step = SMOOTH * smallest / float(np.max(lines.lx.slope))
        if step < _FINEST:
            least = relations.lx.scatter * _FINEST / step
            raise InputError(
                f"relations.lx.scatter: {relations.lx.scatter:.2g} dex is too little for a flux limit to be resolved "
                f"in mass; give at least {1.01 * least:.2g} dex, or a narrower prior of scatter_lx"
            )
        if relations.unit_residuals.mass_dependent:  # sums over the mass nodes must resolve what Y_X says of mass
            step = min(step, proxy_step(self.setup, v, SMOOTH))
        of_yx = columns(lines.lx.slope / lines.yx.slope, 2)  # what Y_X leaves open of L_X
        blur = min(float(np.min(np.hypot(part.lx_scatter, of_yx * part.yx_scatter))) for part in parts)
        return min(MASS_STEP, step), max(1.0, _WELL_RESOLVED / blur)

    def _lowest_mass(self) -> float:
        """Mass whose luminosity is six scatters below the lowest limit at the nearest redshift."""
        setup = self.setup
        z = setup.geometry.shells(setup.cosmology).z[:1]
        limit = self.selection.log_luminosity_limit(z, np.array([14.0]), setup.cosmology, setup.relations)
        sample = prior_sample(setup)
        v = self.parameters.values(sample)
        lx, background = self._lines(v).lx, setup.background(v, z, np.arange(len(sample)))
        shift = background.shift(setup.relations.exponents("lx"))
        parts = zip(self.selection.detection.offset, self.selection.detection.width, strict=True)
        below = min(offset - 6 * float(np.max(np.hypot(lx.scatter, width))) for offset, width in parts)
        masses = setup.relations.pivot + (limit.min() + below - lx.log_norm - shift) / lx.slope
        return min(float(np.min(masses)), 13.5)

    def _lines(self, v: Values) -> Lines:
        """Relations of the measured L_X and of Y_X."""
        return self.selection.observed(self.setup.relations.at(v))

    def _residuals(self, v: Values) -> tuple[Component, ...]:
        """Mixture of the residuals of the measured L_X and of Y_X on the mass grid."""
        parts = self.setup.relations.components(v, self.population.log_mass)
        return tuple(part.blurred(self.selection.flux_error) for part in parts)

    def _detected(self, v: Values) -> tuple[Component, ...]:
        """The same with the chance of detection, as if the limit were sharp."""
        return self.selection.detection.of(self._residuals(v))

    @cached_property
    def _limit(self) -> Array:
        """log10 of the limiting luminosity on the grid, shape (K, M)."""
        population = self.population
        return self.selection.log_luminosity_limit(
            population.shells.z[:, None], population.log_mass, self.setup.cosmology, self.setup.relations
        )

    def _selected(self, v: Values) -> Array:
        """Expected selected clusters per dex of mass on the grid, shape (P, K, M)."""
        excess = self.population.mean_observable(self._lines(v).lx, "lx", self.population.background(v)) - self._limit
        chance = sum_of(
            part.weight * special.ndtr((excess + part.lx_shift[:, None]) / part.lx_scatter[:, None])
            for part in self._detected(v)
        )
        return self.population.abundance(v) * chance

    def expected_count(self, theta: Array) -> Array:
        """Expected number of detections, shape (P,)."""
        count = self._selected(self.parameters.values(theta)).sum(axis=(1, 2)) * self.step
        return count if self.contaminants is None else count + self.contaminants.count(theta)

    def mean_count(self, theta: Array) -> Array:
        """Expected number of detections, averaged over the survey's density contrasts, shape (P,)."""
        count = self.shell_counts(theta, mean=True).sum(axis=1)
        return count if self.contaminants is None else count + self.contaminants.count(theta)

    def shell_counts(self, theta: Array, *, mean: bool = False) -> Array:
        """Expected clusters in each redshift shell, or their mean over its density contrasts, shape (P, S)."""
        v = self.parameters.values(theta)
        return self.step * self.population.by_shell(self._selected(replace(v, density_contrast=None) if mean else v))

    def by_mass(self, theta: Array) -> Array:
        """Expected clusters, without contaminants, at each node of the mass grid, shape (P, M)."""
        return self._selected(self.parameters.values(theta)).sum(axis=1) * self.step

    def mass_density(self, theta: Array, log_mass: Array) -> Array:
        """Expected number of clusters, without contaminants, per dex of true M500c, shape (P, Q)."""
        number, tiny = self.by_mass(theta) / self.step, np.finfo(float).tiny
        position = (np.asarray(log_mass, dtype=float) - self.population.log_mass[0]) / self.step
        table = np.log(np.maximum(number, tiny))[:, None, :]
        position = np.broadcast_to(position, (len(number), 1, len(position)))
        return np.exp(local_cubic(table, position, stride=1)[0][:, 0])

    def yx_density(self, theta: Array, log_yx: Array, error: Array | float = 0.0) -> Array:
        """Expected number of detections per dex of observed Y_X, shape (P, Q); `error` in dex, scalar or (Q,).

        The integral over mass at given Y_X is a Gauss-Hermite sum over the Y_X residual; a residual
        shifts the expected L_X by correlation x scatter ratio, and with it the chance of selection.
        """
        theta, log_yx = np.atleast_2d(theta), np.asarray(log_yx, dtype=float)
        error = np.broadcast_to(np.asarray(error, dtype=float), log_yx.shape)
        far, density = self._convolvable(error), np.empty((len(theta), len(log_yx)))
        density[:, ~far] = self.local_yx_density(theta, log_yx[~far], error[~far])
        if far.any():
            density[:, far] = self._convolved(theta, log_yx[far], error[far])
        return density

    def _convolvable(self, error: Array) -> Array:
        """Errors (Q,) that are too large for an expansion, or so large that the nodes in Y_X resolve them."""
        if not error.any():
            return np.zeros(len(error), dtype=bool)
        grid = self.yx_grid
        resolved = error > 1.5 * (grid[1] - grid[0])
        return resolved if self._by_nodes else resolved & self._beyond(error)

    def local_yx_density(self, theta: Array, log_yx: Array, error: Array) -> Array:
        """As `yx_density`, with errors (Q,) as a part of the residuals, a few parameter vectors at a time."""
        per_vector = len(self.population.shells.z) * len(log_yx)
        rows = max(1, CHUNK // max(1, per_vector))
        starts = range(0, len(theta), rows)
        density = np.concatenate([self._yx_density(theta[start : start + rows], log_yx, error) for start in starts])
        return density if self.contaminants is None else density + self.contaminants.yx_density(theta, log_yx, error)

    def _convolved(self, theta: Array, log_yx: Array, error: Array) -> Array:
        """Density without errors, which know nothing of selection, averaged over each cluster's error."""
        grid = self.yx_grid
        kernel = np.exp(-0.5 * ((log_yx - grid[:, None]) / error) ** 2) * ((grid[1] - grid[0]) / (SQRT2PI * error))
        return self.local_yx_density(theta, grid, np.zeros_like(grid)) @ kernel

    def _yx_density(self, theta: Array, log_yx: Array, error: Array) -> Array:
        v = self.parameters.values(theta)
        number, lines, background = self.population.abundance(v), self._lines(v), self.population.background(v)
        one = self._nodal_density if self._by_nodes else self._smooth_density
        log_number = np.log(np.maximum(number, np.finfo(float).tiny))
        data = (log_yx, error)
        return sum_of(part.weight * one(log_number, lines, background, part, data) for part in self._detected(v))

    @cached_property
    def _by_nodes(self) -> bool:
        """Whether residuals of the mass proxy depend on mass, or span too much of it for an expansion."""
        return self.setup.relations.unit_residuals.mass_dependent or bool(self._beyond(np.zeros(1))[0])

    def _beyond(self, error: Array) -> Array:
        """Whether residuals and errors (Q,) span too much of mass, or of the chance of selection, for an expansion."""
        width, steepness = self._spans(error)
        return (width > WIDEST_EXPANSION) | (steepness > STEEPEST)

    def _spans(self, error: Array) -> tuple[Array, Array]:
        """Largest width in log10 M, dex, and steepness of the chance of selection, with errors (Q,), (Q,) each."""
        v = self.parameters.fiducial_values
        lines, found = self._lines(v), np.zeros((2, len(error)))
        for part in self._residuals(v):
            scatter = np.hypot(part.yx_scatter[..., None], error)
            width, rho = scatter / lines.yx.slope, part.correlation[..., None] * part.yx_scatter[..., None] / scatter
            spread = part.lx_scatter[..., None]
            tilt = np.abs(rho * spread - lines.lx.slope * width) / (spread * np.sqrt(1 - rho**2))
            each = [x.max(axis=tuple(range(x.ndim - 1)), initial=0.0) for x in (width, tilt)]
            found = np.maximum(found, each)
        return found[0], found[1]

    def _smooth_density(
        self, log_number: Array, lines: Lines, background: Background, part: Component, data: tuple[Array, Array]
    ) -> Array:
        """Density (P, Q) of one Gaussian of residuals: a Gauss-Hermite sum at each Y_X."""
        (log_yx, error), lx, yx, population = data, lines.lx, lines.yx, self.population
        growth, powers = background.log_growth, self.setup.relations.exponents
        mean = log_yx - columns(yx.log_norm, 3) - part.yx_shift[:, None] - columns(yx.evolution, 3) * growth
        mean = mean - background.shift(powers("proxy"))
        mean = mean / columns(yx.slope, 3)  # log mass at zero residual, relative to the pivot, (P, K, Q)
        scatter = np.hypot(part.yx_scatter[:, None], error)
        rho = part.correlation[:, None] * part.yx_scatter[:, None] / scatter
        spread = part.lx_scatter[:, None]
        unexplained = spread * np.sqrt(1 - rho**2)
        luminosity = columns(lx.log_norm, 3) + part.lx_shift[:, None] + columns(lx.slope, 3) * mean
        luminosity = luminosity + columns(lx.evolution, 3) * growth + background.shift(powers("lx"))
        position = (mean + (self.setup.relations.pivot - population.log_mass[0])) / self.step
        significance = (luminosity - self._limit_at(position)) / unexplained
        width = scatter / columns(yx.slope, 3)  # log mass per unit residual
        tilt = (rho * spread - columns(lx.slope, 3) * width) / unexplained
        position = np.broadcast_to(position, (len(log_number), *position.shape[1:]))
        rule = _rule(float(np.max(self._spans(error)[1], initial=0.0)))
        total = _sum_of_expansions(log_number, position, -width / self.step, (significance, tilt), rule)
        return total.sum(axis=1) / columns(yx.slope, 2)

    def _nodal_density(
        self, log_number: Array, lines: Lines, background: Background, part: Component, data: tuple[Array, Array]
    ) -> Array:
        """Density (P, Q) of one Gaussian of residuals that depend on mass: a sum over the mass nodes."""
        log_yx, error = data
        excess = self.population.mean_observable(lines.lx, "lx", background) + part.lx_shift[:, None] - self._limit
        mean = self.population.mean_observable(lines.yx, "proxy", background) + part.yx_shift[:, None]
        shape, number = log_number.shape, np.exp(log_number) * self.step
        excess, mean, own, spread, correlation = (
            np.broadcast_to(x, shape)
            for x in (excess, mean, part.yx_scatter[:, None], part.lx_scatter[:, None], part.correlation[:, None])
        )
        lowest, highest, widest = mean.min(axis=(0, 1)), mean.max(axis=(0, 1)), float(own.max())
        density = np.zeros((len(number), len(log_yx)))
        for q, (y, e) in enumerate(zip(log_yx, error, strict=True)):
            reach = _REACH * np.hypot(widest, e)
            near = np.flatnonzero((lowest < y + reach) & (highest > y - reach))
            if not len(near):
                continue
            m = slice(near[0], near[-1] + 1)
            scatter = np.hypot(own[..., m], e)
            rho, t = correlation[..., m] * own[..., m] / scatter, (y - mean[..., m]) / scatter
            chance = special.ndtr((excess[..., m] + rho * spread[..., m] * t) / (spread[..., m] * np.sqrt(1 - rho**2)))
            density[:, q] = np.sum(number[..., m] * chance * np.exp(-0.5 * t**2) / (SQRT2PI * scatter), axis=(1, 2))
        return density

    def _limit_at(self, position: Array) -> Array:
        """Limiting luminosity at grid positions; it varies with mass only through T in K(z, T)."""
        if not self.selection.varies_with_mass:
            return self._limit[None, :, :1]
        index = np.clip(np.rint(position).astype(int), 0, self._limit.shape[1] - 1)
        return self._limit[np.arange(self._limit.shape[0])[None, :, None], index]

    def lx_density(self, theta: Array, log_lx: Array) -> Array:
        """Expected number of detections per dex of measured L_X, shape (P, Q).

        At each L_X the unselected density is expanded in Legendre polynomials of the redshift
        coordinate and integrated up to the redshift at which L_X falls below the flux limit.
        """
        log_lx = np.asarray(log_lx, dtype=float)
        v = self.parameters.values(theta)
        lx = self._lines(v).lx
        number = self.population.abundance(v) * self.step
        mean = np.broadcast_to(self.population.mean_observable(lx, "lx", self.population.background(v)), number.shape)
        density = sum_of(
            part.weight
            * np.stack(
                [
                    mixture(log_lx, mean[:, k] + part.lx_shift, number[:, k], part.lx_scatter)
                    for k in range(number.shape[1])
                ],
                axis=-1,
            )
            for part in self._residuals(v)
        )  # (P, Q, K), volume weights included
        density = (density * self._visible_fraction(log_lx)).sum(axis=-1)
        return density if self.contaminants is None else density + self.contaminants.lx_density(theta, log_lx)

    def _visible_fraction(self, log_lx: Array) -> Array:
        """Weights (Q, K) that cut the redshift quadrature of every shell where L_X is not detected.

        The T in K(z, T) is taken at the mass whose mean fiducial L_X this is.
        """
        population, relation = self.population, self.setup.relations
        log_mass = relation.pivot + (log_lx - relation.lx.log_norm) / relation.lx.slope
        position = np.rint((log_mass - population.log_mass[0]) / self.step).astype(int)
        limit = self._limit[:, np.clip(position, 0, self._limit.shape[1] - 1)].T  # (Q, K)
        detection, index = self.selection.detection, population.shells.index
        if len(population.shells.z) == 1:
            return detection(log_lx[:, None] - limit)
        sharp = list(zip(*detection.sharp_limits, strict=True))
        shells = [limit[:, index == i] for i in np.unique(index)]
        return np.concatenate(
            [np.sum([a * _visible_below(log_lx - o, shell) for a, o in sharp], axis=0) for shell in shells], axis=1
        )

    def yx_distribution(self, theta: Array, centre: float, size: int, error: float = 0.0) -> YxDistribution:
        """Distribution of one selected cluster's log10 Y_X, tabulated."""
        grid = reaching(self.yx_grid, centre)
        return TabulatedDistribution.from_density(grid, self.yx_density(theta, grid, error))

    def yx_resolution(self, v: Values) -> float:
        """Scale in log10 Y_X, dex, below which the density does not vary: scatters of Y_X and L_X."""
        lines = self._lines(v)
        ratio = columns(lines.yx.slope / lines.lx.slope, 2)
        return min(float(np.min(np.hypot(part.yx_scatter, ratio * part.lx_scatter))) for part in self._residuals(v))

    @cached_property
    def yx_grid(self) -> Array:
        """Uniform nodes in log10 Y_X that hold all selected clusters, shape (Q,)."""
        return yx_support(self)


@dataclass(frozen=True)
class Contaminants:
    """Detections that are no clusters: as many as `Contamination` says, times a free factor.

    Parameters
    ----------
    model : FluxLimitedModel
        Clusters detected with the chance of detection times the odds of contamination.
    fiducial : ndarray, shape (1, D)
        Parameters at which it is evaluated.
    parameters : ParameterSet
        Of the survey.
    """

    model: FluxLimitedModel
    fiducial: Array
    parameters: ParameterSet

    @classmethod
    def of(cls, setup: Setup, selection: FluxSelection | None) -> Contaminants | None:
        """Contaminants of a survey, at its fiducial parameters and mean density; `selection` detects them."""
        if selection is None:
            return None
        known = setup.parameters.without(setup.parameters.names)
        model = FluxLimitedModel(replace(setup, selection=selection, parameters=known))
        return cls(model, known.fiducial[None], setup.parameters)

    def factor(self, theta: Array) -> Array:
        """Their number in units of the expected one, shape (P,)."""
        factor = np.atleast_1d(self.parameters.values(theta).norm_contamination)
        return np.broadcast_to(factor, (len(np.atleast_2d(theta)),))

    @cached_property
    def _expected(self) -> Array:
        return self.model.expected_count(self.fiducial)

    @cached_property
    def _table(self) -> tuple[Array, Array]:
        """Fine uniform nodes in log10 Y_X, and the expected number per dex at them, without errors."""
        coarse = self.model.yx_grid
        density = self.model.local_yx_density(self.fiducial, coarse, np.zeros_like(coarse))[0]
        grid = np.linspace(coarse[0], coarse[-1], _REFINED * (len(coarse) - 1) + 1)
        return grid, np.exp(CubicSpline(coarse, np.log(np.maximum(density, np.finfo(float).tiny)))(grid))

    @cached_property
    def _densities(self) -> Callable[[bytes, bytes], Array]:
        """Density at given Y_X and errors, kept for those asked for last: likelihoods ask again and again."""
        return lru_cache(maxsize=_KEPT)(lambda y, e: self._observed(np.frombuffer(y), np.frombuffer(e)))

    def _observed(self, log_yx: Array, error: Array) -> Array:
        """Expected number per dex at Y_X observed with errors (Q,), which are at least the nodes' spacing."""
        grid, density = self._table
        step = grid[1] - grid[0]
        error = np.maximum(error, step)
        kernel = np.exp(-0.5 * ((log_yx - grid[:, None]) / error) ** 2) * (step / (SQRT2PI * error))
        return density @ kernel

    def count(self, theta: Array) -> Array:
        """Expected number, shape (P,)."""
        return self.factor(theta) * self._expected

    def yx_density(self, theta: Array, log_yx: Array, error: Array) -> Array:
        """Expected number per dex of observed Y_X, shape (P, Q)."""
        return self.factor(theta)[:, None] * self._densities(log_yx.tobytes(), error.tobytes())

    def lx_density(self, theta: Array, log_lx: Array) -> Array:
        """Expected number per dex of measured L_X, shape (P, Q)."""
        return self.factor(theta)[:, None] * self.model.lx_density(self.fiducial, log_lx)


def local_cubic(table: Array, position: Array, stride: int = 2) -> tuple[Array, Array, Array, Array]:
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
    before, here, after, beyond = (np.take(flat, index + k * stride) for k in (-1, 0, 1, 2))
    a1 = (-2 * before - 3 * here + 6 * after - beyond) / 6
    a2 = (before - 2 * here + after) / 2
    a3 = (beyond - before + 3 * (here - after)) / 6
    u = (position - cell) / stride
    value = here + u * (a1 + u * (a2 + u * a3))
    slope = (a1 + u * (2 * a2 + u * 3 * a3)) / stride
    return value, slope, (a2 + 3 * a3 * u) / stride**2, a3 / stride**3


def _visible_below(level: Array, limit: Array) -> Array:
    """Weights (Q, K) of the K nodes of one shell that integrate up to where `limit` (Q, K) reaches `level` (Q,)."""
    order = limit.shape[1]
    nodes, _ = np.polynomial.legendre.leggauss(order)
    reach = _crossing(level, limit, nodes)
    basis = np.polynomial.legendre.legvander(nodes, order - 1)  # (K, n)
    series = np.polynomial.legendre.legint(np.eye(order), lbnd=-1, axis=0)
    integrals = np.polynomial.legendre.legval(reach, series)  # (n, Q)
    return np.einsum("nq,n,kn->qk", integrals, np.arange(order) + 0.5, basis)


def _crossing(level: Array, limit: Array, nodes: Array) -> Array:
    """Quadrature coordinates (Q,) in [-1, 1] at which increasing limits (Q, K) reach levels (Q,)."""
    i = np.clip((limit < level[:, None]).sum(axis=1), 1, limit.shape[1] - 1)
    after, before = (np.take_along_axis(limit, at[:, None], axis=1)[:, 0] for at in (i, i - 1))
    slope = (nodes[i] - nodes[i - 1]) / (after - before)
    return np.clip(nodes[i] + slope * (level - after), -1.0, 1.0)
