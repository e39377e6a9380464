"""Posteriors of two ROSAT skies under many assumptions: ``python -m benchmarks.skyvariants REFLEX BCS``.

With ``--part base``, ``priors``, ``assumptions`` or ``planted``. Draws of a posterior begin near those of the last one
with the same parameters. `planted` are faults that goodness of fit should find.
"""

from __future__ import annotations

import argparse
import os
import time

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.skies import LX_ALONE, Posterior, Variant, row
from forecast.sampling.proposal import Proposal

REFLEX, BCS, BOTH = ("reflex",), ("bcs",), ("bcs", "reflex")
CONTINUUM = {"emission.model": "continuum", "selection.k_correction": "continuum"}
"""Bands and redshifts converted without lines."""
REXCESS = {
    "relations.lx": {
        "norm": "44.439 log10 erg/s",
        "h_exponent": 0.0,
        "slope": 1.83,
        "evolution": 7 / 3,
        "scatter": "0.414 ln",
        "band": "0.1-2.4 keV",
    },
    "parameters.slope_lx": {"lognormal": 0.077},
}
"""L_X-M of Pratt et al. (2009), corrected for Malmquist bias: 0.78e44 erg/s at 2e14 Msun, slope 1.83 +- 0.14, here at
10^14.6 Msun; of h = 0.7, Om0 = 0.3."""


def base() -> list[Variant]:
    """The configurations, straight relations, and gas without lines."""
    return [
        Variant("REFLEX", REFLEX),
        Variant("REFLEX, straight", REFLEX, straight=True),
        Variant("BCS", BCS),
        Variant("BCS, straight", BCS, straight=True),
        Variant("both", BOTH),
        Variant("both, straight", BOTH, straight=True),
        Variant("REFLEX, continuum", REFLEX, changed=CONTINUUM),
        Variant("BCS, continuum", BCS, changed=CONTINUUM),
    ]


def priors() -> list[Variant]:
    """Priors on the normalisations as given, 3 and 10 times as wide, by what is known of each cluster."""
    found = []
    for name, surveys in (("REFLEX", REFLEX), ("BCS", BCS), ("both", BOTH)):
        for level in ("counts", LX_ALONE, "full"):
            for wider in (1.0, 3.0, 10.0):
                words = "every L_X and z" if level == "full" else level
                found.append(Variant(f"{name}, {words}, x {wider:g}", surveys, wider=wider, level=level))
    return found


def assumptions() -> list[Variant]:
    """Other mass functions, relations, selections, and Om0 known, of both surveys."""
    changes: dict[str, dict[str, Any]] = {
        "as configured": {},
        "bocquet16_hydro": {"mass_function": "bocquet16_hydro"},
        "bocquet16_dm": {"mass_function": "bocquet16_dm"},
        "curvature known to 0.15": {"parameters.curvature_lx": {"gaussian": 0.15}},
        "coverage 0.90 and 0.90": {"reflex:survey.footprint.coverage": 0.90},
        "coverage 0.95 and 0.95": {"bcs:survey.footprint.coverage": 0.95},
        "coverage 0.95 and 0.80": {"bcs:survey.footprint.coverage": 0.80},
        "flux limits x 1.2": {
            "reflex:selection.flux_limit": "3.6e-12 erg / (s cm2)",
            "bcs:selection.flux_limit": "5.28e-12 erg / (s cm2)",
        },
        "scatter of L_X known to 30%": {"parameters.scatter_lx": {"lognormal": 0.3}},
        "no flux missing": {"parameters.norm_lx.fiducial": 1.0},
        "15% of the flux missing": {"parameters.norm_lx.fiducial": 0.85},
        "flux errors twice as large": {"reflex:selection.flux_error": 0.132, "bcs:selection.flux_error": 0.122},
        "z > 0.05": {"survey.zmin": 0.05},
        "L_X-M of REXCESS": REXCESS,
        "Om0 = 0.25": {"parameters.Om0": 0.25},
        "Om0 = 0.30": {"parameters.Om0": 0.30},
    }
    return [Variant(f"both, {words}", BOTH, changed=changed) for words, changed in changes.items()]


def planted() -> list[Variant]:
    """Flux limits stated too low, below which tables are not complete."""
    limits = {"30%": "2.1e-12 erg / (s cm2)", "15%": "2.55e-12 erg / (s cm2)"}
    found = [
        Variant(f"REFLEX, limit stated {words} too low", REFLEX, changed={"selection.flux_limit": limit})
        for words, limit in limits.items()
    ]
    return [*found, Variant("REFLEX, zmax stated as 0.6", REFLEX, changed={"survey.zmax": 0.6})]


PARTS = {"base": base, "priors": priors, "assumptions": assumptions, "planted": planted}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("reflex", "bcs"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--part", choices=PARTS, default="base")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="variants whose label holds this")
    options = parser.parse_args()
    files = {"reflex": options.reflex, "bcs": options.bcs}
    learnt: dict[tuple[tuple[str, ...], str], Proposal] = {}
    for variant in PARTS[options.part]():
        if options.only not in variant.label:
            continue
        begun = time.process_time()
        posterior = Posterior(variant, files)
        key = (tuple(posterior.free), variant.level)
        line, learnt[key] = row(variant, posterior, learnt.get(key), rng=np.random.default_rng(options.seed))
        print(f"{line}\n    {time.process_time() - begun:.0f} s of CPU", flush=True)


if __name__ == "__main__":
    main()
