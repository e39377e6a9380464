"""Finished steps of a long job on disk: frozen records of arrays, kept under what they depend on.

Not `joblib.Memory`: its key holds the arguments but neither files behind them nor versions of libraries, and a pickle
that is cut short or altered is noticed only if it does not load.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..core.arrays import Array
from ..core.files import PARTIAL, to_plain, write_whole
from .packing import Record, built, packed
from .versions import versions

STEPS = "steps"
"""Folder of finished steps in a command's output folder."""


def content_digest(*parts: Any) -> str:
    """SHA-256 of records, arrays and numbers."""
    return hashlib.sha256(json.dumps(to_plain(parts), sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Store:
    """Folder of finished steps.

    Parameters
    ----------
    folder : Path
    identity : Mapping
        What every step depends on beside the software: a step made under another identity is made again.
    """

    folder: Path
    identity: Mapping[str, Any]

    def get(self, name: str, kind: type[Record], compute: Callable[[], Record], *, of: Any = None) -> Record:
        """A record of an earlier run, or computed now and kept.

        Parameters
        ----------
        name : str
            File name of the step.
        kind : type
            Dataclass of arrays, numbers, texts, tuples of them, dictionaries by text, and other such dataclasses.
        compute : callable
        of : any
            What this step depends on besides the store's identity.
        """
        found = self.find(name, kind, of=of)
        if found is None:
            found = compute()
            self.put(name, found, of=of)
        return found

    def find(self, name: str, kind: type[Record], *, of: Any = None) -> Record | None:
        """A record of an earlier run, or None; see `get`."""
        found = _read(self._path(name), self._digest(of))
        try:
            return None if found is None else built(kind, found)
        except (KeyError, TypeError, ValueError):
            return None  # written by another version: made again

    def put(self, name: str, record: Any, *, of: Any = None) -> None:
        """Keep a record; see `get`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        write_whole(self._path(name), packed(record, digest=np.array(self._digest(of))))

    def clear(self, name: str) -> None:
        """Remove the steps that `Executor.kept` numbered under a name, and the folder if nothing else is in it."""
        for path in (*self.folder.glob(f"{name}-[0-9]*.npz"), *self.folder.glob(f".{name}-[0-9]*{PARTIAL}")):
            path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self.folder.rmdir()

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.npz"

    def _digest(self, of: Any) -> str:
        return content_digest(self.identity, of, _kinds(of), versions())


def _kinds(value: Any) -> list[Any]:
    """Names of the classes of records, and of those in them: two classes may have the same fields."""
    if is_dataclass(value) and not isinstance(value, type):
        return [type(value).__qualname__, *(_kinds(getattr(value, f.name)) for f in fields(value))]
    inside = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list | tuple) else []
    return [found for x in inside if (found := _kinds(x))]


def _read(path: Path, digest: str) -> dict[str, Array] | None:
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
            return dict(file) if str(file["digest"]) == digest else None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
