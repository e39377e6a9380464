"""Clusters before selection, and the numerics that every forward model shares."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from .cosmology import Cosmology
from .errors import InputError
from .massfunction import MassFunction
from .parameters import ParameterSet, Values
from .scaling import Line, Lines, Relations
from .selection import Selection
from .survey import Geometry, Shells, rms_contrast

Array = np.ndarray

LOG_MASS_LOW, LOG_MASS_HIGH = 11.5, 15.9
"""log10 M500c (Msun/h) outside which no cluster is expected in any survey."""
CHUNK = 50_000
"""Elements per temporary array: what stays in the processor's cache."""
SQRT2PI = math.sqrt(2 * math.pi)


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
    yx_bin : float
        Width of the bins of log10 Y_X of the level ``binned``, dex.
    """

    cosmology: Cosmology
    mass_function: str
    geometry: Geometry
    selection: Selection
    relations: Relations
    parameters: ParameterSet
    yx_bin: float = 0.1

    def __post_init__(self) -> None:
        if not 0.01 <= self.yx_bin <= 2:
            raise InputError(f"yx_bin must be between 0.01 and 2 dex, got {self.yx_bin:g}")


def columns(x: Any, ndim: int) -> Array:
    """Shape a per-parameter-vector quantity for broadcasting: (P,) -> (P, 1, ...)."""
    return np.reshape(np.asarray(x, dtype=float), (-1,) + (1,) * (ndim - 1))


def mass_grid(setup: Setup, lowest: float, step: float) -> Array:
    """Uniform mass grid from a little below `lowest` to `LOG_MASS_HIGH`."""
    low = max(LOG_MASS_LOW, math.floor((lowest - 4 * step) / step) * step)
    return low + step * np.arange(round((LOG_MASS_HIGH - low) / step) + 1)


def prior_sample(setup: Setup) -> Array:
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
            sigma = bias * self._contrast * columns(v.sigma8, 3)
            number = number * np.exp(sigma * columns(v.density_contrast, 3) - 0.5 * sigma**2)
        return number

    def mean_observable(self, line: Line) -> Array:
        """Mean log10 of an observable on the grid, shape (P or 1, K, M)."""
        log_mass = (self.log_mass - self.setup.relations.pivot)[None, None, :]
        return line.mean(log_mass, self.log_growth[:, None])


def mixture(x: Array, mean: Array, weight: Array, scatter: Array) -> Array:
    """Sum of Gaussians: x (Q,), mean and weight (P, J), scatter (P, Q) -> density (P, Q)."""
    out = np.empty((len(weight), len(x)))
    mean = np.broadcast_to(mean, weight.shape)
    rows = max(1, 8 * CHUNK // max(1, len(x) * weight.shape[1]))
    for start in range(0, len(weight), rows):
        part = slice(start, start + rows)
        u = x[None, :, None] - mean[part, None, :]
        u /= scatter[part, :, None]
        u *= u
        u *= -0.5
        np.exp(u, out=u)
        out[part] = np.matmul(u, weight[part, :, None])[..., 0] / (scatter[part] * SQRT2PI)
    return out


class Tabulable(Protocol):
    """A forward model whose Y_X density can be tabulated."""

    setup: Setup
    parameters: ParameterSet
    population: Population

    def yx_density(self, theta: Array, log_yx: Array, error: Array | float = 0.0) -> Array:
        """Expected number per dex of observed Y_X, shape (P, Q)."""

    def yx_resolution(self, lines: Lines) -> Array:
        """Scale in log10 Y_X, dex, below which the density does not vary."""


def yx_support(model: Tabulable) -> Array:
    """Nodes over the log10 Y_X with more than 1e-6 of the density's maximum, anywhere in the prior.

    Their spacing is half the smallest scale on which the density varies in the prior: its logarithm
    is then a cubic spline to 1e-4.
    """
    sample = prior_sample(model.setup)
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
