"""Names and numbers of clusters as they are compared, however tables write them."""

from __future__ import annotations

import re
from typing import Any, Literal

import numpy as np

from ..core.arrays import Array
from .cells import UNKNOWN, text_of

_WHOLE = re.compile(r"([+-]?)0*(\d+)(?:\.0*)?")
_DASHES = str.maketrans("−–—", "---")
_SPELLINGS = (("a", "(?:abell|aco|a)0*", r"\d+"), ("z", "(?:zwcl|zw|z)0*", r"\d+"), ("rxj", "rxcj|rxj", ".*"))
"""Names of clusters: as they are compared, the prefixes in use, and what follows these."""


def keys_of(column: Any, spelling: Literal["exact", "clusters"]) -> list[str | None]:
    """Cells as they are compared; None where there is nothing."""
    cells, mask = cells_of(column)
    found = [None if hidden else _key(cell) for cell, hidden in zip(cells, mask, strict=True)]
    return found if spelling == "exact" else [None if key is None else cluster_key(key) for key in found]


def cluster_key(name: str) -> str:
    """A cluster's name, in small letters without blanks, as all catalogues would spell it.

    Abell's and Zwicky's numbers have one letter and no zeros before them; positions of ROSAT's catalogues one prefix.

    >>> [cluster_key(name) for name in ("abell0085", "zwcl3146", "rx_j1524.2-3154", "rxcj1524.2-3154", "a3571")]
    ['a85', 'z3146', 'rxj1524.2-3154', 'rxj1524.2-3154', 'a3571']
    """
    plain = name.replace("_", "")
    for catalogue, prefix, number in _SPELLINGS:
        if found := re.fullmatch(rf"(?:{prefix})({number})", plain):
            return catalogue + found[1]
    return plain


def cells_of(column: Any) -> tuple[Array, Array]:
    """Values and mask of a column with one value a row, shape (N,) each."""
    data, mask = np.asarray(column).reshape(len(column)), np.reshape(getattr(column, "mask", False), -1)
    return data, np.broadcast_to(mask, data.shape)


def _key(cell: Any) -> str | None:
    """A name or number as it is compared.

    >>> _key(" RXC J0041 "), _key(b"rxcj0041"), _key(28993.0), _key("028993"), _key("--")
    ('rxcj0041', 'rxcj0041', '28993', '28993', None)
    """
    text = "".join(text_of(cell).split()).casefold().translate(_DASHES)
    if text in UNKNOWN:
        return None
    if isinstance(cell, float | np.floating) and float(cell).is_integer():
        return str(int(cell))
    whole = _WHOLE.fullmatch(text)
    return f"{whole[1].replace('+', '')}{whole[2]}" if whole else text
