"""The tables of a configuration: keys, types and defaults. Strict: an unknown key is an error."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from .massfunction import MODELS


class Strict(BaseModel):
    """A table that knows all its keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class CosmologyConfig(Strict):
    """Flat LambdaCDM shape parameters."""

    Om0: float
    Ob0: float
    h: float
    ns: float


class BoxConfig(Strict):
    """A box at one redshift."""

    geometry: Literal["box"]
    side: str
    fraction: float = 1.0
    z: float


class LightConeConfig(Strict):
    """Sky area between two redshifts."""

    geometry: Literal["light_cone"]
    area: str
    zmin: float
    zmax: float


class SharpConfig(Strict):
    """NV22's selection in mass."""

    kind: Literal["sharp"]
    break_mass: str
    min_mass: str
    min_mass_mode: Literal["fixed", "follows_lx"] = "fixed"
    slope: float = 2.4


class SmoothedConfig(SharpConfig):
    """NV22's selection of appendix A."""

    kind: Literal["smoothed"]  # type: ignore[assignment]
    smoothing: float = 0.076


class FluxLimitedConfig(Strict):
    """A limit in 0.5-2 keV flux."""

    kind: Literal["flux_limited"]
    flux_limit: str
    k_correction: Literal["none", "power_law", "bremsstrahlung"] = "power_law"
    k_slope: float = -0.57
    flux_error: float = 0.0


class PowerLawConfig(Strict):
    """One scaling relation; scatter in dex, or with its unit: "0.396 ln"."""

    norm: str
    slope: float
    evolution: float
    scatter: float | str


class CorrelationConfig(Strict):
    """Correlations of residuals at fixed mass."""

    lx_t: float = 0.0
    lx_mgas: float = 0.0
    t_mgas: float = 0.0
    lx_yx: float = 0.0


class RelationsConfig(Strict):
    """Scaling relations at the pivot mass and reference redshift."""

    pivot: str
    z0: float
    lx: PowerLawConfig
    t: PowerLawConfig | None = None
    mgas: PowerLawConfig | None = None
    yx: PowerLawConfig | None = None
    correlation: CorrelationConfig = CorrelationConfig()


class ParameterConfig(Strict):
    """A free parameter: one of `flat`, `gaussian`, `lognormal`; or fixed at `value`."""

    fiducial: float | None = None
    flat: tuple[float, float] | None = None
    gaussian: float | None = None
    lognormal: float | None = None
    value: float | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> ParameterConfig:
        given = [k for k in ("flat", "gaussian", "lognormal", "value") if getattr(self, k) is not None]
        if len(given) != 1:
            raise ValueError("give exactly one of flat = [low, high], gaussian = std, lognormal = std, value = fixed")
        return self


Level = Literal["counts", "selfcal", "binned", "unbinned"]


class SamplerConfig(Strict):
    """MCMC settings."""

    level: Level = "selfcal"
    levels: tuple[Level, ...] = ("counts", "selfcal", "unbinned")
    walkers: Annotated[int, Field(ge=8, le=4096)] = 64
    block: Annotated[int, Field(ge=10)] = 250
    max_steps: Annotated[int, Field(ge=10)] = 20000
    quick_steps: Annotated[int, Field(ge=10)] = 1500


class MapConfig(Strict):
    """Binned sigma8 map over (N, median log10 Y_X)."""

    mocks: Annotated[int, Field(ge=10)] = 5000
    cell_count: Annotated[float, Field(gt=0)] = 20.0
    cell_yx: Annotated[float, Field(gt=0)] = 0.05
    min_mocks: Annotated[int, Field(ge=2)] = 10


class LadderConfig(Strict):
    """Rows of the ladder beside the survey itself."""

    widening: tuple[float, ...] = (1.0, 10.0)
    mass_functions: tuple[str, ...] = tuple(MODELS)
    break_masses: tuple[str, ...] = ()
    survival_widening: tuple[float, ...] = (1.0, 3.0, 10.0)
    volumes: tuple[Annotated[float, Field(gt=0)], ...] = (1.0, 10.0, 100.0)


class ReferenceCosmologyConfig(Strict):
    """Cosmology in which a catalogue's luminosities and masses were computed."""

    Om0: float
    h: float


class MassRelationConfig(Strict):
    """M500 = mass_norm (Y_X / yx_norm)^slope E(z)^evolution, to be inverted."""

    mass_norm: str
    yx_norm: str
    slope: float
    evolution: float


class CatalogueConfig(Strict):
    """Where real clusters come from and what their columns mean."""

    builtin: str | None = None
    path: str | None = None
    format: str | None = None
    columns: dict[str, str | dict[str, str]]
    cosmology: ReferenceCosmologyConfig
    mass_relation: MassRelationConfig | None = None


class PublishedConfig(Strict):
    """A published value to show beside a fit."""

    label: str
    value: float
    stat: float
    sys: float
