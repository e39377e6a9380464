"""A doubt that a reader must know of, as a record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "number", "prior_edge", "prior_tension", "goodness", "predictive", "mass_function", "listed_twice", "rows_left_out",
    "table", "encoding", "unit", "below_limit", "redshift", "flux_error", "errors", "offset", "masses", "completeness",
    "lensing", "not_converged", "limits", "followup", "footprint", "mass_scale", "no_power", "same_redshift", "prior",
    "contamination", "lensed", "band",
]  # fmt: skip
"""What a caution is about."""


class CatalogueWarning(UserWarning):
    """A catalogue is most likely not what the survey's model takes it for.

    Examples
    --------
    >>> import warnings
    >>> with warnings.catch_warnings():  # to make it an error, until the block ends
    ...     warnings.simplefilter("error", CatalogueWarning)
    """


@dataclass(frozen=True)
class Caution:
    """One doubt, for people; its kind for programs."""

    kind: Kind
    text: str
