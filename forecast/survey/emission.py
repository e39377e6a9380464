"""Luminosities in one band from those in another, and from fluxes: what hot gas of a temperature emits where.

Fluxes and luminosities are free of Galactic absorption throughout.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import special

from ..core.arrays import Array
from ..core.band import Band
from ..core.errors import InputError
from ..cosmology.background import Cosmology
from ..relations.lines import PowerLaw
from ..relations.power_laws import Relations
from .band_table import BandTable

COVERED = Band(0.1, 12.0)
"""Energies at which hydrogen and helium emit a continuum without edges, and clusters are observed."""
COOLEST_CONTINUUM = 3.0
"""Temperature, keV, below which lines of metals matter, and gas counts as that hot."""

_TYPICAL, _ODD = 5.0, 0.08
"""Temperature, keV, at which factors that are given are compared with the model's, and what they may differ by, dex."""
TABLE_CURE = 'give [emission] band_table = "FILE" with factors of your emission model'
COLUMN_CURE = "list luminosities of {} by your emission model instead, under catalogue.lx_band"
"""What to do about clusters that the continuum model does not hold for."""


def _photons_below(u: Array) -> Array:
    """Integral of exp(-v/2) K0(v/2) from 0 to u: energy emitted below u kT, up to a factor."""
    half = 0.5 * u
    integral: Array = 2.0 + 2.0 * half * np.exp(-u) * (special.k0e(half) - special.k1e(half))
    return integral


def log_continuum(band: Band, log_t: Array, z: Array | float = 0.0) -> Array:
    """log10 of the free-free energy emitted in a band at redshift z, over that at all energies, up to a constant.

    Thermal free-free emission in Born's approximation, of Gaunt factor sqrt(3)/pi exp(u/2) K0(u/2) at energy u kT
    (Greene 1959, ApJ 130, 693), which holds where kT is far above the 54 eV that bind helium; metals are left out.
    Gas cooler than `COOLEST_CONTINUUM` counts as that: lines raise 0.5-2 keV there, so that the ratio of bands stays
    closer to that of real gas than the continuum alone would let it.

    Parameters
    ----------
    band : Band
        In the observed frame.
    log_t : ndarray
        log10 kT / keV.
    z : ndarray or float
        Redshift of the gas; broadcasts against `log_t`.
    """
    stretch = (1.0 + np.asarray(z)) / np.maximum(10.0 ** np.asarray(log_t), COOLEST_CONTINUUM)
    log_energy: Array = np.log10(_photons_below(band.high * stretch) - _photons_below(band.low * stretch))
    return log_energy


@dataclass(frozen=True)
class Emission:
    """How the luminosity of a cluster in one band follows from that in another.

    Parameters
    ----------
    table : BandTable or None
        The user's factors against temperature and redshift.
    ratio : float or None
        A constant: luminosity in the band of the relations over that in the survey's.
    temperature : PowerLaw or None
        Mean temperature at the pivot and z0 of the relations, where they have none.
    """

    table: BandTable | None = None
    ratio: float | None = None
    temperature: PowerLaw | None = None

    def log_temperature(self, z: Array, log_mass: Array, cosmology: Cosmology, relations: Relations) -> Array:
        """log10 of the mean temperature, keV, of masses (log10 Msun/h) at redshifts, which broadcast.

        Raises
        ------
        InputError
            If there is no relation of temperature.
        """
        t = relations.t or self.temperature
        if t is None:
            raise InputError(
                "a factor between bands or redshifts needs relations.t; add it, or write [emission.temperature] with "
                'norm = "5 keV", slope = 0.65 and evolution = 0.67'
            )
        growth = np.log10(cosmology.efunc(z) / cosmology.efunc(relations.z0))
        log_t: Array = t.log_norm + t.slope * (log_mass - relations.pivot) + t.evolution * growth
        return log_t

    def depends_on_temperature(self, of: Band, to: Band) -> bool:
        """Whether the ratio of the luminosities in two bands does."""
        return of != to and self.ratio is None

    def words(self, of: Band, to: Band) -> str:
        """What luminosities and fluxes are of, in a sentence; "" where both are of one band."""
        if of == to:
            return ""
        by = f"the free-free emission of gas at T(M, z), above {COOLEST_CONTINUUM:g} keV"
        if self.ratio is not None:
            by = f"a factor {self.ratio:g}"
        elif self.table is not None and self.table.log_ratio:
            by = "a table of factors at T(M, z)"
        return f"L_X is of {to} in the rest frame, and follows from {of} by {by}."

    def doubt(self, of: Band, to: Band) -> str:
        """What is odd about factors that are given, beside those of the continuum model, in words; "" if nothing is."""
        if (
            of == to
            or self == Emission(temperature=self.temperature)
            or not (of.within(COVERED) and to.within(COVERED))
        ):
            return ""
        at, z = np.array(np.log10(_TYPICAL)), np.zeros(())
        given, model = (10.0 ** float(e.log_ratio(of, to, at, z)) for e in (self, CONTINUUM))
        if abs(np.log10(given / model)) < _ODD:
            return ""
        turned = f": 1/{given:.3g} would fit" if abs(np.log10(given * model)) < _ODD else ""
        return (
            f"[emission] makes luminosities of {to} {given:.3g} times those of {of}, where gas of {_TYPICAL:g} keV has "
            f"{model:.3g}{turned}; check that the factors are those of relations.lx.band over selection.band"
        )

    def check(self, of: Band, to: Band, key: str) -> None:
        """Raise unless luminosities in one band can be converted to another; `key` is that which sets the first.

        Raises
        ------
        InputError
        """
        if of == to or self.ratio is not None or (self.table is not None and self.table.log_ratio):
            return
        for band in (of, to):
            if not band.within(COVERED):
                raise InputError(
                    f"{key}: no conversion between {of} and {to}: the continuum model covers {COVERED}; give "
                    '[emission] band_table = "FILE" with columns t, z and ratio, or band_ratio = NUMBER'
                )

    def log_ratio(self, of: Band, to: Band, log_t: Array, z: Array) -> Array:
        """log10 of the luminosity in a band over that in the survey's, at temperatures and redshifts that broadcast."""
        if of == to:
            return np.zeros(())
        if self.ratio is not None:
            return np.asarray(math.log10(self.ratio))
        if self.table is not None and self.table.log_ratio:
            return self.table.ratio(log_t, z)
        return log_continuum(to, log_t) - log_continuum(of, log_t)


CONTINUUM = Emission()
"""The continuum model, at the temperatures of the relations."""
