"""Keys of a configuration changed from Python, by their last part where that is enough."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ..config.load import Config, parse_config
from ..config.reference import keys
from ..core.errors import InputError, nearest
from ..core.parameters import NAMES

_OF_A_SAMPLE = ("weak_lensing.", "followup.")
"""A key of the whole survey goes before one of the same name that says which clusters have a lensing mass or proxy."""


def changed(config: Config, changes: Mapping[str, Any]) -> Config:
    """A configuration with other values.

    Parameters
    ----------
    config : Config
    changes : mapping of str to object
        By dotted key (``"survey.area"``), or by its last part where only one key ends with it (``"area"``), or by a
        parameter that is to be free (``"slope_t"``); values as
        in a TOML file: numbers, text with a unit, tables as dictionaries.

    Raises
    ------
    InputError
        If a key is unknown or several end with it, or a value is wrong.
    """
    content = config.model_dump(mode="json")
    known = dict.fromkeys(_keys(content))
    for key, value in changes.items():
        *tables, last = _whole(str(key), list(known)).split(".")
        table = content
        for name in tables:
            table = table[name]
        table[last] = _as_typed(value)
    return parse_config(content, source=config.title)


def _as_typed(value: Any) -> Any:
    """A value as a TOML file has it: quantities with their unit as text, numbers of NumPy as numbers.

    >>> import numpy as np
    >>> _as_typed({"flat": [np.float32(0.5), np.int64(1)]})
    {'flat': [0.5, 1]}
    """
    if hasattr(value, "unit") and hasattr(value, "value"):
        return f"{float(value.value)!r} {value.unit.to_string()}"
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return {str(key): _as_typed(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_as_typed(each) for each in value]
    return copy.deepcopy(value)


def _keys(table: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """Dotted keys of nested tables, those of the tables among them."""
    for name, value in table.items():
        yield path + name
        if isinstance(value, Mapping):
            yield from _keys(value, f"{path}{name}.")


def _elsewhere(key: str) -> str:
    """Where other surveys have a key, and how to get there; "" if none has."""
    found = next((each for each in keys() if each.path == key or each.path.endswith(f".{key}")), None)
    if found is None or not found.table:
        return ""
    where = f"where {found.variant}" if found.variant else f"in table [{found.table}], which this survey leaves out"
    return f"{found.path} is a key {where}: give that table whole, {{'{found.table}': {{...}}}}"


def _whole(key: str, known: list[str]) -> str:
    """The dotted key that is meant."""
    if key in known or (key.startswith("parameters.") and key.count(".") == 1):
        return key
    found = [each for each in known if each.endswith(f".{key}")]
    if not found and key in NAMES:
        return f"parameters.{key}"
    if not found:
        last = {each.rpartition(".")[2] for each in known}
        hint = _elsewhere(key) or nearest(key, sorted({*known, *last}))
        raise InputError(f"the survey has no key '{key}'; {hint}")
    own = [each for each in found if not each.startswith(_OF_A_SAMPLE)]
    if len(own) == 1:
        return own[0]
    if len(found) > 1:
        raise InputError(
            f"several keys end with '{key}': {', '.join(found)}; write one of them out: {{'{found[0]}': ...}}"
        )
    return found[0]
