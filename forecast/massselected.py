"""Forward model of a survey selected in mass."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

import numpy as np

from .distribution import LocalDistribution, TabulatedDistribution, YxDistribution
from .population import Population, Setup, mass_grid, mixture, prior_sample, yx_support
from .scaling import Line, Lines
from .selection import FluxLimited, Sharp, Smoothed, sharp_weights

Array = np.ndarray

MASS_STEP = 0.0125
"""Spacing of the mass grid, dex: 200 nodes, whose quadrature follows a sharp cut exactly."""


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
        lines = setup.relations.at(self.parameters.values(prior_sample(setup)))
        lowest = float(self._sharp.limits(lines.lx, setup.relations)[0].min())
        self.population = Population.of(setup, mass_grid(setup, lowest, MASS_STEP))

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
            return mixture(log_mass, self.population.log_mass[None], number.sum(axis=1), width)
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
        return mixture(log_yx, mean, number, np.hypot(scatter[:, None], np.broadcast_to(error, log_yx.shape)))

    def lx_density(self, theta: Array, log_lx: Array) -> Array:
        """Expected number per dex of L_X, shape (P, Q)."""
        mean, number, scatter = self._components(theta, "lx")
        log_lx = np.asarray(log_lx, dtype=float)
        return mixture(log_lx, mean, number, np.broadcast_to(scatter[:, None], (len(number), len(log_lx))))

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
        return yx_support(self)
