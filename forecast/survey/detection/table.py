"""Chance of detection against flux and redshift, from a table on a grid."""

from __future__ import annotations

import numpy as np

from ...core.arrays import Array
from ...core.errors import InputError
from .curve import Detection, floats, ramps

_BEGINS = 0.01
"""Chance at the lowest flux of a table from which on it does not say how faint clusters are detected."""


def of_table(flux: Array, z: Array, chance: Array) -> tuple[Detection, float]:
    """Chance of detection of a table, and log10 of its reference flux, the first.

    Between fluxes it rises as `Detection.of_curve` says, between redshifts it is linear. Below the first flux nothing
    is detected; above the last one, and beyond the first and last redshift, the chance is that at the edge.

    Parameters
    ----------
    flux, z, chance : ndarray, shape (n,)
        Every flux (erg/s/cm2) at every redshift, once, in any order.

    Raises
    ------
    InputError
        If they make no grid, or the chance leaves 0 to 1, falls with flux, or does not begin at nothing.
    """
    fluxes, redshifts = np.unique(flux), np.unique(z)
    _check_grid(flux, z, len(fluxes), len(redshifts))
    _check_chance(flux, z, chance)
    grid = chance[np.lexsort((flux, z))].reshape(len(redshifts), len(fluxes))
    _check_rise(grid, fluxes, redshifts)
    log_flux = np.log10(fluxes)
    weight = np.array([ramps(log_flux - log_flux[0], row)[0] for row in grid])
    _, offset, width = ramps(log_flux - log_flux[0], grid[0])
    kept = (weight > 0).any(axis=0)
    by_knot = tuple(floats(row[kept]) for row in weight)
    detection = Detection(
        max(by_knot, key=sum), floats(offset[kept]), floats(width[kept]), knots=floats(redshifts), by_knot=by_knot
    )
    return detection, float(log_flux[0])


def _check_grid(flux: Array, z: Array, fluxes: int, redshifts: int) -> None:
    if fluxes < 2 or redshifts < 2:
        raise InputError(f"needs two or more fluxes and redshifts, got {fluxes} and {redshifts}")
    pairs, number = np.unique(np.column_stack([flux, z]), axis=0, return_counts=True)
    if (number > 1).any():
        f, at = pairs[number > 1][0]
        raise InputError(f"has two chances at flux {f:.4g} erg/s/cm2 and z = {at:g}; leave one of them out")
    if len(pairs) != fluxes * redshifts:
        there = {(float(f), float(at)) for f, at in pairs}
        every = ((float(f), float(at)) for at in np.unique(z) for f in np.unique(flux))
        f, at = next(pair for pair in every if pair not in there)
        raise InputError(
            f"is no grid: {len(pairs)} rows of {fluxes} fluxes and {redshifts} redshifts, none at flux {f:.4g} "
            f"erg/s/cm2 and z = {at:g}; give every flux at every redshift"
        )


def _check_chance(flux: Array, z: Array, chance: Array) -> None:
    wrong = np.flatnonzero((chance < 0) | (chance > 1))
    if len(wrong):
        i = wrong[0]
        raise InputError(
            f"chance {chance[i]:g} at flux {flux[i]:.4g} erg/s/cm2 and z = {z[i]:g} must lie between 0 and 1; "
            "per cents are divided by 100"
        )


def _check_rise(grid: Array, fluxes: Array, redshifts: Array) -> None:
    falls = np.argwhere(np.diff(grid, axis=1) < 0)
    if len(falls):
        k, i = falls[0]
        raise InputError(
            f"chance falls from {grid[k, i]:g} to {grid[k, i + 1]:g} between fluxes {fluxes[i]:.4g} and "
            f"{fluxes[i + 1]:.4g} erg/s/cm2 at z = {redshifts[k]:g}; smooth the table so that it rises with flux"
        )
    first = grid[:, 0]
    if first.max() > _BEGINS:
        k = int(first.argmax())
        raise InputError(
            f"begins at flux {fluxes[0]:.4g} erg/s/cm2 with a chance of {first[k]:g} at z = {redshifts[k]:g}, and says "
            "nothing of fainter clusters; add a fainter flux with chance 0, below which nothing is detected"
        )
    if not (grid[:, -1] > 0).all():
        k = int(np.flatnonzero(grid[:, -1] == 0)[0])
        raise InputError(f"detects nothing at z = {redshifts[k]:g} at any flux; leave that redshift out")
