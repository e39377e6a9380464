"""Prior distributions of single parameters.

Formulas on `scipy.special`, not `scipy.stats`' frozen distributions, which give the same numbers to 1e-12 (the tests
hold ours against them): a proposal of a chain asks every prior five times, which on 32 vectors takes 0.4 ms like this
and 1.4 to 2.9 ms like that, beside 0.5 to 4.5 ms of the posterior itself (``python -m benchmarks.priors``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from scipy import special

from .arrays import Array
from .errors import InputError

NARROWEST, WIDEST = 1e-9, 100.0
"""Least width of a prior, and largest standard deviation of the logarithm of a factor."""
_FAR = 12.0
"""Standard deviations beyond which a Gaussian has no weight."""
_WALL = 2.0
"""Standard deviations within which an end of a cut prior is a wall."""


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
    between : tuple of float, optional
        Ends at which a Gaussian or log-normal prior is cut, and normalised again; stretched with it.
    """

    kind: Literal["flat", "gaussian", "lognormal"]
    low: float = 0.0
    high: float = 1.0
    mean: float = 1.0
    std: float = 1.0
    log: bool = False
    widening: float = 1.0
    between: tuple[float, float] | None = None

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
        if self.between is not None:
            self._check_ends(*self.between)
        if not self.widening > 0:
            raise InputError(f"widening must be positive, got {self.widening}")
        if self.log and self.coordinate_moments[1] > WIDEST:
            raise InputError(f"the logarithm of a factor must not vary by more than {WIDEST:g}; narrow or widen less")

    def _check_ends(self, low: float, high: float) -> None:
        """Raise unless a Gaussian or log-normal prior may be cut there."""
        if self.kind == "flat":
            raise InputError("a flat prior has ends of its own; take `between` out")
        if not low < high:
            raise InputError(f"between needs low < high, got {low:g} and {high:g}")
        if self.log and low < 0:
            raise InputError(f"between: the prior of a factor allows positive values only, got {low:g}")
        if not low <= self.mean <= high:
            raise InputError(f"between {low:g} and {high:g} excludes the prior's own centre, {self.mean:g}")
        if high - low < NARROWEST:
            raise InputError(f"a prior narrower than {NARROWEST:g} fixes the parameter; write {{ value = NUMBER }}")

    @cached_property
    def coordinate_moments(self) -> tuple[float, float]:
        """Mean and standard deviation of the natural coordinate, x or ln x, widening included."""
        mean, std = self._unwidened_moments
        return mean, std * self.widening

    @cached_property
    def _unwidened_moments(self) -> tuple[float, float]:
        if self.between is None and self.kind == "lognormal":
            return math.log(self.mean), self.std
        if self.between is None and self.kind == "gaussian":
            return (math.log(self.mean), self.std / self.mean) if self.log else (self.mean, self.std)
        nodes, weights = np.polynomial.legendre.leggauss(64 if self.between is None else 256)
        if self.between is None:
            x = 0.5 * (self.high + self.low) + 0.5 * (self.high - self.low) * nodes
        else:
            low, high = np.clip(self._ends, -_FAR, _FAR)
            z = 0.5 * (high + low) + 0.5 * (high - low) * nodes
            x, weights = self._from_scores(z), weights * np.exp(-0.5 * z**2)
        y = np.log(x) if self.log else x
        mean = float(np.average(y, weights=weights))
        return mean, float(np.sqrt(np.average((y - mean) ** 2, weights=weights)))

    def _scores(self, core: Array) -> Array:
        """Distances from the centre of a Gaussian or log-normal prior in standard deviations, widening apart."""
        return np.asarray(
            np.log(core / self.mean) / self.std if self.kind == "lognormal" else (core - self.mean) / self.std
        )

    @cached_property
    def _ends(self) -> Array:
        """Scores of the ends, shape (2,)."""
        with np.errstate(divide="ignore"):
            return self._scores(np.array(self.between))

    def _from_scores(self, z: Array) -> Array:
        """Inverse of `_scores`."""
        return np.asarray(self.mean * np.exp(self.std * z) if self.kind == "lognormal" else self.mean + self.std * z)

    @cached_property
    def _cut(self) -> tuple[float, float]:
        """Probability below the lower end, and between both, of the distribution without ends."""
        if self.between is None:
            below = float(special.ndtr(-self.mean / self.std)) if self.kind == "gaussian" and self.log else 0.0
            return below, 1 - below
        low, high = special.ndtr(self._ends)
        return float(low), float(high - low)

    @cached_property
    def _mass(self) -> float:
        """Probability between the ends of the distribution without ends."""
        if self.between is None and self.kind == "gaussian" and self.log:
            return float(special.ndtr(self.mean / self.std))
        return self._cut[1]

    def _stretch(self, x: Array, factor: float) -> Array:
        """Move x away from the prior's mean by `factor` in the natural coordinate."""
        if factor == 1.0:
            return x
        centre = self._unwidened_moments[0]
        if self.log:
            return np.exp(centre + factor * (np.log(x) - centre))
        return centre + factor * (x - centre)

    @property
    def words(self) -> str:
        """The prior in words."""
        wide = "" if self.widening == 1 else f", {self.widening:g} times wider{' in log' if self.log else ''}"
        if self.between is not None:
            wide = f", between {self.between[0]:g} and {self.between[1]:g}{wide}"
        if self.kind == "flat":
            return f"flat, {self.low:g} to {self.high:g}{wide}"
        if self.kind == "lognormal":
            return f"log-normal about {self.mean:g}, {100 * self.std:.3g}%{wide}"
        return f"Gaussian, {self.mean:g} ± {self.std:g}{wide}"

    def span(self, sigma: float) -> tuple[float, float]:
        """Bounds of a flat prior; of another one the quantiles `sigma` standard deviations from its centre."""
        if self.kind == "flat":
            return self.bounds
        low, high = self.quantile(special.ndtr(np.array([-sigma, sigma])))
        return float(low), float(high)

    @cached_property
    def bounds(self) -> tuple[float, float]:
        """Interval outside which the density is zero."""
        ends = (self.low, self.high) if self.kind == "flat" else self.between
        if ends is not None:
            with np.errstate(divide="ignore"):
                low, high = self._stretch(np.array(ends), self.widening)
            return float(low), float(high)
        return (0.0 if self.log else -math.inf), math.inf

    @property
    def walls(self) -> tuple[bool, bool]:
        """Whether the density drops to zero from more than e^-2 of its maximum at the lower and at the upper end."""
        if self.kind == "flat" or self.between is None:
            return (self.kind == "flat",) * 2
        low, high = self._ends
        return bool(low > -_WALL), bool(high < _WALL)

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
            value = -0.5 * z**2 - math.log(self.std * math.sqrt(2 * math.pi) * self._mass) - np.log(core) + jacobian
        else:
            z = (core - self.mean) / self.std
            value = -0.5 * z**2 - math.log(self.std * math.sqrt(2 * math.pi) * self._mass) + jacobian
        return np.where(inside, value, -np.inf)

    def quantile(self, u: Array) -> Array:
        """Inverse cumulative distribution at `u` in (0, 1); shape of `u`."""
        if self.kind == "flat":
            core = self.low + (self.high - self.low) * u
        else:
            below, inside = self._cut
            core = self._from_scores(special.ndtri(below + inside * u))
            core = core if self.between is None else np.clip(core, *self.between)
        return self._stretch(np.asarray(core, dtype=float), self.widening)

    def cumulative(self, x: Array) -> Array:
        """Cumulative distribution, the inverse of `quantile`; shape of `x`."""
        low, high = self.bounds
        x = np.asarray(x, dtype=float)
        core = self._stretch(np.clip(x, max(low, np.finfo(float).tiny) if self.log else low, high), 1 / self.widening)
        if self.kind == "flat":
            return np.clip((core - self.low) / (self.high - self.low), 0.0, 1.0)
        below, inside = self._cut
        fraction: Array = special.ndtr(self._scores(core))
        return fraction if inside == 1 else np.clip((fraction - below) / inside, 0.0, 1.0)
