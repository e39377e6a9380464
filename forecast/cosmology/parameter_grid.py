"""Cosmologies whose shape (Om0, h, n_s) varies: expansion, and tables interpolated in the shape.

sigma(M, z) = sigma8/0.8 D(z) sigma_0(M): growth, distances and overdensities follow from Om0 and h at no
cost, and only sigma_0 needs colossus. It is tabulated at Chebyshev nodes of the free shape parameters;
a fixed one costs nothing. The baryon density Ob0 h^2 stays that of the reference cosmology.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.polynomial import chebyshev
from scipy import special

from ..core.arrays import Array
from ..core.chunks import Remembered
from ..core.errors import InputError
from ..core.parameters import ParameterSet
from ..core.priors import Prior
from .background import HUBBLE_DISTANCE, LIMITS, TCMB, Cosmology, smooth_log_sigma

SHAPE_NAMES = ("Om0", "h", "ns")
"""Parameters of a cosmology's shape that can be free."""

CRITICAL_DENSITY = 2.77536627245708e11
"""Today's critical density, Msun h^2 / Mpc^3 (colossus's value)."""
RADIATION = 4.4814665013636476e-7 * TCMB**4 * (1 + 0.22710731766 * 3.046)
"""Omega_r h^2 of photons at 2.7255 K and 3.046 massless neutrinos (colossus's values)."""

_LOG = {"Om0": True, "h": True, "ns": False}  # coordinate of the interpolation: ln x or x
_NODES = {"Om0": (5, 7.0), "h": (4, 8.0), "ns": (3, 6.0)}  # constant + slope x width of the range
_SPAN, _TRUSTED, _MARGIN = 4.0, 3.0, 0.08  # of the grid and of the calibration, prior std; added at both ends
_LEGENDRE_X, _LEGENDRE_W = np.polynomial.legendre.leggauss(12)


@dataclass(frozen=True)
class Expansion:
    """Expansion and growth of flat LambdaCDM with radiation; `Om0` and `h` broadcast against redshifts.

    Parameters
    ----------
    Om0, h : ndarray
        Matter density today and H0 / (100 km/s/Mpc).
    """

    Om0: Array
    h: Array

    @classmethod
    def of(cls, cosmology: Cosmology) -> Expansion:
        """That of one cosmology."""
        return cls(np.asarray(cosmology.Om0), np.asarray(cosmology.h))

    def efunc(self, z: Array) -> Array:
        """E(z) = H(z)/H0."""
        x, radiation = 1.0 + np.asarray(z), RADIATION / self.h**2
        return np.sqrt(x**3 * (self.Om0 + radiation * x) + (1.0 - self.Om0 - radiation))

    def matter_density(self, z: Array) -> Array:
        """Omega_m(z)."""
        density: Array = self.Om0 * (1.0 + np.asarray(z)) ** 3 / self.efunc(z) ** 2
        return density

    def growth(self, z: Array) -> Array:
        """Linear growth factor D(z)/D(0), radiation neglected, as in colossus.

        D = a 2F1(1/3, 1; 11/6; -a^3 (1 - Om0)/Om0) solves equation 8 of Eisenstein & Hu (1999).
        """
        ratio, a = (self.Om0 - 1.0) / self.Om0, 1.0 / (1.0 + np.asarray(z))

        def growing(a: Array | float) -> Array:
            growth: Array = a * special.hyp2f1(1 / 3, 1.0, 11 / 6, ratio * a**3)
            return growth

        return growing(a) / growing(1.0)

    def comoving_distance(self, z: Array) -> Array:
        """Comoving distance in Mpc/h, by Gauss-Legendre quadrature in ln(1 + z); right to 1e-9 up to z = 3."""
        half = 0.5 * np.log1p(np.asarray(z))
        x = np.expm1(half * (1.0 + _LEGENDRE_X.reshape(-1, *([1] * max(np.ndim(half), np.ndim(self.Om0))))))
        integrand = (1.0 + x) / self.efunc(x)
        distance: Array = HUBBLE_DISTANCE * half * np.tensordot(_LEGENDRE_W, integrand, axes=1)
        return distance

    def luminosity_distance(self, z: Array) -> Array:
        """Luminosity distance in (physical) Mpc/h."""
        return (1.0 + np.asarray(z)) * self.comoving_distance(z)

    def volume_element(self, z: Array) -> Array:
        """dV/dz per steradian in (Mpc/h)^3."""
        return HUBBLE_DISTANCE * self.comoving_distance(z) ** 2 / self.efunc(z)


