"""Chance that clusters were detected whose selecting observable, the measured flux, is not among the data.

A cluster was selected by its flux whatever was published of it. Given its other observables its residual of L_X is a
Gaussian in each component of the residuals (theirs are correlated), and so is its measured L_X at fixed mass.

A listed L_X is the flux that selected it where their errors are equal. Else the two share photons: the larger of the
two errors holds the smaller one, and a part of its own. Where the flux's is larger, its own part depends on nothing,
and detection at given L_X is a number that no parameter changes. Where it is smaller, it must be integrated over.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ...core.arrays import Array
from ...cosmology.background import Cosmology
from ...model.setup import Setup
from ...relations.power_laws import Relations
from ...survey.followup import FollowUp
from ...survey.selection import FluxSelection
from .points import Points

_APART = 0.005
"""Error of L_X beyond the flux's, dex, that is no rounding."""


@dataclass(frozen=True)
class Regression:
    """L_X given the other observables in J components of the residuals, at fixed mass.

    Parameters
    ----------
    gain : ndarray, shape (..., J, K)
        Change of the expected L_X, dex, with each known observable, dex.
    variance : ndarray, shape (..., J)
        Of what they leave open, dex^2, without measurement errors.
    """

    gain: Array
    variance: Array

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
    selection : FluxSelection
    """

    excess: Array
    tilt: Array
    spread: Array
    selection: FluxSelection

    def component(self, j: int) -> Chance:
        """That of one component, arrays of shape (n, 1)."""
        return Chance(self.excess[:, j, None], self.tilt[:, j, None], self.spread[:, j, None], self.selection)

    def part(self, chosen: Array) -> Chance:
        """That of some clusters, (n,) bool."""
        return Chance(self.excess[chosen], self.tilt[chosen], self.spread[chosen], self.selection)

    def at(self, offset: Array) -> Array:
        """Chance at log10 M minus the centre, which broadcasts against (n, J)."""
        return self.selection.detection.smeared(self.excess + self.tilt * offset, self.spread)

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

    def excess(self, log_lx: Array, column: Array, log_mass: Array) -> Array:
        """log10 L_X, (n, ...), over the limit at the redshifts of clusters `column`, (n,), and masses, (n, ...)."""
        z = np.reshape(self.z[column], (-1,) + (1,) * (np.ndim(log_mass) - 1))
        return log_lx - self.selection.log_luminosity_limit(z, log_mass, self.cosmology, self.relations)

    def apart(self, error: Array) -> Array:
        """Whether errors of listed L_X (n,), dex, are so much larger than the flux's that detection does not follow."""
        return error**2 > self.selection.flux_error**2 + _APART**2

    def measured(self, variance: Array) -> Array:
        """Scatter of the measured log10 L_X, dex, from the variance of the true one."""
        return np.sqrt(np.maximum(variance, 0.0) + self.selection.flux_error**2)


EVERY, FOLLOWED, NOT_FOLLOWED = range(3)
"""Clusters of which it does not matter, or is not known, whether they were followed up; that were; that were not."""


def followup_kinds(setup: Setup, points: Points) -> Array:
    """Whether clusters whose L_X is unknown were followed up, (Q,): they have a value or a limit of something else.

    Where L_X is known it is a datum, and so is whether a cluster was followed up, up to chance.
    """
    kinds = np.full(len(points.z), EVERY)
    if setup.followup is None:
        return kinds
    measured = (~np.isnan(points.observables) | ~np.isnan(points.limit))[:, 1:].any(axis=1)
    unseen = np.isnan(points.observables[:, 0])
    kinds[unseen & measured] = FOLLOWED
    kinds[unseen & ~measured & setup.followup.reaches(points.z)] = NOT_FOLLOWED
    return kinds


def unseen_of(unseen: Unseen | None, followup: FollowUp | None, kind: int) -> Unseen | None:
    """Selection of clusters of one kind."""
    if unseen is None or followup is None or kind == EVERY:
        return unseen
    return replace(unseen, selection=(followup.of if kind == FOLLOWED else followup.but)(unseen.selection))
