"""What a reader must know of a survey before its forecast: masses without relations, and surveys that see nothing."""

from __future__ import annotations

import numpy as np

from ..core.band import SOFT
from ..core.caution import Caution
from ..cosmology.mass_function import measured_density
from ..survey.emission import log_continuum
from ..survey.selection import FluxSelection
from .forward import ForwardModel
from .mass_range import mass_concerns, temperature_concerns
from .mean_density import expected_number
from .setup import Setup

FEW = 1.0
"""Expected clusters below which a survey says little but its prior."""
TYPICAL, NEAR = 5.0, 0.03
"""Temperature of a usual cluster, keV; part of a luminosity by which a K-correction may differ from that of its gas."""
NEAR_DENSITY = 0.01
"""Difference of Om0 from that of a mass function's simulations that is none."""


def band_concerns(setup: Setup) -> tuple[str, ...]:
    """Factors between bands that are not those of hot gas, in a sentence."""
    flux = setup.selection.in_flux
    if flux is None:
        return ()
    words = (flux.emission.doubt(flux.band, setup.relations.lx_band), _k_doubt(flux, setup.geometry.redshift_edges[-1]))
    return tuple(one for one in words if one)


def mass_function_concerns(setup: Setup) -> tuple[str, ...]:
    """A mass function that is asked for far from where it was measured, in a sentence."""
    measured, Om0 = measured_density(setup.mass_function), setup.fixed_density
    if measured is None or (Om0 is not None and abs(Om0 - measured) <= NEAR_DENSITY):
        return ()
    where = "Om0 free" if Om0 is None else f"Om0 = {Om0:g}"
    return (
        f"mass_function = {setup.mass_function}: was measured in simulations of Om0 = {measured:g}, and its "
        f"coefficients go with Omega_m(z), so that with {where} it says little; choose another one",
    )


def _k_doubt(flux: FluxSelection, z: float) -> str:
    """What to say of a K-correction by redshift alone, in another band than that from which its power is known."""
    if flux.band == SOFT or flux.k_correction != "power_law":
        return ""
    log_t = np.log10(TYPICAL)
    continuum = log_continuum(flux.band, log_t) - log_continuum(flux.band, log_t, np.array(z))
    excess = float(10 ** (flux.log_factor(np.array(z), None, flux.band) - continuum)) - 1
    if abs(excess) < NEAR:
        return ""
    side = "above" if excess > 0 else "below"
    return (
        f"selection.k_correction: luminosities at z = {z:g} are {abs(excess):.0%} {side} those of {TYPICAL:g} keV gas "
        f'in {flux.band}; give k_correction = "continuum", or a k_slope of that band'
    )


def concerns(model: ForwardModel) -> tuple[Caution, ...]:
    """Doubts about a survey, whatever its data."""
    found = [Caution("prior", words) for words in model.parameters.doubts]
    found += [Caution("masses", words) for words in mass_concerns(model)]
    found += [Caution("band", words) for words in temperature_concerns(model)]
    found += [Caution("band", words) for words in band_concerns(model.setup)]
    found += [Caution("mass_function", words) for words in mass_function_concerns(model.setup)]
    expected = expected_number(model)
    if expected < FEW:
        text = f"{expected:.2g} clusters are expected: what is shown is hardly more than the prior"
        found.insert(0, Caution("number", text))
    return tuple(found)
