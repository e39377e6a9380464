"""Survey geometry: a box at one redshift, or a light cone."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import ClassVar

import numpy as np

from ..core.arrays import Array
from ..core.errors import InputError
from ..cosmology.background import HUBBLE_DISTANCE, Cosmology
from .shells import Geometry, Shells, Slices

CONE_NODES, SHELL_NODES = 20, 8
"""Gauss-Legendre nodes in z^(1/3) across a light cone, and the fewest across one of its shells.

Counts converge to 1e-4 (tests/test_model.py, tests/test_survey_effects.py).
"""
SIDES, FRACTIONS = (1.0, 2e4), (1e-3, 1e6)
"""Sides of boxes, Mpc/h, from the size of a cluster to the observable universe, and parts and numbers of them."""
SMALLEST_AREA, THINNEST = 1e-8, 1e-4
"""Least area, steradian, and depth of a light cone in redshift: those of a cluster."""
FEWEST_SLICES, NEAREST = 8, 1e-5
"""Least number of slices of a shell in redshift, and the redshift at which the first begins."""


@dataclass(frozen=True)
class Box:
    """A cuboid at one redshift, side x side x fraction side (NV22: half of 352 Mpc/h at z = 0.07).

    Parameters
    ----------
    side : float
        Mpc/h.
    fraction : float
        Part of the cube's volume that is surveyed.
    z : float
        Redshift.
    """

    side: float
    fraction: float
    z: float

    def __post_init__(self) -> None:
        if not self.side > 0 or not self.fraction > 0:
            raise InputError(
                f"survey: the volume must be positive, got side = {self.side:g} Mpc/h and fraction = {self.fraction:g}"
            )
        if not SIDES[0] <= self.side <= SIDES[1] or not FRACTIONS[0] <= self.fraction <= FRACTIONS[1]:
            raise InputError(
                f"survey: give side between {SIDES[0]:g} and {SIDES[1]:g} Mpc/h and fraction between {FRACTIONS[0]:g} "
                f"and {FRACTIONS[1]:g}, got {self.side:g} and {self.fraction:g}"
            )
        if not 0 <= self.z <= 3:
            raise InputError(f"survey: z = {self.z} is outside 0 to 3")

    shell_count: ClassVar[int] = 1
    number: ClassVar[int] = 0
    spans_redshifts: ClassVar[bool] = False
    area: ClassVar[float] = 0.0

    @property
    def parts(self) -> tuple[Geometry, ...]:
        """The box itself."""
        return (self,)

    @property
    def redshift_edges(self) -> tuple[float, float]:
        """The box's redshift, twice."""
        return self.z, self.z

    def shells(self, cosmology: Cosmology, fineness: float = 1.0) -> Shells:
        """One node with the box's volume."""
        return Shells(np.array([self.z]), np.array([self.fraction * self.side**3]))

    def slices(self, cosmology: Cosmology, cells: int) -> Slices:
        """One cell without depth."""
        shells = self.shells(cosmology)
        return Slices(shells.z, np.ones(1), shells.volume)

    def outside(self, z: Array, cosmology: Cosmology) -> Array:
        """Which redshifts are further from the box's than half its depth; bool, shape of `z`."""
        return np.abs(z - self.z) > 0.5 * self.side / HUBBLE_DISTANCE * float(cosmology.efunc(np.array(self.z)))

    def enlarged(self, factor: float) -> Box:
        """More of the same box."""
        return replace(self, fraction=self.fraction * factor)

    def cone(self, cosmology: Cosmology, zmin: float) -> LightCone:
        """Light cone from `zmin` to the box's redshift with the box's comoving volume.

        NV22 2.1.1: zmax = 0.07 was chosen so that the volume is half the simulation box.
        """
        volume = self.shells(cosmology).total_volume
        return LightCone(volume / cosmology.comoving_volume(1.0, zmin, self.z), zmin, self.z)

    def describe(self, cosmology: Cosmology) -> str:
        """One sentence for a report."""
        return (
            f"A box: {self.fraction:g} of ({self.side:g} Mpc/h)^3 = {self.fraction * self.side**3:.3g} "
            f"(Mpc/h)^3 at redshift {self.z:g}."
        )


