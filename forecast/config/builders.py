"""From the tables of a configuration to physics: units are converted and values checked here."""

from __future__ import annotations

import math
from collections.abc import Container
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..core.band import Band
from ..core.errors import InputError, nearest
from ..core.observables import OBSERVABLES
from ..core.units import h_power, parse
from ..cosmology.background import Cosmology
from ..cosmology.expansion import Expansion
from ..cosmology.rescaling import HUBBLE, Ratio
from ..model.catalogue_spec import CatalogueCosmology, CatalogueSpec, MassRelation
from ..model.setup import Setup
from ..reading.join import Join, alias_of
from ..reading.public_tables import public_table
from ..reading.tables import Column
from ..relations.library import Library, load_library
from ..relations.library_table import library_from_table
from ..relations.lines import PowerLaw
from ..relations.mass_conversion import MassConversion
from ..relations.mass_proxy import ErrorModel, with_proxy
from ..relations.power_laws import Relations
from ..relations.residuals import Residuals
from ..survey.error_law import ErrorLaw
from ..survey.evidence import EvidenceSpec
from ..survey.redshift_law import RedshiftLaw
from .quantities import named, read_log_mass, read_norm, read_quantities, read_scatter
from .schema.catalogue import CatalogueConfig, JoinConfig
from .schema.relations import (
    CalibrationConfig,
    LibraryConfig,
    LuminosityConfig,
    PowerLawConfig,
    ProxyConfig,
    RelationsConfig,
)
from .schema.sections import ErrorLawConfig, ErrorsConfig


def build_errors(c: ErrorsConfig, relations: Relations, h: float) -> dict[str, Any]:
    """Fields of a `Setup` with measurement errors of the relations' observables; those of L_X follow from the flux."""
    given = {name: _error(getattr(c, name), f"errors.{name}", h) for name in ("t", "mgas", "core", "yx")}
    given = {name: error for name, error in given.items() if error}
    for name in given:
        if name not in relations.names:
            raise InputError(f"errors.{name}: there is no relation of '{name}'; {nearest(name, relations.names)}")
    numbers = {name: error for name, error in given.items() if isinstance(error, float)}
    return {
        "errors": tuple(numbers.get(name, 0.0) for name in relations.names) if numbers else (),
        "error_laws": tuple((name, error) for name, error in given.items() if isinstance(error, ErrorLaw)),
        "redshift_law": RedshiftLaw(c.z),
    }


def with_yx_error(setup: Setup, error: float) -> Setup:
    """The same with `yx_error`, dex; 0 is none.

    Raises
    ------
    InputError
        If [errors] say otherwise.
    """
    if not error:
        return setup
    name = setup.relations.least_known
    listed = dict(zip(setup.relations.names, setup.errors, strict=False))
    if listed.get(name) and not math.isclose(error, setup.yx_error, rel_tol=1e-3):
        cure = f"leave out yx_error, or errors.{name}"
        raise InputError(f"yx_error = {error:g} dex, but [errors] make it {setup.yx_error:.3g} dex; {cure}")
    return setup.with_yx_error(error)


def _error(c: float | ErrorLawConfig, path: str, h: float) -> float | ErrorLaw:
    """An error, dex, or its law; a law that is the same at every flux is a number."""
    if not isinstance(c, ErrorLawConfig):
        return c
    fluxes, values = (c.fluxes, c.values) if c.at is None else ((c.at,), (c.value,))
    log_flux = tuple(map(float, np.log10(read_quantities(fluxes or (), "flux", path, h))))
    slope = None if c.at is None else c.slope
    law = named(path, lambda: ErrorLaw(log_flux, tuple(float(x or 0.0) for x in values or ()), slope, c.floor))
    return law if law.constant is None else law.constant


def _power_law(c: RelationsConfig, name: str, scatter: float | None, cosmology: Cosmology) -> PowerLaw:
    """A relation in package units at the configured h."""
    table: PowerLawConfig = getattr(c, name)
    norm = read_norm(table.norm, OBSERVABLES[name].kind, f"relations.{name}.norm", cosmology.h)
    if table.scatter is not None:
        scatter = read_scatter(table.scatter, f"relations.{name}.scatter")
    if scatter is None:
        raise InputError(f"missing key 'relations.{name}.scatter'; give it in dex, or choose a [library]")
    hubble, written = _hubble_exponents(c, name)
    log_norm = math.log10(norm)
    if c.calibration is not None:
        log_norm += written * math.log10(cosmology.h / c.calibration.h)
    return named(
        f"relations.{name}",
        lambda: PowerLaw(
            log_norm=log_norm,
            slope=table.slope,
            evolution=table.evolution,
            scatter=scatter,
            hubble=hubble,
            curvature=getattr(table, "curvature", 0.0),
            **_break(table, c, cosmology.h),
        ),
    )


