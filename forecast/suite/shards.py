"""Shards of a suite of mock catalogues: Parquet files, written whole and read back with their checksums.

A suite's folder holds a manifest (`forecast.suite.manifest`) and two folders of Parquet files with the same numbers,
``clusters/00012.parquet`` (one row per cluster) and ``catalogues/00012.parquet`` (one row per
catalogue), each of which any Parquet reader takes as one table.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from ..core.arrays import Array
from ..core.errors import InputError
from ..core.files import to_plain
from ..execution.versions import versions

TABLES = ("clusters", "catalogues")


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Parameters
    ----------
    name : str
    kind : {"int32", "int64", "float32", "float64"}
    unit : str
        Empty for numbers without one.
    meaning : str
    """

    name: str
    kind: str
    unit: str
    meaning: str


@dataclass(frozen=True)
class ShardFile:
    """One Parquet file: its size in bytes and the SHA-256 of its content."""

    size: int
    sha256: str

    @classmethod
    def of(cls, content: bytes) -> ShardFile:
        """Size and checksum of `content`."""
        return cls(len(content), hashlib.sha256(content).hexdigest())


@dataclass(frozen=True)
class Shard:
    """A finished shard: its number, its rows, and the file of each of `TABLES`."""

    number: int
    catalogues: int
    clusters: int
    files: dict[str, ShardFile]

    @cached_property
    def line(self) -> str:
        """The shard as one line of JSON."""
        return json.dumps(to_plain(self))


def software() -> dict[str, str]:
    """Versions of everything that shapes the bytes of a shard."""
    pyarrow()
    return versions()


def pyarrow() -> Any:
    """The pyarrow package with its Parquet module.

    Raises
    ------
    InputError
        If it is not installed.
    """
    try:
        import_module("pyarrow.parquet")
    except ImportError:
        raise InputError("suites are Parquet files and need pyarrow; pip install 'massanchor[scale]'") from None
    return import_module("pyarrow")


def encode(columns: Sequence[Column], data: Mapping[str, Array], about: Mapping[str, str]) -> bytes:
    """A table as the content of a Parquet file.

    Parameters
    ----------
    columns : sequence of Column
        Names, types, units and meanings; units and meanings become the metadata of the fields.
    data : mapping of str to ndarray, each of shape (n,)
    about : mapping of str to str
        Metadata of the table.
    """
    arrow = pyarrow()
    fields = [
        arrow.field(c.name, getattr(arrow, c.kind)(), nullable=False, metadata={"unit": c.unit, "meaning": c.meaning})
        for c in columns
    ]
    arrays = [arrow.array(np.ascontiguousarray(data[c.name], dtype=c.kind)) for c in columns]
    table = arrow.Table.from_arrays(arrays, schema=arrow.schema(fields, metadata=dict(about)))
    buffer = io.BytesIO()
    arrow.parquet.write_table(table, buffer, compression="zstd", compression_level=1, use_dictionary=False)
    return buffer.getvalue()


def decode(content: bytes, names: Sequence[str] | None = None) -> dict[str, Array]:
    """Columns of a Parquet file as arrays of shape (n,); all of them if `names` is None."""
    arrow = pyarrow()
    table = arrow.parquet.read_table(arrow.BufferReader(content), columns=None if names is None else list(names))
    return {name: np.array(table[name].to_numpy()) for name in table.column_names}


def shard_path(folder: Path, table: str, number: int) -> Path:
    """File of one table of one shard."""
    return folder / table / f"{number:05d}.parquet"


def read_checked(folder: Path, table: str, shard: Shard) -> bytes | None:
    """Content of one table of a shard; None if it is missing or not what was written."""
    expected, path = shard.files[table], shard_path(folder, table, shard.number)
    try:
        if path.stat().st_size != expected.size:
            return None
        content = path.read_bytes()
    except OSError:
        return None
    return content if ShardFile.of(content) == expected else None
