"""One more residual beside those of a cluster's observables, correlated with them at fixed mass.

Its mean given the others is linear in them, r_new = g(M) . r + noise, with g such that the correlations of the whole
mixture are the given ones at every mass. Where the others are a mixture of Gaussians, all of them together are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..core.arrays import Array
from ..core.errors import InputError, nearest
from .residuals import Residuals

_LEAST = 1e-3
"""Part of the variance of the new residual that the others must leave open."""


@dataclass(frozen=True)
class Coupling:
    """A new residual of unit variance, and its correlations with the residuals of observables.

    Parameters
    ----------
    residuals : Residuals
        In units of their scatter at the pivot.
    correlation : ndarray, shape (D,)
        With each of them.
    """

    residuals: Residuals
    correlation: Array

    @classmethod
    def of(cls, residuals: Residuals, correlation: Mapping[str, float]) -> Coupling:
        """From correlations by name of the observable.

        Raises
        ------
        InputError
            If an observable has no residual, or no distribution has such correlations at one of the masses.
        """
        for name in correlation:
            if name not in residuals.names:
                raise InputError(f"{name}: there is no relation of '{name}'; {nearest(name, residuals.names)}")
        found = cls(residuals, np.array([correlation.get(name, 0.0) for name in residuals.names]))
        explained = 1 - found._open(_nodes_and_between(residuals.log_mass)).min()
        if explained > 1 - _LEAST:
            given = ", ".join(f"{name} = {value:g}" for name, value in correlation.items() if value)
            largest = np.floor(100 * np.sqrt((1 - _LEAST) / explained)) / 100
            raise InputError(
                f"no distribution has these correlations ({given}) beside those of the observables with each other; "
                f"multiply each by {largest:.2f} or less"
            )
        return found

    def gain(self, log_mass: Array) -> Array:
        """Mean of the new residual per unit of each of the others at masses (Q,), shape (Q or 1, D)."""
        total = self.residuals.total_covariance(log_mass)
        scatter = np.sqrt(np.diagonal(total, axis1=-2, axis2=-1))
        gain: Array = np.linalg.solve(total, (self.correlation * scatter)[..., None])[..., 0]
        return gain

    def spread(self, log_mass: Array) -> Array:
        """Standard deviation of the new residual given the others at masses (Q,), shape (Q or 1,)."""
        return np.sqrt(self._open(log_mass))

    def _open(self, log_mass: Array) -> Array:
        """Variance that the others leave open, shape (Q or 1,); below zero where there is no such distribution."""
        total, gain = self.residuals.total_covariance(log_mass), self.gain(log_mass)
        explained: Array = np.einsum("qd,qde,qe->q", gain, total, gain)
        return 1 - explained

    def joined(self, log_mass: Array) -> tuple[Array, Array]:
        """Means (Q or 1, J, D + 1) and covariances (..., D + 1, D + 1) of all of them, the new one last."""
        mean, covariance = self.residuals.at(log_mass)
        size, gain = mean.shape[-1], self.gain(log_mass)
        means = np.concatenate([mean, np.einsum("qjd,qd->qj", mean, gain)[..., None]], axis=-1)
        cross = np.einsum("qjde,qe->qjd", covariance, gain)
        joined = np.zeros((*covariance.shape[:-2], size + 1, size + 1))
        joined[..., :-1, :-1], joined[..., -1, :-1], joined[..., :-1, -1] = covariance, cross, cross
        joined[..., -1, -1] = np.einsum("qjd,qd->qj", cross, gain) + self._open(log_mass)[:, None]
        return means, joined


def _nodes_and_between(log_mass: Array) -> Array:
    """Masses of nodes, and those halfway."""
    return np.sort(np.concatenate([log_mass, 0.5 * (log_mass[1:] + log_mass[:-1])]))
