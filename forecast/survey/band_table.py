"""Factors between bands and redshifts that a user took from an emission model, against temperature and redshift."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..core.arrays import Array
from ..core.errors import InputError

_SAME = 1e-9
Rows = tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class BandTable:
    """log10 of factors on a grid of temperatures and redshifts, linear in log T and log (1 + z) between its points.

    Parameters
    ----------
    t, z : tuple of float
        Temperatures, keV, and redshifts, both increasing; at least one of each.
    log_ratio : tuple of tuple of float, shape (len(t), len(z))
        log10 of the luminosity in the band of the relations over that in the survey's; empty: not listed.
    log_k : tuple of tuple of float, shape (len(t), len(z))
        log10 of the luminosity in the survey's band over 4 pi D_L^2 flux; empty: not listed.
    """

    t: tuple[float, ...]
    z: tuple[float, ...]
    log_ratio: Rows = ()
    log_k: Rows = ()

    @classmethod
    def of(cls, columns: dict[str, Array], source: str) -> BandTable:
        """From columns t, z, and ratio or k or both, (n,) each, whose rows make a whole grid.

        Raises
        ------
        InputError
            If rows are missing or listed twice, or a value is not positive.
        """
        for name, values in columns.items():
            if np.any(~np.isfinite(values)) or np.any(values < 0 if name == "z" else values <= 0):
                raise InputError(f"{source}: column '{name}' holds values that are missing or not positive")
        t, z = np.unique(columns["t"]), np.unique(columns["z"])
        order = np.lexsort((columns["z"], columns["t"]))
        grid = np.stack(np.meshgrid(t, z, indexing="ij"), axis=-1).reshape(-1, 2)
        listed = np.column_stack([columns["t"], columns["z"]])[order]
        if not np.array_equal(grid, listed):
            raise InputError(
                f"{source}: {len(t)} temperatures and {len(z)} redshifts make {len(grid)} rows, one for each pair; "
                f"it has {len(listed)}, or some pairs twice"
            )
        rows = {
            f"log_{name}": tuple(map(tuple, np.log10(columns[name][order]).reshape(len(t), len(z)).tolist()))
            for name in ("ratio", "k")
            if name in columns
        }
        return cls(tuple(t.tolist()), tuple(z.tolist()), **rows)

    def ratio(self, log_t: Array, z: Array) -> Array:
        """log10 of the ratio of bands at log10 kT / keV and redshifts, which broadcast; that of the edge beyond."""
        return self._at(self.log_ratio, log_t, z)

    def k(self, log_t: Array, z: Array) -> Array:
        """log10 of the K-correction, as `ratio`."""
        return self._at(self.log_k, log_t, z)

    def lacks(self, log_t: Array) -> Array:
        """Which temperatures, log10 kT / keV, are not between those of the table; none of one that lists a single."""
        low, high = np.log10(self.t[0]) - _SAME, np.log10(self.t[-1]) + _SAME
        lacking: Array = ((log_t < low) | (log_t > high)) & (len(self.t) > 1)
        return lacking

    def _at(self, rows: Rows, log_t: Array, z: Array) -> Array:
        values = np.array(rows)
        i, up = _place(np.log10(self.t), np.asarray(log_t))
        j, right = _place(np.log1p(self.z), np.log1p(z))
        i2, j2 = np.minimum(i + 1, len(self.t) - 1), np.minimum(j + 1, len(self.z) - 1)
        low = values[i, j] * (1 - right) + values[i, j2] * right
        high = values[i2, j] * (1 - right) + values[i2, j2] * right
        found: Array = low * (1 - up) + high * up
        return found


def _place(nodes: Array, x: Array) -> tuple[Array, Array]:
    """Index of the node below each x, and how far x lies towards the next, 0 to 1."""
    if len(nodes) == 1:
        return np.zeros(x.shape, dtype=int), np.zeros(x.shape)
    i = np.clip(np.searchsorted(nodes, x, side="right") - 1, 0, len(nodes) - 2)
    return i, np.clip((x - nodes[i]) / (nodes[i + 1] - nodes[i]), 0.0, 1.0)
