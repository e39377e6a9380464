"""How much of one thing a survey needs for a given error of a parameter, all else as configured."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..config.load import Config
from ..core.errors import InputError, nearest
from ..core.parameters import NORMALISATIONS
from ..likelihoods.fisher import Fisher, fisher_matrix
from ..likelihoods.level_name import LEVELS
from ..likelihoods.levels import levels_of
from ..model.forward import ForwardModel, forward_model
from ..model.mean_density import expected_number
from .axes import Axis, configured_value
from .lensing_bias import expected_lensing
from .require_records import Requirement, Requirements
from .sweep import varied_setup

_TOLERANCE = 1e-3
"""Of the logarithm of the error."""
_PROBE, _SHORTEST, _LONGEST, _FARTHEST = 0.25, 0.4, 2.5, math.log(1e6)
"""Steps of the logarithm of a key: the first one, limits of later ones, and the farthest from the configured value."""
_FLAT, _FAR, _NOTHING = 0.004, 2.0, 1e-4
"""Change of the logarithm of the error with that of a key, below which more is of no use so far away, or anywhere."""
_MOST, _EDGE = 14, 7
"""Evaluations, and those that look for the end of what a key may be."""

_TARGET = re.compile(r"\s*(\w+)\s*=\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*")


@dataclass(frozen=True)
class Target:
    """A parameter and the error that it shall have (of its logarithm if it is a factor)."""

    name: str
    std: float

    @classmethod
    def of(cls, text: str, config: Config) -> Target:
        """As written, NAME=ERROR.

        Raises
        ------
        InputError
            If it is not that, or the parameter is not free.
        """
        match, names = _TARGET.fullmatch(text), config.setup.parameters.names
        if match is None or not math.isfinite(float(match[2])) or float(match[2]) <= 0:
            raise InputError(f"'{text}': write NAME=ERROR with a positive error, for example sigma8=0.015")
        if match[1] not in names:
            raise InputError(f"'{text}': parameter '{match[1]}' is not free; {nearest(match[1], names)}")
        return cls(match[1], float(match[2]))


@dataclass(frozen=True)
class _At:
    """What a survey would reach: its matrix, expected clusters, and ln of the error over that wanted."""

    fisher: Fisher
    count: float
    excess: float


@dataclass(frozen=True)
class _Curve:
    """Error against the logarithm of a key over its configured value."""

    config: Config
    target: Target
    level: str
    axis: Axis
    _found: dict[float, _At] = field(default_factory=dict)

    def value(self, x: float) -> float:
        """Value of the key."""
        (start,) = self.axis.values
        assert isinstance(start, float)
        return start + x / math.log(10) if self.axis.unit.startswith("log10 ") else start * math.exp(x)

    def model(self, x: float) -> ForwardModel:
        """The survey there."""
        return forward_model(varied_setup(self.config, [self.axis], [self.value(x)])[1])

    def __call__(self, x: float) -> _At:
        """What is reached there.

        Raises
        ------
        InputError
            If the key may not be that.
        """
        if x not in self._found:
            model = self.model(x)
            fisher = fisher_matrix(self.level, model)
            excess = math.log(fisher.std(self.target.name) / self.target.std)
            self._found[x] = _At(fisher, expected_number(model), excess)
        return self._found[x]

    @property
    def evaluations(self) -> int:
        """Surveys computed so far."""
        return len(self._found)


def default_keys(config: Config) -> tuple[str, ...]:
    """What can be bought: area or volume, depth, priors on normalisations, precision of Y_X and of lensing masses."""
    norms = [f"parameters.{n}.{kind}" for n in config.setup.parameters.names if n.startswith(NORMALISATIONS)
             for kind in ("lognormal", "gaussian")]  # fmt: skip
    priors = list(_numeric(norms, config)) or list(_numeric(["prior_width"], config))
    area = "survey.area" if config.footprint is None else "volume"
    size = list(_numeric([area, "survey.fraction"], config))
    lensing = ["weak_lensing.fraction"] * (config.setup.lensing_sample.fraction < 1)
    return (*size, *_numeric(["selection.flux_limit"], config), *priors,
            *_numeric(["yx_error", "weak_lensing.scatter", "weak_lensing.error", *lensing], config))  # fmt: skip


def _numeric(keys: Sequence[str], config: Config) -> Iterator[str]:
    """Those keys that are positive numbers in a configuration."""
    for key in keys:
        try:
            configured_value(key, config)
        except InputError:
            continue
        yield key


def compute_requirements(
    config: Config,
    target: str,
    keys: Sequence[str] = (),
    level: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Requirements:
    """How much of each key alone brings a parameter's error to a target, or why none does.

    Parameters
    ----------
    config : Config
    target : str
        NAME=ERROR.
    keys : sequence of str
        Numeric keys of the configuration; by default what can be bought.
    level : str, optional
        The best the survey has by default.

    Raises
    ------
    InputError
        If target, level or a key is not one of this configuration.
    """
    wanted, levels = Target.of(target, config), levels_of(config.setup)
    level = levels[-1] if level is None else level
    if level not in levels:
        raise InputError(f"level '{level}' is none of this survey's; {nearest(level, set(LEVELS) & set(levels))}")
    axes = [configured_value(key, config) for key in keys or default_keys(config)]
    rows = []
    for axis in axes:
        rows.append(_requirement(_Curve(config, wanted, level, axis)))
        if progress is not None:
            progress(len(rows), len(axes))
    return Requirements(
        name=wanted.name,
        std=wanted.std,
        level=level,
        configured_std=rows[0].configured_std,
        rows=tuple(rows),
    )


def _requirement(curve: _Curve) -> Requirement:
    """Where a curve meets the target."""
    start = curve(0.0)
    if abs(start.excess) < _TOLERANCE:
        return _met(curve, 0.0)
    probe, slope = _first_slope(curve)
    if abs(slope) < _NOTHING:
        return _missed(curve, 0.0, "it changes nothing")
    before, here = (0.0, probe) if start.excess * slope * probe < 0 else (probe, 0.0)
    way = -math.copysign(1.0, start.excess * slope)
    while curve.evaluations < _MOST:
        low, high = curve(before).excess, curve(here).excess
        if low * high <= 0:
            return _met(curve, _between(curve, before, here))
        slope = (high - low) / (here - before)
        useless = way * slope * high >= 0 or (abs(slope) < _FLAT and abs(here) > _FAR)
        if useless or abs(here) >= _FARTHEST:
            break
        step = min(max(abs(high / slope), _SHORTEST), _LONGEST)
        reached, edge = _forward(curve, here, way * step)
        if edge:
            bracketed = curve(reached).excess * curve(here).excess <= 0
            return _met(curve, _between(curve, here, reached)) if bracketed else _missed(curve, reached, edge)
        before, here = here, reached
    best = min(before, here, key=lambda x: curve(x).excess)
    return _missed(curve, best, _bottleneck(curve, best))


def _first_slope(curve: _Curve) -> tuple[float, float]:
    """A place next to the configured one that the key may have, and how the error changes towards it."""
    try:
        return _PROBE, (curve(_PROBE).excess - curve(0.0).excess) / _PROBE
    except InputError:
        return -_PROBE, (curve(0.0).excess - curve(-_PROBE).excess) / _PROBE


def _forward(curve: _Curve, here: float, step: float) -> tuple[float, str]:
    """The place a step on; the farthest there is, and what forbids the rest, where the key may not be that."""
    beyond, words = here + step, ""
    for _ in range(_EDGE):
        place = 0.5 * (here + beyond) if words else beyond
        try:
            curve(place)
        except InputError as error:
            beyond, words = place, words or str(error)
        else:
            here = place
            if not words:
                break
    return here, words


def _between(curve: _Curve, one: float, other: float) -> float:
    """Where the error is that wanted, between places of which one has more and one less (Illinois' rule)."""
    a, b, at_a, at_b, middle = one, other, curve(one).excess, curve(other).excess, one
    for _ in range(_MOST):
        middle = b - at_b * (b - a) / (at_b - at_a)
        found = curve(middle).excess
        if abs(found) < _TOLERANCE:
            break
        if found * at_b < 0:
            a, at_a = b, at_b
        else:
            at_a = at_a / 2
        b, at_b = middle, found
    return middle


def _bottleneck(curve: _Curve, x: float) -> str:
    """The parameter whose uncertainty is most of what is left of the error."""
    fisher, name = curve(x).fisher, curve.target.name
    names, covariance = fisher.parameters.names, fisher.covariance
    own = names.index(name)
    shares = covariance[own] ** 2 / (np.diag(covariance) * covariance[own, own])
    shares[own] = 0.0
    most = int(np.argmax(shares))
    return f"{shares[most]:.0%} of what is left of its variance is the uncertainty of {names[most]}"


def _met(curve: _Curve, x: float) -> Requirement:
    return _row(curve, x, curve.value(x), "")


def _missed(curve: _Curve, x: float, why: str) -> Requirement:
    return _row(curve, x, None, why)


def _row(curve: _Curve, x: float, needed: float | None, why: str) -> Requirement:
    std = curve(x).fisher.std(curve.target.name)
    return Requirement(
        key=curve.axis.key,
        unit=curve.axis.unit,
        configured=curve.value(0.0),
        configured_std=curve(0.0).fisher.std(curve.target.name),
        needed=needed,
        farthest=curve.value(x),
        std=std,
        expected_count=curve(x).count,
        lensing_masses=expected_lensing(curve.model(x)),
        why=why,
        evaluations=curve.evaluations,
    )
