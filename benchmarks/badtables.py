"""Tables of clusters drawn from a survey's own model, and what goes wrong in tables."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import MaskedColumn, Table

from forecast.model.forward import ForwardModel, forward_model
from forecast.model.mocks import Mocks
from forecast.model.simulate import draw_mocks
from forecast.survey.geometry import Replicated

Rng = np.random.Generator
Content = dict[str, Any]
MOST = 30
UNITS = {"lx": "erg/s", "t": "keV", "mgas": "Msun", "yx": "Msun keV"}
WRITTEN = {"lx": "erg / s", "t": "keV", "mgas": "solMass", "yx": "solMass keV"}
FORMATS = ((".ecsv", "ascii.ecsv"), (".csv", "ascii.csv"), (".fits", "fits"))


def few_clusters(model: ForwardModel, size: int, rng: Rng) -> Mocks:
    """A mock catalogue of `size` clusters, whatever number the survey expects."""
    expected = float(model.expected_count(model.parameters.fiducial[None])[0])
    copies = Replicated(model.setup.geometry, (3 * size + 30) / expected)
    mocks = draw_mocks(forward_model(replace(model.setup, geometry=copies)), model.parameters.fiducial, rng=rng)
    return mocks.kept(np.sort(rng.permutation(len(mocks.z))[:size]))


def cluster_table(model: ForwardModel, mocks: Mocks) -> Table:
    """Clusters with errors in physical units, those of the observables that the survey's relations know."""
    log_h = np.log10(model.setup.cosmology.h)
    table = Table({"name": [f"c{i}" for i in range(len(mocks.z))], "z": mocks.z})
    for i, name in enumerate(mocks.names):
        if name in UNITS:
            value = 10.0 ** (mocks.observables[:, i] - (log_h if name in ("mgas", "yx") else 0.0))
            table[name], table[f"e_{name}"] = value, 0.1 * value
            table[name].unit = table[f"e_{name}"].unit = WRITTEN[name]
    return table


def columns_of(table: Table, rng: Rng) -> Content:
    """How a configuration names the columns; units are left to the file now and then."""
    columns: Content = {"name": "name", "z": "z"}
    for name in set(UNITS) & set(table.colnames):
        columns[name] = {"name": name, "unit": UNITS[name]} if rng.random() < 0.7 else name
        if f"e_{name}" in table.colnames and rng.random() < 0.7:
            columns[f"{name}_error"] = {"name": f"e_{name}", "unit": UNITS[name]}
    return dict(sorted(columns.items()))


def catalogue_section(content: Content, table: Table, rng: Rng) -> Content:
    """The table [catalogue] of a configuration that reads these clusters."""
    cosmology = {"Om0": content["cosmology"]["Om0"], "h": content["cosmology"]["h"]}
    if rng.random() < 0.3:
        cosmology = {"Om0": 0.3, "h": 0.7}
    return {"columns": columns_of(table, rng), "cosmology": cosmology}


def _column(table: Table, rng: Rng) -> str:
    return str(rng.choice(table.colnames))


def _number(table: Table, rng: Rng) -> str:
    names = [name for name in table.colnames if table[name].dtype.kind == "f"]
    return str(rng.choice(names)) if names else table.colnames[0]


def cell(table: Table, section: Content, rng: Rng) -> str:
    """A few cells with a value that cannot be."""
    name = _number(table, rng)
    if table[name].dtype.kind != "f" or not len(table):
        return ""
    value = float(rng.choice([np.nan, -1.0, 0.0, 1e300, 1e-300, -99.0, 999.0, np.inf, 1e45, 5e-324, -1e300, 4.0]))
    rows = rng.permutation(len(table))[: int(rng.integers(1, len(table) + 1))]
    table[name][rows] = value
    return f"{name} = {value:g} in {len(rows)} of {len(table)} rows"


def masked(table: Table, section: Content, rng: Rng) -> str:
    name = _column(table, rng)
    table[name] = MaskedColumn(table[name], mask=rng.random(len(table)) < rng.choice([0.2, 0.8, 1.0]))
    return f"{name} masked"


def missing(table: Table, section: Content, rng: Rng) -> str:
    name = _column(table, rng)
    table.remove_column(name)
    return f"no column {name}"


def unit(table: Table, section: Content, rng: Rng) -> str:
    name = _number(table, rng)
    drawn = str(
        rng.choice([*UNITS.values(), "Msun/h keV", "1e14 Msun keV", "1e44 erg/s", "log10 erg/s", "dex", "mag", "", "K"])
    )
    if rng.random() < 0.5:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            table[name].unit = drawn if "log10" not in drawn else "dex(erg / s)"
        return f"unit of {name} in the file {drawn!r}"
    key = f"{name[2:]}_error" if name.startswith("e_") else name
    section["columns"][key] = {"name": name, "unit": drawn}
    return f"unit of {name} configured {drawn!r}"


def logarithm(table: Table, section: Content, rng: Rng) -> str:
    name = _number(table, rng)
    if table[name].dtype.kind != "f" or name == "z" or not np.all(np.asarray(table[name]) > 0):
        return ""
    said = bool(rng.random() < 0.5)
    table[name] = np.log10(np.asarray(table[name]))
    if said and name in UNITS:
        section["columns"][name] = {"name": name, "unit": f"log10 {UNITS[name]}"}
    return f"{name} as log10, said: {said}"


