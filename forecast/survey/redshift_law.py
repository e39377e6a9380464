"""How measured redshifts scatter about true ones: by a Gaussian whose width goes with 1 + z."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..core.arrays import Array
from ..core.errors import InputError
from .geometry import LightCone, Replicated
from .shells import Geometry

_REACH = 5.0
"""Errors beyond which no cluster is scattered into a survey."""
_SQRT2PI = float(np.sqrt(2 * np.pi))
LARGEST_ERROR, FEWEST_ERRORS = 0.1, 2.0
"""Largest error over 1 + z, and how many of them the nearest redshift of a survey is at least."""
FARTHEST = 3.0
"""Largest true redshift: mass functions are not calibrated beyond."""


@dataclass(frozen=True)
class RedshiftLaw:
    """p(measured | true) = N(measured; true, error x (1 + true)).

    A cluster measured at z with deviate x has the true redshift (1 + z) / (1 + error x) - 1.

    Parameters
    ----------
    error : float
        Standard deviation over 1 + the true redshift.
    """

    error: float

    def require(self, geometry: Geometry, *, by_flux: bool) -> None:
        """Raise where a survey's redshifts have errors that mean nothing.

        Raises
        ------
        InputError
        """
        error, near = self.error, geometry.redshift_edges[0]
        if not 0 <= error <= LARGEST_ERROR:
            raise InputError(f"errors.z must be between 0 and {LARGEST_ERROR:g}, sigma_z / (1 + z), got {error:g}")
        if error and not (by_flux and geometry.spans_redshifts):
            raise InputError(
                "errors.z: redshifts are data of a flux-limited light cone alone; take it out, or give "
                'survey.geometry = "light_cone" and selection.kind = "flux_limited"'
            )
        if error and near < FEWEST_ERRORS * error:
            raise InputError(
                f"errors.z = {error:g}: of redshifts near survey.zmin = {near:g} such an error leaves nothing; "
                f"give zmin = {FEWEST_ERRORS * error:g} or more"
            )

    def sigma(self, z: Array) -> Array:
        """Standard deviation of what is measured of true redshifts."""
        return self.error * (1 + z)

    def span(self, near: float, far: float) -> tuple[float, float]:
        """Least and largest true redshift of what is measured between two."""
        low, high = (1 + near) / (1 + _REACH * self.error) - 1, (1 + far) / (1 - _REACH * self.error) - 1
        return max(low, 0.0), max(min(high, FARTHEST), far)

    def reached(self, geometry: Geometry) -> Geometry:
        """Volume of the true redshifts of clusters that are measured within a survey's; the same without errors."""
        near, *_, far = geometry.redshift_edges
        return _between(geometry, *self.span(near, far)) if self.error else geometry

    def edges(self, geometry: Geometry) -> tuple[float, ...]:
        """True redshifts that bound a survey's shells: of what is measured within the survey's."""
        return self.reached(geometry).redshift_edges

    def nodes(self, z: Array, number: int) -> tuple[Array, Array]:
        """True redshifts of clusters measured at `z`, (K,), and weights of their density, (K, number) each.

        Gauss-Hermite nodes; those that are no redshift have no weight.
        """
        x, w = np.polynomial.hermite_e.hermegauss(number)
        true = (1 + z[:, None]) / (1 + self.error * x) - 1
        weight = np.broadcast_to(w / _SQRT2PI / (1 + self.error * x), true.shape)
        possible = (true > 0) & (true <= FARTHEST)
        return np.where(possible, true, z[:, None]), np.where(possible, weight, 0.0)

    def log_density(self, measured: float, true: Array) -> Array:
        """ln p(measured | true), shape of `true`."""
        sigma = self.sigma(true)
        return np.asarray(-np.log(_SQRT2PI * sigma) - 0.5 * ((measured - true) / sigma) ** 2)

    def drawn(self, z: Array, *, rng: np.random.Generator) -> Array:
        """Measured redshifts of true ones, (n,)."""
        return np.asarray(z + self.sigma(z) * rng.standard_normal(len(z)))


NO_ERRORS = RedshiftLaw(0.0)
"""What is measured is true."""


def _between(geometry: Geometry, low: float, high: float) -> Geometry:
    """The same sky and shells between other outermost redshifts."""
    if isinstance(geometry, Replicated):
        return replace(geometry, survey=_between(geometry.survey, low, high))
    return replace(geometry, zmin=low, zmax=high) if isinstance(geometry, LightCone) else geometry


def whole_edges(geometry: Geometry) -> tuple[float, ...]:
    """Redshifts that bound the shells of the survey of which `geometry` may be one."""
    if isinstance(geometry, Replicated):
        return whole_edges(geometry.survey)
    return (geometry.within or geometry).redshift_edges if isinstance(geometry, LightCone) else geometry.redshift_edges