@dataclass(frozen=True)
class LightCone:
    """Sky area between two redshifts.

    Parameters
    ----------
    area : float
        Steradian.
    zmin, zmax : float
    edges : tuple of float
        Redshifts between `zmin` and `zmax` that divide the cone into shells.
    nodes : int or None
        Of the quadrature across each shell; `CONE_NODES` if None.
    within, number : LightCone or None, int
        The cone of which this is a shell, and the shell's place in it.
    """

    area: float
    zmin: float
    zmax: float
    edges: tuple[float, ...] = ()
    nodes: int | None = None
    within: LightCone | None = None
    number: int = 0
    spans_redshifts: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not 0 < self.area <= 4 * math.pi * (1 + 1e-9):
            raise InputError(f"survey: area = {self.area:g} sr is outside 0 to 4 pi")
        if self.area < SMALLEST_AREA:
            raise InputError(f"survey: area = {self.area:g} sr is smaller than a cluster; give {SMALLEST_AREA:g} sr")
        if not 0 <= self.zmin < self.zmax:
            raise InputError(f"survey: zmin = {self.zmin:g} must be at least 0 and below zmax = {self.zmax:g}")
        if self.zmax > 3:
            raise InputError(f"survey: zmax = {self.zmax:g} is beyond 3, where mass functions are not calibrated")
        if any(not a < b for a, b in pairwise(self.redshift_edges)):
            raise InputError(
                f"survey: redshift edges must increase from zmin = {self.zmin:g} to zmax = {self.zmax:g}, "
                f"got {list(self.edges)} between them"
            )
        if min(b - a for a, b in pairwise(self.redshift_edges)) < THINNEST:
            raise InputError(
                f"survey: z = {', '.join(f'{z:g}' for z in self.redshift_edges)} make a shell thinner than "
                f"{THINNEST:g}; move zmin, zmax or redshift_edges apart, or give fewer shells"
            )

    @property
    def redshift_edges(self) -> tuple[float, ...]:
        """Redshifts that bound the shells, one more than there are shells."""
        return self.zmin, *self.edges, self.zmax

    @property
    def shell_count(self) -> int:
        """Number of shells of the cone, or of that of which this is a shell."""
        return len((self.within or self).edges) + 1

    @property
    def parts(self) -> tuple[Geometry, ...]:
        """One cone for each shell."""
        if not self.edges:
            return (self,)
        nodes = self.nodes or max(SHELL_NODES, math.ceil(CONE_NODES / (len(self.edges) + 1)))
        return tuple(
            LightCone(self.area, low, high, nodes=nodes, within=self, number=i)
            for i, (low, high) in enumerate(pairwise(self.redshift_edges))
        )

    def shells(self, cosmology: Cosmology, fineness: float = 1.0) -> Shells:
        """Gauss-Legendre nodes in z^(1/3), which resolve the nearby volume, in each shell."""
        if self.edges:
            return Shells.joined([part.shells(cosmology, fineness) for part in self.parts])
        nodes, weights = np.polynomial.legendre.leggauss(math.ceil(fineness * (self.nodes or CONE_NODES)))
        near, far = np.cbrt(self.zmin), np.cbrt(self.zmax)
        x = 0.5 * (far + near) + 0.5 * (far - near) * nodes
        dz = 3 * x**2 * 0.5 * (far - near) * weights
        return Shells(x**3, self.area * cosmology.volume_element(x**3) * dz, np.array([self.number]))

    def slices(self, cosmology: Cosmology, cells: int) -> Slices:
        """Cells of equal steps in z^(1/3), eight or more."""
        size = max(FEWEST_SLICES, math.ceil(cells / self.shell_count))
        z = np.linspace(np.cbrt(max(self.zmin, NEAREST)), np.cbrt(self.zmax), size + 1) ** 3
        distance = cosmology.comoving_distance(z)
        return Slices(z, distance, self.area / 3 * np.diff(distance**3), self.number)

    def outside(self, z: Array, cosmology: Cosmology) -> Array:
        """Which redshifts are below `zmin` or above `zmax`; bool, shape of `z`."""
        return (z < self.zmin) | (z > self.zmax)

    def enlarged(self, factor: float) -> LightCone:
        """More sky."""
        largest = 4 * math.pi / self.area
        if factor > largest * (1 + 1e-9):
            raise InputError(
                f"the sky has 4 pi sr, and this survey covers {self.area:.4g} sr of it; use factors up to "
                f"{largest:.4g}, or vary survey.zmax for more volume"
            )
        return replace(self, area=self.area * factor)

    def cone(self, cosmology: Cosmology, zmin: float) -> LightCone:
        """The light cone itself."""
        return self

    def describe(self, cosmology: Cosmology) -> str:
        """One sentence for a report."""
        degrees = self.area * (180 / math.pi) ** 2
        volume = cosmology.comoving_volume(self.area, self.zmin, self.zmax)
        words = (
            f"A light cone: {degrees:.0f} deg2 ({self.area:.3g} sr), {self.zmin:g} < z < {self.zmax:g}, "
            f"{volume:.3g} (Mpc/h)^3."
        )
        if not self.edges:
            return words
        return f"{words} It is divided at z = {', '.join(f'{z:.3g}' for z in self.edges)}."


