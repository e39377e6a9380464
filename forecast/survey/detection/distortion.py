"""A chance of detection whose midpoint, width, ceiling and floor are free."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...core.arrays import Array
from ...core.parameters import Values
from .curve import Detection

DISTORTIONS = ("detection_midpoint", "detection_width", "detection_ceiling", "detection_floor")
"""Parameters of the chance of detection, factors all."""


@dataclass(frozen=True)
class Distortion:
    """What free parameters make of a chance of detection; arrays that broadcast against fluxes.

    Parameters
    ----------
    midpoint : ndarray or float
        Added to log10 of its fluxes, dex.
    width, ceiling, floor : ndarray or float
        Factors on its widths, on the chance of detection of the brightest clusters, and on its floor.
    """

    midpoint: Array | float
    width: Array | float
    ceiling: Array | float
    floor: Array | float

    @classmethod
    def at(cls, v: Values, shaped: Callable[[Array], Array]) -> Distortion | None:
        """At parameter values, each of which is `shaped` to broadcast; None where they change nothing."""
        values = [getattr(v, name) for name in DISTORTIONS]
        if all(isinstance(x, float | int) and x == 1 for x in values):
            return None
        midpoint, *others = (shaped(x) if np.ndim(x) else float(x) for x in values)
        return cls(np.log10(midpoint), *others)

    def of(self, detection: Detection) -> Detection:
        """A chance of detection, distorted: a floor stays at its flux."""
        last, top = int(detection.floor), sum(detection.weight)
        least = detection.weight[-1] if last else 0.0
        factor = (self.ceiling * top - self.floor * least) / (top - least) if last else self.ceiling
        rising = len(detection.weight) - last

        def scaled(weight: tuple[float, ...]) -> tuple[Any, ...]:
            return (*(factor * a for a in weight[:rising]), *(self.floor * a for a in weight[rising:]))

        offset: tuple[Any, ...] = tuple(o + self.midpoint for o in detection.offset[:rising])
        width: tuple[Any, ...] = tuple(self.width * s for s in detection.width[:rising])
        return replace(
            detection,
            weight=scaled(detection.weight),
            offset=offset + detection.offset[rising:],
            width=width + detection.width[rising:],
            by_knot=tuple(scaled(weight) for weight in detection.by_knot),
        )


def resolved(detection: Detection, z: Array | float, by: Distortion | None) -> Detection:
    """The chance at redshifts and as parameters distort it; both broadcast against fluxes."""
    found = detection.at(z)
    return found if by is None else by.of(found)
