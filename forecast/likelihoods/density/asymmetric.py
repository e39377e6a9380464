"""Clusters with asymmetric errors, or uncertain redshifts, as several with Gaussian errors and known redshifts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from ...core.arrays import Array
from ...model.forward import ForwardModel
from .mixture import Linear, Residual, outer
from .points import Points
from .split_normal import Gaussians1D, moments, smeared_gaussians
from .uncertain_redshift import Redshifts, redshifts_are_data

_NEGLIGIBLE = 0.01
"""Skewness of an observable, scatter and error together, below which its error is a Gaussian of equal mean and
variance."""
_UNLIKELY = 0.05
"""Part of the prior in which scatters are smaller than those for which errors are resolved."""
_TINY = np.finfo(float).tiny


@dataclass(frozen=True)
class Stand:
    """Entries with Gaussian errors that stand for Q clusters.

    Parameters
    ----------
    points : Points
        n entries, those of a cluster side by side.
    covariance : ndarray, shape (n, E, E)
        Of the errors of the observables, and maybe of weak-lensing masses, dex^2.
    log_weight : ndarray, shape (n,)
        Log of each one's part in the density of its cluster.
    number : ndarray of int, shape (Q,)
        Entries of each cluster.
    """

    points: Points
    covariance: Array
    log_weight: Array
    number: Array

    @classmethod
    def of(cls, model: ForwardModel, points: Points, *, lensing: bool) -> Stand:
        """One entry for each cluster with symmetric errors and a known redshift, some for others."""
        if points.z_error.any() and redshifts_are_data(model.setup):
            return cls._at_redshifts(model, points, lensing=lensing)
        return cls._of_errors(model, points, lensing=lensing)

    @classmethod
    def _at_redshifts(cls, model: ForwardModel, points: Points, *, lensing: bool) -> Stand:
        """Each cluster at every redshift that it may have; a lensing mass is the same at all of them."""
        nodes = Redshifts.of(model, points)
        size, repeated = np.bincount(nodes.cluster, minlength=len(points.z)), points[nodes.cluster]
        moved = replace(repeated, z=nodes.z, z_error=np.zeros(len(nodes.z))).moved(nodes.shift)
        inner = cls._of_errors(model, replace(moved, limit=repeated.limit + nodes.shift), lensing=lensing)
        number = np.add.reduceat(inner.number, np.cumsum(size) - size)
        return replace(inner, log_weight=inner.log_weight + np.repeat(nodes.log_weight, inner.number), number=number)

    @classmethod
    def _of_errors(cls, model: ForwardModel, points: Points, *, lensing: bool) -> Stand:
        """Several entries for each cluster with asymmetric errors."""
        relations, (error, skew) = model.setup.relations, points.errors(lensing=lensing)
        skewed = np.any(skew * error != 0, axis=1)
        plain = np.pad(relations.error_covariance(points.error), ((0, 0), *((0, int(lensing)),) * 2))
        if lensing:
            plain[:, -1, -1] = points.log_mwl_error**2
        if not skewed.any():
            return cls(points, plain, np.zeros(len(skewed)), np.ones(len(skewed), dtype=int))
        sources = _Sources.of(model, lensing=lensing)
        known = np.isfinite(points.values(lensing=lensing))
        each = [
            list(sources.entries(error[i], skew[i], known[i]))
            if skewed[i]
            else [(0.0, np.zeros(error.shape[1]), plain[i])]
            for i in range(len(skewed))
        ]
        number = np.array([len(entries) for entries in each])
        log_weight, shift, covariance = (np.array(x) for x in zip(*(e for some in each for e in some), strict=True))
        repeated = points[np.repeat(np.arange(len(number)), number)]
        return cls(repeated.moved(shift), covariance, log_weight, number)

    @property
    def trivial(self) -> bool:
        """Whether every cluster stands for itself."""
        return bool(np.all(self.number == 1) and not self.log_weight.any())

    def entries(self, column: Array) -> Array:
        """Entries that stand for clusters `column`, one cluster after another."""
        first, number = (np.cumsum(self.number) - self.number)[column], self.number[column]
        starts = np.cumsum(number) - number
        return np.repeat(first - starts, number) + np.arange(int(number.sum()))

    def summed(self, log_density: Array, column: Array) -> Array:
        """ln lambda of clusters `column` from that of their `entries`."""
        starts = np.cumsum(self.number[column]) - self.number[column]
        weighted = log_density + self.log_weight[self.entries(column)]
        return np.asarray(np.logaddexp.reduceat(weighted, starts)) if len(column) else weighted


@dataclass(frozen=True)
class _Sources:
    """Independent sources of the errors of D observables: their own, and T's in Y_X = M_gas T where both are listed.

    Parameters
    ----------
    scatter : ndarray, shape (D,)
        Scatter of each observable, dex.
    least : ndarray, shape (J, D, D)
        Covariances of the residuals, dex^2, where scatters are as small as they are likely to be.
    shared : tuple of int, or None
        Places of T and Y_X where both are listed.
    """

    scatter: Array
    least: Array
    shared: tuple[int, int] | None

    @classmethod
    def of(cls, model: ForwardModel, *, lensing: bool) -> _Sources:
        """Those of a model's observables, and, with `lensing`, of the lensing mass."""
        setup, sample, names = model.setup, model.setup.parameters.sample(), model.setup.relations.names
        fiducial, every = (
            Linear.of(model, model.parameters.values(theta), len(theta), lensing).scale
            for theta in (model.parameters.fiducial[None], sample)
        )
        unit = Residual.of(model, setup.relations.unit_residuals.log_mass, lensing).covariance
        least = unit * outer(np.quantile(every, _UNLIKELY, axis=0))
        shared = (names.index("t"), names.index("yx")) if {"t", "yx"} <= set(names) else None
        return cls(fiducial[0], least.reshape(-1, *least.shape[2:]), shared)

    def entries(self, error: Array, skew: Array, known: Array) -> Iterator[tuple[float, Array, Array]]:
        """Log weight, shift (D,) of the observables and covariance (D, D) of each entry of one cluster.

        What it does not list, `known`, has no error that another observable could hold.
        """
        reach, width, skews = self._independent(np.where(known, error, 0.0), skew)
        smeared = self._smeared(reach, known)
        which = [self._gaussians(width[i], skews[i], (self.scatter[i], smeared[i])) for i in range(len(error))]
        for chosen in product(*(range(len(one.weight)) for one in which)):
            parts = list(zip(which, chosen, strict=True))
            shift = reach @ (width * np.array([one.shift[k] for one, k in parts]))
            spread = reach * (width * np.array([one.width[k] for one, k in parts]))
            yield float(sum(np.log(one.weight[k]) for one, k in parts)), shift, spread @ spread.T

    def _independent(self, error: Array, skew: Array) -> tuple[Array, Array, Array]:
        """How far each source (S) reaches each observable (D, S), its width and its skew, (S,).

        What Y_X has beyond T's share has the rest of its variance, and of the mean of its errors.
        """
        reach, width, skews = np.eye(len(error)), np.array(error), np.array(skew)
        if self.shared is not None and error[self.shared[0]] > 0:
            t, yx = self.shared
            reach[yx, t] = min(error[t], error[yx]) / error[t]
            inherited = reach[yx, t] * error[t]
            width[yx] = np.sqrt(max(error[yx] ** 2 - inherited**2, 0.0))
            rest = error[yx] * skew[yx] - inherited * skew[t]
            skews[yx] = np.clip(rest / width[yx], -1.0, 1.0) if width[yx] > 0 else 0.0
        return reach, width, skews

    def _smeared(self, reach: Array, known: Array) -> Array:
        """By how much scatter at given mass smears what each source (S) does to the known observables, dex, (S,).

        Detection depends on how well a listed L_X, the first of them, was measured: that is not smeared.
        """
        some = reach[known]
        strength = np.einsum("ds,jde,es->js", some, np.linalg.inv(self.least[:, known][:, :, known]), some)
        smeared = 1 / np.sqrt(np.maximum(strength.max(axis=0), _TINY))
        smeared[0] = 0.0
        return np.asarray(smeared)

    @staticmethod
    def _gaussians(width: float, skew: float, scatters: tuple[float, float]) -> Gaussians1D:
        """Gaussians of one source, in units of its width: one where its skew does not show beside the first scatter.

        By the second one it is smeared at given mass.
        """
        if width * skew == 0:
            return Gaussians1D(np.ones(1), np.zeros(1), np.ones(1))
        mean, variance, third = moments(skew)
        if width**3 * abs(third) < _NEGLIGIBLE * (width**2 * variance + scatters[0] ** 2) ** 1.5:
            return Gaussians1D(np.ones(1), np.array([mean]), np.array([np.sqrt(variance)]))
        return smeared_gaussians(float(skew), float(scatters[1] / width))
