"""Manifest of a suite: what it is made of, and which of its shards are finished. Sealed with a checksum."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..config.renewal import renewed
from ..core.errors import InputError
from ..core.files import to_plain, write_whole
from ..core.formats import SUITE
from .shards import TABLES, Shard, ShardFile

MANIFEST = "manifest.json"
_FORMAT = "massanchor suite {}"
_CHECKSUM, _END = ',\n "checksum": ', "\n}"


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
        head = json.dumps(
            to_plain({"format": _FORMAT.format(SUITE.version), "status": status, **header}),
            indent=1,
            ensure_ascii=False,
        )
        lines = ",\n  ".join(shard.line for shard in self.shards)
        body = f'{head.removesuffix(_END)},\n "shards": [\n  {lines}\n ]'
        write_whole(folder / MANIFEST, f"{body}{_CHECKSUM}{_sealed(body)}".encode())

    @classmethod
    def load(cls, folder: Path) -> Manifest:
        """Read the manifest of a suite.

        Raises
        ------
        InputError
            If there is none, it is damaged or altered, or of a format that this version does not know.
        """
        path = folder / MANIFEST
        try:
            text = path.read_bytes().decode()
            content = json.loads(text)
            version = int(content["format"].removeprefix(_FORMAT.format("")))
        except (FileNotFoundError, NotADirectoryError):
            raise InputError(f"{folder}: no suite there (no {MANIFEST}); make one with 'forecast suite'") from None
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            raise _damaged(path) from None
        content = SUITE.current(content, version, str(path))
        body, _, seal = text.rpartition(_CHECKSUM)
        if seal != _sealed(body):
            raise _damaged(path)
        fields = {key: content[key] for key in cls.__dataclass_fields__ if key != "shards"}
        fields["model"] = renewed(fields["model"], fields["configuration"])
        return cls(**fields, shards=tuple(_shard(entry) for entry in content["shards"]))


def _damaged(path: Path) -> InputError:
    return InputError(f"{path}: damaged or altered; restore it, or make the suite again with --overwrite")


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
