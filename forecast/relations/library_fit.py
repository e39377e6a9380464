"""Tables of clusters become libraries: a user's own, and those from which the shipped data files are made.

``python -m forecast.relations.library_fit --data FOLDER`` writes ``libraries.json`` and ``profiles.json`` from the
published tables in FOLDER, the same bytes every time.
"""

from __future__ import annotations

import argparse
import json
import math
import re
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..core.arrays import Array
from ..core.units import LN10
from ..cosmology.background import Cosmology
from ..reading.tables import Column, TableFile, open_table
from .gas_profiles import DensityProfile, fit_profiles
from .library import OBSERVABLES, CoreRelation, Sample, describe, fit_mixture
from .library_table import sample_from_table
from .residuals import Residuals

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
    return Residuals(
        names=OBSERVABLES,
        weight=np.ones(1),
        mean=np.zeros((len(table), 1, 3)),
        covariance=covariance[:, None],
        log_mass=log_mass,
    )


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
