"""What single clusters say of their masses at given parameters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...core.arrays import Array
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
    width : ndarray, shape (n, J), or (P, J) if it depends on the parameters only
        dex.
    chance : Chance or None
        Of detection about the centre, of clusters whose selecting observable is not among the data.
    """

    row: Array
    column: Array
    centre: Array
    width: Array
    chance: Chance | None = None

    @property
    def shared_width(self) -> bool:
        """Whether all clusters of a parameter vector have one width."""
        return len(self.width) != len(self.centre)

    @property
    def steepness(self) -> float:
        """Largest change of a chance of detection over one width, in its own widths."""
        if self.chance is None:
            return 0.0
        width = self.width[self.row] if self.shared_width else self.width
        return float(np.max(np.abs(self.chance.tilt) * width / self.chance.spread, initial=0.0))

    @property
    def rows(self) -> slice:
        """The parameter vectors among which all entries are."""
        return slice(int(self.row.min()), int(self.row.max()) + 1) if len(self.row) else slice(0, 0)