def _break(table: PowerLawConfig, c: RelationsConfig, h: float) -> dict[str, Any]:
    """Fields of a relation that is a broken power law; none of one that is not."""
    if not isinstance(table, LuminosityConfig) or table.break_mass is None:
        return {}
    over = read_log_mass(table.break_mass, "relations.lx.break_mass", h) - read_log_mass(c.pivot, "relations.pivot", h)
    return {"break_mass": over, "slope_below": table.slope_below, "break_width": table.break_width}


def _hubble_exponents(c: RelationsConfig, name: str) -> tuple[float, float]:
    """Power of h beyond that of L_X h^2, M_gas h^2.5 and M h in package units, and the power in the units as written.

    At fixed mass in the pivot's unit X ~ h^written. With a power a of h in the pivot's unit, and b in that of the
    normalisation, X ~ h^(written - slope a + b) at fixed mass in Msun/h.
    """
    table: PowerLawConfig = getattr(c, name)
    units = table.slope * h_power(c.pivot, "mass") - h_power(table.norm, OBSERVABLES[name].kind)
    natural = HUBBLE.get(name, 0.0)
    written = natural + units if table.h_exponent is None else table.h_exponent
    return written - units - natural, written


def _calibrated_masses(c: RelationsConfig, conversion: MassConversion, h: float) -> tuple[float, float]:
    """log10 M500c, Msun/h, between which relations are calibrated."""
    low, high = (read_log_mass(text, "relations.calibrated_masses", h) for text in c.calibrated_masses)
    if c.calibrated_masses != RelationsConfig.model_fields["calibrated_masses"].default:
        low, high = conversion.mass(low), conversion.mass(high)
    if not low < high:
        raise InputError(f"relations.calibrated_masses: must increase, got {list(c.calibrated_masses)}")
    return low, high


def _calibrated(relations: Relations, c: CalibrationConfig | None, cosmology: Cosmology) -> Relations:
    """Relations at the distance, in the configured cosmology, of the clusters on which they were calibrated."""
    if c is None:
        return relations
    reference = Expansion(np.asarray(c.Om0), np.asarray(c.h))
    ratio = Ratio.of(Expansion.of(cosmology), reference, c.z)
    moved: dict[str, Any] = {}
    for name in set(relations.names) - {"core"}:
        of = relations.exponents(name)
        shift = float(-ratio.shift(of) - of.slope * ratio.distance)
        moved[name] = replace(relations[name], log_norm=relations[name].log_norm + shift)
    return replace(relations, calibrated_at=c.z, **moved)


def build_relations(
    c: RelationsConfig,
    library: LibraryConfig | None,
    proxy: str | ProxyConfig,
    cosmology: Cosmology,
    parameters: Container[str] = (),
    conversion: MassConversion | None = None,
) -> Relations:
    """Scaling relations in package units, with the residuals of a library if there is one.

    `parameters`: names under [parameters]; relations share a mass scale where it is one of them. `conversion`: from
    the masses of the relations; none if they are M500c.
    """
    conversion = conversion or MassConversion(read_log_mass(c.pivot, "relations.pivot", cosmology.h))
    pivot = conversion.pivot
    source = None if library is None else build_library(library, cosmology)
    residuals, scatters, core = _library_residuals(c, source, pivot)
    given = [n for n in ("lx", "t", "mgas", "yx") if getattr(c, n) is not None]
    laws: dict[str, Any] = {n: conversion.applied(_power_law(c, n, scatters.get(n), cosmology)) for n in given}
    correlations = c.correlation.model_dump()
    if residuals is not None and any(correlations.values()):
        raise InputError("relations.correlation: the library has its own correlations; remove this table or [library]")
    relations = Relations(
        pivot,
        c.z0,
        **laws,
        **correlations,
        core=core,
        residuals=residuals,
        calibrated_masses=_calibrated_masses(c, conversion, cosmology.h),
        aperture=c.aperture,
        on_mass_scale=_on_mass_scale(c, given, parameters),
        lx_band=Band.parse(c.lx.band),
    )
    relations = named("relations.calibration", lambda: _calibrated(relations, c.calibration, cosmology))
    return relations if proxy == "yx" else named("proxy", lambda: with_proxy(relations, proxy_choice(proxy)))


