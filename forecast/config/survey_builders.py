"""A survey's geometry and selection from their tables, one builder for each kind."""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..core.band import SOFT, Band
from ..core.errors import InputError
from ..core.units import parse
from ..cosmology.background import Cosmology
from ..reading.tables import Column, open_table
from ..survey.detection.contamination import Contamination
from ..survey.detection.curve import SHARP, Detection
from ..survey.detection.layers import Layer
from ..survey.detection.table import of_table
from ..survey.flux_limit import SOFT_SLOPE, FluxLimited
from ..survey.footprint import Cap, Footprint, Region, SkyBox
from ..survey.geometry import Box, LightCone
from ..survey.mass_cut import Sharp, Smoothed
from ..survey.pixels import Pixels
from ..survey.selection import Selection
from ..survey.shells import Geometry, shell_edges
from .quantities import named, read_columns, read_curve, read_log_mass, read_quantities
from .schema.footprint import CapConfig, FootprintConfig, PixelsConfig, SkyBoxConfig
from .schema.survey import (
    BoxConfig,
    FluxLimitedConfig,
    LayerConfig,
    LightConeConfig,
    SharpConfig,
    SmoothedConfig,
)

_AREAS_DIFFER, _NO_AREA = 0.02, 1e-6
"""Part by which an area may differ from that of the footprint, and deg2 that are none."""
DEG2 = (180 / math.pi) ** 2
"""Square degrees in a steradian."""
_SKY = "41253 deg2 (12.566 sr)"


def build_geometry(survey: BoxConfig | LightConeConfig, cosmology: Cosmology) -> Geometry:
    """Survey geometry in package units."""
    return GEOMETRIES[survey.geometry](survey, cosmology)


def _build_box(survey: BoxConfig, cosmology: Cosmology) -> Box:
    side = named("survey.side", lambda: parse(survey.side, "length", cosmology.h))
    return Box(side, survey.fraction, survey.z)


def _sky_area(text: str, h: float, path: str = "survey.area") -> float:
    """Area in steradian; the whole sky as people round it, 41253 deg2, is the whole sky."""
    area, sky = named(path, lambda: parse(text, "area", h)), 4 * math.pi
    if not 0 < area <= sky * 1.001:
        raise InputError(f"{path}: got '{text}', expected more than nothing and at most the whole sky, {_SKY}")
    return min(area, sky)


def build_footprint(c: FootprintConfig) -> Footprint:
    """A survey's sky.

    Raises
    ------
    InputError
        If a region is none, or nothing is left.
    """
    footprint = Footprint(
        parts=(*_boxes("boxes", c.boxes), *_caps("caps", c.caps)),
        without=(*_boxes("exclude", c.exclude), *_caps("exclude_caps", c.exclude_caps)),
        latitude=c.galactic_latitude,
        pixels=None if c.healpix is None else _pixels(c.healpix),
    )
    if not footprint.area * DEG2 > _NO_AREA:
        raise InputError("survey.footprint: nothing is left of it; take out what excludes it all")
    return footprint


def _pixels(c: PixelsConfig) -> Pixels:
    section = "survey.footprint.healpix"
    table = open_table(Path(c.path), {"pixel": Column(c.column)}, h=1.0, section=section)
    numbers = table.numbers(c.column)
    return named(section, lambda: Pixels(c.nside, numbers[np.isfinite(numbers)], c.order))


def _boxes(name: str, listed: Sequence[SkyBoxConfig]) -> list[Region]:
    path = f"survey.footprint.{name}"
    return [named(f"{path}.{i}", partial(SkyBox, box.ra, box.dec)) for i, box in enumerate(listed)]


def _caps(name: str, listed: Sequence[CapConfig]) -> list[Region]:
    path = f"survey.footprint.{name}"
    return [named(f"{path}.{i}", partial(Cap, cap.ra, cap.dec, cap.radius)) for i, cap in enumerate(listed)]


def _area(survey: LightConeConfig, h: float) -> float:
    """Area in steradian: the one that is given, which must be the footprint's, or the footprint's."""
    if survey.footprint is None:
        return _sky_area(str(survey.area), h)
    searched = survey.footprint.coverage * build_footprint(survey.footprint).area
    area = searched if survey.area is None else _sky_area(survey.area, h)
    if abs(area / searched - 1) > _AREAS_DIFFER:
        raise InputError(
            f"survey.area: '{survey.area}' is {area * DEG2:.6g} deg2, but survey.footprint {searched * DEG2:.6g} deg2; "
            "take one of them out, or set survey.footprint.coverage to the part that is not masked"
        )
    return area


