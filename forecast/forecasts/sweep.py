"""Planning: sigma(sigma8) by level as settings of a survey are varied, and of several surveys side by side."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..config.load import Config, parse_config
from ..core.errors import InputError
from ..execution.executor import Executor
from ..model.setup import Setup
from ..relations.mass_proxy import PROXIES
from .axes import SHORTCUTS, Axis, content_of, parse_axes
from .ladder import LadderRow
from .many_surveys import Heard, NamedSetup, Progress, density_words, doubts_of, survey_ladders
from .proxy_comparison import DEFAULT_PRIORS, proxy_setup
from .sweep_records import Comparison, Sweep
from .variant_name import VariantName

Survey = tuple[str, Setup]
"""Name and setup."""


def _words(axis: Axis, value: float | str) -> str:
    """A key and its value, as a message names them."""
    return f"{axis.key} = {value}" if isinstance(value, str) else f"{axis.key} = {value:g} {axis.unit}".rstrip()


def set_value(content: dict[str, Any], axis: Axis, value: float | str) -> None:
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
    foreign = [v for axis in axes if axis.key == "proxy" for v in axis.values if v in PROXIES]
    foreign = [v for v in foreign if v != config.proxy and PROXIES[v].error_model is not None]
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
            set_value(content, axis, value)
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
    config: Config,
    vary: Sequence[str],
    progress: Progress | None = None,
    executor: Executor | None = None,
    *,
    quick: bool = False,
    heard: Heard | None = None,
) -> Sweep:
    """Vary one or two keys, as `parse_vary` reads them; every survey is checked before the first is computed.

    `quick`: levels up to every Y_X.
    """
    axes = parse_axes(vary, config)
    points = itertools.product(*(axis.values for axis in axes))
    surveys = [NamedSetup(*varied_setup(config, axes, point)) for point in points]
    found = survey_ladders(surveys, executor or Executor(), progress, quick=quick, heard=heard)
    shape = tuple(len(axis.values) for axis in axes)
    return Sweep(
        keys=tuple(axis.key for axis in axes),
        values=tuple(np.array(axis.values) for axis in axes),
        levels={level: np.array([ladder.std[level] for ladder in found]).reshape(shape) for level in found[0].std},
        expected_count=np.array([ladder.count for ladder in found]).reshape(shape),
        units=tuple(axis.unit for axis in axes),
        log=tuple(axis.log for axis in axes),
        notes=(*density_words(surveys), *_notes(config, axes)),
        warnings=(*doubts_of(surveys, found), *config.cautions),
    )


def compute_comparison(
    configs: Mapping[str, Config],
    progress: Progress | None = None,
    executor: Executor | None = None,
    *,
    quick: bool = False,
    heard: Heard | None = None,
) -> Comparison:
    """Ladders of named configurations, as configured; `quick`: levels up to every Y_X."""
    if len(configs) < 2:
        raise InputError(f"compare: give two or more different configurations, got {', '.join(configs) or 'none'}")
    surveys = [NamedSetup(name, config.setup) for name, config in configs.items()]
    found = survey_ladders(surveys, executor or Executor(), progress, quick=quick, heard=heard)
    rows = [
        LadderRow(label=name, selection=VariantName.CONFIGURED, widening=1.0, expected_count=f.count, sigma8_std=f.std)
        for name, f in zip(configs, found, strict=True)
    ]
    titles = tuple(config.title for config in configs.values())
    lensing = (replace(c, text=f"{name}: {c.text}") for name in configs for c in configs[name].cautions)
    return Comparison(
        names=tuple(configs),
        titles=titles,
        rows=tuple(rows),
        notes=density_words(surveys),
        warnings=(*doubts_of(surveys, found), *lensing),
    )
