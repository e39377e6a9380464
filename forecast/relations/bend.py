"""What a relation that is curved in mass has beside a straight one.

log10 X = straight line + curvature u^2, u = log10 M over the pivot, for `REACH` on either side of it; beyond, it goes
on straight with the slope that it has there: a parabola would turn where no cluster has been looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..core.arrays import Array

REACH = 1.5
"""Distance from the pivot, dex, over which a relation is curved."""


@dataclass(frozen=True)
class Bend:
    """The curved part of relations; fields broadcast against the masses that they are asked at.

    Parameters
    ----------
    curvature : float or ndarray
        Per dex^2 of mass.
    about : float or ndarray
        log10 of the pivot over the mass at which the curve touches the straight line: what is added to log10 M.
    """

    curvature: Array | float = 0.0
    about: Array | float = 0.0

    @property
    def is_any(self) -> bool:
        """Whether anything is curved."""
        return bool(np.any(self.curvature))

    def shaped(self, change: Callable[[Array], Array]) -> Bend:
        """The same with fields of another shape."""
        return Bend(change(np.asarray(self.curvature)), change(np.asarray(self.about)))

    def at(self, log_mass: Array) -> Array:
        """What is added to the mean log10 at masses, log10 over the pivot."""
        u = log_mass + self.about
        curved = np.clip(u, -REACH, REACH)
        return np.asarray(self.curvature * (2 * u - curved) * curved)

    def slope(self, log_mass: Array) -> Array:
        """What is added to the slope there."""
        return np.asarray(2 * self.curvature * np.clip(log_mass + self.about, -REACH, REACH))

    def second(self, log_mass: Array) -> Array:
        """The coefficient of the square of a small change of log10 M there."""
        return np.asarray(self.curvature * (np.abs(log_mass + self.about) < REACH))

    def mass_at(self, excess: Array, slope: Array | float) -> Array:
        """log10 M over the pivot at which slope x + the bend is `excess`, where that rises with mass everywhere."""
        if not self.is_any:
            return excess / slope
        excess, edge = excess + slope * self.about, 2 * self.curvature * REACH
        curved = 2 * excess / (slope + np.sqrt(np.maximum(slope**2 + 4 * self.curvature * excess, 0.0)))
        turned = self.curvature * REACH**2
        above, below = (excess + turned) / (slope + edge), (excess + turned) / (slope - edge)
        ends = slope * REACH + turned, -slope * REACH + turned
        return np.asarray(np.where(excess > ends[0], above, np.where(excess < ends[1], below, curved)) - self.about)

    def range(self, slope: Array | float) -> tuple[Array, Array]:
        """Least and largest slope, of a straight line and the bend together."""
        most = 2 * REACH * np.abs(self.curvature)
        return np.asarray(slope - most), np.asarray(slope + most)
