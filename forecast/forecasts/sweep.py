"""Planning: sigma(sigma8) by level as settings of a survey are varied, and of several surveys side by side."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..config.load import Config, parse_config
from ..core.arrays import Array
from ..core.errors import InputError, nearest
from ..core.records import Provenance
from ..execution.executor import Executor
from ..likelihoods.levels import LEVELS
from ..model.forward import Setup
from ..relations.mass_proxy import ERROR_MODELS
from ..survey.geometry import Box, LightCone
from .ladder import LadderRow
from .many_surveys import NamedSetup, survey_ladders
from .proxy_comparison import DEFAULT_PRIORS, proxy_setup

Progress = Callable[[int, int], None]
"""Called with the number of surveys done and their total."""
Survey = tuple[str, Setup]
"""Name and setup."""
MAX_VALUES, MAX_POINTS = 200, 400
_FORM = (
    "write KEY=START:STOP:N or KEY=log:START:STOP:N, for example survey.fraction=0.1:1:10, "
    "or KEY=CHOICE,CHOICE,..., for example proxy=yx,mgas"
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
        return isinstance(self.values[0], str)


@dataclass(frozen=True)
class Price:
    """What each survey costs beside a reference survey, by level (all but the prior).

    Parameters
    ----------
    reference : str
        The survey that ratios and volumes refer to.
    level : str
        The level to show where there is room for one.
    ratio : dict of str to ndarray
        sigma(sigma8) over that of the reference.
    equivalent_volume : dict of str to ndarray of object
        Factor on the volume of the reference at which it would reach the same sigma(sigma8); "never"
        where no volume would do, because priors limit the reference.
    """

    reference: str
    level: str
    ratio: dict[str, Array]
    equivalent_volume: dict[str, Array]

    @property
    def words(self) -> str:
        """What the columns of the level to show mean."""
        return (
            f"ratio: sigma(sigma8) of level {self.level} over that of the survey '{self.reference}'; volume: how many "
            "times its volume that survey would need to reach the same ('never': its priors do not let it). "
            "The files hold every level."
        )


@dataclass(frozen=True)
class Sweep:
    """sigma(sigma8) over the values of one or two keys.

    Parameters
    ----------
    keys : tuple of str
    values : tuple of ndarray
        One for each key; of numbers, or of str where they are choices.
    levels : dict of str to ndarray
        sigma(sigma8) by level, as in `LadderRow`; one dimension for each key.
    expected_count : ndarray
    units : tuple of str
        Empty for plain numbers.
    log : tuple of bool
        Whether the values are evenly spaced in log.
    notes : tuple of str
        What a choice changes beside its key.
    price : Price or None
    """

    keys: tuple[str, ...]
    values: tuple[Array, ...]
    levels: dict[str, Array]
    expected_count: Array
    units: tuple[str, ...]
    log: tuple[bool, ...]
    provenance: Provenance | None = None
    notes: tuple[str, ...] = ()
    price: Price | None = None

    @property
    def named(self) -> tuple[bool, ...]:
        """Whether each key's values are choices."""
        return tuple(values.dtype.kind == "U" for values in self.values)


@dataclass(frozen=True)
class Comparison:
    """Ladders of several configurations: their `names`, `titles`, and one row each, as configured."""

    names: tuple[str, ...]
    titles: tuple[str, ...]
    rows: tuple[LadderRow, ...]
    provenance: Provenance | None = None
    price: Price | None = None

    @property
    def levels(self) -> tuple[str, ...]:
        """Levels that any of the surveys has."""
        return tuple(level for level in ("prior", *LEVELS, "known") if any(level in r.sigma8_std for r in self.rows))


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
        raise InputError(f"--vary '{text}': {_FORM}")
    (start, unit), (stop, other) = (end for end in ends if end is not None)
    if unit and other and unit != other:
        raise InputError(f"--vary '{text}': START is in '{unit}' but STOP in '{other}'; use one unit")
    log = match[2] is not None
    return Axis(match[1], _spaced(text, (start, stop), int(match[5]), log), unit or other, log)


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
    if axis.named:
        return _checked_choices(axis, config)
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


def _checked_choices(axis: Axis, config: Config) -> Axis:
    """The axis, if its key takes names (or true and false) in this configuration."""
    key, leaves = axis.key, dict(_leaves(content_of(config)))
    active = {k: v for k, v in leaves.items() if k.split(".")[0] not in _INERT}
    words = (k for k, v in active.items() if isinstance(v, bool) or (isinstance(v, str) and not split_quantity(v)))
    known = {*words, *_NAMED}
    if key in known:
        return axis
    if key in SHORTCUTS or split_quantity(str(active.get(key))):
        raise InputError(f"--vary {key}: is a number; write {key}=START:STOP:N or {key}=log:START:STOP:N")
    if key in leaves and key not in active:
        raise InputError(f"--vary {key}: sigma(sigma8) does not depend on it; {nearest(key, known)}")
    problem = f"is {leaves[key]!r} in this configuration, not a choice" if key in leaves else "unknown key"
    raise InputError(f"--vary {key}: {problem}; {nearest(key, known)}")


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


