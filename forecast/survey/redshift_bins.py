"""Data grouped by redshift: a product of independent surveys, one for each shell, that share parameters."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..core.arrays import Array
from ..core.errors import InputError
from ..core.parameters import ParameterSet
from .shells import Geometry


def bin_numbers(geometry: Geometry, z: Array) -> Array:
    """Redshift shell of each of n clusters, 0, 1, ..., shape (n,).

    Parameters
    ----------
    geometry : Geometry
        A light cone, or copies of one.
    z : ndarray, shape (n,)

    Raises
    ------
    InputError
        If the survey is no light cone, or a redshift lies outside it.
    """
    z = np.asarray(z, dtype=float)
    if not geometry.spans_redshifts:
        raise InputError("only light cones have redshift bins; give the survey geometry = 'light_cone'")
    zmin, *edges, zmax = geometry.redshift_edges
    outside = (z < zmin) | (z > zmax)
    if outside.any():
        raise InputError(f"a redshift of {z[outside][0]:g} lies outside the survey's {zmin:g} to {zmax:g}")
    return np.searchsorted(edges, z, side="right")


def in_bins(geometry: Geometry, z: Array) -> list[Array]:
    """For each redshift shell, which of n clusters lie in it: boolean arrays of shape (n,)."""
    number = bin_numbers(geometry, z)
    return [number == i for i in range(len(geometry.parts))]


class Product:
    """Likelihood of independent data that share parameters: the log likelihoods of its factors add up.

    Parameters
    ----------
    factors : sequence of callable
        Each maps parameter vectors (P, D) to log likelihoods (P,).
    name : str
        Level of the ladder.
    parameters : ParameterSet
    """

    def __init__(self, factors: Sequence[Callable[[Array], Array]], name: str, parameters: ParameterSet) -> None:
        self._factors, self.name, self.parameters = tuple(factors), name, parameters

    def __call__(self, theta: Array) -> Array:
        """Log likelihood, shape (P,)."""
        total: Array = np.sum([factor(theta) for factor in self._factors], axis=0)
        return total
