"""Which part of the sky a survey covers: boxes, caps or pixels, without others, away from the galactic plane."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ..core.arrays import Array
from ..core.errors import InputError
from .pixels import Pixels, whole_sky

GALACTIC_POLE = (192.85948, 27.12825)
"""Right ascension and declination of the north galactic pole, degrees, ICRS."""
_TURN = 360.0
_NODES = 96
"""Gauss-Legendre nodes between declinations at which an outline has an edge."""


class Region(Protocol):
    """A simple part of the sky; positions are degrees and broadcast."""

    def contains(self, ra: Array, dec: Array) -> Array:
        """Which positions lie in it; bool."""

    def crossings(self, dec: Array) -> Array:
        """Right ascensions at which its outline crosses declinations (n,), NaN where it does not; shape (n, 2)."""

    @property
    def edges(self) -> tuple[float, float]:
        """Declinations at which it begins and ends, or begins to go all around."""


@dataclass(frozen=True)
class SkyBox:
    """A range of right ascension, eastwards from the first to the second, and one of declination; degrees."""

    ra: tuple[float, float] = (0.0, _TURN)
    dec: tuple[float, float] = (-90.0, 90.0)

    def __post_init__(self) -> None:
        if not -90 <= self.dec[0] < self.dec[1] <= 90:
            raise InputError(f"dec = {list(self.dec)} must rise within -90 to 90 degrees")
        span = self.ra[1] - self.ra[0]
        if not all(-180 <= x <= _TURN for x in self.ra) or span == 0 or span > _TURN:
            raise InputError(f"ra = {list(self.ra)} must lie within -180 to 360 degrees and be at most 360 apart")

    @property
    def width(self) -> float:
        """In right ascension, degrees."""
        return (self.ra[1] - self.ra[0]) % _TURN or _TURN

    def contains(self, ra: Array, dec: Array) -> Array:
        """Which positions lie in it; bool."""
        within: Array = (self.dec[0] <= dec) & (dec <= self.dec[1]) & ((ra - self.ra[0]) % _TURN <= self.width)
        return within

    def crossings(self, dec: Array) -> Array:
        """Its two right ascensions, shape (n, 2)."""
        return np.broadcast_to(np.array(self.ra), (len(dec), 2))

    @property
    def edges(self) -> tuple[float, float]:
        """Its two declinations."""
        return self.dec


@dataclass(frozen=True)
class Cap:
    """Everything within a radius of a position; degrees, ICRS."""

    ra: float
    dec: float
    radius: float

    def __post_init__(self) -> None:
        if not (-180 <= self.ra <= _TURN and -90 <= self.dec <= 90 and 0 < self.radius <= 180):
            raise InputError(
                f"ra = {self.ra:g}, dec = {self.dec:g} and radius = {self.radius:g} must lie within -180 to 360, "
                "-90 to 90 and 0 to 180 degrees"
            )

    def contains(self, ra: Array, dec: Array) -> Array:
        """Which positions lie in it; bool."""
        d, centre = np.radians(dec), np.radians(self.dec)
        cosine = np.sin(d) * np.sin(centre) + np.cos(d) * np.cos(centre) * np.cos(np.radians(ra - self.ra))
        return np.asarray(cosine >= np.cos(np.radians(self.radius)))

    def crossings(self, dec: Array) -> Array:
        """Right ascensions of its circle at declinations (n,), shape (n, 2)."""
        d, centre = np.radians(dec), np.radians(self.dec)
        with np.errstate(divide="ignore", invalid="ignore"):
            cosine = (np.cos(np.radians(self.radius)) - np.sin(d) * np.sin(centre)) / (np.cos(d) * np.cos(centre))
            half = np.degrees(np.arccos(cosine))
        return self.ra + np.stack([-half, half], axis=-1)

    @property
    def edges(self) -> tuple[float, float]:
        """Declinations of its southernmost and northernmost point; beyond a pole, that on the other side."""
        return max(self.dec - self.radius, -180 - self.dec + self.radius), min(
            self.dec + self.radius, 180 - self.dec - self.radius
        )


@dataclass(frozen=True)
class Footprint:
    """The sky of a survey.

    Parameters
    ----------
    parts : tuple of Region
        Of which it is made; the whole sky if there are none.
    without : tuple of Region
        Left out of them.
    latitude : float
        Least distance from the galactic plane, degrees.
    pixels : Pixels or None
        Outside which nothing belongs to it.
    """

    parts: tuple[Region, ...] = ()
    without: tuple[Region, ...] = ()
    latitude: float = 0.0
    pixels: Pixels | None = None

    @property
    def caps(self) -> tuple[Region, ...]:
        """Both sides of the galactic plane; none without a cut in latitude."""
        if not self.latitude:
            return ()
        (ra, dec), radius = GALACTIC_POLE, 90 - self.latitude
        return Cap(ra, dec, radius), Cap(ra - 180, -dec, radius)

    @property
    def outline(self) -> tuple[Region, ...]:
        """Every region on whose edge the sky may end."""
        return *self.parts, *self.without, *self.caps

    def contains(self, ra: Array, dec: Array) -> Array:
        """Which positions, degrees that broadcast, lie in it; bool."""
        inside = ~_in_any(self.without, ra, dec)
        for regions in (self.parts, self.caps):
            if regions:
                inside = inside & _in_any(regions, ra, dec)
        return inside if self.pixels is None else inside & self.pixels.contains(ra, dec)

    @property
    def area(self) -> float:
        """Steradian: exact for boxes or pixels alone, to 1e-5 or better with caps; pixels cut by others to 1e-3."""
        if self.pixels is not None:
            return self.pixels.area * float(self.contains(*self.pixels.samples()).mean())
        return _area(self.contains, self.outline)


@dataclass(frozen=True)
class Remainder:
    """A survey's sky without those of others."""

    sky: Footprint
    others: tuple[Footprint, ...]

    def contains(self, ra: Array, dec: Array) -> Array:
        """Which positions, degrees that broadcast, lie in it; bool."""
        return np.asarray(self.sky.contains(ra, dec) & ~_in_any(self.others, ra, dec))


