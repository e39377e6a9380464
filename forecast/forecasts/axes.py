"""What a sweep varies: keys of a configuration with their values, or factors on priors and volume."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..config.load import Config
from ..config.reference import keys
from ..core.errors import InputError, nearest
from ..core.parameters import NORMALISATIONS
from ..model.setup import Setup

MAX_VALUES, MAX_POINTS = 200, 400

_FORM = (
    "write KEY=START:STOP:N or KEY=log:START:STOP:N, for example survey.fraction=0.1:1:10, "
    "or KEY=CHOICE,CHOICE,..., for example proxy=yx,mgas or volume=1,2,10"
)

_INERT = ("title", "description", "references", "sampler", "map", "ladder", "catalogue", "published")
"""Parts of a configuration on which sigma(sigma8) does not depend."""

_NAMED = ("library.name", "proxy")
"""Keys of choices that a configuration may leave out, or give as a table."""

_VARY = re.compile(r"\s*([\w.]+)\s*=\s*(log:)?([^:]+):([^:]+):\s*([-+]?\d+)\s*")

_CHOICES = re.compile(r"\s*([\w.]+)\s*=\s*([^:,=]+(?:,[^:,=]+)*)")

_QUANTITY = re.compile(r"\s*(10\s*(?:\*\*|\^)\s*\(?\s*)?([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*(.*)")


@dataclass(frozen=True)
class Axis:
    """One varied key: `values` in `unit` (empty for a plain number), evenly spaced in log if `log`; or choices."""

    key: str
    values: tuple[float | str, ...]
    unit: str = ""
    log: bool = False

    @property
    def named(self) -> bool:
        """Whether the values are choices, not numbers."""
        return bool(self.values) and isinstance(self.values[0], str)


def split_quantity(text: str) -> tuple[float, str] | None:
    """Number and unit of a value as a user writes it, or None.

    >>> split_quantity("1.3e-11 erg / (s cm2)"), split_quantity("10**14.4 Msun")
    ((1.3e-11, 'erg / (s cm2)'), (14.4, 'log10 Msun'))
    """
    match = _QUANTITY.fullmatch(text)
    if match is None or not math.isfinite(float(match[2])):
        return None
    unit = match[3].strip()
    return float(match[2]), f"log10 {unit.lstrip(') ')}" if match[1] else unit


def parse_vary(text: str) -> Axis:
    """Read KEY=START:STOP:N or KEY=log:START:STOP:N, where START and STOP may carry a unit, or KEY=CHOICE,CHOICE.

    Choices of a number are numbers, which the key tells and not the text.

    >>> parse_vary("volume=log:1:100:3")
    Axis(key='volume', values=(1.0, 10.0, 100.0), unit='', log=True)
    >>> parse_vary("proxy=yx,mgas").values
    ('yx', 'mgas')
    """
    choices = _CHOICES.fullmatch(text)
    if choices is not None:
        return Axis(choices[1], _distinct(text, tuple(word.strip() for word in choices[2].split(","))))
    match = _VARY.fullmatch(text)
    ends = [split_quantity(match[3]), split_quantity(match[4])] if match else []
    if match is None or None in ends:
        raise InputError(f"--vary '{text}': {_culprit(text)}{_FORM}")
    (start, unit), (stop, other) = (end for end in ends if end is not None)
    if unit and other and unit != other:
        raise InputError(f"--vary '{text}': START is in '{unit}' but STOP in '{other}'; use one unit")
    log = match[2] is not None
    return Axis(match[1], _spaced(text, (start, stop), int(match[5]), log), unit or other, log)


def _culprit(text: str) -> str:
    """The part of a range that is no number, in words; empty where it is no range.

    >>> _culprit("survey.fraction=0.1:inf:3"), _culprit("survey.fraction=log:0.1:1:2.5"), _culprit("proxy")
    ("STOP is 'inf', which is no finite number; ", "N is '2.5', which is no whole number; ", '')
    """
    parts = [part.strip() for part in text.partition("=")[2].removeprefix("log:").split(":")]
    if len(parts) != 3:
        return ""
    for name, part in zip(("START", "STOP"), parts, strict=False):
        if split_quantity(part) is None:
            return f"{name} is '{part}', which is no finite number; "
    return "" if re.fullmatch(r"[-+]?\d+", parts[2]) else f"N is '{parts[2]}', which is no whole number; "


def _distinct(text: str, words: tuple[str, ...]) -> tuple[str, ...]:
    if "" in words:
        raise InputError(f"--vary '{text}': {_FORM}")
    twice = [word for word in words if words.count(word) > 1]
    if twice:
        raise InputError(f"--vary '{text}': '{twice[0]}' is given twice; give each choice once")
    return words


def _spaced(text: str, ends: tuple[float, float], number: int, log: bool) -> tuple[float, ...]:
    """`number` values from end to end, free of rounding dust."""
    if not 1 <= number <= MAX_VALUES:
        raise InputError(f"--vary '{text}': N = {number} is outside 1 to {MAX_VALUES}")
    if number > 1 and ends[0] == ends[1]:
        raise InputError(f"--vary '{text}': START equals STOP; set N = 1 or move STOP")
    if log and min(ends) <= 0:
        raise InputError(f"--vary '{text}': logarithmic values must be positive; leave out 'log:'")
    values = np.geomspace(*ends, number) if log else np.linspace(*ends, number)
    return tuple(float(f"{value:.12g}") for value in values)


def content_of(config: Config) -> dict[str, Any]:
    """A configuration as the dictionary `parse_config` reads, defaults included."""
    return config.model_dump(mode="json")


def _leaves(table: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys and values of nested tables."""
    for name, value in table.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{path}{name}.")
        else:
            yield path + name, value


