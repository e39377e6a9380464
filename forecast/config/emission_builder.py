"""How luminosities of different bands follow from one another, from its table; what is not covered is refused."""

from __future__ import annotations

import math
from pathlib import Path

from ..core.band import SOFT, Band
from ..core.errors import InputError
from ..core.units import parse
from ..cosmology.background import Cosmology
from ..model.catalogue_spec import CatalogueSpec
from ..model.setup import Setup
from ..reading.tables import Column, open_table
from ..relations.lines import PowerLaw
from ..relations.power_laws import Relations
from ..survey.band_table import BandTable
from ..survey.emission import COVERED, Emission
from ..survey.flux_limit import FluxLimited, KCorrection
from ..survey.luminosity import Luminosities
from ..survey.selection import FluxSelection, Selection
from ..survey.shells import Geometry
from .quantities import named
from .schema.emission import EmissionConfig, TemperatureConfig
from .schema.survey import FluxLimitedConfig, SharpConfig, SmoothedConfig

SelectionConfig = SharpConfig | SmoothedConfig | FluxLimitedConfig

_ANY = 0.1
"""Scatter of a mean temperature, dex, which nothing asks for."""


def build_emission(c: EmissionConfig, cosmology: Cosmology) -> Emission:
    """Factors between bands and redshifts.

    Raises
    ------
    InputError
        If the table of factors cannot be read, or is no grid.
    """
    table = None if c.band_table is None else named("emission.band_table", lambda: _read_table(str(c.band_table)))
    temperature = None if c.temperature is None else _temperature(c.temperature, cosmology)
    return Emission(table, c.band_ratio, temperature, lines=c.model == "apec")


def _read_table(file: str) -> BandTable:
    """A user's table with columns t and z, and ratio or k or both."""
    path = Path(file)
    opened = open_table(path, {name: Column(name) for name in ("t", "z")}, 1.0, section="emission.band_table")
    listed = [name for name in ("ratio", "k") if name in opened.table.colnames]
    if not listed:
        raise InputError(f"{path.name}: has neither a column ratio nor a column k")
    return BandTable.of({name: opened.numbers(name) for name in ("t", "z", *listed)}, path.name)


def _temperature(c: TemperatureConfig, cosmology: Cosmology) -> PowerLaw:
    norm = named("emission.temperature.norm", lambda: parse(c.norm, "temperature", cosmology.h))
    if not 0.1 <= norm <= 30:
        raise InputError(f"emission.temperature.norm: '{c.norm}' is no temperature of a cluster (0.1 to 30 keV)")
    return PowerLaw(math.log10(norm), c.slope, c.evolution, scatter=_ANY)


def with_default_k_correction(c: SelectionConfig, emission: EmissionConfig) -> SelectionConfig:
    """The table of a selection in another band than 0.5-2 keV, whose K-correction is that of the gas if left out."""
    if not isinstance(c, FluxLimitedConfig) or c.k_correction is not None or Band.parse(c.band) == SOFT:
        return c
    return c.model_copy(update={"k_correction": emission.model})


def with_emission(selection: Selection, emission: Emission, relations: Relations, geometry: Geometry) -> Selection:
    """A selection that converts fluxes to the luminosities of the relations.

    Raises
    ------
    InputError
        If no conversion covers its band, something that is given converts nothing, or there is no temperature.
    """
    flux = selection.in_flux
    if emission.temperature is not None and relations.t is not None:
        raise InputError("emission.temperature: there is a [relations.t], which tells temperatures; take this out")
    if flux is None:
        _refuse_of_mass(emission)
        return selection
    _refuse_uncovered(flux, "selection.band")
    emission.check(flux.band, relations.lx_band, "selection.band")
    _refuse_unused(flux, emission, relations.lx_band)
    if emission.table is not None:
        _cover(emission.table, geometry)
    if flux.needs_temperature(relations.lx_band) and (relations.t or emission.temperature) is None:
        raise InputError(
            f"{_who(flux, relations.lx_band)} needs relations.t; add it, or write [emission.temperature] with "
            'norm = "5 keV" at the pivot mass'
        )
    return flux.with_emission(emission)


def _refuse_of_mass(emission: Emission) -> None:
    """Raise if there are factors from the band of a limit that is none in flux."""
    key = "band_ratio" if emission.ratio is not None else "band_table"
    if emission.given:
        raise InputError(f"emission.{key}: converts from selection.band, but [selection] is in mass; take it out")


def _refuse_uncovered(flux: FluxSelection, key: str) -> None:
    """Raise if a K-correction of the continuum model is asked for where that does not hold."""
    if flux.k_correction in ("continuum", "bremsstrahlung", "apec") and not flux.band.within(COVERED):
        raise InputError(
            f"{key} = '{flux.band}': selection.k_correction = '{flux.k_correction}' covers {COVERED}; write "
            'k_correction = "power_law" with its k_slope, or "table" with emission.band_table'
        )


def _who(flux: FluxSelection, to: Band) -> str:
    """What depends on temperature."""
    if flux.k_by_temperature:
        return f"selection.k_correction = '{flux.k_correction}'"
    return f"selection.band = '{flux.band}' beside relations.lx.band = '{to}'"


