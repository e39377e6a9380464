"""Planning a survey: sweeps, comparisons and joint contours from start to files, and the price of each choice."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

import numpy as np
from scipy import optimize

from ..config.load import Config
from ..core.arrays import Array
from ..core.errors import InputError, nearest
from ..likelihoods.fisher import Fisher, fisher_matrix
from ..likelihoods.level_name import Bound, LevelName
from ..likelihoods.levels import level_class, levels_of
from ..model.forward import forward_model
from ..model.setup import Setup
from ..survey.geometry import Replicated
from .sweep_records import Comparison, Price, Sweep
from .variant_name import VariantName

LOWEST, HIGHEST, HIGHEST_OF_MEDIAN = -1, 2, 6
"""Decades of volume, relative to a survey's own, between which information is computed; beyond it is proportional.

That in the median becomes so last.
"""
SMALLEST, LARGEST = 1e-6, 1e6
"""Equivalent volumes are sought between these; beyond the largest is "never"."""


@dataclass(frozen=True)
class VolumeCurve:
    """sigma(sigma8) of one survey by level against its volume: so many independent copies of it.

    Without sample variance the information of `counts`, `binned`, `unbinned` and the full levels is
    proportional to the number of copies V. Information in the median also has a part that does not grow, and
    so has everything where density contrasts, whose variance falls as 1/V, are free (their own information is
    constant): it is interpolated as a + b V between volumes a decade apart. For the full levels, which are
    Monte Carlo, it is taken to be proportional to V.

    Parameters
    ----------
    setup : Setup
    """

    setup: Setup
    _stored: dict[tuple[str, int], Array] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def levels(self) -> tuple[str, ...]:
        """Levels of the survey, and "known"."""
        return (*levels_of(self.setup), Bound.KNOWN)

    def std(self, level: str, volume: float) -> float:
        """sigma(sigma8) of one level with `volume` times the survey's volume."""
        setup = self._setup(level)
        return Fisher(setup.parameters, self._information(level, volume) * self._scale(setup, volume)).std()

    def equivalent_volume(self, level: str, std: float) -> float:
        """Factor on the volume at which one level reaches `std`; infinite beyond `LARGEST`, 0 below `SMALLEST`."""

        def excess(log_volume: float) -> float:
            return math.log(self.std(level, math.exp(log_volume)) / std)

        if abs(excess(0.0)) < 1e-12:
            return 1.0
        ends = (0.0, math.log(LARGEST)) if excess(0.0) > 0 else (math.log(SMALLEST), 0.0)
        if excess(ends[1]) > 0:
            return math.inf
        if excess(ends[0]) < 0:
            return 0.0
        return math.exp(optimize.brentq(excess, *ends, xtol=1e-6))

    def _setup(self, level: str) -> Setup:
        """The survey, without nuisances if they are known."""
        parameters = self.setup.parameters
        known = replace(self.setup, parameters=parameters.without(parameters.nuisances))
        return known if level == Bound.KNOWN else self.setup

    def _scale(self, setup: Setup, volume: float) -> Array:
        """Factors on information per volume, shape (D, D): those on density contrasts do not grow."""
        grows = [math.sqrt(volume) if n not in setup.parameters.contrasts else 1.0 for n in setup.parameters.names]
        return np.outer(grows, grows)

    def _information(self, level: str, volume: float) -> Array:
        """Information for each unit of volume, shape (D, D)."""
        contrasts = bool(self.setup.parameters.contrasts)
        one = level_class(_likelihood_of(level))
        if one.of_clusters or not (contrasts or one.of_median):
            return self._node(level, 0)
        top = HIGHEST_OF_MEDIAN if one.of_median else HIGHEST
        low = max(math.floor(math.log10(volume)), LOWEST)
        near, far = 10.0**low, 10.0 ** (low + 1)
        if low >= top or volume <= near:
            return self._node(level, min(low, top))
        part = (volume - near) / (far - near)
        total = (1 - part) * near * self._node(level, low) + part * far * self._node(level, low + 1)
        return np.asarray(total / volume)

    def _node(self, level: str, decade: int) -> Array:
        """Information for each unit of volume in a survey of 10^decade copies, computed once."""
        if (level, decade) not in self._stored:
            setup, copies = self._setup(level), 10.0**decade
            larger = setup if decade == 0 else replace(setup, geometry=Replicated(setup.geometry, copies))
            fisher = fisher_matrix(_likelihood_of(level), forward_model(larger))
            self._stored[level, decade] = fisher.information / self._scale(setup, copies)
        return self._stored[level, decade]


def _likelihood_of(level: str) -> str:
    """Level whose data stand behind a level or a bound of the ladder."""
    return LevelName.UNBINNED if level == Bound.KNOWN else level


def price(curve: VolumeCurve, reference: str, levels: Mapping[str, Array], shown: str) -> Price:
    """Ratios of sigma(sigma8) and equivalent volumes of surveys.

    Parameters
    ----------
    curve : VolumeCurve
        Of the survey to compare with.
    reference : str
        Its name.
    levels : mapping of str to ndarray
        sigma(sigma8) by level; NaN where a survey lacks it.
    shown : str
        The level to show where there is room for one.
    """
    common = [level for level in curve.levels if level in levels]
    if shown not in common:
        raise InputError(f"level '{shown}' has no price: these surveys do not have it; {nearest(shown, common)}")
    ratio = {level: levels[level] / curve.std(level, 1.0) for level in common}
    return Price(reference, shown, ratio, {level: _volumes(curve, level, levels[level]) for level in common})


def _volumes(curve: VolumeCurve, level: str, std: Array) -> Array:
    """Equivalent volume of each `std`, or "never"; an array of objects of the same shape."""
    found = np.empty(std.shape, dtype=object)
    for at, value in np.ndenumerate(std):
        volume = curve.equivalent_volume(level, float(value)) if math.isfinite(value) else math.nan
        found[at] = "never" if math.isinf(volume) else volume
    return found


def priced_sweep(sweep: Sweep, config: Config, level: str = LevelName.UNBINNED) -> Sweep:
    """A sweep with the price of each survey beside the configured one."""
    return replace(sweep, price=price(VolumeCurve(config.setup), VariantName.CONFIGURED, sweep.levels, level))


def priced_comparison(
    comparison: Comparison, configs: Mapping[str, Config], reference: Literal["first", "best"], level: str
) -> Comparison:
    """A comparison with the price of each survey beside the first, or the one that is best at `level`."""
    rows = comparison.rows
    levels = {name: np.array([row.sigma8_std.get(name, math.nan) for row in rows]) for name in comparison.levels}
    if level not in levels:
        raise InputError(f"level '{level}' has no price: these surveys do not have it; {nearest(level, levels)}")
    place = 0 if reference == "first" else int(np.nanargmin(levels[level]))
    name = comparison.names[place]
    return replace(comparison, price=price(VolumeCurve(configs[name].setup), name, levels, level))
