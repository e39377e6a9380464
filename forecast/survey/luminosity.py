"""Luminosities of listed clusters in the band of a survey's relations, from luminosities or fluxes of another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..core.arrays import Array
from ..core.caution import Caution
from ..core.errors import InputError
from ..cosmology.background import Cosmology
from ..relations.power_laws import Relations
from .emission import COLUMN_CURE
from .flux_limit import log_sphere
from .selection import FluxSelection


@dataclass(frozen=True)
class Luminosities:
    """How the listed luminosities, or fluxes, of clusters become those of the relations.

    The temperature of a cluster is the one that is listed, or the mean of the mass whose mean luminosity is its own.

    Parameters
    ----------
    selection : FluxSelection
        Of what is listed: its band, K-correction and emission.
    relations : Relations
    cosmology : Cosmology
    from_flux : bool
        Whether fluxes are listed.
    of_survey : bool
        Whether `selection` is in the band of the survey's limit, so that a table of factors may convert.

    Raises
    ------
    InputError
        If no conversion covers the two bands.
    """

    selection: FluxSelection
    relations: Relations
    cosmology: Cosmology
    from_flux: bool = False
    of_survey: bool = True

    def __post_init__(self) -> None:
        self.selection.emission.check(self.selection.band, self.relations.lx_band, "catalogue.lx_band")

    @property
    def by_temperature(self) -> bool:
        """Whether the factor depends on temperature."""
        selection, to = self.selection, self.relations.lx_band
        needed = selection.emission.depends_on_temperature(selection.band, to)
        return needed or (self.from_flux and selection.k_by_temperature)

    @property
    def leaves_alone(self) -> bool:
        """Whether what is listed are luminosities of the relations' band."""
        return not self.from_flux and self.selection.band == self.relations.lx_band

    def shift(self, z: Array, listed: Array, log_t: Array) -> Array:
        """log10 of luminosities in the relations' band over what is listed, (n,).

        Parameters
        ----------
        z : ndarray, shape (n,)
        listed : ndarray, shape (n,)
            log10 of luminosities, erg/s, in the cosmology, or of fluxes, erg/s/cm2; NaN where unknown.
        log_t : ndarray, shape (n,)
            log10 of listed temperatures, keV; NaN where unknown.
        """
        if self.leaves_alone:
            return np.zeros(len(z))
        if not self.by_temperature:
            return np.broadcast_to(self._factor(z, np.zeros(len(z))), z.shape)
        at = self.log_temperature(z, listed, log_t)
        self._refuse_outside(at[np.isfinite(listed)])
        return self._factor(z, at)

    def log_temperature(self, z: Array, listed: Array, log_t: Array) -> Array:
        """log10 of the temperatures, keV, at which clusters are converted, (n,); arguments as of `shift`."""
        known = np.isfinite(log_t)
        if known.all():
            return log_t
        emission = self.selection.emission
        own = emission.temperature_of(lambda t: listed + self._factor(z, t), z, self.cosmology, self.relations)
        return np.where(known, log_t, own)

    def cautions(self, z: Array, listed: Array, log_t: Array) -> tuple[Caution, ...]:
        """Clusters that are cooler than the continuum model holds, if it converts any; arguments as of `shift`."""
        if self.leaves_alone or not self.by_temperature or self.selection.emission.table is not None:
            return ()
        known = np.isfinite(listed)
        coolest = self.selection.emission.coolest
        cool = known & (self.log_temperature(z, listed, log_t) < np.log10(coolest))
        if not cool.any():
            return ()
        cure = self.selection.emission.cure if self.of_survey else COLUMN_CURE.format(self.relations.lx_band)
        what = f"{'fluxes' if self.from_flux else 'luminosities'} of {self.selection.band}"
        return (
            Caution(
                "band",
                f"{cool.sum()} of {known.sum()} clusters are cooler than {coolest:g} keV, with lines: "
                f"{what} became luminosities of {self.relations.lx_band} as if they were that hot; {cure}",
            ),
        )

    def _refuse_outside(self, log_t: Array) -> None:
        """Raise if a table of factors lacks the temperature of a cluster."""
        table = self.selection.emission.table
        if table is None or not (outside := table.lacks(log_t)).any():
            return
        raise InputError(
            f"emission.band_table: is of {table.t[0]:g} to {table.t[-1]:g} keV, but {outside.sum()} clusters of the "
            f"catalogue are of others, one of {10 ** log_t[outside][0]:.3g} keV; list those too"
        )

    def _factor(self, z: Array, log_t: Array) -> Array:
        if self.from_flux:
            area = log_sphere(z, self.cosmology)
            return np.asarray(area + self.selection.log_factor(z, log_t, self.relations.lx_band))
        return self.selection.emission.log_ratio(self.selection.band, self.relations.lx_band, log_t, z)
