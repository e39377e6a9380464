"""Clusters whose redshifts are uncertain: what their fluxes and angles say at each redshift that they may have.

A measured redshift is a Gaussian about the true one. At another redshift the same flux is another luminosity
(D_L^2 and the K-correction), and the same image another gas mass and Y_X, with the exponents of distance and of E(z)
by which the survey's cosmology enters them; temperatures and lensing masses are taken as they are. Selection, on flux,
does not know of it. The limits of the survey are those of true redshifts, unless it has a law of redshift errors: then
those of measured ones, and errors go with 1 + z.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...core.arrays import Array
from ...core.units import LN10
from ...model.forward import ForwardModel
from ...model.mixture import SQRT2PI
from ...model.setup import Setup
from ...survey.listed_redshifts import shifts
from .points import Points
from .redshift_nodes import Measured, Stretches, redshift_nodes

_REACH = 5.0
"""Errors of a redshift beyond which it is not looked for."""
_LEAST = 1e-6
"""Variance of a lensing mass, dex^2, below which it is exact."""
_CURVED, _STEEP, _ASIDE = 3.0, 12.0, 6.0
"""How fast the abundance may fall, per dex of mass: as a Gaussian, and at most; widths of observables from the mean."""


def redshifts_are_data(setup: Setup) -> bool:
    """Whether likelihoods of single clusters look at their redshifts."""
    return setup.geometry.spans_redshifts and setup.selection.in_flux is not None


@dataclass(frozen=True)
class Redshifts:
    """Redshifts that Q clusters may have: n nodes, those of a cluster side by side.

    Parameters
    ----------
    cluster : ndarray of int, shape (n,)
    z : ndarray, shape (n,)
    log_weight : ndarray, shape (n,)
        Log of the density of the measured redshift at each, times the node's share.
    shift : ndarray, shape (n, D)
        What is added to log10 of the observables at each, dex.
    """

    cluster: Array
    z: Array
    log_weight: Array
    shift: Array

    @classmethod
    def of(cls, model: ForwardModel, points: Points) -> Redshifts:
        """Nodes over the laws of redshifts within the survey's limits; one where a redshift has no error."""
        setup, z, error = model.setup, points.z, points.z_error
        edges, mine = np.array(setup.redshift_law.edges(setup.geometry)), np.flatnonzero(error > 0)
        measured = cls._measured(model, points[mine])
        widens = float(setup.redshift_law.error > 0)  # with the true redshift, as that law has it

        def log_density(some: Array, at: Array) -> Array:
            own = measured[some]
            sigma = own.error * ((1 + at) / (1 + own.z)) ** widens
            return np.asarray(-0.5 * ((at - own.z) / sigma) ** 2 - np.log(SQRT2PI * sigma))

        reach = _REACH * error[mine]
        part = widens * reach / (1 + z[mine])  # of an error of a fifth or more, every farther redshift is within reach
        ends = [z[mine] + sign * reach / np.maximum(1 - sign * part, np.finfo(float).eps) for sign in (-1, 1)]
        low, high = (np.clip(end, edges[0], edges[-1]) for end in ends)
        empty = low >= high  # far outside: as at the next edge
        low, high = np.where(empty & (low > edges[0]), low - error[mine], low), np.where(empty, low + error[mine], high)
        stretches = Stretches.between(edges, low, high)

        cluster, at, log_weight = redshift_nodes(measured, stretches, log_density)
        known = np.flatnonzero(error <= 0)
        every = np.concatenate([known, mine[cluster]])
        order = np.argsort(every, kind="stable")
        at = np.concatenate([z[known], at])[order]
        log_weight = np.concatenate([np.zeros(len(known)), log_weight])[order]
        return cls(every[order], at, log_weight, shifts(setup, z[every[order]], at))

    @staticmethod
    def _measured(model: ForwardModel, points: Points) -> Measured:
        """How much observables change with redshift: beside what another mass would do, and with it.

        Where those that tell the mass do not, as T and M_WL, it is the chance of detection that does.
        """
        setup, step, v = model.setup, 1e-3 * points.z, model.parameters.fiducial_values
        slopes = shifts(setup, points.z, points.z + step) / step[:, None]
        smaller = points.error * (1 - np.abs(points.skew))
        known = ~np.isnan(points.observables) | ~np.isnan(points.limit)
        strength = known / (setup.relations.scatters(v)[0] ** 2 + smaller**2)
        by_mass = np.array([float(setup.relations.line(name, v).slope) for name in setup.relations.names])
        lensed = np.isfinite(points.log_mwl)  # a mass that does not move with redshift
        of_mwl = lensed / np.maximum(((setup.weak_lensing or 0.0) / LN10) ** 2 + points.log_mwl_error**2, _LEAST)
        of_mass = np.maximum(strength @ by_mass**2 + of_mwl, np.finfo(float).tiny)
        mass = (strength * slopes) @ by_mass / of_mass
        beside = (strength * slopes**2).sum(axis=1) - mass**2 * of_mass
        change = np.hypot(np.sqrt(np.maximum(beside, 0.0)), _CURVED * mass)
        detected = np.abs(slopes[:, 0]) / np.hypot(setup.relations.scatters(v)[0, 0], setup.selection.flux_error)
        told = known.any(axis=1) | lensed
        change = np.where(told & ~(known & (slopes != 0)).any(axis=1), detected, change)
        return Measured(points.z, points.z_error, change, np.maximum(_ASIDE * change, _STEEP * np.abs(mass)))


def proxy_error(model: ForwardModel, z: Array, error: Array) -> Array:
    """Error of log10 of the mass proxy from that of redshifts (n,), (n,), dex; none where they are no data."""
    if not redshifts_are_data(model.setup):
        return np.zeros(len(z))
    moved = shifts(model.setup, z, z + error) - shifts(model.setup, z, np.maximum(z - error, 0.5 * z))
    combined: Array = 0.5 * np.abs(moved @ model.setup.relations.combination)
    return combined
