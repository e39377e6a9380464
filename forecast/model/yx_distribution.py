"""Distribution of one selected cluster's log10 Y_X, and of the median of N of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
from scipy import special
from scipy.interpolate import CubicSpline

from ..core.arrays import Array

_TINY = np.finfo(float).tiny
_MEDIAN_NODES = 28
_BEYOND = 8
"""Nodes by which a table goes on beyond a value near its end."""
_REFINED = 20
"""Cells of each cell of a table between which a quantile is interpolated linearly."""


class YxDistribution(Protocol):
    """Distribution of log10 Y_X for each of P parameter vectors."""

    @property
    def count(self) -> Array:
        """Expected number of clusters, shape (P,)."""

    def pdf(self, y: Array) -> Array:
        """Density per dex, shape (P, Q); `y` of shape (P, Q) or (Q,)."""

    def cdf(self, y: Array) -> Array:
        """Probability below `y`, shape (P, Q)."""

    def sf(self, y: Array) -> Array:
        """Probability above `y`, shape (P, Q)."""

    @property
    def reach(self) -> float:
        """Half-range of y, dex, beyond which the density need not be known."""


@dataclass(frozen=True)
class LocalDistribution:
    """Taylor expansion of a mixture of Gaussians about one point.

    The two middle values of N clusters differ by 1/(N p): for N of 30 or more that is a small part
    of the scatter, and five derivatives give the median's density to 1e-4 or better.
    """

    MIN_SIZE: ClassVar[int] = 30

    centre: float
    count: Array
    cumulative: Array
    derivatives: Array  # (5, P): density and its derivatives divided by factorials

    @classmethod
    def from_mixtures(cls, centre: float, mixtures: Sequence[tuple[Array, Array, Array]]) -> LocalDistribution:
        """Expand the sum of mixtures, each of Gaussians with mean and number (P, J) and scatter (P, 1)."""
        parts = [_expansion(centre, *mixture) for mixture in mixtures]
        count, below, derivatives = (np.sum(part, axis=0) for part in zip(*parts, strict=True))
        some = np.maximum(count, _TINY)
        return cls(centre, count, below / some, derivatives / some)

    @property
    def reach(self) -> float:
        """Half-range of y over which the expansion may be asked, dex."""
        return 0.5

    def pdf(self, y: Array) -> Array:
        """Density per dex, shape (P, Q)."""
        t = y - self.centre
        p0, p1, p2, p3, p4 = self.derivatives[..., None]
        density: Array = np.maximum(p0 + t * (p1 + t * (p2 + t * (p3 + t * p4))), _TINY)
        return density

    def cdf(self, y: Array) -> Array:
        """Probability below `y`, shape (P, Q)."""
        t = y - self.centre
        p0, p1, p2, p3, p4 = self.derivatives[..., None]
        grown = t * (p0 + t * (p1 / 2 + t * (p2 / 3 + t * (p3 / 4 + t * (p4 / 5)))))
        fraction: Array = np.clip(self.cumulative[:, None] + grown, _TINY, 1.0)
        return fraction

    def sf(self, y: Array) -> Array:
        """Probability above `y`, shape (P, Q)."""
        return np.maximum(1.0 - self.cdf(y), _TINY)


def _expansion(centre: float, mean: Array, number: Array, scatter: Array) -> tuple[Array, Array, Array]:
    """Count (P,), number below `centre` (P,) and Taylor coefficients of the density there (5, P)."""
    u = (centre - mean) / scatter
    below = np.einsum("pj,pj->p", number, special.ndtr(u))
    term = np.exp(-0.5 * u * u)
    term *= number
    moments = [term.sum(axis=1)]
    for _ in range(4):
        term *= u
        moments.append(term.sum(axis=1))
    m0, m1, m2, m3, m4 = moments
    hermite = np.stack([m0, -m1, m2 - m0, -(m3 - 3 * m1), m4 - 6 * m2 + 3 * m0])
    scale = scatter[:, 0] ** np.arange(1, 6)[:, None] * np.array([1, 1, 2, 6, 24])[:, None]
    return number.sum(axis=1), below, hermite / (scale * math.sqrt(2 * math.pi))


@dataclass(frozen=True)
class TabulatedDistribution:
    """Cubic splines of the log density and of the numbers below and above over a uniform grid.

    The number above is one of minus y: the difference from the count would lose the upper tail.
    """

    grid: Array
    count: Array
    log_density: CubicSpline
    cumulative: CubicSpline
    remaining: CubicSpline

    @classmethod
    def from_density(cls, grid: Array, density: Array) -> TabulatedDistribution:
        """Tabulate densities of shape (P, Q) at the grid's Q nodes."""
        log_density = CubicSpline(grid, np.log(np.maximum(density, _TINY)), axis=1)
        cumulative = CubicSpline(grid, density, axis=1).antiderivative()
        remaining = CubicSpline(-grid[::-1], density[:, ::-1], axis=1).antiderivative()
        return cls(
            grid=grid,
            count=np.maximum(cumulative(grid[-1]), _TINY),
            log_density=log_density,
            cumulative=cumulative,
            remaining=remaining,
        )

    @property
    def reach(self) -> float:
        """Half the width of the table, dex."""
        return float(0.5 * (self.grid[-1] - self.grid[0]))

    def part(self, rows: Array, low: int, high: int) -> TabulatedDistribution:
        """The table of some parameter vectors between nodes `low` and `high`, with the same values."""
        last, grid = len(self.grid) - 1, self.grid[low : high + 1]

        def cut(spline: CubicSpline, start: int, stop: int, x: Array) -> CubicSpline:
            return CubicSpline.construct_fast(spline.c[:, start:stop].take(rows, axis=2), x, axis=1)

        log_density, cumulative = (cut(spline, low, high, grid) for spline in (self.log_density, self.cumulative))
        remaining = cut(self.remaining, last - high, last - low, -grid[::-1])
        return TabulatedDistribution(
            grid=grid, count=self.count[rows], log_density=log_density, cumulative=cumulative, remaining=remaining
        )

    def quantile(self, probability: float) -> float:
        """log10 Y_X below which the first parameter vector's clusters lie with `probability`."""
        cdf = np.asarray(self.cumulative(self.grid))[0] / self.count[0]
        i = int(np.clip(np.searchsorted(cdf, probability), 1, len(cdf) - 1))
        fine = np.linspace(self.grid[i - 1], self.grid[i], 1001)
        return float(np.interp(probability, np.asarray(self.cumulative(fine))[0] / self.count[0], fine))

    @staticmethod
    def _evaluate(spline: CubicSpline, y: Array) -> Array:
        grid = spline.x
        y = np.clip(y, grid[0], grid[-1])
        if y.ndim == 1:
            return np.asarray(spline(y))
        cell = np.minimum(((y - grid[0]) / (grid[1] - grid[0])).astype(int), len(grid) - 2)
        t = y - grid[cell]
        rows = np.arange(len(y))[:, None]
        value: Array = np.zeros_like(t)
        for coefficient in spline.c:  # (Q - 1, P), highest power first
            value = value * t + coefficient[cell, rows]
        return value

    def pdf(self, y: Array) -> Array:
        """Density per dex, shape (P, Q)."""
        return np.maximum(np.exp(self._evaluate(self.log_density, np.asarray(y))) / self.count[:, None], _TINY)

    def cdf(self, y: Array) -> Array:
        """Probability below `y`, shape (P, Q)."""
        return np.clip(self._evaluate(self.cumulative, np.asarray(y)) / self.count[:, None], _TINY, 1.0)

    def sf(self, y: Array) -> Array:
        """Probability above `y`, shape (P, Q)."""
        return np.clip(self._evaluate(self.remaining, -np.asarray(y)) / self.count[:, None], _TINY, 1.0)


