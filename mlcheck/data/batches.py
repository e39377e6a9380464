"""Batches of catalogues of similar length: which catalogues, and how many rows each is padded to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from forecast.core.arrays import Array

LENGTH_STEP = 32
"""Lengths are rounded up to multiples of this: few shapes, little padding."""


@dataclass(frozen=True)
class Batches:
    """K batches of B catalogues, all padded to one length.

    Parameters
    ----------
    index : ndarray of int, shape (K, B)
        Catalogues; those of weight 0 only fill a batch up.
    weight : ndarray, shape (K, B)
        1 or 0.
    length : int
        Rows.
    """

    index: Array
    weight: Array
    length: int


def padded_length(size: int) -> int:
    """Rows to which a catalogue of `size` clusters is padded."""
    return max(1, -(-int(size) // LENGTH_STEP)) * LENGTH_STEP


def epoch_batches(
    size: Array, batch: int, *, rng: np.random.Generator, spread: int | None = None, successive: int = 1
) -> Iterator[Batches]:
    """One epoch: every catalogue once, in random order, similar lengths together.

    Parameters
    ----------
    size : ndarray of int, shape (P,)
        Lengths.
    batch : int
    rng : numpy.random.Generator
    spread : int or None
        Batches that are filled from one random draw sorted by length: 1 makes batches random, None makes all
        catalogues of a batch of similar length (NV22 section 3.1 wants identical ones).
    successive : int
        Batches of one draw that follow one another in order of length.
    """
    order = rng.permutation(len(size))
    chunk = len(order) if spread is None else spread * batch
    parts: list[Array] = []
    for start in range(0, len(order), chunk):
        mine = order[start : start + chunk]
        ranked = mine[np.argsort(size[mine], kind="stable")]
        cut = [ranked[i : i + batch] for i in range(0, len(ranked), batch)]
        runs = [cut[i : i + successive] for i in range(0, len(cut), successive)]
        parts += [part for i in rng.permutation(len(runs)) for part in runs[i]]
    for length, group in _grouped(parts, size):
        yield _filled(group, batch, length)


def evaluation_batches(size: Array, batch: int) -> Iterator[Batches]:
    """Every catalogue once, by length."""
    ranked = np.argsort(size, kind="stable")
    parts = [ranked[i : i + batch] for i in range(0, len(ranked), batch)]
    for length, group in _grouped(parts, size):
        yield _filled(group, batch, length)


def _grouped(parts: list[Array], size: Array) -> Iterator[tuple[int, list[Array]]]:
    """Successive batches of the same padded length."""
    group: list[Array] = []
    current = 0
    for part in parts:
        length = padded_length(size[part].max())
        if group and length != current:
            yield current, group
            group = []
        group.append(part)
        current = length
    if group:
        yield current, group


def _filled(group: list[Array], batch: int, length: int) -> Batches:
    index = np.zeros((len(group), batch), dtype=np.int32)
    weight = np.zeros((len(group), batch), dtype=np.float32)
    for i, part in enumerate(group):
        index[i, : len(part)], weight[i, : len(part)] = part, 1.0
        index[i, len(part) :] = part[0]
    return Batches(index, weight, length)
