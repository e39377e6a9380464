"""Where the posterior of expected data is highest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ..core.arrays import Array
from ..likelihoods.derivatives import derivatives, narrow_steps
from ..likelihoods.fisher import Fisher
from ..likelihoods.level import Likelihood

_STEPS = 100
_FAR = 10.0
"""Rise of ln L in one step from which on the Fisher matrix of the last place no longer holds."""
_FLAT, _SHORTEST = 1e-5, 1e-5
"""Rise of ln L, and step in prior widths, that end the search."""


@dataclass(frozen=True)
class _Place:
    """Natural coordinates (D,), ln of the posterior, its slope (D,), and the inverse of its curvature (D, D)."""

    at: Array
    height: float
    slope: Array
    curvature: Array

    @property
    def step(self) -> Array:
        return self.curvature @ self.slope

    def bent(self, before: _Place) -> _Place:
        """With the curvature of the place before, corrected by how the slope changed (BFGS)."""
        moved, change = self.at - before.at, before.slope - self.slope
        along = float(moved @ change)
        if along <= 0:
            return replace(self, curvature=before.curvature)
        root = np.eye(len(moved)) - np.outer(moved, change) / along
        return replace(self, curvature=root @ before.curvature @ root.T + np.outer(moved, moved) / along)


@dataclass(frozen=True)
class _Posterior:
    """ln of a likelihood times priors that are Gaussians of equal variance about the fiducial parameters."""

    fisher: Fisher
    target: Likelihood

    @property
    def width(self) -> Array:
        """Of the priors, shape (D,)."""
        return self.fisher.parameters.prior_std

    @property
    def tied(self) -> Array:
        """What correlations of the priors add to the inverse of their correlation matrix, shape (D, D)."""
        correlation = self.fisher.parameters.prior.correlation
        return np.linalg.inv(correlation) - np.eye(len(correlation))

    @property
    def start(self) -> Array:
        """Natural coordinates of the fiducial parameters, shape (D,)."""
        return self.fisher.parameters.to_coordinates(self.fisher.parameters.fiducial)

    def height(self, at: Array) -> float:
        """Logarithm at natural coordinates (D,)."""
        value = self.target(self.fisher.parameters.from_coordinates(at)[None])[0]
        away = (at - self.start) / self.width
        return float(value - 0.5 * np.sum(away**2) - 0.5 * away @ self.tied @ away)

    def slope(self, at: Array) -> Array:
        """Its derivatives, shape (D,)."""
        parameters = self.fisher.parameters
        steps = narrow_steps(parameters, self.fisher.information)
        of_data = derivatives(self.target, parameters, parameters.from_coordinates(at), steps, fine=False)
        away = at - self.start
        return np.asarray(of_data - away / self.width**2 - self.tied @ (away / self.width) / self.width)


def peak(
    fisher: Fisher, target: Likelihood, information: Callable[[Array], Fisher], start: Array | None = None
) -> Array:
    """Parameters at maximum posterior, (D,); NaN if they are not found.

    Gauss-Newton steps, with Fisher matrices as curvature, each corrected by BFGS until a long step asks for a new one.

    Parameters
    ----------
    fisher : Fisher
        Of the level whose likelihood is `target`, at the fiducial parameters.
    target : Likelihood
    information : callable
        Fisher matrix of that level at a parameter vector (D,).
    start : ndarray, shape (D,), optional
        Parameters at which the search begins, if they are finite; else the fiducial ones.
    """
    posterior, parameters = _Posterior(fisher, target), fisher.parameters
    at = posterior.start
    if start is not None and np.isfinite(start).all():
        at = parameters.to_coordinates(start)
    place = _Place(at, posterior.height(at), posterior.slope(at), fisher.covariance)
    for _ in range(_STEPS):
        if 0.5 * place.slope @ place.step < _FLAT:
            return parameters.from_coordinates(place.at)
        at, height = _uphill(posterior, place)
        if height - place.height < _FLAT:
            return parameters.from_coordinates(place.at)
        following = _Place(at, height, posterior.slope(at), place.curvature)
        if height - place.height > _FAR:
            place = replace(following, curvature=information(parameters.from_coordinates(at)).covariance)
        else:
            place = following.bent(place)
    return np.full(len(parameters.names), np.nan)


def _uphill(posterior: _Posterior, place: _Place) -> tuple[Array, float]:
    """A higher point on the way of a place's step, and its height; a lower one if there is none."""
    step = place.step
    step = step * min(1.0, 1.0 / float(np.max(np.abs(step) / posterior.width)))
    while (height := posterior.height(place.at + step)) < place.height:
        if np.max(np.abs(step) / posterior.width) <= _SHORTEST:
            break
        step = step / 2
    return place.at + step, height
