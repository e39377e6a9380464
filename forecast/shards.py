"""Suites of mock catalogues on disk: Parquet shards, their manifest, and the reader that checks both.

A suite's folder holds `manifest.json` and two folders of Parquet files with the same numbers,
``clusters/00012.parquet`` (one row per cluster) and ``catalogues/00012.parquet`` (one row per
catalogue), each of which any Parquet reader takes as one table.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

import numpy as np

from .errors import InputError, nearest
from .results import to_plain

Array = np.ndarray

TABLES = ("clusters", "catalogues")
MANIFEST = "manifest.json"
PARTIAL = ".partial"
"""Ending of a file that is being written; its name begins with a dot, so that readers pass it by."""
_FORMAT = "massanchor suite 1"
_CHECKSUM, _END = ',\n "checksum": ', "\n}"


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


@dataclass(frozen=True)
class Manifest:
    """What a suite is made of, and which of its shards are finished.

    Parameters
    ----------
    name : str
        Of the configuration.
    configuration : dict
        The whole configuration, defaults included.
    model : str
        SHA-256 of all that the configuration makes of the forward model, tables it reads included.
    seed : int
    plan : dict
        kind ("grid" or "draws"), number of catalogues, catalogues in a shard, values on each axis.
    parameters : dict
        free: fiducial value and prior of every free parameter; fixed: value of the others.
    columns : dict
        `Column` records of every table, as dictionaries.
    software : dict
        Versions of everything that shapes the bytes.
    shards : tuple of Shard
        In the order of their numbers.
    """

    name: str
    configuration: dict[str, Any]
    model: str
    seed: int
    plan: dict[str, Any]
    parameters: dict[str, Any]
    columns: dict[str, list[dict[str, str]]]
    software: dict[str, str]
    shards: tuple[Shard, ...] = ()

    @property
    def shard_count(self) -> int:
        """Number of shards of the complete suite."""
        return -(-int(self.plan["catalogues"]) // int(self.plan["shard_size"]))

    @property
    def complete(self) -> bool:
        """Whether every shard is finished."""
        return len(self.shards) == self.shard_count

    def with_shards(self, shards: Mapping[int, Shard]) -> Manifest:
        """The same suite with these finished shards."""
        return replace(self, shards=tuple(shards[number] for number in sorted(shards)))

    def differences(self, other: Manifest) -> list[str]:
        """In words, what makes `other` another suite than this one; empty if nothing does."""
        words = []
        if self.model != other.model:
            keys = _different(self.configuration, other.configuration)
            words.append("configuration" + (f" ({', '.join(keys[:5])})" if keys else " (a table it reads)"))
        for what in ("seed", "plan", "software"):
            mine, theirs = ({what: getattr(m, what)} for m in (self, other))
            for key in _different(mine, theirs):
                words.append(f"{key} ({_value(mine, key)} there, not {_value(theirs, key)})")
        return words or (["columns"] if self.columns != other.columns else [])

    def save(self, folder: Path) -> None:
        """Write the manifest, whole or not at all."""
        status = "complete" if self.complete else "incomplete"
        header = {key: getattr(self, key) for key in self.__dataclass_fields__ if key != "shards"}
        head = json.dumps(to_plain({"format": _FORMAT, "status": status, **header}), indent=1, ensure_ascii=False)
        lines = ",\n  ".join(shard.line for shard in self.shards)
        body = f'{head.removesuffix(_END)},\n "shards": [\n  {lines}\n ]'
        write_whole(folder / MANIFEST, f"{body}{_CHECKSUM}{_sealed(body)}".encode())

    @classmethod
    def load(cls, folder: Path) -> Manifest:
        """Read the manifest of a suite.

        Raises
        ------
        InputError
            If there is none, or it is damaged or altered.
        """
        path = folder / MANIFEST
        try:
            text = path.read_bytes().decode()
            body, _, seal = text.rpartition(_CHECKSUM)
            content = json.loads(text)
            intact = content.get("format") == _FORMAT and seal == _sealed(body)
            shards = tuple(_shard(entry) for entry in content["shards"])
            fields = {key: content[key] for key in cls.__dataclass_fields__ if key != "shards"}
        except (FileNotFoundError, NotADirectoryError):
            raise InputError(f"{folder}: no suite there (no {MANIFEST}); make one with 'forecast suite'") from None
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            intact = False
        if not intact:
            raise InputError(
                f"{path}: damaged, altered, or of another format; restore it, or make the suite again with --overwrite"
            )
        return cls(**fields, shards=shards)


def _shard(entry: Mapping[str, Any]) -> Shard:
    files = {table: ShardFile(**entry["files"][table]) for table in TABLES}
    return Shard(entry["number"], entry["catalogues"], entry["clusters"], files)


def _sealed(body: str) -> str:
    """End of a manifest: the SHA-256 of all before it."""
    return f'"{hashlib.sha256(body.encode()).hexdigest()}"{_END}\n'


def _different(a: Any, b: Any, path: str = "") -> list[str]:
    """Dotted keys whose values differ."""
    if isinstance(a, dict) and isinstance(b, dict):
        keys = sorted(set(a) | set(b))
        return [key for k in keys for key in _different(a.get(k), b.get(k), f"{path}.{k}" if path else k)]
    return [] if a == b else [path]


def _value(content: Any, path: str) -> Any:
    """Value at a dotted key; None where there is none."""
    for key in path.split("."):
        content = content.get(key) if isinstance(content, dict) else None
    return content


def model_digest(*parts: Any) -> str:
    """SHA-256 of records, arrays and numbers."""
    return hashlib.sha256(json.dumps(to_plain(parts), sort_keys=True).encode()).hexdigest()


def software() -> dict[str, str]:
    """Versions of everything that shapes the bytes of a shard."""
    pyarrow()
    return {name: metadata.version(name) for name in ("massanchor", "numpy", "scipy", "colossus", "pyarrow")}


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


def write_whole(path: Path, content: bytes) -> None:
    """Write a file, whole or not at all, even if the machine stops.

    Raises
    ------
    InputError
        If it cannot be written.
    """
    draft = path.with_name(f".{path.name}{PARTIAL}")
    try:
        with draft.open("wb") as handle:
            handle.write(content)
            handle.flush()
            os.fsync(handle.fileno())
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise InputError(f"{path}: cannot be written ({error.strerror}); make room or choose another --out") from error


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
    forecast.errors.InputError: no/such/folder: no suite there (no manifest.json); make one with 'forecast suite'
    """
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
