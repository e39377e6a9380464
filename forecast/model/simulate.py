"""Mock catalogues: Poisson draws from the forward model, thinned to its exact selection.

Clusters are drawn cell by cell from an upper bound of the expected density and kept with the ratio
of the density to the bound, so that cells need not resolve a sharp cut.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from ..core.arrays import Array
from ..core.parameters import Values
from ..core.units import LN10
from ..cosmology.rescaling import Background
from ..relations.power_laws import Line
from ..survey.completeness import SHARP, Detection
from ..survey.geometry import Geometry, LightCone, Shells, single
from ..survey.selection import FluxLimited, Sharp, Smoothed
from .catalogue import Catalogue
from .forward import ForwardModel, forward_model
from .population import LOG_MASS_HIGH, Population, Setup

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
    z, log_mass : ndarray, shape (n,)
        Redshift, log10 M500c (Msun/h).
    names : tuple of str
        The observables, L_X first.
    observables : ndarray, shape (n, D)
        Their log10 as measured (erg/s, keV, Msun/h, Msun/h keV).
    log_yx : ndarray, shape (n,)
        log10 of the mass proxy as measured, Y_X (Msun/h keV) unless configured otherwise.
    log_mwl : ndarray, shape (n,)
        log10 of the weak-lensing mass (Msun/h); NaN in a survey that has none.
    """

    size: Array
    row: Array
    z: Array
    log_mass: Array
    names: tuple[str, ...]
    observables: Array
    log_yx: Array
    log_mwl: Array

    @property
    def log_lx(self) -> Array:
        """log10 of the measured L_X (erg/s), shape (n,)."""
        return self.observables[:, 0]

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

    def kept(self, chosen: Array) -> Mocks:
        """Only the clusters where `chosen`, shape (n,), is true."""
        arrays = {n: getattr(self, n)[chosen] for n in _ARRAYS if n != "size"}
        return Mocks(size=np.bincount(arrays["row"], minlength=len(self.size)), names=self.names, **arrays)

    def part(self, start: int, stop: int) -> Mocks:
        """Catalogues `start` to `stop` (exclusive), numbered anew."""
        mine = self.kept((self.row >= start) & (self.row < stop))
        return replace(mine, size=mine.size[start:stop], row=mine.row - start)

    @classmethod
    def joined(cls, parts: Sequence[Mocks]) -> Mocks:
        """Mocks of successive chunks of catalogues as one table."""
        arrays = {n: np.concatenate([getattr(p, n) for p in parts]) for n in _ARRAYS}
        return cls(names=parts[0].names, **arrays)

    @classmethod
    def stacked(cls, parts: Sequence[Mocks]) -> Mocks:
        """Several sets of catalogues, one after the other and numbered anew, as one table."""
        offset = np.cumsum([0, *(len(p.size) for p in parts)])
        return cls.joined([replace(p, row=p.row + start) for p, start in zip(parts, offset, strict=False)])

    @classmethod
    def merged(cls, parts: Sequence[Mocks]) -> Mocks:
        """Clusters of several parts of the same catalogues as one table."""
        if len(parts) == 1:
            return parts[0]
        order = np.argsort(np.concatenate([p.row for p in parts]), kind="stable")
        arrays = {n: np.concatenate([getattr(p, n) for p in parts])[order] for n in _ARRAYS if n != "size"}
        return cls(size=np.sum([p.size for p in parts], axis=0), names=parts[0].names, **arrays)


_ARRAYS = ("size", "row", "z", "log_mass", "observables", "log_yx", "log_mwl")


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


def draw_mocks(model: ForwardModel, theta: Array, *, rng: np.random.Generator) -> Mocks:
    """Draw one mock catalogue for each parameter vector, with the setup's measurement errors.

    Parameters
    ----------
    model : ForwardModel
    theta : ndarray, shape (P, D)
    rng : numpy.random.Generator
    """
    theta = np.atleast_2d(theta)
    return Mocks.merged([_draw_part(model, part, theta, rng) for part in model.setup.geometry.parts])


def _draw_part(model: ForwardModel, part: Geometry, theta: Array, rng: np.random.Generator) -> Mocks:
    """Mocks of one redshift shell of the model's survey."""
    drawn = [_draw_all(model, part, theta, np.ones(len(theta)), rng)]
    if getattr(model.setup.selection, "contamination", None) is not None:
        drawn.append(_draw_contaminants(model, part, theta, rng))
    return Mocks.merged(drawn)


