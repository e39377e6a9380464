"""Cosmologies whose shape (Om0, h, n_s) and dark energy (w0, wa) vary: tables interpolated in the parameters.

sigma(M, z) = sigma8/0.8 D(z) sigma_0(M): growth, distances and overdensities follow from Om0, h, w0 and wa at no
cost, and only sigma_0, on which dark energy has no influence, needs colossus. It is tabulated at Chebyshev nodes of
the free shape parameters; a fixed one costs nothing. The baryon density Ob0 h^2 stays that of the reference cosmology.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.polynomial import chebyshev

from ..core.arrays import Array
from ..core.chunks import Remembered
from ..core.errors import InputError
from ..core.parameters import ParameterSet
from ..core.priors import Prior
from .background import LIMITS, Cosmology, smooth_log_sigma
from .dark_energy import DARK_ENERGY, EARLY, latest
from .expansion import Expansion

_OF_SIGMA = ("Om0", "h", "ns")
"""Parameters on which sigma(M) today depends at given sigma8."""
SHAPE_NAMES = (*_OF_SIGMA, *DARK_ENERGY)
"""Parameters of a cosmology that can be free, beside sigma8."""

CRITICAL_DENSITY = 2.77536627245708e11
"""Today's critical density, Msun h^2 / Mpc^3 (colossus's value)."""

_Some = Array | float | None
_LOG = ("Om0", "h")  # whose logarithm is the coordinate of the interpolation
_NODES = {  # constant + slope x width of the range
    "Om0": (5, 7.0),
    "h": (4, 8.0),
    "ns": (3, 6.0),
    "w0": (3, 2.0),
    "wa": (3, 0.5),
}
_SPAN, _TRUSTED, _MARGIN = 4.0, 3.0, 0.08  # of the grid and of the calibration, prior std; added at both ends


@dataclass(frozen=True)
class Shape:
    """Parameters of P cosmologies, inside the range of a `ShapeGrid`.

    Parameters
    ----------
    Om0, h, ns, w0, wa : ndarray, shape (P,)
    basis : ndarray, shape (P, G)
        What contracts with the tables of the grid that made it.
    """

    Om0: Array
    h: Array
    ns: Array
    w0: Array
    wa: Array
    basis: Array

    @property
    def expansion(self) -> Expansion:
        """Expansion at these shapes; results have shape (P, K) for redshifts of shape (K,)."""
        return Expansion(self.Om0[:, None], self.h[:, None], self.w0[:, None], self.wa[:, None])

    @cached_property
    def growth(self) -> Remembered:
        """Linear growth at redshifts (K,), which several parts of a model ask for, (P, K)."""
        return Remembered(self.expansion.growth)

    def expansion_of(self, row: Array) -> Expansion:
        """Expansion at the shapes with numbers `row`, which broadcast against redshifts."""
        row = row if len(self.Om0) > 1 else np.zeros_like(row)
        return Expansion(self.Om0[row], self.h[row], self.w0[row], self.wa[row])


def lagrangian_radius(log_mass: Array, Om0: float) -> Array:
    """Comoving radius, Mpc/h, of a sphere that holds a mass (log10 Msun/h) at the mean density."""
    return np.cbrt(3.0 * 10.0 ** np.asarray(log_mass) / (4.0 * math.pi * CRITICAL_DENSITY * Om0))


@dataclass(frozen=True)
class ShapeGrid:
    """Chebyshev nodes in the free parameters of a cosmology.

    Parameters
    ----------
    reference : Cosmology
        The configured cosmology; its Ob0 h^2 is kept.
    low, high : tuple of float
        Range of each of `SHAPE_NAMES`; equal where the parameter is fixed. Values beyond are evaluated
        at the edge, and at that of w0 + wa, `EARLY`.
    fineness : float
        Factor on the number of nodes along each free parameter.
    along : tuple of str
        Parameters on which tables depend, the only ones with several nodes.
    """

    reference: Cosmology
    low: tuple[float, ...]
    high: tuple[float, ...]
    fineness: float = 1.0
    along: tuple[str, ...] = _OF_SIGMA

    @classmethod
    def over(cls, reference: Cosmology, ranges: Mapping[str, tuple[float, float]]) -> ShapeGrid:
        """Grid over the given ranges of Om0, h, ns, w0 or wa; the others stay those of `reference`.

        Raises
        ------
        InputError
            If a range leaves what the mass functions can be asked for.
        """
        bounds = [ranges.get(name, (getattr(reference, name),) * 2) for name in SHAPE_NAMES]
        low, high = (tuple(float(b[i]) for b in bounds) for i in (0, 1))
        ends = (x if name in _OF_SIGMA else x[:1] for name, x in zip(SHAPE_NAMES, bounds, strict=True))
        for corner in itertools.product(*ends):
            try:
                reference.varied(**dict(zip(SHAPE_NAMES, corner, strict=True)))
            except InputError as error:
                raise InputError(f"parameters {', '.join(ranges)}: {error}; narrow the prior") from None
        return cls(reference, low, high)

    def of_everything(self, fineness: float) -> ShapeGrid:
        """The same for tables that depend on dark energy too, on nodes with w0 + wa up to `EARLY` alone."""
        *others, w0, wa = self.high
        high = (*others, w0, min(wa, float(latest(w0, wa))))
        return replace(self, fineness=fineness, along=SHAPE_NAMES, high=high)

    @cached_property
    def _axes(self) -> tuple[Array, ...]:
        """Values of each shape parameter at the nodes; one value where it is fixed."""
        axes = []
        for name, low, high in zip(SHAPE_NAMES, self.low, self.high, strict=True):
            ends = np.log([low, high]) if name in _LOG else np.array([low, high])
            constant, slope = _NODES[name]
            number = self.fineness * (constant + slope * (ends[1] - ends[0]))
            size = 1 if low == high or name not in self.along else max(2, math.ceil(number))
            x = ends.mean() + 0.5 * np.ptp(ends) * chebyshev.chebpts1(size)
            axes.append(np.exp(x) if name in _LOG else x)
        return tuple(axes)

    @cached_property
    def nodes(self) -> tuple[Cosmology, ...]:
        """The G cosmologies at which tables are made."""
        points = itertools.product(*self._axes)
        return tuple(self.reference.varied(**dict(zip(SHAPE_NAMES, map(float, p), strict=True))) for p in points)

    def shape(self, Om0: _Some = None, h: _Some = None, ns: _Some = None, w0: _Some = None, wa: _Some = None) -> Shape:
        """Shapes of P parameter vectors; each of shape (P,) or a scalar, None for the reference's value."""
        pairs = zip(SHAPE_NAMES, (Om0, h, ns, w0, wa), strict=True)
        given = [np.atleast_1d(getattr(self.reference, name) if x is None else x) for name, x in pairs]
        arrays = np.broadcast_arrays(*given)
        found, basis = {}, np.ones((len(arrays[0]), 1))
        for low, high, name, axis, x in zip(self.low, self.high, SHAPE_NAMES, self._axes, arrays, strict=True):
            x = found[name] = np.clip(x.astype(float), low, high)
            if len(axis) > 1:
                ends, u = (np.log([low, high]), np.log(x)) if name in _LOG else (np.array([low, high]), x)
                columns = chebyshev.chebvander((u - ends.mean()) / (0.5 * np.ptp(ends)), len(axis) - 1)
                basis = (basis[:, :, None] * columns[:, None, :]).reshape(len(x), -1)
        return Shape(**found | {"wa": latest(found["w0"], found["wa"])}, basis=basis)

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
    (low_w0, _), (low_wa, _) = (_reach(name, reference, parameters) for name in DARK_ENERGY)
    limits = LIMITS | {
        "Om0": (max(matter_density[0], LIMITS["Om0"][0]), min(matter_density[1], LIMITS["Om0"][1])),
        "h": (max(baryons[0], LIMITS["h"][0]), min(baryons[1], LIMITS["h"][1])),
        "w0": (LIMITS["w0"][0], min(LIMITS["w0"][1], EARLY - low_wa)),
        "wa": (LIMITS["wa"][0], min(LIMITS["wa"][1], EARLY - low_w0)),
    }
    free = {p.name: p.prior for p in parameters.free}
    ranges = {}
    for name in SHAPE_NAMES:
        fixed = getattr(parameters.fixed, name)
        if name in free:
            ranges[name] = _range(name, free[name], limits[name])
        elif fixed not in (None, getattr(reference, name)):
            ranges[name] = (float(fixed), float(fixed))
    _check_early(reference, parameters)
    return ShapeGrid.over(reference, ranges) if ranges else None


