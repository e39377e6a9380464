"""Versions of the software that shapes numbers and files."""

from __future__ import annotations

import contextlib
from importlib import metadata

_SHAPING = ("massanchor", "numpy", "scipy", "colossus", "pyarrow")


def versions() -> dict[str, str]:
    """Those that are installed, by name."""
    found = {}
    for name in _SHAPING:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found
