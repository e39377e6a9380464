"""Columns of another program's chain: GetDist text with its names beside it, or a table with a header."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..core.arrays import Array
from ..core.errors import InputError, nearest

_WEIGHTS = ("weight", "weights")
_NAMES = ".paramnames"
_LONGEST = 1_000_000
"""Characters of the line that names the columns."""


@dataclass(frozen=True)
class ChainColumns:
    """Draws from a posterior.

    Parameters
    ----------
    values : ndarray, shape (n, K)
    weight : ndarray, shape (n,)
    """

    values: Array
    weight: Array

    @property
    def effective_size(self) -> float:
        """Number of equally weighted draws that are worth as much; draws are taken to be independent."""
        return float(self.weight.sum() ** 2 / np.sum(self.weight**2))


def read_chain(path: Path, columns: Sequence[str]) -> ChainColumns:
    """Weights and some columns of a chain, its burn-in removed already.

    Parameters
    ----------
    path : Path
        Root of GetDist's files (``root.paramnames`` beside ``root.txt``, or ``root_1.txt``, ...: column 1 is the
        weight, column 2 minus the log posterior), one of them, or a text file whose first line names its columns,
        separated by commas or blanks, with or without a leading ``#``; a column ``weight`` there is the weight.
    columns : sequence of str

    Raises
    ------
    InputError
        If there is no such file or column, or what is in it are no numbers.
    """
    try:
        return _read(path, columns)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check its permissions") from error


def _read(path: Path, columns: Sequence[str]) -> ChainColumns:
    root = _getdist_root(path)
    if root is None and not path.is_file():
        raise InputError(f"no file '{path}', and no '{path.name}.paramnames' with '{path.name}.txt' beside it")
    files = [path] if root is None else _parts(root)
    names = _header(path) if root is None else _getdist_names(root)
    missing = [name for name in columns if name not in names]
    if missing:
        raise InputError(f"{path.name}: has no column '{missing[0]}'; {nearest(missing[0], list(names))}")
    weight = next((names[name] for name in _WEIGHTS if name in names), None)
    places = [*([] if weight is None else [weight]), *(names[name] for name in columns)]
    table = np.concatenate([_numbers(file, places, skip=root is None) for file in files])
    values, weights = (table, np.ones(len(table))) if weight is None else (table[:, 1:], table[:, 0])
    if not np.all(np.isfinite(table)) or not np.all(weights >= 0) or not weights.sum() > 0:
        raise InputError(f"{path.name}: weights must be at least 0 and all values finite; clean the chain")
    return ChainColumns(values, weights)


def _getdist_root(path: Path) -> Path | None:
    """What the names of GetDist's files begin with, if `path` is one of them or that itself."""
    stem = path.with_suffix("") if path.suffix in (".txt", _NAMES) else path
    head, _, number = stem.name.rpartition("_")
    roots = [stem, *([stem.parent / head] if head and number.isdigit() else [])]
    return next((root for root in roots if _names_of(root).is_file()), None)


def _names_of(root: Path) -> Path:
    """The file that names the parameters."""
    return root.parent / f"{root.name}{_NAMES}"


def _parts(root: Path) -> list[Path]:
    """The chain's files."""
    whole = root.parent / f"{root.name}.txt"
    parts = sorted(p for p in root.parent.glob(f"{root.name}_*.txt") if p.stem.removeprefix(f"{root.name}_").isdigit())
    if not whole.is_file() and not parts:
        raise InputError(f"'{root.name}{_NAMES}' has no '{root.name}.txt' or '{root.name}_1.txt' beside it")
    return [whole] if whole.is_file() else parts


def _getdist_names(root: Path) -> Mapping[str, int]:
    """Places of parameters, after those of weight and log posterior; a ``*`` marks derived ones."""
    lines = _names_of(root).read_text(encoding="utf-8", errors="replace").splitlines()
    names = [line.split()[0].removesuffix("*") for line in lines if line.strip()]
    return {"weight": 0} | {name: i + 2 for i, name in enumerate(names)}


def _header(path: Path) -> Mapping[str, int]:
    """Places of columns by the names in the first line."""
    with path.open(encoding="utf-8", errors="replace") as lines:
        first = " ".join(lines.readline(_LONGEST).lstrip("\ufeff#").split("\t")).strip()
    cells = [cell.strip().strip('"') for cell in (first.split(",") if "," in first else first.split())]
    if not cells or not first.isprintable() or any(_is_number(cell) for cell in cells):
        raise InputError(f"{path.name}: the first line must name the columns, or a '.paramnames' file lie beside it")
    return {name: i for i, name in enumerate(cells)}


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _numbers(path: Path, places: Sequence[int], *, skip: bool) -> Array:
    """Some columns of a text file as numbers, shape (n, K); `skip` the first line."""
    try:
        with path.open(encoding="utf-8") as lines:
            comma = "," in lines.readline()
        return np.loadtxt(path, usecols=places, ndmin=2, skiprows=int(skip), delimiter="," if comma else None)
    except (ValueError, IndexError) as error:
        raise InputError(f"{path.name}: cannot be read as columns of numbers ({str(error).splitlines()[0]})") from None