def most_dark_energy(reference: Cosmology, parameters: ParameterSet) -> tuple[float, float]:
    """w0 and wa within the priors that make dark energy the densest before today."""
    w0, wa = (_reach(name, reference, parameters)[1] for name in DARK_ENERGY)
    return w0, float(latest(w0, wa))


def _reach(name: str, reference: Cosmology, parameters: ParameterSet) -> tuple[float, float]:
    """Values of a parameter of dark energy inside its prior; twice the same where it is fixed."""
    for p in parameters.free:
        if p.name == name:
            low, high = p.prior.span(_TRUSTED)
            return max(low, LIMITS[name][0]), min(high, LIMITS[name][1])
    fixed = getattr(parameters.fixed, name)
    value = float(getattr(reference, name) if fixed is None else np.squeeze(fixed))
    return value, value


def _check_early(reference: Cosmology, parameters: ParameterSet) -> None:
    """Raise where the priors of w0 and wa together leave w0 + wa up to `EARLY`."""
    free = [name for name in DARK_ENERGY if name in parameters.names]
    if not free:
        return
    reach = {name: _reach(name, reference, parameters) for name in DARK_ENERGY}
    at = [parameters.names.index(name) for name in free]
    std = parameters.prior.std[at]
    spread = math.sqrt(std @ parameters.prior.correlation[np.ix_(at, at)] @ std)
    middle = sum(parameters.free[i].prior.coordinate_moments[0] for i in at)
    others = sum(reach[name][1] for name in DARK_ENERGY if name not in free)
    highest = min(sum(high for _, high in reach.values()), others + middle + _TRUSTED * spread)
    if highest > EARLY + 1e-9:
        cure = f"let wa end at {EARLY - reach['w0'][1]:.4g}" if "wa" in free else f"let w0 end at {EARLY - others:.4g}"
        raise InputError(
            f"parameters.{free[-1]}: the priors reach w0 + wa = {highest:.4g}, above {EARLY}, where dark energy shapes "
            f"the young universe, which the transfer function leaves out; {cure} (flat, or between)"
        )


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
