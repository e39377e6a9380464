"""rms linear density contrast of a survey's own volume: cuboids, and shells of a light cone.

sigma_V^2 = int k^2 dk / (2 pi^2) P(k) W^2(k), with the window of the volume's shape averaged over angles.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from scipy.interpolate import CubicSpline

from ..core.arrays import Array
from ..cosmology.background import BASE_SIGMA8, Cosmology, base_power
from .geometry import Box, LightCone, Replicated
from .shells import Geometry

_PIVOT = 0.1  # h/Mpc at which growth is read off the power spectrum; any would do
_LOW, _HIGH, _PER_DECADE = 0.02, 60.0, 160  # wave numbers in units of 1/size
_COSINES, _SMOOTH = 400, 60.0  # nodes of angular averages; k side / 2 beyond which a square's window is averaged
_LIMBER = 25.0  # multipoles times relative thickness beyond which Limber's approximation is used
_RADII, _RESOLVED = 160, 240.0  # Gauss-Legendre nodes across a shell, and the largest k times its thickness for them
_MULTIPOLES = 40.0  # times 1/opening angle; the rest adds 1e-3 of the variance at most


def rms_contrast(geometry: Geometry, z: Array, cosmology: Cosmology) -> Array:
    """rms linear density contrast of a whole survey at sigma8 = 1, scaled to each redshift `z`; shape of `z`.

    The contrast is averaged over the volume. For a light cone, whose structure grows along it, the rms
    at z is that of the average divided by the average growth, times the growth at z.
    """
    assert isinstance(geometry, Hashable)
    return float(_root(geometry, cosmology, False)[0, 0]) * growth(cosmology, z)


def contrast_root(geometry: Geometry, cosmology: Cosmology) -> Array:
    """Symmetric root (S, S) of the covariance of the contrasts of a survey's shells, today at sigma8 = 1.

    Its product with S independent standard normal numbers has the contrasts' covariance: shells next to
    each other are correlated. For one shell of a survey the root is that of the whole survey.
    """
    whole = geometry.within or geometry if isinstance(geometry, LightCone) else geometry
    assert isinstance(whole, Hashable)
    return _root(whole, cosmology, True)


def growth(cosmology: Cosmology, z: Array) -> Array:
    """Linear growth relative to today, shape of `z`."""
    growth: Array = np.sqrt(base_power(cosmology, np.array(_PIVOT), z) / base_power(cosmology, np.array(_PIVOT)))
    return growth


@lru_cache(maxsize=256)
def _root(geometry: Hashable, cosmology: Cosmology, shells: bool) -> Array:
    """Root of the covariance at sigma8 = 1, of the shells or of the whole."""
    if isinstance(geometry, Replicated):
        inner = geometry.survey
        assert isinstance(inner, Hashable)
        return _root(inner, cosmology, shells) / math.sqrt(geometry.copies)
    if isinstance(geometry, Box):
        covariance = np.array([[cuboid_variance(geometry.side, geometry.fraction * geometry.side, cosmology)]])
    elif isinstance(geometry, LightCone):
        cone = geometry if shells else replace(geometry, edges=())
        covariance = cone_covariance(cone, cosmology)
    else:
        raise TypeError(f"no rms contrast for a {type(geometry).__name__}")
    values, vectors = np.linalg.eigh(covariance)
    root: Array = (vectors * np.sqrt(values)) @ vectors.T / BASE_SIGMA8
    return root


def _wave_numbers(low: float, high: float) -> tuple[Array, Array]:
    """Nodes k, h/Mpc, and weights k^3 dln(k) / (2 pi^2) of an integral over wave numbers."""
    nodes = np.linspace(math.log(low), math.log(high), math.ceil(_PER_DECADE * math.log10(high / low)) + 1)
    k = np.exp(nodes)
    weight = k**3 * (nodes[1] - nodes[0]) / (2 * math.pi**2)
    weight[[0, -1]] /= 2
    return k, weight


def cuboid_variance(side: float, height: float, cosmology: Cosmology) -> float:
    """Variance of the contrast in a cuboid side x side x height, Mpc/h, today and at the base sigma8.

    Waves longer than the side are included: this is a piece of the universe. A piece of a periodic
    simulation box lacks them, and the whole of one has no variance at all.
    """
    k, weight = _wave_numbers(_LOW / max(side, height), _HIGH / min(side, height))
    return float((weight * base_power(cosmology, k) * cuboid_window(k, side, height)).sum())


def cuboid_window(k: Array, side: float, height: float) -> Array:
    """W^2(k) of a cuboid side x side x height, Mpc/h, averaged over directions; shape of `k`."""
    nodes, weights = np.polynomial.legendre.leggauss(_COSINES)
    cosine, weights = 0.5 * (1 + nodes), 0.5 * weights
    across = square_window(np.outer(k, np.sqrt(1 - cosine**2)) * (0.5 * side))
    along = np.sinc(np.outer(k, cosine) * (0.5 * height / math.pi)) ** 2
    return (along * across) @ weights


def square_window(x: Array) -> Array:
    """sinc^2(x cos phi) sinc^2(x sin phi) averaged over phi; for large x also over its wiggles, x^-3."""
    return np.where(x < _SMOOTH, _square_table()(np.minimum(x, _SMOOTH)), np.maximum(x, 1.0) ** -3)


@lru_cache(maxsize=1)
def _square_table() -> CubicSpline:
    """`square_window` up to `_SMOOTH`."""
    x = np.linspace(0, _SMOOTH, 481)
    nodes, weights = np.polynomial.legendre.leggauss(160)
    angle = 0.25 * math.pi * (1 + nodes)
    window = np.sinc(np.outer(x, np.cos(angle)) / math.pi) * np.sinc(np.outer(x, np.sin(angle)) / math.pi)
    return CubicSpline(x, 0.5 * window**2 @ weights)


def cone_covariance(cone: LightCone, cosmology: Cosmology) -> Array:
    r"""Covariance (S, S) of the contrasts in the shells of a light cone of circular outline.

    At the base sigma8, with growth divided out. C_ij = \sum_l (2 l + 1) K_l^2 \int k^2 dk/(2 pi^2) P(k)
    R_l^i(k) R_l^j(k), with radial windows R_l = \int w(r) j_l(k r) dr, w ~ r^2 D(r), and K_l the mean of
    P_l over the polar cap.
    """
    shells = [_Radial.of(part, cosmology) for part in cone.parts if isinstance(part, LightCone)]
    cap = cap_multipoles(cone.area)
    multiplicity = (2 * np.arange(len(cap)) + 1) * cap**2
    far, size = max(s.radius[-1] for s in shells), min(s.size for s in shells)
    k, dk = _wave_numbers(_LOW / far, _RESOLVED / size)
    density = dk * base_power(cosmology, k)
    windows = [s.windows(k, min(len(cap), math.ceil(_LIMBER / s.size * s.radius[-1]) + 1)) for s in shells]
    covariance = np.diag([s.limber(len(w), multiplicity, cosmology) for s, w in zip(shells, windows, strict=True)])
    for i, one in enumerate(windows):
        for j, other in enumerate(windows):
            n = min(len(one), len(other))
            covariance[i, j] += multiplicity[:n] @ (one[:n] * other[:n] @ density)
    return covariance


def cap_multipoles(area: float) -> Array:
    r"""Mean of P_l over a polar cap of `area` steradian, l = 0, 1, ..., shape (L,).

    K_l = [P_{l-1}(c) - P_{l+1}(c)] / [(2 l + 1)(1 - c)], c the cosine of the opening angle. The whole
    sky has only l = 0.
    """
    depth = min(area / (2 * math.pi), 2.0)
    if depth > 2 - 1e-9:
        return np.ones(1)
    c = 1 - depth
    size = math.ceil(_MULTIPOLES / math.acos(c)) + 1
    legendre = np.ones(size + 1)
    legendre[1] = c
    for n in range(1, size):
        legendre[n + 1] = ((2 * n + 1) * c * legendre[n] - n * legendre[n - 1]) / (n + 1)
    inner = (legendre[:-2] - legendre[2:]) / ((2 * np.arange(1, size) + 1) * depth)
    return np.concatenate([[1.0], inner])


@dataclass(frozen=True)
class _Radial:
    """Quadrature across a shell: comoving distances and steps, Mpc/h, and weights r^2 D(r) dr that add up to one."""

    radius: Array
    step: Array
    weight: Array

    @classmethod
    def of(cls, shell: LightCone, cosmology: Cosmology) -> _Radial:
        """Gauss-Legendre quadrature in redshift."""
        nodes, weights = np.polynomial.legendre.leggauss(_RADII)
        half = 0.5 * (shell.zmax - shell.zmin)
        z = 0.5 * (shell.zmax + shell.zmin) + half * nodes
        radius, volume = cosmology.comoving_distance(z), half * weights * cosmology.volume_element(z)
        weight = volume * growth(cosmology, z)
        return cls(radius, volume / radius**2, weight / weight.sum())

    @property
    def size(self) -> float:
        """Thickness, Mpc/h."""
        return float(self.step.sum())

    def windows(self, k: Array, orders: int) -> Array:
        """R_l(k) for l < `orders`, shape (orders, K); zero beyond the wave numbers that the nodes resolve."""
        windows = np.zeros((orders, len(k)))
        resolved = k <= _RESOLVED / self.size * (1 + 1e-9)
        for order, value in enumerate(spherical_bessel(np.outer(k[resolved], self.radius), orders)):
            windows[order, resolved] = value @ self.weight
        return windows

    def limber(self, start: int, multiplicity: Array, cosmology: Cosmology) -> float:
        """Variance from multipoles so high that only waves across the line of sight matter (Limber)."""
        order = np.arange(start, len(multiplicity))
        if not len(order):
            return 0.0
        nodes = np.unique(np.geomspace(start, len(multiplicity) - 1, 100).round())
        power = base_power(cosmology, (nodes[:, None] + 0.5) / self.radius)
        power = (power * self.weight**2 / (self.step * self.radius**2)).sum(axis=1) / (4 * math.pi)
        return float(multiplicity[start:] @ np.exp(np.interp(np.log(order), np.log(nodes), np.log(power))))


def spherical_bessel(x: Array, orders: int) -> Iterator[Array]:
    """j_l(x) for l = 0, 1, ..., by upward recursion, zero where x is so far below l that j_l is."""
    before, here = np.cos(x) / x, np.sin(x) / x
    for order in range(orders):
        yield here
        before, here = here, (2 * order + 1) / x * here - before
        following = order + 1
        vanished = x < max(following - 6 * following ** (1 / 3), 0.25 * following if following > 1 else 0.0)
        here[vanished], before[vanished] = 0.0, 0.0
