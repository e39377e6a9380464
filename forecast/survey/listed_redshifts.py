"""Redshifts as measured: what a wrong one does to observables, and where clusters of each measured one may be.

At another redshift the same flux is another luminosity (D_L^2 and the K-correction), and the same image another gas
mass and Y_X, with the exponents of distance and of E(z) by which the survey's cosmology enters them; temperatures and
lensing masses are taken as they are. Selection on flux does not know of it, limits in redshift act on what is measured.
"""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np

from ..core.arrays import Array
from ..core.parameters import ParameterSet
from ..cosmology.background import Cosmology
from ..cosmology.expansion import Expansion
from ..relations.power_laws import Relations
from .redshift_law import RedshiftLaw, whole_edges
from .selection import Selection
from .shells import Geometry, Shells

_FEWEST, _MOST, _PRECISION = 5, 15, 1e-4
"""True redshifts for each measured one; what their sum leaves of a Gaussian that the mass proxy makes of them."""


class Survey(Protocol):
    """What redshifts of clusters depend on."""

    @property
    def cosmology(self) -> Cosmology:
        """In which observables are inferred."""

    @property
    def geometry(self) -> Geometry:
        """Between limits of measured redshifts."""

    @property
    def selection(self) -> Selection:
        """On flux."""

    @property
    def relations(self) -> Relations:
        """Of the observables."""

    @property
    def parameters(self) -> ParameterSet:
        """Free and fixed parameters."""

    @property
    def redshift_law(self) -> RedshiftLaw:
        """How measured redshifts scatter about true ones."""


def shifts(survey: Survey, z: Array, at: Array) -> Array:
    """log10 of the observables of clusters listed at redshifts `z`, were they at `at`, minus as listed, (..., D)."""
    relations, selection, expansion = survey.relations, survey.selection.in_flux, Expansion.of(survey.cosmology)
    assert selection is not None
    z, at = np.broadcast_arrays(z, at)
    here, there = (selection.log_luminosity_limit(x, survey.cosmology, relations) for x in (z, at))
    distance = np.log10(expansion.comoving_distance(at) / expansion.comoving_distance(z))
    growth = np.log10(expansion.efunc(at) / expansion.efunc(z))
    moved = []
    for name in relations.names:
        powers = relations.exponents(name)
        moved.append(there - here if name == "lx" else powers.distance * distance - powers.expansion * growth)
    return np.stack(moved, axis=-1)


def survey_shells(survey: Survey, fineness: float = 1.0) -> Shells:
    """Redshift quadrature of a survey: of the measured redshift and, where that has errors, of the true one."""
    listed, law = survey.geometry.shells(survey.cosmology, fineness), survey.redshift_law
    if not law.error:
        return listed
    true, weight = law.nodes(listed.z, _number(survey, listed))
    number, element = true.shape[1], survey.cosmology.volume_element
    volume = (listed.volume / element(listed.z))[:, None] * weight * element(true.ravel()).reshape(true.shape)
    shell = np.searchsorted(whole_edges(survey.geometry)[1:-1], true)
    sheet = listed.index[:, None] * number + np.arange(number)
    order = np.argsort(sheet, axis=None, kind="stable")
    measured = np.broadcast_to(listed.z[:, None], true.shape)
    every = {"z": true, "volume": volume, "index": shell, "measured": measured, "sheet": sheet}
    return Shells(**{name: values.ravel()[order] for name, values in every.items()})


def _number(survey: Survey, listed: Shells) -> int:
    """True redshifts for each measured one that resolve what they do to the mass proxy, next to its scatter."""
    relations, sigma = survey.relations, survey.redshift_law.sigma(listed.z)
    step = 1e-3 * listed.z
    change = shifts(survey, listed.z, listed.z + step) @ relations.combination * sigma / step
    rms = math.sqrt(float(np.average(change**2, weights=listed.volume)))
    scatter = float(np.min(np.asarray(relations.at(survey.parameters.fiducial_values).yx.scatter)))
    if not rms > 0:
        return _FEWEST
    number = math.ceil(math.log(_PRECISION) / -math.log1p((scatter / rms) ** 2))
    return int(np.clip(number, _FEWEST, _MOST))
