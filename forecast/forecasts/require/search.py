"""How much of one thing a survey needs for a given error of a parameter, all else as configured."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from ...config.load import Config
from ...core.errors import InputError, nearest
from ...core.parameters import NORMALISATIONS
from ...likelihoods.level_name import LEVELS
from ...likelihoods.levels import levels_of
from ..axes import configured_value
from ..lensing_bias import expected_lensing
from .curve import NOTHING, Curve, Target
from .records import Requirement, Requirements

_TOLERANCE = 1e-3
"""Of the logarithm of the error."""
_PROBE, _SHORTEST, _LONGEST, _FARTHEST = 0.25, 0.4, 2.5, math.log(1e6)
"""Steps of the logarithm of a key: the first one, limits of later ones, and the farthest from the configured value."""
_FLAT, _FAR = 0.004, 2.0
"""Change of the logarithm of the error with that of a key, below which more is of no use so far away."""
_MOST, _EDGE, _LOWEST = 14, 7, 5
"""Evaluations, those that look for the end of what a key may be, and powers of ten between zero and what is felt."""


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
    """Those keys that are numbers in a configuration, and not zero."""
    for key in keys:
        try:
            axis = configured_value(key, config)
        except InputError:
            continue
        if axis.values[0]:
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
    told, rows = progress or (lambda done, total: None), []
    told(0, len(axes))
    for axis in axes:
        rows.append(_requirement(Curve.of(config, wanted, level, axis)))
        told(len(rows), len(axes))
    return Requirements(
        name=wanted.name,
        std=wanted.std,
        level=level,
        configured_std=rows[0].configured_std,
        rows=tuple(rows),
        Om0=config.setup.fixed_density if wanted.name == "sigma8" else None,
    )


def _requirement(curve: Curve) -> Requirement:
    """Where a curve meets the target."""
    start = curve(curve.configured)
    if abs(start.excess) < _TOLERANCE:
        return _met(curve, curve.configured)
    if curve.from_zero:
        return _from_zero(curve)
    probe, slope = _first_slope(curve)
    if abs(slope) < NOTHING:
        return _missed(curve, 0.0, "it changes nothing")
    before, here = (0.0, probe) if start.excess * slope * probe < 0 else (probe, 0.0)
    return _search(curve, before, here, -math.copysign(1.0, start.excess * slope))


def _from_zero(zero: Curve) -> Requirement:
    """The same where the key is zero: less of it there is not, and more is sought from a value that is felt."""
    curve, why = zero.useful()
    if why:
        return _missed(curve, curve.configured, why)
    start, there = curve(curve.configured).excess, curve(0.0).excess
    if start * there <= 0:
        low = next((x for x in _decades_below() if curve(x).excess * start > 0), None)
        return _missed(curve, 0.0, "it jumps there") if low is None else _met(curve, _between(curve, low, 0.0))
    if (there - start) * start > 0:
        way = "larger" if start > 0 else "smaller"
        return _missed(curve, curve.configured, f"more of it makes the error {way}, and less than nothing there is not")
    here, edge = _forward(curve, 0.0, _PROBE)
    if edge and here == 0.0:
        return _missed(curve, here, edge)
    if curve(here).excess * start <= 0:
        return _met(curve, _between(curve, 0.0, here))
    return _search(curve, 0.0, here, 1.0)


def _decades_below() -> Iterator[float]:
    """Logarithms of ever smaller parts of a value."""
    return (-math.log(10) * power for power in range(1, _LOWEST + 1))


def _search(curve: Curve, before: float, here: float, way: float) -> Requirement:
    """Onward from two places, the nearer one first, until the target lies between two, or nothing is gained."""
    most = curve.evaluations + _MOST
    while curve.evaluations < most:
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
    best = min(before, here, key=lambda x: abs(curve(x).excess))
    return _missed(curve, best, _bottleneck(curve, best))


def _first_slope(curve: Curve) -> tuple[float, float]:
    """A place next to the configured one that the key may have, and how the error changes towards it."""
    try:
        return _PROBE, (curve(_PROBE).excess - curve(0.0).excess) / _PROBE
    except InputError:
        return -_PROBE, (curve(0.0).excess - curve(-_PROBE).excess) / _PROBE


def _forward(curve: Curve, here: float, step: float) -> tuple[float, str]:
    """The place a step on; the farthest there is, and what forbids the rest, where the key may not be that."""
    beyond, words = here + step, ""
    for _ in range(_EDGE):
        place = 0.5 * (here + beyond) if words else beyond
        try:
            curve(place)
        except InputError as error:
            beyond, words = place, words or f"beyond it, {str(error).partition(': ')[2] or error}"
        else:
            here = place
            if not words:
                break
    return here, words


def _between(curve: Curve, one: float, other: float) -> float:
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


def _bottleneck(curve: Curve, x: float) -> str:
    """The parameter whose uncertainty is most of what is left of the error."""
    fisher, name = curve(x).fisher, curve.target.name
    names, covariance = fisher.parameters.names, fisher.covariance
    own = names.index(name)
    shares = covariance[own] ** 2 / (np.diag(covariance) * covariance[own, own])
    shares[own] = 0.0
    most = int(np.argmax(shares))
    return f"{shares[most]:.0%} of what is left of its variance is the uncertainty of {names[most]}"


def _met(curve: Curve, x: float) -> Requirement:
    return _row(curve, x, curve.value(x), "")


def _missed(curve: Curve, x: float, why: str) -> Requirement:
    return _row(curve, x, None, why)


def _row(curve: Curve, x: float, needed: float | None, why: str) -> Requirement:
    std = curve(x).fisher.std(curve.target.name)
    points = () if curve.from_zero else curve.points
    return Requirement(
        key=curve.axis.key,
        unit=curve.axis.unit,
        configured=curve.value(curve.configured),
        configured_std=curve(curve.configured).fisher.std(curve.target.name),
        needed=needed,
        farthest=curve.value(x),
        std=std,
        expected_count=curve(x).count,
        lensing_masses=expected_lensing(curve.survey(x)[1]),
        why=why,
        evaluations=curve.evaluations,
        factors=tuple(math.exp(x) for x, _ in points),
        errors=tuple(curve.target.std * math.exp(at.excess) for _, at in points),
    )
