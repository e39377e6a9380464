"""Clusters before selection, and the numerics that every forward model shares."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from ..core.arrays import Array
from ..core.errors import InputError
from ..core.parameters import ParameterSet, Values, contrast_names
from ..cosmology.background import Cosmology
from ..cosmology.mass_function import MassFunction, ShapedMassFunction, matter_density_range
from ..cosmology.parameter_grid import SHAPE_NAMES, Expansion, Shape, ShapeGrid, free_shapes
from ..cosmology.rescaling import Background
from ..relations.power_laws import Line, Relations
from ..survey.sample_variance import contrast_root, growth
from ..survey.selection import Selection
from ..survey.shells import Geometry, Shells

LOG_MASS_LOW, LOG_MASS_HIGH = 11.5, 15.9
"""log10 M500c (Msun/h) outside which no cluster is expected in any survey."""
CHUNK = 50_000
"""Elements per temporary array: what stays in the processor's cache."""
SQRT2PI = math.sqrt(2 * math.pi)
_COARSE = 0.4
"""Nodes in the cosmology's shape for density contrasts, as a part of those for the mass function."""


@dataclass(frozen=True)
class Setup:
    """Everything that defines a forward model.

    Parameters
    ----------
    cosmology : Cosmology
        If shape parameters are free, the one in which observables were derived and that gives the rest.
        A box has no distances: its volume, in (Mpc/h)^3, and its observables do not depend on it.
    mass_function : str
        One of `forecast.cosmology.mass_function.MODELS`.
    geometry : Geometry
    selection : Selection
    relations : Relations
    parameters : ParameterSet
        If ``density_contrast`` is among the free ones, sample variance of the survey volume is
        marginalised over: the abundance is multiplied by exp(b g - b^2 sigma_V^2/2) with halo bias
        b(M) and g = density_contrast x sigma_V, so that its mean is unchanged. In a survey of S shells
        ``density_contrast_1`` to ``_S`` are independent numbers of which the shells' g are made.
    yx_bin : float
        Width of the bins of log10 Y_X of the level ``binned``, dex.
    errors : tuple of float
        Measurement errors of log10 of each of `relations.names`, dex; empty: none. The error of the mass proxy
        follows from them; that of L_X in a flux-limited survey belongs to its selection.
    weak_lensing : float or None
        Scatter of ln M_WL at fixed mass, if clusters have weak-lensing masses.
    binned_in_redshift : bool
        Whether the data of each of the geometry's shells are kept apart at the levels below ``full``, which
        knows every redshift anyway.
    """

    cosmology: Cosmology
    mass_function: str
    geometry: Geometry
    selection: Selection
    relations: Relations
    parameters: ParameterSet
    yx_bin: float = 0.1
    errors: tuple[float, ...] = ()
    weak_lensing: float | None = None
    binned_in_redshift: bool = False

    def __post_init__(self) -> None:
        if self.weak_lensing is not None and not 0 < self.weak_lensing < 3:
            raise InputError(f"weak_lensing: scatter of ln M must be between 0 and 3, got {self.weak_lensing:g}")
        if min(self.errors, default=0.0) < 0:
            raise InputError(f"errors: measurement errors must not be negative, got {self.errors}")
        if self.errors and len(self.errors) != len(self.relations.names):
            raise InputError(f"errors: give one for each of {self.relations.names}, got {self.errors}")
        self._check_reach()
        shells = self.geometry.shell_count
        if self.parameters.contrasts and self.parameters.contrasts != contrast_names(shells):
            raise InputError(
                f"a survey of {shells} redshift shells needs {contrast_names(shells)} free, or no density contrast; "
                f"got {self.parameters.contrasts}"
            )
        if self.binned_in_redshift and shells == 1:
            raise InputError("survey.binned_in_redshift needs bins; give survey.redshift_edges, or survey.shells")
        if "norm_contamination" in self.parameters.names and self.selection.contamination is None:
            raise InputError(
                "parameters.norm_contamination: no detection is anything but a cluster; "
                "add [selection.contamination], or leave the parameter out"
            )
        if not 0.01 <= self.yx_bin <= 2:
            raise InputError(f"yx_bin must be between 0.01 and 2 dex, got {self.yx_bin:g}")

    def _check_reach(self) -> None:
        """Raise where a flux has no distance, or the mass function no calibration."""
        z = float(self.geometry.shells(self.cosmology).z[0])
        if z == 0 and self.selection.in_flux is not None:
            raise InputError(
                "survey.z = 0: a box at z = 0 has no distance, so that a flux limit means nothing there; "
                'give z > 0, or geometry = "light_cone"'
            )
        lowest = matter_density_range(self.mass_function, z)[0]
        if self.cosmology.Om0 < lowest:
            raise InputError(
                f"cosmology.Om0 = {self.cosmology.Om0:g}: {self.mass_function} is not calibrated for M500c below "
                f'Om0 = {lowest:.3g} at z = {z:.3g}; give a larger Om0, or mass_function = "bocquet16_hydro"'
            )

    @property
    def bins(self) -> tuple[Setup, ...]:
        """Setups of the redshift bins whose data are kept apart; the setup itself if there are none."""
        if not self.binned_in_redshift or len(self.geometry.parts) == 1:
            return (self,)
        return tuple(replace(self, geometry=part) for part in self.geometry.parts)

    @cached_property
    def shapes(self) -> ShapeGrid | None:
        """Cosmologies that free shape parameters can reach; None if the shape is the configured one."""
        nearest = float(self.geometry.shells(self.cosmology).z[0])
        return free_shapes(self.cosmology, self.parameters, matter_density_range(self.mass_function, nearest))

    def shape(self, v: Values) -> Shape | None:
        """Shapes at parameter values `v`; None if they are the configured one."""
        return None if self.shapes is None else self.shapes.shape(*(getattr(v, name) for name in SHAPE_NAMES))

    def background(self, v: Values, z: Array, row: Array) -> Background:
        """How clusters look at parameter values number `row` of `v`, which broadcasts against redshifts `z`."""
        shape, z0 = self.shape(v), self.relations.z0
        if shape is None:
            return Background(np.log10(self.cosmology.efunc(z) / self.cosmology.efunc(z0)))
        true = shape.expansion_of(row)
        if not self.geometry.spans_redshifts:
            return Background(np.log10(true.efunc(z) / true.efunc(np.asarray(z0))))
        return Background.of(true, Expansion.of(self.cosmology), z, z0, self.relations.calibrated_at)

    @property
    def error_covariance(self) -> Array:
        """Covariance of the measurement errors of `relations.names`, shape (D, D), dex^2."""
        errors = self.errors or (0.0,) * len(self.relations.names)
        return self.relations.error_covariance(np.array(errors))

    @property
    def yx_error(self) -> float:
        """Measurement error of log10 of the mass proxy, dex."""
        weights = self.relations.combination
        return math.sqrt(float(weights @ self.error_covariance @ weights))

    def with_yx_error(self, error: float) -> Setup:
        """The same with this error of log10 of the mass proxy, dex.

        All of it that other observables' errors do not explain is the error of `relations.least_known`.

        Raises
        ------
        InputError
            If they explain more than all of it.
        """
        names, name = self.relations.names, self.relations.least_known
        others = np.array(self.errors or np.zeros(len(names))) * (np.array(names) != name)
        explained = float(np.linalg.norm(self.relations.combination * others))
        if error < explained:
            raise InputError(f"yx_error = {error:g} dex is below the {explained:g} dex of [errors]; leave it out")
        weight = abs(float(self.relations.combination[names.index(name)]))
        others[names.index(name)] = math.sqrt(error**2 - explained**2) / weight
        return replace(self, errors=tuple(float(x) for x in others) if others.any() else ())


