"""From the tables of a configuration to physics: units are converted and values checked here."""

from __future__ import annotations

import math
from typing import Any

from .catalogue import CatalogueCosmology, CatalogueSpec, Column, MassRelation
from .errors import InputError, nearest
from .parameters import NAMES, Parameter, ParameterSet, Prior, Values
from .scaling import PowerLaw, Relations
from .schema import (
    BoxConfig,
    CatalogueConfig,
    FluxLimitedConfig,
    LightConeConfig,
    ParameterConfig,
    PowerLawConfig,
    RelationsConfig,
    SharpConfig,
    SmoothedConfig,
)
from .selection import FluxLimited, Selection, Sharp, Smoothed
from .survey import Box, Geometry, LightCone
from .units import LN10, parse

SIGMA8_RANGE = (0.4, 1.4)
"""sigma8 the mass functions may be asked for."""
_FACTORS = ("norm_", "slope_", "scatter_")


def _named(path: str, action: Any) -> Any:
    """Call `action`, putting the configuration key in front of its error."""
    try:
        return action()
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def read_log_mass(text: str, path: str, h: float) -> float:
    """log10 of a mass given with its unit, Msun/h."""
    mass = _named(path, lambda: parse(text, "mass", h))
    if not 1e11 < mass < 1e16:
        raise InputError(f"{path}: '{text}' = {mass:.3g} Msun/h is no cluster mass; expected 1e11 to 1e16 Msun/h")
    return math.log10(mass)


def build_geometry(survey: BoxConfig | LightConeConfig, h: float) -> Geometry:
    """Survey geometry in package units."""
    if isinstance(survey, BoxConfig):
        return Box(_named("survey.side", lambda: parse(survey.side, "length", h)), survey.fraction, survey.z)
    return LightCone(_named("survey.area", lambda: parse(survey.area, "area", h)), survey.zmin, survey.zmax)


def build_selection(s: SharpConfig | SmoothedConfig | FluxLimitedConfig, h: float) -> Selection:
    """Selection in package units."""
    if isinstance(s, FluxLimitedConfig):
        limit = _named("selection.flux_limit", lambda: parse(s.flux_limit, "flux", h))
        return FluxLimited(limit, s.k_correction, s.k_slope, s.flux_error)
    sharp = Sharp(
        read_log_mass(s.break_mass, "selection.break_mass", h),
        read_log_mass(s.min_mass, "selection.min_mass", h),
        s.slope,
        s.min_mass_mode,
    )
    return Smoothed(sharp, s.smoothing) if isinstance(s, SmoothedConfig) else sharp


def _scatter(value: float | str, path: str) -> float:
    """Scatter in dex from a number or from "0.396 ln"."""
    if isinstance(value, str):
        words = value.split()
        units = {"dex": 1.0, "ln": 1.0 / LN10}
        try:
            number, unit = float(words[0]), units[words[1]]
        except (ValueError, IndexError, KeyError):
            raise InputError(f"{path}: got '{value}', expected dex as a number, or '0.13 dex' or '0.3 ln'") from None
        value = number * unit
    if not 0 < value < 2:
        raise InputError(f"{path}: scatter must be between 0 and 2 dex, got {value:g}")
    return value


def _power_law(c: PowerLawConfig | None, name: str, kind: str, h: float) -> PowerLaw | None:
    if c is None:
        return None
    norm = _named(f"relations.{name}.norm", lambda: parse(c.norm, kind, h))
    if not norm > 0:
        raise InputError(f"relations.{name}.norm: must be positive, got '{c.norm}'")
    scatter = _scatter(c.scatter, f"relations.{name}.scatter")
    return _named(f"relations.{name}", lambda: PowerLaw(math.log10(norm), c.slope, c.evolution, scatter))


def build_relations(c: RelationsConfig, h: float) -> Relations:
    """Scaling relations in package units."""
    lx = _power_law(c.lx, "lx", "luminosity", h)
    assert lx is not None
    return Relations(
        read_log_mass(c.pivot, "relations.pivot", h),
        c.z0,
        lx,
        _power_law(c.t, "t", "temperature", h),
        _power_law(c.mgas, "mgas", "mass", h),
        _power_law(c.yx, "yx", "yx", h),
        **c.correlation.model_dump(),
    )


def _prior(name: str, c: ParameterConfig, fiducial: float) -> Prior:
    log = name.startswith(_FACTORS) or c.lognormal is not None
    if c.flat is not None:
        return Prior("flat", low=c.flat[0], high=c.flat[1], log=log)
    if c.gaussian is not None:
        return Prior("gaussian", mean=fiducial, std=c.gaussian, log=log)
    return Prior("lognormal", mean=fiducial, std=float(c.lognormal or 0.0), log=True)


def build_parameters(table: dict[str, float | ParameterConfig], sample_variance: bool) -> ParameterSet:
    """Free and fixed parameters; sample variance adds the density contrast."""
    free, fixed, defaults = [], {}, Values()
    for name, entry in table.items():
        if name not in NAMES or name == "density_contrast":
            known = [n for n in NAMES if n != "density_contrast"]
            raise InputError(f"parameters.{name}: unknown parameter; {nearest(name, known)}")
        if isinstance(entry, float) or entry.value is not None:
            fixed[name] = float(entry if isinstance(entry, float) else entry.value or 0.0)
            continue
        fiducial = float(getattr(defaults, name)) if entry.fiducial is None else entry.fiducial
        prior = _named(f"parameters.{name}", lambda n=name, e=entry, f=fiducial: _prior(n, e, f))
        free.append(Parameter(name, fiducial, prior))
    _check_sigma8(free)
    if sample_variance:
        free.append(Parameter("density_contrast", 0.0, Prior("gaussian", mean=0.0, std=1.0)))
    return ParameterSet(tuple(free), Values(**fixed))


def _check_sigma8(free: list[Parameter]) -> None:
    sigma8 = next((p for p in free if p.name == "sigma8"), None)
    if sigma8 is None:
        raise InputError("parameters.sigma8: must be free; write sigma8 = { fiducial = 0.81, flat = [0.70, 0.92] }")
    low, high = sigma8.prior.bounds
    if low < SIGMA8_RANGE[0] or high > SIGMA8_RANGE[1]:
        raise InputError(
            f"parameters.sigma8: the prior ({low:g} to {high:g}) leaves the model's range "
            f"{SIGMA8_RANGE[0]} to {SIGMA8_RANGE[1]}; give a flat prior inside it"
        )


def _column(key: str, entry: str | dict[str, str]) -> Column:
    if isinstance(entry, str):
        return Column(entry)
    unknown = set(entry) - {"name", "unit"}
    if unknown or "name" not in entry:
        raise InputError(f'catalogue.columns.{key}: write {key} = "COLUMN" or {{ name = "COLUMN", unit = "UNIT" }}')
    return Column(entry["name"], entry.get("unit"))


def build_catalogue_spec(c: CatalogueConfig) -> CatalogueSpec:
    """How to read a catalogue, in package units."""
    relation = None
    if c.mass_relation is not None:
        m, h = c.mass_relation, c.cosmology.h
        relation = MassRelation(
            _named("catalogue.mass_relation.mass_norm", lambda: parse(m.mass_norm, "mass", h)) / h,
            _named("catalogue.mass_relation.yx_norm", lambda: parse(m.yx_norm, "yx", h)) / h,
            m.slope,
            m.evolution,
        )
    columns = {key: _column(key, entry) for key, entry in c.columns.items()}
    reference = CatalogueCosmology(**c.cosmology.model_dump())
    return CatalogueSpec(columns, reference, relation, c.format)
