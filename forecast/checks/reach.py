"""Data of clusters for which a survey, by its own follow-up and lensing, has none."""

from __future__ import annotations

import numpy as np

from ..core.arrays import Array
from ..core.caution import Caution, Kind
from ..model.catalogue import Catalogue
from ..model.setup import Setup
from ..survey.lensing_sample import LensingSample, Sky
from .followed import proxy_known

ROUNDING = 0.02
"""dex by which published luminosities may fall short of a flux limit."""
SIGMAS = 3.0
"""Errors by which they may."""
_NAMED = 3


def out_of_reach(setup: Setup, catalogue: Catalogue) -> tuple[Caution, ...]:
    """Cautions that name mass proxies below the flux limit of a follow-up, and lensing masses outside their limits."""
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
    return tuple(found)


def _within(setup: Setup, catalogue: Catalogue, sample: LensingSample) -> Array:
    """Which clusters are, or for all their errors say may be, within limits; bool, shape (N,)."""
    values, errors = catalogue.observables["lx"]
    selection = setup.selection
    assumed = 0.0 if selection.in_flux is None else selection.in_flux.flux_error
    highest = values + SIGMAS * np.where(errors > 0, errors, assumed) + ROUNDING
    bright = np.where(np.isfinite(values), highest, np.inf)
    sky = Sky(catalogue.z, bright, cosmology=setup.cosmology, relations=setup.relations, selection=selection)
    return sky.within(sample)


def _said(catalogue: Catalogue, which: Array, kind: Kind, words: str) -> list[Caution]:
    if not which.any():
        return []
    names = ", ".join(catalogue.name[i] for i in np.flatnonzero(which)[:_NAMED])
    more = f" and {which.sum() - _NAMED} more" if which.sum() > _NAMED else ""
    return [Caution(kind, f"{names}{more} {words}")]
