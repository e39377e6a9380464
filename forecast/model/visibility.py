"""Up to which redshift a luminosity is seen: weights that cut a redshift quadrature there; and sums over fluxes."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Protocol

import numpy as np
from scipy import special
from scipy.interpolate import CubicSpline

from ..core.arrays import Array
from ..core.chunks import LARGEST, Remembered, in_parts
from ..relations.lines import Component
from ..survey.detection.curve import Detection
from ..survey.detection.distortion import Distortion, resolved
from ..survey.detection.smeared import Chance, smeared
from ..survey.error_law import BY_FLUX, flux_cells
from ..survey.selection import FluxSelection
from ..survey.shells import Shells
from .contaminants import Contaminants
from .mixture import mixture, sum_of
from .population import Population
from .setup import Setup


class Detecting(Protocol):
    """A forward model whose selection acts on flux."""

    setup: Setup
    selection: FluxSelection
    contaminants: Contaminants | None
    population: Population
    flux_table: Remembered

    @property
    def yx_grid(self) -> Array:
        """Uniform nodes in log10 Y_X that hold all selected clusters, shape (G,)."""

    def yx_density(self, theta: Array, log_yx: Array, error: Array | float = 0.0) -> Array:
        """Expected number of detections per dex of observed Y_X, shape (P, Q)."""


def by_flux(model: Detecting, theta: Array, log_yx: Array) -> Array:
    """Density of Y_X, (P, Q), whose error depends on the measured flux: a sum over cells of it.

    Values between the model's nodes, where they are more than these, are interpolated in the logarithm.
    """
    grid = model.yx_grid
    inside = (log_yx >= grid[0]) & (log_yx <= grid[-1])
    if inside.sum() < len(grid):
        return _over_cells(model, theta, log_yx)
    density = np.empty((len(theta), len(log_yx)))
    table = CubicSpline(grid, model.flux_table(theta), axis=1)
    density[:, inside] = np.exp(table(log_yx[inside]))
    density[:, ~inside] = _over_cells(model, theta, log_yx[~inside])
    return density


def flux_table(model: Detecting) -> Remembered:
    """ln of `by_flux` at the model's own nodes, (P, G), by parameter vectors."""
    return Remembered(partial(_log_on_nodes, model))


def _log_on_nodes(model: Detecting, theta: Array) -> Array:
    return np.log(np.maximum(_over_cells(model, theta, model.yx_grid), np.finfo(float).tiny))


