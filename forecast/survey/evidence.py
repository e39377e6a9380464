"""Evidence of single detections, cluster or contaminant, as a table gives it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..core.arrays import Array
from ..core.caution import Caution
from ..core.errors import InputError
from ..core.units import LN10
from ..reading.tables import TableFile
from .richness import richness_evidence

LARGEST = 50.0
"""ln of a likelihood ratio beyond which a number is none."""
_SEVERAL = 5


@dataclass(frozen=True)
class EvidenceSpec:
    """Where a table says how much likelier each detection is of a cluster than of a contaminant.

    Parameters
    ----------
    column : str
    kind : {"ln", "log10", "ratio", "f_cont"}
        What it holds: the likelihood ratio or its logarithm, or the estimator of `forecast.survey.richness`.
    contamination : float, optional
        Share of the list that are no clusters, for f_cont.
    """

    column: str
    kind: Literal["ln", "log10", "ratio", "f_cont"]
    contamination: float | None = None


def read_evidence(table: TableFile, spec: EvidenceSpec) -> tuple[Array, tuple[Caution, ...]]:
    """ln of the likelihood ratios of all rows, shape (N,), 0 where unknown; and what is odd about them.

    Raises
    ------
    InputError
        If the column is missing or holds what cannot be.
    """
    raw = table.numbers(spec.column)
    known = np.isfinite(raw)
    doubts = []
    if not known.any():
        raise InputError(f"{table.file}: column '{spec.column}' is empty; take [catalogue.evidence] out")
    if not known.all():
        words = f"{(~known).sum()} of {len(raw)} detections have no '{spec.column}': evidence neither way"
        doubts.append(Caution("contamination", words))
    if spec.kind == "f_cont":
        table._require(spec.column, ~(raw < 0), "but f_cont cannot be negative; leave it empty where it is unknown")
        try:
            return richness_evidence(raw, float(spec.contamination or 0.0)), tuple(doubts)
        except InputError as error:
            raise InputError(f"{table.file}: catalogue.evidence: {error}") from None
    if spec.kind == "ratio":
        table._require(spec.column, ~(raw <= 0), 'but a ratio is positive; write kind = "ln" for its logarithm')
        raw = np.log(raw)
    values = np.where(known, raw * (LN10 if spec.kind == "log10" else 1.0), 0.0)
    cure = f'whose ln is beyond {LARGEST:g}: no detection is so sure; write kind = "ratio" if it is no logarithm'
    table._require(spec.column, np.abs(values) <= LARGEST, cure)
    if spec.kind != "ratio" and known.sum() >= _SEVERAL and np.all((raw[known] >= 0) & (raw[known] <= 1)):
        words = f"column '{spec.column}' lies within 0 to 1, as probabilities do; a likelihood ratio is wanted, its ln"
        doubts.append(Caution("contamination", words))
    return values, tuple(doubts)
