"""What configurations are made of: strict tables, numbers, and quantities with their units."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from ..core.units import KINDS
from ..cosmology.background import LIMITS


class Strict(BaseModel):
    """A table that knows all its keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)


def _no_truth(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("is a number, not true or false")
    return value


Number = Annotated[float, BeforeValidator(_no_truth)]
Whole = Annotated[int, BeforeValidator(_no_truth)]
MatterDensity = Annotated[Number, Field(ge=LIMITS["Om0"][0], le=LIMITS["Om0"][1])]
Hubble = Annotated[Number, Field(ge=LIMITS["h"][0], le=LIMITS["h"][1])]


def like(kind: str) -> Any:
    """An example of a number with a unit."""
    return Field(examples=[f'"{KINDS[kind].example}"'])


Mass = Annotated[str, like("mass")]
Length = Annotated[str, like("length")]
Area = Annotated[str, like("area")]
Flux = Annotated[str, like("flux")]