@dataclass(frozen=True)
class Shape:
    """Shape parameters of P cosmologies, inside the range of a `ShapeGrid`.

    Parameters
    ----------
    Om0, h, ns : ndarray, shape (P,)
    basis : ndarray, shape (P, G)
        What contracts with the tables of the grid that made it.
    """

    Om0: Array
    h: Array
    ns: Array
    basis: Array

    @property
    def expansion(self) -> Expansion:
        """Expansion at these shapes; results have shape (P, K) for redshifts of shape (K,)."""
        return Expansion(self.Om0[:, None], self.h[:, None])

    @cached_property
    def growth(self) -> Remembered:
        """Linear growth at redshifts (K,), which several parts of a model ask for, (P, K)."""
        return Remembered(self.expansion.growth)

    def expansion_of(self, row: Array) -> Expansion:
        """Expansion at the shapes with numbers `row`, which broadcast against redshifts."""
        row = row if len(self.Om0) > 1 else np.zeros_like(row)
        return Expansion(self.Om0[row], self.h[row])


def lagrangian_radius(log_mass: Array, Om0: float) -> Array:
    """Comoving radius, Mpc/h, of a sphere that holds a mass (log10 Msun/h) at the mean density."""
    return np.cbrt(3.0 * 10.0 ** np.asarray(log_mass) / (4.0 * math.pi * CRITICAL_DENSITY * Om0))


@dataclass(frozen=True)
class ShapeGrid:
    """Chebyshev nodes in the free shape parameters.

    Parameters
    ----------
    reference : Cosmology
        The configured cosmology; its Ob0 h^2 is kept.
    low, high : tuple of float
        Range of each of `SHAPE_NAMES`; equal where the parameter is fixed. Values beyond are evaluated
        at the edge.
    fineness : float
        Factor on the number of nodes along each free parameter.
    """

    reference: Cosmology
    low: tuple[float, ...]
    high: tuple[float, ...]
    fineness: float = 1.0

    @classmethod
    def over(cls, reference: Cosmology, ranges: Mapping[str, tuple[float, float]]) -> ShapeGrid:
        """Grid over the given ranges of Om0, h or ns; the others stay those of `reference`.

        Raises
        ------
        InputError
            If a range leaves what the mass functions can be asked for.
        """
        bounds = [ranges.get(name, (getattr(reference, name),) * 2) for name in SHAPE_NAMES]
        low, high = (tuple(float(b[i]) for b in bounds) for i in (0, 1))
        for corner in itertools.product(*bounds):
            try:
                reference.varied(**dict(zip(SHAPE_NAMES, corner, strict=True)))
            except InputError as error:
                raise InputError(f"parameters {', '.join(ranges)}: {error}; narrow the prior") from None
        return cls(reference, low, high)

    @cached_property
    def _axes(self) -> tuple[Array, ...]:
        """Values of each shape parameter at the nodes; one value where it is fixed."""
        axes = []
        for name, low, high in zip(SHAPE_NAMES, self.low, self.high, strict=True):
            ends = np.log([low, high]) if _LOG[name] else np.array([low, high])
            constant, slope = _NODES[name]
            number = self.fineness * (constant + slope * (ends[1] - ends[0]))
            size = 1 if low == high else max(2, math.ceil(number))
            x = ends.mean() + 0.5 * np.ptp(ends) * chebyshev.chebpts1(size)
            axes.append(np.exp(x) if _LOG[name] else x)
        return tuple(axes)

    @cached_property
    def nodes(self) -> tuple[Cosmology, ...]:
        """The G cosmologies at which tables are made."""
        points = itertools.product(*self._axes)
        return tuple(self.reference.varied(**dict(zip(SHAPE_NAMES, map(float, p), strict=True))) for p in points)

    def shape(
        self, Om0: Array | float | None = None, h: Array | float | None = None, ns: Array | float | None = None
    ) -> Shape:
        """Shapes of P parameter vectors; each of shape (P,) or a scalar, None for the reference's value."""
        pairs = zip(SHAPE_NAMES, (Om0, h, ns), strict=True)
        given = [np.atleast_1d(getattr(self.reference, name) if x is None else x) for name, x in pairs]
        values, basis = [], np.ones((max(len(x) for x in given), 1))
        for low, high, name, axis, x in zip(
            self.low, self.high, SHAPE_NAMES, self._axes, np.broadcast_arrays(*given), strict=True
        ):
            x = np.clip(x.astype(float), low, high)
            ends, u = (np.log([low, high]), np.log(x)) if _LOG[name] else (np.array([low, high]), x)
            position = (u - ends.mean()) / (0.5 * np.ptp(ends) or 1.0)
            columns = chebyshev.chebvander(position, len(axis) - 1)
            basis = (basis[:, :, None] * columns[:, None, :]).reshape(len(x), -1)
            values.append(x)
        return Shape(Om0=values[0], h=values[1], ns=values[2], basis=basis)

    def table(self, function: Callable[[Cosmology], Array]) -> Array:
        """Chebyshev coefficients, shape (G, ...), of an array-valued function of the cosmology.

        `shape.basis @ table` (for a table of shape (G, M)) is its interpolant.
        """
        values = np.array([function(node) for node in self.nodes])
        sizes = [len(axis) for axis in self._axes]
        coefficients = values.reshape(*sizes, -1)
        for i, size in enumerate(sizes):
            matrix = np.linalg.inv(chebyshev.chebvander(chebyshev.chebpts1(size), size - 1))
            coefficients = np.moveaxis(np.tensordot(matrix, coefficients, axes=(1, i)), 0, i)
        return coefficients.reshape(values.shape)

    def log_sigma(self, radius: Callable[[Cosmology], Array]) -> tuple[Array, Array]:
        """Tables, shape (G, M), of ln sigma and d ln sigma / d ln R at z = 0 and sigma8 = 0.8.

        `radius` gives the top-hat radii, Mpc/h, shape (M,), in each cosmology.
        """
        value = self.table(lambda cosmology: np.stack(smooth_log_sigma(cosmology, radius(cosmology))))
        return value[:, 0], value[:, 1]


