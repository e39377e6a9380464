"""What a shell completes: names of surveys, levels, keys of a configuration, parameters."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from ..config.load import Config


def complete_config(incomplete: str) -> list[str]:
    """Built-in configurations and files of this folder that begin so."""
    from ..config.load import builtin_configs

    return [*begun(builtin_configs(), incomplete), *_files(incomplete)]


def complete_builtin(incomplete: str) -> list[str]:
    """Built-in configurations that begin so."""
    from ..config.load import builtin_configs

    return begun(builtin_configs(), incomplete)


def complete_public(incomplete: str) -> list[str]:
    """Public tables that begin so."""
    from ..reading.public_tables import public_tables

    return begun(public_tables(), incomplete)


def complete_level(incomplete: str) -> list[str]:
    """Levels of the information ladder that begin so."""
    from ..likelihoods.level_name import LEVELS

    return begun(LEVELS, incomplete)


def complete_levels(incomplete: str) -> list[str]:
    """Those, or all."""
    from ..likelihoods.level_name import EVERY

    return [*complete_level(incomplete), *begun([EVERY], incomplete)]


def complete_cluster_level(incomplete: str) -> list[str]:
    """Levels that know single clusters."""
    from ..likelihoods.levels import CLUSTER_LEVELS

    return begun(CLUSTER_LEVELS, incomplete)


def complete_key(incomplete: str) -> list[str]:
    """Keys of a configuration that begin so."""
    from ..config.reference import keys

    return begun(dict.fromkeys(one.path for one in keys()), incomplete)


def complete_numeric(context: typer.Context, incomplete: str) -> list[str]:
    """Keys that are numbers in the configuration given before."""
    from ..forecasts.axes import numeric_keys

    settings = _given(context)
    return complete_key(incomplete) if settings is None else begun(numeric_keys(settings), incomplete)


def complete_vary(context: typer.Context, incomplete: str) -> list[str]:
    """The same with what comes before their values."""
    return [f"{key}=" for key in complete_numeric(context, incomplete)]


def complete_target(context: typer.Context, incomplete: str) -> list[str]:
    """Free parameters of the configuration given before."""
    settings = _given(context)
    names = ("sigma8",) if settings is None else settings.setup.parameters.names
    return begun([f"{name}=" for name in names], incomplete)


def begun(names: Iterable[str], incomplete: str) -> list[str]:
    """Names that begin so."""
    return [str(name) for name in names if name.startswith(incomplete)]


def _given(context: typer.Context) -> Config | None:
    """The configuration of the command so far; None if there is none that can be read."""
    from ..config.load import load_config
    from ..core.errors import InputError

    given = [context.params.get("config"), *context.args]  # after an option that has no value yet nothing is assigned
    try:
        return load_config(str(next(filter(None, given))))
    except (StopIteration, InputError):
        return None


def _files(incomplete: str) -> list[str]:
    """TOML files that begin so, and folders that may hold some."""
    found = sorted(path for path in Path().glob(f"{incomplete}*") if not path.name.startswith("."))
    return [f"{path}/" if path.is_dir() else str(path) for path in found if path.is_dir() or path.suffix == ".toml"]
