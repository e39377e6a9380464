"""What single clusters say of their masses at given parameters, and averages over that on nodes in mass."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...core.arrays import Array
from ...model.mixture import SQRT2PI
from .censored import CensoredChance
from .detectability import Chance

_TINY = np.finfo(float).tiny
_FAR, _RESOLVED = 10.0, 1.1
"""Widths beyond which a mass adds nothing; spacing of masses, in widths of a Gaussian times a chance, that resolves it
to 1e-7."""
_LONGEST, _COUNTS = 4, np.array([24, 32, 48, 64, 96, 128, 192, 256, 10_000])
"""Largest spacing, in nodes; numbers of masses, of which the next larger one is taken."""


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


def over_nodes(number: Array, log_mass: Array, at: Gaussians, width: Array) -> Array:
    """ln of numbers at mass nodes (n, M) averaged over Gaussians of widths (n, J), chances included, (n, J)."""
    value = np.empty(at.centre.shape)
    for j in range(at.centre.shape[-1]):
        value[:, j] = _log_sum(number, log_mass, (at, width), j)
    return value


def _log_sum(number: Array, log_mass: Array, about: tuple[Gaussians, Array], j: int) -> Array:
    """ln of numbers (n, M) at masses (n or 1, M) averaged over Gaussians of component j, (n,)."""
    at, width = about[0], about[1][:, j, None]
    u = (log_mass - at.centre[:, j, None]) / width
    kernel = np.exp(-0.5 * u * u)
    if at.chance is not None:
        kernel *= at.chance.component(j).at(u * width)
    mean = np.einsum("nm,nm->n", kernel, number) / (width[:, 0] * SQRT2PI)
    return np.asarray(np.log(np.maximum(mean, _TINY)))


def in_windows(number: Array, log_mass: Array, at: Gaussians, width: Array) -> Array:
    """The same as `over_nodes` of as many masses as each needs: those within ten widths, and resolve it."""
    step, size, value = float(log_mass[1] - log_mass[0]), len(log_mass), np.empty(at.centre.shape)
    resolved = _RESOLVED * width.min(axis=1) / np.sqrt(1 + at.steepness**2)
    stride = np.clip((resolved / step).astype(int), 1, _LONGEST)
    many = np.minimum(2 * _FAR * width.max(axis=1) / (step * stride), (size - 1) // stride) + 1
    many = np.minimum(_COUNTS[np.searchsorted(_COUNTS, many)], (size - 1) // stride + 1)
    kind = stride * (size + 1) + many
    for one in np.unique(kind):
        every, count = divmod(int(one), size + 1)
        mine = np.flatnonzero(kind == one)
        some, own = at.part(mine), width[mine]
        last = size - 1 - every * (count - 1)
        for j in range(at.centre.shape[-1]):
            middle = np.rint((some.centre[:, j] - log_mass[0]) / step)
            first = np.clip(middle - every * (count // 2), 0, last).astype(int)
            node = first[:, None] + every * np.arange(count)
            there = np.take(number, (mine * size)[:, None] + node)
            value[mine, j] = _log_sum(there, log_mass[node], (some, own), j) + np.log(every)
    return value