def shared_area(one: Footprint, *others: Footprint) -> float:
    """Area of a survey's sky that at least one of others covers too, steradian."""

    def both(ra: Array, dec: Array) -> Array:
        return np.asarray(one.contains(ra, dec) & _in_any(others, ra, dec))

    if any(sky.pixels is not None for sky in (one, *others)):
        places, area = (whole_sky(), 4 * np.pi) if one.pixels is None else (one.pixels.samples(), one.pixels.area)
        return area * float(both(*places).mean())
    return _area(both, (*one.outline, *(region for other in others for region in other.outline)))


def _in_any(regions: Sequence[Region | Footprint], ra: Array, dec: Array) -> Array:
    """Which positions lie in one of some regions; bool."""
    found = np.zeros(np.broadcast_shapes(np.shape(ra), np.shape(dec)), dtype=bool)
    for region in regions:
        found |= region.contains(ra, dec)
    return found


def _area(contains: Callable[[Array, Array], Array], outline: Sequence[Region]) -> float:
    """Area of a part of the sky, steradian: its length in right ascension, integrated over the sine of declination.

    At each declination the outline divides the circle into arcs that are in it or not. Between edges the length is
    smooth but for square roots at the ends, which the nodes' sine removes.
    """
    edges = np.unique(np.sin(np.radians(np.clip([-90, 90, *(e for region in outline for e in region.edges)], -90, 90))))
    t, weight = np.polynomial.legendre.leggauss(_NODES)
    middle, half = 0.5 * (edges[1:] + edges[:-1])[:, None], 0.5 * np.diff(edges)[:, None]
    sine = (middle + half * np.sin(0.5 * np.pi * t)).ravel()
    weight = (half * 0.5 * np.pi * np.cos(0.5 * np.pi * t) * weight).ravel()
    dec = np.degrees(np.arcsin(sine))
    ends = [np.zeros((len(dec), 1)), np.full((len(dec), 1), _TURN)]
    ra = np.nan_to_num(np.hstack([*ends, *(np.mod(region.crossings(dec), _TURN) for region in outline)]))
    ra = np.sort(ra, axis=1)
    arcs, centres = np.diff(ra, axis=1), 0.5 * (ra[:, 1:] + ra[:, :-1])
    return float(weight @ np.radians(arcs * contains(centres, dec[:, None])).sum(axis=1))
