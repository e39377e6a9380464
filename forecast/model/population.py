"""Clusters before selection, and the numerics that every forward model shares."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from ..core.arrays import Array
from ..core.chunks import LARGEST, Remembered
from ..core.parameters import ParameterSet, Values
from ..cosmology.expansion import Expansion
from ..cosmology.mass_function import MassFunction, ShapedMassFunction
from ..cosmology.mass_function_doubt import MassFunctionDoubt
from ..cosmology.parameter_grid import SHAPE_NAMES, Shape, ShapeGrid
from ..cosmology.rescaling import Background
from ..relations.lines import Line
from ..survey.listed_redshifts import shifts, survey_shells
from ..survey.sample_variance import contrast_root, growth
from ..survey.shells import Shells
from .mixture import columns
from .setup import Setup

LOG_MASS_LOW, LOG_MASS_HIGH = 11.5, 15.9
"""log10 M500c (Msun/h) outside which no cluster is expected in any survey."""
_COARSE = 0.4
"""Nodes in the cosmology's shape for density contrasts, as a part of those for the mass function."""


def mass_grid(setup: Setup, lowest: float, step: float) -> Array:
    """Uniform mass grid from a little below `lowest` to `LOG_MASS_HIGH`."""
    low = max(LOG_MASS_LOW, math.floor((lowest - 4 * step) / step) * step)
    return low + step * np.arange(round((LOG_MASS_HIGH - low) / step) + 1)


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
    def of(cls, setup: Setup, log_mass: Array, fineness: float = 1.0) -> Population:
        """Population on the redshift quadrature of the survey's own geometry."""
        return cls(setup, log_mass, survey_shells(setup, fineness))

    @cached_property
    def mass_function(self) -> MassFunction:
        """dn/dlog10 M on the grid."""
        return MassFunction(self.setup.cosmology, self.setup.mass_function, self.shells.z, self.log_mass)

    @cached_property
    def shaped_mass_function(self) -> ShapedMassFunction:
        """dn/dlog10 M on the grid for free shapes."""
        assert self.setup.shapes is not None
        return ShapedMassFunction(self.setup.shapes, self.setup.mass_function, self.shells.z, self.log_mass)

    @cached_property
    def log_growth(self) -> Array:
        """log10 E(z)/E(z0) at the redshift nodes in the configured cosmology, shape (K,)."""
        cosmology, z0 = self.setup.cosmology, self.setup.relations.z0
        growth: Array = np.log10(cosmology.efunc(self.shells.z) / cosmology.efunc(z0))
        return growth

    @cached_property
    def misplaced(self) -> Array | None:
        """log10 of the observables as listed, at the measured redshifts, minus at the true ones, (K, D); None: equal.

        The limiting luminosity moves as L_X does.
        """
        shells = self.shells
        return None if np.array_equal(shells.z, shells.measured) else shifts(self.setup, shells.z, shells.measured)

    def as_listed(self, name: str) -> Array | float:
        """The same of one observable, (K, 1), which "proxy" is made of: 0 where redshifts have no errors."""
        if self.misplaced is None:
            return 0.0
        relations = self.setup.relations
        weight = relations.combination if name == "proxy" else np.array(relations.names) == name
        return np.asarray(self.misplaced @ weight)[:, None]

    @cached_property
    def _contrast(self) -> Array:
        """Density contrast at each redshift node per unit of each parameter at sigma8 = 1, shape (K, S)."""
        root = contrast_root(self.setup.geometry, self.setup.cosmology)[self.shells.index]
        return root * growth(self.setup.cosmology, self.shells.z)[:, None]

    @cached_property
    def _contrast_table(self) -> tuple[ShapeGrid, Array]:
        """Table of today's contrasts, (G, S, S), on a coarse grid of shapes, on which they depend little."""
        assert self.setup.shapes is not None
        grid = self.setup.shapes.of_everything(_COARSE)
        return grid, grid.table(lambda cosmology: contrast_root(self.setup.geometry, cosmology))

    def _shaped_contrast(self, v: Values, shape: Shape) -> Array:
        """The same at free shapes, shape (P, K, S)."""
        grid, table = self._contrast_table
        values = {name: getattr(shape, name) for name in SHAPE_NAMES}
        root = np.tensordot(grid.shape(**values).basis, table, axes=1)
        return root[:, self.shells.index] * shape.growth(self.shells.z)[..., None]

    def _sample_variance(self, v: Values, normal: float | Array, shape: Shape | None) -> Array:
        """Factor on the abundance, of mean one, of the shells' density contrasts, shape (P, K, M)."""
        sigma8 = columns(v.sigma8, 2)
        if shape is None:
            root, bias = self._contrast, self.mass_function.bias(v.sigma8)
            contrast = sigma8 * (np.reshape(normal, (-1, root.shape[1])) @ root.T)
        else:
            root, bias = self._shaped_contrast(v, shape), self.shaped_mass_function.bias(v.sigma8, shape)
            contrast = sigma8 * (root * np.reshape(normal, (-1, 1, root.shape[2]))).sum(axis=-1)
        rms = sigma8 * np.linalg.norm(root, axis=-1)
        factor: Array = np.exp(bias * contrast[..., None] - 0.5 * (bias * rms[..., None]) ** 2)
        return factor

    def abundance(self, v: Values) -> Array:
        """Expected number per dex of mass in each shell's volume, shape (P, K, M).

        At free shapes the volume is that of the same sky and redshifts.
        """
        shape = self.setup.shape(v)
        if shape is None:
            number = self.mass_function(v.sigma8)
            number *= self.shells.volume[:, None]
        else:
            number = self.shaped_mass_function(v.sigma8, shape)
            number *= (self.shells.volume * self._volume_ratio(shape))[..., None]
        if (doubt := MassFunctionDoubt.of(v)).is_any:
            number = number * doubt.factor(self.log_mass)[:, None]
        if not self.setup.parameters.contrasts or v.density_contrast is None:
            return number
        return number * self._sample_variance(v, v.density_contrast, shape)

    @cached_property
    def at(self) -> Remembered:
        """`abundance` by parameter vectors (P, D) of the setup."""
        return Remembered(self._at)

    def _at(self, theta: Array) -> Array:
        return self.abundance(self.setup.parameters.values(theta))

    def by_rows(self, theta: Array, rows: int) -> Iterator[tuple[Values, Array]]:
        """Parameter values and abundances of at most so many parameter vectors at a time."""
        few = len(theta) * len(self.shells.z) * len(self.log_mass) <= LARGEST
        for start in range(0, len(theta), rows):
            some = slice(start, start + rows)
            v = self.setup.parameters.values(theta[some])
            yield v, self.at(theta)[some] if few else self.abundance(v)

    def by_shell(self, number: Array) -> Array:
        """Sums over masses and over the redshift nodes of each of the survey's shells, (P, K, M) -> (P, S)."""
        root = self.shells.index[:, None] == np.arange(self.setup.geometry.shell_count)
        by_shell: Array = number.sum(axis=2) @ root
        return by_shell

    def _volume_ratio(self, shape: Shape) -> Array | float:
        """Volume of each node over that in the reference cosmology, shape (P, K); 1 in a box."""
        if not self.setup.geometry.spans_redshifts:
            return 1.0
        reference = Expansion.of(self.setup.cosmology).volume_element(self.shells.z)
        return shape.expansion.volume_element(self.shells.z) / reference

    def background(self, v: Values) -> Background:
        """How clusters at the redshift nodes look; arrays of shape (P or 1, K, 1)."""
        shape = self.setup.shape(v)
        if shape is None:
            return Background(self.log_growth[:, None])
        return self.setup.background(v, self.shells.z[:, None], np.arange(len(shape.Om0))[:, None, None])

    def mean_observable(self, line: Line, name: str, background: Background) -> Array:
        """Mean log10 of an observable on the grid as measured, shape (P or 1, K, M); "proxy": the mass proxy.

        The mass proxy is that of the measured redshift, L_X that of the flux.
        """
        log_mass = (self.log_mass - self.setup.relations.pivot)[None, None, :]
        mean = line.mean(log_mass, background.log_growth)
        if name == "proxy" and self.misplaced is not None:
            mean = mean + self.as_listed(name)
        return mean if self.setup.shapes is None else mean + background.shift(self.setup.relations.exponents(name))


