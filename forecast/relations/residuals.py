"""Residuals of a cluster's observables at fixed mass: a mixture of correlated Gaussians.

One density for mocks and likelihoods: what is drawn from it is what is evaluated.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ..core.arrays import Array
from ..core.errors import InputError, nearest

_MEAN_TOLERANCE = 1e-6


@dataclass(frozen=True)
class Residuals:
    """Density of the residuals of log10 observables about their mean relations, dex.

    p(r | M) = sum_j w_j N(r; mu_j(M), C_j(M)), with mu_j and C_j interpolated linearly in log10 M
    between nodes and constant beyond. The mean of the whole mixture is zero.

    Parameters
    ----------
    names : tuple of str
        The D observables, the selected one ("lx") first.
    weight : ndarray, shape (J,)
        Adds up to one.
    mean : ndarray, shape (G, J, D)
        dex.
    covariance : ndarray, shape (G, J, D, D)
        dex^2, positive definite.
    log_mass : ndarray, shape (G,)
        log10 M500c, Msun/h, of the nodes; one node: the residuals do not depend on mass.

    Raises
    ------
    InputError
        If shapes disagree, weights do not add up to one, the mean is not zero or a covariance is not
        positive definite.
    """

    names: tuple[str, ...]
    weight: Array
    mean: Array
    covariance: Array
    log_mass: Array

    def __post_init__(self) -> None:
        for name in ("weight", "mean", "covariance", "log_mass"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), dtype=float))
        nodes, components, size = len(self.log_mass), len(self.weight), len(self.names)
        expected = {"mean": (nodes, components, size), "covariance": (nodes, components, size, size)}
        for name, shape in expected.items():
            if getattr(self, name).shape != shape:
                raise InputError(f"residuals: {name} has shape {getattr(self, name).shape}, expected {shape}")
        if nodes < 1 or np.any(np.diff(self.log_mass) <= 0):
            raise InputError("residuals: log_mass must increase")
        if np.any(self.weight <= 0) or abs(self.weight.sum() - 1) > 1e-9:
            raise InputError(f"residuals: weights must be positive and add up to 1, got {self.weight}")
        centre = np.einsum("j,gjd->gd", self.weight, self.mean)
        if np.abs(centre).max() > _MEAN_TOLERANCE:
            worst = centre[np.abs(centre).max(axis=1).argmax()]
            raise InputError(f"residuals: the mixture's mean must be 0 dex, got {worst}")
        if np.linalg.eigvalsh(self.covariance).min() <= 0:
            raise InputError("residuals: a covariance matrix is not positive definite")

    @classmethod
    def gaussian(cls, names: Sequence[str], covariance: Array) -> Residuals:
        """One Gaussian at every mass; `covariance` of shape (D, D), dex^2."""
        covariance = np.asarray(covariance, dtype=float)
        return cls.at_every_mass(names, np.ones(1), np.zeros((1, len(covariance))), covariance[None])

    @classmethod
    def at_every_mass(cls, names: Sequence[str], weight: Array, mean: Array, covariance: Array) -> Residuals:
        """The same mixture at every mass: weights (J,), means (J, D) and covariances (J, D, D)."""
        whole = {"mean": mean[None], "covariance": covariance[None]}
        return cls(names=tuple(names), weight=weight, log_mass=np.zeros(1), **whole)

    @property
    def mass_dependent(self) -> bool:
        """Whether the density depends on mass."""
        return len(self.log_mass) > 1

    def index(self, name: str) -> int:
        """Position of an observable.

        Raises
        ------
        InputError
            If it is not among `names`.
        """
        if name not in self.names:
            raise InputError(f"the residuals have no '{name}'; {nearest(name, self.names)}")
        return self.names.index(name)

    def at(self, log_mass: Array) -> tuple[Array, Array]:
        """Means (Q, J, D) and covariances (Q, J, D, D) at masses (Q,); Q = 1 if they depend on no mass."""
        if not self.mass_dependent:
            return self.mean, self.covariance
        cell, t = self._position(np.asarray(log_mass, dtype=float))
        mean = self.mean[cell] + t[:, None, None] * (self.mean[cell + 1] - self.mean[cell])
        step = self.covariance[cell + 1] - self.covariance[cell]
        return mean, self.covariance[cell] + t[:, None, None, None] * step

    def _position(self, log_mass: Array) -> tuple[Array, Array]:
        """Cell between nodes, and the position in it from 0 to 1."""
        cell = np.clip(np.searchsorted(self.log_mass, log_mass) - 1, 0, len(self.log_mass) - 2)
        t = (log_mass - self.log_mass[cell]) / (self.log_mass[cell + 1] - self.log_mass[cell])
        return cell, np.clip(t, 0.0, 1.0)

    def total_covariance(self, log_mass: Array) -> Array:
        """Covariance of the whole mixture at masses (Q,), shape (Q or 1, D, D), dex^2."""
        mean, covariance = self.at(log_mass)
        spread = covariance + mean[..., :, None] * mean[..., None, :]
        total: Array = np.einsum("j,qjde->qde", self.weight, spread)
        return total

    def scatter(self, log_mass: float) -> Array:
        """Standard deviation of every residual at a mass, shape (D,), dex."""
        scatter: Array = np.sqrt(np.diagonal(self.total_covariance(np.array([log_mass]))[0]))
        return scatter

    def log_density(self, residual: Array, log_mass: Array) -> Array:
        """Log density of residuals (n, D), dex^-D, at masses (n,); shape (n,)."""
        mean, covariance = self.at(log_mass)
        offset = np.asarray(residual)[:, None, :] - mean
        factor = np.linalg.cholesky(covariance)
        factor = np.broadcast_to(factor, (*offset.shape, offset.shape[-1]))
        white = np.linalg.solve(factor, offset[..., None])[..., 0]
        log_det = np.log(np.diagonal(factor, axis1=-2, axis2=-1)).sum(axis=-1)
        each = -0.5 * (white**2).sum(axis=-1) - log_det - 0.5 * len(self.names) * math.log(2 * math.pi)
        log_density: Array = np.logaddexp.reduce(each + np.log(self.weight), axis=-1)
        return log_density

    def draw(self, log_mass: Array, *, rng: np.random.Generator) -> Array:
        """One residual vector for each mass (n,), shape (n, D), dex."""
        log_mass = np.asarray(log_mass, dtype=float)
        component = rng.choice(len(self.weight), p=self.weight, size=len(log_mass))
        normal = rng.standard_normal((len(log_mass), len(self.names)))
        mean, covariance = self.at(log_mass)
        row = np.arange(len(log_mass)) if self.mass_dependent else np.zeros(len(log_mass), dtype=int)
        factor = np.linalg.cholesky(covariance)
        residuals: Array = mean[row, component] + np.einsum("nde,ne->nd", factor[row, component], normal)
        return residuals

    def projected(self, matrix: Array, names: Sequence[str]) -> Residuals:
        """Density of the linear combinations ``matrix @ r``; `matrix` of shape (E, D)."""
        matrix = np.asarray(matrix, dtype=float)
        covariance = np.einsum("ed,gjdf,hf->gjeh", matrix, self.covariance, matrix)
        return replace(self, names=tuple(names), mean=self.mean @ matrix.T, covariance=covariance)

    def marginal(self, names: Sequence[str]) -> Residuals:
        """Density of some of the observables."""
        return self.projected(np.eye(len(self.names))[[self.index(n) for n in names]], names)

    def scaled(self, factor: Array) -> Residuals:
        """Density of residuals multiplied by `factor`, shape (D,)."""
        return self.projected(np.diag(factor), self.names)

    def standardised(self, pivot: float) -> tuple[Residuals, Array]:
        """The same in units of its own scatter at log10 mass `pivot`, and that scatter (D,), dex."""
        scatter = self.scatter(pivot)
        return self.scaled(1 / scatter), scatter

    def with_independent(self, other: Residuals) -> Residuals:
        """Density of these residuals and of others that depend neither on them nor on mass."""
        if other.mass_dependent:
            raise InputError("residuals: only residuals that do not depend on mass can be appended")
        nodes, mine, theirs = len(self.log_mass), len(self.names), len(other.names)
        weight = np.outer(self.weight, other.weight).ravel()
        shape = (nodes, len(self.weight), len(other.weight))
        mean = np.zeros((*shape, mine + theirs))
        mean[..., :mine], mean[..., mine:] = self.mean[:, :, None], other.mean[0]
        covariance = np.zeros((*shape, mine + theirs, mine + theirs))
        covariance[..., :mine, :mine] = self.covariance[:, :, None]
        covariance[..., mine:, mine:] = other.covariance[0]
        flat = (nodes, len(weight), mine + theirs)
        names = (*self.names, *other.names)
        return Residuals(
            names=names,
            weight=weight,
            mean=mean.reshape(flat),
            covariance=covariance.reshape(*flat, flat[-1]),
            log_mass=self.log_mass,
        )

    @cached_property
    def smallest_scatter(self) -> Array:
        """Smallest standard deviation of every residual in any component, shape (D,), dex."""
        smallest: Array = np.sqrt(np.diagonal(self.covariance, axis1=-2, axis2=-1)).min(axis=(0, 1))
        return smallest
