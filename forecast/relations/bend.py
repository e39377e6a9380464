"""What a relation that is curved or broken in mass has beside a straight one.

log10 X = straight line + curvature u^2, u = log10 M over the pivot, for `REACH` on either side of it; beyond, it goes
on straight with the slope that it has there: a parabola would turn where no cluster has been looked at. A broken power
law has another slope far below a break, and passes from one to the other over a width as a logistic function does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np
from scipy import special

from ..core.arrays import Array

REACH = 1.5
"""Distance from the pivot, dex, over which a relation is curved."""


_BISECTIONS, _FARTHEST = 60, 8.0


@dataclass(frozen=True)
class Bend:
    """The curved part of relations; fields broadcast against the masses that they are asked at.

    Parameters
    ----------
    curvature : float or ndarray
        Per dex^2 of mass.
    about : float or ndarray
        log10 of the pivot over the mass at which the curve touches the straight line: what is added to log10 M.
    step : float or ndarray
        Slope far below the break minus that of the straight line, above it.
    start : float or ndarray
        log10 of the break mass over the pivot.
    width : float or ndarray
        Of the passage, dex.
    """

    curvature: Array | float = 0.0
    about: Array | float = 0.0
    step: Array | float = 0.0
    start: Array | float = 0.0
    width: Array | float = 0.1

    @property
    def is_any(self) -> bool:
        """Whether anything is curved or broken."""
        return bool(np.any(self.curvature)) or self.is_broken

    @property
    def is_broken(self) -> bool:
        """Whether anything is broken."""
        return bool(np.any(self.step))

    def shaped(self, change: Callable[[Array], Array]) -> Bend:
        """The same with fields of another shape."""
        return Bend(**{f.name: change(np.asarray(getattr(self, f.name))) for f in fields(self)})

    def at(self, log_mass: Array) -> Array:
        """What is added to the mean log10 at masses, log10 over the pivot."""
        u = log_mass + self.about
        curved = np.clip(u, -REACH, REACH)
        value = self.curvature * (2 * u - curved) * curved
        return np.asarray(value + self._below(u) - self._below(np.asarray(0.0)) if self.is_broken else value)

    def _below(self, u: Array) -> Array:
        """What the other slope below the break adds to a line that goes on straight."""
        return np.asarray(-self.step * self.width * np.logaddexp(0.0, (self.start - u) / self.width))

    def _share(self, u: Array) -> Array:
        """Share of the slope below the break."""
        return np.asarray(special.expit((self.start - u) / self.width))

    def slope(self, log_mass: Array) -> Array:
        """What is added to the slope there."""
        u = log_mass + self.about
        value = 2 * self.curvature * np.clip(u, -REACH, REACH)
        return np.asarray(value + self.step * self._share(u) if self.is_broken else value)

    def second(self, log_mass: Array) -> Array:
        """The coefficient of the square of a small change of log10 M there."""
        u = log_mass + self.about
        value = self.curvature * (np.abs(u) < REACH)
        if not self.is_broken:
            return np.asarray(value)
        share = self._share(u)
        return np.asarray(value - self.step * share * (1 - share) / (2 * self.width))

    def mass_at(self, excess: Array, slope: Array | float) -> Array:
        """log10 M over the pivot at which slope x + the bend is `excess`, where that rises with mass everywhere."""
        if not self.is_any:
            return excess / slope
        if self.is_broken:
            return self._found(np.asarray(excess), slope)
        excess, edge = excess + slope * self.about, 2 * self.curvature * REACH
        curved = 2 * excess / (slope + np.sqrt(np.maximum(slope**2 + 4 * self.curvature * excess, 0.0)))
        turned = self.curvature * REACH**2
        above, below = (excess + turned) / (slope + edge), (excess + turned) / (slope - edge)
        ends = slope * REACH + turned, -slope * REACH + turned
        return np.asarray(np.where(excess > ends[0], above, np.where(excess < ends[1], below, curved)) - self.about)

    def _found(self, excess: Array, slope: Array | float) -> Array:
        """The same by bisection, within 8 dex of the pivot."""
        shape = np.broadcast_shapes(excess.shape, *(np.shape(x) for x in (slope, self.step, self.start, self.about)))
        low, high = np.full(shape, -_FARTHEST), np.full(shape, _FARTHEST)
        for _ in range(_BISECTIONS):
            middle = 0.5 * (low + high)
            over = slope * middle + self.at(middle) > excess
            low, high = np.where(over, low, middle), np.where(over, middle, high)
        return np.asarray(0.5 * (low + high))

    def range(self, slope: Array | float) -> tuple[Array, Array]:
        """Least and largest slope, of a straight line and the bend together."""
        most = 2 * REACH * np.abs(self.curvature)
        least, largest = np.minimum(self.step, 0.0), np.maximum(self.step, 0.0)
        return np.asarray(slope - most + least), np.asarray(slope + most + largest)
