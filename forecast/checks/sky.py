"""Clusters of a catalogue and the sky of the survey: those outside are no part of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..core.caution import Caution
from ..core.errors import InputError
from ..model.catalogue import Catalogue
from ..survey.footprint import Footprint, Remainder

_NAMED = 3


def inside_footprint(catalogue: Catalogue, footprint: Footprint | Remainder | None) -> Catalogue:
    """The clusters that lie in a survey's sky, with a caution that says how many do not.

    Clusters without a position are kept, and counted in a caution too.

    Raises
    ------
    InputError
        If fewer than 2 are left.
    """
    if footprint is None:
        return catalogue
    if catalogue.ra is None or catalogue.dec is None:
        words = "no positions are mapped (ra and dec under [catalogue.columns]): all clusters are taken to lie in it"
        return _said(catalogue, f"survey.footprint: {words}")
    known = np.isfinite(catalogue.ra + catalogue.dec)
    out = known.copy()
    out[known] = ~footprint.contains(catalogue.ra[known], catalogue.dec[known])
    if catalogue.size - out.sum() < 2:
        raise InputError(
            f"{catalogue.source}: {catalogue.size - out.sum()} of {catalogue.size} clusters lie in survey.footprint; "
            "correct it, or the unit or the frame of ra and dec"
        )
    if not known.all():
        without = int((~known).sum())
        catalogue = _said(catalogue, f"{without} of {catalogue.size} clusters have no position and were kept")
    if not out.any():
        return catalogue
    names = ", ".join(catalogue.name[i] for i in np.flatnonzero(out)[:_NAMED])
    more = f" and {out.sum() - _NAMED} more" if out.sum() > _NAMED else ""
    words = f"{out.sum()} of {catalogue.size} clusters lie outside survey.footprint and were left out"
    return _said(catalogue.subset(~out), f"{words}: {names}{more}")


def _said(catalogue: Catalogue, words: str) -> Catalogue:
    return replace(catalogue, remarks=(*catalogue.remarks, Caution("footprint", words)))
