"""Where a curved or broken L_X-M relation is known of."""

from __future__ import annotations

from ..core.errors import InputError
from .power_laws import Relations


def require_bendable(relations: Relations, *, by_flux: bool) -> None:
    """Raise where an L_X-M relation that is no power law is not what a formula knows of.

    `by_flux`: how a survey selects.

    Raises
    ------
    InputError
    """
    name = "curvature" if relations.lx.break_mass is None else "break_mass"
    cure = f"leave relations.lx.{name}, and curvature_lx and drift_lx under [parameters], out"
    if name == "break_mass":
        cure = "leave relations.lx.break_mass and slope_below out"
    if not by_flux:
        raise InputError(f"relations.lx.{name}: is for surveys that are limited in flux; {cure}")
    if relations.calibrated_at:
        raise InputError(f"relations.calibration.z: an L_X-M relation with {name} is one of nearby clusters; {cure}")
    if dict(relations.proxy).get("lx"):
        raise InputError(f"relations.lx.{name}: the mass proxy is made of L_X; {cure}, or choose another proxy")
    curved = [other for other in relations.names if other != "lx" and not relations[other].is_straight]
    if curved:
        raise InputError(f"relations.{curved[0]}.curvature: only the L_X-M relation may be curved; leave it out")
