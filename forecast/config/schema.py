"""The tables of a configuration: keys, types and defaults. Strict: an unknown key is an error."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from ..core.parameters import MAX_SHELLS
from ..core.units import KINDS
from ..cosmology.background import LIMITS
from ..cosmology.mass_function import MODELS


class Strict(BaseModel):
    """A table that knows all its keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)


def _no_truth(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("is a number, not true or false")
    return value


Number = Annotated[float, BeforeValidator(_no_truth)]
Whole = Annotated[int, BeforeValidator(_no_truth)]
MatterDensity = Annotated[Number, Field(ge=LIMITS["Om0"][0], le=LIMITS["Om0"][1])]
Hubble = Annotated[Number, Field(ge=LIMITS["h"][0], le=LIMITS["h"][1])]


def _like(kind: str) -> Any:
    """An example of a number with a unit."""
    return Field(examples=[f'"{KINDS[kind].example}"'])


Mass = Annotated[str, _like("mass")]
Length = Annotated[str, _like("length")]
Area = Annotated[str, _like("area")]
Flux = Annotated[str, _like("flux")]


class CosmologyConfig(Strict):
    """Flat LambdaCDM shape parameters."""

    Om0: Number
    """Matter density today over the critical one. Its fiducial value where it is a free parameter."""
    Ob0: Number
    """Baryon density today over the critical one; where h is free, Ob0 h^2 is kept."""
    h: Number
    """Hubble constant over 100 km/s/Mpc."""
    ns: Number
    """Slope of the primordial power spectrum."""


class BoxConfig(Strict):
    """A box at one redshift."""

    geometry: Literal["box"]
    """A cube at one redshift, as in a simulation."""
    side: Length
    """Comoving side of the cube."""
    fraction: Number = 1.0
    """Part of the cube that is surveyed, 0 to 1."""
    z: Number
    """Redshift of all clusters."""


class LightConeConfig(Strict):
    """Sky area between two redshifts, in shells of equal ratio of distances or between `redshift_edges`."""

    geometry: Literal["light_cone"]
    """A part of the sky between two redshifts."""
    area: Area
    """Sky area, at most 41253 deg2."""
    zmin: Number
    """Lowest redshift."""
    zmax: Number
    """Highest redshift."""
    shells: Annotated[Whole, Field(ge=1, le=MAX_SHELLS)] | None = None
    """Redshift shells of equal ratio of distances, each with a density contrast of its own; one if left out."""
    redshift_edges: tuple[Number, ...] | None = None
    """Edges of the shells instead, from zmin to zmax."""
    binned_in_redshift: bool = False
    """Whether N and Y_X are kept apart by shell at every level."""

    @model_validator(mode="after")
    def _edges_fit(self) -> LightConeConfig:
        edges = self.redshift_edges
        if edges is None:
            return self
        if len(edges) < 2 or (edges[0], edges[-1]) != (self.zmin, self.zmax):
            raise ValueError(f"redshift_edges must start at zmin = {self.zmin:g} and end at zmax = {self.zmax:g}")
        if self.shells not in (None, len(edges) - 1):
            raise ValueError(f"{len(edges)} redshift_edges make {len(edges) - 1} shells, not {self.shells}")
        return self


class SharpConfig(Strict):
    """NV22's selection in mass."""

    kind: Literal["sharp"]
    """A limit in mass with a probability of detection that falls below a break."""
    break_mass: Mass
    """Mass M500c below which detection falls."""
    min_mass: Mass
    """Lowest mass M500c."""
    min_mass_mode: Literal["fixed", "follows_lx"] = "fixed"
    """Whether the lowest mass is fixed, or moves with the L_X relation as that of a flux limit does."""
    slope: Number = 2.4
    """Power of mass of the chance of detection below the break."""


class SmoothedConfig(SharpConfig):
    """NV22's selection of appendix A."""

    kind: Literal["smoothed"]  # type: ignore[assignment]
    """The same with a smooth break, as in appendix A of Ntampaka & Vikhlinin (2022)."""
    smoothing: Number = 0.076
    """Width of the break, dex in mass."""


class CurveConfig(Strict):
    """Values against measured flux: `fluxes` and `values`, or a table file with columns flux and value."""

    fluxes: tuple[Flux, ...] | None = None
    """Measured fluxes, 0.5-2 keV, increasing."""
    values: tuple[Number, ...] | None = None
    """One value for each flux, 0 to 1."""
    path: str | None = None
    """A table with columns flux and value instead."""

    @model_validator(mode="after")
    def _one_source(self) -> CurveConfig:
        given = (self.fluxes is not None, self.values is not None)
        if any(given) == (self.path is not None) or any(given) != all(given):
            raise ValueError('give fluxes = [...] and values = [...], or path = "FILE"')
        return self


class FluxLimitedConfig(Strict):
    """A limit in 0.5-2 keV flux, one for each part of the sky, or a completeness curve."""

    kind: Literal["flux_limited"]
    """A limit in measured flux, 0.5-2 keV in the observed frame."""
    flux_limit: Flux | None = None
    """The limit, over the whole area."""
    flux_limits: tuple[Flux, ...] | None = None
    """Limits of parts of the sky instead, with `areas`."""
    areas: tuple[Area, ...] | None = None
    """Area of each part."""
    area_table: str | None = None
    """A table with columns flux and area instead: the area in which a limit holds."""
    completeness: CurveConfig | None = None
    """Chance of detection against flux instead of a limit; nothing is detected below the lowest flux."""
    completeness_width: Annotated[Number, Field(ge=0, lt=1)] = 0.0
    """Width of the rise from 0 to 1 about the limit, dex in flux; 0 is a step."""
    contamination: CurveConfig | None = None
    """Detections that are no clusters, as a share of all, against flux."""
    k_correction: Literal["none", "power_law", "bremsstrahlung"] = "power_law"
    """How luminosities follow from fluxes: a power law of 1 + z, bremsstrahlung of the temperature, or none."""
    k_slope: Number = -0.57
    """Power of 1 + z of L_X over 4 pi D_L^2 flux, for k_correction = "power_law"."""
    flux_error: Number = 0.0
    """Scatter of measured about true flux, dex; the selection is by the measured one."""

    @model_validator(mode="after")
    def _one_limit(self) -> FluxLimitedConfig:
        limits = ("flux_limit", "flux_limits", "area_table", "completeness")
        given = [name for name in limits if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"give exactly one of {', '.join(limits)}; got {', '.join(given) or 'none'}")
        if (self.flux_limits is None) != (self.areas is None) or len(self.areas or ()) != len(self.flux_limits or ()):
            raise ValueError("flux_limits = [...] and areas = [...] go together, one area for each limit")
        if self.completeness is not None and self.completeness_width:
            raise ValueError("completeness is a whole curve; leave out completeness_width")
        return self


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
    scatter: Number | str | None = None
    """Scatter at fixed mass, dex, or with its unit: "0.396 ln"; that of the [library] if left out."""
    h_exponent: Annotated[Number, Field(ge=-10, le=10)] | None = None
    """Published power of h of the normalisation at fixed mass in the unit of the pivot; if left out, that which
    follows from how the observable is measured (L_X h^2, M_gas h^2.5, M h)."""


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

    Om0: MatterDensity
    """Matter density with which the relations were published."""
    h: Hubble
    """Hubble constant over 100 km/s/Mpc with which they were."""
    z: Annotated[Number, Field(ge=0, le=2)] = 0.0
    """Typical redshift of the clusters on which they were calibrated."""


class RelationsConfig(Strict):
    """Scaling relations at the pivot mass and reference redshift."""

    pivot: Mass
    """Mass M500c at which the normalisations hold."""
    z0: Number
    """Redshift at which they hold."""
    lx: PowerLawConfig
    """L_X of 0.5-2 keV in the rest frame, against mass."""
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
    aperture: Literal["r500", "angle"] = "r500"
    """Whether gas is measured within an R500 that follows from Y_X itself, or within a fixed angle."""


class ReferenceCosmologyConfig(Strict):
    """Cosmology in which a catalogue's luminosities and masses were computed."""

    Om0: MatterDensity
    """Matter density with which distances, luminosities and masses of the table were computed."""
    h: Hubble
    """Hubble constant over 100 km/s/Mpc with which they were."""


class LibraryConfig(Strict):
    """Where residuals come from: a built-in library or a table of clusters."""

    name: str | None = None
    """A built-in library of residuals: nv22_table2, magneticum, flamingo or tng."""
    path: str | None = None
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


class WeakLensingConfig(Strict):
    """Weak-lensing masses of single clusters: scatter of ln M, or with its unit: "0.2 ln", "0.09 dex"."""

    scatter: Number | str
    """Scatter of weak-lensing masses about true ones, of ln M, or with its unit: "0.09 dex"."""


class ErrorsConfig(Strict):
    """Measurement errors of single clusters, dex."""

    t: Annotated[Number, Field(ge=0, le=2)] = 0.0
    """Measurement error of T, dex, where a catalogue gives none."""
    mgas: Annotated[Number, Field(ge=0, le=2)] = 0.0
    """Of M_gas, dex."""
    core: Annotated[Number, Field(ge=0, le=2)] = 0.0
    """Of the core brightness, dex."""
    yx: Annotated[Number, Field(ge=0, le=2)] = 0.0
    """Of Y_X, dex, where it has a relation of its own."""


class ParameterConfig(Strict):
    """A free parameter: one of `flat`, `gaussian`, `lognormal`; or fixed at `value`."""

    fiducial: Number | None = None
    """Value at which data are expected; if left out 1 for factors, and for Om0, h and ns that of [cosmology]."""
    flat: Annotated[tuple[Number, Number] | None, Field(examples=["[0.6, 1.0]"])] = None
    """A flat prior between two values."""
    gaussian: Number | None = None
    """Standard deviation of a Gaussian prior about the fiducial value."""
    lognormal: Number | None = None
    """Standard deviation of ln of the parameter about the fiducial value: 0.1 is 10%."""
    value: Number | None = None
    """Fixed there instead of free."""

    @model_validator(mode="after")
    def _one_kind(self) -> ParameterConfig:
        given = [k for k in ("flat", "gaussian", "lognormal", "value") if getattr(self, k) is not None]
        if len(given) != 1:
            raise ValueError("give exactly one of flat = [low, high], gaussian = std, lognormal = std, value = fixed")
        return self


Level = Literal["counts", "selfcal", "binned", "unbinned", "full", "full+wl"]


class SamplerConfig(Strict):
    """MCMC settings."""

    level: Level = "selfcal"
    """The level of the headline: counts, selfcal, binned, unbinned, full or full+wl."""
    levels: tuple[Level, ...] = ("counts", "selfcal", "unbinned")
    """All levels that are sampled."""
    walkers: Annotated[Whole, Field(ge=8, le=4096)] = 64
    """emcee's walkers."""
    block: Annotated[Whole, Field(ge=10)] = 250
    """Steps after which the chain is written and judged."""
    max_steps: Annotated[Whole, Field(ge=10)] = 20000
    """Longest chain, steps."""
    quick_steps: Annotated[Whole, Field(ge=10)] = 1500
    """Longest chain with --quick, steps."""


class MapConfig(Strict):
    """Binned sigma8 map over (N, median log10 Y_X)."""

    mocks: Annotated[Whole, Field(ge=10)] = 5000
    """Mock catalogues."""
    cell_count: Annotated[Number, Field(gt=0)] = 20.0
    """Width of a cell in N."""
    cell_yx: Annotated[Number, Field(gt=0)] = 0.05
    """Width of a cell in the median log10 Y_X, dex."""
    min_mocks: Annotated[Whole, Field(ge=2)] = 10
    """Fewest mocks of a cell that is shown."""


class LadderConfig(Strict):
    """Rows of the ladder beside the survey itself."""

    widening: tuple[Number, ...] = (1.0, 10.0)
    """Factors on the width (in log) of the priors on normalisations, a row each."""
    mass_functions: tuple[str, ...] = tuple(MODELS)
    """Mass functions that are swapped in, to see how sigma8 moves."""
    break_masses: tuple[Mass, ...] = ()
    """Other readings of the break mass, a row each."""
    survival_widening: tuple[Number, ...] = (1.0, 3.0, 10.0)
    """Factors on those widths in the table of what survives."""
    volumes: tuple[Annotated[Number, Field(gt=0)], ...] = (1.0, 10.0, 100.0)
    """Factors on the volume in that table."""


class MassRelationConfig(Strict):
    """M500 = mass_norm (Y_X / yx_norm)^slope E(z)^evolution, to be inverted."""

    mass_norm: Mass
    """M500 at Y_X = yx_norm and E(z) = 1."""
    yx_norm: Annotated[str, _like("yx")]
    """Y_X there."""
    slope: Number
    """Power of Y_X."""
    evolution: Number
    """Power of E(z)."""


class CatalogueConfig(Strict):
    """Where real clusters come from and what their columns mean."""

    builtin: str | None = None
    """A table that is shipped with the package."""
    path: str | None = None
    """A table of clusters: ECSV, FITS, VOTable or CSV."""
    format: str | None = None
    """astropy's name of its format, where the file's ending does not say."""
    table: str | Whole | None = None
    """Name or number of a table among several in the file."""
    columns: dict[str, str | dict[str, str]]
    """What columns mean: name, z, lx, t, mgas, yx, m500, mwl, and X_error of each; a name, or { name = ..., unit =
    ... }."""
    cosmology: ReferenceCosmologyConfig
    """Cosmology in which luminosities and masses of the table were computed."""
    mass_relation: MassRelationConfig | None = None
    """How M500 was made from Y_X, to be inverted where the table lists M500."""


class PublishedConfig(Strict):
    """A published value to show beside a fit."""

    label: str
    """What it is."""
    value: Number
    """Published value of sigma8."""
    stat: Number
    """Its statistical error."""
    sys: Number
    """Its systematic error."""
