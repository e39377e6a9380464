"""Finished steps of a long job on disk: frozen records of arrays, kept under what they depend on."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from forecast.core.arrays import Array
from forecast.core.files import to_plain, write_whole

from ..data.packing import Record, _built, packed


@dataclass(frozen=True)
class Store:
    """Folder of finished steps.

    Parameters
    ----------
    folder : Path
    identity : Mapping
        What every step depends on: a step made under another identity is made again.
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
            Dataclass of arrays, numbers, texts, tuples of them, and other such dataclasses.
        compute : callable
        of : any
            What this step depends on besides the store's identity.
        """
        path = self.folder / f"{name}.npz"
        digest = hashlib.sha256(json.dumps(to_plain([self.identity, of]), sort_keys=True).encode()).hexdigest()
        found = _read(path, digest)
        if found is not None:
            try:
                return _built(kind, found, "")
            except (KeyError, TypeError, ValueError):
                pass  # written by another version: made again
        record = compute()
        self.folder.mkdir(parents=True, exist_ok=True)
        write_whole(path, packed(record, digest=np.array(digest)))
        return record


def _read(path: Path, digest: str) -> dict[str, Array] | None:
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
            return dict(file) if str(file["digest"]) == digest else None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