def free_shapes(
    reference: Cosmology, parameters: ParameterSet, matter_density: tuple[float, float]
) -> ShapeGrid | None:
    """Grid over the shape parameters that are free or fixed away from `reference`; None if there are none.

    Parameters
    ----------
    reference : Cosmology
    parameters : ParameterSet
    matter_density : tuple of float
        Range of Om0 in which the mass function is calibrated.

    Raises
    ------
    InputError
        If a prior leaves the calibrated range within three standard deviations.
    """
    physical = reference.Ob0 * reference.h**2
    baryons = tuple(math.sqrt(physical / x) for x in reversed(LIMITS["Ob0"]))
    limits = {
        "Om0": (max(matter_density[0], LIMITS["Om0"][0]), min(matter_density[1], LIMITS["Om0"][1])),
        "h": (max(baryons[0], LIMITS["h"][0]), min(baryons[1], LIMITS["h"][1])),
        "ns": LIMITS["ns"],
    }
    free = {p.name: p.prior for p in parameters.free}
    ranges = {}
    for name in SHAPE_NAMES:
        fixed = getattr(parameters.fixed, name)
        if name in free:
            ranges[name] = _range(name, free[name], limits[name])
        elif fixed not in (None, getattr(reference, name)):
            ranges[name] = (float(fixed), float(fixed))
    return ShapeGrid.over(reference, ranges) if ranges else None


def _range(name: str, prior: Prior, limits: tuple[float, float]) -> tuple[float, float]:
    """Range of a free parameter's nodes: its prior's, with a margin for derivatives, inside `limits`."""
    low, high = prior.span(_TRUSTED)
    if low < limits[0] or high > limits[1]:
        raise InputError(
            f"parameters.{name}: the prior ({low:.4g} to {high:.4g}) leaves the range of the mass function, "
            f"{limits[0]:.4g} to {limits[1]:.4g}; narrow it"
        )
    low, high = prior.span(_SPAN)
    margin = _MARGIN * (high - low)
    return max(low - margin, limits[0]), min(high + margin, limits[1])
