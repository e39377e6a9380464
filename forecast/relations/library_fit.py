"""Tables of clusters become libraries: a user's own, and those from which the shipped data files are made.

``python -m forecast.relations.library_fit --data FOLDER`` writes ``libraries.json`` and ``profiles.json`` from the
published tables in FOLDER, the same bytes every time.
"""

from __future__ import annotations

import argparse
import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..core.arrays import Array
from ..core.errors import InputError, nearest
from ..core.tables import Column, TableFile, open_table
from ..core.units import LN10
from ..cosmology.background import Cosmology
from .gas_profiles import DensityProfile, fit_profiles
from .library import MIN_CLUSTERS, NAMES, OBSERVABLES, CoreRelation, Library, Sample, describe, fit_library, fit_mixture
from .residuals import Residuals

EVOLUTION = {"lx": 1.85, "t": 2 / 3, "mgas": 0.0}
"""Exponents of E(z) taken out where redshifts differ; those of the package's relations."""
_KEYS = ("name", "z", "m500", *OBSERVABLES, "gas_fraction", "lx_core_excised")
MAGNETICUM = {
    "z": Column("z"),
    "m500": Column("m500_msun_h", "Msun/h"),
    "lx": Column("lx", "1e44 erg/s"),
    "t": Column("tx"),
    "gas_fraction": Column("gas_fraction"),
}
"""Columns of ``magneticum_box2hr.ecsv``, for `library_from_table` too."""
WMAP7 = Cosmology(Om0=0.272, Ob0=0.0456, h=0.704, ns=0.963)
"""Cosmology of the Magneticum box."""
_HYDRO = {"flamingo": ("FLAMINGO L1_m8", 0.681), "tng": ("TNG300-1 and TNG-Cluster", 0.6774)}
"""Simulation and h of the tables of local relations."""
_TABLE2 = (0.13, 0.03, 0.10)
"""Scatters of `OBSERVABLES`, dex (NV22, table 2)."""
_NV22 = "Ntampaka & Vikhlinin 2022, arXiv:2112.05768"
_GREEN = "Magneticum Box2/hr cluster list: Green et al. 2019, ApJ 884, 33"
_ALJAMAL = "Aljamal et al. 2025, MNRAS 544, 67 (arXiv:2507.05176)"
_PRATT = "REXCESS: Pratt et al. 2009, A&A 498, 361"
_CROSTON = "REXCESS density profiles: Croston et al. 2008, A&A 487, 431"


def library_from_table(
    path: Path,
    columns: Mapping[str, Column] | None = None,
    *,
    cosmology: Cosmology,
    select: Mapping[str, float] | None = None,
    format: str | None = None,
) -> Library:
    """Library of a user's table; arguments and errors as in `sample_from_table`."""
    sample = sample_from_table(path, columns, cosmology=cosmology, select=select, format=format)
    return fit_library(sample, Path(path).stem, (f"table {Path(path).name}",))


def sample_from_table(
    path: Path,
    columns: Mapping[str, Column] | None = None,
    *,
    cosmology: Cosmology,
    select: Mapping[str, float] | None = None,
    format: str | None = None,
) -> Sample:
    """Clusters of a table, every one of them complete: ECSV, FITS, VOTable, CSV and others.

    Parameters
    ----------
    path : Path
    columns : mapping of str to Column, optional
        Columns by what they hold: m500, lx, t, and mgas or gas_fraction; also lx_core_excised (L_X in
        0.15-1 R500, which with lx gives core brightness), z (where redshifts differ, E(z) is taken out)
        and name. Default: those columns that have these names.
    cosmology : Cosmology
        Of the table; resolves factors of h in units, and E(z).
    select : mapping of str to float, optional
        Only rows in which these columns have these values, such as one snapshot of a simulation.
    format : str, optional
        astropy's name of the file format; guessed from the file if None.

    Raises
    ------
    InputError
        If a column, a unit or a value is missing, a value is not positive, or fewer than `MIN_CLUSTERS`
        clusters remain; the message names file, column and row.
    """
    table = open_table(Path(path), {}, cosmology.h, format)
    table = replace(table, columns=_mapping(table, columns))
    return _sample(table, cosmology, _rows(table, select or {}))


def _mapping(table: TableFile, columns: Mapping[str, Column] | None) -> dict[str, Column]:
    """Columns by what they hold, all that are needed among them."""
    if columns is None:
        columns = {key: Column(key) for key in _KEYS if key in table.table.colnames}
    for key in columns:
        if key not in _KEYS:
            raise InputError(f"library.columns.{key}: unknown quantity; {nearest(key, _KEYS)}")
    if "mgas" in columns and "gas_fraction" in columns:
        raise InputError("library.columns: give mgas or gas_fraction, not both")
    gas = "gas_fraction" if "gas_fraction" in columns else "mgas"
    for key in ("m500", "lx", "t", gas):
        if key not in columns:
            raise InputError(f'library.columns.{key}: missing; name the column of {table.file}, {key} = "COLUMN"')
    return dict(columns)


