"""The tables of a configuration: keys, types and defaults. Strict: an unknown key is an error."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from ..cosmology.mass_function import MODELS
from .relations_schema import ReferenceCosmologyConfig
from .schema_types import FileName, Mass, Number, Strict, Whole, Width, like


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


WIDEST_LOGNORMAL = 3.0
"""Standard deviation of ln of a factor beyond which a per cent was meant."""


class ParameterConfig(Strict):
    """A free parameter: one of `flat`, `gaussian`, `lognormal`; or fixed at `value`."""

    fiducial: Number | None = None
    """Value at which data are expected; if left out 1 for factors, and for Om0, h and ns that of [cosmology]."""
    flat: Annotated[tuple[Number, Number] | None, Field(examples=["[0.6, 1.0]"])] = None
    """A flat prior between two values."""
    gaussian: Width | None = None
    """Standard deviation of a Gaussian prior about the fiducial value."""
    lognormal: Width | None = None
    """Standard deviation of ln of the parameter about the fiducial value: 0.1 is 10%."""
    value: Number | None = None
    """Fixed there instead of free."""

    @model_validator(mode="after")
    def _one_kind(self) -> ParameterConfig:
        given = [k for k in ("flat", "gaussian", "lognormal", "value") if getattr(self, k) is not None]
        if len(given) != 1:
            raise ValueError("give exactly one of flat = [low, high], gaussian = std, lognormal = std, value = fixed")
        if self.lognormal is not None and self.lognormal > WIDEST_LOGNORMAL:
            raise ValueError(f"lognormal = {self.lognormal:g} is a factor of e^{self.lognormal:g}; 6% is 0.06")
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
    yx_norm: Annotated[str, like("yx")]
    """Y_X there."""
    slope: Number
    """Power of Y_X."""
    evolution: Number
    """Power of E(z)."""


class CatalogueConfig(Strict):
    """Where real clusters come from and what their columns mean."""

    builtin: str | None = None
    """A table that is shipped with the package."""
    path: FileName | None = None
    """A table of clusters: ECSV, FITS, VOTable or CSV."""
    format: str | None = None
    """astropy's name of its format, where the file's ending does not say."""
    table: str | Whole | None = None
    """Name or number of a table among several in the file."""
    columns: dict[str, str | dict[str, str]]
    """What columns mean: name, z, lx, t, mgas, yx, m500, mwl, and X_error of each but the name; a name, or { name =
    ..., unit = ... }."""
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
