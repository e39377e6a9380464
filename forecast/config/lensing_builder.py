"""From the table of weak lensing to physics, and what a reader must know of it before the numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..core.units import LN10
from ..relations.coupling import Coupling
from ..relations.power_laws import Relations
from ..survey.lensing_sample import LensingSample, OwnError
from .quantities import named, read_log_mass, read_quantities, read_scatter
from .schema import LensingErrorConfig, WeakLensingConfig

if TYPE_CHECKING:
    pass


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
    error = named("weak_lensing.error", lambda: _own_error(c.error, h))
    return named("weak_lensing", lambda: LensingSample(error, c.fraction, flux, zmin=c.zmin, zmax=c.zmax))


def _own_error(c: float | str | LensingErrorConfig, h: float) -> OwnError:
    """Errors of ln M_WL in dex of M_WL."""
    if not isinstance(c, LensingErrorConfig):
        return OwnError((0.0,) if c == 0 else (read_scatter(c, "weak_lensing.error", "ln"),))
    values = tuple(value / LN10 for value in c.value)
    if c.z is not None:
        return OwnError(values, c.z, "z")
    masses = (read_log_mass(text, "weak_lensing.error.mass", h) for text in c.mass or ())
    return OwnError(values, tuple(masses), "mass")
