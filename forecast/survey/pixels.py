"""Parts of the sky as lists of HEALPix pixels (Gorski et al. 2005): numbers of positions, positions of pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from ..core.arrays import Array
from ..core.errors import InputError

Order = Literal["nested", "ring"]
FINEST = 1024
"""Largest nside, whose pixels are 3.4 arcmin wide."""
_FACE_ROW = np.array([2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4])
_FACE_COLUMN = np.array([1, 3, 5, 7, 0, 2, 4, 6, 1, 3, 5, 7])
_SAMPLES, _EVEN = 400_000, 512
"""Fewest positions in a list of pixels, and nside of those in the whole sky."""


@dataclass(frozen=True)
class Place:
    """Pixels by face of the sphere, 0 to 11, and place on it, 0 to nside - 1; shape (n,) each."""

    face: Array
    x: Array
    y: Array

    @classmethod
    def at(cls, ra: Array, dec: Array, nside: int) -> Place:
        """Those that hold positions, degrees."""
        z, turn = np.sin(np.radians(dec)), np.mod(ra, 360.0) / 90.0
        flat = np.abs(z) <= 2 / 3
        rising, falling = nside * (0.5 + turn), nside * z * 0.75
        down, up = np.floor(rising - falling).astype(int), np.floor(rising + falling).astype(int)
        below, above = down // nside, up // nside
        face = np.where(below == above, below % 4 + 4, np.where(below < above, below % 4, above % 4 + 8))
        x, y = up % nside, nside - down % nside - 1
        quarter = np.minimum(turn.astype(int), 3)
        part, height = turn - quarter, nside * np.sqrt(3 * np.maximum(1 - np.abs(z), 0.0))
        one = np.minimum((part * height).astype(int), nside - 1)
        two = np.minimum(((1 - part) * height).astype(int), nside - 1)
        north = z >= 0
        polar_x, polar_y = (np.where(north, nside - a - 1, b) for a, b in ((two, one), (one, two)))
        polar_face = quarter + np.where(north, 0, 8)
        return cls(np.where(flat, face, polar_face), np.where(flat, x, polar_x), np.where(flat, y, polar_y))

    @classmethod
    def of_nested(cls, number: Array, nside: int) -> Place:
        """Those of nested numbers."""
        face, inside = np.divmod(np.asarray(number, dtype=np.int64), nside * nside)
        bits = range(nside.bit_length())
        x, y = (sum(((inside >> (2 * b + odd)) & 1) << b for b in bits) for odd in (0, 1))
        return cls(face, np.asarray(x), np.asarray(y))

    def nested(self, nside: int) -> Array:
        """Nested numbers, shape (n,)."""
        bits = range(nside.bit_length())
        inside = sum((((self.x >> b) & 1) << (2 * b)) | (((self.y >> b) & 1) << (2 * b + 1)) for b in bits)
        return np.asarray(self.face * nside * nside + inside)

    def _ring(self, nside: int) -> tuple[Array, Array, Array]:
        """Ring from the north pole, quarter of its number of pixels, and half a pixel's shift in its numbering."""
        ring = _FACE_ROW[self.face] * nside - self.x - self.y - 1
        quarter = np.minimum(np.minimum(ring, 4 * nside - ring), nside)
        shift = np.where(quarter < nside, 0, (ring - nside) % 2)
        return ring, quarter, shift

    def _column(self, quarter: Array, shift: Array) -> Array:
        """Place in the ring, from 0."""
        column = (_FACE_COLUMN[self.face] * quarter + self.x - self.y + 1 + shift) // 2
        place: Array = (column - 1) % (4 * quarter)
        return place

    def ring(self, nside: int) -> Array:
        """Ring numbers, shape (n,)."""
        ring, quarter, shift = self._ring(nside)
        total, northern = 12 * nside * nside, 2 * nside * (nside - 1)
        south = 4 * nside - ring
        before = np.where(ring < nside, 2 * ring * (ring - 1), northern + (ring - nside) * 4 * nside)
        before = np.where(south < nside, total - 2 * south * (south + 1), before)
        return np.asarray(before + self._column(quarter, shift))

    def centres(self, nside: int) -> tuple[Array, Array]:
        """Right ascension and declination of the centres, degrees."""
        ring, quarter, shift = self._ring(nside)
        polar = 1 - quarter**2 / (3 * nside**2)
        z = np.where(quarter < nside, np.where(ring < 2 * nside, polar, -polar), (2 * nside - ring) * 2 / (3 * nside))
        ra = (self._column(quarter, shift) + 1 - 0.5 * (shift + 1)) * 90 / quarter
        return ra, np.degrees(np.arcsin(z))


@dataclass(frozen=True)
class Pixels:
    """A list of pixels.

    Parameters
    ----------
    nside : int
        A power of two.
    numbers : ndarray of int, shape (n,)
    order : {"nested", "ring"}
    """

    nside: int
    numbers: Array
    order: Order = "nested"

    def __post_init__(self) -> None:
        total = 12 * self.nside**2
        if not 1 <= self.nside <= FINEST or self.nside & (self.nside - 1):
            raise InputError(f"nside = {self.nside} must be a power of two from 1 to {FINEST}")
        wrong = self.numbers[(self.numbers < 0) | (self.numbers >= total) | (self.numbers % 1 != 0)]
        if len(wrong) or not len(self.numbers):
            found = f"holds {wrong[0]:g}" if len(wrong) else "is empty"
            raise InputError(f"the list of pixels {found}; of nside = {self.nside} they are 0 to {total - 1}")

    @cached_property
    def _covered(self) -> Array:
        """Which pixels of the sky are listed; bool, shape (12 nside^2,)."""
        covered = np.zeros(12 * self.nside**2, dtype=bool)
        covered[self.numbers.astype(int)] = True
        return covered

    @property
    def area(self) -> float:
        """Steradian; a pixel that is listed twice counts once."""
        return float(self._covered.mean() * 4 * np.pi)

    def contains(self, ra: Array, dec: Array) -> Array:
        """Which positions, degrees that broadcast, lie in it; bool."""
        ra, dec = np.broadcast_arrays(ra, dec)
        place = Place.at(ra, dec, self.nside)
        found: Array = self._covered[getattr(place, self.order)(self.nside)]
        return found

    def samples(self) -> tuple[Array, Array]:
        """Positions spread evenly over it, degrees: the centres of smaller pixels."""
        every = Place.of_nested(np.arange(12 * self.nside**2), self.nside)
        listed, share = np.flatnonzero(self._covered[getattr(every, self.order)(self.nside)]), 1
        while len(listed) * share < _SAMPLES:
            share *= 4
        fine = self.nside * math.isqrt(share)
        return Place.of_nested((listed[:, None] * share + np.arange(share)).ravel(), fine).centres(fine)


def whole_sky() -> tuple[Array, Array]:
    """Positions spread evenly over the sky, degrees."""
    return Place.of_nested(np.arange(12 * _EVEN**2), _EVEN).centres(_EVEN)
