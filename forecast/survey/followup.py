"""Which detected clusters were followed up, so that they have a temperature, a gas mass and a Y_X.

Follow-up depends on what the survey had measured of a cluster, its flux, luminosity and redshift, and on chance: not on
what was measured later. Clusters without a Y_X then are fainter or more distant ones, not any of them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from ..core.arrays import Array
from ..core.errors import InputError
from .detection.curve import Detection
from .geometry import THINNEST, LightCone, Replicated
from .selection import FluxSelection
from .shells import Geometry

_CELL, _SHARP, _REACH = 0.5, 0.02, 4.0
"""Parts of a cut curve in units of its width; width below which it is cut as a whole, dex; widths beyond which it is
0 or 1 to 3e-5."""
_RAMP = 1 / np.sqrt(12)


@dataclass(frozen=True)
class FollowUp:
    """Clusters that are followed up: a part of those above a measured flux and luminosity, up to a redshift.

    Parameters
    ----------
    flux_limit : float or None
        In the survey's band, erg/s/cm2; None: that of the survey.
    zmax : float or None
        None: that of the survey.
    fraction : float
        Of those.
    luminosity : float or None
        In the survey's band, rest frame, erg/s; None: any.
    """

    flux_limit: float | None = None
    zmax: float | None = None
    fraction: float = 1.0
    luminosity: float | None = None

    def log_limit(self, selection: FluxSelection) -> float:
        """log10 of the limit over the reference flux of a selection; -inf without one."""
        return -np.inf if self.flux_limit is None else float(np.log10(self.flux_limit / selection.flux_limit))

    def of(self, selection: FluxSelection) -> FluxSelection:
        """Selection of clusters that are detected and followed up, but for the redshift."""
        chosen = selection.with_detection(above(selection.detection, self.log_limit(selection), self.fraction))
        return chosen if self.luminosity is None else chosen.above(self.luminosity)

    def but(self, selection: FluxSelection) -> FluxSelection:
        """Selection of clusters that are detected and, within the redshift, not followed up.

        Raises
        ------
        InputError
            If luminosity decides, which clusters of unknown L_X do not tell.
        """
        if self.luminosity is not None:
            raise InputError(
                "followup.luminosity: clusters without L_X do not tell whether they are above it; list their L_X or "
                "fluxes, or leave it out"
            )
        every, some = selection.detection, self.of(selection).detection
        return selection.with_detection(every.without(some))

    def reaches(self, z: Array) -> Array:
        """Whether redshifts are within that of the follow-up; bool."""
        return np.full(np.shape(z), True) if self.zmax is None else np.asarray(z) <= self.zmax

    def chosen(self, bright: Array, z: Array, *, rng: np.random.Generator) -> Array:
        """Which detected clusters are followed up, of those that are bright enough for it; bool, (n,)."""
        return self.reaches(z) & bright & (rng.random(len(z)) < self.fraction)

    @property
    def words(self) -> str:
        """The follow-up in a sentence."""
        parts = [] if self.flux_limit is None else [f"above {self.flux_limit:.3g} erg/s/cm2"]
        parts += [] if self.luminosity is None else [f"above {self.luminosity:.3g} erg/s"]
        parts += [] if self.zmax is None else [f"below redshift {self.zmax:g}"]
        share = "" if self.fraction == 1 else f"{self.fraction:.0%} of "
        return f"Follow-up: {share}the clusters {' and '.join(parts) or 'detected'} have a mass proxy."


def above(detection: Detection, limit: float, fraction: float) -> Detection:
    """Chance of detection where the flux is above a limit, and nothing below, times a fraction."""
    return detection.mapped(lambda one: _above(one, limit, fraction))


def _above(detection: Detection, limit: float, fraction: float) -> Detection:
    parts: dict[tuple[float, float], float] = {}
    for a, o, s in zip(detection.weight, detection.offset, detection.width, strict=True):
        for weight, offset, width in _cut(a, o, s, limit):
            parts[offset, width] = parts.get((offset, width), 0.0) + fraction * weight
    each = sorted((offset, weight, width) for (offset, width), weight in parts.items())
    offsets, weights, widths = (tuple(x) for x in zip(*each, strict=True))
    return Detection(weights, offsets, widths)


def _cut(weight: float, offset: float, width: float, limit: float) -> list[tuple[float, float, float]]:
    """One normal integral above a limit: a step there, and what it rises by beyond in narrow parts."""
    if limit <= offset - _REACH * width:
        return [(weight, offset, width)]
    if width < _SHARP:
        return [(weight, max(offset, limit), width if limit < offset else 0.0)]
    top = offset + _REACH * width
    edges = np.append(np.arange(limit, top, _CELL * width), max(limit, top))
    rise = np.diff(special.ndtr((edges - offset) / width))
    middle = 0.5 * (edges[1:] + edges[:-1])
    step = (weight * float(special.ndtr((limit - offset) / width)), limit, 0.0)
    cells = zip(rise, middle, np.diff(edges), strict=True)
    return [step, *((weight * float(r), float(m), float(_RAMP * d)) for r, m, d in cells if r > 0)]


def until(geometry: Geometry, zmax: float | None) -> Geometry | None:
    """The part of a volume up to a redshift, with the density contrasts of its whole shells; None if there is none."""
    if isinstance(geometry, Replicated):
        part = until(geometry.survey, zmax)
        return None if part is None else replace(geometry, survey=part)
    if zmax is None or zmax >= geometry.redshift_edges[-1]:
        return geometry
    if not isinstance(geometry, LightCone):
        return None
    edges = [z for z in geometry.redshift_edges if z < zmax - THINNEST]
    return replace(geometry, zmax=zmax, edges=tuple(edges[1:]), within=geometry.within or geometry) if edges else None
