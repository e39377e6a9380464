"""What may be asked of a survey's selection: by every part of the package, by models in mass, by models in flux.

A selection acts on mass (`forecast.survey.mass_cut`) or on flux (`forecast.survey.flux_limit`); nobody asks of which
class it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from ..core.arrays import Array
from ..core.band import Band
from ..cosmology.background import Cosmology
from ..relations.lines import Line, Lines
from ..relations.power_laws import Relations
from .detection.contamination import Contamination
from .detection.curve import Detection
from .detection.layers import Layer
from .emission import Emission

MinMassMode = Literal["fixed", "follows_lx"]
"""Whether a lowest mass is an absolute mass standard, which no survey has, or follows the luminosity relation."""


class Selection(Protocol):
    """What every part of the package may ask of a selection."""

    @property
    def acts_on(self) -> Literal["mass", "flux"]:
        """What it acts on, which decides the forward model."""

    @property
    def in_mass(self) -> MassSelection | None:
        """The selection, if it acts on mass."""

    @property
    def in_flux(self) -> FluxSelection | None:
        """The selection, if it acts on flux."""

    @property
    def log_break(self) -> float | None:
        """log10 of the fiducial break mass, Msun/h; None if it has none."""

    @property
    def blur(self) -> float:
        """Gaussian displacement in log10 M of the selected abundance, dex."""

    @property
    def flux_error(self) -> float:
        """Error of the flux on which it acts, dex; 0 if it acts on none."""

    @property
    def contamination(self) -> Contamination | None:
        """Detections that are no clusters."""

    @property
    def words(self) -> str:
        """The selection in a few sentences."""

    def shifted(self) -> Shifted:
        """A selection of brighter or more massive clusters, for a check to find out."""


@dataclass(frozen=True)
class Shifted:
    """Another selection, and how it differs, in words."""

    label: str
    selection: Selection


class MassSelection(Selection, Protocol):
    """What forward models in mass may ask; `lx` is the luminosity relation, of fields (P,)."""

    @property
    def log_break(self) -> float:
        """log10 of the fiducial break mass, Msun/h."""

    @property
    def min_mass_mode(self) -> MinMassMode:
        """What the lowest mass follows."""

    def lowest(self, lx: Line, relations: Relations) -> Array:
        """log10 of the lowest selected mass, Msun/h."""

    def weights(self, grid: Array, lx: Line, relations: Relations) -> Array:
        """Quadrature weights, dex, of the integral of S(M) f over log10 M on a uniform grid (M,); (P or 1, M)."""

    def probability(self, log_mass: Array, lx: Line, relations: Relations) -> Array:
        """S(M), shape (P, Q) for `log_mass` of shape (Q,)."""

    def chance(self, log_mass: Array, row: Array, lx: Line, relations: Relations) -> Array:
        """S(M) of n clusters, each at the relation number `row`, shape (n,)."""

    def with_break(self, log_break: float) -> MassSelection:
        """The same with another break mass, log10 Msun/h."""

    def with_min_mass(self, mode: MinMassMode) -> MassSelection:
        """The same with a lowest mass of another kind."""


class FluxSelection(Selection, Protocol):
    """What forward models in flux may ask."""

    @property
    def flux_limit(self) -> float:
        """Reference flux of `detection` and `contamination`, erg/s/cm2."""

    @property
    def detection(self) -> Detection:
        """Chance of detection against measured flux."""

    def with_layers(self, layers: tuple[Layer, ...]) -> FluxSelection:
        """The same on a sky of parts, each of which has its chance of detection at other fluxes."""

    @property
    def layers(self) -> tuple[Layer, ...]:
        """Parts of the sky of which `detection` is the mean, in the order of its parts; none without any."""

    def of_layer(self, number: int) -> FluxSelection:
        """Selection of clusters that lie in one of the layers."""

    @property
    def band(self) -> Band:
        """Of fluxes, observed frame."""

    @property
    def emission(self) -> Emission:
        """How luminosities in other bands follow."""

    @property
    def k_correction(self) -> str:
        """Which K-correction luminosities have."""

    @property
    def k_by_temperature(self) -> bool:
        """Whether the K-correction depends on temperature."""

    def needs_temperature(self, to: Band) -> bool:
        """Whether luminosities in a band follow from fluxes by a factor that depends on temperature."""

    def log_factor(self, z: Array, log_t: Array | None, to: Band) -> Array:
        """log10 of a luminosity in a band over 4 pi D_L^2 times a flux in the survey's."""

    def observed(self, lines: Lines) -> Lines:
        """Relations of the *measured* L_X: more scatter, and less of it correlated with Y_X."""

    def log_luminosity_limit(self, z: Array, cosmology: Cosmology, relations: Relations) -> Array:
        """log10 of the luminosity in the band of the relations that has the limiting flux, erg/s, shape of `z`."""

    def with_limit(self, flux_limit: float) -> FluxSelection:
        """The same with another reference flux."""

    def with_detection(self, detection: Detection) -> FluxSelection:
        """The same with another chance of detection against flux over the same reference flux."""

    def above(self, least: float | None) -> FluxSelection:
        """The same of no cluster less luminous than that, erg/s in its band."""

    def in_band(self, band: Band) -> FluxSelection:
        """The same of fluxes in another band."""

    def with_emission(self, emission: Emission) -> FluxSelection:
        """The same with other factors between bands."""

    @property
    def of_clusters(self) -> FluxSelection:
        """The same without contaminants."""

    @property
    def of_contaminants(self) -> FluxSelection | None:
        """A selection of clusters that are as numerous as the contaminants, and as bright; None without any."""
