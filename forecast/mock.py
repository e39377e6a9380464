"""Mock catalogues: Poisson draws from the forward model, thinned to its exact selection.

Clusters are drawn cell by cell from an upper bound of the expected density and kept with the ratio
of the density to the bound, so that cells need not resolve a sharp cut.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from .catalogue import Catalogue
from .model import ForwardModel
from .parameters import Values
from .population import LOG_MASS_HIGH, Population, Setup
from .scaling import Line, Lines
from .selection import FluxLimited, Sharp, Smoothed
from .survey import Geometry, LightCone, Replicated, Shells

Array = np.ndarray
_REDSHIFT_CELLS = 30
_MASS_CELL = {"flux": 0.05, "mass": 0.025}
_CHUNK = 4_000_000


@dataclass(frozen=True)
class Mocks:
    """Clusters of many mock catalogues in one flat table.

    Parameters
    ----------
    size : ndarray of int, shape (P,)
        Number of clusters of each catalogue.
    row : ndarray of int, shape (n,)
        Catalogue of each cluster, ascending.
    z, log_mass, log_lx, log_yx : ndarray, shape (n,)
        Redshift, log10 M500c (Msun/h), log10 L_X (erg/s), log10 Y_X (Msun/h keV).
    """

    size: Array
    row: Array
    z: Array
    log_mass: Array
    log_lx: Array
    log_yx: Array

    @property
    def median_yx(self) -> Array:
        """Median log10 Y_X of each catalogue, shape (P,); NaN for an empty one."""
        return grouped_median(self.log_yx, self.row, self.size)

    def catalogue(self, index: int = 0) -> Catalogue:
        """One of the mock catalogues."""
        mine = self.row == index
        names = tuple(f"mock-{i + 1:05d}" for i in range(int(mine.sum())))
        error = np.zeros(int(mine.sum()))
        return Catalogue(names, self.z[mine], self.log_lx[mine], self.log_yx[mine], error, "mock")


def grouped_median(values: Array, row: Array, size: Array) -> Array:
    """Median of `values` within each group; `row` ascending, `size` the groups' sizes; NaN if empty."""
    span = float(np.ptp(values)) + 1.0 if len(values) else 1.0
    low = float(values.min()) if len(values) else 0.0
    ordered = np.sort((values - low) + row * (2 * span)) if len(values) else values
    start = np.concatenate([[0], np.cumsum(size)[:-1]])
    last = max(len(values) - 1, 0)
    middle = [np.clip(start + half, 0, last) for half in ((size - 1) // 2, size // 2)]
    if not len(values):
        return np.full(len(size), np.nan)
    offset = np.arange(len(size)) * (2 * span) - low
    median = 0.5 * (ordered[middle[0]] + ordered[middle[1]]) - offset
    return np.where(size > 0, median, np.nan)


def draw_mocks(
    model: ForwardModel, theta: Array, *, rng: np.random.Generator, yx_error: float = 0.0
) -> Mocks:
    """Draw one mock catalogue for each parameter vector.

    Parameters
    ----------
    model : ForwardModel
    theta : ndarray, shape (P, D)
    rng : numpy.random.Generator
    yx_error : float
        Measurement error added to log10 Y_X, dex.
    """
    theta = np.atleast_2d(theta)
    cells = _Cells.of(model)
    rows = max(1, _CHUNK // cells.size)
    parts = [
        _draw(model, cells, theta[start : start + rows], start, rng) for start in range(0, len(theta), rows)
    ]
    mocks = Mocks(
        np.concatenate([p.size for p in parts]),
        *(np.concatenate([getattr(p, n) for p in parts]) for n in ("row", "z", "log_mass", "log_lx", "log_yx")),
    )
    if yx_error:
        mocks = replace(mocks, log_yx=mocks.log_yx + yx_error * rng.standard_normal(len(mocks.row)))
    return mocks


def _single(geometry: Geometry) -> tuple[Geometry, float]:
    """One survey, and how many copies of it there are."""
    if isinstance(geometry, Replicated):
        survey, copies = _single(geometry.survey)
        return survey, copies * geometry.copies
    return geometry, 1.0


@dataclass(frozen=True)
class _Cells:
    """Cells in redshift and mass, with the population tabulated at their corners."""

    corners: Population  # K + 1 redshifts (one for a box), M + 1 masses, unit volumes
    volume: Array  # (K,)
    distance: Array  # (K + 1,) comoving, Mpc/h

    @property
    def size(self) -> int:
        """Number of cells."""
        return len(self.volume) * (len(self.corners.log_mass) - 1)

    @property
    def step(self) -> float:
        """Width of a cell in log10 M."""
        return float(self.corners.log_mass[1] - self.corners.log_mass[0])

    @classmethod
    def of(cls, model: ForwardModel) -> _Cells:
        """Cells that cover the model's survey and mass grid."""
        setup, low = model.setup, float(model.population.log_mass[0])
        step = _MASS_CELL["flux" if isinstance(model.setup.selection, FluxLimited) else "mass"]
        log_mass = low + step * np.arange(int((LOG_MASS_HIGH - low) / step) + 1)
        geometry, copies = _single(setup.geometry)
        if isinstance(geometry, LightCone):
            z = np.linspace(np.cbrt(max(geometry.zmin, 1e-5)), np.cbrt(geometry.zmax), _REDSHIFT_CELLS + 1) ** 3
            distance = setup.cosmology.comoving_distance(z)
            volume = geometry.area / 3 * np.diff(distance**3)
        else:
            shells = geometry.shells(setup.cosmology)
            z, distance, volume = shells.z, np.ones(2), shells.volume
        return cls(Population(setup, log_mass, Shells(z, np.ones(len(z)))), copies * volume, distance)


@dataclass(frozen=True)
class _Chance:
    """Chance of selection, and the observables of the selected, at each catalogue's parameters."""

    setup: Setup
    lines: Lines  # every field of shape (P,)

    @classmethod
    def of(cls, model: ForwardModel, v: Values, size: int) -> _Chance:
        """Relations at parameter values `v` of `size` catalogues."""

        def full(x: Array) -> Array:
            return np.broadcast_to(np.asarray(x, dtype=float), (size,))

        lines, selection = model.setup.relations.at(v), model.setup.selection
        if isinstance(selection, FluxLimited):
            lines = selection.observed(lines)
        lx, yx = (
            Line(full(x.log_norm), full(x.slope), full(x.evolution), full(x.scatter)) for x in (lines.lx, lines.yx)
        )
        return cls(model.setup, Lines(lx, yx, full(lines.correlation)))

    def _mean(self, line: Line, row: Array, z: Array, log_mass: Array) -> Array:
        """Mean log10 of an observable; `row` broadcasts against `z` and `log_mass`."""
        cosmology, relations = self.setup.cosmology, self.setup.relations
        growth = np.log10(cosmology.efunc(z) / cosmology.efunc(relations.z0))
        slope = line.slope[row] * (log_mass - relations.pivot)
        return line.log_norm[row] + slope + line.evolution[row] * growth

    def _significance(self, row: Array, z: Array, log_mass: Array) -> Array:
        """(Mean log L_X - log limit) / scatter of a flux-limited survey."""
        selection = self.setup.selection
        assert isinstance(selection, FluxLimited)
        limit = selection.log_luminosity_limit(z, log_mass, self.setup.cosmology, self.setup.relations)
        return (self._mean(self.lines.lx, row, z, log_mass) - limit) / self.lines.lx.scatter[row]

    def at_corners(self, cells: _Cells) -> Array:
        """Chance of selection at the cells' corners, shape (P, K + 1, M + 1)."""
        log_mass, z = cells.corners.log_mass, cells.corners.shells.z
        if isinstance(self.setup.selection, FluxLimited):
            row = np.arange(len(self.lines.correlation))[:, None, None]
            return special.ndtr(self._significance(row, z[:, None], log_mass))
        sharp = self._sharp.probability(log_mass, self.lines.lx, self.setup.relations)
        return np.repeat(sharp[:, None, :], len(z), axis=1)

    @property
    def _sharp(self) -> Sharp:
        selection = self.setup.selection
        assert not isinstance(selection, FluxLimited)
        return selection.sharp if isinstance(selection, Smoothed) else selection

    def of_clusters(self, row: Array, z: Array, log_mass: Array) -> Array:
        """Chance of selection of single clusters, shape (n,)."""
        if isinstance(self.setup.selection, FluxLimited):
            return special.ndtr(self._significance(row, z, log_mass))
        lower, upper = self._sharp.limits(self.lines.lx, self.setup.relations)
        ramp = 10.0 ** (self._sharp.slope * np.minimum(log_mass - upper[row], 0.0))
        return np.where(log_mass > lower[row], ramp, 0.0)

    def observables(
        self, row: Array, z: Array, log_mass: Array, probability: Array, rng: np.random.Generator
    ) -> tuple[Array, Array]:
        """log10 L_X and log10 Y_X of selected clusters; L_X residuals above the flux limit."""
        u, other = rng.random(len(row)), rng.standard_normal(len(row))
        if not isinstance(self.setup.selection, FluxLimited):
            probability = np.ones(len(row))
        residual = -special.ndtri(np.maximum(u, 1e-300) * probability)
        rho, lx, yx = self.lines.correlation[row], self.lines.lx, self.lines.yx
        log_lx = self._mean(lx, row, z, log_mass) + lx.scatter[row] * residual
        mixed = rho * residual + np.sqrt(1 - rho**2) * other
        return log_lx, self._mean(yx, row, z, log_mass) + yx.scatter[row] * mixed


def _corner_max(x: Array) -> Array:
    """Largest of the corners of each cell, (P, K + 1, M + 1) -> (P, K, M); K + 1 = 1 is a box."""
    if x.shape[1] > 1:
        x = np.maximum(x[:, 1:], x[:, :-1])
    return np.maximum(x[..., 1:], x[..., :-1])


def _redshifts(cells: _Cells, k: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Redshifts uniform in the volume of cells `k`, and their position between the cells' edges."""
    cubed, z = cells.distance**3, cells.corners.shells.z
    distance = np.cbrt(cubed[k] + rng.random(len(k)) * (cubed[k + 1] - cubed[k]))
    w = (distance - cells.distance[k]) / (cells.distance[k + 1] - cells.distance[k])
    return z[k] + w * (z[k + 1] - z[k]), w


def _draw(model: ForwardModel, cells: _Cells, theta: Array, first: int, rng: np.random.Generator) -> Mocks:
    """Mocks of a chunk of parameter vectors whose first catalogue has number `first`."""
    v = model.parameters.values(theta)
    chance = _Chance.of(model, v, len(theta))
    log_mass, z = cells.corners.log_mass, cells.corners.shells.z
    density = cells.corners.abundance(v)  # (P, K + 1, M + 1), per dex and unit volume
    bound = _corner_max(density) * _corner_max(chance.at_corners(cells))
    number = rng.poisson(bound * (cells.volume[:, None] * cells.step))
    flat = np.repeat(np.arange(number.size), number.ravel())
    row, k, j = np.unravel_index(flat, number.shape)
    u = rng.random(len(flat))
    mass, redshift, w = log_mass[j] + u * cells.step, z[k], np.zeros(len(flat))
    if len(z) > 1:
        redshift, w = _redshifts(cells, k, rng)
    log_density = np.log(density)
    here = (1 - u) * log_density[row, k, j] + u * log_density[row, k, j + 1]
    if len(z) > 1:
        beyond = (1 - u) * log_density[row, k + 1, j] + u * log_density[row, k + 1, j + 1]
        here = (1 - w) * here + w * beyond
    probability = chance.of_clusters(row, redshift, mass)
    kept = rng.random(len(flat)) * bound[row, k, j] < np.exp(here) * probability
    row, redshift, mass, probability = (x[kept] for x in (row, redshift, mass, probability))
    if isinstance(model.setup.selection, Smoothed):
        mass = mass + model.setup.selection.width * rng.standard_normal(len(mass))
    log_lx, log_yx = chance.observables(row, redshift, mass, probability, rng)
    return Mocks(np.bincount(row, minlength=len(theta)), row + first, redshift, mass, log_lx, log_yx)
