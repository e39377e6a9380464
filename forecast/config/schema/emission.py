"""The table of how luminosities in one energy band follow from those in another."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from .types import FileName, Number, Strict, like


class TemperatureConfig(Strict):
    """Mean temperature against mass, at the pivot and z0 of [relations], where that has no relation of it."""

    norm: Annotated[str, like("temperature")]
    """Mean temperature at the pivot mass and redshift z0."""
    slope: Annotated[Number, Field(ge=0, le=10)] = 0.65
    """Power of mass."""
    evolution: Annotated[Number, Field(ge=-20, le=20)] = 0.67
    """Power of E(z)/E(z0)."""


class EmissionConfig(Strict):
    """What hot gas emits in which band, where fluxes, luminosities or relations are of different bands."""

    model: Literal["continuum", "apec"] = "continuum"
    """What converts between bands where no factor is given: free-free emission of hydrogen and helium, which holds
    above 3 keV, or with lines and recombination of gas of 0.3 solar (apec), above 1 keV."""
    band_table: FileName | None = None
    """A table of your emission model on a grid of temperatures t, keV, and redshifts z, one row for each pair. Column
    ratio: luminosity in relations.lx.band over that in selection.band, rest frame; column k: luminosity in
    selection.band over 4 pi D_L^2 flux, for k_correction = "table"."""
    band_ratio: Annotated[Number, Field(gt=0.01, lt=100)] | None = None
    """A constant instead: luminosity in relations.lx.band over that in selection.band."""
    temperature: TemperatureConfig | None = None
    """Mean temperature, where there is no [relations.t]; for these factors alone."""

    @model_validator(mode="after")
    def _one_ratio(self) -> EmissionConfig:
        if self.band_table is not None and self.band_ratio is not None:
            raise ValueError("give band_table or band_ratio, not both")
        if self.band_table is not None and self.model != "continuum":
            raise ValueError("give model or band_table, not both")
        return self
