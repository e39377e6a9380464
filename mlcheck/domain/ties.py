"""Ties that measured numbers cannot have: the same cluster twice, one value for many clusters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import binom

from forecast.core.arrays import Array

from ..data.catalogues import Catalogues

_WINDOW = 5
"""Values, a crowded one and its nearest neighbours, among which clusters are alike likely to have each."""


@dataclass(frozen=True)
class Crowds:
    """The most crowded value of one feature in each of P catalogues.

    Parameters
    ----------
    surprise : ndarray, shape (P,)
        -ln of the chance of so many clusters there, at most: see `crowds`.
    value : ndarray, shape (P,)
    count : ndarray of int, shape (P,)
        Clusters that have it.
    """

    surprise: Array
    value: Array
    count: Array


def twins(catalogues: Catalogues) -> Array:
    """Clusters, as rows (n,) of bool, that equal an earlier one of their catalogue in every feature."""
    bits = np.ascontiguousarray(catalogues.features, dtype=np.float32).view(np.uint32).astype(np.uint64)
    odd = np.array([pow(0x9E3779B97F4A7C15, i + 1, 1 << 64) | 1 for i in range(bits.shape[1])], dtype=np.uint64)
    word = (bits * odd).sum(axis=1, dtype=np.uint64)
    order = np.lexsort((word, catalogues.row))
    row, features = catalogues.row[order], catalogues.features[order]
    found = np.zeros(len(order), dtype=bool)
    found[order[1:]] = (row[1:] == row[:-1]) & (features[1:] == features[:-1]).all(axis=1)
    return found


def crowds(catalogues: Catalogues, column: int) -> Crowds:
    """Where most clusters of a catalogue have the same value of a feature, and how unlikely that is.

    Rounded numbers tie too, but their neighbours are as crowded. Of the clusters that have one of `_WINDOW`
    neighbouring values each is as likely to have any, so that the number at one of them is binomial; its chance is
    multiplied by the number of values. Values that are missing count as neighbours nobody has.
    """
    values, row = catalogues.features[:, column], catalogues.row
    order = np.lexsort((values, row))
    values, row = values[order], row[order]
    start = np.flatnonzero(np.r_[True, (values[1:] != values[:-1]) | (row[1:] != row[:-1])])
    count, owner = np.diff(np.r_[start, len(values)]), row[start]
    number = np.bincount(owner, minlength=len(catalogues))
    first = np.cumsum(number) - number
    low = np.maximum(first[owner], np.minimum(np.arange(len(start)) - _WINDOW // 2, (first + number)[owner] - _WINDOW))
    high = np.minimum(low + _WINDOW, (first + number)[owner])
    near = start[low], np.r_[start, len(values)][high]
    chance = binom.logsf(count - 1, near[1] - near[0], 1 / _WINDOW) + np.log(number[owner])
    each = np.lexsort((-chance, owner))[np.cumsum(number) - 1]
    return Crowds(-np.minimum(chance[each], 0.0), values[start][each], count[each])