def _draw_all(model: ForwardModel, part: Geometry, theta: Array, scale: Array, rng: np.random.Generator) -> Mocks:
    """Mocks of one shell with `scale` times as many clusters, shape (P,)."""
    cells = _Cells.of(model, part)
    rows = max(1, _CHUNK // cells.size)
    starts = range(0, len(theta), rows)
    return Mocks.joined([_draw(model, cells, theta[i : i + rows], (i, scale[i : i + rows]), rng) for i in starts])


def _draw_contaminants(model: ForwardModel, part: Geometry, theta: Array, rng: np.random.Generator) -> Mocks:
    """Detections of one shell that are no clusters: thinned clusters of the fiducial model, whose mass they carry."""
    setup, selection = model.setup, model.setup.selection
    assert isinstance(selection, FluxLimited) and selection.contamination is not None
    known = setup.parameters.without([*setup.parameters.contrasts, "norm_contamination"])
    plain = forward_model(replace(setup, parameters=known, selection=replace(selection, contamination=None)))
    fiducial = np.repeat(known.fiducial[None], len(theta), axis=0)
    most, factor = selection.contamination.largest_odds, model.parameters.values(theta).norm_contamination
    drawn = _draw_all(plain, part, fiducial, np.broadcast_to(most * np.asarray(factor), (len(theta),)), rng)
    limit = selection.log_luminosity_limit(drawn.z, drawn.log_mass, setup.cosmology, setup.relations)
    return drawn.kept(rng.random(len(drawn.row)) * most < selection.contamination.odds(drawn.log_lx - limit))


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
    def of(cls, model: ForwardModel, part: Geometry) -> _Cells:
        """Cells that cover one redshift shell of the model's survey and its mass grid."""
        setup, low = model.setup, float(model.population.log_mass[0])
        step = _MASS_CELL["flux" if isinstance(model.setup.selection, FluxLimited) else "mass"]
        log_mass = low + step * np.arange(int((LOG_MASS_HIGH - low) / step) + 1)
        geometry, copies = single(part)
        number = np.zeros(1, dtype=int)
        if isinstance(geometry, LightCone):
            size = max(8, math.ceil(_REDSHIFT_CELLS / geometry.shell_count))
            z = np.linspace(np.cbrt(max(geometry.zmin, 1e-5)), np.cbrt(geometry.zmax), size + 1) ** 3
            distance = setup.cosmology.comoving_distance(z)
            volume, number = geometry.area / 3 * np.diff(distance**3), number + geometry.number
        else:
            shells = geometry.shells(setup.cosmology)
            z, distance, volume = shells.z, np.ones(2), shells.volume
        return cls(Population(setup, log_mass, Shells(z, np.ones(len(z)), number)), copies * volume, distance)


@dataclass(frozen=True)
class _Chance:
    """Chance of selection of clusters, at each catalogue's parameters."""

    setup: Setup
    values: Values
    lx: Line  # of the measured L_X; every field of shape (P,)
    scatter: Array  # (P, D)

    @classmethod
    def of(cls, model: ForwardModel, v: Values, size: int) -> _Chance:
        """Relations at parameter values `v` of `size` catalogues."""
        relations = model.setup.relations
        scatter = np.broadcast_to(relations.scatters(v), (size, len(relations.names)))
        return cls(model.setup, v, full_line(relations.line("lx", v), size), scatter)

    @property
    def _detection(self) -> Detection:
        selection = self.setup.selection
        return selection.detection if isinstance(selection, FluxLimited) else SHARP

    @property
    def weight(self) -> Array:
        """Of each component of the residuals and part of the chance of detection, shape (J I,)."""
        return np.outer(self.setup.relations.unit_residuals.weight, self._detection.weight).ravel()

    @property
    def _flux_error(self) -> float:
        selection = self.setup.selection
        return selection.flux_error if isinstance(selection, FluxLimited) else 0.0

    def background(self, row: Array, z: Array) -> Background:
        """How clusters of catalogues `row` look at redshifts `z`, which broadcast."""
        return self.setup.background(self.values, z, row)

    def mean(self, line: Line, name: str, row: Array, background: Background, log_mass: Array) -> Array:
        """Mean log10 of an observable as measured; `row` broadcasts against `background` and `log_mass`."""
        slope = line.slope[row] * (log_mass - self.setup.relations.pivot)
        true = line.log_norm[row] + slope + line.evolution[row] * background.log_growth
        return true + background.shift(self.setup.relations.exponents(name))

    def _excess(self, row: Array, z: Array, log_mass: Array) -> Array:
        """Mean log L_X minus the log of the limiting one of a flux-limited survey."""
        selection = self.setup.selection
        assert isinstance(selection, FluxLimited)
        limit = selection.log_luminosity_limit(z, log_mass, self.setup.cosmology, self.setup.relations)
        return self.mean(self.lx, "lx", row, self.background(row, z), log_mass) - limit

    def _of_components(self, row: Array, excess: Array, log_mass: Array) -> Array:
        """Chance of detection in each component and part of `Detection`; a last axis (J I,) is added."""
        mean, covariance = self.setup.relations.unit_residuals.at(log_mass)
        scatter = self.scatter[row, 0][..., None]
        spread = np.hypot(scatter * np.sqrt(covariance[..., 0, 0]), self._flux_error)
        above, detection = excess[..., None] + scatter * mean[..., 0], self._detection
        if detection.is_sharp:
            return special.ndtr(above / spread)
        chance = special.ndtr((above[..., None] - detection.offset) / np.hypot(spread[..., None], detection.width))
        return chance.reshape(*chance.shape[:-2], chance.shape[-2] * chance.shape[-1])

    def at_corners(self, cells: _Cells) -> Array:
        """Chance of selection at the cells' corners, shape (P, K + 1, M + 1)."""
        log_mass, z = cells.corners.log_mass, cells.corners.shells.z
        if isinstance(self.setup.selection, FluxLimited):
            row = np.arange(len(self.scatter))[:, None, None]
            chance = self._of_components(row, self._excess(row, z[:, None], log_mass), log_mass)
            return chance @ self.weight
        sharp = self._sharp.probability(log_mass, self.lx, self.setup.relations)
        return np.repeat(sharp[:, None, :], len(z), axis=1)

    @property
    def _sharp(self) -> Sharp:
        selection = self.setup.selection
        assert not isinstance(selection, FluxLimited)
        return selection.sharp if isinstance(selection, Smoothed) else selection

    def of_clusters(self, row: Array, z: Array, log_mass: Array) -> Array:
        """Chance of selection of single clusters in each component of the residuals, shape (n, J I)."""
        if isinstance(self.setup.selection, FluxLimited):
            return self._of_components(row, self._excess(row, z, log_mass), log_mass)
        lower, upper = self._sharp.limits(self.lx, self.setup.relations)
        ramp = 10.0 ** (self._sharp.slope * np.minimum(log_mass - upper[row], 0.0))
        chance = np.where(log_mass > lower[row], ramp, 0.0)
        return np.repeat(chance[:, None], len(self.setup.relations.unit_residuals.weight), axis=1)

    def residuals(self, row: Array, log_mass: Array, chance: Array, rng: np.random.Generator) -> tuple[Array, Array]:
        """Residuals of the observables (n, D), dex, and errors of L_X (n,) of selected clusters."""
        density = self.setup.relations.unit_residuals
        share = np.cumsum(chance * self.weight, axis=1)
        u, v = rng.random((2, len(row)))
        both = (v[:, None] * share[:, -1:] > share).sum(axis=1)
        component, part = np.divmod(both, len(self._detection.weight))
        normal = rng.standard_normal((len(row), len(density.names) + 1))
        mean, covariance = density.at(log_mass)
        at = np.arange(len(row)) if density.mass_dependent else np.zeros(len(row), dtype=int)
        mean, factor = mean[at, component], np.linalg.cholesky(covariance)[at, component]
        error = self._flux_error * normal[:, -1]
        if isinstance(self.setup.selection, FluxLimited):
            share = np.take_along_axis(chance, both[:, None], axis=1)[:, 0]
            spread, width = self.scatter[row, 0] * factor[:, 0, 0], np.array(self._detection.width)[part]
            blur = np.hypot(self._flux_error, width)
            total = np.hypot(spread, blur)
            measured = -total * special.ndtri(np.maximum(u, 1e-300) * share)  # about the component's mean
            split = spread**2 / total**2 * measured + spread * blur / total * normal[:, -1]
            normal[:, 0], error = split / spread, measured - split
            if width.any():  # only part of it is an error of the flux
                error = _share_of(error, self._flux_error, width, rng)
        unit = mean + np.einsum("nde,ne->nd", factor, normal[:, :-1])
        return unit * self.scatter[row], error


def _share_of(total: Array, one: float, other: Array, rng: np.random.Generator) -> Array:
    """A Gaussian error of width `one` given its sum with another one; arrays of shape (n,)."""
    blur = np.maximum(np.hypot(one, other), np.finfo(float).tiny)
    return (one / blur) ** 2 * total + one * other / blur * rng.standard_normal(len(total))


def full_line(line: Line, size: int) -> Line:
    """A relation with every field of shape (size,)."""
    parts = (line.log_norm, line.slope, line.evolution, line.scatter)
    return Line(*(np.broadcast_to(np.asarray(x, dtype=float), (size,)) for x in parts))


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


def _draw(
    model: ForwardModel, cells: _Cells, theta: Array, place: tuple[int, Array], rng: np.random.Generator
) -> Mocks:
    """Mocks of a chunk of parameter vectors: the first catalogue's number, and a factor on each expected count."""
    (first, scale), v = place, model.parameters.values(theta)
    chance = _Chance.of(model, v, len(theta))
    log_mass, z = cells.corners.log_mass, cells.corners.shells.z
    density = cells.corners.abundance(v)  # (P, K + 1, M + 1), per dex and unit volume
    bound = _corner_max(density) * _corner_max(chance.at_corners(cells))
    number = rng.poisson(bound * (scale[:, None, None] * cells.volume[:, None] * cells.step))
    flat = np.repeat(np.arange(number.size), number.ravel())
    row, k, j = np.unravel_index(flat, number.shape)
    u = rng.random(len(flat))
    mass, redshift, w = log_mass[j] + u * cells.step, z[k], np.zeros(len(flat))
    if len(z) > 1:
        redshift, w = _redshifts(cells, k, rng)
    log_density = np.log(np.maximum(density, np.finfo(float).tiny))
    here = (1 - u) * log_density[row, k, j] + u * log_density[row, k, j + 1]
    if len(z) > 1:
        beyond = (1 - u) * log_density[row, k + 1, j] + u * log_density[row, k + 1, j + 1]
        here = (1 - w) * here + w * beyond
    each = chance.of_clusters(row, redshift, mass)
    probability = each @ chance.weight
    kept = rng.random(len(flat)) * bound[row, k, j] < np.exp(here) * probability
    row, redshift, mass, each = (x[kept] for x in (row, redshift, mass, each))
    if isinstance(model.setup.selection, Smoothed):
        mass = mass + model.setup.selection.width * rng.standard_normal(len(mass))
    residuals, lx_error = chance.residuals(row, mass, each, rng)
    size = np.bincount(row, minlength=len(theta))
    names, observables, log_yx = _observed(chance, row, (redshift, mass), (residuals, lx_error), rng)
    log_mwl = _weak_lensing(model.setup, v, row, mass, rng)
    return Mocks(size, row + first, redshift, mass, names, observables, log_yx, log_mwl)


def _observed(
    chance: _Chance, row: Array, at: tuple[Array, Array], noise: tuple[Array, Array], rng: np.random.Generator
) -> tuple[tuple[str, ...], Array, Array]:
    """Names, log10 of the observables (n, D) and of the mass proxy (n,), measurement errors included."""
    setup, v, (residuals, lx_error) = chance.setup, chance.values, noise
    relations, size = setup.relations, len(chance.scatter)
    lines = [full_line(relations.line(name, v), size) for name in relations.names]
    background, log_mass = chance.background(row, at[0]), at[1]
    means = [chance.mean(line, n, row, background, log_mass) for line, n in zip(lines, relations.names, strict=True)]
    true = np.stack(means, axis=-1) + residuals
    error = rng.standard_normal(true.shape) @ _root(setup.error_covariance)
    proxy = full_line(relations.at(v).yx, size)
    stretch = relations.proxy_stretch(v, size)[row]
    log_yx = chance.mean(proxy, "proxy", row, background, log_mass)
    log_yx = log_yx + stretch * (residuals @ relations.combination)
    log_yx = log_yx + error @ relations.combination
    error[:, 0] += lx_error
    return relations.names, true + error, log_yx


def _root(covariance: Array) -> Array:
    """Symmetric root of a covariance, which may be singular."""
    values, vectors = np.linalg.eigh(covariance)
    return (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T


def _weak_lensing(setup: Setup, v: Values, row: Array, log_mass: Array, rng: np.random.Generator) -> Array:
    """log10 of weak-lensing masses, Msun/h, shape (n,); NaN without weak lensing."""
    if setup.weak_lensing is None:
        return np.full(len(row), np.nan)
    size = int(row.max()) + 1 if len(row) else 1
    bias, scatter = (np.broadcast_to(np.atleast_1d(x), (max(size, np.size(x)),)) for x in (v.norm_wl, v.scatter_wl))
    noise = setup.weak_lensing / LN10 * scatter[row] * rng.standard_normal(len(row))
    return log_mass + np.log10(bias[row]) + noise
