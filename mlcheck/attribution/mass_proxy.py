"""The terse value as a mass proxy beside gas mass and Y_X (NV22 section 5.3, figure 16).

Statistics of log10(M_proxy / M) after Ho et al. (2019, arXiv:1902.05950) and Abbas (2019), equations 5 to 7, the last
as corrected in `forecast.relations.edgeworth.edgeworth_bias`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from forecast.core.arrays import Array
from forecast.core.errors import InputError
from forecast.core.units import LN10
from forecast.relations.edgeworth import edgeworth_bias

from ..accuracy.bootstrap import Tally, estimates
from ..accuracy.halves import Estimate

CALIBRATIONS = ("power law", "regression")
PUBLISHED = {"terse": 16.1, "log_mgas": 17.9, "log_yx": 7.3}
"""Scatter in mass, per cent, each catalogue's mean error removed (NV22 figure 16)."""
_MIDDLE = np.array([0.16, 0.5, 0.84])


@dataclass(frozen=True)
class Calibration:
    """log10 M (Msun/h) as a polynomial of a proxy's logarithm, or of the terse value.

    Parameters
    ----------
    kind : str
        "power law": the mean relation of proxy to mass, inverted, so that errors average to zero at fixed true mass, as
        abundances need; "regression": log mass on the proxy, whose errors are smallest but shrink masses to the middle.
    coefficients : tuple of float
        Highest power first.
    """

    kind: str
    coefficients: tuple[float, ...]

    @classmethod
    def fit(cls, proxy: Array, log_mass: Array, kind: str = "power law", degree: int = 1) -> Calibration:
        """Calibrate on clusters of known mass, arrays of shape (n,).

        Raises
        ------
        InputError
            If the kind is unknown, a power law is to have another degree than 1, or the proxy does not vary.
        """
        if kind not in CALIBRATIONS or (kind == "power law" and degree != 1):
            known = " (of degree 1) or ".join(f"'{name}'" for name in CALIBRATIONS)
            raise InputError(f"calibration '{kind}' of degree {degree} is unknown; take {known}")
        if len(proxy) <= degree or not np.ptp(proxy) > 0 or not np.ptp(log_mass) > 0:
            raise InputError("calibration: proxy or mass is the same for all clusters; give clusters that differ")
        if kind == "regression":
            return cls(kind, tuple(np.polyfit(proxy, log_mass, degree).tolist()))
        slope, intercept = np.polyfit(log_mass, proxy, 1)
        return cls(kind, (float(1 / slope), float(-intercept / slope)))

    def log_mass(self, proxy: Array) -> Array:
        """log10 of the proxy mass, Msun/h."""
        return np.asarray(np.polyval(self.coefficients, proxy))


@dataclass(frozen=True)
class ProxyStatistics:
    """Errors log10(M_proxy / M) of one mass proxy, in dex; abundance biases relative to a log-normal proxy.

    Parameters
    ----------
    name, calibration : str
        The second is empty where errors were given as such.
    within : bool
        Each catalogue's mean error removed (NV22), or errors of all catalogues together.
    bias : Estimate
        Mean error; always before catalogues' means are removed.
    low, median, high : Estimate
        16, 50 and 84% quantiles.
    scatter, skewness, kurtosis : Estimate
        Standard deviation, dex; kurtosis is the excess over the Gaussian's.
    edgeworth_bias : Estimate
        Abundance bias from the moments, Abbas (2019) equation 7 as corrected, minus one.
    sampled_bias : Estimate
        The same for a mass function M^-slope without the expansion: the mean of M_proxy^slope over that of a log-normal
        proxy of the same scatter, minus one.
    slope : float
        -d ln(dn/dln M)/d ln M.
    clusters, catalogues : int
    published : float
        NV22's scatter, per cent; NaN where there is none.
    """

    name: str
    calibration: str
    within: bool
    bias: Estimate
    low: Estimate
    median: Estimate
    high: Estimate
    scatter: Estimate
    skewness: Estimate
    kurtosis: Estimate
    edgeworth_bias: Estimate
    sampled_bias: Estimate
    slope: float
    clusters: int
    catalogues: int
    published: float = float("nan")

    @property
    def percent(self) -> Estimate:
        """Scatter of ln M, per cent."""
        return Estimate(100 * LN10 * self.scatter.value, 100 * LN10 * self.scatter.error)


def within_catalogues(error: Array, size: Array) -> tuple[Array, Array]:
    """Errors (n,) without their mean over each catalogue, and which of them (n,) are of catalogues of two or more.

    Scaled by sqrt(N / (N - 1)), so that their variance is that of single clusters.
    """
    row = np.repeat(np.arange(len(size)), size)
    mean = np.bincount(row, weights=error, minlength=len(size)) / np.maximum(size, 1)
    kept = (size > 1)[row]
    scale = np.sqrt(size / np.maximum(size - 1, 1))
    return ((error - mean[row]) * scale[row])[kept], kept


