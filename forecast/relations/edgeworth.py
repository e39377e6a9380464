"""Residuals known by four moments: the Edgeworth series, its abundance bias, and a mixture of Gaussians.

x is a residual of log mass in units of its standard deviation; kurtosis is the excess over the Gaussian's 3.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import optimize, special

from ..core.arrays import Array
from ..core.errors import InputError
from ..core.units import LN10

Number = float | np.ndarray
_X = np.linspace(-12.0, 12.0, 2401)
_WEIGHTS = 1 / (1 + np.exp(-np.linspace(-7.0, 7.0, 281)))
_NARROWEST = 0.2
"""Width of the narrowest component of a sensible mixture, in units of the whole scatter."""


def edgeworth_bias(slope: Number, scatter: Number, skewness: Number, kurtosis: Number) -> Number:
    r"""Abundance at fixed proxy mass, relative to that of a log-normal proxy of the same scatter.

    .. math:: 1 + (\alpha\sigma)^3 \gamma / 6 + (\alpha\sigma)^4 \kappa / 24

    Equation 7 of Abbas (2019, after Ho et al. 2019, arXiv:1902.05950), whose first denominator is
    misprinted as 2. First order in the cumulants: it needs alpha sigma below about 1.

    Parameters
    ----------
    slope : float or ndarray
        alpha = -d ln(dn/dln M) / d ln M, positive where the mass function falls. Proxies that scatter
        upwards (positive skewness) then raise the abundance.
    scatter : float or ndarray
        Standard deviation of log10 of the proxy mass at fixed mass, dex; sigma = 2.3026 x scatter.
    skewness, kurtosis : float or ndarray

    Examples
    --------
    >>> print(f"{edgeworth_bias(2.0, 0.127, 0.097, 1.577) - 1:.1%}")
    1.1%
    """
    t = slope * scatter * LN10
    return 1 + t**3 * skewness / 6 + t**4 * kurtosis / 24


def check_moments(skewness: float, kurtosis: float, name: str = "residuals") -> None:
    """Refuse moments that no distribution has.

    Raises
    ------
    InputError
        If they are not finite or kurtosis < skewness^2 - 2.
    """
    least = skewness**2 - 2
    if not (math.isfinite(skewness) and math.isfinite(kurtosis)) or kurtosis < least:
        raise InputError(
            f"{name}: no distribution has skewness {skewness:g} and kurtosis {kurtosis:g}; the kurtosis, counted "
            f"from the Gaussian's zero, must be at least skewness^2 - 2 = {least:g}"
        )


@dataclass(frozen=True)
class Edgeworth:
    """Density G(x) [1 + gamma He3(x)/6 + kappa He4(x)/24], clipped where negative and renormalised.

    Abbas (2019) equation 6; strictly the Gram-Charlier A series, without the term in gamma^2.
    """

    skewness: float
    kurtosis: float

    def __post_init__(self) -> None:
        check_moments(self.skewness, self.kurtosis)

    def series(self, x: Array) -> Array:
        """The series itself, which can be negative; shape of `x`."""
        return _normal(x) * np.polyval(self._polynomial, x)

    def density(self, x: Array) -> Array:
        """Clipped at zero and renormalised; shape of `x`."""
        return np.maximum(self.series(x), 0.0) / (1 + self.clipped)

    @property
    def _polynomial(self) -> Array:
        third, fourth = self.skewness / 6, self.kurtosis / 24
        return np.array([fourth, third, -6 * fourth, -3 * third, 1 + 3 * fourth])

    @cached_property
    def clipped(self) -> float:
        """Integral of the negative part, from its exact antiderivative between the roots."""
        roots = np.roots(np.trim_zeros(self._polynomial, "f"))
        edges = np.sort(np.clip(roots[np.abs(roots.imag) < 1e-9].real, -40, 40))
        edges = np.concatenate([[-40.0], edges, [40.0]])
        tail = self.skewness / 6 * (edges**2 - 1) + self.kurtosis / 24 * (edges**3 - 3 * edges)
        pieces = np.diff(special.ndtr(edges) - _normal(edges) * tail)
        return float(np.maximum(-pieces, 0.0).sum())

    @cached_property
    def moments(self) -> tuple[float, float, float, float]:
        """Mean, standard deviation, skewness and kurtosis after clipping."""
        weight = self.density(_X)
        weight = weight / weight.sum()
        mean = float(weight @ _X)
        std = math.sqrt(float(weight @ (_X - mean) ** 2))
        u = (_X - mean) / std
        return mean, std, float(weight @ u**3), float(weight @ u**4) - 3


@dataclass(frozen=True)
class UnitMixture:
    """Mixture of J Gaussians of mean 0 and variance 1: `weight`, `mean` and `std` of shape (J,)."""

    weight: Array
    mean: Array
    std: Array

    def density(self, x: Array) -> Array:
        """Density at `x`, shape (Q,)."""
        return _normal((np.asarray(x)[:, None] - self.mean) / self.std) @ (self.weight / self.std)

    def growth(self, t: Array) -> Array:
        """E[exp(t x)] / exp(t^2/2) at `t`, shape (Q,).

        With t = alpha sigma it is the exact abundance bias for a mass function M^-alpha.
        """
        t = np.asarray(t, dtype=float)[..., None]
        mean: Array = np.exp(t * self.mean + 0.5 * t**2 * (self.std**2 - 1)) @ self.weight
        return mean

    def cumulative(self, x: float) -> float:
        """Chance of a value below `x`."""
        return float(self.weight @ special.ndtr((x - self.mean) / self.std))

    @cached_property
    def median(self) -> float:
        """Value with half the probability on each side."""
        return float(optimize.brentq(lambda x: self.cumulative(x) - 0.5, -40, 40, xtol=1e-13))

    @cached_property
    def moments(self) -> tuple[float, float, float, float]:
        """Mean, standard deviation, skewness and kurtosis."""
        mean = float(self.weight @ self.mean)
        d, v = self.mean - mean, self.std**2
        second, third, fourth = (
            float(self.weight @ m) for m in (d**2 + v, d**3 + 3 * d * v, d**4 + 6 * d**2 * v + 3 * v**2)
        )
        return mean, math.sqrt(second), third / second**1.5, fourth / second**2 - 3

    def distance(self, other: Edgeworth) -> float:
        """Integral of the absolute difference of the densities: 0 for equal, 2 for disjoint ones."""
        return float(np.abs(self.density(_X) - other.density(_X)).sum() * (_X[1] - _X[0]))


def matched_mixture(skewness: float, kurtosis: float) -> UnitMixture:
    """Mixture of at most two Gaussians with these moments, as close as can be to the Edgeworth density.

    Two Gaussians have one degree of freedom more than there are moments; among those whose components
    are wider than a fifth of the scatter, the one at the smallest L1 distance from the clipped series
    is taken. Close to the limit kurtosis = skewness^2 - 2, which two spikes attain, components would
    be narrower: then the widths are a fifth, and the kurtosis (compare `moments`) is a little larger.

    Raises
    ------
    InputError
        If no distribution has these moments.
    """
    check_moments(skewness, kurtosis)
    if skewness == 0 and kurtosis == 0:
        return UnitMixture(np.ones(1), np.zeros(1), np.ones(1))
    goal = Edgeworth(skewness, kurtosis)
    found = [mixture for p in _WEIGHTS for mixture in _two_gaussians(p, skewness, kurtosis)]
    return min(found or [_equal_widths(skewness, kurtosis)], key=lambda mixture: mixture.distance(goal))


def _two_gaussians(p: float, skewness: float, kurtosis: float) -> list[UnitMixture]:
    """Sensible mixtures with weights p and q = 1 - p and exact moments.

    Means d a and -d/a, variances 1 - d^2 + e a and 1 - d^2 - e/a, with a = sqrt(q/p) and h = a - 1/a:
    skewness = d^3 h + 3 d e, kurtosis = d^4 (h^2 - 2) + 6 d^2 e h + 3 e^2.
    """
    q = 1 - p
    a = math.sqrt(q / p)
    found = []
    for d, e in _separations(a - 1 / a, skewness, kurtosis):
        variance = np.array([1 - d**2 + e * a, 1 - d**2 - e / a])
        if variance.min() >= _NARROWEST**2:
            found.append(UnitMixture(np.array([p, q]), np.array([d * a, -d / a]), np.sqrt(variance)))
    return found


def _separations(h: float, skewness: float, kurtosis: float) -> list[tuple[float, float]]:
    """Every (d, e) of `_two_gaussians` for given h: e follows from the skewness, d from a sextic."""
    if skewness == 0 and kurtosis > 0:
        return [(0.0, sign * math.sqrt(kurtosis / 3)) for sign in (1, -1)]
    sextic = np.array([-(2 * h**2 + 6), 0, 0, 4 * skewness * h, -3 * kurtosis, 0, skewness**2])
    roots = np.roots(sextic)
    d = roots[(np.abs(roots.imag) < 1e-7) & (np.abs(roots.real) < 1) & (roots.real != 0)].real
    for _ in range(4):  # Newton steps: small roots of `np.roots` are inexact
        d = d - np.polyval(sextic, d) / np.polyval(np.polyder(sextic), d)
    e = (skewness - d**3 * h) / (3 * d)
    exact = np.abs(d**4 * (h**2 - 2) + 6 * d**2 * e * h + 3 * e**2 - kurtosis) < 1e-10 * (1 + abs(kurtosis))
    return list(zip(d[exact], e[exact], strict=True))


def _equal_widths(skewness: float, kurtosis: float) -> UnitMixture:
    """Two Gaussians of equal width; kurtosis = skewness^2/r - 2 r^2 with r the variance between them."""
    widest = 1 - _NARROWEST**2

    def excess(r: float) -> float:
        return skewness**2 / r - 2 * r**2 - kurtosis

    r = widest if excess(widest) >= 0 else float(optimize.brentq(excess, 1e-9, widest, xtol=1e-15))
    h = skewness / r**1.5
    p = 0.5 * (1 - h / math.hypot(2, h))
    a = math.sqrt((1 - p) / p)
    mean = math.sqrt(r) * np.array([a, -1 / a])
    return UnitMixture(np.array([p, 1 - p]), mean, np.full(2, math.sqrt(1 - r)))


def _normal(x: Array) -> Array:
    """Standard normal density."""
    return np.exp(-0.5 * np.asarray(x) ** 2) / math.sqrt(2 * math.pi)
