"""Planning: sigma(sigma8) by level as settings of a survey are varied, and of several surveys side by side."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .config import Config, parse_config
from .errors import InputError, NumericalError, nearest
from .ladder import sigma8_std
from .model import Setup
from .results import LadderRow, Provenance
from .survey import Box, LightCone

Array = np.ndarray
Progress = Callable[[int, int], None]
"""Called with the number of surveys done and their total."""
Survey = tuple[str, Setup]
"""Name, setup, and measurement error of log10 Y_X."""
MAX_VALUES, MAX_POINTS = 200, 400
_FORM = "write KEY=START:STOP:N or KEY=log:START:STOP:N, for example survey.fraction=0.1:1:10"
_INERT = ("title", "description", "references", "sampler", "map", "ladder", "catalogue", "published")
"""Parts of a configuration on which sigma(sigma8) does not depend."""
_VARY = re.compile(r"\s*([\w.]+)\s*=\s*(log:)?([^:]+):([^:]+):\s*([-+]?\d+)\s*")
_QUANTITY = re.compile(r"\s*(10\s*(?:\*\*|\^)\s*\(?\s*)?([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*(.*)")


@dataclass(frozen=True)
class Axis:
    """One varied key: `values` in `unit` (empty for a plain number), evenly spaced in log if `log`."""

    key: str
    values: tuple[float, ...]
    unit: str = ""
    log: bool = False


@dataclass(frozen=True)
class Sweep:
    """sigma(sigma8) over the values of one or two keys.

    Parameters
    ----------
    keys : tuple of str
    values : tuple of ndarray
        One for each key.
    levels : dict of str to ndarray
        sigma(sigma8) by level, as in `LadderRow`; one dimension for each key.
    expected_count : ndarray
    units : tuple of str
        Empty for plain numbers.
    log : tuple of bool
        Whether the values are evenly spaced in log.
    """

    keys: tuple[str, ...]
    values: tuple[Array, ...]
    levels: dict[str, Array]
    expected_count: Array
    units: tuple[str, ...]
    log: tuple[bool, ...]
    provenance: Provenance | None = None


@dataclass(frozen=True)
class Comparison:
    """Ladders of several configurations: their `names`, `titles`, and one row each, as configured."""

    names: tuple[str, ...]
    titles: tuple[str, ...]
    rows: tuple[LadderRow, ...]
    provenance: Provenance | None = None


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
    """Read KEY=START:STOP:N or KEY=log:START:STOP:N; START and STOP may carry a unit.

    >>> parse_vary("volume=log:1:100:3")
    Axis(key='volume', values=(1.0, 10.0, 100.0), unit='', log=True)
    """
    match = _VARY.fullmatch(text)
    ends = [split_quantity(match[3]), split_quantity(match[4])] if match else []
    if match is None or None in ends:
        raise InputError(f"--vary '{text}': {_FORM}")
    (start, unit), (stop, other) = (end for end in ends if end is not None)
    if unit and other and unit != other:
        raise InputError(f"--vary '{text}': START is in '{unit}' but STOP in '{other}'; use one unit")
    log = match[2] is not None
    return Axis(match[1], _spaced(text, (start, stop), int(match[5]), log), unit or other, log)


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


def _checked(axis: Axis, config: Config) -> Axis:
    """The axis in the configured unit, unless it names its own."""
    key, leaves = axis.key, dict(_leaves(content_of(config)))
    numbers = (k for k, value in leaves.items() if split_quantity(str(value)) and k.split(".")[0] not in _INERT)
    known = [*numbers, *SHORTCUTS]
    if key not in known:
        found = "not set" if leaves.get(key) is None else repr(leaves[key])
        problem = f"is {found} in this configuration, not a number" if key in leaves else "unknown key"
        if key.split(".")[0] in _INERT:
            problem = "sigma(sigma8) does not depend on it"
        cure = "vary prior_width" if key in leaves and key.startswith("parameters.norm_") else nearest(key, known)
        raise InputError(f"--vary {key}: {problem}; {cure}")
    configured = split_quantity(str(leaves.get(key)))
    if axis.unit and not isinstance(leaves.get(key), str):
        raise InputError(f"--vary {key}: is a plain number; leave out the unit '{axis.unit}'")
    return replace(axis, unit=axis.unit or (configured[1] if configured else ""))


def _widened(setup: Setup, factor: float) -> Setup:
    if not any(name.startswith("norm_") for name in setup.parameters.names):
        raise InputError("no normalisation is free, so there is no prior to widen; free norm_lx under [parameters]")
    return replace(setup, parameters=setup.parameters.widened(factor))


def _enlarged(setup: Setup, factor: float) -> Setup:
    """More of the same box, or more sky."""
    geometry = setup.geometry
    if isinstance(geometry, Box):
        return replace(setup, geometry=replace(geometry, fraction=geometry.fraction * factor))
    assert isinstance(geometry, LightCone)
    largest = 4 * math.pi / geometry.area
    if factor > largest * (1 + 1e-9):
        raise InputError(
            f"the sky has 4 pi sr, and this survey covers {geometry.area:.4g} sr of it; use factors up to "
            f"{largest:.4g}, or vary survey.zmax for more volume"
        )
    return replace(setup, geometry=replace(geometry, area=geometry.area * factor))


SHORTCUTS: dict[str, Callable[[Setup, float], Setup]] = {"prior_width": _widened, "volume": _enlarged}
"""Keys that are no part of a configuration: factors on the (log) width of priors and on the volume."""


def varied_setup(config: Config, axes: Sequence[Axis], point: Sequence[float]) -> Survey:
    """The survey at one value of each axis, checked as a configuration is."""
    content, pairs = content_of(config), list(zip(axes, point, strict=True))
    name = ", ".join(f"{axis.key} = {value:g} {axis.unit}".rstrip() for axis, value in pairs)
    for axis, value in pairs:
        if axis.key not in SHORTCUTS:
            *path, last = axis.key.split(".")
            table = content
            for step in path:
                table = table[step]
            table[last] = f"{value!r} {axis.unit}" if isinstance(table[last], str) else value
    varied = parse_config(content, source=name)
    try:
        setup = varied.setup
        for axis, value in pairs:
            setup = SHORTCUTS[axis.key](setup, value) if axis.key in SHORTCUTS else setup
    except InputError as error:
        raise InputError(f"{name}: {error}") from error
    return name, setup


def _ladders(surveys: Sequence[Survey], progress: Progress | None) -> list[tuple[float, dict[str, float]]]:
    """`sigma8_std` of each survey, whose failure names it."""
    found = []
    for name, setup in surveys:
        try:
            found.append(sigma8_std(setup))
        except (NumericalError, np.linalg.LinAlgError) as problem:
            raise NumericalError(f"{name}: {problem}") from problem
        if progress is not None:
            progress(len(found), len(surveys))
    return found


def compute_sweep(config: Config, vary: Sequence[str], progress: Progress | None = None) -> Sweep:
    """Vary one or two keys, as `parse_vary` reads them; every survey is checked before the first is computed."""
    axes = parse_axes(vary, config)
    points = itertools.product(*(axis.values for axis in axes))
    found = _ladders([varied_setup(config, axes, point) for point in points], progress)
    shape = tuple(len(axis.values) for axis in axes)
    return Sweep(
        tuple(axis.key for axis in axes),
        tuple(np.array(axis.values) for axis in axes),
        {level: np.array([std[level] for _, std in found]).reshape(shape) for level in found[0][1]},
        np.array([count for count, _ in found]).reshape(shape),
        tuple(axis.unit for axis in axes),
        tuple(axis.log for axis in axes),
    )


def compute_comparison(configs: Mapping[str, Config], progress: Progress | None = None) -> Comparison:
    """Ladders of named configurations, as configured."""
    if len(configs) < 2:
        raise InputError(f"compare: give two or more different configurations, got {', '.join(configs) or 'none'}")
    found = _ladders([(name, config.setup) for name, config in configs.items()], progress)
    rows = [LadderRow(name, "as configured", 1.0, *numbers) for name, numbers in zip(configs, found, strict=True)]
    return Comparison(tuple(configs), tuple(config.title for config in configs.values()), tuple(rows))