def _refuse_unused(flux: FluxSelection, emission: Emission, to: Band) -> None:
    """Raise if factors are given that convert nothing."""
    alike = f"selection.band and relations.lx.band are both {flux.band}"
    if emission.ratio is not None and flux.band == to:
        raise InputError(f"emission.band_ratio: converts nothing, as {alike}; take it out")
    model, others = ("apec", ("continuum", "bremsstrahlung")) if emission.lines else ("continuum", ("apec",))
    if flux.k_correction in others:
        words = f"selection.k_correction = '{flux.k_correction}' beside emission.model = '{model}'"
        cure = 'selection.k_correction = "apec"' if emission.lines else '[emission] model = "apec"'
        raise InputError(f"{words}: gas emits as one of them says; write {cure} too, or leave the lines out")
    by_table, table = flux.k_correction == "table", emission.table
    if by_table and (table is None or not table.log_k):
        raise InputError(
            "selection.k_correction = 'table': needs [emission] band_table = \"FILE\" with columns t, z and k"
        )
    if table is None:
        return
    if table.log_k and not by_table:
        raise InputError(
            'emission.band_table: nothing uses its column k; set selection.k_correction = "table", or drop the column'
        )
    if table.log_ratio and flux.band == to:
        raise InputError(f"emission.band_table: nothing uses its column ratio, as {alike}; drop the column")
    if not table.log_ratio and flux.band != to:
        raise InputError(
            f"emission.band_table: needs a column ratio, the luminosity in {to} over that in {flux.band}; add it"
        )


def _cover(table: BandTable, geometry: Geometry) -> None:
    """Raise unless a table holds the redshifts of a survey."""
    near, *_, far = geometry.redshift_edges
    if len(table.z) > 1 and not (table.z[0] <= near and far <= table.z[-1]):
        raise InputError(
            f"emission.band_table: is of redshifts {table.z[0]:g} to {table.z[-1]:g}, but the survey of {near:g} to "
            f"{far:g}; list them too"
        )
    if len(table.z) == 1 and table.log_k:
        raise InputError("emission.band_table: a K-correction needs several redshifts; list those of the survey")


def build_luminosities(spec: CatalogueSpec, setup: Setup, emission: Emission) -> Luminosities:
    """How a catalogue's luminosities, or fluxes, become those of the relations.

    Raises
    ------
    InputError
        If what is given converts those of the survey's band alone, and the catalogue's is another.
    """
    relations, survey = setup.relations, setup.selection.in_flux
    band = spec.lx_band or (relations.lx_band if survey is None else survey.band)
    if survey is None:
        by_model: KCorrection = "apec" if emission.lines else "continuum"
        survey = FluxLimited(1.0, "power_law" if band == SOFT else by_model, band=band, emission=emission)
    from_flux = spec.lx_source == "flux"
    if band != survey.band:
        _refuse_of_survey_alone(survey, band, relations.lx_band, from_flux)
    if from_flux:
        _refuse_uncovered(survey.in_band(band), "catalogue.lx_band")
    of_survey = setup.selection.in_flux is not None and band == survey.band
    listed = Luminosities(survey.in_band(band), relations, setup.cosmology, from_flux=from_flux, of_survey=of_survey)
    if listed.by_temperature and (relations.t or emission.temperature) is None:
        raise InputError(
            f"catalogue.lx_band: luminosities of {band} become those of {relations.lx_band} by a factor that needs "
            'relations.t; add it, or write [emission.temperature] with norm = "5 keV" at the pivot mass'
        )
    return listed


def refuse_idle_emission(emission: Emission, setup: Setup, listed: Luminosities | None) -> None:
    """Raise if a temperature or lines are given on which neither the limit nor the catalogue depends.

    Raises
    ------
    InputError
    """
    flux, to = setup.selection.in_flux, setup.relations.lx_band
    used = (flux is not None and flux.needs_temperature(to)) or (listed is not None and listed.by_temperature)
    if emission.temperature is not None and not used:
        raise InputError("emission.temperature: no factor of this survey depends on temperature; take it out")
    if emission.lines and not used:
        raise InputError("emission.model = 'apec': no factor of this survey depends on what gas emits; take it out")


def _refuse_of_survey_alone(survey: FluxSelection, band: Band, to: Band, from_flux: bool) -> None:
    """Raise if factors of the survey's band are all there is for a catalogue in another one."""
    if band != to and survey.emission.given:
        raise InputError(
            f"catalogue.lx_band = '{band}': [emission] converts {survey.band} to {to} alone; convert the table's "
            "luminosities first, or leave band_ratio and band_table out for the continuum model"
        )
    if from_flux and survey.k_correction not in ("none", "bremsstrahlung", "continuum", "apec"):
        raise InputError(
            f"catalogue.lx_band = '{band}': selection.k_correction = '{survey.k_correction}' is of fluxes in "
            f'{survey.band} alone; write selection.k_correction = "continuum"'
        )
