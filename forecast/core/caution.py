"""A doubt that a reader must know of, as a record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "number", "prior_edge", "prior_tension", "goodness", "predictive", "mass_function", "listed_twice", "rows_left_out",
    "table", "encoding", "unit", "below_limit", "redshift", "flux_error", "errors", "offset", "masses", "completeness",
    "lensing", "not_converged", "limits", "followup", "footprint", "mass_scale", "no_power", "same_redshift", "prior",
    "contamination", "band",
]  # fmt: skip
"""What a caution is about."""


@dataclass(frozen=True)
class Caution:
    """One doubt, for people; its kind for programs."""

    kind: Kind
    text: str
