"""Mock catalogues: Poisson draws from the forward model, thinned to its exact selection.

Clusters are drawn cell by cell from an upper bound of the expected density and kept with the ratio
of the density to the bound, so that cells need not resolve a sharp cut.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..core.arrays import Array
from ..core.parameters import Values
from ..cosmology.rescaling import LENSING, Background
from ..survey.listed_redshifts import shifts
from ..survey.shells import Geometry, Shells
from .chance import CHANCES, Chance, Selected, corner_max, full_line
from .forward import ForwardModel, forward_model
from .mocks import Mocks
from .population import LOG_MASS_HIGH, Population
from .setup import Setup

_REDSHIFT_CELLS = 30
_CHUNK = 4_000_000


def draw_mocks(model: ForwardModel, theta: Array, *, rng: np.random.Generator) -> Mocks:
    """Draw one mock catalogue for each parameter vector, with the setup's measurement errors.

    Parameters
    ----------
    model : ForwardModel
    theta : ndarray, shape (P, D)
    rng : numpy.random.Generator
    """
    theta, setup = np.atleast_2d(theta), model.setup
    parts = setup.redshift_law.reached(setup.geometry).parts
    mocks = Mocks.merged([_draw_part(model, part, theta, rng) for part in parts])
    return mocks if model.setup.followup is None else _followed_up(model.setup, mocks, rng)


def _followed_up(setup: Setup, mocks: Mocks, rng: np.random.Generator) -> Mocks:
    """Mocks whose clusters have L_X alone where they were not followed up."""
    selection, followup = setup.selection.in_flux, setup.followup
    assert selection is not None and followup is not None
    at = (mocks.z, setup.cosmology, setup.relations)
    bright = mocks.log_lx > selection.log_luminosity_limit(*at) + followup.log_limit(selection)
    if followup.luminosity is not None:
        bright &= mocks.log_lx > selection.above(followup.luminosity).log_luminosity_limit(*at)
    chosen = followup.chosen(bright, mocks.z, rng=rng)
    kept = chosen[:, None] | (np.array(mocks.names) == "lx")
    observables = np.where(kept, mocks.observables, np.nan)
    return replace(mocks, observables=observables, log_yx=np.where(chosen, mocks.log_yx, np.nan))


def _draw_part(model: ForwardModel, part: Geometry, theta: Array, rng: np.random.Generator) -> Mocks:
    """Mocks of one redshift shell of the model's survey."""
    clusters = _draw_all(model, part, theta, np.ones(len(theta)), rng)
    return Mocks.merged([clusters, *_draw_contaminants(model, part, theta, rng)])


