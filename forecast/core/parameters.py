"""Free and fixed parameters, their priors, and the way from a vector to named values."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Literal

import numpy as np
from scipy import special

from .arrays import Array
from .errors import InputError, nearest


@dataclass(frozen=True)
class Values:
    """Value of every parameter of the forward model; each a float or an array of shape (P,).

    ``Om0``, ``h``, ``ns``: shape of the cosmology; None: the configured one's, to which the observables
    refer whatever they are.
    ``norm_x``: factor on the normalisation of the relation of observable x (NV22's bias b_x);
    ``slope_x``: factor on its slope; ``scatter_x``: factor on its intrinsic scatter;
    ``evolution_x``: added to its exponent of E(z). ``yx`` acts on top of ``t`` and ``mgas``.
    ``norm_core``, ``scatter_core``: of L_X over core-excised L_X. ``norm_wl`` is 1 plus the weak-lensing
    mass bias, ``scatter_wl`` a factor on the scatter of ln M_WL at fixed mass.
    ``norm_contamination``: factor on the expected number of detections that are no clusters.
    ``density_contrast``: the survey volume's mean linear overdensity in units of its rms; of shape (P, S),
    independent standard normal numbers that make up the overdensities, in a survey of S shells. None: the mean
    over all overdensities.
    """

    sigma8: float | Array = 0.81
    Om0: float | Array | None = None
    h: float | Array | None = None
    ns: float | Array | None = None
    norm_lx: float | Array = 1.0
    norm_t: float | Array = 1.0
    norm_mgas: float | Array = 1.0
    norm_yx: float | Array = 1.0
    slope_lx: float | Array = 1.0
    slope_t: float | Array = 1.0
    slope_mgas: float | Array = 1.0
    slope_yx: float | Array = 1.0
    scatter_lx: float | Array = 1.0
    scatter_t: float | Array = 1.0
    scatter_mgas: float | Array = 1.0
    scatter_yx: float | Array = 1.0
    evolution_lx: float | Array = 0.0
    evolution_t: float | Array = 0.0
    evolution_mgas: float | Array = 0.0
    evolution_yx: float | Array = 0.0
    norm_core: float | Array = 1.0
    scatter_core: float | Array = 1.0
    norm_wl: float | Array = 1.0
    scatter_wl: float | Array = 1.0
    norm_contamination: float | Array = 1.0
    density_contrast: float | Array | None = 0.0


MAX_SHELLS = 32
"""Redshift shells with a density contrast of their own that a survey may have."""
NAMES = (*(f.name for f in fields(Values)), *(f"density_contrast_{i + 1}" for i in range(MAX_SHELLS)))
"""Every parameter of the forward model."""

NARROWEST, WIDEST = 1e-9, 100.0
"""Least width of a prior, and largest standard deviation of the logarithm of a factor."""

_FIELDS = frozenset(NAMES[:-MAX_SHELLS])

LATEX = {
    "sigma8": r"$\sigma_8$",
    "Om0": r"$\Omega_{\rm m}$",
    "h": r"$h$",
    "ns": r"$n_{\rm s}$",
    "norm_lx": r"$b_{L_{\rm X}}$",
    "norm_t": r"$b_T$",
    "norm_mgas": r"$b_{M_{\rm gas}}$",
    "norm_yx": r"$b_{Y_{\rm X}}$",
    "slope_lx": r"$s_{L_{\rm X}}$",
    "slope_t": r"$s_T$",
    "slope_mgas": r"$s_{M_{\rm gas}}$",
    "slope_yx": r"$s_{Y_{\rm X}}$",
    "scatter_lx": r"$r_{L_{\rm X}}$",
    "scatter_t": r"$r_T$",
    "scatter_mgas": r"$r_{M_{\rm gas}}$",
    "scatter_yx": r"$r_{Y_{\rm X}}$",
    "evolution_lx": r"$\Delta\gamma_{L_{\rm X}}$",
    "evolution_t": r"$\Delta\gamma_T$",
    "evolution_mgas": r"$\Delta\gamma_{M_{\rm gas}}$",
    "evolution_yx": r"$\Delta\gamma_{Y_{\rm X}}$",
    "norm_core": r"$b_{\rm core}$",
    "scatter_core": r"$r_{\rm core}$",
    "norm_wl": r"$1+b_{\rm WL}$",
    "scatter_wl": r"$r_{\rm WL}$",
    "norm_contamination": r"$b_{\rm cont}$",
    "density_contrast": r"$\delta_V/\sigma_V$",
    **{f"density_contrast_{i + 1}": rf"$\delta_{{{i + 1}}}/\sigma_{{{i + 1}}}$" for i in range(MAX_SHELLS)},
}
"""Axis labels."""


def contrast_names(shells: int) -> tuple[str, ...]:
    """Names of the density contrasts of a survey of `shells` redshift shells.

    Raises
    ------
    InputError
        If there are more than `MAX_SHELLS`.

    Examples
    --------
    >>> contrast_names(1), contrast_names(2)
    (('density_contrast',), ('density_contrast_1', 'density_contrast_2'))
    """
    if not 1 <= shells <= MAX_SHELLS:
        raise InputError(f"survey: {shells} redshift shells; give 1 to {MAX_SHELLS}")
    return NAMES[-MAX_SHELLS:][:shells] if shells > 1 else ("density_contrast",)


@dataclass(frozen=True)
class Prior:
    """Prior of one parameter, in the parameter itself or, for a positive factor, in its logarithm.

    Parameters
    ----------
    kind : {"flat", "gaussian", "lognormal"}
        ``flat``: between `low` and `high` (those of the parameter). ``gaussian``: mean `mean`,
        standard deviation `std`. ``lognormal``: median `mean`, standard deviation `std` of the
        *natural* logarithm, so that 0.06 is 6%.
    widening : float
        Factor by which the prior of a positive factor b is stretched in log b about its mean; a
        flat prior becomes flat in b^(1/widening). Other priors are stretched linearly.
    log : bool
        Whether the parameter is a positive factor whose logarithm is the natural coordinate.
    """

    kind: Literal["flat", "gaussian", "lognormal"]
    low: float = 0.0
    high: float = 1.0
    mean: float = 1.0
    std: float = 1.0
    log: bool = False
    widening: float = 1.0

    def __post_init__(self) -> None:
        if self.kind == "flat" and not self.low < self.high:
            raise InputError(f"flat prior needs low < high, got {self.low} and {self.high}")
        if self.kind != "flat" and not self.std > 0:
            raise InputError(f"{self.kind} prior needs std > 0, got {self.std}")
        if (self.high - self.low if self.kind == "flat" else self.std) < NARROWEST:
            raise InputError(f"a prior narrower than {NARROWEST:g} fixes the parameter; write {{ value = NUMBER }}")
        if self.kind == "lognormal" and self.mean <= 0:
            raise InputError(f"a lognormal prior needs a fiducial value above 0, got {self.mean:g}; try gaussian")
        if self.log and (self.low if self.kind == "flat" else self.mean) <= 0:
            raise InputError("the prior of a factor must allow positive values only")
        if not self.widening > 0:
            raise InputError(f"widening must be positive, got {self.widening}")
        if self.log and self.coordinate_moments[1] > WIDEST:
            raise InputError(f"the logarithm of a factor must not vary by more than {WIDEST:g}; narrow or widen less")

    @cached_property
    def coordinate_moments(self) -> tuple[float, float]:
        """Mean and standard deviation of the natural coordinate, x or ln x, widening included."""
        mean, std = self._unwidened_moments
        return mean, std * self.widening

    @cached_property
    def _unwidened_moments(self) -> tuple[float, float]:
        if self.kind == "lognormal":
            return math.log(self.mean), self.std
        if self.kind == "gaussian":
            return (math.log(self.mean), self.std / self.mean) if self.log else (self.mean, self.std)
        nodes, weights = np.polynomial.legendre.leggauss(64)
        x = 0.5 * (self.high + self.low) + 0.5 * (self.high - self.low) * nodes
        y = np.log(x) if self.log else x
        mean = float(np.average(y, weights=weights))
        return mean, float(np.sqrt(np.average((y - mean) ** 2, weights=weights)))

    def _stretch(self, x: Array, factor: float) -> Array:
        """Move x away from the prior's mean by `factor` in the natural coordinate."""
        if factor == 1.0:
            return x
        centre = self._unwidened_moments[0]
        if self.log:
            return np.exp(centre + factor * (np.log(x) - centre))
        return centre + factor * (x - centre)

    def span(self, sigma: float) -> tuple[float, float]:
        """Bounds of a flat prior; of another one the quantiles `sigma` standard deviations from its centre."""
        if self.kind == "flat":
            return self.bounds
        low, high = self.quantile(special.ndtr(np.array([-sigma, sigma])))
        return float(low), float(high)

    @cached_property
    def bounds(self) -> tuple[float, float]:
        """Interval outside which the density is zero."""
        if self.kind == "flat":
            low, high = self._stretch(np.array([self.low, self.high]), self.widening)
            return float(low), float(high)
        return (0.0 if self.log else -math.inf), math.inf

    def log_density(self, x: Array) -> Array:
        """Log of the normalised density in x; -inf outside; shape of `x`."""
        x = np.asarray(x, dtype=float)
        low, high = self.bounds
        inside = (x > low if self.log else x >= low) & (x <= high)
        safe = np.where(inside, x, 0.5 * (low + high) if math.isfinite(high) else 1.0)
        core = self._stretch(safe, 1.0 / self.widening)
        jacobian = np.log(core / safe) - math.log(self.widening) if self.log else -math.log(self.widening)
        if self.kind == "flat":
            value = -math.log(self.high - self.low) + jacobian
        elif self.kind == "lognormal":
            z = (np.log(core) - math.log(self.mean)) / self.std
            value = -0.5 * z**2 - math.log(self.std * math.sqrt(2 * math.pi)) - np.log(core) + jacobian
        else:
            z = (core - self.mean) / self.std
            mass = special.ndtr(self.mean / self.std) if self.log else 1.0
            value = -0.5 * z**2 - math.log(self.std * math.sqrt(2 * math.pi) * mass) + jacobian
        return np.where(inside, value, -np.inf)

    def quantile(self, u: Array) -> Array:
        """Inverse cumulative distribution at `u` in (0, 1); shape of `u`."""
        if self.kind == "flat":
            core = self.low + (self.high - self.low) * u
        elif self.kind == "lognormal":
            core = self.mean * np.exp(self.std * special.ndtri(u))
        elif self.log:
            below = special.ndtr(-self.mean / self.std)
            core = self.mean + self.std * special.ndtri(below + (1 - below) * u)
        else:
            core = self.mean + self.std * special.ndtri(u)
        return self._stretch(np.asarray(core, dtype=float), self.widening)

    def cumulative(self, x: Array) -> Array:
        """Cumulative distribution, the inverse of `quantile`; shape of `x`."""
        low, high = self.bounds
        x = np.asarray(x, dtype=float)
        core = self._stretch(np.clip(x, max(low, np.finfo(float).tiny) if self.log else low, high), 1 / self.widening)
        if self.kind == "flat":
            return np.clip((core - self.low) / (self.high - self.low), 0.0, 1.0)
        if self.kind == "lognormal":
            return np.asarray(special.ndtr(np.log(core / self.mean) / self.std))
        below = special.ndtr(-self.mean / self.std) if self.log else 0.0
        return np.clip((special.ndtr((core - self.mean) / self.std) - below) / (1 - below), 0.0, 1.0)


@dataclass(frozen=True)
class Parameter:
    """One free parameter: its name (one of `NAMES`), fiducial value and prior."""

    name: str
    fiducial: float
    prior: Prior

    def __post_init__(self) -> None:
        if self.name not in NAMES:
            raise InputError(f"parameter '{self.name}' is unknown; {nearest(self.name, NAMES)}")
        if not np.isfinite(self.prior.log_density(np.array(self.fiducial))):
            low, high = self.prior.bounds
            raise InputError(
                f"parameters.{self.name}: the prior ({low:g} to {high:g}) excludes the fiducial value "
                f"{self.fiducial:g}; widen the prior or move the fiducial value"
            )

    @property
    def log(self) -> bool:
        """Whether ln of the parameter is the coordinate in which Fisher matrices are computed."""
        return self.prior.log


@dataclass(frozen=True)
class ParameterSet:
    """Ordered free parameters and the values of the fixed ones.

    Parameters
    ----------
    free : tuple of Parameter
    fixed : Values
        Values of everything that is not free.
    """

    free: tuple[Parameter, ...]
    fixed: Values = Values()

    def __post_init__(self) -> None:
        if len(set(self.names)) != len(self.free):
            raise InputError(f"a parameter is free twice in {self.names}")

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the free parameters, in the order of a parameter vector."""
        return tuple(p.name for p in self.free)

    @cached_property
    def contrasts(self) -> tuple[str, ...]:
        """Names of the free density contrasts, one for each shell of the survey."""
        return tuple(name for name in self.names if name.startswith("density_contrast"))

    @cached_property
    def fiducial(self) -> Array:
        """Fiducial parameter vector, shape (D,)."""
        return np.array([p.fiducial for p in self.free])

    @cached_property
    def fiducial_values(self) -> Values:
        """Every parameter at its fiducial value, free or fixed."""
        return self._fixing(self.free)

    def values(self, theta: Array) -> Values:
        """Named values of parameter vectors `theta`, shape (P, D); each free one of shape (P,)."""
        named = dict(zip(self.names, np.atleast_2d(theta).T, strict=True))
        if len(self.contrasts) > 1:
            named["density_contrast"] = np.stack([named.pop(name) for name in self.contrasts], axis=-1)
        return replace(self.fixed, **named)

    def log_prior(self, theta: Array) -> Array:
        """Log prior density; shape (P,) for `theta` of shape (P, D)."""
        theta = np.atleast_2d(theta)
        plain, low, high, constant = self._plain_flat
        inside = ((theta[:, plain] >= low) & (theta[:, plain] <= high)).all(axis=1)
        value = np.where(inside, constant, -np.inf)
        for i, p in enumerate(self.free):
            if not plain[i]:
                value += p.prior.log_density(theta[:, i])
        return value

    @cached_property
    def _plain_flat(self) -> tuple[Array, Array, Array, float]:
        """Which priors are flat and not widened, their bounds, and their summed log density."""
        plain = np.array([p.prior.kind == "flat" and p.prior.widening == 1 for p in self.free], dtype=bool)
        bounds = [(p.prior.low, p.prior.high) for p, flat in zip(self.free, plain, strict=True) if flat]
        low, high = np.array(bounds).reshape(-1, 2).T
        return plain, low, high, float(-np.sum(np.log(high - low)))

    def draw(self, size: int, *, rng: np.random.Generator) -> Array:
        """`size` parameter vectors from the prior, shape (size, D)."""
        return self.quantile(rng.random((size, len(self.free))))

    def quantile(self, u: Array) -> Array:
        """Parameter vectors at cumulative prior probabilities, both of shape (n, D)."""
        return np.stack([p.prior.quantile(u[:, i]) for i, p in enumerate(self.free)], axis=1)

    def without(self, names: Iterable[str]) -> ParameterSet:
        """Fix the named parameters at their fiducial values."""
        names = set(names)
        gone = [p for p in self.free if p.name in names]
        return ParameterSet(tuple(p for p in self.free if p.name not in names), self._fixing(gone))

    def _fixing(self, parameters: Iterable[Parameter]) -> Values:
        """Fixed values and the fiducial ones of `parameters`; density contrasts of shells are zero."""
        return replace(self.fixed, **{p.name: p.fiducial for p in parameters if p.name in _FIELDS})

    def with_free(self, parameter: Parameter) -> ParameterSet:
        """Free one more parameter, at the end of the vector."""
        return ParameterSet((*self.free, parameter), self.fixed)

    def widened(self, factor: float, prefixes: tuple[str, ...] = ("norm_",)) -> ParameterSet:
        """Stretch the priors of relations' parameters whose name starts with one of `prefixes` (in log)."""
        free = tuple(
            replace(p, prior=replace(p.prior, widening=p.prior.widening * factor))
            if p.name.startswith(prefixes) and p.name != "norm_contamination"
            else p
            for p in self.free
        )
        return ParameterSet(free, self.fixed)

    def to_coordinates(self, theta: Array) -> Array:
        """Natural coordinates (ln of factors, the rest unchanged); shape of `theta`."""
        return np.where(self._log, np.log(np.where(self._log, theta, 1.0)), theta)

    def from_coordinates(self, coordinates: Array) -> Array:
        """Inverse of `to_coordinates`."""
        return np.where(self._log, np.exp(np.where(self._log, coordinates, 0.0)), coordinates)

    @cached_property
    def _log(self) -> Array:
        return np.array([p.log for p in self.free], dtype=bool)

    @cached_property
    def prior_std(self) -> Array:
        """Standard deviation of each prior in natural coordinates, shape (D,)."""
        return np.array([p.prior.coordinate_moments[1] for p in self.free])