def _build_cone(survey: LightConeConfig, cosmology: Cosmology) -> LightCone:
    area = _area(survey, cosmology.h)
    cone = LightCone(area, survey.zmin, survey.zmax)
    if survey.redshift_edges is not None:
        edges = survey.redshift_edges[1:-1]
    else:
        edges = shell_edges(cone.zmin, cone.zmax, survey.shells or 1, cosmology)
    return replace(cone, edges=edges)


GEOMETRIES: dict[str, Callable[[Any, Cosmology], Geometry]] = {"box": _build_box, "light_cone": _build_cone}
"""How each geometry is built from its table and the cosmology."""


def build_selection(s: SharpConfig | SmoothedConfig | FluxLimitedConfig, h: float, geometry: Geometry) -> Selection:
    """Selection of a survey in package units."""
    return SELECTIONS[s.kind](s, h, geometry)


def with_layers(selection: Selection, survey: BoxConfig | LightConeConfig, s: Any, cosmology: Cosmology) -> Selection:
    """A selection on the layers of a survey, where there are some.

    Raises
    ------
    InputError
        If they are not those of the survey's sky, or its selection has no depth that they could change.
    """
    listed, flux = getattr(survey, "layers", ()), selection.in_flux
    if not listed:
        return selection
    if flux is None or flux.detection.floor or s.flux_limits is not None or s.area_table is not None:
        raise InputError(
            "survey.layers: need one chance of detection that each moves in flux; give [selection] flux_limit, "
            "completeness or completeness_table, without floor"
        )
    areas = np.array([_sky_area(x.area, cosmology.h, f"survey.layers.{i}.area") for i, x in enumerate(listed)])
    _check_areas(float(areas.sum()), build_geometry(survey, cosmology), "survey.layers: the areas")
    factors = [_log_factor(i, layer, s, cosmology.h) for i, layer in enumerate(listed)]
    each = zip(listed, areas / areas.sum(), factors, strict=True)
    return flux.with_layers(tuple(Layer(layer.name, float(share), factor) for layer, share, factor in each))


def _log_factor(number: int, layer: LayerConfig, s: FluxLimitedConfig, h: float) -> float:
    """log10 of a layer's fluxes over those of the selection."""
    if layer.flux_factor is not None:
        return math.log10(layer.flux_factor)
    if s.flux_limit is None:
        raise InputError(f"survey.layers.{number}.flux_limit: [selection] has a whole curve; give flux_factor instead")
    texts = (str(layer.flux_limit), s.flux_limit)
    limit, reference = (float(read_quantities((x,), "flux", f"survey.layers.{number}.flux_limit", h)[0]) for x in texts)
    return math.log10(limit / reference)


def _build_sharp(s: SharpConfig, h: float, geometry: Geometry) -> Sharp:
    return Sharp(
        read_log_mass(s.break_mass, "selection.break_mass", h),
        read_log_mass(s.min_mass, "selection.min_mass", h),
        s.slope,
        s.min_mass_mode,
    )


def _build_smoothed(s: SmoothedConfig, h: float, geometry: Geometry) -> Smoothed:
    return Smoothed(_build_sharp(s, h, geometry), s.smoothing)


def _build_flux_limited(s: FluxLimitedConfig, h: float, geometry: Geometry) -> FluxLimited:
    limit, detection = _build_detection(s, h, geometry)
    contamination = None
    if s.contamination is not None:
        log_flux, fraction = read_curve(s.contamination, "selection.contamination", h)
        relative = tuple((log_flux - math.log10(limit)).tolist())
        contamination = Contamination(relative, tuple(fraction.tolist())) if np.any(fraction != 0) else None
    band = Band.parse(s.band)
    return FluxLimited(
        flux_limit=limit,
        k_correction=s.k_correction or ("power_law" if band == SOFT else "continuum"),
        k_slope=SOFT_SLOPE if s.k_slope is None else s.k_slope,
        flux_error=s.flux_error,
        detection=detection,
        contamination=contamination,
        band=band,
    )


