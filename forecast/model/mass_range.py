"""Masses of the clusters that a survey is expected to find, beside those for which the model holds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol, cast

import numpy as np

from ..core.arrays import Array
from ..core.errors import InputError
from ..core.parameters import ParameterSet, Values
from ..survey.selection import FluxSelection
from .flux_limited import FluxLimitedModel
from .population import LOG_MASS_HIGH, LOG_MASS_LOW, Population
from .setup import Setup

LOST = 0.01
"""Part of the expected clusters that may lie beyond the ends of the mass function."""
NAMED, UNCALIBRATED = 5e-4, 0.05
"""Parts beyond its ends, and outside the calibration of the relations, from which on a report says so."""
COOL = 0.05
"""Part cooler than the continuum model holds from which on a report says so."""
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


class FluxModel(MassModel, Protocol):
    """The same of a survey that is limited in flux."""

    def by_node(self, v: Values) -> Array:
        """Expected clusters per dex of mass at each redshift node and mass, shape (P, K, M)."""


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
    _refuse_beyond_table(model)


@dataclass(frozen=True)
class _Temperatures:
    """log10 kT / keV at each redshift node and mass, (K, M), and the share of the expected clusters there."""

    selection: FluxSelection
    log_t: Array
    share: Array


def _temperatures(model: MassModel) -> _Temperatures | None:
    """Temperatures of the expected clusters of a flux limit; None where nothing depends on them."""
    setup, selection = model.setup, model.setup.selection.in_flux
    if selection is None or not selection.needs_temperature(setup.relations.lx_band):
        return None
    z, log_mass = model.population.shells.z[:, None], model.population.log_mass
    log_t = selection.emission.log_temperature(z, log_mass, setup.cosmology, setup.relations)
    number = cast(FluxModel, model).by_node(model.parameters.values(model.parameters.fiducial[None]))[0]
    return _Temperatures(selection, log_t, number / number.sum())


def _refuse_beyond_table(model: MassModel) -> None:
    """Raise if more than `LOST` of the expected clusters have temperatures that a table of factors lacks."""
    found = _temperatures(model)
    if found is None or (table := found.selection.emission.table) is None:
        return
    part = float(found.share[table.lacks(found.log_t)].sum())
    if part > LOST:
        near = 10 ** found.log_t[found.share > LOST * found.share.max()]
        raise InputError(
            f"emission.band_table: is of {table.t[0]:g} to {table.t[-1]:g} keV, but {part:.0%} of the expected "
            f"clusters are of others; list {near.min():.2g} to {near.max():.2g} keV"
        )


def temperature_concerns(model: MassModel) -> tuple[str, ...]:
    """Share of the expected clusters that are cooler than the model of emission holds, in a sentence."""
    found = _temperatures(model)
    if found is None or found.selection.emission.table is not None:
        return ()
    coolest = found.selection.emission.coolest
    part = float(found.share[found.log_t < np.log10(coolest)].sum())
    if part < COOL:
        return ()
    selection, to = found.selection, model.setup.relations.lx_band
    what = f"luminosities of {to}" if to != selection.band else "luminosities"
    return (
        f"{part:.0%} of the expected clusters are cooler than {coolest:g} keV, and count as that hot in the "
        f"factor from fluxes of {selection.band} to {what}; {selection.emission.cure}",
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
