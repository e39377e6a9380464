"""Configurations to begin with: a survey to be planned, and a fit of one's own table of clusters."""

from __future__ import annotations

import math
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..core.errors import InputError
from ..core.units import LOG_UNIT
from ..reading.limits import LIMITED
from ..reading.positions import POSITION, sky_positions
from ..reading.tables import QUANTITY_KINDS, Column, TableFile, open_table
from .assumed import FILL_IN, assumed, missing, planned_error, planned_survey, to_fill_in, write_cosmology
from .bands import LIMIT, Bands, given_band, planned_band
from .guess import Guess, guess_columns, has_proxy
from .load import builtin_configs, parse_config
from .template import commented

_COSMOLOGY = {"Om0": 0.3, "Ob0": 0.046, "h": 0.7, "ns": 0.96}
"""Of a survey and of its table, where neither says."""
_QUOTED = 600
"""Letters of a file's own description that are quoted."""
_STEP = 0.001
"""Redshifts are rounded outwards to multiples of it."""


@dataclass(frozen=True)
class Starter:
    """A file to begin with.

    Parameters
    ----------
    text : str
        The commented configuration.
    doubts : tuple of str
        What has to be checked by hand.
    missing : tuple of str
        Keys that have to be filled in before the file can be used.
    """

    text: str
    doubts: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


def planned(title: str, settings: Mapping[str, str | float | None], band: str | None = None) -> Starter:
    """A flux-limited survey of the sky, with the relations, priors and error of the built-in ``erosita``.

    Parameters
    ----------
    title : str
    settings : mapping
        area, zmin, zmax and flux_limit; None for those of ``erosita``.
    band : str, optional
        Energies of the flux limit; 0.5-2 keV by default.

    Raises
    ------
    InputError
        If a value is wrong.
    """
    content = _shipped("erosita")
    content |= {"title": title, "description": ""}
    _set(content, settings)
    banded = [] if band is None else planned_band(content, given_band(band), _shipped("cccp_lowz")["relations"]["t"])
    _check(content)
    kept = "Those of Vikhlinin et al. (2009a), with their errors as priors; put yours here."
    doubts = (*planned_survey(content, settings, "eRASS1"), *assumed(content), *banded, planned_error(content))
    return Starter(commented(content, {"relations": kept}), doubts)


def fitted(
    table: Path,
    settings: Mapping[str, str | float | None],
    which: str | None = None,
    *,
    band: str | None = None,
    folder: Path = Path(),
) -> Starter:
    """A fit of a table of clusters: columns and units guessed, the survey as far as it is given.

    Parameters
    ----------
    table : Path
    settings : mapping
        area, zmin, zmax and flux_limit, as far as known.
    which : str, optional
        Name or number of the table, where the file has several.
    band : str, optional
        Energies of the flux limit, "0.1-2.4 keV"; where it is left out and the table is of another than 0.5-2 keV, it
        has to be filled in.
    folder : Path
        Of the configuration, from which a relative path of the table begins.

    Raises
    ------
    InputError
        If the file cannot be read, no column of redshifts is found, or `band` is none.
    """
    one = int(which) if which is not None and which.isdigit() else which
    opened = open_table(table, {}, h=1.0, table=one)
    rows = opened.table
    found = _guessed(rows)
    bands = Bands(found.band, None if band is None else given_band(band))
    _leave_out_what_is_not_positive(found, opened)
    _leave_out_the_unused(found)
    _leave_out_odd_positions(found, opened)
    if "z" not in found.columns:
        raise InputError(
            f"{table}: no column seems to hold redshifts; it has {', '.join(rows.colnames)}. Rename it z, or map it by "
            "hand under [catalogue.columns] of 'forecast configs --show cccp_lowz'"
        )
    content, doubts = _shipped("cccp_lowz"), [caution.text for caution in opened.reading.cautions] + found.doubts
    doubts += _said(rows.meta)
    content |= {"title": f"Clusters of {table.name}", "description": ""}
    content.pop("published")
    mean = content["relations"]["t"]
    _describe_catalogue(content, table if table.is_absolute() else _from(folder, table), found, doubts)
    doubts.append(write_cosmology(content["catalogue"], rows.meta, _COSMOLOGY))
    doubts += bands.write(content, mean)
    if which is not None:
        content["catalogue"]["table"] = one
    content["cosmology"] = dict(_COSMOLOGY)
    z = opened.numbers(found.columns["z"])
    _set(content, {**_redshifts(z, doubts, settings), **{k: v for k, v in settings.items() if v is not None}})
    _check(content)
    return _to_be_filled_in(content, settings, bands, doubts)


