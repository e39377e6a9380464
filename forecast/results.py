"""Results as frozen records, and their one JSON form: seed, configuration, version, convergence included."""

from __future__ import annotations

import platform
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from .available import Share
from .cautions import Caution
from .files import to_plain, write_json
from .intake import Intake

Array = np.ndarray


@dataclass(frozen=True)
class Provenance:
    """Where numbers come from.

    Parameters
    ----------
    command : str
        "run", "fit", "map" or "ladder".
    config_name : str
    config : dict
        The whole configuration, defaults included.
    seed : int
    version : str
        Of massanchor.
    libraries : dict
        Versions of Python and of the numerical libraries.
    """

    command: str
    config_name: str
    config: dict[str, Any]
    seed: int
    version: str = field(default_factory=lambda: metadata.version("massanchor"))
    libraries: dict[str, str] = field(
        default_factory=lambda: {
            "python": platform.python_version(),
            **{name: metadata.version(name) for name in ("numpy", "scipy", "emcee", "colossus")},
        }
    )


@dataclass(frozen=True)
class LadderRow:
    """sigma(sigma8) of every level for one variant of the survey.

    Parameters
    ----------
    label : str
        What the variant is, in words.
    selection : str
        "as configured", "Mmin follows L_X", "flux-limited cone", ...
    widening : float
        Factor on the width (in log) of the normalisation priors.
    expected_count : float
    sigma8_std : dict of str to float
        By level: "prior", "counts", "selfcal", "binned", "unbinned", "known".
    """

    label: str
    selection: str
    widening: float
    expected_count: float
    sigma8_std: dict[str, float]


@dataclass(frozen=True)
class SurvivalRow:
    """sigma(sigma8) of every level for one selection, prior width and volume.

    Parameters
    ----------
    selection : str
    widening : float
        Factor on the width (in log) of the normalisation priors.
    volume : float
        Factor on the survey's volume.
    sigma8_std : dict of str to float
    """

    selection: str
    widening: float
    volume: float
    sigma8_std: dict[str, float]


@dataclass(frozen=True)
class SystematicRow:
    """Shift of the maximum-posterior sigma8 when the data follow another model, by level.

    `swapped`: what differs, "mass function" or "break mass".
    """

    label: str
    shift: dict[str, float]
    swapped: str = "mass function"


@dataclass(frozen=True)
class ChainSummary:
    """Posterior summaries of one level and the state of its chain.

    Parameters
    ----------
    level : str
    parameters : dict of str to dict
        mean, std, q16, q50, q84 and mcse (Monte-Carlo standard error) of each parameter.
    converged : bool
    steps, burn, walkers : int
    tau : dict of str to float
        Integrated autocorrelation time, steps.
    lengths_in_tau, effective_size, acceptance : float
    shares : tuple of Share
        How many clusters have the observables that the level uses.
    """

    level: str
    parameters: dict[str, dict[str, float]]
    converged: bool
    steps: int
    burn: int
    walkers: int
    tau: dict[str, float]
    lengths_in_tau: float
    effective_size: float
    acceptance: float
    shares: tuple[Share, ...] = ()


@dataclass(frozen=True)
class Curve:
    """One line of a plot: a label and values at common abscissae."""

    label: str
    values: Array


@dataclass(frozen=True)
class Abundance:
    """Expected selected clusters per dex of true mass (NV22 figures 1 and 17).

    Parameters
    ----------
    log_mass : ndarray, shape (Q,)
        log10 M500c, Msun/h.
    selected : tuple of Curve
    unselected : tuple of Curve
        The same volume without selection.
    """

    log_mass: Array
    selected: tuple[Curve, ...]
    unselected: tuple[Curve, ...]


@dataclass(frozen=True)
class Sigma8Map:
    """Mean, scatter and number of sigma8 of mock catalogues, in cells of (N, median log10 Y_X).

    Parameters
    ----------
    count_edges : ndarray, shape (A + 1,)
    yx_edges : ndarray, shape (B + 1,)
        log10 of the median Y_X, Msun/h keV.
    mean, std : ndarray, shape (B, A)
        NaN in cells with fewer than `min_mocks` mocks.
    number : ndarray, shape (B, A)
    min_mocks, mocks : int
    median_std : float
        Median scatter of the cells that have enough mocks.
    slope_count, slope_yx : float
        Rise of sigma8 per 50 clusters and per 0.1 dex, linear fit over the same cells.
    slope_count_error, slope_yx_error : float
    """

    count_edges: Array
    yx_edges: Array
    mean: Array
    std: Array
    number: Array
    min_mocks: int
    mocks: int
    median_std: float
    slope_count: float
    slope_count_error: float
    slope_yx: float
    slope_yx_error: float


