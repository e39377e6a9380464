"""Chance that clusters were detected whose selecting observable, the measured flux, is not among the data.

A cluster was selected by its flux whatever was published of it. Given its other observables its residual of L_X is a
Gaussian in each component of the residuals (theirs are correlated), and so is its measured L_X at fixed mass.

A listed L_X is the flux that selected it where their errors are equal. Else the two share photons: the larger of the
two errors holds the smaller one, and a part of its own. Where the flux's is larger, its own part depends on nothing,
and detection at given L_X is a number that no parameter changes. Where it is smaller, it must be integrated over. So it
must where one of two asymmetric errors of L_X is larger: each Gaussian of their law holds the flux's error, or is held.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ...core.arrays import Array
from ...core.errors import InputError
from ...core.parameters import Values
from ...cosmology.background import Cosmology
from ...model.setup import Setup
from ...relations.power_laws import Relations
from ...survey.detection.curve import Detection
from ...survey.detection.distortion import DISTORTIONS, Distortion, resolved
from ...survey.detection.layers import in_layers
from ...survey.followup import FollowUp
from ...survey.selection import FluxSelection
from .points import Points

_APART = 0.005
"""Error of L_X beyond the flux's, dex, that is no rounding."""
_LEAST = 1e-12
"""Variance of a measured L_X, dex^2, that rounding may leave."""
_SHARPEST = 1e-6
"""Least width of a chance of detection, dex."""
_UNLIKELY = 1e-9
"""Chance of detection of a listed flux below which nothing is made of it."""


@dataclass(frozen=True)
class Regression:
    """L_X given the other observables in J components of the residuals, at fixed mass.

    Parameters
    ----------
    gain : ndarray, shape (..., J, K)
        Change of the expected L_X, dex, with each known observable, dex.
    variance : ndarray, shape (..., J)
        Of what they leave open, dex^2, without the error of the flux.
    """

    gain: Array
    variance: Array

    def __getitem__(self, at: Array) -> Regression:
        return Regression(self.gain[at], self.variance[at])

    @classmethod
    def of(cls, covariance: Array, precision: Array, known: Array, shared: Array) -> Regression:
        """From the covariance of all E observables, L_X first, (..., J, E, E), and the known ones' precision.

        `shared`: variance that the errors of the flux and of a known L_X have in common, (..., J or 1).
        """
        with_lx = covariance[..., 0, known]
        if known[0]:
            with_lx = with_lx + shared[..., None] * (np.arange(with_lx.shape[-1]) == 0)
        gain = np.einsum("...k,...kl->...l", with_lx, precision)
        return cls(gain, covariance[..., 0, 0] - np.einsum("...k,...k->...", gain, with_lx))


@dataclass(frozen=True)
class Chance:
    """Chance of detection of n clusters in J components as a function of log10 M about a centre.

    Parameters
    ----------
    excess : ndarray, shape (n, J)
        Expected measured log10 L_X over the limit, at the centre.
    tilt : ndarray, shape (n, J)
        Its derivative by log10 M.
    spread : ndarray, shape (n, J)
        Scatter of the measured log10 L_X about it, dex.
    detection : Detection
        That broadcasts against (n, 1).
    """

    excess: Array
    tilt: Array
    spread: Array
    detection: Detection

    def component(self, j: int) -> Chance:
        """That of one component, arrays of shape (n, 1)."""
        return Chance(self.excess[:, j, None], self.tilt[:, j, None], self.spread[:, j, None], self.detection)

    def part(self, chosen: Array) -> Chance:
        """That of some clusters, (n,) bool."""
        return Chance(self.excess[chosen], self.tilt[chosen], self.spread[chosen], self.detection.part(chosen))

    def at(self, offset: Array) -> Array:
        """Chance at log10 M minus the centre, which broadcasts against (n, J)."""
        return self.detection.smeared(self.excess + self.tilt * offset, self.spread)

    def steepness(self, widths: Array) -> Array:
        """Largest change over one width (n, J) of mass, in its own widths, (n,)."""
        return np.asarray(np.max(np.abs(self.tilt) * widths / self.spread, axis=1))


