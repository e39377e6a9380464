"""Chance of what is known of clusters beyond values: limits of their observables, and that they were detected.

Given a cluster's values and its mass, the observables that have limits, and an unknown L_X by which it was detected,
are jointly Gaussian in each component of the residuals. The chance of a single limit, or of the detection, is an
average over one of them; that of several is a sum over nodes of all but the last. L_X is the last one: it can be both
detected, by the flux that found the cluster, and below the limit of another measurement of it. Where L_X has a value
that is measured worse than that flux, the last one is the luminosity of the flux itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from ...core.arrays import Array
from ...survey.detection.curve import Detection
from .averages import cubic_value
from .detectability import Unseen
from .edges import NARROW, Edges, hermite
from .points import Points

_SINGULAR = 1e-12
_WIDE_NODES, _NARROW_NODES = 10, 32
_X, _W = np.polynomial.legendre.leggauss(12)
_TABLE, _REACH = 96, 8.0
"""Nodes of a table in the mean L_X, and normal numbers that it must hold."""
_TINY = np.finfo(float).tiny
Last = Callable[[Array, Array], Array]
_LEGENDRE = tuple(zip(0.5 * (_X + 1), 0.5 * _W, strict=True))
"""Nodes and weights on [0, 1]."""


@dataclass(frozen=True)
class Conditional:
    """Observables given those whose values are known, at and about masses of n clusters in J components.

    Parameters
    ----------
    centre : ndarray, shape (n, ..., J, U)
        Mean log10 of U observables at the centre.
    tilt : ndarray, shape (n, ..., J, U)
        Its derivative by log10 M.
    factor : ndarray, shape (n, ..., J, U, U)
        Cholesky factor of their covariance, dex.
    """

    centre: Array
    tilt: Array
    factor: Array

    def part(self, chosen: Array) -> Conditional:
        """That of some clusters, (n,) bool."""
        return Conditional(self.centre[chosen], self.tilt[chosen], self.factor[chosen])

    def component(self, j: int) -> Conditional:
        """That of one component, of shape (n, 1, ...)."""
        return Conditional(self.centre[:, j, None], self.tilt[:, j, None], self.factor[:, j, None])


@dataclass(frozen=True)
class Regressions:
    """Some observables on the known ones, at fixed mass in J components; with means and values it is `Conditional`.

    Parameters
    ----------
    gain : ndarray, shape (..., J, U, K)
        Change of the expected observables with each known one.
    factor : ndarray, shape (..., J, U, U)
        Cholesky factor of the covariance that is left, dex.
    known : ndarray of bool, shape (E,)
    asked : ndarray of int, shape (U,)
    """

    gain: Array
    factor: Array
    known: Array
    asked: Array

    def __getitem__(self, at: Array) -> Regressions:
        return replace(self, gain=self.gain[at], factor=self.factor[at])

    @classmethod
    def of(
        cls, covariance: Array, precision: Array, known: Array, asked: Array, errors: tuple[Array, float] | None = None
    ) -> Regressions:
        """From the covariance of all observables, (..., J, E, E), and the precision of the known ones.

        `errors`: of the flux where it is asked for, last, beside a listed L_X: what they share, (..., 1), and its own.
        """
        rows = covariance[..., asked, :]
        cross, among = rows[..., known], rows[..., asked]
        if errors is not None:
            shared, own = errors
            cross[..., -1, 0] += shared
            among[..., -1, -1] += own**2
        gain = cross @ precision
        left = among - gain @ np.swapaxes(cross, -1, -2)
        return cls(gain, np.linalg.cholesky(left + _SINGULAR * np.eye(len(asked))), known, asked)

    def at(self, mean: Array, slope: Array, data: Array) -> Conditional:
        """At means (n, ..., J, E), slopes (n, ..., E) and values (n, ..., K)."""
        centre = mean[..., self.asked] + np.einsum("...uk,...k->...u", self.gain, data - mean[..., self.known])
        tilt = slope[..., self.asked] - np.einsum("...uk,...k->...u", self.gain, slope[..., self.known])
        return Conditional(centre, np.broadcast_to(tilt, centre.shape), self.factor)


@dataclass(frozen=True)
class Luminosity:
    """What is known of an L_X without a value: that it was detected, a limit, or both; not None at once.

    Parameters
    ----------
    threshold : ndarray, shape (n, ..., J or 1)
        log10 of the luminosity at the survey's flux limit.
    detection : Detection or None
        That broadcasts against the threshold.
    edges : Edges or None
    error : float
        Of the flux that selects about the luminosity that is averaged over, dex.
    """

    threshold: Array
    detection: Detection | None
    edges: Edges | None
    error: float

    def part(self, chosen: Array) -> Luminosity:
        """That of some clusters, (n,) bool."""
        edges = None if self.edges is None else self.edges.part(chosen)
        detection = None if self.detection is None else self.detection.part(chosen)
        return replace(self, threshold=self.threshold[chosen], edges=edges, detection=detection)

    def component(self, j: int) -> Luminosity:
        """That of one component, of shape (n, 1)."""
        return replace(self, threshold=self.threshold[:, min(j, self.threshold.shape[1] - 1), None])

    def averaged(self, mean: Array, spread: Array) -> Array:
        """Chance where log10 of the true L_X is a Gaussian, of shape (n, ...)."""
        if self.detection is None:
            assert self.edges is not None
            return self.edges.averaged(mean, spread)
        excess, detection, error = mean - self.threshold, self.detection, self.error
        if self.edges is None:
            return detection.smeared(excess, np.hypot(spread, error))
        parts = zip(detection.weight, detection.offset, detection.width, strict=True)
        chance = sum(a * self._both(mean, spread, excess - o, np.hypot(error, s)) for a, o, s in parts)
        clipped: Array = np.maximum(chance, 0.0)
        return clipped

    def tabulated(self, low: Array, high: Array, spread: Array) -> Last:
        """`averaged` between means `low` and `high`, (n, 1) each, of a `spread` (n, 1), from a table."""
        step = (high - low) / (_TABLE - 1)
        chance = np.maximum(self.averaged(low + step * np.arange(_TABLE), spread), _TINY)
        table, row = np.log(chance), np.arange(len(low))[:, None]
        return lambda mean, spread: np.exp(cubic_value(table, row, (mean - low) / step))

    @property
    def both(self) -> bool:
        """Whether it was detected and has a limit."""
        return self.detection is not None and self.edges is not None

    def _both(self, mean: Array, spread: Array, excess: Array, blur: Array) -> Array:
        """Chance of a sharp detection of the blurred L_X and of the limit: a sum over quantiles of what is detected."""
        assert self.edges is not None
        total = np.hypot(spread, blur)
        detected, chance = special.ndtr(excess / total), np.zeros(np.broadcast_shapes(mean.shape, spread.shape))
        for u, w in _LEGENDRE:
            measured = -special.ndtri(np.maximum(u * detected, 1e-300))
            chance += w * self.edges.averaged(mean + spread**2 / total * measured, spread * blur / total)
        return np.asarray(detected * chance)

    @property
    def scale(self) -> Array:
        """Width of the sharpest edge, dex, (n,)."""
        if self.edges is None or self.detection is not None:
            return np.full(len(self.threshold), self.error)
        return self.edges.scale


@dataclass(frozen=True)
class CensoredChance:
    """Chance of all limits and of the detection of n clusters in J components, about masses.

    Parameters
    ----------
    given : Conditional
        Of the observables with limits, but for L_X, which is the last one if anything is known of it.
    edges : tuple of Edges
        Of those, in order.
    luminosity : Luminosity or None
    """

    given: Conditional
    edges: tuple[Edges, ...]
    luminosity: Luminosity | None

    def part(self, chosen: Array) -> CensoredChance:
        """That of some clusters, (n,) bool."""
        luminosity = None if self.luminosity is None else self.luminosity.part(chosen)
        return CensoredChance(self.given.part(chosen), tuple(e.part(chosen) for e in self.edges), luminosity)

    def component(self, j: int) -> CensoredChance:
        """That of one component, of shape (n, 1)."""
        luminosity = None if self.luminosity is None else self.luminosity.component(j)
        return CensoredChance(self.given.component(j), self.edges, luminosity)

    def at(self, offset: Array) -> Array:
        """Chance at log10 M minus the centre, which broadcasts against (n, ..., J)."""
        mean = self.given.centre + self.given.tilt * np.asarray(offset)[..., None]
        return self._of_the_rest(mean, (), self._last(mean))

    def _last(self, mean: Array) -> Last:
        """Chance of what is known of the last observable, given mean and spread; from a table where masses are many."""
        luminosity, own = self.luminosity, self.given.factor[..., -1, :]
        if luminosity is None:
            return self.edges[-1].averaged
        asked = mean.shape[1] * _WIDE_NODES ** (mean.shape[-1] - 1)
        if not (luminosity.both and mean.ndim == 3 and asked > _TABLE and own.shape[1] == 1):
            return luminosity.averaged
        reach = _REACH * np.abs(own[..., :-1]).sum(axis=-1)
        low, high = mean[..., -1].min(axis=1, keepdims=True), mean[..., -1].max(axis=1, keepdims=True)
        return luminosity.tabulated(low - reach, high + reach, own[..., -1])

    def _of_the_rest(self, mean: Array, drawn: tuple[float, ...], last: Last) -> Array:
        """Chance of what is not fixed by normal numbers of the first observables, which are summed over."""
        i, factor = len(drawn), self.given.factor
        own = mean[..., i] + sum((x * factor[..., i, k] for k, x in enumerate(drawn)), start=np.zeros(1))
        spread = factor[..., i, i]
        if i == mean.shape[-1] - 1:
            return last(own, spread)
        edge = self.edges[i]
        narrow = bool(len(edge.width)) and float(edge.width.min()) < NARROW
        total: Array = np.zeros(own.shape)
        for x, w in zip(*hermite(_NARROW_NODES if narrow else _WIDE_NODES), strict=True):
            total = total + w * edge.at(own + x * spread) * self._of_the_rest(mean, (*drawn, x), last)
        return total

    def steepness(self, widths: Array) -> Array:
        """Largest change of a chance over one width (n, J) of mass, in its own widths, (n,)."""
        scales = [*(edge.scale for edge in self.edges), *([] if self.luminosity is None else [self.luminosity.scale])]
        spread = np.linalg.norm(self.given.factor, axis=-1)
        edge = np.stack(scales, axis=-1)[:, None, :]
        return np.asarray(np.max(np.abs(self.given.tilt) * widths[..., None] / np.hypot(spread, edge), axis=(1, 2)))


@dataclass(frozen=True)
class Limits:
    """Limits of the clusters of a group, of which the same observables have one.

    Parameters
    ----------
    limited : ndarray of bool, shape (E,)
    limit, width : ndarray, shape (G, E)
        log10 of the limits, and noise in units of them; NaN where there is none.
    """

    limited: Array
    limit: Array
    width: Array

    def regressions(
        self, matrices: tuple[Array, Array], known: Array, unseen: Unseen | None, in_common: Array
    ) -> Regressions:
        """Of what has limits, and of L_X if it was detected unseen, on what is known; L_X is the last.

        `in_common`: variance that the errors of a listed L_X and of the flux share, which is last then, (..., 1).
        """
        others = np.flatnonzero(self.limited[1:]) + 1
        last = [0] if self.limited[0] or unseen is not None else []
        errors = None if unseen is None or not known[0] else (in_common, unseen.selection.flux_error)
        return Regressions.of(*matrices, known, np.array([*others, *last], dtype=int), errors)

    def chance(self, given: Conditional, place: Array, luminosity: Luminosity) -> CensoredChance:
        """Chance of all that is known beyond values of clusters at `place`, (n,); `luminosity`: without a limit of it.

        Where L_X has a value, its flux is the last of what is given.
        """

        def edges(i: int) -> Edges:
            return Edges(self.limit[place, i], self.width[place, i])

        others = tuple(edges(int(i)) for i in np.flatnonzero(self.limited[1:]) + 1)
        own = edges(0) if self.limited[0] else None
        if own is None and luminosity.detection is None:
            return CensoredChance(given, others, None)
        return CensoredChance(given, others, replace(luminosity, edges=own))


def limits_of(points: Points, mark: Array) -> Limits | None:
    """Limits of the clusters of a group whose marks (E,) are these; None if there are none."""
    return Limits(mark > 0, points.limit, points.limit_width) if mark.any() else None
