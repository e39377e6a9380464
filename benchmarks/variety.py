"""What surveys may be: any combination of geometry, selection, data, errors and free cosmology that makes sense."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Rng = np.random.Generator
Content = dict[str, Any]

FLUXES = [1e-15, 1e-14, 1e-13, 1e-12, 1e-11]
PROXIES = ("yx", "mgas", "lx_core_excised", "cnn_1d", "m_sigma_contaminated", "sdm_2d")
LIBRARIES = ("magneticum", "nv22_table2", "flamingo", "tng", "magneticm")


def flux(value: float) -> str:
    """A flux as people write it."""
    return f"{value:.3g} erg / (s cm2)"


def geometry(content: Content, rng: Rng) -> str:
    if rng.random() < 0.3:
        content["survey"] = {
            "geometry": "box",
            "side": f"{rng.uniform(100, 900):.0f} Mpc/h",
            "z": round(rng.uniform(0.02, 1), 3),
        }
        return "a box"
    low, area = round(float(rng.choice([0.0, 0.01, 0.05, 0.2])), 3), float(10 ** rng.uniform(1, 4.5))
    high = round(low + float(rng.uniform(0.02, 1.2)), 3)
    content["survey"] = {"geometry": "light_cone", "area": f"{area:.0f} deg2", "zmin": low, "zmax": high}
    return f"a cone of {area:.0f} deg2, {low} < z < {high}"


def shells(content: Content, rng: Rng) -> str:
    survey = content["survey"]
    if survey.get("geometry") != "light_cone":
        return geometry(content, rng)
    number = int(rng.choice([1, 2, 3, 5, 12]))
    survey.pop("shells", None), survey.pop("redshift_edges", None)
    if rng.random() < 0.5:
        survey["shells"] = number
    else:
        survey["redshift_edges"] = np.linspace(survey["zmin"], survey["zmax"], number + 1).tolist()
    survey["binned_in_redshift"] = bool(rng.random() < 0.5)
    return f"{number} shells, binned: {survey['binned_in_redshift']}"


def flux_limit(content: Content, rng: Rng) -> str:
    limit = float(rng.choice(FLUXES)) * float(rng.uniform(1, 9))
    content["selection"] = s = {"kind": "flux_limited", "flux_limit": flux(limit)}
    s["k_correction"] = str(rng.choice(["none", "power_law", "bremsstrahlung"]))
    s["flux_error"] = float(rng.choice([0.0, 0.0, 0.03, 0.1, 0.4]))
    s["completeness_width"] = float(rng.choice([0.0, 0.0, 0.05, 0.3]))
    if rng.random() < 0.3:
        del s["flux_limit"], s["completeness_width"]
        steps = limit * np.array([1, 2, 5])
        s["completeness"] = {"fluxes": [flux(x) for x in steps], "values": [0.1, float(rng.uniform(0.2, 0.9)), 1.0]}
    if rng.random() < 0.3:
        s["contamination"] = {"fluxes": [flux(limit), flux(10 * limit)], "values": [float(rng.uniform(0, 0.9)), 0.01]}
        if rng.random() < 0.5:
            content["parameters"]["norm_contamination"] = {"lognormal": 0.2}
    if "flux_limit" in s and rng.random() < 0.2 and "area" in content["survey"]:
        area, unit = content["survey"]["area"].split(" ", 1)
        parts = [f"{float(area) * part:.6g} {unit}" for part in (0.25, 0.75)]
        s |= {"flux_limits": [flux(limit), flux(1.5 * limit)], "areas": parts}
        del s["flux_limit"]
    return f"limited in flux near {limit:.2g}"


def mass_limit(content: Content, rng: Rng) -> str:
    low = float(rng.uniform(12.5, 14.8))
    masses = {"min_mass": f"{low:.3f} log10 Msun/h", "break_mass": f"{low + rng.uniform(0.02, 1):.3f} log10 Msun/h"}
    content["selection"] = s = {"kind": "sharp", **masses, "slope": float(rng.uniform(0.1, 6))}
    s["min_mass_mode"] = str(rng.choice(["fixed", "follows_lx"]))
    if rng.random() < 0.4:
        s |= {"kind": "smoothed", "smoothing": float(rng.uniform(0.005, 0.5))}
    return f"limited in mass near {low:.2f}"


def mean_relations(content: Content, rng: Rng) -> str:
    """Relations of other observables: without T, or Y_X of its own, or with other powers."""
    relations, kind = content["relations"], int(rng.integers(4))
    if kind == 0 and {"t", "yx"} <= set(relations):
        del relations["t"]
        _forget(content, ("t",))
        return "no relation of T"
    if kind == 1:
        relations["aperture"] = str(rng.choice(["r500", "angle"]))
        relations["calibration"] = {
            "Om0": round(float(rng.uniform(0.2, 0.4)), 3),
            "h": 0.7,
            "z": float(rng.choice([0.0, 0.2])),
        }
        return "another calibration and aperture"
    law = relations[name := str(rng.choice([n for n in ("lx", "t", "mgas", "yx") if n in relations]))]
    law["slope"] = float(law["slope"] * rng.uniform(0.3, 2.5))
    law["evolution"] = float(rng.uniform(-2, 3))
    if "scatter" in law:
        law["scatter"] = f"{10 ** rng.uniform(-2, 0.4):.3f} ln"
    return f"another relation of {name}"


def _forget(content: Content, names: tuple[str, ...]) -> None:
    """Take out parameters, correlations and errors of observables."""
    for table in (content["relations"].get("correlation", {}), content["parameters"], content.get("errors", {})):
        for key in [key for key in table if set(names) & set(key.split("_"))]:
            del table[key]


def proxy(content: Content, rng: Rng) -> str:
    content["proxy"] = str(rng.choice(PROXIES))
    if rng.random() < 0.4:
        moments = {"skewness": float(rng.normal(0, 0.7)), "kurtosis": float(rng.uniform(-1.5, 3))}
        content["proxy"] = {
            "name": "mine",
            "bias": float(rng.normal(0, 0.1)),
            "scatter": float(rng.uniform(0.02, 0.6)),
            **moments,
        }
    if content["proxy"] not in PROXIES[:3] and rng.random() < 0.8:
        _forget(content, ("t", "mgas"))
    return f"proxy {content['proxy']!r}"


def library(content: Content, rng: Rng) -> str:
    content["library"] = {"name": str(rng.choice(LIBRARIES))}
    if rng.random() < 0.8:
        content["relations"].pop("correlation", None)
    for law in (content["relations"].get(name) for name in ("lx", "t", "mgas", "yx")):
        if law is not None and rng.random() < 0.8:
            law.pop("scatter", None)
    return f"library {content['library']['name']}"


def errors(content: Content, rng: Rng) -> str:
    if rng.random() < 0.4:
        content["yx_error"] = float(10 ** rng.uniform(-3, -0.2))
        return f"yx_error = {content['yx_error']:.3g}"
    names = [name for name in ("t", "mgas", "yx") if name in content["relations"]]
    content["errors"] = {name: float(10 ** rng.uniform(-3, -0.2)) for name in names if rng.random() < 0.7}
    return f"errors {content['errors']}"


def weak_lensing(content: Content, rng: Rng) -> str:
    content["weak_lensing"] = {"scatter": float(rng.uniform(0.05, 1.0))}
    for name in ("norm_wl", "scatter_wl"):
        if rng.random() < 0.5:
            content["parameters"][name] = {"lognormal": float(rng.uniform(0.01, 0.5))}
    return "weak lensing"


def shape(content: Content, rng: Rng) -> str:
    names = [name for name in ("Om0", "h", "ns") if rng.random() < 0.6]
    for name in names:
        value = content["cosmology"][name]
        flat = {"flat": [value * (1 - 0.1 * rng.random()), value * (1 + 0.1 * rng.random())]}
        content["parameters"][name] = (
            flat if rng.random() < 0.5 else {"gaussian": float(value * rng.uniform(0.001, 0.05))}
        )
        if rng.random() < 0.15:
            content["parameters"][name] = float(value * rng.uniform(0.9, 1.1))
    return f"free {names}"


def priors(content: Content, rng: Rng) -> str:
    kinds = list(content["parameters"])
    name = str(rng.choice([*kinds, "evolution_lx", "evolution_yx", "norm_yx", "slope_yx", "scatter_yx", "evolution_t"]))
    if name == "sigma8":
        low = float(rng.uniform(0.45, 0.75))
        content["parameters"][name] = {"flat": [low, low + float(rng.uniform(0.1, 0.6))], "fiducial": low + 0.08}
    elif name.startswith("evolution"):
        content["parameters"][name] = {"gaussian": float(10 ** rng.uniform(-2, 0.5))}
    elif name not in ("Om0", "h", "ns"):
        content["parameters"][name] = {str(rng.choice(["gaussian", "lognormal"])): float(10 ** rng.uniform(-2.5, 0))}
    return f"prior of {name}"


def settings(content: Content, rng: Rng) -> str:
    content["sample_variance"] = bool(rng.random() < 0.5)
    content["mass_function"] = str(rng.choice(["tinker08", "bocquet16_hydro", "bocquet16_dm"]))
    content["yx_bin"] = float(rng.choice([0.02, 0.1, 0.5, 1.5]))
    content["cosmology"]["Om0"] = round(float(rng.uniform(0.2, 0.4)), 3)
    return f"{content['mass_function']}, sample variance {content['sample_variance']}"


FEATURES: tuple[Callable[[Content, Rng], str], ...] = (
    geometry, shells, flux_limit, mass_limit, mean_relations, proxy, library, errors, weak_lensing,
    shape, priors, settings,
)  # fmt: skip


def vary(content: Content, rng: Rng) -> str:
    """Change one thing about a survey; what it was."""
    return FEATURES[int(rng.integers(len(FEATURES)))](content, rng)
