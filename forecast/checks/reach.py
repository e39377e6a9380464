"""Clusters below a survey's flux limit, and data for which it, by its own follow-up and lensing, has none."""

from __future__ import annotations

import numpy as np

from ..core.arrays import Array
from ..core.caution import Caution, Kind
from ..model.catalogue import Catalogue
from ..model.setup import Setup
from ..survey.detection.layers import layer_numbers
from ..survey.lensing_sample import LensingSample, Sky
from ..survey.selection import FluxSelection
from .followed import proxy_known

ROUNDING = 0.02
"""dex by which published luminosities may fall short of a flux limit."""
SIGMAS = 3.0
"""Errors by which they may."""
_NAMED = 3
_WITHOUT_MASS = (
    "have no lensing mass, but lie above the flux_limit of [weak_lensing], where every cluster has one: give its "
    "fraction, the part of them that has"
)


def out_of_reach(setup: Setup, catalogue: Catalogue) -> tuple[Caution, ...]:
    """Cautions that name mass proxies below the limit of a follow-up, and lensing masses outside theirs, or missing."""
    found = []
    followup = setup.followup
    if followup is not None and followup.flux_limit is not None:
        faint = proxy_known(catalogue) & ~_within(setup, catalogue, LensingSample(flux_limit=followup.flux_limit))
        where = "have a mass proxy, but lie below followup.flux_limit by more than their errors allow"
        found += _said(catalogue, faint, "followup", f"{where}: lower it, or leave their proxies empty")
    if catalogue.log_mwl is not None and setup.weak_lensing is not None:
        strange = np.isfinite(catalogue.log_mwl) & ~_within(setup, catalogue, setup.lensing_sample)
        where = "have a lensing mass, but lie outside the flux_limit, zmin or zmax of [weak_lensing]"
        found += _said(catalogue, strange, "lensing", f"{where}, where mock catalogues have none: correct these")
        found += _said(catalogue, _left_out(setup, catalogue), "lensing", _WITHOUT_MASS)
    return tuple(found)


def _left_out(setup: Setup, catalogue: Catalogue) -> Array:
    """Which clusters lack a lensing mass for certain, though every one above the flux limit is said to have one."""
    sample = setup.lensing_sample
    if catalogue.log_mwl is None or sample.flux_limit is None or sample.fraction < 1:
        return np.zeros(catalogue.size, dtype=bool)
    return ~np.isfinite(catalogue.log_mwl) & _within(setup, catalogue, sample, -SIGMAS)


def _within(setup: Setup, catalogue: Catalogue, sample: LensingSample, sigmas: float = SIGMAS) -> Array:
    """Which clusters are within limits were they brighter by `sigmas` of their errors; bool, shape (N,).

    One of unknown L_X may be anywhere.
    """
    values, errors = catalogue.observables["lx"]
    selection = setup.selection
    assumed = 0.0 if selection.in_flux is None else selection.in_flux.flux_error
    highest = values + sigmas * np.where(errors > 0, errors, assumed) + np.sign(sigmas) * ROUNDING
    bright = np.where(np.isfinite(values), highest, np.sign(sigmas) * np.inf)
    sky = Sky(catalogue.z, bright, cosmology=setup.cosmology, relations=setup.relations, selection=selection)
    return sky.within(sample)


def _said(catalogue: Catalogue, which: Array, kind: Kind, words: str) -> list[Caution]:
    if not which.any():
        return []
    names = ", ".join(catalogue.name[i] for i in np.flatnonzero(which)[:_NAMED])
    more = f" and {which.sum() - _NAMED} more" if which.sum() > _NAMED else ""
    return [Caution(kind, f"{names}{more} {words}")]


def faint_clusters(setup: Setup, catalogue: Catalogue) -> tuple[Array, Array]:
    """Which clusters are below the flux limit, and which by more than `SIGMAS` of their error; bool, shape (N,).

    Of a gradual limit, below where anything is detected; of layers that are told apart, that of its own. Published
    luminosities are rounded: `ROUNDING` is allowed.
    """
    selection, relations = setup.selection.in_flux, setup.relations
    if selection is None:
        return np.zeros(catalogue.size, dtype=bool), np.zeros(catalogue.size, dtype=bool)
    values, errors = catalogue.observables["lx"]
    limit = selection.log_luminosity_limit(catalogue.z, setup.cosmology, relations)
    edge = limit + _faintest(setup, selection, catalogue) - ROUNDING
    error = np.where(errors > 0, errors, selection.flux_error)
    return values < edge, values + SIGMAS * error < edge


def _faintest(setup: Setup, selection: FluxSelection, catalogue: Catalogue) -> Array:
    """log10 of the flux below which nothing is detected over the reference, (N,)."""
    told = catalogue.layer if setup.binned_by_layer else None
    each = [selection] if told is None else [selection.of_layer(i) for i in range(len(selection.layers))]
    parts = [zip(one.detection.offset, one.detection.width, strict=True) for one in each]
    lowest = np.array([min(offset - SIGMAS * width for offset, width in part) for part in parts])
    return lowest[np.zeros(catalogue.size, dtype=int) if told is None else layer_numbers(selection, told)]
