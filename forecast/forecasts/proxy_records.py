"""What mass proxies are worth to a survey, as records."""

from __future__ import annotations

from dataclasses import dataclass

from ..core.records import Provenance


@dataclass(frozen=True)
class ProxyRow:
    """What one mass proxy is worth to a survey.

    Parameters
    ----------
    name, description, reference : str
    scatter : float
        Standard deviation of log10 of the proxy mass at the pivot, measurement error included, dex.
    skewness, kurtosis : float
        Of the same residual.
    edgeworth_bias, exact_bias : float
        Abundance relative to that of a log-normal proxy, minus one: from the moments, and from the density.
    norm_prior : float
        Standard deviation of ln M that the configured priors allow the normalisation.
    parameters : tuple of str
        Free parameters that act on the proxy.
    defaults : tuple of str
        Those of them with a prior of `DEFAULT_PRIORS`.
    configured, common, loose : dict of str to float
        sigma(sigma8) by level: priors as configured; normalisation known to `COMMON_PRIOR` or
        `LOOSE_PRIOR` in mass, other priors as configured.
    """

    name: str
    description: str
    reference: str
    scatter: float
    skewness: float
    kurtosis: float
    edgeworth_bias: float
    exact_bias: float
    norm_prior: float
    parameters: tuple[str, ...]
    defaults: tuple[str, ...]
    configured: dict[str, float]
    common: dict[str, float]
    loose: dict[str, float]


@dataclass(frozen=True)
class ProxyComparison:
    """One survey with every proxy it can use, best first.

    Parameters
    ----------
    title : str
    expected_count : float
    log_mass : float
        Median log10 M500c (Msun/h) of its clusters, where `slope` is taken.
    slope : float
        -d ln(dn/dln M)/d ln M.
    common_prior, loose_prior : float
    rows : tuple of ProxyRow
    follows_lx : tuple of ProxyRow
        The same where Mmin follows L_X, if it is fixed in true mass as configured: an absolute mass
        standard, which no survey has.
    left_out : dict of str to str
        Proxies that the survey cannot use, and why.
    answer : tuple of str
        Which proxy is best, in sentences.
    notes : tuple of str
        To what the numbers belong.
    """

    title: str
    expected_count: float
    log_mass: float
    slope: float
    common_prior: float
    loose_prior: float
    rows: tuple[ProxyRow, ...]
    follows_lx: tuple[ProxyRow, ...]
    left_out: dict[str, str]
    answer: tuple[str, ...]
    provenance: Provenance | None = None
    notes: tuple[str, ...] = ()
