"""What single clusters say of their masses at given parameters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...core.arrays import Array
from .censored import CensoredChance
from .detectability import Chance


@dataclass(frozen=True)
class Gaussians:
    """What n clusters say of their log10 M in each of J components of the residuals, given parameters.

    Parameters
    ----------
    row, column : ndarray of int, shape (n,)
        Parameter vector and cluster of each entry.
    centre : ndarray, shape (n, J)
        log10 M, Msun/h.
    width : ndarray, shape (n, J), or (P, J) if `shared`
        dex.
    shared : bool
        Whether all clusters of a parameter vector have one width.
    crowd : ndarray of int, shape (n,)
        Clusters that are looked at with each entry's parameter vector, in this call and in others: what is cheapest
        for so many is chosen, so that values do not depend on which catalogues are taken together.
    chance : Chance, CensoredChance or None
        About the centre: of detection, of clusters whose selecting observable is not among the data, and of limits.
    """

    row: Array
    column: Array
    centre: Array
    width: Array
    shared: bool
    crowd: Array
    chance: Chance | CensoredChance | None = None

    @property
    def widths(self) -> Array:
        """Width of every entry, (n, J)."""
        return self.width[self.row] if self.shared else self.width

    @property
    def steepness(self) -> Array:
        """Largest change of a chance of detection over one width, in its own widths, (n,)."""
        if self.chance is None:
            return np.zeros(len(self.row))
        return self.chance.steepness(self.widths)

    @property
    def rows(self) -> slice:
        """The parameter vectors among which all entries are."""
        return slice(int(self.row.min()), int(self.row.max()) + 1) if len(self.row) else slice(0, 0)

    def part(self, chosen: Array) -> Gaussians:
        """Some of the entries, (n,) bool."""
        width = self.width if self.shared else self.width[chosen]
        chance = None if self.chance is None else self.chance.part(chosen)
        return Gaussians(
            row=self.row[chosen],
            column=self.column[chosen],
            centre=self.centre[chosen],
            width=width,
            shared=self.shared,
            crowd=self.crowd[chosen],
            chance=chance,
        )