def _words(axis: Axis, value: float | str) -> str:
    """A key and its value, as a message names them."""
    return f"{axis.key} = {value}" if isinstance(value, str) else f"{axis.key} = {value:g} {axis.unit}".rstrip()


def _set(content: dict[str, Any], axis: Axis, value: float | str) -> None:
    """Write one value into a configuration's tables."""
    if axis.key in SHORTCUTS or axis.key == "proxy":
        return
    if axis.key == "library.name":
        _with_library(content, str(value))
        return
    *path, last = axis.key.split(".")
    table = content
    for step in path:
        table = table[step]
    if isinstance(table[last], bool):
        if value not in ("true", "false"):
            raise InputError(f"is true or false, got '{value}'")
        table[last] = value == "true"
    elif isinstance(value, str) or not isinstance(table[last], str):
        table[last] = value
    else:
        table[last] = f"{value!r} {axis.unit}"


def _with_library(content: dict[str, Any], name: str) -> None:
    """Residuals, scatters and correlations of a built-in library instead of the configured ones."""
    content["library"] = {"name": name}
    relations = content["relations"]
    relations["correlation"] = {}
    for law in ("lx", "t", "mgas", "yx"):
        if relations[law] is not None:
            relations[law]["scatter"] = None


def _notes(config: Config, axes: Sequence[Axis]) -> tuple[str, ...]:
    """What choices change beside their keys."""
    notes = []
    if any(axis.key == "library.name" for axis in axes):
        notes.append(
            "library.name: each library's own scatters and correlations count; those of [relations] are dropped, "
            "also for the library that is configured."
        )
    foreign = [v for axis in axes if axis.key == "proxy" for v in axis.values if v in ERROR_MODELS]
    foreign = [v for v in foreign if v != config.proxy]
    if foreign:
        widths = " and ".join(f"{name} {width:.0%}" for name, width in DEFAULT_PRIORS.items())
        notes.append(
            f"proxy: {', '.join(map(str, foreign))} with published error models, measurement errors included, "
            f"and priors on {widths}."
        )
    return tuple(notes)


def varied_setup(config: Config, axes: Sequence[Axis], point: Sequence[float | str]) -> Survey:
    """The survey at one value of each axis, checked as a configuration is."""
    content, pairs = content_of(config), list(zip(axes, point, strict=True))
    name = ", ".join(_words(axis, value) for axis, value in pairs)
    proxy = next((str(value) for axis, value in pairs if axis.key == "proxy"), None)
    proxy = None if proxy == getattr(config.proxy, "name", config.proxy) else proxy
    try:
        for axis, value in pairs:
            _set(content, axis, value)
        if proxy is not None:
            content["proxy"] = "yx"
    except InputError as error:
        raise InputError(f"{name}: {error}") from error
    varied = parse_config(content, source=name)
    try:
        setup = varied.setup if proxy is None else proxy_setup(varied.setup, proxy, varied.yx_error)
        for axis, value in pairs:
            setup = SHORTCUTS[axis.key](setup, float(value)) if axis.key in SHORTCUTS else setup
    except InputError as error:
        raise InputError(f"{name}: {error}") from error
    return name, setup


def compute_sweep(
    config: Config, vary: Sequence[str], progress: Progress | None = None, executor: Executor | None = None
) -> Sweep:
    """Vary one or two keys, as `parse_vary` reads them; every survey is checked before the first is computed."""
    axes = parse_axes(vary, config)
    points = itertools.product(*(axis.values for axis in axes))
    surveys = [NamedSetup(*varied_setup(config, axes, point)) for point in points]
    found = survey_ladders(surveys, executor or Executor(), progress)
    shape = tuple(len(axis.values) for axis in axes)
    return Sweep(
        tuple(axis.key for axis in axes),
        tuple(np.array(axis.values) for axis in axes),
        {level: np.array([ladder.std[level] for ladder in found]).reshape(shape) for level in found[0].std},
        np.array([ladder.count for ladder in found]).reshape(shape),
        tuple(axis.unit for axis in axes),
        tuple(axis.log for axis in axes),
        notes=_notes(config, axes),
    )


def compute_comparison(
    configs: Mapping[str, Config], progress: Progress | None = None, executor: Executor | None = None
) -> Comparison:
    """Ladders of named configurations, as configured."""
    if len(configs) < 2:
        raise InputError(f"compare: give two or more different configurations, got {', '.join(configs) or 'none'}")
    surveys = [NamedSetup(name, config.setup) for name, config in configs.items()]
    found = survey_ladders(surveys, executor or Executor(), progress)
    rows = [LadderRow(name, "as configured", 1.0, f.count, f.std) for name, f in zip(configs, found, strict=True)]
    return Comparison(tuple(configs), tuple(config.title for config in configs.values()), tuple(rows))
