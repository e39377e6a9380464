"""Built-in configurations of published tables, and the files that are given for these."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..core.errors import InputError
from ..reading.public_tables import public_tables
from .load import Config, builtin_configs, load_config

_OF_FILES = ("catalogue_spec", "luminosities")
"""What a configuration keeps that knows its files."""


def configs_of(table: str) -> tuple[str, ...]:
    """Built-in configurations of a public table's clusters, or that join it to others.

    >>> configs_of("cccp_lowz")
    ('cccp_lowz', 'cccp_lowz_mass_scale')
    """
    found = []
    for name, path in builtin_configs().items():
        catalogue = tomllib.loads(path.read_text(encoding="utf-8")).get("catalogue", {})
        joined = [join.get("public") for join in catalogue.get("join", ())]
        if table in (catalogue.get("public"), catalogue.get("builtin"), *joined):
            found.append(name)
    return tuple(found)


def tables_words(name: str) -> str:
    """How the public tables of a built-in configuration are given to a command, with a blank before.

    >>> tables_words("bcs"), tables_words("bcs_wtg")
    (' --catalogue FILE', ' --catalogue bcs=FILE --catalogue wtg=FILE')
    """
    tables = _read_by(load_config(name))
    return " --catalogue FILE" if len(tables) == 1 else "".join(f" --catalogue {table}=FILE" for table in tables)


def given_tables(given: Sequence[str]) -> tuple[Path | None, dict[str, Path]]:
    """A file without a name, and files of public tables by their names, from FILE and NAME=FILE.

    Raises
    ------
    InputError
        If two have no name, or one.

    >>> given_tables(["mine.csv", "wtg=wtg.ecsv"])
    (PosixPath('mine.csv'), {'wtg': PosixPath('wtg.ecsv')})
    """
    own: list[str] = []
    named: dict[str, Path] = {}
    for text in given:
        name, equals, file = text.partition("=")
        if not equals or name not in public_tables():
            own.append(text)
        elif name in named:
            raise InputError(f"--catalogue {name}=FILE: given twice; leave one out")
        else:
            named[name] = Path(file).expanduser()
    if len(own) > 1:
        raise InputError(
            f"--catalogue: {own[0]} and {own[1]} are two; give each with the name of its table, NAME=FILE, as "
            "'forecast data' lists them"
        )
    return (Path(own[0]).expanduser() if own else None), named


def with_tables(configs: Mapping[str, Config], tables: Mapping[str, Path]) -> dict[str, Config]:
    """Configurations that read public tables from these files.

    Raises
    ------
    InputError
        If none of them reads one of the tables.
    """
    read = [name for config in configs.values() for name in _read_by(config)]
    for name in tables:
        if name not in read:
            known = f"; they read {', '.join(dict.fromkeys(read))}" if read else ""
            raise InputError(f"--catalogue {name}=FILE: {', '.join(configs)} read no table of that name{known}")
    return {word: _with_files(config, tables) for word, config in configs.items()}


def _read_by(config: Config) -> list[str]:
    """Public tables that a configuration reads."""
    table = config.catalogue
    names = [] if table is None else [table.public, *(join.public for join in table.join)]
    return [name for name in names if name is not None]


def _with_files(config: Config, tables: Mapping[str, Path]) -> Config:
    """One of them."""
    if not set(tables) & set(_read_by(config)) or config.catalogue is None:
        return config
    paths = {name: {"path": str(path)} for name, path in tables.items()}
    joins = tuple(join.model_copy(update=paths.get(str(join.public), {})) for join in config.catalogue.join)
    update: dict[str, Any] = {"join": joins, **paths.get(str(config.catalogue.public), {})}
    found = config.model_copy(update={"catalogue": config.catalogue.model_copy(update=update)})
    for name in _OF_FILES:
        found.__dict__.pop(name, None)
    return found
