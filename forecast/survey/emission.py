"""Luminosities in one band from those in another, and from fluxes: what hot gas of a temperature emits where.

Fluxes and luminosities are free of Galactic absorption throughout.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import resources

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

COOLEST_LINES = 1.0
"""The same of the model with lines: the coolest gas that its table lists."""

_TYPICAL, _ODD = 5.0, 0.08
"""Temperature, keV, at which factors that are given are compared with the model's, and what they may differ by, dex."""
_ROUNDS = 12
"""Times that mass and temperature are found again from a luminosity; each is nearer by a factor of 5 or more."""
TABLE_CURE = 'give [emission] band_table = "FILE" with factors of your emission model'
LINES_CURE = f'{TABLE_CURE}, or model = "apec" for lines'
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
class LineTable:
    """What lines and recombination add to free-free emission, as `forecast/data/lines.json` has it.

    Parameters
    ----------
    log_t : ndarray, shape (T,)
        log10 kT / keV.
    edges : ndarray, shape (J + 1,)
        Energies, keV.
    log_factor : ndarray, shape (T, J)
        log10 of what is emitted between two edges over the free-free emission there, up to a constant for each T.
    """

    log_t: Array
    edges: Array
    log_factor: Array

    def factor(self, log_t: Array) -> Array:
        """Factors at temperatures, shape (..., J): linear in logarithms, that of the hottest gas beyond."""
        place = np.interp(log_t, self.log_t, np.arange(len(self.log_t)))
        i = np.minimum(place.astype(int), len(self.log_t) - 2)
        up = (place - i)[..., None]
        return np.asarray(10.0 ** (self.log_factor[i] * (1 - up) + self.log_factor[i + 1] * up))


@cache
def line_table() -> LineTable:
    """That of the package."""
    listed = json.loads(resources.files("forecast.data").joinpath("lines.json").read_text(encoding="utf-8"))
    edges = np.array([*listed["edges"][:-1], np.inf])
    return LineTable(np.log10(listed["t"]), edges, np.log10(listed["factor"]))


def log_emitted(band: Band, log_t: Array, z: Array | float = 0.0) -> Array:
    """The same as `log_continuum` with lines and recombination of gas of 0.3 solar (APEC, Smith et al. 2001).

    Good to 0.5% above 2 keV and 2% at 1 keV beside K-corrections that others made; gas cooler than `COOLEST_LINES`
    counts as that.
    """
    table, stretch = line_table(), 1.0 + np.asarray(z, dtype=float)
    log_t, stretch = np.broadcast_arrays(np.maximum(np.asarray(log_t), np.log10(COOLEST_LINES)), stretch)
    edges = np.clip(table.edges, band.low * stretch[..., None], band.high * stretch[..., None])
    energy = np.diff(_photons_below(edges / 10.0 ** log_t[..., None]))
    return np.asarray(np.log10((table.factor(log_t) * energy).sum(axis=-1)))


def typical_mass(log_lx: Array, z: Array, cosmology: Cosmology, relations: Relations) -> Array:
    """log10 of the masses of which luminosities are typical, Msun/h; the pivot's of unknown ones.

    `log_lx`, log10 of erg/s in the band of the relations, and `z` broadcast.
    """
    lx, growth = relations.lx, np.log10(cosmology.efunc(z) / cosmology.efunc(relations.z0))
    relative = lx.relative_mass(log_lx - lx.log_norm - lx.evolution * growth)
    return np.asarray(relations.pivot + np.nan_to_num(relative))


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
    lines : bool
        Whether lines count where nothing is given, or the continuum of hydrogen and helium alone.
    """

    table: BandTable | None = None
    ratio: float | None = None
    temperature: PowerLaw | None = None
    lines: bool = False

    @property
    def given(self) -> bool:
        """Whether factors are."""
        return self.table is not None or self.ratio is not None

    @property
    def cure(self) -> str:
        """What to do about gas that is cooler than its model holds for."""
        return TABLE_CURE if self.lines else LINES_CURE

    @property
    def coolest(self) -> float:
        """Temperature, keV, that cooler gas counts as."""
        return COOLEST_LINES if self.lines else COOLEST_CONTINUUM

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

    def temperature_of(
        self, log_lx: Callable[[Array], Array], z: Array, cosmology: Cosmology, relations: Relations
    ) -> Array:
        """log10 of mean temperatures, keV, of the masses of which luminosities are typical, of the shape of `z`.

        Parameters
        ----------
        log_lx : callable
            log10 of the luminosities, erg/s in the band of the relations, if clusters have temperatures log10 kT / keV;
            NaN counts as that of the pivot.
        z : ndarray
        cosmology : Cosmology
        relations : Relations
        """
        log_t = np.full(np.shape(z), np.log10(_TYPICAL))
        for _ in range(_ROUNDS):
            mass = typical_mass(log_lx(log_t), z, cosmology, relations)
            log_t = self.log_temperature(z, mass, cosmology, relations)
        return log_t

    def depends_on_temperature(self, of: Band, to: Band) -> bool:
        """Whether the ratio of the luminosities in two bands does."""
        return of != to and self.ratio is None

    def words(self, of: Band, to: Band) -> str:
        """What luminosities and fluxes are of, in a sentence; "" where both are of one band."""
        if of == to:
            return ""
        kind = "lines and continuum of gas of 0.3 solar" if self.lines else "the free-free emission of gas"
        by = f"{kind} at the T of L_X, above {self.coolest:g} keV"
        if self.ratio is not None:
            by = f"a factor {self.ratio:g}"
        elif self.table is not None and self.table.log_ratio:
            by = "a table of factors at the T of L_X"
        return f"L_X is of {to} in the rest frame, and follows from {of} by {by}."

    def doubt(self, of: Band, to: Band) -> str:
        """What is odd about factors that are given, beside those of the continuum model, in words; "" if nothing is."""
        if of == to or not self.given or not (of.within(COVERED) and to.within(COVERED)):
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
        emitted = log_emitted if self.lines else log_continuum
        return emitted(to, log_t) - emitted(of, log_t)


CONTINUUM = Emission()
"""The continuum model, at the temperatures of the relations."""
