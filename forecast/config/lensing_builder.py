"""From the tables of weak lensing and follow-up, and masses in other definitions, to physics; and their cautions."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from ..core.caution import Caution
from ..core.errors import InputError
from ..core.units import LN10
from ..cosmology.background import Cosmology
from ..cosmology.mass_definition import CONCENTRATION_SCATTER, MassDefinition
from ..model.catalogue_spec import CatalogueCosmology
from ..model.setup import Setup
from ..relations.coupling import Coupling
from ..relations.mass_conversion import MassConversion
from ..relations.power_laws import Relations
from ..survey.followup import FollowUp, until
from ..survey.lensing_sample import LensingSample, OwnError
from ..survey.selection import FluxSelection, Selection
from ..survey.shells import Geometry
from .quantities import named, read_log_mass, read_quantities, read_scatter
from .schema.relations import MassDefinedConfig, RelationsConfig
from .schema.sections import LensingErrorConfig, WeakLensingConfig
from .schema.survey import FollowUpConfig


def build_weak_lensing(c: WeakLensingConfig | None, relations: Relations, h: float) -> dict[str, Any]:
    """Fields of a `Setup` that tell of weak lensing."""
    if c is None:
        return {}
    given = {name: value for name, value in c.correlation.model_dump().items() if value}
    named("weak_lensing.correlation", lambda: Coupling.of(relations.unit_residuals, given))
    return {
        "weak_lensing": read_scatter(c.scatter, "weak_lensing.scatter", "ln") * LN10,
        "lensing_correlation": tuple(given.items()),
        "lensing_sample": _sample(c, h),
    }


def _sample(c: WeakLensingConfig, h: float) -> LensingSample:
    limit = c.flux_limit
    flux = None if limit is None else float(read_quantities((limit,), "flux", "weak_lensing.flux_limit", h)[0])
    error = _own_error(c.error, h)
    return named("weak_lensing", lambda: LensingSample(error, c.fraction, flux, zmin=c.zmin, zmax=c.zmax))


def _own_error(c: float | str | LensingErrorConfig, h: float) -> OwnError:
    """Errors of ln M_WL in dex of M_WL."""
    path = "weak_lensing.error"
    if not isinstance(c, LensingErrorConfig):
        return OwnError((0.0,) if c == 0 else (read_scatter(c, path, "ln", what="an error"),))
    values, masses = tuple(value / LN10 for value in c.value), c.mass or ()
    if c.z is not None:
        z = c.z
        return named(path, lambda: OwnError(values, z, "z"))
    at = tuple(read_log_mass(text, f"{path}.mass", h) for text in masses)
    return named(path, lambda: OwnError(values, at, "mass"))


def build_definition(c: MassDefinedConfig, cosmology: Cosmology, redshifts: Sequence[float]) -> MassDefinition:
    """The definition of a table's masses, between the first and last of some redshifts."""
    return _definition(c.mass_definition, c.concentration, cosmology, (min(redshifts), max(redshifts)))


@lru_cache(maxsize=16)
def _definition(name: str, concentration: str, cosmology: Cosmology, redshifts: tuple[float, float]) -> MassDefinition:
    """The same of equal tables: it holds a table of concentrations."""
    return MassDefinition(name, concentration, cosmology, *redshifts)


def build_conversion(c: RelationsConfig, cosmology: Cosmology, redshifts: Sequence[float]) -> MassConversion:
    """From the masses of relations to M500c, at a survey's redshifts and that of the normalisations."""
    pivot = read_log_mass(c.pivot, "relations.pivot", cosmology.h)
    return MassConversion.of(build_definition(c, cosmology, (c.z0, *redshifts)), pivot, c.z0)


def build_lensing_mass(c: WeakLensingConfig | None, setup: Setup, listed: CatalogueCosmology) -> MassDefinition | None:
    """The definition of a catalogue's lensing masses in its own cosmology; None if they are M500c.

    Raises
    ------
    InputError
    """
    if c is None or c.mass_definition == "500c":
        return None
    own = named("catalogue.cosmology", lambda: replace(setup.cosmology, Om0=listed.Om0, h=listed.h))
    return build_definition(c, own, setup.geometry.redshift_edges)


