"""Asymmetric errors: split normal laws of a measurement about the truth, and mixtures of Gaussians that stand for them.

A value x with errors `lower` and `upper` says of the truth t

    p(x | t) = sqrt(2 / pi) / (lower + upper) exp(-(t - x)^2 / (2 s^2)), s = upper where t > x, lower where t < x:

a density of x of integral one at given t, and of t at given x. With e = (lower + upper) / 2 and the skew
q = (upper - lower) / (upper + lower) the sides are e (1 + q) and e (1 - q).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import optimize, special

from ...core.arrays import Array
from ...model.mixture import SQRT2PI

LARGEST_SKEW = 0.7
"""Skew, 5.7 to 1, beyond which mixtures are those of this one."""
_STEP, _REACH, _NODES = 0.025, 4.2, 60
_FAR, _TIE = 3.0, 2e-3
_HALF_REACH, _FEWEST, _PER_SCALE = 6.0, 16, 8
_START = (
    (-1.0, -2.6, -0.5, -0.86, -1.66, -3.4),
    (-0.24, -0.2, 0.47, 1.3, 2.04, 2.66),
    (-0.69, -1.08, -0.43, -0.26, -0.08, 0.09),
)
"""Log weights, means and log widths of six Gaussians near those of skew 0.45, in units of e."""
_LEVELS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.75, 1.0, 1.5, 2.5)
"""Scatters, in units of e, for which mixtures are made; they hold for larger ones."""
_RIGHT = 0.004
"""Error of ln p within four widths that fewer Gaussians than six may have once smeared by a scatter."""


def split_normal(observed: Array, true: Array, error: Array, skew: Array) -> Array:
    """Density per dex of measured values at given true ones; arrays broadcast."""
    offset = true - observed
    side = error * np.where(offset > 0, 1 + skew, 1 - skew)
    return np.asarray(np.exp(-0.5 * (offset / side) ** 2) / (SQRT2PI * error))


def half_normals(error: float, skew: float, scale: float) -> tuple[Array, Array]:
    """Offsets and weights of a sum over the truth about a measured value; `scale`: on which what is summed varies."""
    parts = []
    for side, sign in ((error * (1 + skew), 1), (error * (1 - skew), -1)):
        x, w = np.polynomial.legendre.leggauss(_FEWEST + math.ceil(_PER_SCALE * side / scale))
        u = 0.5 * _HALF_REACH * (x + 1)
        weight = w * np.exp(-0.5 * u * u)
        parts.append((sign * side * u, weight / weight.sum() * side))
    offset, weight = (np.concatenate(x) for x in zip(*parts, strict=True))
    total = weight.sum()
    return offset, weight / total if total > 0 else np.full(len(weight), 1 / len(weight))


@dataclass(frozen=True)
class Gaussians1D:
    """Gaussians of the truth about a measured value, arrays (K,): a split normal is within 0.01 of their sum in ln p.

    That is within four widths on either side for skews up to 0.45, 0.02 up to 0.6, and 0.07 up to `LARGEST_SKEW`.
    """

    weight: Array
    shift: Array
    width: Array


def moments(skew: float) -> tuple[float, float, float]:
    """Mean, variance and third central moment of the truth about a measured value, in units of e (John 1982)."""
    difference, product = 2 * skew, 1 - skew**2
    mean = np.sqrt(2 / np.pi) * difference
    variance = (1 - 2 / np.pi) * difference**2 + product
    return mean, variance, mean * ((4 / np.pi - 1) * difference**2 + product)


@lru_cache(maxsize=10_000)
def gaussians_of(skew: float) -> Gaussians1D:
    """Mixture for a skew of either sign, in units of the mean of lower and upper error."""
    size = min(abs(skew), LARGEST_SKEW)
    at = np.array(list(_table()))
    return _mixture(_fitted(size, _table()[float(at[np.argmin(np.abs(at - size))])]), skew)


@lru_cache(maxsize=10_000)
def smeared_gaussians(skew: float, scatter: float) -> Gaussians1D:
    """The fewest that stand for a split normal which a scatter, in units of e, smears by as much or more."""
    size, level = min(abs(skew), LARGEST_SKEW), max((x for x in _LEVELS if x <= scatter), default=0.0)
    for number in range(2, len(_START[0]) if level else 0):
        mean = np.linspace(-0.8, 0.8, number)
        start = np.concatenate([np.zeros(number), mean * (1 + np.sign(mean) * size), _log_width(mean, size)])
        parameters = _fitted(size, start, level)
        if _misfit(parameters, size, level) < _RIGHT:
            return _mixture(parameters, skew)
    return gaussians_of(skew)


def _log_width(mean: Array, skew: float) -> Array:
    """Log widths from which fits begin: three quarters of the side's."""
    return np.asarray(np.log(0.75 * (1 + np.where(mean > 0, skew, -skew))))


