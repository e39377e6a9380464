"""Evidence of a catalogue's detections, and the contaminants that its survey expects."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..core.caution import Caution
from ..core.errors import InputError
from ..likelihoods.density.evidence import contaminants_of
from ..model.catalogue import Catalogue
from ..model.forward import ForwardModel

UNLIKE = 2.0
"""Factor by which numbers of contaminants may differ, beside their Poisson noise."""
_SIGMAS = 3.0


def with_contamination(model: ForwardModel, catalogue: Catalogue) -> Catalogue:
    """A catalogue with evidence, and a caution where that speaks of other numbers of contaminants than the survey.

    Of each detection the evidence and the survey's mean odds make a probability; their sum is the number.

    Raises
    ------
    InputError
        If there is evidence, but the survey expects no contaminants.
    """
    if catalogue.evidence is None:
        return catalogue
    false = contaminants_of(model)
    if false is None:
        raise InputError(
            f"{catalogue.source}: [catalogue.evidence] tells clusters from contaminants, but the survey expects none; "
            "add [selection.contamination], or take [catalogue.evidence] out"
        )
    at = model.parameters.fiducial[None]
    share = float(false.count(at)[0] / model.expected_count(at)[0])
    found = float(np.sum(share / (share + (1 - share) * np.exp(catalogue.evidence))))
    expected = share * catalogue.size
    low, high = expected / UNLIKE - _SIGMAS * expected**0.5, expected * UNLIKE + _SIGMAS * expected**0.5
    if low <= found <= high:
        return catalogue
    words = (
        f"[selection.contamination] expects {expected:.3g} contaminants among {catalogue.size} detections, their "
        f"evidence speaks of {found:.3g}: one of the two is wrong"
    )
    return replace(catalogue, remarks=(*catalogue.remarks, Caution("contamination", words)))
