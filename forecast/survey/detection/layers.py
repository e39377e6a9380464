"""Parts of the sky that differ in depth: each with its own chance of detection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from ...core.arrays import Array
from ...core.errors import InputError, nearest
from .curve import Detection


@dataclass(frozen=True)
class Layer:
    """A part of a survey's sky.

    Parameters
    ----------
    name : str
        As the survey's catalogue calls it.
    share : float
        Of the survey's area.
    log_factor : float
        log10 of its fluxes over those of the survey's chance of detection: deeper ones are negative.
    """

    name: str
    share: float
    log_factor: float

    def of(self, detection: Detection) -> Detection:
        """Chance that a cluster anywhere on the survey's sky lies in this part and is detected there."""

        def scaled(weight: tuple[float, ...]) -> tuple[float, ...]:
            return tuple(self.share * a for a in weight)

        return replace(
            detection,
            weight=scaled(detection.weight),
            offset=tuple(o + self.log_factor for o in detection.offset),
            by_knot=tuple(scaled(weight) for weight in detection.by_knot),
        )


def mean_of(detection: Detection, layers: Sequence[Layer]) -> Detection:
    """Chance of detection anywhere on a survey's sky; the parts of each layer stand side by side."""
    each = [layer.of(detection) for layer in layers]
    by_knot = tuple(sum(weights, ()) for weights in zip(*(one.by_knot for one in each), strict=True))
    return replace(
        detection,
        weight=sum((one.weight for one in each), ()),
        offset=sum((one.offset for one in each), ()),
        width=sum((one.width for one in each), ()),
        by_knot=by_knot,
        floor=False,
    )


class Layered(Protocol):
    """A selection on flux."""

    @property
    def layers(self) -> tuple[Layer, ...]:
        """Parts of the sky."""


def require_layers(selection: Layered | None, *, binned: bool) -> None:
    """Refuse data that are kept apart by layers that there are not.

    Raises
    ------
    InputError
    """
    if binned and (selection is None or not selection.layers):
        raise InputError("survey.binned_by_layer needs layers; give two or more [[survey.layers]], or take it out")


def in_layers(selection: Layered | None, layer: Array | None) -> list[Array]:
    """For each layer of a survey, which clusters lie in it, of numbers (n,) of their layers: bool, (n,) each.

    Raises
    ------
    InputError
        If that of a cluster is not known.
    """
    if selection is None or layer is None or (layer < 0).any():
        raise InputError(
            "survey.binned_by_layer: these clusters do not say in which layer they lie; set it to false for the mean "
            "chance of detection"
        )
    return [layer == i for i in range(len(selection.layers))]


def layer_numbers(selection: Layered | None, named: Array) -> Array:
    """Numbers of the layers that clusters name, (n,) of text.

    Raises
    ------
    InputError
        If there is none of a name.
    """
    known = [layer.name for layer in (() if selection is None else selection.layers)]
    for i, name in enumerate(named.tolist()):
        if name not in known:
            has, cure = (
                (f"has '{name}'", nearest(name, known)) if name else ("names none", "known: " + ", ".join(known))
            )
            raise InputError(f"catalogue.columns.layer: row {i + 1} {has}; {cure}; correct it, or leave the row out")
    return np.array([known.index(name) for name in named.tolist()], dtype=int)