def _misfit(parameters: Array, skew: float, scatter: float) -> float:
    """Largest difference of ln p within four widths."""
    u = np.linspace(-4, 4, 2 * _NODES - 1)
    x, goal = _goal(u, skew, scatter)
    return float(np.abs(_log_mixture(parameters, x, scatter)[0] - goal).max())


def _mixture(parameters: Array, skew: float) -> Gaussians1D:
    log_weight, shift, log_width = parameters.reshape(3, -1)
    weight = np.exp(log_weight - log_weight.max())
    return Gaussians1D(weight / weight.sum(), np.sign(skew) * shift, np.exp(log_width))


@lru_cache(maxsize=1)
def _table() -> dict[float, Array]:
    """Parameters (18,) at skews from 0 to the largest, each fitted from its neighbour's."""
    middle = 0.45
    start = _fitted(middle, np.ravel(_START))
    down, up = np.arange(middle, -0.5 * _STEP, -_STEP), np.arange(middle + _STEP, LARGEST_SKEW + 0.5 * _STEP, _STEP)
    found = {}
    for skews in (down, up):
        parameters = start
        for skew in skews:
            parameters = _fitted(float(max(skew, 0.0)), parameters)
            found[float(max(skew, 0.0))] = parameters
    return found


def _fitted(skew: float, start: Array, scatter: float = 0.0) -> Array:
    """Parameters whose ln p is nearest in least squares out to four widths, those beyond three at half weight.

    They are tied to `start` a little: a Gaussian is a sum of six in many ways.
    """
    u = np.linspace(-_REACH, _REACH, 2 * _NODES - 1)
    (x, goal), weight = _goal(u, skew, scatter), np.where(np.abs(u) > _FAR, 0.5, 1.0)

    def misfit(parameters: Array) -> Array:
        value = (_log_mixture(parameters, x, scatter)[0] - goal) * weight
        return np.concatenate([value, _TIE * (parameters - start)])

    def slopes(parameters: Array) -> Array:
        slope = _log_mixture(parameters, x, scatter)[1] * weight[:, None]
        return np.concatenate([slope, _TIE * np.eye(len(start))])

    return np.asarray(optimize.least_squares(misfit, start, slopes, method="lm", max_nfev=60).x)


def _goal(u: Array, skew: float, scatter: float) -> tuple[Array, Array]:
    """Truths at `u` widths of either side, and ln p of a split normal smeared by a scatter there; (N,) each."""
    if not scatter:
        return u * np.where(u > 0, 1 + skew, 1 - skew), -0.5 * u * u - np.log(SQRT2PI)
    x, density = u * np.hypot(np.where(u > 0, 1 + skew, 1 - skew), scatter), np.zeros(len(u))
    for side, sign in ((1 + skew, 1), (1 - skew, -1)):
        width = np.hypot(side, scatter)
        share = special.ndtr(sign * x * side / (width * scatter))
        density += np.exp(-0.5 * (x / width) ** 2) * share * side / (width * SQRT2PI)
    return x, np.log(density)


def _log_mixture(parameters: Array, x: Array, scatter: float) -> tuple[Array, Array]:
    """ln of a mixture smeared by a scatter at x (N,), and its derivatives by the parameters, (N, 3 K)."""
    log_weight, mean, log_width = parameters.reshape(3, -1)
    weight, own = np.exp(log_weight - log_weight.max()), np.exp(log_width)
    weight, width = weight / weight.sum(), np.hypot(own, scatter)
    z = (x[:, None] - mean) / width
    terms = weight * np.exp(-0.5 * z * z) / (SQRT2PI * width)
    total = terms.sum(axis=1)
    share = terms / total[:, None]
    slopes = share - weight, share * z / width, share * (z * z - 1) * (own / width) ** 2
    return np.log(total), np.concatenate(slopes, axis=1)
