"""Frozen records of arrays as the content of a file, and back."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import numpy as np

from ..core.arrays import Array

Record = TypeVar("Record")

_SEPARATOR = "/"


def packed(record: Any, **more: Array) -> bytes:
    """A record, a dataclass as `Store.get` takes them, as the content of a file; with more arrays beside it."""
    arrays = dict(more)
    _flatten(record, "", arrays)
    content = io.BytesIO()
    np.savez(content, **arrays)  # type: ignore[arg-type]
    return content.getvalue()


def unpacked(kind: type[Record], content: bytes) -> Record:
    """The record of type `kind` that `packed` made a file of.

    Raises
    ------
    KeyError, TypeError, ValueError
        If the content is that of another type.
    """
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        found: Record = built(kind, dict(file))
    return found


def _flatten(value: Any, name: str, arrays: dict[str, Array]) -> None:
    """Put a record's leaves into `arrays`, named by their path."""
    if is_dataclass(value) and not isinstance(value, type):
        for f in fields(value):
            _flatten(getattr(value, f.name), f"{name}{_SEPARATOR}{f.name}", arrays)
    elif isinstance(value, tuple) and any(is_dataclass(x) for x in value):
        arrays[f"{name}{_SEPARATOR}length"] = np.array(len(value))
        for i, x in enumerate(value):
            _flatten(x, f"{name}{_SEPARATOR}{i}", arrays)
    elif isinstance(value, dict):
        arrays[f"{name}{_SEPARATOR}keys"] = np.array(list(value), dtype=str)
        for i, x in enumerate(value.values()):
            _flatten(x, f"{name}{_SEPARATOR}{i}", arrays)
    elif value is not None:
        arrays[name] = np.asarray(value)


def built(kind: Any, arrays: Mapping[str, Array], name: str = "") -> Any:
    """A value of type `kind` from the leaves under `name`."""
    if type(None) in get_args(kind):
        if not any(key == name or key.startswith(f"{name}{_SEPARATOR}") for key in arrays):
            return None
        kind = next(x for x in get_args(kind) if x is not type(None))
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        parts = {f.name: built(hints[f.name], arrays, f"{name}{_SEPARATOR}{f.name}") for f in fields(kind)}
        return kind(**parts)  # type: ignore[operator]
    if f"{name}{_SEPARATOR}length" in arrays:
        inner = get_args(kind)[0]
        return tuple(built(inner, arrays, f"{name}{_SEPARATOR}{i}") for i in range(int(arrays[f"{name}/length"])))
    if f"{name}{_SEPARATOR}keys" in arrays:
        keys, inner = arrays[f"{name}{_SEPARATOR}keys"].tolist(), get_args(kind)[1]
        return {key: built(inner, arrays, f"{name}{_SEPARATOR}{i}") for i, key in enumerate(keys)}
    value = arrays[name]
    if get_origin(kind) is tuple:
        return _tuple(value.tolist())
    array = getattr(kind, "__value__", kind)  # NumPy 2.5 names its arrays by an alias
    return value if np.ndarray in (array, get_origin(array)) else kind(value.item())


def _tuple(values: Any) -> Any:
    return tuple(_tuple(x) for x in values) if isinstance(values, list) else values
