"""Where a curved L_X-M relation is known of."""

from __future__ import annotations

from ..core.errors import InputError
from .power_laws import Relations


def require_bendable(relations: Relations, *, by_flux: bool) -> None:
    """Raise where a curved L_X-M relation is not what a formula knows of; `by_flux`: how a survey selects.

    Raises
    ------
    InputError
    """
    cure = "leave relations.lx.curvature and parameters.curvature_lx out"
    if not by_flux:
        raise InputError(f"relations.lx.curvature: is for surveys that are limited in flux; {cure}")
    if relations.calibrated_at:
        raise InputError(f"relations.calibration.z: a curved L_X-M relation is one of nearby clusters; {cure}")
    if dict(relations.proxy).get("lx"):
        raise InputError(f"relations.lx.curvature: the mass proxy is made of L_X; {cure}, or choose another proxy")
    curved = [name for name in relations.names if name != "lx" and relations[name].curvature]
    if curved:
        raise InputError(f"relations.{curved[0]}.curvature: only the L_X-M relation may be curved; leave it out")