def _draw_all(model: ForwardModel, part: Geometry, theta: Array, scale: Array, rng: np.random.Generator) -> Mocks:
    """Mocks of one shell with `scale` times as many clusters, shape (P,)."""
    cells = _Cells.of(model, part)
    rows = max(1, _CHUNK // cells.size)
    starts = range(0, len(theta), rows)
    return Mocks.joined([_draw(model, cells, theta[i : i + rows], (i, scale[i : i + rows]), rng) for i in starts])


def _draw_contaminants(model: ForwardModel, part: Geometry, theta: Array, rng: np.random.Generator) -> list[Mocks]:
    """Detections of one shell that are no clusters: thinned clusters of the fiducial model, whose mass they carry."""
    setup, selection, contamination = model.setup, model.setup.selection.in_flux, model.setup.selection.contamination
    if selection is None or contamination is None:
        return []
    known = setup.parameters.without([*setup.parameters.contrasts, "norm_contamination"])
    plain = forward_model(replace(setup, parameters=known, selection=selection.of_clusters))
    fiducial = np.repeat(known.fiducial[None], len(theta), axis=0)
    most, factor = contamination.largest_odds, model.parameters.values(theta).norm_contamination
    drawn = _draw_all(plain, part, fiducial, np.broadcast_to(most * np.asarray(factor), (len(theta),)), rng)
    limit = selection.log_luminosity_limit(drawn.z, setup.cosmology, setup.relations)
    return [drawn.kept(rng.random(len(drawn.row)) * most < contamination.odds(drawn.log_lx - limit))]


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
        step = CHANCES[setup.selection.acts_on].cell
        log_mass = low + step * np.arange(int((LOG_MASS_HIGH - low) / step) + 1)
        slices = part.slices(setup.cosmology, _REDSHIFT_CELLS)
        corners = Shells(slices.z, np.ones(len(slices.z)), np.array([slices.number]))
        return cls(Population(setup, log_mass, corners), slices.volume, slices.distance)


def _redshifts(cells: _Cells, k: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Redshifts uniform in the volume of cells `k`, and their position between the cells' edges."""
    cubed, z = cells.distance**3, cells.corners.shells.z
    distance = np.cbrt(cubed[k] + rng.random(len(k)) * (cubed[k + 1] - cubed[k]))
    w = (distance - cells.distance[k]) / (cells.distance[k + 1] - cells.distance[k])
    return z[k] + w * (z[k + 1] - z[k]), w


def _detected(chance: Chance, cells: _Cells, given: tuple[Values, Array], rng: np.random.Generator) -> Selected:
    """Detected clusters."""
    (v, scale), log_mass, z = given, cells.corners.log_mass, cells.corners.shells.z
    density = cells.corners.abundance(v)  # (P, K + 1, M + 1), per dex and unit volume
    density = np.broadcast_to(density, (len(scale), *density.shape[1:]))  # parameters may not move it
    bound = corner_max(density) * chance.largest(z, log_mass)
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
    each, weights = chance.of_clusters(row, redshift, mass), chance.weights(row, redshift)
    probability = each @ weights if weights.ndim == 1 else (each * weights).sum(axis=1)
    kept = rng.random(len(flat)) * bound[row, k, j] < np.exp(here) * probability
    return Selected(row[kept], redshift[kept], mass[kept], each[kept])


def _draw(
    model: ForwardModel, cells: _Cells, theta: Array, place: tuple[int, Array], rng: np.random.Generator
) -> Mocks:
    """Mocks of a chunk of parameter vectors: the first catalogue's number, and a factor on each expected count."""
    (first, scale), v = place, model.parameters.values(theta)
    chance = CHANCES[model.setup.selection.acts_on].of(model.setup, v, len(theta))
    selected = _detected(chance, cells, (v, scale), rng)
    row, redshift, mass = selected.row, selected.z, selected.log_mass
    if model.setup.selection.blur:
        mass = mass + model.setup.selection.blur * rng.standard_normal(len(mass))
    drawn = chance.residuals(replace(selected, log_mass=mass), rng)
    residuals, lx_error = drawn.values, drawn.lx_error
    size = np.bincount(row, minlength=len(theta))
    names, observables, log_yx = _observed(chance, row, (redshift, mass), (residuals, lx_error), rng)
    true, kept = redshift, np.ones(len(row), dtype=bool)
    if model.setup.redshift_law.error:
        redshift, observables, log_yx, kept = _misplaced(model.setup, true, (observables, log_yx), rng)
    log_mwl = np.full(len(row), np.nan)
    if model.setup.weak_lensing is not None:
        unit, background = residuals / chance.scatter[row], chance.background(row, true)
        lensed = _Lensed(
            row=row, z=redshift, log_mass=mass, log_lx=observables[:, 0], residuals=unit, background=background
        )
        log_mwl = _weak_lensing(model.setup, v, len(theta), lensed, rng)
    mocks = Mocks(
        size=size,
        row=row,
        z=redshift,
        log_mass=mass,
        names=names,
        observables=observables,
        log_yx=log_yx,
        log_mwl=log_mwl,
        layer=_layers(model.setup, drawn.part),
    )
    mocks = mocks if kept.all() else mocks.kept(kept)
    return replace(mocks, row=mocks.row + first)


def _layers(setup: Setup, part: Array) -> Array:
    """Number of the layer of the sky whose part of the chance of detection found each cluster, (n,); -1 without any."""
    flux = setup.selection.in_flux
    if flux is None or not flux.layers:
        return np.full(len(part), -1)
    return part // (len(flux.detection.offset) // len(flux.layers))


def _misplaced(
    setup: Setup, z: Array, observed: tuple[Array, Array], rng: np.random.Generator
) -> tuple[Array, Array, Array, Array]:
    """Measured redshifts of true ones (n,), observables and mass proxy inferred there, and which are of the survey."""
    (observables, log_yx), law, (near, *_, far) = observed, setup.redshift_law, setup.geometry.redshift_edges
    measured = law.drawn(z, rng=rng)
    kept = (measured >= near) & (measured <= far)
    measured = np.where(kept, measured, z)
    moved = shifts(setup, z, measured)
    return measured, observables + moved, log_yx + moved @ setup.relations.combination, kept


def _observed(
    chance: Chance, row: Array, at: tuple[Array, Array], noise: tuple[Array, Array], rng: np.random.Generator
) -> tuple[tuple[str, ...], Array, Array]:
    """Names, log10 of the observables (n, D) and of the mass proxy (n,), measurement errors included."""
    setup, v, (residuals, lx_error) = chance.setup, chance.values, noise
    relations, size = setup.relations, len(chance.scatter)
    lines = [full_line(relations.line(name, v), size) for name in relations.names]
    background, log_mass = chance.background(row, at[0]), at[1]
    means = [chance.mean(line, n, row, background, log_mass) for line, n in zip(lines, relations.names, strict=True)]
    true = np.stack(means, axis=-1) + residuals
    error = rng.standard_normal(true.shape)
    if setup.error_laws:
        errors = setup.errors_of(at[0], true[:, 0] + lx_error)
        error = np.einsum("nd,nde->ne", error, _root(relations.error_covariance(errors)))
    else:
        error = error @ _root(setup.error_covariance)
    proxy = full_line(relations.at(v).yx, size)
    stretch = relations.proxy_stretch(v, size)[row]
    log_yx = chance.mean(proxy, "proxy", row, background, log_mass)
    log_yx = log_yx + stretch * (residuals @ relations.combination)
    log_yx = log_yx + error @ relations.combination
    error[:, 0] += lx_error
    return relations.names, true + error, log_yx


def _root(covariance: Array) -> Array:
    """Symmetric roots of covariances (..., D, D), which may be singular."""
    values, vectors = np.linalg.eigh(covariance)
    root: Array = (vectors * np.sqrt(np.maximum(values, 0.0))[..., None, :]) @ np.swapaxes(vectors, -1, -2)
    return root


@dataclass(frozen=True)
class _Lensed:
    """Clusters of mock catalogues of which lensing masses are drawn.

    Parameters
    ----------
    row : ndarray of int, shape (n,)
        Catalogue of each.
    z, log_mass : ndarray, shape (n,)
        Redshift, true log10 M500c.
    log_lx : ndarray, shape (n,)
        As measured.
    residuals : ndarray, shape (n, D)
        Of the observables, in units of their scatter.
    background : Background
        How they look.
    """

    row: Array
    z: Array
    log_mass: Array
    log_lx: Array
    residuals: Array
    background: Background


def _weak_lensing(setup: Setup, v: Values, size: int, of: _Lensed, rng: np.random.Generator) -> Array:
    """log10 of the lensing masses of clusters of `size` catalogues, Msun/h, as measured; NaN where there is none."""
    line = setup.lensing_line(v)
    parts = (np.log10(v.norm_wl), line.slope, line.evolution, line.scatter)
    bias, slope, evolution, scatter = (np.broadcast_to(x, (size,))[of.row] for x in parts)
    mass = of.log_mass + bias + scatter * _unit_residuals(setup, of, rng)
    mass = mass + (slope - 1.0) * (of.log_mass - setup.relations.pivot) + evolution * of.background.log_growth
    return _with_own_errors(setup, mass + of.background.shift(LENSING), of, rng)


def _unit_residuals(setup: Setup, of: _Lensed, rng: np.random.Generator) -> Array:
    """Intrinsic residuals in units of their scatter, shape (n,)."""
    unit, coupling = rng.standard_normal(len(of.row)), setup.lensing_coupling
    if coupling is None:
        return unit
    unit = coupling.spread(of.log_mass) * unit + (coupling.gain(of.log_mass) * of.residuals).sum(axis=1)
    return np.asarray(unit)


def _with_own_errors(setup: Setup, log_mwl: Array, of: _Lensed, rng: np.random.Generator) -> Array:
    """Lensing masses with their own errors; NaN where a cluster has none."""
    sample, sky = setup.lensing_sample, setup.sky(of.z, of.log_lx)
    errors = sky.errors(sample.error)
    if errors.any():
        log_mwl = log_mwl + errors * rng.standard_normal(len(errors))
    if sample.whole:
        return log_mwl
    return np.where(sky.within(sample) & (rng.random(len(of.z)) < sample.fraction), log_mwl, np.nan)
