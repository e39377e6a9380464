"""Survey geometry: a box at one redshift, or a light cone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import ClassVar, Protocol

import numpy as np

from ..core.arrays import Array
from ..core.errors import InputError
from ..cosmology.background import Cosmology

CONE_NODES, SHELL_NODES = 20, 8
"""Gauss-Legendre nodes in z^(1/3) across a light cone, and the fewest across one of its shells.

Counts converge to 1e-4 (tests/test_model.py, tests/test_survey_effects.py).
"""
SIDES, FRACTIONS = (1.0, 2e4), (1e-3, 1e6)
"""Sides of boxes, Mpc/h, from the size of a cluster to the observable universe, and parts and numbers of them."""
SMALLEST_AREA, THINNEST = 1e-8, 1e-4
"""Least area, steradian, and depth of a light cone in redshift: those of a cluster."""


@dataclass(frozen=True)
class Shells:
    """Redshift quadrature of a survey: nodes and comoving volume weights.

    Parameters
    ----------
    z : ndarray, shape (K,)
    volume : ndarray, shape (K,)
        Comoving volume each node stands for, (Mpc/h)^3.
    index : ndarray of int, shape (K,)
        Shell of the survey in which each node lies, ascending; 0 by default.
    """

    z: Array
    volume: Array
    index: Array = field(default_factory=lambda: np.zeros(1, dtype=int))

    def __post_init__(self) -> None:
        object.__setattr__(self, "index", np.broadcast_to(self.index, self.z.shape))

    @classmethod
    def joined(cls, parts: Sequence[Shells]) -> Shells:
        """Quadrature of several shells as one."""
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("z", "volume", "index")))

    @property
    def total_volume(self) -> float:
        """Comoving volume of the survey, (Mpc/h)^3."""
        return float(self.volume.sum())


class Geometry(Protocol):
    """What the forward model needs to know of a survey's shape."""

    @property
    def parts(self) -> tuple[Geometry, ...]:
        """Redshift shells, each with a density contrast of its own; the survey itself if it is one."""

    @property
    def shell_count(self) -> int:
        """Number of shells of the survey, or of that of which this is a shell."""

    def shells(self, cosmology: Cosmology, fineness: float = 1.0) -> Shells:
        """Redshift quadrature with a number of nodes times `fineness`."""

    def describe(self, cosmology: Cosmology) -> str:
        """One sentence for a report."""


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

    @property
    def parts(self) -> tuple[Geometry, ...]:
        """The box itself."""
        return (self,)

    def shells(self, cosmology: Cosmology, fineness: float = 1.0) -> Shells:
        """One node with the box's volume."""
        return Shells(np.array([self.z]), np.array([self.fraction * self.side**3]))

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

    def __post_init__(self) -> None:
        if not 0 < self.area <= 4 * math.pi * (1 + 1e-9):
            raise InputError(f"survey: area = {self.area:g} sr is outside 0 to 4 pi")
        if self.area < SMALLEST_AREA:
            raise InputError(f"survey: area = {self.area:g} sr is smaller than a cluster; give {SMALLEST_AREA:g} sr")
        if not 0 <= self.zmin < self.zmax:
            raise InputError(f"survey: zmin = {self.zmin:g} must be at least 0 and below zmax = {self.zmax:g}")
        if self.zmax > 3:
            raise InputError(f"survey: zmax = {self.zmax:g} is beyond 3, where mass functions are not calibrated")
        if any(not a < b for a, b in pairwise(self.all_edges)):
            raise InputError(
                f"survey: redshift edges must increase from zmin = {self.zmin:g} to zmax = {self.zmax:g}, "
                f"got {list(self.edges)} between them"
            )
        if min(b - a for a, b in pairwise(self.all_edges)) < THINNEST:
            raise InputError(
                f"survey: z = {', '.join(f'{z:g}' for z in self.all_edges)} make a shell thinner than {THINNEST:g}; "
                "move zmin, zmax or redshift_edges apart, or give fewer shells"
            )

    @property
    def all_edges(self) -> tuple[float, ...]:
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
            for i, (low, high) in enumerate(pairwise(self.all_edges))
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
    def parts(self) -> tuple[Geometry, ...]:
        """Copies of each shell."""
        return tuple(Replicated(part, self.copies) for part in self.survey.parts)

    def shells(self, cosmology: Cosmology, fineness: float = 1.0) -> Shells:
        """Redshift quadrature of one copy with the volume of all."""
        one = self.survey.shells(cosmology, fineness)
        return Shells(one.z, one.volume * self.copies, one.index)

    def describe(self, cosmology: Cosmology) -> str:
        """One sentence for a report."""
        return f"{self.copies:g} independent copies of this survey. {self.survey.describe(cosmology)}"


def single(geometry: Geometry) -> tuple[Geometry, float]:
    """One survey, and how many copies of it there are."""
    if isinstance(geometry, Replicated):
        survey, copies = single(geometry.survey)
        return survey, copies * geometry.copies
    return geometry, 1.0


def shell_edges(zmin: float, zmax: float, number: int, cosmology: Cosmology) -> tuple[float, ...]:
    """Redshifts that divide a light cone into `number` shells of equal ratio of distances.

    Of few shells these capture most of the sample variance of a flux-limited survey: its clusters are
    nearby, and shells of equal volume would put nearly all of them into the first. The first shell is at
    least a twentieth as deep as the cone.
    """
    near, far = cosmology.comoving_distance(np.array([zmin, zmax]))
    distance = np.geomspace(max(near, far / 20), far, number + 1)[1:-1]
    z = np.linspace(zmin, zmax, 4001)
    return tuple(float(x) for x in np.interp(distance, cosmology.comoving_distance(z), z))


def equivalent_cone(box: Box, cosmology: Cosmology, zmin: float = 0.01) -> LightCone:
    """Light cone from `zmin` to the box's redshift with the box's comoving volume.

    NV22 2.1.1: zmax = 0.07 was chosen so that the volume is half the simulation box, and its Mmin
    stands for zmin of about 0.01.
    """
    volume = box.shells(cosmology).total_volume
    area = volume / cosmology.comoving_volume(1.0, zmin, box.z)
    return LightCone(area, zmin, box.z)
