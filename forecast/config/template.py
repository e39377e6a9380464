"""A configuration as a commented file: every key with what it means, to be changed by hand."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from .reference import Key, keys, toml

_WIDTH = 100
_TAGS = ("geometry", "kind")


def commented(content: Mapping[str, Any], notes: Mapping[str, str] | None = None) -> str:
    """A file that holds `content`, each key with its meaning.

    Parameters
    ----------
    content : mapping
        As read from TOML.
    notes : mapping of str to str, optional
        By dotted key or table: what else to say there.
    """
    return "\n".join(_lines(content, "", "", notes or {})).strip() + "\n"


def _lines(table: Mapping[str, Any], path: str, variant: str, notes: Mapping[str, str]) -> Iterator[str]:
    """Lines of a table: its own keys first, then the tables inside it."""
    variant = next((f'{tag} = "{table[tag]}"' for tag in _TAGS if tag in table), variant)
    inner = {k: v for k, v in table.items() if _is_table(v) and not _is_free(path)}
    for name, value in table.items():
        if name not in inner:
            yield from _key(f"{path}{name}", name, value, (variant, notes))
    for name, value in inner.items():
        for one in value if isinstance(value, list) else [value]:
            header = f"[[{path}{name}]]" if isinstance(value, list) else f"[{path}{name}]"
            yield ""
            yield from _comment(_words(f"{path}{name}", variant, notes))
            yield header
            yield from _lines(one, f"{path}{name}.", variant, notes)


def _key(path: str, name: str, value: Any, about: tuple[str, Mapping[str, str]]) -> Iterator[str]:
    """One key, its meaning after it where there is room, else above it."""
    variant, notes = about
    line = f"{name} = {toml(value)}"
    words = _words(path, variant, notes)
    if not words:
        yield line
    elif len(line) + len(words) + 3 <= _WIDTH:
        yield f"{line} # {words}"
    else:
        yield from _comment(words)
        yield line


def _comment(words: str) -> list[str]:
    return [f"# {line}" for line in textwrap.wrap(words, _WIDTH - 2)]


def _words(path: str, variant: str, notes: Mapping[str, str]) -> str:
    """What a key means, and what else there is to say."""
    return " ".join(filter(None, (_meaning(path, variant), notes.get(path))))


def _meaning(path: str, variant: str) -> str:
    """What a key means, in the variant of its table."""
    found: list[Key] = [key for key in keys() if key.path == path]
    return next((key.meaning for key in found if key.variant in ("", variant)), found[0].meaning if found else "")


def _is_table(value: Any) -> bool:
    return isinstance(value, Mapping) or (isinstance(value, list) and bool(value) and isinstance(value[0], Mapping))


def _is_free(path: str) -> bool:
    """Whether the entries of a table are short tables, one a line."""
    return path in ("parameters.", "catalogue.columns.", "library.columns.")