@dataclass(frozen=True)
class Replicated:
    """Several independent copies of one survey: its volume, not its depth or redshifts, grows.

    Parameters
    ----------
    survey : Geometry
    copies : float
        Factor on the volume.
    """

    survey: Geometry
    copies: float

    def __post_init__(self) -> None:
        if not self.copies > 0:
            raise InputError(f"survey: the number of copies must be positive, got {self.copies:g}")

    @property
    def shell_count(self) -> int:
        """Number of shells of one copy."""
        return self.survey.shell_count

    @property
    def number(self) -> int:
        """Place of the copies' shell in the survey of which it is one."""
        return self.survey.number

    @property
    def spans_redshifts(self) -> bool:
        """Whether the clusters of one copy differ in redshift."""
        return self.survey.spans_redshifts

    @property
    def redshift_edges(self) -> tuple[float, ...]:
        """Redshifts that bound the shells of each copy."""
        return self.survey.redshift_edges

    @property
    def area(self) -> float:
        """Sky area of all copies, steradian."""
        return self.copies * self.survey.area

    @property
    def parts(self) -> tuple[Geometry, ...]:
        """Copies of each shell."""
        return tuple(Replicated(part, self.copies) for part in self.survey.parts)

    def shells(self, cosmology: Cosmology, fineness: float = 1.0) -> Shells:
        """Redshift quadrature of one copy with the volume of all."""
        one = self.survey.shells(cosmology, fineness)
        return Shells(one.z, one.volume * self.copies, one.index)

    def slices(self, cosmology: Cosmology, cells: int) -> Slices:
        """Those of one copy with the volume of all."""
        one = self.survey.slices(cosmology, cells)
        return replace(one, volume=self.copies * one.volume)

    def outside(self, z: Array, cosmology: Cosmology) -> Array:
        """Which redshifts a copy does not reach; bool, shape of `z`."""
        return self.survey.outside(z, cosmology)

    def enlarged(self, factor: float) -> Replicated:
        """More copies."""
        return replace(self, copies=self.copies * factor)

    def cone(self, cosmology: Cosmology, zmin: float) -> Replicated:
        """Copies of the light cone of one survey."""
        return replace(self, survey=self.survey.cone(cosmology, zmin))

    def describe(self, cosmology: Cosmology) -> str:
        """One sentence for a report."""
        return f"{self.copies:g} independent copies of this survey. {self.survey.describe(cosmology)}"