def _to_be_filled_in(
    content: dict[str, Any], settings: Mapping[str, str | float | None], bands: Bands, doubts: list[str]
) -> Starter:
    """The file with `FILL_IN` where nobody but the user knows."""
    own, band = missing(settings), (LIMIT,) if bands.undecided else ()
    for key in (empty := (*own, *band)):
        section, _, name = key.partition(".")
        content[section][name] = FILL_IN
    first = (*to_fill_in(own), *([bands.to_fill_in] if band else []))
    notes = dict.fromkeys(empty, "Your survey's own; the file is refused until it is filled in.")
    return Starter(commented(content, notes), (*first, *doubts, *assumed(content)), empty)


def _guessed(rows: Any) -> Guess:
    """What the columns of an opened table seem to mean."""
    units = {name: str(rows[name].unit or "") or None for name in rows.colnames}
    words = {name: str(rows[name].description or "") for name in rows.colnames}
    return guess_columns(units, _medians(rows), words, tuple(_texts(rows.meta)))


def _from(folder: Path, table: Path) -> Path:
    """A relative path as the configuration of a folder gives it."""
    return Path(os.path.relpath(table.resolve(), folder.resolve()))


def _medians(rows: Any) -> dict[str, float]:
    """Medians of the columns that hold numbers."""
    medians = {}
    for name in rows.colnames:
        if rows[name].dtype.kind in "iuf" and rows[name].ndim == 1:
            known: Any = np.ma.masked_invalid(np.ma.asarray(rows[name], float)).compressed()
            if len(known):
                medians[name] = float(np.median(known))
    return medians


def _leave_out_the_unused(found: Guess) -> None:
    """A temperature is a datum beside a mass proxy, or a part of one; Y_X of its own column is made of nothing else."""
    if "t" in found.columns and not {"mgas", "yx", "m500"} & set(found.columns):
        found.leave_out("t", "without M_gas, Y_X or M500 beside it, it is not used")
    for key in ("mgas", "m500") if "yx" in found.columns else ():
        if key in found.columns:
            found.leave_out(key, "Y_X has a column of its own")


def _leave_out_what_is_not_positive(found: Guess, table: TableFile) -> None:
    """Quantities with a 0, often written for an unknown one, which a fit refuses."""
    for key in [key for key in QUANTITY_KINDS if key in found.columns]:
        column = found.columns[key]
        name, unit = (column["name"], column["unit"]) if isinstance(column, dict) else (column, "")
        with suppress(InputError):  # a fit says what is no number
            low = int((table.numbers(name) <= 0).sum())
            if low and not LOG_UNIT.match(unit or str(table.table[name].unit or "")):
                cure = "empty those cells if they are unknown, and run this again"
                found.leave_out(key, f"{low} of its {len(table.table)} values are 0 or less; {cure}")


def _leave_out_odd_positions(found: Guess, table: TableFile) -> None:
    """Positions need two columns that can be read."""
    names = {key: found.columns.pop(key) for key in POSITION if key in found.columns}
    if len(names) < len(POSITION):
        return
    try:
        sky_positions(replace(table, columns={key: Column(name) for key, name in names.items()}))
        found.columns.update(names)
    except InputError as error:
        found.doubts.append(f"ra, dec: left out ({error})")


def _said(meta: Mapping[str, Any]) -> list[str]:
    """What the file says of itself, as far as it bears on units, band, cosmology and the survey."""
    words = " ".join(" ".join(str(value).split()) for value in _texts(meta))
    found = []
    if "bolometric" in words.lower():
        found.append("lx: the file speaks of bolometric luminosities; if lx holds them, convert them first")
    if re.search(r"keV|H0|H_0|h\s*=|Omega|Om0|deg2|deg\^2|\bsr\b|Planck|Sitter", words):
        cut = words if len(words) <= _QUOTED else f"{words[:_QUOTED]} ..."
        found.append(f"the file says of itself: {cut}")
    return found


