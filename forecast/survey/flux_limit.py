"""Selection on X-ray flux: what surveys do."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np
from scipy import special

from ..core.arrays import Array
from ..core.errors import InputError
from ..cosmology.background import Cosmology
from ..relations.lines import Lines
from ..relations.power_laws import Relations
from .completeness import SHARP, Contamination, Detection
from .selection import Shifted

MPC_CM = 3.0856775814913673e24
COOLEST = 0.02
"""Temperature, keV, below which no gas shines between 0.5 and 2 keV, at any redshift."""
_SHIFT = 1.5
"""Factor on the flux limit that a check should find out."""
KCorrection = Literal["none", "power_law", "bremsstrahlung"]
_K_WORDS = {
    "none": "no K-correction",
    "power_law": "K-correction (1+z)^{slope:g}",
    "bremsstrahlung": "K-correction of thermal bremsstrahlung at T(M, z)",
}


@dataclass(frozen=True)
class FluxLimited:
    """Clusters above an X-ray flux; luminosity scatters log-normally at fixed mass.

    Parameters
    ----------
    flux_limit : float
        0.5-2 keV, erg/s/cm2; the reference flux of `detection` and `contamination`.
    k_correction : {"none", "power_law", "bremsstrahlung"}
        LX / (4 pi D_L^2 f): 1; (1+z)^k_slope; or thermal bremsstrahlung at T(M, z).
    k_slope : float
        -0.57 follows from the table of Vikhlinin et al. (2009a).
    flux_error : float
        Log-normal error of the measured flux, dex: the limit acts on what is measured.
    detection : Detection
        Chance of detection against measured flux; by default one above the limit and zero below.
    contamination : Contamination or None
        Detections that are no clusters.
    """

    flux_limit: float
    k_correction: KCorrection = "power_law"
    k_slope: float = -0.57
    flux_error: float = 0.0
    detection: Detection = SHARP
    contamination: Contamination | None = None
    acts_on: ClassVar[Literal["flux"]] = "flux"
    in_mass: ClassVar[None] = None
    log_break: ClassVar[None] = None
    blur: ClassVar[float] = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.flux_error < 1:
            raise InputError(f"selection: flux_error must be between 0 and 1 dex, got {self.flux_error:g}")
        if not self.flux_limit > 0:
            raise InputError(f"selection: flux_limit must be positive, got {self.flux_limit:g}")

    def observed(self, lines: Lines) -> Lines:
        """Relations of the *measured* L_X: more scatter, and less of it correlated with Y_X."""
        if not self.flux_error:
            return lines
        return Lines(replace(lines.lx, scatter=np.hypot(lines.lx.scatter, self.flux_error)), lines.yx)

    def log_luminosity_limit(self, z: Array, log_mass: Array, cosmology: Cosmology, relations: Relations) -> Array:
        """log10 of the luminosity, erg/s, that has the limiting flux: L_lim = 4 pi D_L^2 f_lim K(z, T).

        `z` and `log_mass` (log10 Msun/h) broadcast; the result has their common shape.
        """
        distance = cosmology.luminosity_distance(z) / cosmology.h * MPC_CM
        euclidean = np.log10(4 * math.pi * self.flux_limit) + 2 * np.log10(distance) + 0.0 * log_mass
        if self.k_correction == "bremsstrahlung":
            if relations.t is None:
                raise InputError("selection.k_correction = 'bremsstrahlung' needs relations.t; use 'power_law'")
            growth = np.log10(cosmology.efunc(z) / cosmology.efunc(relations.z0))
            t = relations.t
            log_t = t.log_norm + t.slope * (log_mass - relations.pivot) + t.evolution * growth
            correction = np.log10(bremsstrahlung_k(z, 10.0**log_t))
        else:
            correction = (self.k_slope if self.k_correction == "power_law" else 0.0) * np.log10(1 + z)
        limit: Array = euclidean + correction
        return limit

    @property
    def in_flux(self) -> FluxLimited:
        """The selection itself."""
        return self

    @property
    def varies_with_mass(self) -> bool:
        """Whether the limiting luminosity depends on mass at given redshift, through T in K(z, T)."""
        return self.k_correction == "bremsstrahlung"

    def with_limit(self, flux_limit: float) -> FluxLimited:
        """The same with another reference flux."""
        return replace(self, flux_limit=flux_limit)

    def with_detection(self, detection: Detection) -> FluxLimited:
        """The same with another chance of detection."""
        return replace(self, detection=detection)

    @property
    def of_clusters(self) -> FluxLimited:
        """The same without contaminants."""
        return replace(self, contamination=None)

    @property
    def of_contaminants(self) -> FluxLimited | None:
        """A selection of clusters that are as numerous as the contaminants, and as bright; None without any."""
        if self.contamination is None:
            return None
        return replace(self, detection=self.contamination.detection(self.detection), contamination=None)

    def shifted(self) -> Shifted:
        """The same with a higher flux limit."""
        return Shifted(f"flux limit x {_SHIFT:g}", self.with_limit(_SHIFT * self.flux_limit))

    @property
    def words(self) -> str:
        """The selection in a few sentences."""
        k = _K_WORDS[self.k_correction].format(slope=self.k_slope)
        error = f"; fluxes are measured to {self.flux_error:g} dex" if self.flux_error else ""
        return (
            f"Selection: 0.5-2 keV flux above {self.flux_limit:.3g} erg/s/cm2, {k}; "
            f"L_X scatters log-normally at fixed mass{error}.{self._detection_words}"
        )

    @property
    def _detection_words(self) -> str:
        """Sky coverage, completeness and contamination; nothing where there are none."""
        words, detection = "", self.detection
        if not detection.is_sharp:
            words += (
                f" The chance of detection rises over {max(detection.offset):.2f} dex in flux "
                f"to {sum(detection.weight):.0%}: sky coverage and completeness."
            )
        if self.contamination is not None:
            words += f" Up to {max(self.contamination.fraction):.0%} of the detections at a flux are no clusters."
        return words


def bremsstrahlung_k(z: Array, temperature: Array) -> Array:
    """Rest-frame over observed 0.5-2 keV luminosity of thermal bremsstrahlung at `temperature` keV.

    Spectrum E^-0.4 exp(-E/T) in energy (Gaunt factor E^-0.4), no lines. Gas cooler than `COOLEST` counts as that.
    """

    temperature = np.maximum(temperature, COOLEST)

    def band(low: Array, high: Array) -> Array:
        fraction: Array = special.gammaincc(0.6, low / temperature) - special.gammaincc(0.6, high / temperature)
        return fraction

    return band(np.asarray(0.5), np.asarray(2.0)) / band(0.5 * (1 + z), 2.0 * (1 + z))
