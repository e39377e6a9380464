"""TOML files, and what is wrong with one that is none."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from ..core.errors import InputError
from .text_tables import decoded


def read_toml(path: Path) -> dict[str, Any]:
    """Content of a TOML file.

    Raises
    ------
    InputError
        If it is none.
    """
    try:
        return tomllib.loads(decoded(path.read_bytes())[0])
    except (tomllib.TOMLDecodeError, OSError) as error:
        raise InputError(f"{path}: not a TOML file: {error}{_of_backslashes(path, str(error))}") from error


def _of_backslashes(path: Path, fault: str) -> str:
    """A cure where the line at fault holds a path as Windows writes it."""
    place = re.search(r"line (\d+)", fault)
    lines = decoded(path.read_bytes())[0].splitlines()
    line = lines[int(place[1]) - 1] if place and int(place[1]) <= len(lines) else ""
    return "; write paths with / or in single quotes" if "\\" in line else ""