def rows(table: Table, section: Content, rng: Rng) -> str:
    """Copies of rows, or hardly any rows."""
    kind = str(rng.choice(["copies", "one row", "no rows", "two rows"]))
    kept = {
        "copies": [*range(len(table)), *range(min(3, len(table)))],
        "one row": [0],
        "no rows": [],
        "two rows": [0, 1],
    }[kind]
    kept = [i for i in kept if i < len(table)]
    part = table[kept]
    names = list(table.colnames)
    table.remove_columns(names)
    for name in names:
        table[name] = part[name]
    return kind


def dtype(table: Table, section: Content, rng: Rng) -> str:
    """A column stored as another type."""
    name = _column(table, rng)
    kind = str(rng.choice([">f8", ">f4", "S20", "U30", "int64", "bool", "object", "complex", "f2", "vector"]))
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            values = np.asarray(table[name])
            new = np.stack([values, values], axis=1) if kind == "vector" else values.astype(kind)
        except (ValueError, TypeError):
            return ""
    table[name] = new
    return f"{name} as {kind}"


def words(table: Table, section: Content, rng: Rng) -> str:
    name = _column(table, rng)
    values = [str(x) for x in table[name]]
    if values:
        values[int(rng.integers(len(values)))] = str(
            rng.choice(["n/a", "<1e44", "", "1,5", "nan", "--", "1e400", "#1", "z"])
        )
    table[name] = values
    return f"{name} as text with a word"


def error(table: Table, section: Content, rng: Rng) -> str:
    names = [name for name in table.colnames if name.startswith("e_") and table[name].dtype.kind == "f"]
    if not names:
        return ""
    name = str(rng.choice(names))
    factor = float(rng.choice([-1, 1e3, 1e-3, 5, 30, 150, 1e-9, 0, 1e300]))
    with np.errstate(over="ignore"):
        table[name] = np.full(len(table), -1.0) if rng.random() < 0.2 else np.asarray(table[name]) * factor
    return f"{name} x {factor:g}, or -1"


def offset(table: Table, section: Content, rng: Rng) -> str:
    """Values that are off by a factor, in a few rows or in all."""
    name = _number(table, rng)
    if table[name].dtype.kind != "f" or not len(table):
        return ""
    factor = float(10 ** rng.uniform(-2, 2))
    rows = rng.permutation(len(table))[: int(rng.choice([1, len(table)]))]
    table[name][rows] = np.asarray(table[name])[rows] * factor
    return f"{name} x {factor:.3g} in {len(rows)} of {len(table)} rows"


def redshift(table: Table, section: Content, rng: Rng) -> str:
    if "z" not in table.colnames or table["z"].dtype.kind != "f" or not len(table):
        return ""
    value = float(rng.choice([0.0, -0.01, 5.0, 2.9, 1e-6, 0.024, 0.251, 0.07, np.nan]))
    table["z"][int(rng.integers(len(table)))] = value
    return f"a redshift of {value}"


def section_of(table: Table, section: Content, rng: Rng) -> str:
    """Columns named wrongly in the configuration."""
    columns = section["columns"]
    key, name = (
        str(rng.choice([*columns, "m500", "yx", "lx_error", "zz"])),
        str(rng.choice([*table.colnames, "x", "Z", ""])),
    )
    choices: list[Any] = [
        name,
        {"name": name},
        {"name": name, "unit": "keV"},
        f"{name},{name}",
        f"{name},x,y",
        {"unit": "keV"},
    ]
    choices += [3, None, [], {"name": 3}, {"name": name, "units": "keV"}, True]
    columns[key] = choices[int(rng.integers(len(choices)))]
    if rng.random() < 0.2:
        section["table"] = [2, "x", 0, -1, True, 1.5][int(rng.integers(6))]
    if rng.random() < 0.2:
        section["format"] = str(rng.choice(["ascii.ecsv", "fits", "votable", "ascii.csv", "nonsense", "", "csv"]))
    if rng.random() < 0.2:
        section["mass_relation"] = {
            "mass_norm": "5e14 Msun",
            "yx_norm": "3e14 Msun keV",
            "slope": 0.57,
            "evolution": -0.4,
        }
    return f"[catalogue] {key} = {columns[key]!r}, table {section.get('table')!r}, format {section.get('format')!r}"


FAULTS: tuple[Callable[[Table, Content, Rng], str], ...] = (
    cell, masked, missing, unit, logarithm, rows, dtype, words, error, offset, offset, offset, redshift, section_of,
)  # fmt: skip


def spoil(table: Table, section: Content, rng: Rng) -> str:
    """Make one fault in a table or in how it is described; what it was, empty if it did not apply."""
    return FAULTS[int(rng.integers(len(FAULTS)))](table, section, rng)


def write(table: Table, folder: Path, rng: Rng) -> Path:
    """Write a table in a format that can hold it; now and then cut short, or with a line commented out."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for ending, name in [FORMATS[i] for i in rng.permutation(len(FORMATS))]:
            path = folder / f"clusters{ending}"
            try:
                table.write(path, format=name, overwrite=True)
            except Exception:  # a format that cannot hold this table
                continue
            break
        else:
            path.write_text("")
    if rng.random() < 0.05:
        content = path.read_bytes()
        path.write_bytes(content[: int(len(content) * rng.random())])
    return path