def columns(x: Any, ndim: int) -> Array:
    """Shape a per-parameter-vector quantity for broadcasting: (P,) -> (P, 1, ...)."""
    return np.reshape(np.asarray(x, dtype=float), (-1,) + (1,) * (ndim - 1))


def sum_of(parts: Iterable[Array]) -> Array:
    """Sum of arrays of one shape, in place."""
    first, *others = parts
    for other in others:
        first += other
    return first


def mass_grid(setup: Setup, lowest: float, step: float) -> Array:
    """Uniform mass grid from a little below `lowest` to `LOG_MASS_HIGH`."""
    low = max(LOG_MASS_LOW, math.floor((lowest - 4 * step) / step) * step)
    return low + step * np.arange(round((LOG_MASS_HIGH - low) / step) + 1)


def prior_sample(setup: Setup) -> Array:
    """Parameter vectors that span the prior, with the fiducial one; deterministic."""
    if not setup.parameters.free:
        return setup.parameters.fiducial[None]
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
    def of(cls, setup: Setup, log_mass: Array, fineness: float = 1.0) -> Population:
        """Population on the redshift quadrature of the survey's own geometry."""
        return cls(setup, log_mass, setup.geometry.shells(setup.cosmology, fineness))

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
        return np.log10(cosmology.efunc(self.shells.z) / cosmology.efunc(z0))

    @cached_property
    def _contrast(self) -> Array:
        """Density contrast at each redshift node per unit of each parameter at sigma8 = 1, shape (K, S)."""
        root = contrast_root(self.setup.geometry, self.setup.cosmology)[self.shells.index]
        return root * growth(self.setup.cosmology, self.shells.z)[:, None]

    @cached_property
    def _contrast_table(self) -> tuple[ShapeGrid, Array]:
        """Table of today's contrasts, (G, S, S), on a coarse grid of shapes, on which they depend little."""
        assert self.setup.shapes is not None
        grid = replace(self.setup.shapes, fineness=_COARSE)
        return grid, grid.table(lambda cosmology: contrast_root(self.setup.geometry, cosmology))

    def _shaped_contrast(self, v: Values, shape: Shape) -> Array:
        """The same at free shapes, shape (P, K, S)."""
        grid, table = self._contrast_table
        root = np.tensordot(grid.shape(shape.Om0, shape.h, shape.ns).basis, table, axes=1)
        return root[:, self.shells.index] * shape.expansion.growth(self.shells.z)[..., None]

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
        return np.exp(bias * contrast[..., None] - 0.5 * (bias * rms[..., None]) ** 2)

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
        if not self.setup.parameters.contrasts or v.density_contrast is None:
            return number
        return number * self._sample_variance(v, v.density_contrast, shape)

    def by_shell(self, number: Array) -> Array:
        """Sums over masses and over the redshift nodes of each of the survey's shells, (P, K, M) -> (P, S)."""
        root = self.shells.index[:, None] == np.arange(self.setup.geometry.shell_count)
        return number.sum(axis=2) @ root

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
        """Mean log10 of an observable on the grid as measured, shape (P or 1, K, M); "proxy": the mass proxy."""
        log_mass = (self.log_mass - self.setup.relations.pivot)[None, None, :]
        mean = line.mean(log_mass, background.log_growth)
        return mean if self.setup.shapes is None else mean + background.shift(self.setup.relations.exponents(name))


