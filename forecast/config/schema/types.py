"""What configurations are made of: strict tables, numbers, and quantities with their units."""

from __future__ import annotations

import math
import re
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo

from ...core.band import Band
from ...core.errors import InputError, nearest
from ...core.units import KINDS
from ...cosmology.background import LIMITS
from ...cosmology.mass_function import MODELS


class Strict(BaseModel):
    """A table that knows all its keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)


def _no_words(value: Any) -> Any:
    """What is no number, but would be taken as one: true, false, and a number in quotes."""
    if isinstance(value, bool):
        raise ValueError("is a number, not true or false")
    if isinstance(value, str) and _is_number(value):
        raise ValueError(f"is a number; write {value.strip()} without quotes")
    return value


def _is_number(value: str) -> bool:
    with suppress(ValueError):
        return math.isfinite(float(value))
    return False


Number = Annotated[float, BeforeValidator(_no_words)]


NumberOrQuantity = Number | Annotated[str, AfterValidator(_no_words)]
"""A number in the key's own unit, or text with another."""


def _no_pair(value: Any) -> Any:
    if isinstance(value, list | tuple) and len(value) == 2:
        raise ValueError(f"is a standard deviation; write fiducial = {value[0]} beside it, and {value[1]} here")
    return value


Width = Annotated[Number, BeforeValidator(_no_pair)]
Whole = Annotated[int, BeforeValidator(_no_words)]
PublishedDensity = Annotated[Number, Field(ge=LIMITS["Om0"][0], le=1)]
"""Of a published cosmology, whose distances are all that is needed; 1 is Einstein-de Sitter."""
Hubble = Annotated[Number, Field(ge=LIMITS["h"][0], le=LIMITS["h"][1])]


def like(kind: str) -> Any:
    """An example of a number with a unit."""
    return Field(examples=[f'"{KINDS[kind].example}"'])


def _from_folder(value: str, info: ValidationInfo) -> str:
    """Path of a file that is named in the configuration of a folder; from here if it lies below."""
    if re.match(r"[a-z]+://", value, re.IGNORECASE):
        raise ValueError("is an address; download the file and give its path")
    path = (info.context or {}).get("folder", Path()) / Path(value).expanduser()
    here = Path.cwd()
    return str(path.resolve().relative_to(here) if path.resolve().is_relative_to(here) else path)


FileName = Annotated[str, AfterValidator(_from_folder)]
"""A file; a relative path begins at the configuration's folder."""
Mass = Annotated[str, like("mass")]
Length = Annotated[str, like("length")]
Area = Annotated[str, like("area")]
Flux = Annotated[str, like("flux")]


def _is_band(value: str) -> str:
    try:
        Band.parse(value)
    except InputError as error:
        raise ValueError(str(error).partition(", got ")[0]) from None
    return value


BandText = Annotated[str, AfterValidator(_is_band), Field(examples=['"0.1-2.4 keV"'])]
"""Photon energies between two limits."""


def _is_mass_function(value: str) -> str:
    if value not in MODELS:
        raise ValueError(f"'{value}' is no mass function; {nearest(value, MODELS)}")
    return value


MassFunctionName = Annotated[str, AfterValidator(_is_mass_function), Field(examples=['"tinker08"'])]
"""One of the mass functions."""
