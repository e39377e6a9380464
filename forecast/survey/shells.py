"""A survey in redshift: a quadrature of its volume, and the cells in which mock clusters are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Protocol

import numpy as np

from ..core.arrays import Array
from ..cosmology.background import Cosmology


@dataclass(frozen=True)
class Shells:
    """Redshift quadrature of a survey: nodes and comoving volume weights.

    Parameters
    ----------
    z : ndarray, shape (K,)
    volume : ndarray, shape (K,)
        Comoving volume each node stands for, (Mpc/h)^3.
    index : ndarray of int, shape (K,)
        Shell of the survey in which each node lies; 0 by default.
    measured : ndarray, shape (K,)
        Redshift at which its clusters are listed; the true one by default.
    sheet : ndarray of int, shape (K,)
        Ascending; nodes of one are a quadrature of a shell in the measured redshift; that of the shell by default.
    """

    z: Array
    volume: Array
    index: Array = field(default_factory=lambda: np.zeros(1, dtype=int))
    measured: Array = field(default_factory=lambda: np.empty(0))
    sheet: Array = field(default_factory=lambda: np.empty(0, dtype=int))

    def __post_init__(self) -> None:
        object.__setattr__(self, "index", np.broadcast_to(self.index, self.z.shape))
        for name, usual in (("measured", self.z), ("sheet", self.index)):
            if len(getattr(self, name)) != len(self.z):
                object.__setattr__(self, name, usual)

    @classmethod
    def joined(cls, parts: Sequence[Shells]) -> Shells:
        """Quadrature of several shells as one."""
        return cls(*(np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(cls)))

    @property
    def total_volume(self) -> float:
        """Comoving volume of the survey, (Mpc/h)^3."""
        return float(self.volume.sum())


@dataclass(frozen=True)
class Slices:
    """Cells of one shell of a survey in redshift.

    Parameters
    ----------
    z, distance : ndarray, shape (K + 1,)
        Redshifts of the edges of K cells, and their comoving distances, Mpc/h; of one without depth only
        the redshift, shape (1,).
    volume : ndarray, shape (K,)
        Comoving, (Mpc/h)^3.
    number : int
        Of the shell.
    """

    z: Array
    distance: Array
    volume: Array
    number: int = 0


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

    @property
    def number(self) -> int:
        """Place of this shell in the survey of which it is one."""

    @property
    def spans_redshifts(self) -> bool:
        """Whether its clusters differ in redshift."""

    @property
    def redshift_edges(self) -> tuple[float, ...]:
        """Redshifts that bound the shells, one more than there are shells; equal where clusters do not differ."""

    @property
    def area(self) -> float:
        """Sky area, steradian, of all copies together; 0 for a box, which has none."""

    def slices(self, cosmology: Cosmology, cells: int) -> Slices:
        """Cells of one shell in redshift, of which a whole survey would have at least `cells`."""

    def outside(self, z: Array, cosmology: Cosmology) -> Array:
        """Which redshifts the survey does not reach; bool, shape of `z`."""

    def enlarged(self, factor: float) -> Geometry:
        """The same survey with `factor` times the volume at every redshift.

        Raises
        ------
        InputError
            If there is no such volume.
        """

    def cone(self, cosmology: Cosmology, zmin: float) -> Geometry:
        """Light cone of the same volume, from `zmin` where the survey has no depth of its own."""

    def describe(self, cosmology: Cosmology) -> str:
        """One sentence for a report."""


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
