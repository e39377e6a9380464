"""Forward model of a survey selected in mass."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

import numpy as np

from ..core.arrays import Array
from ..core.parameters import Values
from ..relations.lines import Component, Line, Lines
from .mixture import columns, mixture, sum_of
from .population import Population, mass_grid, yx_support
from .resolution import SHARP, proxy_step
from .setup import Setup
from .yx_distribution import LocalDistribution, TabulatedDistribution, YxDistribution, reaching

MASS_STEP = 0.0125
"""Spacing of the mass grid, dex: 200 nodes; counts above a sharp cut are right to 2e-4."""


class MassSelectedModel:
    """Forward model of a survey selected in mass.

    Parameters
    ----------
    setup : Setup
    step : float
        Largest spacing of the mass grid, dex; smaller where the mass proxy scatters little.

    Raises
    ------
    InputError
        If the mass proxy scatters too little.
    """

    def __init__(self, setup: Setup, step: float = MASS_STEP) -> None:
        if setup.selection.in_mass is None:
            raise TypeError("MassSelectedModel needs a selection in mass")
        self.setup = setup
        self.parameters = setup.parameters
        self.selection = setup.selection.in_mass
        v = self.parameters.values(setup.parameters.sample())
        lowest = float(self.selection.lowest(setup.relations.at(v).lx, setup.relations).min())
        step = min(step, proxy_step(setup, v, SHARP))
        self.population = Population.of(setup, mass_grid(setup, lowest, step))

    @property
    def followed(self) -> MassSelectedModel:
        """The model itself: all clusters, or any, are followed up."""
        return self

    def selected(self, theta: Array) -> tuple[Array, Lines]:
        """Expected selected clusters on the mass nodes, (P, K, M), and the relations."""
        return self._selected(self.parameters.values(theta), len(np.atleast_2d(theta)))

    def _selected(self, v: Values, size: int) -> tuple[Array, Lines]:
        lines = self.setup.relations.at(v)
        weights = self.selection.weights(self.population.log_mass, lines.lx, self.setup.relations)
        weights = np.broadcast_to(weights, (size, weights.shape[1]))
        return self.population.abundance(v) * weights[:, None, :], lines

    def expected_count(self, theta: Array) -> Array:
        """Expected number of selected clusters, shape (P,)."""
        count: Array = self.selected(theta)[0].sum(axis=(1, 2))
        return count

    def mean_count(self, theta: Array) -> Array:
        """Expected number of selected clusters, averaged over the survey's density contrasts, shape (P,)."""
        count: Array = self.shell_counts(theta, mean=True).sum(axis=1)
        return count

    def shell_counts(self, theta: Array, *, mean: bool = False) -> Array:
        """Expected clusters in each redshift shell, or their mean over its density contrasts, shape (P, S)."""
        v = self.parameters.values(theta)
        v = replace(v, density_contrast=None) if mean else v
        return self.population.by_shell(self._selected(v, len(np.atleast_2d(theta)))[0])

    def by_mass(self, theta: Array) -> Array:
        """Expected clusters at each node of the mass grid, before any blur, shape (P, M)."""
        density: Array = self.selected(theta)[0].sum(axis=1)
        return density

    def mass_density(self, theta: Array, log_mass: Array) -> Array:
        """Expected number per dex of true M500c, shape (P, Q)."""
        log_mass = np.asarray(log_mass, dtype=float)
        if self.selection.blur:
            number, _ = self.selected(theta)
            width = np.full((len(number), 1), self.selection.blur)
            return mixture(log_mass, self.population.log_mass[None], number.sum(axis=1), width)
        v = self.parameters.values(theta)
        lines = self.setup.relations.at(v)
        at = replace(self.population, log_mass=log_mass)
        density: Array = at.abundance(v).sum(axis=1) * self.selection.probability(
            log_mass, lines.lx, self.setup.relations
        )
        return density

    def _mixtures(self, theta: Array, observable: str) -> list[tuple[Array, Array, Array]]:
        """Mixtures of Gaussians in log10 of an observable: means and numbers (P, K M), scatters (P, K M or 1)."""
        number, lines = self.selected(theta)
        line: Line = getattr(lines, observable)
        background = self.population.background(self.parameters.values(theta))
        mean = self.population.mean_observable(line, "proxy" if observable == "yx" else observable, background)
        blur = columns(line.slope, 2) * self.selection.blur
        shape = (len(number), -1)
        mixtures = []
        for part in self._residuals(theta):
            shift, scatter = getattr(part, f"{observable}_shift"), getattr(part, f"{observable}_scatter")
            scatter = np.hypot(scatter, blur)
            if scatter.shape[1] > 1:
                scatter = np.broadcast_to(scatter[:, None], number.shape).reshape(shape)
            means = np.broadcast_to(mean + shift[:, None], number.shape).reshape(shape)
            scatter = np.broadcast_to(scatter, (shape[0], scatter.shape[1]))
            mixtures.append((means, (part.weight * number).reshape(shape), scatter))
        return mixtures

    def _residuals(self, theta: Array) -> tuple[Component, ...]:
        return self.setup.relations.components(self.parameters.values(theta), self.population.log_mass)

    def yx_density(self, theta: Array, log_yx: Array, error: Array | float = 0.0) -> Array:
        """Expected number per dex of observed Y_X, shape (P, Q); `error` in dex, scalar or (Q,)."""
        log_yx = np.asarray(log_yx, dtype=float)
        return sum_of(mixture(log_yx, *part, error) for part in self._mixtures(theta, "yx"))

    def lx_density(self, theta: Array, log_lx: Array) -> Array:
        """Expected number per dex of L_X, shape (P, Q)."""
        log_lx = np.asarray(log_lx, dtype=float)
        return sum_of(mixture(log_lx, *part) for part in self._mixtures(theta, "lx"))

    def yx_distribution(self, theta: Array, centre: float, size: int, error: float = 0.0) -> YxDistribution:
        """Local expansion about `centre` for the median of many clusters, a table for that of few."""
        if size < LocalDistribution.MIN_SIZE or self.setup.relations.unit_residuals.mass_dependent:
            grid = reaching(self.yx_grid, centre)
            return TabulatedDistribution.from_density(grid, self.yx_density(theta, grid, error))
        mixtures = [(m, n, np.hypot(s, error)) for m, n, s in self._mixtures(theta, "yx")]
        return LocalDistribution.from_mixtures(centre, mixtures)

    def yx_resolution(self, v: Values) -> float:
        """Scale in log10 Y_X, dex, below which the density does not vary: the scatter."""
        slope, parts = self.setup.relations.at(v).yx.slope, self.setup.relations.components(v, self.population.log_mass)
        blur = columns(slope, 2) * self.selection.blur
        return min(float(np.min(np.hypot(part.yx_scatter, blur))) for part in parts)

    @cached_property
    def yx_grid(self) -> Array:
        """Uniform nodes in log10 Y_X that hold all selected clusters, shape (Q,)."""
        return yx_support(self)