def mixture(x: Array, mean: Array, weight: Array, scatter: Array, error: Array | float = 0.0) -> Array:
    """Sum of Gaussians: x (Q,), mean and weight (P, J), scatter (P, J or 1), error (Q,) -> density (P, Q)."""
    out = np.empty((len(weight), len(x)))
    mean, scatter = (np.broadcast_to(a, (len(weight), a.shape[1])) for a in (mean, scatter))
    error = np.broadcast_to(error, (len(x),)) if np.ndim(error) else np.reshape(error, (1,))
    rows = max(1, 8 * CHUNK // max(1, len(x) * weight.shape[1]))
    for start in range(0, len(weight), rows):
        part = slice(start, start + rows)
        width = np.hypot(scatter[part, None, :], error[:, None])  # (rows, Q or 1, J or 1)
        u = x[None, :, None] - mean[part, None, :]
        u /= width
        u *= u
        u *= -0.5
        np.exp(u, out=u)
        if width.shape[2] == 1:
            out[part] = np.matmul(u, weight[part, :, None])[..., 0] / (width[..., 0] * SQRT2PI)
        else:
            u /= width
            out[part] = np.matmul(u, weight[part, :, None])[..., 0] / SQRT2PI
    return out


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
    sample = prior_sample(model.setup)
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
