"""How far the parameters of relations may go: far beyond any cluster, and short of where sums lose their meaning."""

from __future__ import annotations

import numpy as np

from ..core.errors import InputError
from ..core.parameters import MASS_FUNCTION
from ..core.priors import Prior

REACH = {
    "mass": (0.1, 10.0),
    "norm": (1e-10, 1e10),
    "slope": (0.05, 20.0),
    "scatter": (0.02, 30.0),
    "evolution": (-30.0, 30.0),
    "curvature": (-1.0, 1.0),
    "lowslope": (0.05, 20.0),
    "break": (-1.5, 1.5),
    "drift": (-3.0, 3.0),
    "hmf_amplitude": (0.1, 10.0),
    "hmf_slope": (-0.4, 0.4),
}
"""Ranges of parameters by the first part of their names, or all: factors, an exponent of E(z), a curvature, per dex^2,
a shift of a mass, dex, a drift of a slope, and q0 and q1 of the mass function."""
_ADDED = ("evolution", "curvature", "break", "drift", "hmf_slope")
_SIGMAS = 3.0


def check_value(name: str, value: float) -> None:
    """Raise unless a fixed parameter is within reach.

    Raises
    ------
    InputError
    """
    low, high = _reach(name)
    if not low <= value <= high:
        neutral = 0 if name.startswith(_ADDED) else 1
        what = "mass function" if name in MASS_FUNCTION else "relation"
        raise InputError(
            f"parameters.{name}: {value:g} is outside {low:g} to {high:g}; {neutral} leaves the {what} as it is"
        )


def check_prior(name: str, prior: Prior) -> None:
    """Raise unless a prior is within reach as far as three standard deviations from its centre.

    Raises
    ------
    InputError
    """
    with np.errstate(over="ignore"):
        start, end = prior.span(_SIGMAS)
    low, high = _reach(name)
    if start < low or end > high:
        raise InputError(
            f"parameters.{name}: the prior ({start:.3g} to {end:.3g}) leaves {low:g} to {high:g}; narrow it"
        )


def _reach(name: str) -> tuple[float, float]:
    return REACH.get(name) or REACH.get(name.split("_")[0], (-np.inf, np.inf))