def _on_mass_scale(c: RelationsConfig, given: list[str], parameters: Container[str]) -> tuple[str, ...]:
    """Relations that share a mass scale; none where there is no such parameter."""
    if "mass_scale" in parameters:
        return tuple(given) if c.share_mass_scale is None else c.share_mass_scale
    if c.share_mass_scale:
        cure = "write parameters.mass_scale = { lognormal = 0.09 }, or leave this key out"
        raise InputError(f"relations.share_mass_scale: there is no parameter mass_scale; {cure}")
    return ()


def proxy_choice(c: str | ProxyConfig) -> str | ErrorModel:
    """A proxy's name, or its error model."""
    return c if isinstance(c, str) else ErrorModel(**c.model_dump())


def build_library(c: LibraryConfig, cosmology: Cosmology) -> Library:
    """A built-in library, or one fitted to a table of clusters."""
    if c.name is not None:
        return named("library.name", lambda: load_library(str(c.name)))
    reference = cosmology if c.cosmology is None else replace(cosmology, w0=-1.0, wa=0.0, **c.cosmology.model_dump())
    columns = None if c.columns is None else {key: _column(key, entry) for key, entry in c.columns.items()}
    return library_from_table(Path(str(c.path)), columns, cosmology=reference, select=c.select)


def _library_residuals(
    c: RelationsConfig, library: Library | None, pivot: float
) -> tuple[Residuals | None, dict[str, float], PowerLaw | None]:
    """Unit residuals of a library, its scatters, dex, and its relation of core brightness."""
    if library is None:
        return None, {}, None
    if c.yx is not None:
        rows = {"lx": [1.0, 0.0, 0.0, 0.0], "t": [0.0, 1.0, 0.0, 0.0], "yx": [0.0, 1.0, 1.0, 0.0]}
        names = tuple(name for name in rows if name != "t" or c.t is not None)
        projection = np.array([rows[name] for name in names])
        residuals, scatter = library.residuals.projected(projection, names).standardised(pivot)
        return residuals, dict(zip(residuals.names, map(float, scatter), strict=True)), None
    residuals, scatter = library.residuals.standardised(pivot)
    scatters = dict(zip(residuals.names, map(float, scatter), strict=True))
    return residuals, scatters, PowerLaw(library.core_mean, 0.0, 0.0, scatters["core"])


def _column(key: str, entry: str | dict[str, str]) -> Column:
    if isinstance(entry, str):
        return Column(entry)
    unknown = set(entry) - {"name", "unit"}
    if unknown or "name" not in entry:
        raise InputError(f'catalogue.columns.{key}: write {key} = "COLUMN" or {{ name = "COLUMN", unit = "UNIT" }}')
    return Column(entry["name"], entry.get("unit"))


def _build_join(c: JoinConfig) -> Join:
    if c.public is not None:
        named("catalogue.join.public", partial(public_table, c.public))
    path = None if c.path is None else Path(c.path)
    alias = c.name or c.public or alias_of(Path(str(c.path)))
    how: dict[str, Any] = {key: getattr(c, key) for key in ("table", "format", "unmatched", "public", "spelling")}
    return Join(path, c.on, c.key or c.on, alias, **how)


def build_catalogue_spec(c: CatalogueConfig) -> CatalogueSpec:
    """How to read a catalogue, in package units."""
    relation = None
    if c.public is not None:
        named("catalogue.public", partial(public_table, c.public))
    if c.mass_relation is not None:
        m, h = c.mass_relation, c.cosmology.h
        relation = MassRelation(
            named("catalogue.mass_relation.mass_norm", lambda: parse(m.mass_norm, "mass", h)) / h,
            named("catalogue.mass_relation.yx_norm", lambda: parse(m.yx_norm, "yx", h)) / h,
            m.slope,
            m.evolution,
        )
    columns = {key: _column(key, entry) for key, entry in c.columns.items()}
    reference = CatalogueCosmology(**c.cosmology.model_dump())
    confidence = {key: value for key, value in c.limit_confidence.model_dump().items() if value is not None}
    return CatalogueSpec(
        columns=columns,
        cosmology=reference,
        mass_relation=relation,
        format=c.format,
        table=c.table,
        limit_confidence=confidence,
        frame=c.frame,
        joins=tuple(map(_build_join, c.join)),
        evidence=None if c.evidence is None else EvidenceSpec(**c.evidence.model_dump()),
        lx_band=None if c.lx_band is None else Band.parse(c.lx_band),
        lx_from=c.lx_from,
        public=c.public,
    )