def _over_cells(model: Detecting, theta: Array, log_yx: Array) -> Array:
    """The sum, as many parameter vectors at a time as their abundances are kept for all cells."""
    if not len(log_yx):
        return np.empty((len(theta), 0))
    population = model.population
    rows = max(1, LARGEST // (len(population.shells.z) * len(population.log_mass)))
    return in_parts(lambda some: _sum_over_cells(model, some, log_yx), theta, rows)


def _sum_over_cells(model: Detecting, theta: Array, log_yx: Array) -> Array:
    total = np.zeros((len(theta), len(log_yx)))
    for cell in flux_cells(model.selection):
        one = copy(model)
        one.selection, one.contaminants = cell.selection, None
        error = np.sqrt(cell.weight @ model.setup.yx_error_at(cell.log_flux) ** 2)
        total += one.yx_density(theta, log_yx, float(error))
    if model.contaminants is None:
        return total
    return total + model.contaminants.yx_density(theta, log_yx, np.full(len(log_yx), BY_FLUX))


@dataclass(frozen=True)
class Watched(Component):
    """One Gaussian of residuals before selection, and a chance of detection that is no sum of Gaussians of these.

    Parameters
    ----------
    detection : Detection
        That depends on redshift or parameters: its parts broadcast to (P, K, 1).
    """

    detection: Detection

    def chance(self, spread: Array) -> Chance:
        """Of detection, at given significance, (P, K, Q), of what is expected of a luminosity with this `spread`."""
        return smeared(self.detection, spread)


def detected(
    parts: tuple[Component, ...], detection: Detection, z: Array | float = 0.0, by: Distortion | None = None
) -> tuple[Component, ...]:
    """Residuals whose normal integrals above the reference limit add up to the chance of detection.

    A chance Phi[(x - o)/s] of a measured value x is that of a more scattered value to lie above o. One that depends on
    redshifts, (K, 1), or on parameters goes with them instead.
    """
    if by is not None or detection.varies:
        return tuple(Watched(**vars(part), detection=resolved(detection, z, by)) for part in parts)
    if detection.is_sharp:
        return parts
    return tuple(
        replace(part, weight=part.weight * a, lx_shift=part.lx_shift - o).blurred(s)
        for part in parts
        for a, o, s in zip(detection.weight, detection.offset, detection.width, strict=True)
    )


def chance_of(part: Component, spread: Array) -> Chance:
    """Chance of detection against significance: the normal integral above a limit, unless it goes with residuals."""
    return part.chance(spread) if isinstance(part, Watched) else _above_limit


def _above_limit(significance: Array) -> Array:
    """The normal integral, in place."""
    return np.asarray(special.ndtr(significance, out=significance))


def luminosities(log_lx: Array, mean: Array, number: Array, part: Component) -> Array:
    """Expected number per dex of L_X (Q,) at every redshift node before selection, (P, Q, K).

    Parameters
    ----------
    log_lx : ndarray, shape (Q,)
    mean, number : ndarray, shape (P, K, M)
        Mean log10 L_X, and number of clusters, at the nodes.
    part : Component
        One Gaussian of the residuals.
    """
    nodes = range(number.shape[1])
    each = [mixture(log_lx, mean[:, k] + part.lx_shift, number[:, k], part.lx_scatter) for k in nodes]
    return np.stack(each, axis=-1)


def visible_at(log_lx: Array, limit: Array, shells: Shells, of: tuple[Detection, Distortion | None]) -> Array:
    """Weights (P or 1, Q, K) as of `visible_fraction`, of a chance of detection as redshift and parameters have it."""
    detection, by = of
    if by is None:
        return _at_redshifts(log_lx, limit, shells, detection)[None]
    each = np.broadcast_arrays(*(np.ravel(getattr(by, f.name)) for f in fields(by)))
    rows = (Distortion(*(float(x) for x in row)) for row in zip(*each, strict=True))
    return np.stack([_at_redshifts(log_lx, limit, shells, row.of(detection)) for row in rows])


def _at_redshifts(log_lx: Array, limit: Array, shells: Shells, detection: Detection) -> Array:
    """Weights (Q, K) of a chance of detection whose weights may depend on redshift."""
    parts = detection.at(shells.z)
    each = zip(parts.weight, parts.offset, parts.width, strict=True)
    if not detection.varies:
        return visible_fraction(log_lx, limit, shells.sheet, detection)
    of_parts = (a * visible_fraction(log_lx, limit, shells.sheet, Detection((1.0,), (o,), (s,))) for a, o, s in each)
    return sum_of(of_parts)


def visible_fraction(log_lx: Array, limit: Array, index: Array, detection: Detection) -> Array:
    """Weights (Q, K) that cut the redshift quadrature of every shell where luminosities (Q,) are not detected.

    Parameters
    ----------
    log_lx : ndarray, shape (Q,)
    limit : ndarray, shape (Q, K)
        log10 of the limiting luminosity at each node.
    index : ndarray of int, shape (K,)
        Shell of each node.
    detection : Detection
    """
    if limit.shape[1] == 1:
        return detection(log_lx[:, None] - limit)
    sharp = list(zip(*detection.sharp_limits, strict=True))
    shells = [limit[:, index == i] for i in np.unique(index)]
    return np.concatenate(
        [np.sum([a * _visible_below(log_lx - o, shell) for a, o in sharp], axis=0) for shell in shells], axis=1
    )


def _visible_below(level: Array, limit: Array) -> Array:
    """Weights (Q, K) of the K nodes of one shell that integrate up to where `limit` (Q, K) reaches `level` (Q,)."""
    order = limit.shape[1]
    nodes, _ = np.polynomial.legendre.leggauss(order)
    reach = _crossing(level, limit, nodes)
    basis = np.polynomial.legendre.legvander(nodes, order - 1)  # (K, n)
    series = np.polynomial.legendre.legint(np.eye(order), lbnd=-1, axis=0)
    integrals = np.polynomial.legendre.legval(reach, series)  # (n, Q)
    visible: Array = np.einsum("nq,n,kn->qk", integrals, np.arange(order) + 0.5, basis)
    return visible


def _crossing(level: Array, limit: Array, nodes: Array) -> Array:
    """Quadrature coordinates (Q,) in [-1, 1] at which increasing limits (Q, K) reach levels (Q,)."""
    i = np.clip((limit < level[:, None]).sum(axis=1), 1, limit.shape[1] - 1)
    after, before = (np.take_along_axis(limit, at[:, None], axis=1)[:, 0] for at in (i, i - 1))
    slope = (nodes[i] - nodes[i - 1]) / (after - before)
    crossing: Array = np.clip(nodes[i] + slope * (level - after), -1.0, 1.0)
    return crossing