SELECTIONS: dict[str, Callable[[Any, float, Geometry], Selection]] = {
    "sharp": _build_sharp,
    "smoothed": _build_smoothed,
    "flux_limited": _build_flux_limited,
}
"""How each kind of selection is built from its table, the Hubble constant and the survey's geometry."""


def _build_detection(s: FluxLimitedConfig, h: float, geometry: Geometry) -> tuple[float, Detection]:
    """Reference flux, erg/s/cm2, and the chance of detection against flux over it."""
    if s.completeness is not None:
        detection, log_limit = Detection.of_curve(*read_curve(s.completeness, "selection.completeness", h))
        return 10.0**log_limit, detection
    if s.completeness_table is not None:
        return _from_table(s.completeness_table, h, geometry)
    limit, detection = _from_limits(s, h, geometry)
    return limit, _with_floor(s, h, limit, detection)


def refuse_width(s: SharpConfig | SmoothedConfig | FluxLimitedConfig, names: Container[str]) -> None:
    """Raise if the width of a whole curve or table is a parameter: they have none.

    Raises
    ------
    InputError
    """
    for key in ("completeness", "completeness_table"):
        if "detection_width" in names and getattr(s, key, None) is not None:
            raise InputError(
                f"parameters.detection_width: selection.{key} has no one width; give flux_limit and "
                "completeness_width instead, or take the parameter out"
            )


def _from_table(file: str, h: float, geometry: Geometry) -> tuple[float, Detection]:
    path = "selection.completeness_table"
    flux, z, chance = read_columns(file, path, {"flux": "flux", "z": "", "chance": ""}, h)
    detection, log_limit = named(path, lambda: of_table(flux, z, chance))
    near, *_, far = geometry.redshift_edges
    first, last = detection.knots[0], detection.knots[-1]
    if first > near or last < far:
        raise InputError(
            f"{path}: {file} reaches from z = {first:g} to {last:g}, the survey from {near:g} to {far:g}; "
            "add the chances at its edges, or give survey.zmin and zmax within the table"
        )
    return 10.0**log_limit, detection


def _from_limits(s: FluxLimitedConfig, h: float, geometry: Geometry) -> tuple[float, Detection]:
    if s.flux_limit is not None:
        limit = float(read_quantities((s.flux_limit,), "flux", "selection.flux_limit", h)[0])
        return limit, replace(SHARP, width=(s.completeness_width,))
    if s.flux_limits is not None and s.areas is not None:
        limits = read_quantities(s.flux_limits, "flux", "selection.flux_limits", h)
        areas = read_quantities(s.areas, "area", "selection.areas", h)
    else:
        kinds = {"flux_limit": "flux", "area": "area"}
        limits, areas = read_columns(str(s.area_table), "selection.area_table", kinds, h)
    _check_areas(float(areas.sum()), geometry, "selection: the areas")
    detection, log_limit = Detection.of_tiles(np.log10(limits), areas, s.completeness_width)
    return 10.0**log_limit, detection


def _with_floor(s: FluxLimitedConfig, h: float, limit: float, detection: Detection) -> Detection:
    """The chance with a ceiling and, down to a flux, a floor."""
    if s.floor_flux is None:
        return detection if s.ceiling == 1 else replace(detection, weight=_scaled(detection.weight, s.ceiling))
    flux = float(read_quantities((s.floor_flux,), "flux", "selection.floor_flux", h)[0])
    if flux >= limit:
        raise InputError(
            f"selection.floor_flux: {flux:.4g} erg/s/cm2 is not below the limit of {limit:.4g}; give a fainter flux"
        )
    rise = _scaled(detection.weight, s.ceiling - s.floor)
    offset = math.log10(flux / limit)
    return Detection((*rise, s.floor), (*detection.offset, offset), width=(*detection.width, 0.0), floor=True)


def _scaled(weight: tuple[float, ...], factor: float) -> tuple[float, ...]:
    return tuple(factor * a for a in weight)


def _check_areas(total: float, geometry: Geometry, what: str) -> None:
    """Raise unless parts of the sky add up to a survey's area."""
    if not geometry.spans_redshifts:
        raise InputError("selection: areas belong to a light cone; give this box one flux_limit")
    if abs(total / geometry.area - 1) > 0.01:
        raise InputError(
            f"{what} add up to {total:.4g} sr, but survey.area is {geometry.area:.4g} sr; "
            "list every part of the survey once"
        )
