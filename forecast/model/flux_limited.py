"""Forward model of a flux-limited survey."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np

from ..core.arrays import Array
from ..core.parameters import Values
from ..relations.lines import Component, Lines
from ..survey.detection.distortion import Distortion
from . import expansion
from .contaminants import Contaminants
from .mixture import columns, sum_of
from .population import Population, mass_grid, yx_support
from .resolution import limit_resolution, lowest_mass
from .setup import Setup
from .visibility import by_flux, chance_of, detected, flux_table, luminosities, visible_at
from .yx_distribution import TabulatedDistribution, YxDistribution, reaching


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
        self.step, fineness = limit_resolution(setup, self.selection)
        grid = mass_grid(setup, lowest_mass(setup, self.selection), self.step)
        self.population = Population.of(setup, grid, fineness)
        self.contaminants, self.flux_table = self._contaminants(), flux_table(self)

    def _contaminants(self) -> Contaminants | None:
        """Contaminants of the survey, at its fiducial parameters and mean density."""
        selection, known = self.selection.of_contaminants, self.parameters.without(self.parameters.names)
        if selection is None:
            return None
        mean = replace(self.setup, selection=selection, parameters=known, binned_by_layer=False)
        return Contaminants(FluxLimitedModel(mean), known.fiducial[None], self.parameters)

    @cached_property
    def followed(self) -> FluxLimitedModel | None:
        """Model of the clusters that are followed up: itself where nobody says which, None if there are none."""
        setup = self.setup.of_followed
        return self if setup is self.setup else None if setup is None else FluxLimitedModel(setup)

    def _lines(self, v: Values) -> Lines:
        """Relations of the measured L_X and of Y_X."""
        return self.selection.observed(self.setup.relations.at(v))

    def _residuals(self, v: Values) -> tuple[Component, ...]:
        """Mixture of the residuals of measured L_X and of Y_X on the mass grid."""
        parts = self.setup.relations.components(v, self.population.log_mass)
        return tuple(part.blurred(self.selection.flux_error) for part in parts)

    def _detected(self, v: Values) -> tuple[Component, ...]:
        """The same with the chance of detection, as if the limit were sharp."""
        z, by = self.population.shells.z[:, None], Distortion.at(v, lambda x: columns(x, 3))
        return detected(self._residuals(v), self.selection.detection, z, by)

    @cached_property
    def _limit(self) -> Array:
        """log10 of the limiting luminosity at each redshift node, shape (K, 1)."""
        z, setup = self.population.shells.z[:, None], self.setup
        return self.selection.log_luminosity_limit(z, setup.cosmology, setup.relations)

    def by_node(self, v: Values, abundance: Array | None = None) -> Array:
        """Expected selected clusters per dex of mass on the grid, shape (P, K, M), of an `abundance` that is known."""
        excess = self.population.mean_observable(self._lines(v).lx, "lx", self.population.background(v)) - self._limit
        chance = sum_of(
            part.weight * chance_of(part, spread)((excess + part.lx_shift[:, None]) / spread)
            for part, spread in ((part, part.lx_scatter[:, None]) for part in self._detected(v))
        )
        return (self.population.abundance(v) if abundance is None else abundance) * chance

    def expected_count(self, theta: Array) -> Array:
        """Expected number of detections, shape (P,)."""
        count = self.by_node(self.parameters.values(theta), self.population.at(theta)).sum(axis=(1, 2)) * self.step
        return np.asarray(count if self.contaminants is None else count + self.contaminants.count(theta))

    def mean_count(self, theta: Array) -> Array:
        """Expected number of detections, averaged over the survey's density contrasts, shape (P,)."""
        count = self.shell_counts(theta, mean=True).sum(axis=1)
        return np.asarray(count if self.contaminants is None else count + self.contaminants.count(theta))

    def shell_counts(self, theta: Array, *, mean: bool = False) -> Array:
        """Expected clusters in each redshift shell, or their mean over its density contrasts, shape (P, S)."""
        v = self.parameters.values(theta)
        return self.step * self.population.by_shell(self.by_node(replace(v, density_contrast=None) if mean else v))

    def by_mass(self, theta: Array) -> Array:
        """Expected clusters, without contaminants, at each node of the mass grid, shape (P, M)."""
        return np.asarray(self.by_node(self.parameters.values(theta)).sum(axis=1) * self.step)

    def mass_density(self, theta: Array, log_mass: Array) -> Array:
        """Expected number of clusters, without contaminants, per dex of true M500c, shape (P, Q)."""
        number, tiny = self.by_mass(theta) / self.step, np.finfo(float).tiny
        position = (np.asarray(log_mass, dtype=float) - self.population.log_mass[0]) / self.step
        table = np.log(np.maximum(number, tiny))[:, None, :]
        position = np.broadcast_to(position, (len(number), 1, len(position)))
        return np.exp(expansion.local_cubic(table, position, stride=1)[0][:, 0])

    def yx_density(self, theta: Array, log_yx: Array, error: Array | float = 0.0) -> Array:
        """Expected number of detections per dex of observed Y_X, shape (P, Q); `error` in dex (or `BY_FLUX`), or (Q,).

        The integral over mass at given Y_X is a Gauss-Hermite sum over the Y_X residual; a residual
        shifts the expected L_X by correlation x scatter ratio, and with it the chance of selection."""
        theta, log_yx = np.atleast_2d(theta), np.asarray(log_yx, dtype=float)
        error = np.broadcast_to(np.asarray(error, dtype=float), log_yx.shape)
        if np.isnan(error).any():
            return by_flux(self, theta, log_yx)
        if self._split is not None:
            return self._split_density(self._split, theta, log_yx, error)
        far = self._convolvable(error)
        if not far.any():
            return self.local_yx_density(theta, log_yx, error)
        grid, near = expansion.reached(self.yx_grid, log_yx[far], error[far]), int(np.sum(~far))
        nodes, known = np.concatenate([log_yx[~far], grid]), np.concatenate([error[~far], np.zeros_like(grid)])
        together, density = self.local_yx_density(theta, nodes, known), np.empty((len(theta), len(log_yx)))
        density[:, ~far] = together[:, :near]
        density[:, far] = together[:, near:] @ expansion.averaging(grid, log_yx[far], error[far])
        return density

    def _convolvable(self, error: Array) -> Array:
        """Errors (Q,) that nodes in Y_X resolve, where some are too large for an expansion or sums over masses dear."""
        if not error.any() or not (self._by_nodes or self._beyond(error).any()):
            return np.zeros(len(error), dtype=bool)
        return np.asarray(error > expansion.RESOLVED * (self.yx_grid[1] - self.yx_grid[0]))

    def local_yx_density(self, theta: Array, log_yx: Array, error: Array) -> Array:
        """As `yx_density`, with errors (Q,) as a part of the residuals, a few parameter vectors at a time."""
        parts = self._in_rows(theta, len(self.population.shells.z) * len(log_yx))
        density = np.concatenate([self._yx_density(v, before, (log_yx, error)) for v, before in parts])
        return density if self.contaminants is None else density + self.contaminants.yx_density(theta, log_yx, error)

    @cached_property
    def _split(self) -> expansion.Split | None:
        """Part of a wide scatter of Y_X that may be taken for an error, if an expansion holds for the rest."""
        if self.setup.relations.unit_residuals.mass_dependent or not self._by_nodes:
            return None
        fraction = expansion.best_fraction(lambda f: self._spans(np.zeros(1), f))
        return None if fraction is None else self._split_at(fraction)

    def _split_at(self, fraction: float) -> expansion.Split:
        """On nodes in Y_X that hold all clusters, and resolve them and the part of their scatter that is left out."""
        sample = self.setup.parameters.sample()
        v = self.parameters.values(sample)
        own = [expansion.narrowed(part, fraction) for part in self._residuals(v)]
        left_out = np.concatenate([np.ravel(left) for _, left in own])
        step = expansion.split_step(self._resolution(v, [part for part, _ in own]), left_out)
        v = self.parameters.values(sample[:64])
        mean = self.population.mean_observable(self._lines(v).yx, "proxy", self.population.background(v))
        margin = 6 * max(float(np.max(part.yx_scatter + np.abs(part.yx_shift))) for part, _ in own)
        grid = expansion.nodes_about(mean, self.by_node(v), margin, step)
        return expansion.Split(fraction, float(left_out.max()), grid)

    def _split_density(self, split: expansion.Split, theta: Array, log_yx: Array, error: Array) -> Array:
        """Density with the narrower scatter on nodes, averaged over the rest of it and each cluster's error."""
        density, left_out = [], np.hypot(split.widest, error)
        grid = expansion.reached(split.grid, log_yx, left_out)
        rule = expansion.rule_of_split(*(float(x[0]) for x in self._spans(np.zeros(1), split.fraction)))
        for v, before in self._in_rows(theta, len(grid) * max(len(self.population.shells.z), len(log_yx) // 4)):
            total = np.zeros((len(before.log_number), len(log_yx)))
            for part in self._detected(v):
                narrow, left = expansion.narrowed(part, split.fraction)
                nodes = self._smooth_density(before, narrow, (grid, np.zeros_like(grid)), rule)
                width = np.broadcast_to(np.hypot(left, error), total.shape)
                total += part.weight * np.einsum("pn,pnq->pq", nodes, expansion.averaging(grid, log_yx, width))
            density.append(total)
        value = np.concatenate(density)
        return value if self.contaminants is None else value + self.contaminants.yx_density(theta, log_yx, error)

    def _yx_density(self, v: Values, before: expansion.Unselected, data: tuple[Array, Array]) -> Array:
        if self._by_nodes:
            return sum_of(part.weight * self._nodal_density(before, part, data) for part in self._detected(v))
        rule = expansion.rule_for(float(np.max(self._spans(data[1])[1], initial=0.0)))
        return sum_of(part.weight * self._smooth_density(before, part, data, rule) for part in self._detected(v))

    def _in_rows(self, theta: Array, per_vector: int) -> Iterator[tuple[Values, expansion.Unselected]]:
        """Parameter values, clusters on the grid and their observables, a few parameter vectors at a time."""
        for v, number in self.population.by_rows(theta, expansion.rows_of(per_vector)):
            log_number = np.log(np.maximum(number, np.finfo(float).tiny))
            yield v, expansion.Unselected(log_number, self._lines(v), self.population.background(v))

    @cached_property
    def _by_nodes(self) -> bool:
        """Whether residuals of the mass proxy depend on mass, or span too much of it for an expansion."""
        return self.setup.relations.unit_residuals.mass_dependent or bool(self._beyond(np.zeros(1))[0])

    def _beyond(self, error: Array) -> Array:
        """Whether residuals and errors (Q,) span too much of mass, or of the chance of selection, for an expansion."""
        return expansion.beyond(*self._spans(error))

    def _spans(self, error: Array, fraction: float = 1.0) -> tuple[Array, Array]:
        """Largest width in log10 M, dex, and steepness of the chance of selection, with errors (Q,), (Q,) each."""
        v = self.parameters.fiducial_values
        parts = (expansion.narrowed(part, fraction)[0] if fraction < 1 else part for part in self._residuals(v))
        width, steepness = np.max([expansion.spans(part, self._lines(v), error) for part in parts], axis=0)
        return width, steepness

    def _smooth_density(
        self, before: expansion.Unselected, part: Component, data: tuple[Array, Array], rule: expansion.Rule
    ) -> Array:
        """Density (P, Q) of one Gaussian of residuals: a Gauss-Hermite sum at each Y_X."""
        (log_yx, error), lx, yx, population = data, before.lines.lx, before.lines.yx, self.population
        growth, powers = before.background.log_growth, self.setup.relations.exponents
        mean = log_yx - columns(yx.log_norm, 3) - part.yx_shift[:, None] - columns(yx.evolution, 3) * growth
        mean = mean - before.background.shift(powers("proxy")) - population.as_listed("proxy")
        mean = mean / columns(yx.slope, 3)  # log mass at zero residual, relative to the pivot, (P, K, Q)
        scatter = np.hypot(part.yx_scatter[:, None], error)
        rho = part.correlation[:, None] * part.yx_scatter[:, None] / scatter
        spread, unexplained = part.lx_scatter[:, None], part.lx_scatter[:, None] * np.sqrt(1 - rho**2)
        luminosity = columns(lx.log_norm, 3) + part.lx_shift[:, None] + lx.rise(mean)
        luminosity = luminosity + columns(lx.evolution, 3) * growth + before.background.shift(powers("lx"))
        steeper = columns(lx.drift, 3) * growth if lx.drifts else 0.0  # slope of L_X at each redshift
        position = (mean + (self.setup.relations.pivot - population.log_mass[0])) / self.step
        above = ((luminosity + steeper * mean if lx.drifts else luminosity) - self._limit) / unexplained
        width = scatter / columns(yx.slope, 3)  # log mass per unit residual
        tilt = (rho * spread - (lx.tangent(mean) + steeper) * width) / unexplained
        bend = (lx.second(mean) * width**2 / unexplained,) if lx.is_curved else ()
        position = np.broadcast_to(position, (len(before.log_number), *position.shape[1:]))
        moved, curve = (before.log_number, position, -width / self.step), chance_of(part, unexplained)
        total = expansion.sum_of_expansions(*moved, (above, tilt, *bend), rule, curve)
        return np.asarray(total.sum(axis=1) / columns(yx.slope, 2))

    def _nodal_density(self, before: expansion.Unselected, part: Component, data: tuple[Array, Array]) -> Array:
        """Density (P, Q) of one Gaussian of residuals that depend on mass, or are wide: a sum over the mass nodes."""
        lines, background = before.lines, before.background
        excess = self.population.mean_observable(lines.lx, "lx", background) + part.lx_shift[:, None] - self._limit
        mean = self.population.mean_observable(lines.yx, "proxy", background) + part.yx_shift[:, None]
        return expansion.sum_over_nodes(np.exp(before.log_number) * self.step, (excess, mean), part, data)

    def lx_density(self, theta: Array, log_lx: Array) -> Array:
        """Expected number of detections per dex of measured L_X, shape (P, Q).

        At each L_X the unselected density is expanded in Legendre polynomials of the redshift
        coordinate and integrated up to the redshift at which L_X falls below the flux limit.
        """
        log_lx, v = np.asarray(log_lx, dtype=float), self.parameters.values(theta)
        number = self.population.abundance(v) * self.step
        mean = self.population.mean_observable(self._lines(v).lx, "lx", self.population.background(v))
        mean = np.broadcast_to(mean + self.population.as_listed("lx"), number.shape)
        density = sum_of(part.weight * luminosities(log_lx, mean, number, part) for part in self._residuals(v))
        density = (density * self._visible_fraction(log_lx, v)).sum(axis=-1)
        total: Array = density if self.contaminants is None else density + self.contaminants.lx_density(theta, log_lx)
        return total

    def _visible_fraction(self, log_lx: Array, v: Values) -> Array:
        """Weights (P or 1, Q, K) that cut the redshift quadrature of every shell where L_X is not detected."""
        population, detection = self.population, self.selection.detection
        limit = np.broadcast_to(self._limit + population.as_listed("lx"), (len(self._limit), len(log_lx)))
        return visible_at(log_lx, limit.T, population.shells, (detection, Distortion.at(v, np.ravel)))

    def yx_distribution(self, theta: Array, centre: float, size: int, error: float = 0.0) -> YxDistribution:
        """Distribution of one selected cluster's log10 Y_X, tabulated."""
        grid = reaching(self.yx_grid, centre)
        return TabulatedDistribution.from_density(grid, self.yx_density(theta, grid, error))

    def yx_resolution(self, v: Values) -> float:
        """Scale in log10 Y_X, dex, below which the density does not vary: scatters of Y_X and L_X."""
        return self._resolution(v, self._residuals(v))

    def _resolution(self, v: Values, parts: Sequence[Component]) -> float:
        """The same with other residuals."""
        lines = self._lines(v)
        ratio = columns(lines.yx.slope / lines.lx.slope, 2)
        return min(float(np.min(np.hypot(part.yx_scatter, ratio * part.lx_scatter))) for part in parts)

    @cached_property
    def yx_grid(self) -> Array:
        """Uniform nodes in log10 Y_X that hold all selected clusters, shape (Q,)."""
        return yx_support(self)
