"""Suites of mock catalogues as a reader sees them: columns as arrays, every file checked when it is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from ..core.arrays import Array
from ..core.errors import InputError, nearest
from .manifest import Manifest
from .shards import TABLES, Column, Shard, decode, read_checked, shard_path


@dataclass(frozen=True)
class Suite:
    """Mock catalogues on disk; see `open_suite`. Every shard is checked whenever it is read.

    Parameters
    ----------
    folder : Path
    manifest : Manifest
    """

    folder: Path
    manifest: Manifest

    def __repr__(self) -> str:
        return f"<suite of {len(self):,} mock catalogues of survey {self.manifest.name}: {self.folder}>"

    def __len__(self) -> int:
        """Number of catalogues in the finished shards."""
        return sum(shard.catalogues for shard in self.manifest.shards)

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the parameters that vary: columns of `catalogues`."""
        return tuple(self.manifest.parameters["free"])

    @cached_property
    def _by_number(self) -> dict[int, Shard]:
        return {shard.number: shard for shard in self.manifest.shards}

    @property
    def shards(self) -> tuple[int, ...]:
        """Numbers of the finished shards."""
        return tuple(self._by_number)

    def columns(self, table: str) -> tuple[Column, ...]:
        """Names, types, units and meanings of the columns of "clusters" or "catalogues"."""
        return tuple(Column(**entry) for entry in self.manifest.columns[table])

    def clusters(self, shard: int, names: Sequence[str] | None = None) -> dict[str, Array]:
        """Columns of one shard's clusters, in the order of their catalogues, each of shape (n,).

        The clusters of a catalogue are rows `first` to `first` + `size` of its shard.
        """
        return self._read("clusters", shard, names)

    def catalogues(self, shard: int | None = None, names: Sequence[str] | None = None) -> dict[str, Array]:
        """Columns of the catalogues of one shard, or of all, each of shape (P,)."""
        parts = [self._read("catalogues", number, names) for number in (self.shards if shard is None else (shard,))]
        return {name: np.concatenate([part[name] for part in parts]) for name in (parts[0] if parts else ())}

    def damaged(self) -> tuple[str, ...]:
        """Files that are missing or not what was written; reads every one."""
        return tuple(
            f"{table}/{shard_path(self.folder, table, shard.number).name}"
            for shard in self.manifest.shards
            for table in TABLES
            if read_checked(self.folder, table, shard) is None
        )

    def verify(self) -> None:
        """Read every file of the suite and compare it with its checksum.

        Raises
        ------
        InputError
            Naming the files that are missing or altered.
        """
        damaged = self.damaged()
        if damaged:
            raise InputError(f"{self.folder}: damaged ({', '.join(damaged[:5])}); {_CURE}")

    def _read(self, table: str, number: int, names: Sequence[str] | None) -> dict[str, Array]:
        shard = self._by_number.get(number)
        if shard is None:
            raise InputError(f"{self.folder}: no shard {number}; there are {len(self.shards)}, see Suite.shards")
        known = [column.name for column in self.columns(table)]
        for name in names or ():
            if name not in known:
                raise InputError(f"{self.folder}: {table} have no column '{name}'; {nearest(name, known)}")
        content = read_checked(self.folder, table, shard)
        if content is None:
            raise InputError(f"{shard_path(self.folder, table, number)}: missing or altered; {_CURE}")
        return decode(content, names)


_CURE = "the 'forecast suite' command that made the suite replaces what is damaged"


def open_suite(folder: str | Path, *, verify: bool = False, incomplete: bool = False) -> Suite:
    """Open a suite that `forecast suite` wrote.

    Parameters
    ----------
    folder : str or Path
    verify : bool
        Read and check every file now, not only when it is used.
    incomplete : bool
        Accept a suite of which some shards are not finished.

    Raises
    ------
    InputError
        If there is no suite, it is incomplete, or its manifest (or a file, with `verify`) is damaged.

    Examples
    --------
    >>> open_suite("no/such/folder")
    Traceback (most recent call last):
        ...
    forecast.core.errors.InputError: no/such/folder: no suite there (no manifest.json); make one with 'forecast suite'
    """
    if not isinstance(folder, str | Path):
        raise InputError(f"a suite is opened by its folder, got {folder!r}")
    suite = Suite(Path(folder), Manifest.load(Path(folder)))
    if not (incomplete or suite.manifest.complete):
        done, all_shards = len(suite.shards), suite.manifest.shard_count
        raise InputError(
            f"{folder}: {done} of {all_shards} shards are finished; the same 'forecast suite' command finishes "
            "it, and open_suite(..., incomplete=True) reads what there is"
        )
    if verify:
        suite.verify()
    return suite