@dataclass(frozen=True)
class InfluenceBins:
    """Average response of sigma8 to single clusters in bins of true mass or of redshift.

    Parameters
    ----------
    edges : ndarray, shape (B + 1,)
        log10 M500c, Msun/h, or redshift.
    centre, number : ndarray, shape (B,)
        Mean of the clusters in a bin, and their number per catalogue.
    saliency, saliency_error : dict of str to ndarray, shape (B,)
        d sigma8 / d log10 of each observable per cluster and dex, mean and standard error (from the scatter
        between catalogues). "mass": all observables move along their mean relations, per dex of mass.
    shift, shift_error : ndarray, shape (B,)
        Posterior mean of sigma8 without a cluster minus with it, mean and standard error.
    shift_spread : ndarray, shape (B,)
        Half of the central 68% range of single clusters' shifts.
    """

    edges: Array
    centre: Array
    number: Array
    saliency: dict[str, Array]
    saliency_error: dict[str, Array]
    shift: Array
    shift_error: Array
    shift_spread: Array


@dataclass(frozen=True)
class Agreement:
    """One quantity of the binned map against its exact expectation.

    Parameters
    ----------
    quantity : str
        "mean" or "scatter" of sigma8, or "number" of mocks.
    z : ndarray, shape (B, A)
        Deviation of each cell in standard deviations, Monte Carlo errors of both sides included; NaN where
        it is not compared.
    chi_squared : float
    cells : int
    p_value : float
    """

    quantity: str
    z: Array
    chi_squared: float
    cells: int
    p_value: float


@dataclass(frozen=True)
class ExactMap:
    """Exact posterior of sigma8 for the data (N, median log10 Y_X), over the plane of a binned map.

    Parameters
    ----------
    size : ndarray, shape (a,)
        Cluster counts.
    log_yx : ndarray, shape (b,)
        log10 of the median Y_X, Msun/h keV.
    mean, std, ess : ndarray, shape (b, a)
        Posterior mean and width of sigma8, NaN where there are fewer than `min_ess` effective draws, and
        their number.
    median_std : float
        Median of `std`, weighted by evidence.
    count_edges, yx_edges : ndarray, shape (A + 1,), (B + 1,)
        Cells of the binned map.
    cell_mean, cell_std, cell_mean_error, cell_std_error : ndarray, shape (B, A)
        Expected mean and scatter of sigma8 of the mocks in each cell, masked alike, and their Monte Carlo errors.
    cell_number : ndarray, shape (B, A)
        Expected number of mocks.
    agreement : tuple of Agreement
        Of mean, scatter and number.
    draws : int
    min_ess, covered : float
        `covered`: part of the evidence, over the plane, at points that are not masked.
    """

    size: Array
    log_yx: Array
    mean: Array
    std: Array
    ess: Array
    median_std: float
    count_edges: Array
    yx_edges: Array
    cell_mean: Array
    cell_std: Array
    cell_mean_error: Array
    cell_std_error: Array
    cell_number: Array
    agreement: tuple[Agreement, ...]
    draws: int
    min_ess: float
    covered: float


@dataclass(frozen=True)
class InfluenceCurve:
    """Where the information on sigma8 of one level sits: average response to single clusters.

    Parameters
    ----------
    selection, level : str
    by_mass : InfluenceBins
    by_redshift : InfluenceBins or None
        Of a light cone.
    mocks : int
    effective_size : float
        Effective number of draws from one catalogue's posterior.
    heavy_tails : float
        Part of the clusters whose leave-one-out weights have a Pareto k above 0.7.
    log_break : float or None
        log10 of the break mass, Msun/h, of a survey selected in mass.
    """

    selection: str
    level: str
    by_mass: InfluenceBins
    by_redshift: InfluenceBins | None
    mocks: int
    effective_size: float
    heavy_tails: float
    log_break: float | None = None