@dataclass(frozen=True)
class Unseen:
    """Selection by flux of clusters at redshifts (Q,) whose L_X is unknown.

    Parameters
    ----------
    selection : FluxSelection
    cosmology : Cosmology
        In which luminosities are inferred.
    relations : Relations
    z : ndarray, shape (Q,)
    """

    selection: FluxSelection
    cosmology: Cosmology
    relations: Relations
    z: Array

    def excess(self, log_lx: Array, column: Array) -> Array:
        """log10 L_X, (n, ...), over the limit at the redshifts of clusters `column`, (n,)."""
        return np.asarray(log_lx - np.reshape(self._limit[column], (-1,) + (1,) * (np.ndim(log_lx) - 1)))

    @cached_property
    def _limit(self) -> Array:
        """log10 of the limiting luminosity at the redshifts, erg/s, (Q,)."""
        return self.selection.log_luminosity_limit(self.z, self.cosmology, self.relations)

    def detection(self, values: Values, row: Array, column: Array, ndim: int) -> Detection:
        """Chance of detection of clusters `column` at parameter values number `row`; its parts have `ndim` axes."""
        return chance_at(self.selection, values, (row, self.z[column]), ndim)

    def apart(self, error: Array) -> Array:
        """Whether errors of listed L_X (n,), dex, are so much larger than the flux's that detection does not follow."""
        return error**2 > self.selection.flux_error**2 + _APART**2

    def measured(self, variance: Array) -> Array:
        """Scatter of the measured log10 L_X, dex, from the variance of the true one.

        That is less than none, where a listed L_X tells more of the flux's error than it leaves open of the true one.
        """
        return np.sqrt(np.maximum(variance + self.selection.flux_error**2, _LEAST))


def chance_at(selection: FluxSelection, values: Values, of: tuple[Array, Array], ndim: int = 1) -> Detection:
    """Chance of detection at parameter values of numbers, and redshifts, (n,) each; its parts have `ndim` axes."""
    (row, z), after = of, (1,) * (ndim - 1)
    by = Distortion.at(values, lambda x: np.reshape(x[row], (-1, *after)))
    return resolved(selection.detection, np.reshape(z, (-1, *after)), by)


@dataclass(frozen=True)
class Listed:
    """Detection of clusters by listed L_X, where parameters change it: else it is a number that is left out.

    Parameters
    ----------
    selection : FluxSelection
    z, log_flux, spread : ndarray, shape (Q,)
        log10 of the flux over the reference flux, and what it leaves open of the one that selects, dex.
    layer : ndarray of int, shape (Q,)
        In which each lies; -1 where that is not known.
    certain : ndarray of bool, shape (Q,)
        Whose listed L_X is that flux, or tells it.
    """

    selection: FluxSelection
    z: Array
    log_flux: Array
    spread: Array
    layer: Array
    certain: Array

    @classmethod
    def of(cls, setup: Setup, points: Points, undetected: Array) -> Listed | None:
        """Of clusters whose L_X is listed and whose detection is not `undetected`, (Q,); None if none changes."""
        selection = setup.selection.in_flux
        if selection is None or not set(DISTORTIONS) & set(setup.parameters.names):
            return None
        log_lx = points.observables[:, 0]
        limit = selection.log_luminosity_limit(points.z, setup.cosmology, setup.relations)
        spread = np.sqrt(np.maximum(selection.flux_error**2 - points.error[:, 0] ** 2, _SHARPEST**2))
        layer = points.layer if setup.binned_by_layer else np.full(len(log_lx), -1)
        known = {"log_flux": np.nan_to_num(log_lx - limit), "spread": spread, "layer": layer, "certain": ~undetected}
        return cls(selection, points.z, **known)

    def __call__(self, values: Values, row: Array, column: Array) -> Array:
        """ln of the chance of detection of clusters `column` at parameter values number `row`, (n,)."""
        chance, layer = np.zeros(len(column)), self.layer[column]
        for number in np.unique(layer):
            mine = layer == number
            selection = self.selection.of_layer(int(number)) if number >= 0 else self.selection
            detection = chance_at(selection, values, (row[mine], self.z[column[mine]]))
            chance[mine] = detection.smeared(self.log_flux[column[mine]], self.spread[column[mine]])
        return np.where(self.certain[column], np.log(np.maximum(chance, np.finfo(float).tiny)), 0.0)


