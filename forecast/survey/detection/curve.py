"""Chance of detection against measured flux."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import special

from ...core.arrays import Array
from ...core.errors import InputError

_SHARP = 0.02
"""Width below which a part counts as sharp in redshift, dex."""
MERGED = 0.05
"""Flux limits closer than this, dex, become one: luminosity scatters by several times as much."""
RAMP = 1 / math.sqrt(12)
"""Standard deviation of a uniform distribution of unit width."""
_HERMITE_X, _HERMITE_W = np.polynomial.hermite_e.hermegauss(12)
_HERMITE_W = _HERMITE_W / _HERMITE_W.sum()


@dataclass(frozen=True)
class Detection:
    """Chance of detection against measured flux, as a sum of normal integrals.

    C(f) = sum_i a_i Phi[(log10(f/f_ref) - o_i) / s_i]: parts of the sky with flux limits of their own,
    gradual completeness, or both. A part of zero width is a sharp limit.

    Parameters
    ----------
    weight, offset, width : tuple of float
        a_i, o_i and s_i (dex), by rising offset. Where they depend on redshift or parameters, what `at` gives has
        arrays in their places, which broadcast against fluxes.
    knots : tuple of float
        Redshifts between which the weights are linear, and beyond which they are constant; none if they are the same
        at every one. `weight` then is that at the most complete of them.
    by_knot : tuple of tuple of float
        a_i at each of them.
    floor : bool
        Whether the last part is what is detected of sources too faint for the others; distortions leave its flux.
    """

    weight: tuple[float, ...] = (1.0,)
    offset: tuple[float, ...] = (0.0,)
    width: tuple[float, ...] = (0.0,)
    knots: tuple[float, ...] = ()
    by_knot: tuple[tuple[float, ...], ...] = ()
    floor: bool = False

    @classmethod
    def of_tiles(cls, log_limit: Array, area: Array, width: float = 0.0) -> tuple[Detection, float]:
        """Parts of the sky, each complete above its own limit or erf-shaped about it, and log10 of the reference.

        Limits in the same interval of `MERGED` dex become one with their mean and variance.

        Parameters
        ----------
        log_limit, area : ndarray, shape (n,)
            log10 of the flux limit (where half of all clusters are detected), and any measure of area.
        width : float
            Of each part's completeness, dex.
        """
        log_limit, share = np.asarray(log_limit, dtype=float), np.asarray(area, dtype=float)
        if len(log_limit) == 0 or np.any(share <= 0) or width < 0:
            raise InputError("selection: every flux limit needs a positive area, and a width must not be negative")
        share = share / share.sum()
        group = np.floor((log_limit - log_limit.min()) / MERGED + 1e-9).astype(int)
        weight = np.bincount(group, share)
        kept = weight > 0
        mean = np.bincount(group, share * log_limit)[kept] / weight[kept]
        square = np.bincount(group, share * (log_limit - log_limit.min()) ** 2)[kept] / weight[kept]
        spread = np.sqrt(np.maximum(square - (mean - log_limit.min()) ** 2, 0.0) + width**2)
        return cls(floats(weight[kept]), floats(mean - mean[0]), floats(spread)), float(mean[0])

    @classmethod
    def of_curve(cls, log_flux: Array, chance: Array) -> tuple[Detection, float]:
        """A completeness curve, and log10 of its reference flux, the first.

        Each rise between neighbouring fluxes becomes a normal integral about their mean (in log) with the
        variance of a linear ramp. Below the first flux nothing is detected.

        Parameters
        ----------
        log_flux, chance : ndarray, shape (n,)
        """
        log_flux, chance = np.asarray(log_flux, dtype=float), np.asarray(chance, dtype=float)
        check_curve(log_flux, chance, "completeness")
        if np.any(np.diff(chance) < 0) or chance[-1] == 0:
            raise InputError(f"selection: completeness must rise with flux, got {chance.tolist()}")
        weight, offset, width = ramps(log_flux - log_flux[0], chance)
        kept = weight > 0
        return cls(floats(weight[kept]), floats(offset[kept]), floats(width[kept])), float(log_flux[0])

    def __call__(self, log_flux: Array) -> Array:
        """Chance at log10 of flux over the reference flux; shape of `log_flux`."""
        chance = np.zeros(np.shape(log_flux))
        for a, o, s in zip(self.weight, self.offset, self.width, strict=True):
            distance = np.asarray(log_flux) - o
            chance = chance + a * (special.ndtr(distance / s) if np.any(s) else (distance > 0))
        return chance

    def at(self, z: Array | float) -> Detection:
        """The chance at redshifts, which broadcast against fluxes."""
        if not self.knots:
            return self
        weight = tuple(np.interp(z, self.knots, part) for part in zip(*self.by_knot, strict=True))
        return replace(self, weight=weight, knots=(), by_knot=())

    def part(self, chosen: Array | slice) -> Detection:
        """That of some of the clusters on the first axis of what `at` gave."""

        def some(values: tuple[float | Array, ...]) -> tuple[Any, ...]:
            return tuple(x[chosen] if isinstance(x, np.ndarray) and x.ndim else x for x in values)

        return Detection(some(self.weight), some(self.offset), some(self.width))

    def some(self, parts: slice) -> Detection:
        """Some of its parts."""
        return replace(
            self,
            weight=self.weight[parts],
            offset=self.offset[parts],
            width=self.width[parts],
            by_knot=tuple(weight[parts] for weight in self.by_knot),
        )

    def mapped(self, change: Callable[[Detection], Detection]) -> Detection:
        """The same with a change of what depends on flux alone, at each of its redshifts."""
        if not self.knots:
            return change(self)
        each = [change(replace(self, weight=weight, knots=(), by_knot=())) for weight in self.by_knot]
        return joined(each, self.knots)

    def smeared(self, excess: Array, spread: Array) -> Array:
        """Chance where log10 of flux over the reference flux is a Gaussian about `excess` of width `spread`, dex."""
        parts = zip(self.weight, self.offset, self.width, strict=True)
        chance = sum(a * special.ndtr((excess - o) / np.hypot(spread, s)) for a, o, s in parts)
        clipped: Array = np.maximum(chance, 0.0)  # weights of contaminants may be negative
        return clipped

    def without(self, other: Detection) -> Detection:
        """The chance minus another one."""
        offset, width = (*self.offset, *other.offset), (*self.width, *other.width)
        less = [(*one, *(-a for a in two)) for one, two in zip(self._weights, other._weights, strict=True)]
        return Detection(less[0], offset, width, knots=self.knots, by_knot=tuple(less) if self.knots else ())

    @property
    def _weights(self) -> tuple[tuple[float, ...], ...]:
        """At each redshift of which it knows."""
        return self.by_knot or (self.weight,)

    @property
    def varies(self) -> bool:
        """Whether it depends on redshift."""
        return bool(self.knots)

    @property
    def is_sharp(self) -> bool:
        """Whether it is a limit at the reference flux and nothing else."""
        if len(self.offset) > 1 or any(np.ndim(x[0]) for x in (self.weight, self.offset, self.width)):
            return False
        return self == SHARP

    @property
    def sharp_limits(self) -> tuple[Array, Array]:
        """Weights and offsets of sharp limits of the same chance: a Gauss-Hermite sum for each wide part."""
        weight: list[float] = []
        offset: list[float] = []
        for a, o, s in zip(self.weight, self.offset, self.width, strict=True):
            wide = s > _SHARP
            weight += [a * w for w in _HERMITE_W] if wide else [a]
            offset += [o + s * x for x in _HERMITE_X] if wide else [o]
        return np.array(weight), np.array(offset)


SHARP = Detection()
"""Everything above the reference flux."""


def joined(each: Sequence[Detection], knots: tuple[float, ...]) -> Detection:
    """One chance of several, at as many redshifts."""
    places = sorted({place for one in each for place in zip(one.offset, one.width, strict=True)})
    by_knot = []
    for one in each:
        weight = dict.fromkeys(places, 0.0)
        for a, place in zip(one.weight, zip(one.offset, one.width, strict=True), strict=True):
            weight[place] += a
        by_knot.append(tuple(weight.values()))
    offset, width = zip(*places, strict=True)
    return Detection(max(by_knot, key=sum), offset, width, knots=knots, by_knot=tuple(by_knot))


def ramps(log_flux: Array, chance: Array) -> tuple[Array, Array, Array]:
    """Weights, offsets and widths of the parts of a curve; the first is a step at its first flux."""
    weight = np.concatenate([chance[:1], np.diff(chance)])
    middle = np.concatenate([log_flux[:1], 0.5 * (log_flux[1:] + log_flux[:-1])])
    return weight, middle, np.concatenate([[0.0], RAMP * np.diff(log_flux)])


def check_curve(log_flux: Array, value: Array, name: str) -> None:
    """Raise unless a curve has two or more rising fluxes and values between 0 and 1."""
    if len(log_flux) != len(value) or len(log_flux) < 2 or np.any(np.diff(log_flux) <= 0):
        raise InputError(f"selection: {name} needs two or more fluxes that rise, and a value for each")
    if not np.all((value >= 0) & (value <= 1)):
        raise InputError(f"selection: {name} must lie between 0 and 1, got {value.tolist()}")


def floats(x: Array) -> tuple[float, ...]:
    """Plain numbers of an array."""
    return tuple(float(v) for v in x)
