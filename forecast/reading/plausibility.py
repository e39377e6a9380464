"""What a column of a cluster table cannot hold, whatever its name: unphysical values, errors that are none.

Each check says for every row whether it can be, and if not, what to do. It knows of one column what its
physics says, no more: what is merely unusual is not refused here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..core.arrays import Array
from ..core.units import KINDS, LN10, LOG_UNIT, bare_unit

RANGES = {"luminosity": (38.0, 48.0), "yx": (8.0, 18.0), "temperature": (-1.5, 1.7), "mass": (8.0, 17.0)}
RANGES["flux"] = (-19.0, -7.0)
"""log10 ranges in erg/s, Msun keV, keV, Msun, erg/s/cm2 that no cluster leaves, but a wrong unit does."""
USUAL = {"luminosity": (40.0, 45.5), "yx": (10.0, 16.5), "temperature": (-1.0, 1.5), "mass": (10.0, 16.0)}
USUAL["flux"] = (-17.0, -8.0)
"""The same of the median of any sample."""
LARGEST_ERROR, LARGEST_RATIO, SMALLEST_ERROR = 1.0, 20.0, 1e-6
"""Errors, dex, over the value, dex, beyond which a number is no error of a measurement (eFEDS has 12 times a T)."""
_SENTINELS = (1.0, 9.0, 99.0, 999.0, 9999.0, 99.9, 999.9)
_NARROW, _FEW, _SEVERAL, _SURE_LOG, _SCALED = 1.3, 3, 5, 0.15, 0.5


@dataclass(frozen=True)
class Check:
    """Which of N rows can be, bool of shape (N,), and what is wrong with the others."""

    good: Array
    fault: str


@dataclass(frozen=True)
class Values:
    """A column of one quantity.

    Parameters
    ----------
    kind : str
        One of `RANGES`.
    unit : str
    raw : ndarray, shape (N,)
        As in the file; NaN where unknown.
    log : ndarray, shape (N,)
        log10 in physical units.
    """

    kind: str
    unit: str
    raw: Array
    log: Array

    @property
    def is_log(self) -> bool:
        """Whether the unit says that the column is a log10."""
        return bool(LOG_UNIT.match(self.unit))

    def error_is_log(self, unit: str) -> bool:
        """Whether errors in a unit are of log10s; brackets say so beside log10s only."""
        return bool(LOG_UNIT.match(unit)) and (self.is_log or not _bracketed(unit))


def within(log: Array, bounds: tuple[float, float]) -> Array:
    """Which values are unknown or lie within bounds, bool of their shape."""
    return ~((log < bounds[0]) | (log > bounds[1]))


def value_check(values: Values) -> Check:
    """No value is impossible, and no sample's median."""
    good = within(values.log, RANGES[values.kind])
    known = np.isfinite(values.log)
    if good.all() and known.any() and not within(np.median(values.log[known]), USUAL[values.kind]):
        good = ~known
    if good.all() and known.any() and _reads_both_ways(values):
        bare = bare_unit(values.unit)
        either = f'write unit = "log10 {bare}" or unit = "{bare}"'
        return Check(~known, f"whose unit '{values.unit}' may stand for log10s, as VizieR has them, or not; {either}")
    if good.all():
        return Check(good, "")
    return Check(good, f"which in '{values.unit}' is no {values.kind} of a cluster; {_unit_cure(values, good)}")


def _reads_both_ways(values: Values) -> bool:
    """Whether values whose unit stands in brackets may be those of clusters as log10s and as they stand."""
    raw = values.raw[np.isfinite(values.log)]
    if not _bracketed(values.unit) or not np.all(raw > 0):
        return False
    plain = np.log10(raw) + (values.log - values.raw)[np.isfinite(values.log)]
    return bool(within(plain, RANGES[values.kind]).all() and within(np.median(plain), USUAL[values.kind]))


def _bracketed(unit: str) -> bool:
    return unit.lstrip().startswith("[")