def proxy_statistics(
    name: str,
    error: Array,
    size: Array,
    *,
    slope: float,
    rng: np.random.Generator,
    within: bool = False,
) -> ProxyStatistics:
    """Statistics of errors of clusters sorted by catalogue, with bootstrap errors over whole catalogues.

    Parameters
    ----------
    name : str
    error : ndarray, shape (n,)
        log10(M_proxy / M), dex.
    size : ndarray of int, shape (P,)
        Clusters of each catalogue.
    slope : float
        Of the mass function; `forecast.forecasts.proxy_comparison.typical_slope` gives the survey's.
    rng : numpy.random.Generator
    within : bool
    """
    row, plain = np.repeat(np.arange(len(size)), size), error
    if within:
        error, kept = within_catalogues(error, size)
        plain, row = plain[kept], np.unique(row[kept], return_inverse=True)[1]
    catalogues = int(row[-1]) + 1
    compute = _moments_of(error, plain, row, slope)
    bias, low, median, high, scatter, *rest = estimates(compute, catalogues, rng=rng)
    skewness, kurtosis, edgeworth, sampled = rest
    published = PUBLISHED.get(name, float("nan")) if within else float("nan")
    return ProxyStatistics(
        name=name,
        calibration="",
        within=within,
        bias=bias,
        low=low,
        median=median,
        high=high,
        scatter=scatter,
        skewness=skewness,
        kurtosis=kurtosis,
        edgeworth_bias=edgeworth,
        sampled_bias=sampled,
        slope=slope,
        clusters=len(error),
        catalogues=catalogues,
        published=published,
    )


def _moments_of(error: Array, plain: Array, row: Array, slope: float) -> Callable[[Array], Array]:
    """From weights of catalogues (R, P) to the mean of `plain`, and quantiles and shape of `error`, (R, 9)."""
    catalogues = int(row[-1]) + 1
    tally, d = Tally.of(error, row, catalogues), error - error.mean()
    powers = [np.ones(len(d)), plain, d, d**2, d**3, d**4, np.exp(slope * LN10 * d)]
    sums = np.column_stack([np.bincount(row, weights=x, minlength=catalogues) for x in powers])

    def compute(weights: Array) -> Array:
        totals = weights @ sums
        means = totals[:, 1:] / totals[:, :1]
        quantiles = tally.quantiles(weights, _MIDDLE)
        return np.column_stack([means[:, 0], quantiles, *_shape(means[:, 1:].T, slope)])

    return compute


def _shape(means: Array, slope: float) -> tuple[Array, ...]:
    """Scatter, skewness, kurtosis and the two abundance biases from means of d, d^2, d^3, d^4 and exp(slope d)."""
    m, square, cube, fourth, growth = means
    second = square - m**2
    third = cube - 3 * m * square + 2 * m**3
    kurtosis = (fourth - 4 * m * cube + 6 * m**2 * square - 3 * m**4) / second**2 - 3
    scatter, t = np.sqrt(second), slope * LN10
    skewness = third / scatter**3
    sampled = growth / np.exp(t * m + 0.5 * t**2 * second)
    return scatter, skewness, kurtosis, np.asarray(edgeworth_bias(slope, scatter, skewness, kurtosis)) - 1, sampled - 1


def compare_proxies(
    training: Mapping[str, Array],
    test: Mapping[str, Array],
    size: Array,
    *,
    slope: float,
    rng: np.random.Generator,
    calibrations: Sequence[str] = CALIBRATIONS,
) -> tuple[ProxyStatistics, ...]:
    """Statistics of every proxy, by calibration, of all catalogues together and within each.

    Parameters
    ----------
    training, test : mapping of str to ndarray
        "log_m500" and the proxies of the clusters that calibrate, and of those that are judged.
    size : ndarray of int, shape (P,)
        Clusters of each test catalogue.
    slope : float
    rng : numpy.random.Generator
    calibrations : sequence of str

    Raises
    ------
    InputError
        If a proxy is missing in one of the tables.
    """
    rows = []
    for name, proxy in training.items():
        if name == "log_m500":
            continue
        if name not in test:
            raise InputError(f"proxy '{name}' is missing among the test clusters; they have {', '.join(test)}")
        for kind in calibrations:
            fitted = Calibration.fit(proxy, training["log_m500"], kind)
            error = fitted.log_mass(test[name]) - test["log_m500"]
            for within in (False, True):
                found = proxy_statistics(name, error, size, slope=slope, rng=rng, within=within)
                rows.append(replace(found, calibration=kind))
    return tuple(rows)
