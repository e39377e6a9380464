"""Files written whole or not at all, and records as JSON."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .errors import InputError

PARTIAL = ".partial"
"""Ending of a file that is being written; its name begins with a dot, so that readers pass it by."""


def to_plain(value: Any) -> Any:
    """Records, arrays and NaN as what JSON knows; NaN and infinity become None."""
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, dict):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [to_plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return to_plain(value.tolist())
    if isinstance(value, np.generic):
        return to_plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def json_text(record: Any) -> str:
    """A record as JSON, one key per line."""
    return json.dumps(to_plain(record), indent=1, ensure_ascii=False, allow_nan=False)


def write_json(path: Path, record: Any) -> None:
    """Write a record as JSON; see `write_whole`."""
    write_whole(path, json_text(record) + "\n")


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a table with the digits that floats need; see `write_whole`."""
    lines = io.StringIO()
    csv.writer(lines, lineterminator="\n").writerows([header, *rows])
    write_whole(path, lines.getvalue())


def write_whole(path: Path, content: bytes | str) -> None:
    """Write a file, whole or not at all, even if the machine stops.

    Raises
    ------
    InputError
        If it cannot be written.
    """
    draft = path.with_name(f".{path.name}{PARTIAL}")
    try:
        with draft.open("wb") as handle:
            handle.write(content.encode() if isinstance(content, str) else content)
            handle.flush()
            os.fsync(handle.fileno())
        draft.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
        raise InputError(f"{path}: cannot be written ({error.strerror}); make room or choose another --out") from error


def prepare_output(out: Path) -> None:
    """Make the output folder and check that it can be written.

    Raises
    ------
    InputError
        If it cannot.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        probe = out / ".massanchor-write-test"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise InputError(f"{out}: cannot write there ({error.strerror}); choose another --out") from error