def _texts(value: Any) -> Iterator[str]:
    """Texts in nested tables and lists."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)


def _shipped(name: str) -> dict[str, Any]:
    content = tomllib.loads(builtin_configs()[name].read_text(encoding="utf-8"))
    content.pop("references", None)
    return content


def _check(content: dict[str, Any]) -> None:
    """Say what is wrong before a file is written."""
    config = parse_config(content, source="init")
    _ = config.setup, config.catalogue and config.catalogue_spec


def _set(content: dict[str, Any], settings: Mapping[str, str | float | None]) -> None:
    """Write what is given of the survey's own numbers."""
    for key, value in settings.items():
        if value is not None:
            content["selection" if key == "flux_limit" else "survey"][key] = value


def _redshifts(z: Any, doubts: list[str], settings: Mapping[str, str | float | None]) -> dict[str, float]:
    """The table's redshifts, rounded outwards, where none are given."""
    if settings.get("zmin") is not None and settings.get("zmax") is not None:
        return {}
    low, high = float(np.nanmin(z)), float(np.nanmax(z))
    zmin, zmax = round(math.floor(low / _STEP) * _STEP, 3), round((math.floor(high / _STEP) + 1) * _STEP, 3)
    doubts.append(f"zmin, zmax: wrote {zmin:g} and {zmax:g}, which hold the whole table; put the survey's own there")
    return {"zmin": zmin, "zmax": zmax}


def _describe_catalogue(content: dict[str, Any], table: Path, found: Guess, doubts: list[str]) -> None:
    """The table and its columns; relations of what it does not list are left out."""
    relation = content["catalogue"].pop("mass_relation")
    content["catalogue"] = {
        "path": str(table),
        "columns": found.columns,
    }
    if limited := [key for key in LIMITED if f"{key}_limit" in found.columns]:
        content["catalogue"]["limit_confidence"] = dict.fromkeys(limited, 0.9987)
    if "m500" in found.columns and "yx" not in found.columns:
        content["catalogue"]["mass_relation"] = relation
        doubts.append("m500: taken as made from Y_X by the relation of Vikhlinin et al. (2009a); put its own there")
    if not has_proxy(found.columns):
        levels = ["counts", *(["full"] if {"lx", "flux"} & set(found.columns) else [])]
        content["sampler"] = {"level": levels[-1], "levels": levels}
        doubts.append("no column seems to hold Y_X, M_gas with T, or M500: without one, there is little but N")
    if "mwl" in found.columns and {"lx", "flux"} & set(found.columns):
        _use_lensing(content, found, doubts)
    found.columns = {k: v for k, v in found.columns.items() if not k.startswith("mwl") or "weak_lensing" in content}
    content["catalogue"]["columns"] = found.columns
    if "t" not in found.columns:
        del content["relations"]["t"], content["relations"]["correlation"]["t_yx"], content["errors"]
        content["parameters"] = {k: v for k, v in content["parameters"].items() if not k.endswith("_t")}


def _use_lensing(content: dict[str, Any], found: Guess, doubts: list[str]) -> None:
    """What a fit of weak-lensing masses assumes of them."""
    content["weak_lensing"] = {"scatter": "0.2 ln"}
    content["parameters"] |= {"norm_wl": {"lognormal": 0.05}, "scatter_wl": {"lognormal": 0.3}}
    levels = content["sampler"].get("levels", ["counts", "selfcal", "unbinned"])
    content["sampler"] |= {"levels": [*levels, "full+wl"]}
    doubts.append("weak_lensing: wrote 20% of intrinsic scatter and a bias known to 5%; put those of the table there")
    if "mwl_error" not in found.columns:
        content["weak_lensing"]["error"] = 0.3
        doubts.append("weak_lensing.error: no column seems to hold errors of the lensing masses; wrote 30%, check it")