def _unit_cure(values: Values, good: Array) -> str:
    """What unit the values look like, if it is plain to see."""
    bounds, wrong = RANGES[values.kind], values.raw[~good]
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log10(wrong)
    scaled = abs((values.log[~good] - (wrong if values.is_log else logs))[0]) > _SCALED
    unit = KINDS[values.kind].unit if scaled else bare_unit(values.unit)
    if values.is_log and within(logs, bounds).all():
        return f'it looks like the value itself, not its log10: write unit = "{unit}"'
    if not values.is_log and within(wrong, bounds).all():
        return f'it looks like a log10: write unit = "log10 {unit}"'
    if not values.is_log and within(logs, bounds).all() and scaled:
        return f'it looks like a value without the power of ten: write unit = "{unit}"'
    return "check the unit"


def looks_like_log(values: Values) -> bool:
    """Whether values in a scaled linear unit read like log10s: within the range of those, and 30% from end to end."""
    raw = values.raw[np.isfinite(values.raw)]
    if values.is_log or len(raw) < _SEVERAL or values.kind == "temperature":
        return False
    return bool(within(raw, USUAL[values.kind]).all() and raw.max() < _NARROW * raw.min())


def all_negative(raw: Array) -> bool:
    """Whether a column of lower errors is given below zero; one that is -1 throughout says 'unknown' instead."""
    negative = np.unique(raw[raw < 0])
    return not (raw > 0).any() and not (len(negative) == 1 and -negative[0] in _SENTINELS)


def side_checks(raw: Array, dex: Array, column: str) -> tuple[Check, Check]:
    """No error of a column is negative, and no known one smaller than one in a million."""
    negative, small = raw < 0, (dex > 0) & (dex < SMALLEST_ERROR)
    fault = "but an error cannot be negative; leave it empty if it is unknown"
    if negative.any() and np.isin(-raw[negative], _SENTINELS).all():
        blank = f"t['{column}'][t['{column}'] < 0] = numpy.nan"
        fault = f"but an error cannot be negative; if it stands for 'unknown', leave the cell empty: in Python, {blank}"
    cure = "check its unit, and leave the cell empty where it stands for 'unknown'"
    tiny = f"which as an error is below {SMALLEST_ERROR:g} dex: no measurement's; {cure}"
    return Check(~negative, fault), Check(~small, tiny)


def size_check(raw: Array, dex: Array, *, log: bool) -> Check:
    """No error is above `LARGEST_ERROR` where it was given in dex (`log`), or above `LARGEST_RATIO` times the value."""
    ratio, limit = (dex, LARGEST_ERROR) if log else (LN10 * dex, LARGEST_RATIO)
    unknown = np.isin(raw, _SENTINELS) & (raw > 9) & (ratio > 0.1 * limit)
    large, size = (ratio > limit) | unknown, f"above {limit:g} {'dex' if log else 'times the value'}"
    if unknown.any() and np.array_equal(large, unknown):
        return Check(~large, "as 99 and 999 stand for 'unknown' in tables; leave the cell empty, else check its unit")
    cure = "check its unit, or leave the value of the cluster empty"
    return Check(~large, f"which as an error is {size}: no measurement's; {cure}")


def are_bounds(value: Array, lower: Array, upper: Array, *, log: bool) -> bool:
    """Whether two columns hold the bounds of a value instead of its errors: below and above it in every row.

    In the same unit, shape (N,) each. Errors lie above the value where it is measured to worse than 100%, which
    no sample is throughout; bounds are also half to twice the value. A log10 can be small, and its errors must be
    large to be bounds.
    """
    known = np.isfinite(value + lower + upper) & (log | ((lower > 0) & (upper > 0)))
    v, low, high = value[known], lower[known], upper[known]
    if len(v) < _FEW or not np.all((low < v) & (v < high)):
        return False
    if log:
        return bool(np.mean(0.5 * (low + high)) > _SURE_LOG)
    return bool(np.median(low / v) > 0.5 and np.median(high / v) < 2.0)
