"""The tables of the scaling relations, their residuals and the mass proxy."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from ...cosmology.mass_definition import CONCENTRATIONS
from .types import BandText, FileName, Hubble, Mass, Number, NumberOrQuantity, PublishedDensity, Strict


class PowerLawConfig(Strict):
    """One scaling relation; scatter in dex, or with its unit: "0.396 ln"; from the library if left out.

    `h_exponent` is the published power of h in the normalisation, at fixed mass in the unit of the pivot.
    """

    norm: Annotated[str, Field(examples=['"44.2 log10 erg/s"'])]
    """Mean of the observable at the pivot mass and redshift z0, with its unit."""
    slope: Number
    """Power of mass."""
    evolution: Number
    """Power of E(z)/E(z0)."""
    scatter: NumberOrQuantity | None = None
    """Scatter at fixed mass, dex, or with its unit: "0.396 ln"; that of the [library] if left out."""
    h_exponent: Annotated[Number, Field(ge=-10, le=10)] | None = None
    """Published power of h of the normalisation at fixed mass in the unit of the pivot; if left out, that which
    follows from how the observable is measured (L_X h^2, M_gas h^2.5, M h)."""


class LuminosityConfig(PowerLawConfig):
    """The scaling relation of L_X."""

    band: BandText = "0.5-2 keV"
    """Energies of L_X in the rest frame; all luminosities of a survey are converted to them."""
    curvature: Annotated[Number, Field(ge=-1, le=1)] = 0.0
    """In log10 L_X = norm + slope x + curvature x^2, x = log10 M over the pivot; per dex^2. Straight beyond 1.5 dex."""
    break_mass: Mass | None = None
    """Mass below which L_X goes with `slope_below`; no break if left out."""
    slope_below: Annotated[Number | None, Field(examples=["2.0"])] = None
    """Power of mass far below the break; above it, it is `slope`."""
    break_width: Annotated[Number, Field(ge=0.05, le=1)] = 0.1
    """Dex of mass over which one slope passes into the other; 0.05 is as good as a sharp break."""

    @model_validator(mode="after")
    def _whole_break(self) -> LuminosityConfig:
        if (self.break_mass is None) != (self.slope_below is None):
            raise ValueError('a break has a mass and a slope; give break_mass = "14.2 log10 Msun/h" and slope_below')
        if self.break_mass is None and self.break_width != type(self).model_fields["break_width"].default:
            raise ValueError("break_width is that of a break; give break_mass and slope_below too, or leave it out")
        return self


class CorrelationConfig(Strict):
    """Correlations of residuals at fixed mass."""

    lx_t: Number = 0.0
    """Of the residuals of L_X and T at fixed mass, -1 to 1."""
    lx_mgas: Number = 0.0
    """Of L_X and M_gas."""
    t_mgas: Number = 0.0
    """Of T and M_gas."""
    lx_yx: Number = 0.0
    """Of L_X and Y_X."""
    t_yx: Number = 0.0
    """Of T and Y_X."""


class CalibrationConfig(Strict):
    """Flat LambdaCDM in which the relations were calibrated, on clusters at redshift `z`."""

    Om0: PublishedDensity
    """Matter density with which the relations were published."""
    h: Hubble
    """Hubble constant over 100 km/s/Mpc with which they were."""
    z: Annotated[Number, Field(ge=0, le=2)] = 0.0
    """Typical redshift of the clusters on which they were calibrated."""


class MassDefinedConfig(Strict):
    """Masses that may be in another definition than M500c, to which they are converted."""

    mass_definition: Literal["500c", "200c", "200m", "vir"] = "500c"
    """Overdensity of masses: of the pivot and of calibrated_masses that are given, or of lensing masses of a catalogue.
    Those in another one than 500c become M500c of NFW haloes; all masses elsewhere are M500c."""
    concentration: Literal[CONCENTRATIONS] = CONCENTRATIONS[0]  # type: ignore[valid-type]
    """Relation of concentration, mass and redshift with which they do."""

    @model_validator(mode="after")
    def _converts(self) -> MassDefinedConfig:
        if self.mass_definition == "500c" and self.concentration != CONCENTRATIONS[0]:
            raise ValueError('concentration is for masses that are converted; add mass_definition = "200c", or drop it')
        return self


class RelationsConfig(MassDefinedConfig):
    """Scaling relations at the pivot mass and reference redshift."""

    pivot: Mass
    """Mass M500c at which the normalisations hold."""
    z0: Number
    """Redshift at which they hold."""
    lx: LuminosityConfig
    """L_X in `band` of the rest frame, against mass."""
    t: PowerLawConfig | None = None
    """Temperature against mass; with `mgas` it makes Y_X = M_gas T."""
    mgas: PowerLawConfig | None = None
    """Gas mass within R500 against mass."""
    yx: PowerLawConfig | None = None
    """Y_X against mass, instead of M_gas."""
    correlation: CorrelationConfig = CorrelationConfig()
    """Correlations of residuals at fixed mass."""
    calibration: CalibrationConfig | None = None
    """Cosmology in which the relations were calibrated; that of [cosmology] if left out."""
    calibrated_masses: tuple[Mass, Mass] = ("13.5 log10 Msun/h", "15.5 log10 Msun/h")
    """Masses between which they are; clusters outside are named in the report."""
    share_mass_scale: tuple[Literal["lx", "t", "mgas", "yx"], ...] | None = None
    """Relations calibrated against the same masses, which parameters.mass_scale multiplies; all of them if left out."""
    aperture: Literal["r500", "angle"] = "r500"
    """Whether gas is measured within an R500 that follows from Y_X itself, or within a fixed angle."""


class ReferenceCosmologyConfig(Strict):
    """Cosmology in which a catalogue's luminosities and masses were computed."""

    Om0: PublishedDensity
    """Matter density with which distances, luminosities and masses of the table were computed; 1 is Einstein-de
    Sitter."""
    h: Hubble
    """Hubble constant over 100 km/s/Mpc with which they were."""


class LibraryConfig(Strict):
    """Where residuals come from: a built-in library or a table of clusters."""

    name: str | None = None
    """A built-in library of residuals: nv22_table2, magneticum, flamingo or tng."""
    path: FileName | None = None
    """A table of simulated clusters instead."""
    columns: dict[str, str | dict[str, str]] | None = None
    """Its columns: mass, and those of the observables."""
    select: dict[str, Number] | None = None
    """Values that columns must have for a row to count."""
    cosmology: ReferenceCosmologyConfig | None = None
    """Cosmology of the simulation."""

    @model_validator(mode="after")
    def _one_source(self) -> LibraryConfig:
        if (self.name is None) == (self.path is None):
            raise ValueError("give name = a built-in library, or path = a table of clusters")
        return self


class ProxyConfig(Strict):
    """A mass proxy given by the published distribution of log(M_proxy / M_true)."""

    name: str
    """What the mass proxy is called."""
    bias: Number
    """Mean (or median, see `centre`) of log(M_proxy / M_true), in `unit`."""
    scatter: Number
    """Its standard deviation, in `unit`."""
    skewness: Number = 0.0
    """Its skewness."""
    kurtosis: Number = 0.0
    """Its excess kurtosis."""
    unit: Literal["dex", "ln"] = "dex"
    """Whether logarithms are decimal (dex) or natural (ln)."""
    reference: str = ""
    """Where the numbers come from."""
    centre: Literal["mean", "median"] = "mean"
    """Whether `bias` is a mean or a median."""