class Tabulable(Protocol):
    """A forward model whose Y_X density can be tabulated."""

    setup: Setup
    parameters: ParameterSet
    population: Population

    def yx_density(self, theta: Array, log_yx: Array, error: Array | float = 0.0) -> Array:
        """Expected number per dex of observed Y_X, shape (P, Q)."""

    def yx_resolution(self, v: Values) -> float:
        """Scale in log10 Y_X, dex, below which the density does not vary at parameter values `v`."""


def yx_support(model: Tabulable) -> Array:
    """Nodes over the log10 Y_X with more than 1e-6 of the density's maximum, anywhere in the prior.

    Their spacing is half the smallest scale on which the density varies in the prior: its logarithm
    is then a cubic spline to 1e-4.
    """
    sample = model.setup.parameters.sample()
    smallest = float(np.min(model.yx_resolution(model.parameters.values(sample))))
    sample = sample[:64]
    lines = model.setup.relations.at(model.parameters.values(sample))
    background = model.population.background(model.parameters.values(sample))
    mean = model.population.mean_observable(lines.yx, "proxy", background)
    components = model.setup.relations.components(model.parameters.values(sample), model.population.log_mass)
    margin = 6 * float(np.max(lines.yx.scatter)) + max(float(np.max(np.abs(c.yx_shift))) for c in components)
    coarse = np.linspace(mean.min() - margin, mean.max() + margin, 160)
    density = model.yx_density(sample, coarse)
    inside = np.flatnonzero((density > 1e-6 * density.max(axis=1, keepdims=True)).any(axis=0))
    low, high = coarse[max(inside[0] - 1, 0)], coarse[min(inside[-1] + 1, len(coarse) - 1)]
    nodes = math.ceil((high - low) / (smallest / 2)) + 1
    return np.linspace(low, high, int(np.clip(nodes, 32, 240)))
