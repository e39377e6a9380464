"""Measurement errors of single clusters that depend on how bright they are."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ..core.arrays import Array
from ..core.errors import InputError
from .followup import FollowUp, above
from .selection import FluxSelection, Selection

LARGEST = 2.0
"""Largest error, dex."""
BY_FLUX = float("nan")
"""Error of log10 of a mass proxy that depends on the flux: in its place among numbers."""
_STEP, _CELLS, _BELOW = 0.15, 10, 4.0
"""Width of cells in flux, dex, their number below an open one, and widths of a gradual limit below it where they
begin."""
_STEEPNESS = 1.5
"""Clusters brighter than a flux go as its power of minus this, with which errors within a cell are averaged."""


@dataclass(frozen=True)
class ErrorLaw:
    """Error of log10 of an observable against measured flux, dex.

    Parameters
    ----------
    log_flux : tuple of float
        log10 of fluxes in the survey's band, erg/s/cm2, increasing.
    value : tuple of float
        dex; linear in log flux between the points and constant beyond.
    slope : float or None
        Of one point: the power of flux with which the error goes.
    floor : float
        Added in quadrature, dex.
    """

    log_flux: tuple[float, ...]
    value: tuple[float, ...]
    slope: float | None = None
    floor: float = 0.0

    def __post_init__(self) -> None:
        if len(self.log_flux) != len(self.value) or not self.value or np.any(np.diff(self.log_flux) <= 0):
            raise InputError("needs fluxes that increase, and a value for each")
        if min(*self.value, self.floor, 0.0) < 0 or max(*self.value, self.floor) > LARGEST:
            raise InputError(f"errors lie between 0 and {LARGEST:g} dex, got {list(self.value)} and {self.floor:g}")

    @property
    def constant(self) -> float | None:
        """The error, if it is the same at every flux."""
        if self.slope or len(set(self.value)) > 1:
            return None
        return float(np.hypot(self.value[0], self.floor)) if self.floor else self.value[0]

    @property
    def words(self) -> str:
        """The law in words."""
        first, last = (f"{10**x:.3g} erg/s/cm2" for x in (self.log_flux[0], self.log_flux[-1]))
        beside = f", and {self.floor:g} dex in quadrature" if self.floor else ""
        if self.slope is not None:
            return f"{self.value[0]:g} dex at {first}, as the power {self.slope:g} of it{beside}"
        return f"{self.value[0]:g} dex below {first} to {self.value[-1]:g} dex above {last}{beside}"

    def of(self, log_flux: Array) -> Array:
        """Errors at log10 of measured fluxes, erg/s/cm2, dex; shape of `log_flux`."""
        return np.minimum(self._unbounded(log_flux), LARGEST)

    def require(self, name: str, flux_limit: float) -> None:
        """Refuse errors of an observable at a flux limit, erg/s/cm2, as no number may be.

        Raises
        ------
        InputError
            If the error there is above `LARGEST`, up to which `of` follows the law.
        """
        if (error := float(self._unbounded(np.array(math.log10(flux_limit))))) > LARGEST:
            raise InputError(
                f"errors.{name}: {error:.3g} dex at the flux limit, {flux_limit:.3g} erg/s/cm2, where {LARGEST:g} dex "
                "is the most; give the error at a flux nearer to it, or a flatter slope"
            )

    def _unbounded(self, log_flux: Array) -> Array:
        if self.slope is None:
            value = np.interp(log_flux, self.log_flux, self.value)
        else:
            value = self.value[0] * 10.0 ** (self.slope * (np.asarray(log_flux) - self.log_flux[0]))
        return np.asarray(np.hypot(value, self.floor))


def require_flux(laws: Iterable[tuple[str, ErrorLaw]], selection: Selection, followup: FollowUp | None) -> None:
    """Refuse laws, by observable, of which a selection has no flux, or at whose limit they are no errors.

    Intervals of flux, into which a law cuts a selection, say nothing of a luminosity from which on clusters are
    followed up.

    Raises
    ------
    InputError
    """
    for name, law in laws:
        if selection.in_flux is None:
            raise InputError(
                f"errors.{name}: a survey in mass measures no flux on which an error could depend; "
                'give a number, or [selection] kind = "flux_limited"'
            )
        if followup is not None and followup.luminosity is not None:
            raise InputError(
                f"errors.{name}: depends on flux, and followup.luminosity on luminosity; give the error as a number, "
                "or followup.flux_limit instead"
            )
        law.require(name, selection.in_flux.flux_limit)


@dataclass(frozen=True)
class FluxCell:
    """Clusters detected in an interval of measured flux, and log10 of fluxes in it, erg/s/cm2, with their weights."""

    selection: FluxSelection
    log_flux: Array
    weight: Array


def flux_cells(selection: FluxSelection) -> list[FluxCell]:
    """A selection cut into intervals of flux, narrow next to what errors and numbers vary on."""
    detection, reference = selection.detection, float(np.log10(selection.flux_limit))
    first = min(o - _BELOW * s for o, s in zip(detection.offset, detection.width, strict=True))
    edges = first + _STEP * np.arange(_CELLS + 1)
    parts = [detection, *(above(detection, float(edge), 1.0) for edge in edges[1:])]
    inside = np.linspace(0.0, 1.0, 9)
    cells = []
    for i, part in enumerate(parts):
        width = _STEP if i < _CELLS else 4 * _STEP
        log_flux = reference + edges[i] + width * inside
        chosen = part.without(parts[i + 1]) if i < _CELLS else part
        weight = 10.0 ** (-_STEEPNESS * width * inside)
        cells.append(FluxCell(selection.with_detection(chosen), log_flux, weight / weight.sum()))
    return cells
