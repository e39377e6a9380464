"""Chance that clusters of mock catalogues are selected, and the residuals of those that are."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import numpy as np
from scipy import special

from ..core.arrays import Array
from ..core.parameters import Values
from ..cosmology.rescaling import Background
from ..relations.lines import Line
from ..survey.detection.distortion import Distortion, resolved
from ..survey.selection import FluxSelection, MassSelection
from .setup import Setup


@dataclass(frozen=True)
class Selected:
    """Selected clusters: catalogue, true redshift, log10 of mass, (n,) each, and chances, (n, J I)."""

    row: Array
    z: Array
    log_mass: Array
    chance: Array


@dataclass(frozen=True)
class Residuals:
    """Of the observables (n, D), dex, errors of L_X (n,), and the part of the chance of detection of each, (n,)."""

    values: Array
    lx_error: Array
    part: Array


@dataclass(frozen=True)
class Chance(ABC):
    """Chance of selection of clusters, at each of P catalogues' parameters.

    Parameters
    ----------
    setup : Setup
    values : Values
    lx : Line
        Of L_X; every field of shape (P,).
    scatter : ndarray, shape (P, D)
        Of the observables, dex.
    """

    setup: Setup
    values: Values
    lx: Line
    scatter: Array
    cell: ClassVar[float]
    """Width in log10 M, dex, of cells across which the chance varies little."""

    @classmethod
    def of(cls, setup: Setup, v: Values, size: int) -> Chance:
        """At parameter values `v` of `size` catalogues."""
        relations = setup.relations
        scatter = np.broadcast_to(relations.scatters(v), (size, len(relations.names)))
        return cls(setup, v, full_line(relations.line("lx", v), size), scatter)

    @abstractmethod
    def weights(self, row: Array, z: Array) -> Array:
        """Of each component of the residuals and part of the chance, (J I,), or (n, J I) if clusters differ in them."""

    @abstractmethod
    def largest(self, z: Array, log_mass: Array) -> Array:
        """Largest chance in cells between redshifts (K + 1,) and masses (M + 1,), shape (P, K, M)."""

    @abstractmethod
    def of_clusters(self, row: Array, z: Array, log_mass: Array) -> Array:
        """Chance of n single clusters in each component and part, shape (n, J I)."""

    @abstractmethod
    def _luminosities(
        self, spread: Array, chosen: tuple[Array, Array, Array], normal: Array, rng: np.random.Generator
    ) -> Array:
        """Normal numbers of L_X and the errors of its measurement, dex, shape (2, n), of selected clusters.

        Parameters
        ----------
        spread : ndarray, shape (n,)
            Scatter of L_X, dex.
        chosen : tuple of ndarray, shape (n,)
            Catalogue and part of the chance of each cluster, and its probability of being so faint.
        normal : ndarray, shape (n, 2)
            Independent normal numbers.
        rng : numpy.random.Generator
        """

    def background(self, row: Array, z: Array) -> Background:
        """How clusters of catalogues `row` look at redshifts `z`, which broadcast."""
        return self.setup.background(self.values, z, row)

    def mean(self, line: Line, name: str, row: Array, background: Background, log_mass: Array) -> Array:
        """Mean log10 of an observable as measured; `row` broadcasts against `background` and `log_mass`."""
        relative = log_mass - self.setup.relations.pivot
        true = line.log_norm[row] + line.slope[row] * relative + line.evolution[row] * background.log_growth
        if line.is_curved:
            true = true + line.bend.shaped(lambda x: x[row]).at(relative)
        if line.drifts:
            true = true + np.asarray(line.drift)[row] * relative * background.log_growth
        mean: Array = true + background.shift(self.setup.relations.exponents(name))
        return mean

    def residuals(self, of: Selected, rng: np.random.Generator) -> Residuals:
        """Residuals of selected clusters."""
        density, row, log_mass, chance = self.setup.relations.unit_residuals, of.row, of.log_mass, of.chance
        share = np.cumsum(chance * self.weights(row, of.z), axis=1)
        u, v = rng.random((2, len(row)))
        both = (v[:, None] * share[:, -1:] > share).sum(axis=1)
        component, part = np.divmod(both, chance.shape[1] // len(density.weight))
        normal = rng.standard_normal((len(row), len(density.names) + 1))
        mean, covariance = density.at(log_mass)
        at = np.arange(len(row)) if density.mass_dependent else np.zeros(len(row), dtype=int)
        mean, factor = mean[at, component], np.linalg.cholesky(covariance)[at, component]
        faint = np.maximum(u, 1e-300) * np.take_along_axis(chance, both[:, None], axis=1)[:, 0]
        spread = self.scatter[row, 0] * factor[:, 0, 0]
        normal[:, 0], error = self._luminosities(spread, (row, part, faint), normal[:, [0, -1]], rng)
        unit = mean + np.einsum("nde,ne->nd", factor, normal[:, :-1])
        return Residuals(unit * self.scatter[row], error, part)


class ChanceInMass(Chance):
    """That of a selection in mass, which knows nothing of residuals."""

    cell = 0.025

    @property
    def _selection(self) -> MassSelection:
        selection = self.setup.selection.in_mass
        assert selection is not None
        return selection

    def weights(self, row: Array, z: Array) -> Array:
        """Of each component of the residuals, shape (J,)."""
        return self.setup.relations.unit_residuals.weight

    def largest(self, z: Array, log_mass: Array) -> Array:
        """Largest chance in cells between redshifts (K + 1,) and masses (M + 1,), shape (P, K, M)."""
        chance = self._selection.probability(log_mass, self.lx, self.setup.relations)
        return corner_max(np.repeat(chance[:, None, :], len(z), axis=1))

    def of_clusters(self, row: Array, z: Array, log_mass: Array) -> Array:
        """Chance of n single clusters, the same in each component, shape (n, J)."""
        chance = self._selection.chance(log_mass, row, self.lx, self.setup.relations)
        return np.repeat(chance[:, None], len(self.setup.relations.unit_residuals.weight), axis=1)

    def _luminosities(
        self, spread: Array, chosen: tuple[Array, Array, Array], normal: Array, rng: np.random.Generator
    ) -> Array:
        return np.stack([normal[:, 0], np.zeros(len(normal))])


class ChanceInFlux(Chance):
    """That of a selection on flux."""

    cell = 0.05

    @property
    def _selection(self) -> FluxSelection:
        selection = self.setup.selection.in_flux
        assert selection is not None
        return selection

    def _by(self, row: Array) -> Distortion | None:
        """What parameters make of the chance of detection of clusters of catalogues `row`, and of its shape."""
        return Distortion.at(self.values, lambda x: np.broadcast_to(x, len(self.scatter))[row])

    def weights(self, row: Array, z: Array) -> Array:
        """Of each component of the residuals and part of the chance of detection, (J I,) or (..., J I)."""
        unit = self.setup.relations.unit_residuals.weight
        found = resolved(self._selection.detection, z, self._by(row))
        part = np.stack(np.broadcast_arrays(*found.weight), axis=-1)
        if part.ndim == 1:
            return np.outer(unit, part).ravel()
        each = unit[:, None] * part[..., None, :]
        return np.asarray(each.reshape(*part.shape[:-1], each.shape[-2] * each.shape[-1]))

    def largest(self, z: Array, log_mass: Array) -> Array:
        """Largest chance in cells between redshifts (K + 1,) and masses (M + 1,), shape (P, K, M).

        At a given flux the chance is largest where one of its own redshifts, or an edge of the cell, is.
        """
        row, detection = np.arange(len(self.scatter))[:, None, None], self._selection.detection
        each = self.of_clusters(row, z[:, None], log_mass)
        if not detection.varies:
            at = self.weights(row, z[:, None])
            return corner_max(each @ at if at.ndim == 1 else (each * at).sum(axis=-1))
        parts = np.stack([corner_max(each[..., i]) for i in range(each.shape[-1])], axis=-1)
        edges = np.array(detection.knots)
        inside = [np.r_[low, edges[(edges > low) & (edges < high)], high] for low, high in pairwise(z)]
        cells = [
            (parts[:, k, None] * self.weights(row, at[:, None])).sum(axis=-1).max(axis=1)
            for k, at in enumerate(inside or [z])
        ]
        return np.stack(cells, axis=1)

    def of_clusters(self, row: Array, z: Array, log_mass: Array) -> Array:
        """Chance of single clusters in each component and part of `Detection`; arguments broadcast to (..., J I)."""
        selection = self._selection
        limit = selection.log_luminosity_limit(z, self.setup.cosmology, self.setup.relations)
        excess = self.mean(self.lx, "lx", row, self.background(row, z), log_mass) - limit
        mean, covariance = self.setup.relations.unit_residuals.at(log_mass)
        scatter = self.scatter[row, 0][..., None]
        spread = np.hypot(scatter * np.sqrt(covariance[..., 0, 0]), selection.flux_error)
        above, by = excess[..., None] + scatter * mean[..., 0], self._by(row)
        detection = selection.detection if by is None else by.of(selection.detection)
        if detection.is_sharp:
            sharp: Array = special.ndtr(above / spread)
            return sharp
        offset, width = _stacked(detection.offset), _stacked(detection.width)
        chance = special.ndtr((above[..., None] - offset) / np.hypot(spread[..., None], width))
        joined: Array = chance.reshape(*chance.shape[:-2], chance.shape[-2] * chance.shape[-1])
        return joined

    def _luminosities(
        self, spread: Array, chosen: tuple[Array, Array, Array], normal: Array, rng: np.random.Generator
    ) -> Array:
        """The measured L_X is a Gaussian cut at the limit; of it the residual and the error are drawn."""
        error, (row, part, faint) = self._selection.flux_error, chosen
        by = self._by(row)
        widths = (self._selection.detection if by is None else by.of(self._selection.detection)).width
        width = np.stack([np.broadcast_to(x, len(row)) for x in widths])[part, np.arange(len(row))]
        blur = np.hypot(error, width)
        total = np.hypot(spread, blur)
        measured = -total * special.ndtri(faint)  # about the component's mean
        split = spread**2 / total**2 * measured + spread * blur / total * normal[:, 1]
        errors = measured - split
        if width.any():  # only part of it is an error of the flux
            errors = _share_of(errors, error, width, rng)
        return np.stack([split / spread, errors])


CHANCES: dict[str, type[Chance]] = {"mass": ChanceInMass, "flux": ChanceInFlux}
"""By what selections act on."""


def _stacked(values: tuple[float, ...]) -> Array:
    """Offsets or widths as the last axis, (I,), or (..., 1, I) where catalogues differ in them."""
    if all(np.ndim(x) == 0 for x in values):
        return np.array(values)
    return np.stack(np.broadcast_arrays(*values), axis=-1)[..., None, :]


def corner_max(x: Array) -> Array:
    """Largest of the corners of each cell, (P, K + 1, M + 1) -> (P, K, M); K + 1 = 1 is a box."""
    if x.shape[1] > 1:
        x = np.maximum(x[:, 1:], x[:, :-1])
    return np.maximum(x[..., 1:], x[..., :-1])


def _share_of(total: Array, one: float, other: Array, rng: np.random.Generator) -> Array:
    """A Gaussian error of width `one` given its sum with another one; arrays of shape (n,)."""
    blur = np.maximum(np.hypot(one, other), np.finfo(float).tiny)
    return (one / blur) ** 2 * total + one * other / blur * rng.standard_normal(len(total))


def full_line(line: Line, size: int) -> Line:
    """A relation with every field of shape (size,)."""

    def full(x: Array) -> Array:
        return np.broadcast_to(np.asarray(x, dtype=float), (size,))

    norm, slope, evolution, scatter = map(full, (line.log_norm, line.slope, line.evolution, line.scatter))
    return Line(norm, slope, evolution, scatter, bend=line.bend.shaped(full), drift=full(np.asarray(line.drift)))
