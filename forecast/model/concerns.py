"""What a reader must know of a survey before its forecast: masses without relations, and surveys that see nothing."""

from __future__ import annotations

from ..core.caution import Caution
from .forward import ForwardModel
from .mass_range import mass_concerns, temperature_concerns
from .mean_density import expected_number

FEW = 1.0
"""Expected clusters below which a survey says little but its prior."""


def concerns(model: ForwardModel) -> tuple[Caution, ...]:
    """Doubts about a survey, whatever its data."""
    found = [Caution("prior", words) for words in model.parameters.doubts]
    found += [Caution("masses", words) for words in mass_concerns(model)]
    found += [Caution("band", words) for words in temperature_concerns(model)]
    expected = expected_number(model)
    if expected < FEW:
        text = f"{expected:.2g} clusters are expected: what is shown is hardly more than the prior"
        found.insert(0, Caution("number", text))
    return tuple(found)