def numeric_keys(config: Config) -> list[str]:
    """Keys that are numbers in a configuration and matter to its errors, and factors on priors and volume."""
    leaves = _leaves(content_of(config))
    numbers = (k for k, value in leaves if split_quantity(str(value)) and k.split(".")[0] not in _INERT)
    return [*numbers, *SHORTCUTS]


def parse_axes(vary: Sequence[str], config: Config) -> tuple[Axis, ...]:
    """Read one or two ``--vary`` and check their keys against a configuration."""
    if not 1 <= len(vary) <= 2:
        raise InputError(f"--vary: give it once or twice, got {len(vary)}; {_FORM}")
    axes = tuple(_checked(parse_vary(text), config) for text in vary)
    if len(axes) == 2 and axes[0].key == axes[1].key:
        raise InputError(f"--vary {axes[0].key}: given twice; vary another key, or this one once")
    total = math.prod(len(axis.values) for axis in axes)
    if total > MAX_POINTS:
        raise InputError(f"--vary: {total} surveys are more than {MAX_POINTS}; choose a smaller N")
    return axes


def configured_value(key: str, config: Config) -> Axis:
    """The one value that a numeric key has, or that a factor (`SHORTCUTS`) has by being one.

    Raises
    ------
    InputError
        If it is no number in this configuration, or negative: factors would not change its sign.
    """
    axis = _checked(Axis(key, ()), config, "--by")
    found = split_quantity(str(dict(_leaves(content_of(config))).get(key)))
    value = 1.0 if key in SHORTCUTS or found is None else found[0]
    if value < 0 and not axis.unit.startswith("log10 "):
        ends = f"{key}={2 * value:g}:0:5"
        raise InputError(f"--by {key}: is {value:g}, and no more or less of it is meant; vary it: sweep --vary {ends}")
    return replace(axis, values=(value,))


def _checked(axis: Axis, config: Config, option: str = "--vary") -> Axis:
    """The axis in the configured unit, unless it names its own."""
    if axis.named:
        return _checked_choices(axis, config)
    key, leaves, known = axis.key, dict(_leaves(content_of(config))), numeric_keys(config)
    if key not in known:
        found = "not set" if leaves.get(key) is None else repr(leaves[key])
        problem = f"is {found} in this configuration, not a number" if key in leaves else "unknown key"
        if key.split(".")[0] in _INERT:
            problem = "sigma(sigma8) does not depend on it"
        elsewhere = next((one.variant for one in keys() if one.path == key and one.variant), "")
        if key not in leaves and elsewhere:
            problem = f"belongs to {elsewhere}, which this survey has not"
        is_prior = key in leaves and key.startswith(tuple(f"parameters.{start}" for start in NORMALISATIONS))
        cure = f"{option.replace('--vary', 'vary')} prior_width" if is_prior else nearest(key, known)
        raise InputError(f"{option} {key}: {problem}; {cure}")
    configured = split_quantity(str(leaves.get(key)))
    if axis.unit and not isinstance(leaves.get(key), str):
        raise InputError(f"{option} {key}: is a plain number; leave out the unit '{axis.unit}'")
    return replace(axis, unit=axis.unit or (configured[1] if configured else ""))


def _checked_choices(axis: Axis, config: Config) -> Axis:
    """The axis, if its key takes names (or true and false) in this configuration."""
    key, leaves = axis.key, dict(_leaves(content_of(config)))
    active = {k: v for k, v in leaves.items() if k.split(".")[0] not in _INERT}
    words = (k for k, v in active.items() if isinstance(v, bool) or (isinstance(v, str) and not split_quantity(v)))
    known = {*words, *_NAMED}
    if key in known:
        return axis
    if key in SHORTCUTS or split_quantity(str(active.get(key))):
        return _checked(_of_numbers(axis), config)
    if key in leaves and key not in active:
        raise InputError(f"--vary {key}: sigma(sigma8) does not depend on it; {nearest(key, known)}")
    problem = f"is {leaves[key]!r} in this configuration, not a choice" if key in leaves else "unknown key"
    raise InputError(f"--vary {key}: {problem}; {nearest(key, known)}")


def _of_numbers(axis: Axis) -> Axis:
    """The axis of a number whose values are listed, each with its unit or one with the unit of all."""
    found = [split_quantity(str(word)) for word in axis.values]
    quantities = [one for one in found if one is not None]
    if len(quantities) < len(found):
        wrong = axis.values[found.index(None)]
        raise InputError(f"--vary {axis.key}: is a number, got '{wrong}'; {_FORM}")
    units = sorted({unit for _, unit in quantities if unit})
    if len(units) > 1:
        raise InputError(f"--vary {axis.key}: values in '{units[0]}' and in '{units[1]}'; use one unit")
    return replace(axis, values=tuple(number for number, _ in quantities), unit=units[0] if units else "")


def _widened(setup: Setup, factor: float) -> Setup:
    if not any(name.startswith(NORMALISATIONS) for name in setup.parameters.names):
        raise InputError("no normalisation is free, so there is no prior to widen; free norm_lx under [parameters]")
    return replace(setup, parameters=setup.parameters.widened(factor))


def _enlarged(setup: Setup, factor: float) -> Setup:
    """More of the same box, or more sky."""
    return replace(setup, geometry=setup.geometry.enlarged(factor))


SHORTCUTS: dict[str, Callable[[Setup, float], Setup]] = {"prior_width": _widened, "volume": _enlarged}
"""Keys that are no part of a configuration: factors on the (log) width of priors and on the volume."""