def _rows(table: TableFile, select: Mapping[str, float]) -> Array:
    """Indices of the rows that have the selected values."""
    keep = np.ones(len(table.table), dtype=bool)
    for name, value in select.items():
        if name not in table.table.colnames:
            raise InputError(f"{table.file}: has no column '{name}'; {nearest(name, table.table.colnames)}")
        keep &= np.ma.filled(np.ma.asarray(table.table[name]) == value, False)
    if keep.sum() < MIN_CLUSTERS:
        chosen = f" with {dict(select)}" if select else ""
        raise InputError(f"{table.file}: {keep.sum()} rows{chosen}, but a library needs at least {MIN_CLUSTERS}")
    return np.flatnonzero(keep)


def _sample(table: TableFile, cosmology: Cosmology, rows: Array) -> Sample:
    """Clusters of the rows with these indices; E(z) removed where redshifts differ."""
    log_mass = _complete(table, "m500", rows)
    values = {key: _complete(table, key, rows) for key in ("lx", "t")}
    own = "mgas" in table.columns
    log_mgas = _complete(table, "mgas", rows) if own else log_mass + _complete(table, "gas_fraction", rows)
    values["mgas"] = log_mgas + math.log10(cosmology.h)
    log_growth = _log_growth(table, cosmology, rows)
    values = {key: value - EVOLUTION[key] * log_growth for key, value in values.items()}
    if "lx_core_excised" in table.columns:
        values["core"] = _complete(table, "lx", rows) - _complete(table, "lx_core_excised", rows)
    names = NAMES if "core" in values else OBSERVABLES
    return Sample(names, log_mass + math.log10(cosmology.h), np.column_stack([values[key] for key in names]))


def _log_growth(table: TableFile, cosmology: Cosmology, rows: Array) -> Array:
    """log10 E(z) of the given rows; 0 where no redshift is known or all are the same."""
    if "z" not in table.columns:
        return np.zeros(len(rows))
    name = table.columns["z"].name
    if name in table.table.colnames and np.all(table.table[name][rows] == table.table[name][rows[0]]):
        return np.zeros(len(rows))
    return np.log10(cosmology.efunc(table.redshifts()[rows]))


def _complete(table: TableFile, key: str, rows: Array) -> Array:
    """log10 of a quantity for the given rows, all of them known; physical units without h."""
    column = table.columns[key]
    held, source, offset = key, column, 0.0
    if key == "lx_core_excised":
        held = "lx"
    elif key == "gas_fraction":  # passes the checks of a mass
        held, source, offset = "mgas", replace(column, unit="1e13 Msun"), 13.0
    values = replace(table, columns={**table.columns, held: source}).quantity(held)[0] - offset
    unknown = rows[np.isnan(values[rows])]
    if len(unknown):
        cluster = f" ({table.names()[unknown[0]]})" if "name" in table.columns else ""
        raise InputError(
            f"{table.file}: column '{column.name}', row {unknown[0] + 1}{cluster}: is empty, but every cluster "
            f"of a library needs its {key}; fill it in or drop the row"
        )
    return values[rows]


def measure_core(log_lx: Array, log_core_excised: Array, log_yx: Array) -> CoreRelation:
    """Regression of core brightness on the L_X residual at fixed Y_X; arguments log10, shape (N,)."""
    core, dof = log_lx - log_core_excised, len(log_lx) - 2
    lx_slope, _ = np.polyfit(log_yx, log_lx, 1)
    residual = log_lx - lx_slope * log_yx
    slope, const = np.polyfit(residual, core, 1)
    scatter = np.sqrt(((core - const - slope * residual) ** 2).sum() / dof)
    return CoreRelation(float(lx_slope), float(slope), float(scatter), float(core.mean()))


def rexcess(data: Path) -> TableFile:
    """Properties of the REXCESS clusters."""
    columns = {"lx": Column("lx1_0p5_2"), "yx": Column("yx"), "t": Column("t2")}
    return open_table(data / "rexcess_properties.ecsv", columns, h=0.7)


def rexcess_core(data: Path) -> tuple[CoreRelation, Array]:
    """Core relation of REXCESS, and the core brightness of its clusters, shape (31,), dex."""
    table = rexcess(data)
    log_lx, log_yx = table.quantity("lx")[0], table.quantity("yx")[0]
    excised = replace(table, columns={"lx": Column("lx2_0p5_2")}).quantity("lx")[0]
    return measure_core(log_lx, excised, log_yx), log_lx - excised


def rexcess_profiles(data: Path) -> list[DensityProfile]:
    """Density profiles of the REXCESS clusters, in the order of their properties."""
    names = rexcess(data).table["name"]
    table = open_table(data / "rexcess_profiles.ecsv", {}, h=0.7).table
    rows = [table[table["name"] == name] for name in names]
    return [DensityProfile(*(np.array(r[c]) for c in ("r_over_r500", "ne", "e_ne"))) for r in rows]


