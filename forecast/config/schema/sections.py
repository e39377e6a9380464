"""The tables of a configuration: keys, types and defaults. Strict: an unknown key is an error."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from ...cosmology.mass_function import ORDINARY
from .relations import MassDefinedConfig
from .types import Flux, Mass, MassFunctionName, Number, NumberOrQuantity, Strict, Whole

Correlation = Annotated[Number, Field(ge=-1, le=1)]


class LensingCorrelationConfig(Strict):
    """Correlations of the intrinsic scatter of ln M_WL with the residuals of observables at fixed mass."""

    lx: Correlation = 0.0
    """Correlation of the intrinsic scatter of M_WL with the residual of L_X at fixed mass, -1 to 1."""
    t: Correlation = 0.0
    """With that of T."""
    mgas: Correlation = 0.0
    """With that of M_gas."""
    yx: Correlation = 0.0
    """With that of Y_X, where it has a relation of its own."""
    core: Correlation = 0.0
    """With that of the core brightness, where a [library] has it."""


class LensingErrorConfig(Strict):
    """Errors of ln M_WL by redshift or by mass, linear between the points of a table and constant beyond."""

    z: tuple[Number, ...] | None = None
    """Redshifts of the points, increasing."""
    mass: tuple[Mass, ...] | None = None
    """Masses M500c of the points instead, increasing; a cluster's is that of which its measured L_X is typical."""
    value: tuple[Annotated[Number, Field(ge=0, le=2.3)], ...]
    """Error of ln M_WL at each point."""

    @model_validator(mode="after")
    def _one_axis(self) -> LensingErrorConfig:
        given = [points for points in (self.z, self.mass) if points is not None]
        if len(given) != 1 or len(given[0]) != len(self.value) or not self.value:
            raise ValueError("give z = [...] or mass = [...], and value = [...] with one error of ln M_WL for each")
        return self


class WeakLensingConfig(MassDefinedConfig):
    """Weak-lensing masses of single clusters: scatter of ln M, or with its unit: "0.2 ln", "0.09 dex"."""

    scatter: NumberOrQuantity
    """Intrinsic scatter of weak-lensing masses about true ones, of ln M, or with its unit: "0.09 dex"."""
    correlation: LensingCorrelationConfig = LensingCorrelationConfig()
    """Correlations of that scatter with the residuals of observables at fixed mass."""
    error: NumberOrQuantity | LensingErrorConfig = 0.0
    """Error of single lensing masses beside the intrinsic scatter, of ln M, or with its unit: "0.13 dex"; or a table of
    it by z or mass. In a fit, that of clusters without a `mwl_error`."""
    fraction: Annotated[Number, Field(gt=0, le=1)] = 1.0
    """Part of the clusters within the limits that has a weak-lensing mass, in forecasts and mock catalogues; and in a
    fit, of clusters whose L_X does not tell whether they are above flux_limit."""
    flux_limit: Flux | None = None
    """Measured flux, in selection.band, above which clusters have a weak-lensing mass, in forecasts and mock
    catalogues."""
    zmin: Annotated[Number, Field(ge=0)] | None = None
    """Redshift above which they have one."""
    zmax: Annotated[Number, Field(gt=0)] | None = None
    """Redshift below which they have one."""


class ErrorLawConfig(Strict):
    """Errors against measured flux: a table, or a power of flux."""

    fluxes: tuple[Flux, ...] | None = None
    """Measured fluxes, in selection.band, increasing; errors are linear in log flux between them, constant beyond."""
    values: tuple[Annotated[Number, Field(ge=0, le=2)], ...] | None = None
    """Error at each flux, dex."""
    at: Flux | None = None
    """Flux at which a power law has its value."""
    value: Annotated[Number, Field(ge=0, le=2)] | None = None
    """Error there, dex."""
    slope: Annotated[Number, Field(ge=-3, le=3)] = -0.5
    """Power of flux with which the error goes: -0.5 with the root of counts."""
    floor: Annotated[Number, Field(ge=0, le=2)] = 0.0
    """What is added in quadrature at every flux, dex."""

    @model_validator(mode="after")
    def _one_law(self) -> ErrorLawConfig:
        table, power = (self.fluxes, self.values), (self.at, self.value)
        whole = [pair for pair in (table, power) if all(part is not None for part in pair)]
        given = [pair for pair in (table, power) if any(part is not None for part in pair)]
        if len(whole) != 1 or len(given) != 1 or (table in whole and len(self.fluxes or ()) != len(self.values or ())):
            raise ValueError('give fluxes = [...] and values = [...], one for each, or at = "FLUX" and value = NUMBER')
        if table in whole and "slope" in self.model_fields_set:
            raise ValueError("slope goes with at and value; leave it out of a table")
        return self


DexError = Annotated[Number, Field(ge=0, le=2)] | ErrorLawConfig


class ErrorsConfig(Strict):
    """Measurement errors of single clusters, dex; of redshifts over 1 + z."""

    t: DexError = 0.0
    """Measurement error of T, dex, where a catalogue gives none: a number, or a table or power law against flux."""
    mgas: DexError = 0.0
    """Of M_gas, dex, likewise."""
    core: DexError = 0.0
    """Of the core brightness, dex, likewise."""
    yx: DexError = 0.0
    """Of Y_X, dex, where it has a relation of its own, likewise."""
    z: Annotated[Number, Field(ge=0, le=0.1)] = 0.0
    """Of redshifts: the standard deviation of measured about true ones over 1 + z, without a unit. The survey's limits
    in redshift then act on what is measured; in a fit, that of clusters without a z_error."""


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
    mass_functions: tuple[MassFunctionName, ...] = ORDINARY
    """Mass functions that are swapped in, to see how sigma8 moves; watson13, far from the others, only if named."""
    break_masses: tuple[Mass, ...] = ()
    """Other readings of the break mass, a row each."""
    survival_widening: tuple[Number, ...] = (1.0, 3.0, 10.0)
    """Factors on those widths in the table of what survives."""
    volumes: tuple[Annotated[Number, Field(gt=0)], ...] = (1.0, 10.0, 100.0)
    """Factors on the volume in that table."""
    lensing_bias: tuple[Annotated[Number, Field(ge=0, le=1)], ...] = (0.0, 0.02, 0.05, 0.1)
    """Standard deviations of ln of the mean bias of lensing masses, each a column of the table of level full+wl."""


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
