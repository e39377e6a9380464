"""How finely sums over mass must be spaced where observables tell masses well."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..core.errors import InputError
from ..core.parameters import Values
from ..relations.lines import FLATTEST, Line
from ..survey.detection.distortion import Distortion
from ..survey.listed_redshifts import survey_shells
from ..survey.selection import FluxSelection
from .mixture import columns
from .setup import Setup

SHARP, SMOOTH = 0.4, 1.4
"""Spacing in units of the scatter of mass at given observables that is right to 4% of the density next to a sharp cut,
and to 1e-4 where the abundance is smooth."""
FINEST = 0.002
"""Smallest spacing, dex."""
WIDEST_STEP = 0.04
"""Largest spacing of masses under a flux limit, dex, which is smooth in mass."""
_FINEST_LIMIT = 0.004
"""Smallest spacing that resolves the scatter of mass at the flux limit, dex."""
_WELL_RESOLVED = 0.1
"""Scatter of L_X at given Y_X, dex, down to which a geometry's own redshift nodes are right to 1e-3."""


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


def limit_resolution(setup: Setup, selection: FluxSelection) -> tuple[float, float]:
    """Spacing of the mass grid, dex, and fineness of the redshift nodes that resolve a flux limit in the whole prior.

    Raises
    ------
    InputError
        If L_X scatters too little.
    """
    relations, v = setup.relations, setup.parameters.values(setup.parameters.sample())
    lines, masses = relations.at(v), relations.unit_residuals.log_mass
    parts = [part.blurred(selection.flux_error) for part in relations.components(v, masses)]
    smallest = min(float(np.min(part.lx_scatter)) for part in parts)
    step = SMOOTH * smallest / float(np.max(lines.lx.steepest))
    if step < _FINEST_LIMIT:
        least = relations.lx.scatter * _FINEST_LIMIT / step
        raise InputError(
            f"relations.lx.scatter: {relations.lx.scatter:.2g} dex is too little for a flux limit to be resolved "
            f"in mass; give at least {1.01 * least:.2g} dex, or a narrower prior of scatter_lx"
        )
    if relations.unit_residuals.mass_dependent:  # sums over the mass nodes must resolve what Y_X says of mass
        step = min(step, proxy_step(setup, v, SMOOTH))
    of_yx = columns(lines.lx.slope / lines.yx.slope, 2)  # what Y_X leaves open of L_X
    blur = min(float(np.min(np.hypot(part.lx_scatter, of_yx * part.yx_scatter))) for part in parts)
    return min(WIDEST_STEP, step), max(1.0, _WELL_RESOLVED / blur)


def lowest_mass(setup: Setup, selection: FluxSelection) -> float:
    """log10 of the mass whose luminosity is six scatters below the limit at any redshift in the prior, Msun/h.

    Raises
    ------
    InputError
        If L_X does not rise with mass.
    """
    z, sample = survey_shells(setup).z, setup.parameters.sample()
    v = setup.parameters.values(sample)
    lx = selection.observed(setup.relations.at(v)).lx
    background = setup.background(v, z, np.arange(len(sample))[:, None])
    by = Distortion.at(v, np.ravel)
    detection = selection.detection if by is None else by.of(selection.detection)
    parts = zip(detection.offset, detection.width, strict=True)
    below = min(np.min(offset) - 6 * float(np.max(np.hypot(lx.scatter, width))) for offset, width in parts)
    _require_rise(lx)
    limit = selection.log_luminosity_limit(z, setup.cosmology, setup.relations) + below
    limit = limit[None] - background.shift(setup.relations.exponents("lx"))
    return min(setup.relations.pivot + float(np.min(lx.mass_at(limit, background.log_growth))), 13.5)


def _require_rise(lx: Line) -> None:
    """Refuse an L_X-M relation that may fall."""
    if not (lx.is_curved or lx.drifts) or np.min(lx.slopes[0]) >= FLATTEST:
        return
    what, cure = "curvature", "parameters.curvature_lx a narrower prior (gaussian = 0.1), or slope_lx and drift_lx"
    if np.min(lx.slope + np.minimum(lx.bend.step, 0.0)) < FLATTEST:
        what, cure = "slope_below", "a larger slope_below, or parameters.lowslope_lx a narrower prior"
    raise InputError(
        f"relations.lx.{what}: L_X does not rise with mass somewhere in the prior, so that a limit in flux is none in "
        f"mass; give {cure}"
    )