def odds_of_contaminants(selection: FluxSelection, z: Array, log_flux: Array, error: Array) -> Array:
    """Contaminants for each cluster at redshifts and log10 of listed fluxes over the reference flux, of errors in dex.

    All are of shape (n,).

    A flux that selects and is measured worse than the listed one is any above the limit that fits it.
    """
    contamination, false = selection.contamination, selection.of_contaminants
    if contamination is None or false is None:
        return np.zeros(len(log_flux))
    odds, spread = contamination.odds(log_flux), np.sqrt(np.maximum(selection.flux_error**2 - error**2, 0.0))
    smeared = np.maximum(spread, _APART)
    chance, of_false = (one.detection.at(z).smeared(log_flux, smeared) for one in (selection, false))
    open_to = (spread > _APART) & (chance > _UNLIKELY)
    averaged = np.minimum(of_false / np.maximum(chance, _UNLIKELY), contamination.largest_odds)
    return np.asarray(np.where(open_to, averaged, odds))


EVERY, FOLLOWED, NOT_FOLLOWED = range(3)
"""Clusters of which it does not matter, or is not known, whether they were followed up; that were; that were not."""


def followup_kinds(setup: Setup, points: Points, undetected: Array) -> Array:
    """Whether clusters of unknown flux were followed up, (Q,): they have a value or a limit of something but L_X.

    Where L_X is known as well as the flux it is a datum, and so is whether a cluster was followed up, up to chance; a
    worse L_X, `undetected`, leaves both open. It is the measured redshift that decides.
    """
    kinds = np.full(len(points.z), EVERY)
    if setup.followup is None:
        return kinds
    measured = (~np.isnan(points.observables) | ~np.isnan(points.limit))[:, 1:].any(axis=1)
    kinds[undetected & measured] = FOLLOWED
    kinds[undetected & ~measured & setup.followup.reaches(points.z)] = NOT_FOLLOWED
    return kinds


def lensing_kinds(setup: Setup, points: Points, undetected: Array) -> Array:
    """The same of lensing masses, (Q,), which clusters have by the flux where `weak_lensing.flux_limit` says so."""
    kinds, sample = np.full(len(points.z), EVERY), setup.lensing_sample
    if sample.flux_limit is None:
        return kinds
    measured, within = np.isfinite(points.log_mwl), sample.reaches(points.z)
    kinds[undetected & measured] = FOLLOWED
    kinds[undetected & ~measured & within] = NOT_FOLLOWED
    return kinds


def layer_kinds(setup: Setup, points: Points, undetected: Array) -> Array:
    """Layers in which clusters of unknown flux lie, (Q,), from 1 on; 0 where it does not matter, or is not known."""
    if not setup.binned_by_layer:
        return np.full(len(points.z), EVERY)
    if setup.selection.contamination is not None and undetected.any():
        raise InputError(
            "survey.binned_by_layer: contaminants of unknown flux are known for the mean of all layers; set it to false"
        )
    number = 1 + np.argmax(in_layers(setup.selection.in_flux, points.layer), axis=0)
    return np.where(undetected, number, EVERY)


def unseen_of(unseen: Unseen | None, setup: Setup, kinds: Sequence[int]) -> Unseen | None:
    """Selection of clusters by their kinds, of follow-up and of lensing masses, and layers."""
    sample, layer = setup.lensing_sample, kinds[2]
    if unseen is not None and layer:
        unseen = replace(unseen, selection=unseen.selection.of_layer(layer - 1))
    lensing = FollowUp(sample.flux_limit, fraction=sample.fraction)
    for choice, kind in zip((setup.followup, lensing), kinds[:2], strict=True):
        if unseen is not None and choice is not None and kind != EVERY:
            chosen = (choice.of if kind == FOLLOWED else choice.but)(unseen.selection)
            unseen = replace(unseen, selection=chosen)
    return unseen
