"""Selection on X-ray flux: what surveys do."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, TypeAlias

import numpy as np
from scipy import special

from ..core.arrays import Array
from ..core.band import SOFT, Band
from ..core.errors import InputError
from ..cosmology.background import Cosmology
from ..relations.lines import Lines
from ..relations.power_laws import Relations
from .detection.contamination import Contamination
from .detection.curve import SHARP, Detection
from .detection.layers import Layer, mean_of
from .emission import CONTINUUM, Emission, log_continuum, log_emitted
from .selection import Shifted

MPC_CM = 3.0856775814913673e24
COOLEST = 0.02
"""Temperature, keV, below which no gas shines between 0.5 and 2 keV, at any redshift."""
SOFT_SLOPE = -0.57
"""Power of 1 + z of L_X / (4 pi D_L^2 f) of 0.5-2 keV in the table of Vikhlinin et al. (2009a)."""
BY_TEMPERATURE = ("bremsstrahlung", "continuum", "apec", "table")
"""K-corrections that depend on temperature."""
_HALF = math.sqrt(3.0)
"""Half of a linear rise over its standard deviation."""
_EMITTED = {"continuum": log_continuum, "apec": log_emitted}
"""By K-correction, what gas emits in a band."""
_SHIFT = 1.5
"""Factor on the flux limit that a check should find out."""
KCorrection = Literal["none", "power_law", "bremsstrahlung", "continuum", "apec", "table"]
_K_WORDS = {
    "none": "no K-correction",
    "power_law": "K-correction (1+z)^{slope:g}",
    "bremsstrahlung": "K-correction of thermal bremsstrahlung at the T of L_X",
    "continuum": "K-correction of free-free emission at the T of L_X",
    "apec": "K-correction of lines and continuum of gas of 0.3 solar at the T of L_X",
    "table": "K-correction of emission.band_table at the T of L_X",
}

_MANY = 600
"""Redshifts from which on a factor that depends on temperature is interpolated between so many, to 1e-4 dex."""
_Factor: TypeAlias = Callable[[Array, Array | None, Band], Array]


@dataclass(frozen=True)
class FluxLimited:
    """Clusters above an X-ray flux; luminosity scatters log-normally at fixed mass.

    Parameters
    ----------
    flux_limit : float
        In `band`, erg/s/cm2; the reference flux of `detection` and `contamination`.
    k_correction : {"none", "power_law", "bremsstrahlung", "continuum", "apec", "table"}
        LX / (4 pi D_L^2 f) in `band`: 1; (1+z)^k_slope; or by the T that is typical of LX: bremsstrahlung with a
        Gaunt factor E^-0.4, free-free emission as `log_continuum` has it, or with lines as `log_emitted`, or the table
        of `emission`.
    k_slope : float
        Power of 1 + z.
    flux_error : float
        Log-normal error of the measured flux, dex: the limit acts on what is measured.
    detection : Detection
        Chance of detection against measured flux; by default one above the limit and zero below.
    contamination : Contamination or None
        Detections that are no clusters.
    band : Band
        Of fluxes, observed frame.
    emission : Emission
        How luminosities in the band of the relations follow from those in this one.
    least : float or None
        Luminosity in `band`, rest frame, below which nothing is selected whatever its flux, erg/s.
    layers : tuple of Layer
        Parts of the sky of which `detection` is the mean.
    """

    flux_limit: float
    k_correction: KCorrection = "power_law"
    k_slope: float = SOFT_SLOPE
    flux_error: float = 0.0
    detection: Detection = SHARP
    contamination: Contamination | None = None
    band: Band = SOFT
    emission: Emission = CONTINUUM
    least: float | None = None
    layers: tuple[Layer, ...] = ()
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

    def log_luminosity_limit(self, z: Array, cosmology: Cosmology, relations: Relations) -> Array:
        """log10 of the luminosity, erg/s, that has the limiting flux: L_lim = 4 pi D_L^2 f_lim K(z, T).

        In the band of the relations. T is that of the mass of which this luminosity is typical, as where a catalogue's
        fluxes become luminosities: what is selected is one number of a cluster, that which is listed. The result has
        the shape of `z`.
        """
        of, log_limit = (np.asarray(z, dtype=float), cosmology, relations), math.log10(self.flux_limit)
        limit = self._with_factor(lambda at: log_limit + log_sphere(at, cosmology), self.log_factor, of)
        if self.least is not None:
            log_least = math.log10(self.least)
            limit = np.maximum(limit, self._with_factor(lambda at: log_least + 0.0 * at, self._log_ratio, of))
        return np.asarray(limit)

    def _with_factor(
        self, log_lx: Callable[[Array], Array], factor: _Factor, of: tuple[Array, Cosmology, Relations]
    ) -> Array:
        """Luminosities in the band of the relations, from others by a factor that depends on their temperature."""
        z, cosmology, relations = of
        to = relations.lx_band
        if not self.needs_temperature(to):
            return log_lx(z) + factor(z, None, to)
        nodes = z if z.size <= _MANY else np.geomspace(z.min(), z.max(), _MANY)
        at_nodes = log_lx(nodes)
        log_t = self.emission.temperature_of(lambda t: at_nodes + factor(nodes, t, to), nodes, cosmology, relations)
        of_nodes = factor(nodes, log_t, to)
        return log_lx(z) + (of_nodes if nodes is z else np.interp(np.log(z), np.log(nodes), of_nodes))

    @property
    def k_by_temperature(self) -> bool:
        """Whether the K-correction depends on temperature."""
        return self.k_correction in BY_TEMPERATURE

    def needs_temperature(self, to: Band) -> bool:
        """Whether luminosities in a band follow from fluxes by a factor that depends on temperature."""
        return self.k_by_temperature or self.emission.depends_on_temperature(self.band, to)

    def log_factor(self, z: Array, log_t: Array | None, to: Band) -> Array:
        """log10 of a luminosity in a band over 4 pi D_L^2 times a flux in the survey's.

        `z` and `log_t`, log10 kT / keV, broadcast; `log_t` may be None where nothing depends on it.
        """
        return np.asarray(self._log_k(z, log_t) + self._log_ratio(z, log_t, to))

    def _log_ratio(self, z: Array, log_t: Array | None, to: Band) -> Array:
        """log10 of the luminosity in a band over that in the survey's; arguments as of `log_factor`."""
        return self.emission.log_ratio(self.band, to, np.zeros(()) if log_t is None else log_t, z)

    def _log_k(self, z: Array, log_t: Array | None) -> Array:
        """log10 of the K-correction in the survey's own band."""
        if self.k_by_temperature:
            assert log_t is not None
            if self.k_correction == "bremsstrahlung":
                return np.log10(bremsstrahlung_k(z, 10.0**log_t, self.band))
            if self.k_correction in _EMITTED:
                emitted = _EMITTED[self.k_correction]
                return np.asarray(emitted(self.band, log_t) - emitted(self.band, log_t, z))
            assert self.emission.table is not None
            return self.emission.table.k(log_t, z)
        return np.asarray((self.k_slope if self.k_correction == "power_law" else 0.0) * np.log10(1 + z))

    @property
    def in_flux(self) -> FluxLimited:
        """The selection itself."""
        return self

    def with_limit(self, flux_limit: float) -> FluxLimited:
        """The same with another reference flux."""
        return replace(self, flux_limit=flux_limit)

    def with_detection(self, detection: Detection) -> FluxLimited:
        """The same with another chance of detection, and no layers."""
        return replace(self, detection=detection, layers=())

    def with_layers(self, layers: tuple[Layer, ...]) -> FluxLimited:
        """The same on a sky of parts, each of which has its chance of detection at other fluxes."""
        return replace(self, detection=mean_of(self.detection, layers), layers=layers)

    def of_layer(self, number: int) -> FluxLimited:
        """Selection of clusters that lie in one of the layers."""
        parts = len(self.detection.offset) // len(self.layers)
        return self.with_detection(self.detection.some(slice(number * parts, (number + 1) * parts)))

    def above(self, least: float | None) -> FluxLimited:
        """The same of no cluster less luminous than that; its one sharp limit becomes the reference flux."""
        (offset,) = self.detection.offset
        at_reference = replace(self.detection, offset=(0.0,))
        return replace(self, flux_limit=self.flux_limit * 10.0**offset, detection=at_reference, least=least)

    def in_band(self, band: Band) -> FluxLimited:
        """The same of fluxes in another band."""
        return replace(self, band=band)

    def with_emission(self, emission: Emission) -> FluxLimited:
        """The same with other factors between bands."""
        return replace(self, emission=emission)

    @property
    def of_clusters(self) -> FluxLimited:
        """The same without contaminants."""
        return replace(self, contamination=None)

    @property
    def of_contaminants(self) -> FluxLimited | None:
        """A selection of clusters that are as numerous as the contaminants, and as bright; None without any."""
        if self.contamination is None:
            return None
        return replace(self.with_detection(self.contamination.detection(self.detection)), contamination=None)

    def shifted(self) -> Shifted:
        """The same with a higher flux limit."""
        return Shifted(f"flux limit x {_SHIFT:g}", self.with_limit(_SHIFT * self.flux_limit))

    @property
    def words(self) -> str:
        """The selection in a few sentences."""
        k = _K_WORDS[self.k_correction].format(slope=self.k_slope)
        error = f"; fluxes are measured to {self.flux_error:g} dex" if self.flux_error else ""
        return (
            f"Selection: {self.band} flux above {self.flux_limit:.3g} erg/s/cm2, {k}; "
            f"L_X scatters log-normally at fixed mass{error}.{self._detection_words}"
        )

    @property
    def _detection_words(self) -> str:
        """Sky coverage, completeness and contamination; nothing where there are none."""
        words, detection = "", self.detection
        if detection.varies:
            words += (
                f" The chance of detection is a table in flux and redshift, from z = {detection.knots[0]:g} to "
                f"{detection.knots[-1]:g}; nothing is detected below {self.flux_limit:.3g} erg/s/cm2, and above its "
                "last flux the chance stays as it is there."
            )
        elif not detection.is_sharp:
            words += f" The chance of detection {self._rise_words}: sky coverage and completeness."
        if self.layers:
            each = ", ".join(f"{x.name} ({x.share:.0%}, fluxes x {10**x.log_factor:.3g})" for x in self.layers)
            words += f" Layers of the sky share density contrasts: {each}."
        if self.contamination is not None:
            words += f" Up to {max(self.contamination.fraction):.0%} of the detections at a flux are no clusters."
        return words

    @property
    def _rise_words(self) -> str:
        """From which chance to which it rises, and over how much."""
        detection, top = self.detection, sum(self.detection.weight)
        rising = len(detection.offset) - detection.floor
        parts = [*zip(detection.offset, detection.width, strict=True)][:rising]
        span = max(o + _HALF * s for o, s in parts) - min(o - _HALF * s for o, s in parts)
        words = f"rises over {span:.2f} dex in flux to {top:.0%}" if span > 0.005 else f"is {top:.0%} above the limit"
        if detection.floor:
            faintest = self.flux_limit * 10 ** detection.offset[-1]
            words += f", and is {detection.weight[-1]:.2g} below, down to {faintest:.3g} erg/s/cm2"
        return words


def log_sphere(z: Array, cosmology: Cosmology) -> Array:
    """log10 of 4 pi D_L^2, cm2, of the shape of `z`."""
    distance = cosmology.luminosity_distance(z) / cosmology.h * MPC_CM
    return np.asarray(math.log10(4 * math.pi) + 2 * np.log10(distance))


def bremsstrahlung_k(z: Array, temperature: Array, band: Band = SOFT) -> Array:
    """Rest-frame over observed luminosity in a band of thermal bremsstrahlung at `temperature` keV.

    Spectrum E^-0.4 exp(-E/T) in energy (Gaunt factor E^-0.4), no lines. Gas cooler than `COOLEST` counts as that; in
    bands of higher energies, than so much more.
    """

    temperature = np.maximum(temperature, COOLEST * band.low / SOFT.low)

    def between(low: Array, high: Array) -> Array:
        fraction: Array = special.gammaincc(0.6, low / temperature) - special.gammaincc(0.6, high / temperature)
        return fraction

    low, high = band.low, band.high
    return between(np.asarray(low), np.asarray(high)) / between(low * (1 + z), high * (1 + z))
