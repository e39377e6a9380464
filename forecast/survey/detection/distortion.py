"""A chance of detection whose midpoint, width, ceiling and floor are free."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from ...core.arrays import Array
from ...core.errors import InputError
from ...core.parameters import ParameterSet, Values
from .contamination import Contamination
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


_SHARP = 0.015
"""Width of a limit, dex, that is none of completeness but of limits that were merged."""


class Selecting(Protocol):
    """A selection on flux."""

    @property
    def detection(self) -> Detection:
        """Chance of detection against measured flux."""

    @property
    def contamination(self) -> Contamination | None:
        """Detections that are no clusters."""


def require_distortable(parameters: ParameterSet, selection: Selecting | None, cut_by: Iterable[str]) -> None:
    """Refuse parameters of detections that there are not, or that others do not follow.

    Parameters
    ----------
    parameters : ParameterSet
    selection : Selecting or None
        None: the survey selects in mass.
    cut_by : iterable of str
        Tables of the configuration that cut the chance of detection at a flux, for which it must be known.

    Raises
    ------
    InputError
    """
    false, cure = None if selection is None else selection.contamination, "take the parameter out"
    if "norm_contamination" in parameters.names and false is None:
        raise InputError(
            "parameters.norm_contamination: no detection is anything but a cluster; "
            "add [selection.contamination], or leave the parameter out"
        )
    for name in (n for n in DISTORTIONS if n in parameters.names or getattr(parameters.fixed, n) != 1):
        if selection is None:
            raise InputError(f"parameters.{name}: a survey in mass has no chance of detection in flux; {cure}")
        if name == "detection_width" and max(selection.detection.width) < _SHARP:
            raise InputError(f"parameters.{name}: the limit is sharp; give selection.completeness_width, or {cure}")
        if name == "detection_floor" and not selection.detection.floor:
            raise InputError(f"parameters.{name}: there is no floor; give selection.floor and floor_flux, or {cure}")
        _require_chances(parameters, name, selection.detection)
        for key in [*cut_by, *["selection.contamination"] * (false is not None)]:
            raise InputError(f"parameters.{name}: [{key}] cuts at fluxes that must be known; take one of them out")


def _require_chances(parameters: ParameterSet, name: str, detection: Detection) -> None:
    """Refuse a ceiling or floor that may leave 0 to 1, or meet the other."""
    top, least = sum(detection.weight), detection.weight[-1] if detection.floor else 0.0
    largest = {"detection_ceiling": top, "detection_floor": least}.get(name, 0.0)
    if not largest:
        return
    if _range(parameters, name)[1] * largest > 1 + 1e-9:
        raise InputError(f"parameters.{name}: {_above_one(parameters, name, math.floor(1e4 / largest + 1e-6) / 1e4)}")
    highest, lowest = least * _range(parameters, "detection_floor")[1], top * _range(parameters, "detection_ceiling")[0]
    if least and highest >= lowest:
        raise InputError(
            f"parameters.{name}: a floor of up to {highest:.4g} meets a ceiling of down to {lowest:.4g}, and detection "
            "would not rise with flux; narrow the prior of detection_floor or detection_ceiling (flat, or between)"
        )


def _range(parameters: ParameterSet, name: str) -> tuple[float, float]:
    """Values that a parameter may take."""
    fixed = float(getattr(parameters.fixed, name))
    return next((p.prior.bounds for p in parameters.free if p.name == name), (fixed, fixed))


def _above_one(parameters: ParameterSet, name: str, most: float) -> str:
    """What is wrong with chances above 1, and what to write, where a factor may be at most `most`."""
    prior = next((p.prior for p in parameters.free if p.name == name), None)
    if prior is None:
        return f"makes a chance of detection above 1; give value = {most:g} or less"
    low = min(0.5, math.floor(100 * float(prior.quantile(np.array(1e-3)))) / 100 or 0.01)
    return (
        f"chances of detection above 1 are within its prior; write between = [{low:g}, {most:g}] "
        "beside it, or a flat prior that ends there"
    )
