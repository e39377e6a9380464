"""Clusters of a published table that are not of the survey as it is analysed: other redshifts, or fainter."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..core.arrays import Array
from ..core.caution import Caution
from ..core.errors import InputError
from ..model.catalogue import Catalogue
from ..model.setup import Setup
from .reach import faint_clusters

_NAMED = 3


def inside_limits(setup: Setup, catalogue: Catalogue) -> Catalogue:
    """The clusters within a survey's redshifts and above its flux limit, with a caution that says how many are not.

    Raises
    ------
    InputError
        If fewer than 2 are left.
    """
    spans = setup.geometry.spans_redshifts
    beyond = setup.geometry.outside(catalogue.z, setup.cosmology) if spans else np.zeros(catalogue.size, dtype=bool)
    faint = faint_clusters(setup, catalogue)[0] & ~beyond
    out = beyond | faint
    if catalogue.size - out.sum() < 2:
        raise InputError(
            f"{catalogue.source}: {catalogue.size - out.sum()} of {catalogue.size} clusters lie within the survey's "
            "redshifts and above its flux limit; correct these, or the units of the table"
        )
    said = [_words(catalogue, *one) for one in ((beyond, "outside the redshifts"), (faint, "below the flux limit"))]
    words = "; ".join(filter(None, said))
    if not words:
        return catalogue
    caution = Caution("rows_left_out", f"of {catalogue.size} clusters were left out: {words}")
    return replace(catalogue.subset(~out), remarks=(*catalogue.remarks, caution))


def _words(catalogue: Catalogue, out: Array, where: str) -> str:
    """How many lie where, and the first of them; empty if none."""
    if not out.any():
        return ""
    more = f" and {out.sum() - _NAMED} more" if out.sum() > _NAMED else ""
    return f"{out.sum()} {where} ({', '.join(catalogue.name[i] for i in np.flatnonzero(out)[:_NAMED])}{more})"