def reaching(grid: Array, y: float) -> Array:
    """Uniform nodes, continued until `y` is well inside them."""
    step = grid[1] - grid[0]
    below, above = (max(0, math.ceil(gap / step) + _BEYOND) for gap in (grid[0] - y, y - grid[-1]))
    return grid[0] + step * np.arange(-below, len(grid) + above) if below or above else grid


def log_median_density(distribution: YxDistribution, median: float, size: int) -> Array:
    r"""Log density of the sample median of `size` independent clusters, shape (P,).

    Odd N: G(N+1)/G((N+1)/2)^2 [F(1-F)]^((N-1)/2) p. Even N: the mean of the two middle values,
    2 N!/((n-1)!)^2 \int_0^\infty [F(m-t)]^(n-1) [1-F(m+t)]^(n-1) p(m-t) p(m+t) dt with n = N/2.

    Parameters
    ----------
    distribution : YxDistribution
    median : float
        log10 of the median Y_X.
    size : int
        Number of clusters, at least 1.
    """
    at = np.atleast_1d(np.asarray(median, dtype=float))
    if size % 2:
        p, below, above = (part(at)[:, 0] for part in (distribution.pdf, distribution.cdf, distribution.sf))
        half = (size - 1) / 2
        norm = special.gammaln(size + 1) - 2 * special.gammaln((size + 1) / 2)
        log_density: Array = norm + half * (np.log(below) + np.log(above)) + np.log(p)
        return log_density
    return _log_even_median_density(distribution, at, size // 2)


def _log_even_median_density(distribution: YxDistribution, at: Array, half: int) -> Array:
    """Even-N case of `log_median_density`; `half` is N/2."""
    p, below, above = distribution.pdf(at), distribution.cdf(at), distribution.sf(at)
    rate = (half - 1) * p * (1 / below + 1 / above)
    longest = np.minimum(distribution.reach, 40.0 / np.maximum(rate, 1e-9))
    t = longest * _NODES**2  # dt = 2 longest v dv
    log_integrand = (half - 1) * (np.log(distribution.cdf(at - t)) + np.log(distribution.sf(at + t)))
    log_integrand += np.log(distribution.pdf(at - t)) + np.log(distribution.pdf(at + t))
    peak = log_integrand.max(axis=1, keepdims=True)
    integral = (np.exp(log_integrand - peak) * (2 * longest * _NODES * _WEIGHTS)).sum(axis=1)
    norm = math.log(2.0) + special.gammaln(2 * half + 1) - 2 * special.gammaln(half)
    log_density: Array = norm + peak[:, 0] + np.log(integral)
    return log_density


_LEGENDRE = np.polynomial.legendre.leggauss(_MEDIAN_NODES)
_NODES, _WEIGHTS = 0.5 * (_LEGENDRE[0] + 1), 0.5 * _LEGENDRE[1]  # on [0, 1]


def draw_medians(distribution: TabulatedDistribution, size: Array, *, rng: np.random.Generator) -> Array:
    """Median log10 Y_X of catalogues of `size` (P,) clusters, one per parameter vector; NaN for an empty one.

    The order statistics of N draws are those of uniform numbers, of which the middle one, or two, are drawn
    (David & Nagaraja 2003, section 2.5): exact, and no cluster need be drawn.
    """
    fine = np.linspace(distribution.grid[0], distribution.grid[-1], _REFINED * (len(distribution.grid) - 1) + 1)
    cdf = np.maximum.accumulate(np.asarray(distribution.cumulative(fine)), axis=1)
    cdf = cdf / cdf[:, -1:]
    number, filled = np.maximum(size, 1), np.asarray(size) > 0
    lower = (number + 1) // 2
    u = rng.beta(lower, number - lower + 1)
    rest = np.maximum(number - lower, 1)
    above = np.where(number % 2 == 0, 1 - (1 - u) * rng.random(len(number)) ** (1 / rest), u)
    middle = [[np.interp(x, row, fine) for x, row in zip(values, cdf, strict=True)] for values in (u, above)]
    return np.where(filled, np.mean(middle, axis=0), np.nan)
