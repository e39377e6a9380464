"""What a reader must know of a survey before its forecast: masses without relations, and surveys that see nothing."""

from __future__ import annotations

from ..core.caution import Caution
from .forward import ForwardModel
from .mass_range import mass_concerns, temperature_concerns
from .mean_density import expected_number
from .setup import Setup

FEW = 1.0
"""Expected clusters below which a survey says little but its prior."""


def band_concerns(setup: Setup) -> tuple[str, ...]:
    """Factors between bands that are not those of hot gas, in a sentence."""
    flux = setup.selection.in_flux
    words = "" if flux is None else flux.emission.doubt(flux.band, setup.relations.lx_band)
    return (words,) if words else ()


def concerns(model: ForwardModel) -> tuple[Caution, ...]:
    """Doubts about a survey, whatever its data."""
    found = [Caution("prior", words) for words in model.parameters.doubts]
    found += [Caution("masses", words) for words in mass_concerns(model)]
    found += [Caution("band", words) for words in temperature_concerns(model)]
    found += [Caution("band", words) for words in band_concerns(model.setup)]
    expected = expected_number(model)
    if expected < FEW:
        text = f"{expected:.2g} clusters are expected: what is shown is hardly more than the prior"
        found.insert(0, Caution("number", text))
    return tuple(found)