def local_relations(data: Path, name: str) -> Residuals:
    """One Gaussian whose covariance follows mass, from a table of local relations (scatter in natural log)."""
    table = open_table(data / f"hydro_relations_{name}.ecsv", {}, h=1.0).table
    keys = {"lx": "lx", "t": "tx", "mgas": "mgas"}
    scatter = np.column_stack([table[f"{keys[n]}_scatter"] for n in OBSERVABLES]) / LN10
    correlation = np.ones((len(table), 3, 3))
    for (i, j), column in {(0, 1): "corr_tx_lx", (0, 2): "corr_mgas_lx", (1, 2): "corr_mgas_tx"}.items():
        correlation[:, i, j] = correlation[:, j, i] = table[column]
    covariance = correlation * scatter[:, :, None] * scatter[:, None, :]
    log_mass = np.array(table["log10_m500"]) + math.log10(_HYDRO[name][1])
    return Residuals(OBSERVABLES, np.ones(1), np.zeros((len(table), 1, 3)), covariance[:, None], log_mass)


def magneticum_sample(data: Path, snapshot: int = 132) -> Sample:
    """Clusters of one snapshot of Magneticum Box2/hr; 132, nearest to z = 0.07, makes the library."""
    path = data / "magneticum_box2hr.ecsv"
    return sample_from_table(path, MAGNETICUM, cosmology=WMAP7, select={"snapnum": snapshot})


def _magneticum(data: Path) -> dict[str, Any]:
    """Record of the mixture fitted to the Magneticum list."""
    sample = magneticum_sample(data)
    residuals, bic = fit_mixture(sample.residuals(), sample.names)
    description = f"{describe(sample, bic)}. Magneticum Box2/hr, snapshot 132 (z = 0.10)."
    return _record(residuals, _span(sample.log_mass), description, [_GREEN])


def _hydro(data: Path, name: str) -> dict[str, Any]:
    """Record of a Gaussian whose covariance follows mass."""
    residuals = local_relations(data, name)
    description = f"Gaussian residuals about local relations, covariance by mass: {_HYDRO[name][0]}, z = 0."
    return _record(residuals, _span(residuals.log_mass), description, [_ALJAMAL])


def _nv22(data: Path) -> dict[str, Any]:
    """Record of a Gaussian with the scatters of NV22's table 2, and correlations measured on Magneticum."""
    sample = magneticum_sample(data)
    correlation = np.corrcoef(sample.residuals().T).round(2)
    residuals = Residuals.gaussian(OBSERVABLES, correlation * np.outer(_TABLE2, _TABLE2))
    description = "Gaussian residuals with the scatters of NV22's table 2 and the correlations of Magneticum Box2/hr."
    return _record(residuals, _span(sample.log_mass), description, [_NV22, _GREEN])


def _span(log_mass: Array) -> list[float]:
    """Lowest and highest."""
    return [float(log_mass.min()), float(log_mass.max())]


def _record(residuals: Residuals, span: list[float], description: str, references: list[str]) -> dict[str, Any]:
    """A library as it is shipped."""
    arrays = {key: getattr(residuals, key) for key in ("log_mass", "weight", "mean", "covariance")}
    return {"description": description, "references": references, "log_mass_range": span, **arrays}


def shipped_libraries(data: Path) -> dict[str, Any]:
    """Contents of ``libraries.json``: residuals in (lx, t, mgas) by library, and the core relation."""
    core, _ = rexcess_core(data)
    records = {"magneticum": _magneticum(data), "nv22_table2": _nv22(data)}
    records |= {name: _hydro(data, name) for name in _HYDRO}
    return {"core": {**asdict(core), "references": [_PRATT]}, "libraries": records}


def shipped_profiles(data: Path) -> dict[str, Any]:
    """Contents of ``profiles.json``: the fields of `forecast.relations.gas_profiles.GasProfiles`."""
    _, core = rexcess_core(data)
    profiles = rexcess_profiles(data)
    description = (
        f"Gas profiles of {len(profiles)} REXCESS clusters: mean, dependence on core brightness and remaining "
        "scatter of ln shell masses and of the density slope, 0.1 to 1.4 R500."
    )
    return {"description": description, "references": [_CROSTON, _PRATT], **fit_profiles(profiles, core)}


def to_text(content: Any) -> str:
    """JSON with six significant digits and innermost lists on one line, so that its bytes repeat."""
    text = json.dumps(_rounded(content), indent=1, sort_keys=True, ensure_ascii=False)
    return re.sub(r"\[[^\[\]{}\"]*\]", lambda match: " ".join(match.group().split()), text) + "\n"


def _rounded(content: Any) -> Any:
    """Plain JSON values, floats with six significant digits."""
    if isinstance(content, dict):
        return {key: _rounded(value) for key, value in content.items()}
    if isinstance(content, list | np.ndarray):
        return [_rounded(value) for value in content]
    return content if isinstance(content, str) else float(f"{content:.6g}")


def main() -> None:
    """Write both data files."""
    parser = argparse.ArgumentParser(prog="python -m forecast.relations.library_fit", description=main.__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the published tables")
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "data", help="folder to write to")
    arguments = parser.parse_args()
    for name, content in (("libraries", shipped_libraries), ("profiles", shipped_profiles)):
        (arguments.out / f"{name}.json").write_text(to_text(content(arguments.data)), encoding="utf-8")


if __name__ == "__main__":
    main()