@dataclass(frozen=True)
class Goodness:
    """Observed against predicted counts of one observable, and a posterior predictive p-value.

    Parameters
    ----------
    observable : str
        "lx" or "yx".
    edges : ndarray, shape (B + 1,)
        log10 of the observable; the first and the last bin are open and hold everything beyond.
    observed : ndarray, shape (B,)
    predicted : ndarray, shape (B,)
        Posterior mean.
    low, high : ndarray, shape (B,)
        16th and 84th percentile of posterior predictive counts.
    p_value : float
        Chance that a catalogue drawn from the posterior has a larger Poisson deviance.
    """

    observable: str
    edges: Array
    observed: Array
    predicted: Array
    low: Array
    high: Array
    p_value: float


@dataclass(frozen=True)
class PredictiveTest:
    """One catalogue against its posterior predictive distribution.

    Parameters
    ----------
    level : str
    names : tuple of str
        K statistics: "N", and "Y_X median" and the like, of log10.
    observed : ndarray, shape (K,)
    low, middle, high : ndarray, shape (K,)
        16%, 50% and 84% of the replicas.
    p_values : ndarray, shape (K,)
        Two-sided: twice the chance of a replica beyond the observed value, on the rarer side.
    joint : float
        Chance that a replica's smallest p-value is at most the observed one.
    threshold : float
        Smallest p-value at which `joint` is 5%.
    status : str
        "no power" below 50 effective replicas, else "inconsistent" for `joint` below 1%, "doubtful"
        below 5%, "consistent".
    replicas : int
    ess : float
        Effective number of replicas.
    """

    level: str
    names: tuple[str, ...]
    observed: Array
    low: Array
    middle: Array
    high: Array
    p_values: Array
    joint: float
    threshold: float
    status: str
    replicas: int
    ess: float


@dataclass(frozen=True)
class DataSummary:
    """What was fitted.

    Parameters
    ----------
    kind : str
        "expected", "mock" or "catalogue".
    source : str
    n_clusters : float
    n_with_yx : float
    median_log_yx : float
    """

    kind: str
    source: str
    n_clusters: float
    n_with_yx: float
    median_log_yx: float


@dataclass(frozen=True)
class ParameterRow:
    """One free parameter in words: name, meaning, fiducial value, prior."""

    name: str
    meaning: str
    fiducial: float
    prior: str


@dataclass(frozen=True)
class Result:
    """Everything one command computed.

    Parameters
    ----------
    provenance : Provenance
    title, description : str
    references, survey : tuple of str
        `survey` describes geometry, selection and relations in sentences.
    parameters : tuple of ParameterRow
    expected_count : float
        At the fiducial parameters.
    quick : bool
        Whether chains were cut short on purpose.
    headline : str
        Level whose posterior is the main result.
    data : DataSummary or None
    ladder : tuple of LadderRow
    systematics : tuple of SystematicRow
    survival : tuple of SurvivalRow
    chains : tuple of ChainSummary
    abundance : Abundance or None
    map : Sigma8Map or None
    exact : ExactMap or None
        Beside `map`.
    goodness : tuple of Goodness
    predictive : PredictiveTest or None
        Of the headline level.
    influence : tuple of InfluenceCurve
    notes : tuple of str
        Plain sentences for the report.
    intake : Intake or None
        Of the catalogue that was fitted.
    warnings : tuple of Caution
        What is doubtful about the numbers.
    """

    provenance: Provenance
    title: str
    description: str
    references: tuple[str, ...]
    survey: tuple[str, ...]
    parameters: tuple[ParameterRow, ...]
    expected_count: float
    quick: bool = False
    headline: str = "selfcal"
    data: DataSummary | None = None
    ladder: tuple[LadderRow, ...] = ()
    systematics: tuple[SystematicRow, ...] = ()
    survival: tuple[SurvivalRow, ...] = ()
    chains: tuple[ChainSummary, ...] = ()
    abundance: Abundance | None = None
    map: Sigma8Map | None = None
    exact: ExactMap | None = None
    goodness: tuple[Goodness, ...] = ()
    predictive: PredictiveTest | None = None
    influence: tuple[InfluenceCurve, ...] = ()
    notes: tuple[str, ...] = ()
    intake: Intake | None = None
    warnings: tuple[Caution, ...] = ()

    @property
    def converged(self) -> bool:
        """Whether every chain has converged; true if there is none."""
        return all(chain.converged for chain in self.chains)

    def chain(self, level: str) -> ChainSummary | None:
        """Summary of one level's chain."""
        return next((c for c in self.chains if c.level == level), None)


def save_json(result: Result, path: Path) -> None:
    """Write a result, with its convergence, to `path`; whole or not at all.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    write_json(path, {"converged": result.converged, **to_plain(result)})
