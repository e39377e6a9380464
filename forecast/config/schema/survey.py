"""The tables of a survey and of what it detects."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from ...core.band import SOFT, Band
from ...core.parameters import MAX_SHELLS
from .footprint import FootprintConfig
from .types import Area, BandText, FileName, Flux, Length, Mass, Number, Strict, Whole, like


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


class LayerConfig(Strict):
    """A part of the sky of its own depth: by exposure, background or column density."""

    name: Annotated[str, Field(min_length=1, examples=['"deep"'])]
    """What column layer of the catalogue calls it."""
    area: Area
    """Its area; those of all layers add up to survey.area."""
    flux_limit: Flux | None = None
    """Its limit, where selection.flux_limit is the survey's; width, ceiling and error are those of [selection]."""
    flux_factor: Annotated[Number, Field(gt=0, examples=["0.7"])] | None = None
    """Factor on the fluxes of the whole chance of detection of [selection] instead; below 1 is deeper."""

    @model_validator(mode="after")
    def _one_depth(self) -> LayerConfig:
        if (self.flux_limit is None) == (self.flux_factor is None):
            raise ValueError('give either flux_limit = "NUMBER erg/(s cm2)" or flux_factor = NUMBER')
        return self


class LightConeConfig(Strict):
    """Sky area between two redshifts, in shells of equal ratio of distances or between `redshift_edges`."""

    geometry: Literal["light_cone"]
    """A part of the sky between two redshifts."""
    area: Area | None = None
    """Sky area, at most 41253 deg2; that of the footprint if left out."""
    footprint: FootprintConfig | None = None
    """Which part of the sky that is; clusters of a catalogue that lie outside are left out."""
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
    layers: tuple[LayerConfig, ...] = ()
    """Parts of the sky of different depth, in redshift shells and density contrasts that they share."""
    binned_by_layer: bool = False
    """Whether N and Y_X are kept apart by layer at every level: the catalogue names that of each cluster."""

    @model_validator(mode="after")
    def _has_area(self) -> LightConeConfig:
        if self.area is None and self.footprint is None:
            raise ValueError('needs area = "NUMBER deg2", or a table [survey.footprint]')
        return self

    @model_validator(mode="after")
    def _layers_differ(self) -> LightConeConfig:
        names = [layer.name for layer in self.layers]
        if len(names) == 1:
            raise ValueError("one layer is the whole sky; give two or more, or put its depth under [selection]")
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"two layers are called '{twice}'; give each a name of its own")
        if self.binned_by_layer and not names:
            raise ValueError("binned_by_layer needs layers; give two or more [[survey.layers]], or take it out")
        return self

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
    """Measured fluxes in selection.band, increasing."""
    values: tuple[Number, ...] | None = None
    """One value for each flux, 0 to 1."""
    path: FileName | None = None
    """A table with columns flux and value instead."""

    @model_validator(mode="after")
    def _one_source(self) -> CurveConfig:
        given = (self.fluxes is not None, self.values is not None)
        if any(given) == (self.path is not None) or any(given) != all(given):
            raise ValueError('give fluxes = [...] and values = [...], or path = "FILE"')
        return self


class FollowUpConfig(Strict):
    """Which detected clusters were followed up, so that they have T, M_gas and Y_X."""

    flux_limit: Flux | None = None
    """Measured flux, in selection.band, from which on clusters were followed up; from the survey's own limit if left
    out."""
    zmax: Annotated[Number, Field(gt=0)] | None = None
    """Redshift up to which they were; that of the survey if left out."""
    fraction: Annotated[Number, Field(gt=0, le=1)] = 1.0
    """Part of those clusters, taken at random, that were."""
    luminosity: Annotated[str, like("luminosity")] | None = None
    """Measured luminosity in selection.band, rest frame, from which on they were; any if left out."""


