"""What a file to begin with assumes without having been told, a sentence a key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..core.observables import WORDS
from ..cosmology.stated import stated_cosmology

FILL_IN = "FILL IN"
"""What is written where nobody but the user knows; a file with it is refused, by its key."""
SURVEY = {"area": ("survey.area", '"3000 deg2"'), "flux_limit": ("selection.flux_limit", '"1.3e-11 erg/(s cm2)"')}
"""Where what only the survey knows is written, and how."""


def missing(settings: Mapping[str, Any]) -> tuple[str, ...]:
    """Keys of the survey's own numbers that are not given."""
    return tuple(where for key, (where, _) in SURVEY.items() if settings.get(key) is None)


def to_fill_in(keys: tuple[str, ...]) -> Iterator[str]:
    """What to do with keys that hold `FILL_IN`."""
    likes = dict(SURVEY.values())
    for key in keys:
        yield f"{key}: {FILL_IN} your survey's own, as in {likes[key]}; until then the file is refused"


def assumed(content: Mapping[str, Any]) -> Iterator[str]:
    """Cosmology, relations, priors, mass function and k-correction of a flux-limited survey, to be checked."""
    cosmology, parameters, selection = content["cosmology"], content["parameters"], content["selection"]
    yield (
        f"cosmology: wrote Om0 = {cosmology['Om0']:g} and h = {cosmology['h']:g}, both fixed: sigma8 hangs on Om0; put "
        "yours there, or free it under [parameters]: Om0 = { flat = [0.2, 0.4] }"
    )
    laws = [WORDS[name] for name in content["relations"] if name in WORDS]
    yield f"relations: wrote those of Vikhlinin et al. (2009a) of {', '.join(laws)} with mass; put yours there"
    low, high = parameters["sigma8"]["flat"]
    known = ", ".join(
        f"{WORDS[name]} to {100 * parameters[f'norm_{name}']['lognormal']:.2g}%"
        for name in content["relations"]
        if f"norm_{name}" in parameters
    )
    yield (
        f"parameters: sigma8 flat, {low:g} to {high:g}; normalisations known as published ({known} at given mass), "
        "which decide sigma(sigma8); put your priors there"
    )
    yield f'mass_function: wrote "{content["mass_function"]}"; bocquet16_hydro has baryons'
    if "k_slope" in selection:
        law = f"L_X = 4 pi D_L^2 flux (1 + z)^{selection['k_slope']:g}, of hot clusters; put your own slope"
        yield f"selection.k_correction: wrote {law}"


def write_cosmology(catalogue: dict[str, Any], meta: Mapping[str, Any], otherwise: Mapping[str, float]) -> str:
    """Give [catalogue] the cosmology of its luminosities, stated or else that of the survey; what to check of it."""
    stated = stated_cosmology(meta)
    catalogue["cosmology"] = {key: stated.get(key, otherwise[key]) for key in ("Om0", "h")}
    whose = {key: "as the file states" if key in stated else "as for the survey" for key in ("Om0", "h")}
    each = "; ".join(f"{key} = {value:g}, {whose[key]}" for key, value in catalogue["cosmology"].items())
    return f"catalogue.cosmology: wrote {each}; put those of the table's luminosities there"


def planned_error(content: Mapping[str, Any]) -> str:
    """How well a survey to be planned measures Y_X."""
    error = content["yx_error"]
    return f"yx_error: wrote {error:g} dex for Y_X of every cluster, as of survey depth; put that of your observations"


def planned_survey(content: Mapping[str, Any], settings: Mapping[str, Any], whose: str) -> Iterator[str]:
    """The survey's own numbers that were not given."""
    for key in ("area", "flux_limit", "zmin", "zmax"):
        if settings.get(key) is None:
            section = "selection" if key == "flux_limit" else "survey"
            value = content[section][key]
            wrote = f'"{value}"' if isinstance(value, str) else f"{value:g}"
            yield f"{section}.{key}: wrote {wrote}, that of {whose}; put yours there"
