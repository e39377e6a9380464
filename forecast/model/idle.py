"""Free parameters on which no density of any level depends: their posteriors would be their priors, unsaid."""

from __future__ import annotations

import numpy as np

from ..core.errors import InputError
from ..cosmology.dark_energy import DARK_ENERGY
from .setup import Setup

_RELATION = ("norm", "slope", "scatter", "evolution", "curvature", "lowslope", "break", "drift")


def idle_parameters(setup: Setup) -> dict[str, str]:
    """Names of such parameters of a setup, and why nothing depends on each.

    Those that only some levels see are not among them; `forecast.likelihoods.levels.at_level` fixes them where they
    do nothing.
    """
    relations = setup.relations
    redshifts = np.array([*setup.geometry.redshift_edges, relations.z0])
    growth = float(np.ptp(setup.cosmology.efunc(redshifts)))
    found = {}
    for name in setup.parameters.names:
        kind, _, observable = name.partition("_")
        if observable == "wl" and setup.weak_lensing is None:
            found[name] = "there are no weak-lensing masses; add a [weak_lensing] table"
        elif name == "mass_scale" and not relations.on_mass_scale:
            found[name] = "no relation shares the mass scale; name some in relations.share_mass_scale"
        elif kind in _RELATION and observable not in ("yx", "wl", "contamination", *relations.names):
            found[name] = f"there is no relation of '{observable}', only of {', '.join(relations.names)}"
        elif name in DARK_ENERGY and not redshifts.any():
            found[name] = "the box lies at z = 0, and dark energy shows in distances and growth alone"
        elif kind in ("lowslope", "break") and relations[observable].break_mass is None:
            cure = "" if setup.selection.in_flux is None else "; add break_mass and slope_below to it, or"
            found[name] = f"relations.{observable} has no break{cure}"
        elif kind in ("evolution", "drift") and growth < 1e-9:
            found[name] = f"the box lies at relations.z0 = {relations.z0:g}, where nothing has evolved"
    return found


def refuse_idle(setup: Setup) -> None:
    """Refuse a setup with such a parameter.

    Raises
    ------
    InputError
        Naming the first one.
    """
    for name, reason in idle_parameters(setup).items():
        raise InputError(f"parameters.{name}: no datum of any level depends on it: {reason}; take the parameter out")