class FluxLimitedConfig(Strict):
    """A limit in X-ray flux, one for each part of the sky, or a completeness curve."""

    kind: Literal["flux_limited"]
    """A limit in measured flux, in `band` of the observed frame, without Galactic absorption."""
    band: BandText = "0.5-2 keV"
    """Energies of all fluxes of the survey, observed frame."""
    flux_limit: Flux | None = None
    """The limit, over the whole area."""
    flux_limits: tuple[Flux, ...] | None = None
    """Limits of parts of the sky instead, with `areas`."""
    areas: tuple[Area, ...] | None = None
    """Area of each part."""
    area_table: FileName | None = None
    """A table with columns flux_limit and area instead: the area in which a limit holds."""
    completeness: CurveConfig | None = None
    """Chance of detection against flux instead of a limit; nothing is detected below the lowest flux."""
    completeness_table: Annotated[FileName | None, Field(examples=['"chance.ecsv"'])] = None
    """A table with columns flux, z and chance instead: the chance of detection on a grid of fluxes and redshifts;
    between them linear in redshift and rising smoothly in log flux, so that nine fluxes keep within some 1% of straight
    lines; below the lowest flux 0, above the highest that of the highest."""
    completeness_width: Annotated[Number, Field(ge=0, lt=1)] = 0.0
    """Width of the rise from 0 to 1 about the limit, dex in flux; 0 is a step."""
    ceiling: Annotated[Number, Field(gt=0, le=1, examples=["0.95"])] = 1.0
    """Chance of detection far above the limit, where [parameters] detection_ceiling may change it."""
    floor: Annotated[Number, Field(ge=0, lt=1, examples=["0.02"])] = 0.0
    """Chance of detection far below the limit, down to floor_flux."""
    floor_flux: Flux | None = None
    """Flux below which nothing is detected, where there is a floor."""
    contamination: CurveConfig | None = None
    """Detections that are no clusters, as a share of all, against flux."""
    k_correction: Literal["none", "power_law", "bremsstrahlung", "continuum", "apec", "table"] | None = None
    """How luminosities in the survey's band follow from fluxes: a power law of 1 + z (default in 0.5-2 keV), free-free
    emission of the temperature that is typical of the luminosity (continuum; bremsstrahlung, with a Gaunt factor
    E^-0.4), the same with lines (apec; in other bands the default is emission.model), emission.band_table (table), or
    none."""
    k_slope: Number | None = None
    """Power of 1 + z of L_X over 4 pi D_L^2 flux, for k_correction = "power_law"; -0.57 in 0.5-2 keV if left out."""
    flux_error: Number = 0.0
    """Scatter of measured about true flux, dex; the selection is by the measured one."""

    @model_validator(mode="after")
    def _one_limit(self) -> FluxLimitedConfig:
        limits = ("flux_limit", "flux_limits", "area_table", "completeness", "completeness_table")
        given = [name for name in limits if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"give exactly one of {', '.join(limits)}; got {', '.join(given) or 'none'}")
        if (self.flux_limits is None) != (self.areas is None) or len(self.areas or ()) != len(self.flux_limits or ()):
            raise ValueError("flux_limits = [...] and areas = [...] go together, one area for each limit")
        whole = next((name for name in limits[3:] if getattr(self, name) is not None), None)
        for name in ("completeness_width", "floor", "ceiling"):
            if whole is not None and getattr(self, name) != type(self).model_fields[name].default:
                raise ValueError(f"{whole} is a whole curve; leave out {name}")
        return self

    @model_validator(mode="after")
    def _floor_is_below(self) -> FluxLimitedConfig:
        if bool(self.floor) != (self.floor_flux is not None):
            raise ValueError('floor and floor_flux go together; write floor = 0.02 and floor_flux = "FLUX erg/(s cm2)"')
        if self.floor >= self.ceiling:
            raise ValueError(f"floor = {self.floor:g} must be below ceiling = {self.ceiling:g}")
        return self

    @model_validator(mode="after")
    def _k_of_this_band(self) -> FluxLimitedConfig:
        if self.k_correction == "power_law" and self.k_slope is None and Band.parse(self.band) != SOFT:
            raise ValueError(
                f'k_slope = -0.57 is that of {SOFT}; give the slope in {self.band}, or k_correction = "continuum"'
            )
        return self
