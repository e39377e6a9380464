"""Which clusters of a survey have a weak-lensing mass, and how well it is measured.

Both depend on redshift, measured L_X and chance alone: data that a likelihood of every cluster has anyway.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from ..core.arrays import Array
from ..core.errors import InputError
from ..cosmology.background import Cosmology
from ..relations.power_laws import Relations
from .emission import typical_mass
from .flux_limit import FluxLimited, log_sphere
from .selection import FluxSelection, Selection


@dataclass(frozen=True)
class OwnError:
    """Error of single log10 M_WL, dex: a number, or a table of them, linear between its points and constant beyond.

    Parameters
    ----------
    values : tuple of float
        dex.
    at : tuple of float
        Redshifts, or log10 M500c, Msun/h; empty for a number.
    by : {"z", "mass"}
        What `at` holds. A mass is that of which the measured L_X is typical.
    """

    values: tuple[float, ...] = (0.0,)
    at: tuple[float, ...] = ()
    by: Literal["z", "mass"] = "z"

    def __post_init__(self) -> None:
        if self.at and (len(self.at) != len(self.values) or np.any(np.diff(self.at) <= 0)):
            raise InputError(f"{self.by} must increase, with one value for each")
        if min(self.values) < 0 or max(self.values) > 1:
            raise InputError("an error of ln M_WL must lie between 0 and 2.3 (1 dex)")

    def of(self, z: Array, log_mass: Array) -> Array:
        """Errors of clusters at redshifts and masses (n,), dex."""
        if not self.at:
            return np.full(len(z), self.values[0])
        return np.interp(z if self.by == "z" else log_mass, self.at, self.values)


NO_ERROR = OwnError()


@dataclass(frozen=True)
class LensingSample:
    """Which clusters of a survey have a weak-lensing mass, and its error.

    Parameters
    ----------
    error : OwnError
        Beside the intrinsic scatter.
    fraction : float
        Chance that a cluster within the limits has one.
    flux_limit : float or None
        Least measured flux in the survey's band, erg/s/cm2.
    zmin, zmax : float or None
        Least and largest redshift.
    """

    error: OwnError = NO_ERROR
    fraction: float = 1.0
    flux_limit: float | None = None
    zmin: float | None = None
    zmax: float | None = None

    def __post_init__(self) -> None:
        if not 0 < self.fraction <= 1:
            raise InputError(f"fraction must be above 0 and at most 1, got {self.fraction:g}")
        low, high = self.zmin or 0.0, np.inf if self.zmax is None else self.zmax
        if not 0 <= low < high:
            raise InputError(f"zmin, zmax must increase from 0, got {low:g} and {high:g}")

    def require(self, edges: Sequence[float]) -> None:
        """Raise where no cluster of a survey with these `edges` in redshift can have one, or none has a flux.

        Raises
        ------
        InputError
        """
        if edges[-1] < (self.zmin or 0.0) or (self.zmax is not None and edges[0] > self.zmax):
            raise InputError(
                f"weak_lensing: no cluster at redshifts {edges[0]:g} to {edges[-1]:g} is within its zmin and zmax; "
                "correct these, or leave them out"
            )
        if edges[-1] == 0 and self.flux_limit is not None:
            raise InputError(
                "weak_lensing.flux_limit: a box at z = 0 has no distance, so that a flux limit means nothing there; "
                "give survey.z > 0, or weak_lensing.fraction instead"
            )

    @property
    def whole(self) -> bool:
        """Whether every cluster has one."""
        return replace(self, error=EVERY_CLUSTER.error) == EVERY_CLUSTER

    def reaches(self, z: Array) -> Array:
        """Whether redshifts are within its limits; bool."""
        return (z >= (self.zmin or 0.0)) & (z <= (np.inf if self.zmax is None else self.zmax))

    @property
    def possible(self) -> LensingSample:
        """The same of every cluster within the limits."""
        return replace(self, fraction=1.0)


EVERY_CLUSTER = LensingSample()
"""Every cluster has one, without an error of its own."""


@dataclass(frozen=True)
class Sky:
    """Clusters as a survey sees them: redshifts and measured log10 L_X, erg/s, (n,) each, in its cosmology."""

    z: Array
    log_lx: Array
    cosmology: Cosmology
    relations: Relations
    selection: Selection

    @property
    def log_mass(self) -> Array:
        """log10 of the masses of which the luminosities are typical, Msun/h, (n,); the pivot's of unknown ones."""
        return typical_mass(self.log_lx, self.z, self.cosmology, self.relations)

    @property
    def log_flux(self) -> Array:
        """log10 of the measured fluxes in the survey's band, erg/s/cm2, (n,); NaN of unknown luminosities."""
        flux: FluxSelection = self.selection.in_flux or FluxLimited(1.0)
        log_t, band = None, self.relations.lx_band
        if flux.needs_temperature(band):
            log_t = flux.emission.log_temperature(self.z, self.log_mass, self.cosmology, self.relations)
        return np.asarray(self.log_lx - log_sphere(self.z, self.cosmology) - flux.log_factor(self.z, log_t, band))

    @property
    def selected(self) -> Array:
        """Which are above the limit of the selection, bool of shape (n,); all where it does not act on flux."""
        flux = self.selection.in_flux
        if flux is None:
            return np.ones(len(self.z), dtype=bool)
        return self.log_lx >= flux.log_luminosity_limit(self.z, self.cosmology, self.relations)

    def within(self, sample: LensingSample) -> Array:
        """Which are within a sample's limits, bool of shape (n,); none of unknown L_X where flux decides."""
        inside = sample.reaches(self.z)
        if sample.flux_limit is not None:
            flux: FluxSelection = self.selection.in_flux or FluxLimited(1.0, band=self.relations.lx_band)
            flux = flux.with_limit(sample.flux_limit)
            inside &= replace(self, selection=flux).selected
        return inside

    def errors(self, error: OwnError) -> Array:
        """Errors of log10 M_WL, dex, shape (n,)."""
        return error.of(self.z, self.log_mass if error.by == "mass" else self.z)