def conversion_cautions(
    relations: RelationsConfig, lensing: WeakLensingConfig | None, setup: Setup
) -> tuple[Caution, ...]:
    """How masses in other definitions are taken, and what scatter that leaves out."""
    edges, found = setup.geometry.redshift_edges, []
    if words := build_conversion(relations, setup.cosmology, edges).words:
        found.append(Caution("masses", words))
    if lensing is not None and lensing.mass_definition != "500c":
        definition = build_definition(lensing, setup.cosmology, edges)
        added = LN10 * definition.scatter(setup.relations.pivot, 0.5 * (edges[0] + edges[-1]))
        text = (
            f"lensing masses M{definition.name} are taken as M500c of haloes of median concentration "
            f"({definition.concentration}), whose scatter of {CONCENTRATION_SCATTER:g} dex adds {added:.3f} to that of "
            "ln M_WL: weak_lensing.scatter must hold it"
        )
        found.append(Caution("lensing", text))
    return tuple(found)


def lensing_cautions(
    c: WeakLensingConfig | None, parameters: Container[str], columns: Container[str]
) -> tuple[Caution, ...]:
    """What a reader must know of lensing masses before any number of level full+wl.

    Parameters
    ----------
    c : WeakLensingConfig or None
    parameters : container of str
        Names under [parameters].
    columns : container of str
        Keys under [catalogue.columns].
    """
    found = []
    if c is not None and "norm_wl" not in parameters:
        text = (
            "level full+wl takes weak-lensing masses without any mean bias, which no survey knows to be zero; free it "
            "under [parameters], norm_wl = { lognormal = 0.05 }, or say that it is zero, norm_wl = { value = 1.0 }"
        )
        found.append(Caution("lensing", text))
    if c is not None and "mwl" in columns and "mwl_error" not in columns and c.error == 0:
        text = (
            "lensing masses of single clusters are taken as measured without error; map mwl_error under "
            "[catalogue.columns], or give weak_lensing.error"
        )
        found.append(Caution("lensing", text))
    return tuple(found)


def _require_one_limit(selection: FluxSelection | None) -> None:
    """Refuse a follow-up by luminosity of a survey in which detections depend on more than one limit in flux."""
    instead = "give that, or followup.flux_limit instead"
    if selection is None or not selection.detection.is_sharp:
        raise InputError(f"followup.luminosity: goes with a survey above one flux_limit; {instead}")
    if selection.contamination is not None:
        raise InputError(
            "followup.luminosity: goes with a survey without contaminants, which are known by flux; take "
            "[selection.contamination] out, or give followup.flux_limit instead"
        )


def build_followup(c: FollowUpConfig | None, h: float, geometry: Geometry, selection: Selection) -> FollowUp | None:
    """Follow-up of a survey in package units."""
    if c is None:
        return None
    limit = None
    if c.flux_limit is not None:
        limit = float(read_quantities((c.flux_limit,), "flux", "followup.flux_limit", h)[0])
    least = None
    if c.luminosity is not None:
        least = float(read_quantities((c.luminosity,), "luminosity", "followup.luminosity", h)[0])
    followup = FollowUp(limit, c.zmax, c.fraction, least)
    if least is not None:
        _require_one_limit(selection.in_flux)
    if selection.in_flux is None:
        return followup
    near, *_, far = geometry.redshift_edges
    if c.zmax is not None and until(geometry, c.zmax) is None:
        raise InputError(f"followup.zmax = {c.zmax:g}: the survey begins at z = {near:g}; give a larger one")
    every = limit is None or followup.log_limit(selection.in_flux) <= min(selection.in_flux.detection.offset)
    if every and least is None and (c.zmax is None or c.zmax >= far) and c.fraction == 1:
        raise InputError(
            "followup: leaves no detected cluster out; give a flux_limit above the survey's, a zmax below the survey's "
            "or a fraction below 1, or take [followup] out"
        )
    return followup
