"""How this process keeps its memory: arrays of a few MB come and go at every step of a chain."""

from __future__ import annotations

import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Names of settings in glibc's <malloc.h>."""
_LARGEST, _KEPT = 1 << 25, 1 << 28
"""Bytes: arrays up to this size come from memory that is used again (glibc's limit), of which so much is kept free."""


def keep_freed_memory() -> None:
    """Let glibc use freed memory again instead of returning it, zeroed when next asked for, at every array.

    A tenth to a third of a command's CPU time went there. Other C libraries are left as they are; so are numbers.
    """
    try:
        setting = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    setting(_MMAP_THRESHOLD, _LARGEST)
    setting(_TRIM_THRESHOLD, _KEPT)
