"""Survey geometry: a box at one redshift, or a light cone."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from .cosmology import BASE_SIGMA8, Cosmology, base_sigma_radius
from .errors import InputError

Array = np.ndarray

CONE_NODES = 20
"""Gauss-Legendre nodes in z^(1/3) across a light cone; counts converge to 1e-4 (tests/test_model.py)."""


@dataclass(frozen=True)
class Shells:
    """Redshift quadrature of a survey: nodes and comoving volume weights.

    Parameters
    ----------
    z : ndarray, shape (K,)
    volume : ndarray, shape (K,)
        Comoving volume each node stands for, (Mpc/h)^3.
    """

    z: Array
    volume: Array

    @property
    def total_volume(self) -> float:
        """Comoving volume of the survey, (Mpc/h)^3."""
        return float(self.volume.sum())


class Geometry(Protocol):
    """What the forward model needs to know of a survey's shape."""

    def shells(self, cosmology: Cosmology) -> Shells:
        """Redshift quadrature."""

    def describe(self, cosmology: Cosmology) -> str:
        """One sentence for a report."""


@dataclass(frozen=True)
class Box:
    """Part of a periodic box at one redshift (NV22: half of 352 Mpc/h at z = 0.07).

    Parameters
    ----------
    side : float
        Mpc/h.
    fraction : float
        Part of the box's volume that is surveyed.
    z : float
        Redshift.
    """

    side: float
    fraction: float
    z: float

    def __post_init__(self) -> None:
        if not self.side > 0 or not self.fraction > 0:
            raise InputError(
                f"survey: the volume must be positive, got side = {self.side:g} Mpc/h and "
                f"fraction = {self.fraction:g}"
            )
        if not 0 <= self.z < 3:
            raise InputError(f"survey: z = {self.z} is outside 0 to 3")

    def shells(self, cosmology: Cosmology) -> Shells:
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
    """

    area: float
    zmin: float
    zmax: float

    def __post_init__(self) -> None:
        if not 0 < self.area <= 4 * math.pi * (1 + 1e-9):
            raise InputError(f"survey: area = {self.area:g} sr is outside 0 to 4 pi")
        if not 0 <= self.zmin < self.zmax:
            raise InputError(f"survey: zmin = {self.zmin:g} must be at least 0 and below zmax = {self.zmax:g}")
        if self.zmax > 3:
            raise InputError(f"survey: zmax = {self.zmax:g} is beyond 3, where mass functions are not calibrated")

    def shells(self, cosmology: Cosmology) -> Shells:
        """Gauss-Legendre nodes in z^(1/3), which resolve the nearby volume."""
        nodes, weights = np.polynomial.legendre.leggauss(CONE_NODES)
        near, far = np.cbrt(self.zmin), np.cbrt(self.zmax)
        x = 0.5 * (far + near) + 0.5 * (far - near) * nodes
        dz = 3 * x**2 * 0.5 * (far - near) * weights
        return Shells(x**3, self.area * cosmology.volume_element(x**3) * dz)

    def describe(self, cosmology: Cosmology) -> str:
        """One sentence for a report."""
        degrees = self.area * (180 / math.pi) ** 2
        volume = cosmology.comoving_volume(self.area, self.zmin, self.zmax)
        return (
            f"A light cone: {degrees:.0f} deg2 ({self.area:.3g} sr), {self.zmin:g} < z < {self.zmax:g}, "
            f"{volume:.3g} (Mpc/h)^3."
        )


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

    def shells(self, cosmology: Cosmology) -> Shells:
        """Redshift quadrature of one copy with the volume of all."""
        one = self.survey.shells(cosmology)
        return Shells(one.z, one.volume * self.copies)

    def describe(self, cosmology: Cosmology) -> str:
        """One sentence for a report."""
        return f"{self.copies:g} independent copies of this survey. {self.survey.describe(cosmology)}"


def equivalent_cone(box: Box, cosmology: Cosmology, zmin: float = 0.01) -> LightCone:
    """Light cone from `zmin` to the box's redshift with the box's comoving volume.

    NV22 2.1.1: zmax = 0.07 was chosen so that the volume is half the simulation box, and its Mmin
    stands for zmin of about 0.01.
    """
    volume = box.shells(cosmology).total_volume
    area = volume / cosmology.comoving_volume(1.0, zmin, box.z)
    return LightCone(area, zmin, box.z)


def rms_contrast(z: Array, volume: float, cosmology: Cosmology) -> Array:
    """rms linear density contrast of a survey volume at sigma8 = 1, for each redshift; shape of `z`.

    The volume, (Mpc/h)^3, is taken as one sphere: its shape changes the rms little while it is compact.
    sigma_V = 0.032 for half a 352 Mpc/h box at z = 0.07 and sigma8 = 0.81.
    """
    radius = (3 * volume / (4 * math.pi)) ** (1 / 3)
    return np.array([base_sigma_radius(cosmology, radius, float(x)) / BASE_SIGMA8 for x in z])
