"""How finely sums over mass must be spaced where observables tell masses well."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..core.errors import InputError
from ..core.parameters import Values
from .population import Setup, columns

SHARP, SMOOTH = 0.4, 1.4
"""Spacing in units of the scatter of mass at given observables that is right to 4% of the density next to a sharp cut,
and to 1e-4 where the abundance is smooth."""
FINEST = 0.002
"""Smallest spacing, dex."""


def proxy_step(setup: Setup, v: Values, spacing: float) -> float:
    """Largest spacing of masses, dex, for what Y_X says of mass at parameter values `v`.

    Parameters
    ----------
    setup : Setup
    v : Values
    spacing : float
        In units of the scatter: `SHARP` or `SMOOTH`.

    Raises
    ------
    InputError
        If it is below `FINEST`.
    """
    relations, blur = setup.relations, setup.selection.blur
    slope = columns(relations.at(v).yx.slope, 2)
    parts = relations.components(v, relations.unit_residuals.log_mass)
    width = min(float(np.min(np.hypot(part.yx_scatter / slope, blur))) for part in parts)
    names = [name for name, weight in zip(relations.names, relations.combination, strict=True) if weight]
    require_width(width, FINEST / spacing, names)
    return spacing * width


def require_width(width: float, least: float, names: Sequence[str]) -> None:
    """Raise unless the observables `names` leave a mass open by at least as much, dex.

    Raises
    ------
    InputError
    """
    if width < least:
        raise InputError(
            f"relations: {' and '.join(names)} tell masses to {width:.2g} dex somewhere in the prior, finer than the "
            f"{least:.2g} dex that sums over mass resolve; give them {1.01 * least / width:.3g} times the scatter, or "
            f"{' and '.join(f'scatter_{name}' for name in names)} a narrower prior"
        )
