"""Clusters of mock catalogues as one table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ..core.arrays import Array
from .catalogue import Catalogue


@dataclass(frozen=True)
class Mocks:
    """Clusters of many mock catalogues in one flat table.

    Parameters
    ----------
    size : ndarray of int, shape (P,)
        Number of clusters of each catalogue.
    row : ndarray of int, shape (n,)
        Catalogue of each cluster, ascending.
    z, log_mass : ndarray, shape (n,)
        Redshift, log10 M500c (Msun/h).
    names : tuple of str
        The observables, L_X first.
    observables : ndarray, shape (n, D)
        Their log10 as measured (erg/s, keV, Msun/h, Msun/h keV).
    log_yx : ndarray, shape (n,)
        log10 of the mass proxy as measured, Y_X (Msun/h keV) unless configured otherwise; NaN for a cluster that was
        not followed up.
    log_mwl : ndarray, shape (n,)
        log10 of the weak-lensing mass (Msun/h); NaN in a survey that has none.
    layer : ndarray of int, shape (n,)
        Number of the layer of the sky in which each lies; -1, the default, where there are none, or nobody says.
    """

    size: Array
    row: Array
    z: Array
    log_mass: Array
    names: tuple[str, ...]
    observables: Array
    log_yx: Array
    log_mwl: Array
    layer: Array = field(default_factory=lambda: np.full(1, -1))

    def __post_init__(self) -> None:
        object.__setattr__(self, "layer", np.broadcast_to(self.layer, self.z.shape))

    @property
    def log_lx(self) -> Array:
        """log10 of the measured L_X (erg/s), shape (n,)."""
        return self.observables[:, 0]

    @property
    def with_yx(self) -> Mocks:
        """The clusters that have a mass proxy."""
        known = np.isfinite(self.log_yx)
        return self if known.all() else self.kept(known)

    @property
    def median_yx(self) -> Array:
        """Median log10 Y_X of each catalogue, shape (P,); NaN for one without."""
        known = self.with_yx
        return grouped_median(known.log_yx, known.row, known.size)

    def catalogue(self, index: int = 0) -> Catalogue:
        """One of the mock catalogues."""
        mine = self.row == index
        names = tuple(f"mock-{i + 1:05d}" for i in range(int(mine.sum())))
        error = np.zeros(int(mine.sum()))
        return Catalogue(
            name=names,
            z=self.z[mine],
            log_lx=self.log_lx[mine],
            log_yx=self.log_yx[mine],
            log_yx_error=error,
            source="mock",
        )

    def kept(self, chosen: Array) -> Mocks:
        """Only the clusters where `chosen`, shape (n,), is true."""
        arrays = {n: getattr(self, n)[chosen] for n in _ARRAYS if n != "size"}
        return Mocks(size=np.bincount(arrays["row"], minlength=len(self.size)), names=self.names, **arrays)

    def part(self, start: int, stop: int) -> Mocks:
        """Catalogues `start` to `stop` (exclusive), numbered anew."""
        mine = self.kept((self.row >= start) & (self.row < stop))
        return replace(mine, size=mine.size[start:stop], row=mine.row - start)

    @classmethod
    def joined(cls, parts: Sequence[Mocks]) -> Mocks:
        """Mocks of successive chunks of catalogues as one table."""
        arrays = {n: np.concatenate([getattr(p, n) for p in parts]) for n in _ARRAYS}
        return cls(names=parts[0].names, **arrays)

    @classmethod
    def stacked(cls, parts: Sequence[Mocks]) -> Mocks:
        """Several sets of catalogues, one after the other and numbered anew, as one table."""
        offset = np.cumsum([0, *(len(p.size) for p in parts)])
        return cls.joined([replace(p, row=p.row + start) for p, start in zip(parts, offset, strict=False)])

    @classmethod
    def merged(cls, parts: Sequence[Mocks]) -> Mocks:
        """Clusters of several parts of the same catalogues as one table."""
        if len(parts) == 1:
            return parts[0]
        order = np.argsort(np.concatenate([p.row for p in parts]), kind="stable")
        arrays = {n: np.concatenate([getattr(p, n) for p in parts])[order] for n in _ARRAYS if n != "size"}
        return cls(size=np.sum([p.size for p in parts], axis=0), names=parts[0].names, **arrays)


_ARRAYS = ("size", "row", "z", "log_mass", "observables", "log_yx", "log_mwl", "layer")


def grouped_median(values: Array, row: Array, size: Array) -> Array:
    """Median of `values` within each group; `row` ascending, `size` the groups' sizes; NaN if empty."""
    span = float(np.ptp(values)) + 1.0 if len(values) else 1.0
    low = float(values.min()) if len(values) else 0.0
    ordered = np.sort((values - low) + row * (2 * span)) if len(values) else values
    start = np.concatenate([[0], np.cumsum(size)[:-1]])
    last = max(len(values) - 1, 0)
    middle = [np.clip(start + half, 0, last) for half in ((size - 1) // 2, size // 2)]
    if not len(values):
        return np.full(len(size), np.nan)
    offset = np.arange(len(size)) * (2 * span) - low
    median = 0.5 * (ordered[middle[0]] + ordered[middle[1]]) - offset
    return np.where(size > 0, median, np.nan)
