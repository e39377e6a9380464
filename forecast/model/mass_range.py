"""Masses of the clusters that a survey is expected to find, beside those for which the model holds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from ..core.arrays import Array
from ..core.errors import InputError
from ..core.parameters import ParameterSet
from .flux_limited import FluxLimitedModel
from .population import LOG_MASS_HIGH, LOG_MASS_LOW, Population
from .setup import Setup

LOST = 0.01
"""Part of the expected clusters that may lie beyond the ends of the mass function."""
NAMED, UNCALIBRATED = 5e-4, 0.05
"""Parts beyond its ends, and outside the calibration of the relations, from which on a report says so."""
FEWEST = 1e-60
"""Expected clusters below which a survey has none."""
_REACH = 0.5
"""Distance, dex, over which the abundance at the last mass is taken to go on."""
_SHALLOW, _BISECTIONS = -9.0, 14


class MassModel(Protocol):
    """A forward model with a grid of masses."""

    @property
    def setup(self) -> Setup:
        """What the model was built from."""

    @property
    def parameters(self) -> ParameterSet:
        """Free and fixed parameters."""

    @property
    def population(self) -> Population:
        """Clusters before selection, on the model's grid."""

    def by_mass(self, theta: Array) -> Array:
        """Expected clusters at each node of the mass grid, shape (P, M)."""


@dataclass(frozen=True)
class MassRange:
    """Expected clusters of a survey by mass, at its fiducial parameters.

    Parameters
    ----------
    log_mass : ndarray, shape (M,)
        log10 M500c, Msun/h; uniform.
    number : ndarray, shape (M,)
        Expected clusters at each.
    """

    log_mass: Array
    number: Array

    @classmethod
    def of(cls, model: MassModel) -> MassRange:
        """That of a forward model."""
        return cls(model.population.log_mass, model.by_mass(model.parameters.fiducial[None])[0])

    @property
    def lost(self) -> tuple[float, float]:
        """Parts of the clusters below and above the masses of the mass function, as far as the last ones tell."""
        cells = _REACH / (self.log_mass[1] - self.log_mass[0])
        at_low = self.log_mass[0] <= LOG_MASS_LOW + 1e-9
        low, high = self.number[0] * cells * at_low, self.number[-1] * cells
        total = self.number.sum()
        return float(low / (total + low)), float(high / (total + high))

    def outside(self, low: float, high: float) -> tuple[float, float]:
        """Parts of the clusters below and above two masses, log10 Msun/h."""
        total = self.number.sum()
        return tuple(float(self.number[m].sum() / total) for m in (self.log_mass < low, self.log_mass > high))  # type: ignore[return-value]


def check_masses(model: MassModel) -> None:
    """Raise unless a survey sees clusters, and all but `LOST` of them where there is a mass function.

    Raises
    ------
    InputError
    """
    masses = MassRange.of(model)
    if not masses.number.sum() > FEWEST:
        raise InputError("selection: no cluster is expected at all; lower the flux limit, or the selection's masses")
    below, above = masses.lost
    if above > LOST:
        raise InputError(
            f"the survey expects clusters above 10^{LOG_MASS_HIGH:g} Msun/h, where there is no mass function; "
            "check the flux limit, the normalisations of the relations and the pivot mass"
        )
    if below > LOST:
        raise InputError(
            f"the survey would see clusters below 10^{LOG_MASS_LOW:g} Msun/h, where there is no mass function; "
            f"{_cure(model)}"
        )


def _cure(model: MassModel) -> str:
    """A selection that stays above the floor."""
    selection = model.setup.selection.in_flux
    if selection is None:
        return "raise selection.min_mass"
    low, high = np.log10(selection.flux_limit), _SHALLOW
    for _ in range(_BISECTIONS):
        middle = 0.5 * (low + high)
        other = replace(model.setup, selection=selection.with_limit(10.0**middle))
        below, _above = MassRange.of(FluxLimitedModel(other)).lost
        low, high = (middle, high) if below > LOST else (low, middle)
    return f'raise the flux limit to "{1.1 * 10.0**high:.2g} erg / (s cm2)", or survey.zmin'


def mass_concerns(model: MassModel) -> tuple[str, ...]:
    """What a reader should know of the masses of the expected clusters, in sentences."""
    masses, words = MassRange.of(model), []
    below, above = masses.lost
    if max(below, above) > NAMED:
        words.append(
            f"{max(below, above):.1%} of the clusters would lie beyond the masses of the mass function, "
            f"10^{LOG_MASS_LOW:g} to 10^{LOG_MASS_HIGH:g} Msun/h; they are left out"
        )
    low, high = model.setup.relations.calibrated_masses
    for part, side in zip(masses.outside(low, high), (f"below 10^{low:g}", f"above 10^{high:g}"), strict=True):
        if part > UNCALIBRATED:
            words.append(f"{part:.0%} of the expected clusters lie {side} Msun/h, where no relation is calibrated")
    return tuple(words)
