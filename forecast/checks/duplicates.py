"""Clusters of a catalogue that may be one: named or measured alike, or closer on the sky than their size."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable
from dataclasses import dataclass

import numpy as np
from scipy import special
from scipy.spatial import cKDTree

from ..core.arrays import Array
from ..core.caution import Caution
from ..cosmology.background import Cosmology
from ..model.catalogue import Catalogue

SIZE, WIDEST = 0.7, 30.0
"""R500 of a rich cluster, Mpc/h, and the largest angle it is taken for, arcmin."""
SAME_REDSHIFT = 0.01
"""Difference of redshifts over 1 + z within which they may be those of one cluster."""
_SHOWN = 5
COINCIDENCE, _ALIKE = 1e-3, 10.0
"""Chance of so many equal pairs below which they are copies; how much likelier clusters at one redshift are alike."""


@dataclass(frozen=True)
class Pair:
    """Two clusters that may be one.

    Parameters
    ----------
    names : tuple of str
    separation : float
        Arcmin.
    redshifts : tuple of float
    """

    names: tuple[str, str]
    separation: float
    redshifts: tuple[float, float]

    def __str__(self) -> str:
        (a, b), (za, zb) = self.names, self.redshifts
        return f"{a} and {b} ({self.separation:.1f}' apart, z = {za:g} and {zb:g})"


def close_pairs(catalogue: Catalogue, cosmology: Cosmology) -> tuple[Pair, ...]:
    """Pairs of clusters closer than `SIZE` at their redshift, at most `WIDEST`, whose redshifts agree; closest first.

    Clusters without a position are in none.
    """
    sky = _Sky.of(catalogue)
    first, second = cKDTree(sky.place).query_pairs(_chord(WIDEST), output_type="ndarray").T
    return _alike(sky.part(first), sky.part(second), cosmology)


def shared_clusters(one: Catalogue, other: Catalogue, cosmology: Cosmology) -> tuple[Pair, ...]:
    """Pairs of clusters, one of each catalogue, as close as those of `close_pairs`."""
    mine, theirs = _Sky.of(one), _Sky.of(other)
    near = cKDTree(mine.place).query_ball_tree(cKDTree(theirs.place), _chord(WIDEST))
    first = np.repeat(np.arange(len(near)), [len(found) for found in near])
    second = np.array([j for found in near for j in found], dtype=int)
    return _alike(mine.part(first), theirs.part(second), cosmology)


@dataclass(frozen=True)
class _Sky:
    """Clusters whose positions are known: directions (N, 3), redshifts (N,) and names."""

    place: Array
    z: Array
    name: tuple[str, ...]

    @classmethod
    def of(cls, catalogue: Catalogue) -> _Sky:
        """Those of a catalogue."""
        if catalogue.ra is None or catalogue.dec is None:
            return cls(np.empty((0, 3)), np.empty(0), ())
        some = catalogue.subset(np.isfinite(catalogue.ra + catalogue.dec))
        return cls(_directions(np.asarray(some.ra), np.asarray(some.dec)), some.z, some.name)

    def part(self, chosen: Array) -> _Sky:
        """Some of them, by their places (n,)."""
        return _Sky(self.place[chosen], self.z[chosen], tuple(self.name[i] for i in chosen))


def _alike(one: _Sky, other: _Sky, cosmology: Cosmology) -> tuple[Pair, ...]:
    """Pairs that may be one cluster, of the clusters (n,) of two lists taken in pairs."""
    mean, chord = 0.5 * (one.z + other.z), np.linalg.norm(one.place - other.place, axis=1)
    apart = np.degrees(2 * np.arcsin(0.5 * chord)) * 60
    limit = np.degrees(SIZE * (1 + mean) / cosmology.comoving_distance(mean)) * 60
    near = np.flatnonzero((apart < limit) & (np.abs(one.z - other.z) < SAME_REDSHIFT * (1 + mean)))
    return tuple(
        Pair((one.name[i], other.name[i]), float(apart[i]), (float(one.z[i]), float(other.z[i])))
        for i in near[np.argsort(apart[near], kind="stable")]
    )


def duplicate_doubts(catalogue: Catalogue, cosmology: Cosmology, twice: tuple[str, ...]) -> tuple[Caution, ...]:
    """A caution that names the pairs, but for those whose names are in `twice`, which are known already."""
    pairs = [pair for pair in close_pairs(catalogue, cosmology) if not set(pair.names) <= set(twice)]
    if not pairs:
        return ()
    more = f" and {len(pairs) - _SHOWN} more" if len(pairs) > _SHOWN else ""
    what = "1 pair lies" if len(pairs) == 1 else f"{len(pairs)} pairs lie"
    listed = "; ".join(map(str, pairs[:_SHOWN]))
    text = (
        f"{what} within {SIZE:g} Mpc/h at one redshift, one cluster or two: {listed}{more}. "
        "Both of each are counted; drop one from the table where they are one"
    )
    return (Caution("listed_twice", text),)


def _directions(ra: Array, dec: Array) -> Array:
    """Directions of positions in degrees, shape (N,) each; (N, 3)."""
    a, d = np.radians(ra), np.radians(dec)
    return np.column_stack([np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)])


def _chord(arcmin: float) -> float:
    """Distance between directions that are so far apart."""
    return float(2 * np.sin(0.5 * np.radians(arcmin / 60)))


def listed_twice(catalogue: Catalogue) -> tuple[str, ...]:
    """Names of clusters listed more than once.

    By name, or by redshift and measurements to every digit: L_X and Y_X of clusters without a name, everything of
    those with one, since tables round and chance does the rest; or by redshift and one measurement, where chance does
    not make so many pairs.
    """
    named = [name != f"row {i}" for i, name in enumerate(catalogue.name, 1)]
    names = [name.strip().lower() if own else None for name, own in zip(catalogue.name, named, strict=True)]
    few = (catalogue.log_lx, catalogue.log_yx)
    every = tuple(values for values, _ in catalogue.observables.values())
    columns = (np.nan_to_num([catalogue.z, *values], nan=-np.inf).T.tolist() for values in (few, every))
    rows = [tuple(b if own else a) for a, b, own in zip(*columns, named, strict=True)]
    known = [row if np.isfinite(row[1:]).any() else None for row in rows]
    copies = _repeated(names) | _repeated(known) | set().union(*(_pairs(catalogue.z, column) for column in every))
    return tuple(dict.fromkeys(catalogue.name[i] for i in sorted(copies)))


def _pairs(z: Array, values: Array) -> set[int]:
    """Places of clusters equal in redshift and one measurement, if there are more of them than chance makes."""
    known = np.flatnonzero(np.isfinite(values))
    found, number = list(zip(z[known].tolist(), values[known].tolist(), strict=True)), len(known)

    def pairs(keys: Iterable[Hashable]) -> float:
        return sum(0.5 * n * (n - 1) for n in Counter(keys).values())

    by_chance = _ALIKE * pairs(key for key, _ in found) * pairs(key for _, key in found) / max(0.5 * number**2, 1.0)
    if not special.pdtrc(pairs(found) - 1, by_chance) < COINCIDENCE:
        return set()
    return {int(known[i]) for i in _repeated(found)}


def _repeated(keys: Iterable[Hashable]) -> set[int]:
    """Places of keys that occur more than once; None is no key."""
    listed = list(keys)
    number = Counter(listed)
    return {i for i, key in enumerate(listed) if key is not None and number[key] > 1}
