"""From the tables of weak lensing and follow-up to physics, and what a reader must know before the numbers."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from ..core.caution import Caution
from ..core.errors import InputError
from ..core.units import LN10
from ..relations.coupling import Coupling
from ..relations.power_laws import Relations
from ..survey.followup import FollowUp, until
from ..survey.lensing_sample import LensingSample, OwnError
from ..survey.selection import Selection
from ..survey.shells import Geometry
from .quantities import named, read_log_mass, read_quantities, read_scatter
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
    if least is not None and (selection.in_flux is None or not selection.in_flux.detection.is_sharp):
        raise InputError(
            "followup.luminosity: goes with a survey above one flux_limit; give that, or followup.flux_limit instead"
        )
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
