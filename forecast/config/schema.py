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

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


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
    Ob0: Number
    h: Number
    ns: Number


class BoxConfig(Strict):
    """A box at one redshift."""

    geometry: Literal["box"]
    side: Length
    fraction: Number = 1.0
    z: Number


class LightConeConfig(Strict):
    """Sky area between two redshifts, in shells of equal ratio of distances or between `redshift_edges`."""

    geometry: Literal["light_cone"]
    area: Area
    zmin: Number
    zmax: Number
    shells: Annotated[Whole, Field(ge=1, le=MAX_SHELLS)] | None = None
    redshift_edges: tuple[Number, ...] | None = None
    binned_in_redshift: bool = False

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
    break_mass: Mass
    min_mass: Mass
    min_mass_mode: Literal["fixed", "follows_lx"] = "fixed"
    slope: Number = 2.4


class SmoothedConfig(SharpConfig):
    """NV22's selection of appendix A."""

    kind: Literal["smoothed"]  # type: ignore[assignment]
    smoothing: Number = 0.076


class CurveConfig(Strict):
    """Values against measured flux: `fluxes` and `values`, or a table file with columns flux and value."""

    fluxes: tuple[Flux, ...] | None = None
    values: tuple[Number, ...] | None = None
    path: str | None = None

    @model_validator(mode="after")
    def _one_source(self) -> CurveConfig:
        given = (self.fluxes is not None, self.values is not None)
        if any(given) == (self.path is not None) or any(given) != all(given):
            raise ValueError('give fluxes = [...] and values = [...], or path = "FILE"')
        return self


class FluxLimitedConfig(Strict):
    """A limit in 0.5-2 keV flux, one for each part of the sky, or a completeness curve."""

    kind: Literal["flux_limited"]
    flux_limit: Flux | None = None
    flux_limits: tuple[Flux, ...] | None = None
    areas: tuple[Area, ...] | None = None
    area_table: str | None = None
    completeness: CurveConfig | None = None
    completeness_width: Annotated[Number, Field(ge=0, lt=1)] = 0.0
    contamination: CurveConfig | None = None
    k_correction: Literal["none", "power_law", "bremsstrahlung"] = "power_law"
    k_slope: Number = -0.57
    flux_error: Number = 0.0

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
    slope: Number
    evolution: Number
    scatter: Number | str | None = None
    h_exponent: Annotated[Number, Field(ge=-10, le=10)] | None = None


class CorrelationConfig(Strict):
    """Correlations of residuals at fixed mass."""

    lx_t: Number = 0.0
    lx_mgas: Number = 0.0
    t_mgas: Number = 0.0
    lx_yx: Number = 0.0
    t_yx: Number = 0.0


class CalibrationConfig(Strict):
    """Flat LambdaCDM in which the relations were calibrated, on clusters at redshift `z`."""

    Om0: MatterDensity
    h: Hubble
    z: Annotated[Number, Field(ge=0, le=2)] = 0.0


class RelationsConfig(Strict):
    """Scaling relations at the pivot mass and reference redshift."""

    pivot: Mass
    z0: Number
    lx: PowerLawConfig
    t: PowerLawConfig | None = None
    mgas: PowerLawConfig | None = None
    yx: PowerLawConfig | None = None
    correlation: CorrelationConfig = CorrelationConfig()
    calibration: CalibrationConfig | None = None
    calibrated_masses: tuple[Mass, Mass] = ("13.5 log10 Msun/h", "15.5 log10 Msun/h")
    aperture: Literal["r500", "angle"] = "r500"


class ReferenceCosmologyConfig(Strict):
    """Cosmology in which a catalogue's luminosities and masses were computed."""

    Om0: MatterDensity
    h: Hubble


class LibraryConfig(Strict):
    """Where residuals come from: a built-in library or a table of clusters."""

    name: str | None = None
    path: str | None = None
    columns: dict[str, str | dict[str, str]] | None = None
    select: dict[str, Number] | None = None
    cosmology: ReferenceCosmologyConfig | None = None

    @model_validator(mode="after")
    def _one_source(self) -> LibraryConfig:
        if (self.name is None) == (self.path is None):
            raise ValueError("give name = a built-in library, or path = a table of clusters")
        return self


class ProxyConfig(Strict):
    """A mass proxy given by the published distribution of log(M_proxy / M_true)."""

    name: str
    bias: Number
    scatter: Number
    skewness: Number = 0.0
    kurtosis: Number = 0.0
    unit: Literal["dex", "ln"] = "dex"
    reference: str = ""
    centre: Literal["mean", "median"] = "mean"


class WeakLensingConfig(Strict):
    """Weak-lensing masses of single clusters: scatter of ln M, or with its unit: "0.2 ln", "0.09 dex"."""

    scatter: Number | str


class ErrorsConfig(Strict):
    """Measurement errors of single clusters, dex."""

    t: Annotated[Number, Field(ge=0, le=2)] = 0.0
    mgas: Annotated[Number, Field(ge=0, le=2)] = 0.0
    core: Annotated[Number, Field(ge=0, le=2)] = 0.0
    yx: Annotated[Number, Field(ge=0, le=2)] = 0.0


class ParameterConfig(Strict):
    """A free parameter: one of `flat`, `gaussian`, `lognormal`; or fixed at `value`."""

    fiducial: Number | None = None
    flat: Annotated[tuple[Number, Number] | None, Field(examples=["[0.6, 1.0]"])] = None
    gaussian: Number | None = None
    lognormal: Number | None = None
    value: Number | None = None

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
    levels: tuple[Level, ...] = ("counts", "selfcal", "unbinned")
    walkers: Annotated[Whole, Field(ge=8, le=4096)] = 64
    block: Annotated[Whole, Field(ge=10)] = 250
    max_steps: Annotated[Whole, Field(ge=10)] = 20000
    quick_steps: Annotated[Whole, Field(ge=10)] = 1500


class MapConfig(Strict):
    """Binned sigma8 map over (N, median log10 Y_X)."""

    mocks: Annotated[Whole, Field(ge=10)] = 5000
    cell_count: Annotated[Number, Field(gt=0)] = 20.0
    cell_yx: Annotated[Number, Field(gt=0)] = 0.05
    min_mocks: Annotated[Whole, Field(ge=2)] = 10


class LadderConfig(Strict):
    """Rows of the ladder beside the survey itself."""

    widening: tuple[Number, ...] = (1.0, 10.0)
    mass_functions: tuple[str, ...] = tuple(MODELS)
    break_masses: tuple[Mass, ...] = ()
    survival_widening: tuple[Number, ...] = (1.0, 3.0, 10.0)
    volumes: tuple[Annotated[Number, Field(gt=0)], ...] = (1.0, 10.0, 100.0)


class MassRelationConfig(Strict):
    """M500 = mass_norm (Y_X / yx_norm)^slope E(z)^evolution, to be inverted."""

    mass_norm: Mass
    yx_norm: Annotated[str, _like("yx")]
    slope: Number
    evolution: Number


class CatalogueConfig(Strict):
    """Where real clusters come from and what their columns mean."""

    builtin: str | None = None
    path: str | None = None
    format: str | None = None
    table: str | Whole | None = None
    columns: dict[str, str | dict[str, str]]
    cosmology: ReferenceCosmologyConfig
    mass_relation: MassRelationConfig | None = None


class PublishedConfig(Strict):
    """A published value to show beside a fit."""

    label: str
    value: Number
    stat: Number
    sys: Number
