"""Detections that are no clusters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...core.arrays import Array
from ...core.errors import InputError
from .curve import RAMP, Detection, check_curve, floats

_CELL = 0.02
"""Width of the parts of a product of curves, dex."""


@dataclass(frozen=True)
class Contamination:
    """Fraction of the detections at a measured flux that are no clusters.

    They are as numerous as it says in the fiducial model, and each looks like a cluster of its flux there:
    their redshifts and mass proxies are those of the fiducial model's clusters.

    Parameters
    ----------
    log_flux : tuple of float
        log10 of flux over the survey's reference flux; the fraction is linear between them and constant
        beyond.
    fraction : tuple of float
    """

    log_flux: tuple[float, ...]
    fraction: tuple[float, ...]

    def __post_init__(self) -> None:
        check_curve(np.array(self.log_flux), np.array(self.fraction), "contamination")
        if max(self.fraction) > 0.9:
            raise InputError(f"selection: contamination must be at most 0.9, got {max(self.fraction):g}")

    def odds(self, log_flux: Array) -> Array:
        """Contaminants for each cluster at log10 of flux over the reference flux; shape of `log_flux`."""
        fraction = np.interp(log_flux, self.log_flux, self.fraction)
        return fraction / (1 - fraction)

    @property
    def largest_odds(self) -> float:
        """Most contaminants for each cluster at any flux."""
        return max(self.fraction) / (1 - max(self.fraction))

    def detection(self, detection: Detection) -> Detection:
        """`detection` times `odds`, to a few parts in a thousand; some of its weights may be negative."""
        return detection.mapped(self._times)

    def _times(self, detection: Detection) -> Detection:
        sharp: dict[float, float] = {}
        for a, o, s in zip(detection.weight, detection.offset, detection.width, strict=True):
            sharp |= {} if s else {o: sharp.get(o, 0.0) + a}
        reach = [o - 6 * s for o, s in zip(detection.offset, detection.width, strict=True)]
        top = [o + 6 * s for o, s in zip(detection.offset, detection.width, strict=True)]
        low, high = min(reach), max(*top, *self.log_flux)
        edges = np.unique([*np.arange(low, high + _CELL, _CELL), *sharp])
        jump = np.array([sharp.get(e, 0.0) for e in edges])
        left, odds = detection(edges), self.odds(edges)
        weight, middle = np.diff(left * odds) - jump[:-1] * odds[:-1], 0.5 * (edges[1:] + edges[:-1])
        parts = [(a, o, s) for a, o, s in zip(weight, middle, RAMP * np.diff(edges), strict=True) if a]
        parts += [(a * float(self.odds(np.array(o))), o, 0.0) for o, a in sharp.items()]
        each = zip(*sorted(parts, key=lambda p: p[1]), strict=True)
        weights, offsets, widths = (floats(np.array(x)) for x in each)
        return Detection(weights, offsets, widths)
