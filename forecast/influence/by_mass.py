"""Statistical saliency and leave-one-out averaged over mock catalogues, by true mass and by redshift."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..core.arrays import Array
from ..core.errors import InputError
from ..likelihoods.level_name import LevelName
from ..likelihoods.levels import at_level, cluster_level
from ..model.forward import ForwardModel
from ..model.mocks import Mocks
from ..model.simulate import draw_mocks
from ..sampling.ensemble import MomentsPlan, sample_posteriors
from ..sampling.group_chains import copies_of
from .by_cluster import cluster_influence
from .saliency import PARETO_LIMIT, require_whole

_ENOUGH, _DRAWS = 200.0, 6000
"""Effective number of draws at which chains end; prior draws."""
MIN_EFFECTIVE_SIZE = 50.0
"""Effective number of posterior draws of one catalogue below which the averages are refused."""


@dataclass(frozen=True)
class InfluencePlan:
    """How many mock catalogues, and how long the Markov chain of each may be.

    Parameters
    ----------
    mocks : int
        Catalogues drawn at the fiducial parameters.
    steps : int
        Longest chain; several of each catalogue end when they have 200 effective draws together.
    mass_bins, redshift_bins : int
        Bins of equal numbers of clusters.
    """

    mocks: int = 40
    steps: int = 8000
    mass_bins: int = 12
    redshift_bins: int = 8

    def __post_init__(self) -> None:
        for name, least in (("mocks", 2), ("steps", 250), ("mass_bins", 1), ("redshift_bins", 1)):
            if getattr(self, name) < least:
                raise InputError(f"influence: {name} must be at least {least}, got {getattr(self, name)}")


def build_influence(
    model: ForwardModel,
    selection: str,
    plan: InfluencePlan,
    *,
    level: str = LevelName.UNBINNED,
    rng: np.random.Generator,
) -> InfluenceCurve:
    """Average saliency and leave-one-out shift of one level, in bins of true mass and of redshift.

    Parameters
    ----------
    model : ForwardModel
    selection : str
        What the survey is called.
    plan : InfluencePlan
    level : {"unbinned", "full", "full+wl"}
    rng : numpy.random.Generator

    Raises
    ------
    InputError
        If the level does not know single clusters, data are kept apart by redshift, or too few draws of the
        posteriors are independent.
    """
    one, model = cluster_level(level), at_level(model, level)
    require_whole(model, level)
    mocks = draw_mocks(model, np.repeat(model.parameters.fiducial[None], plan.mocks, axis=0), rng=rng)
    steps = copies_of(plan.mocks) * plan.steps
    sampling = MomentsPlan(int(rng.integers(2**32)), _DRAWS, steps, enough=_ENOUGH)
    posteriors = sample_posteriors(model, level, mocks, sampling)
    effective_size = posteriors.moments.effective
    if effective_size < MIN_EFFECTIVE_SIZE:
        enough = np.ceil(1.2 * plan.steps * MIN_EFFECTIVE_SIZE / effective_size)
        raise InputError(
            f"chains of {plan.steps} steps have only {effective_size:.0f} independent draws; "
            f"raise --steps to {enough:.0f}, or narrow the priors"
        )
    found = cluster_influence(model, mocks, posteriors)
    slopes, shifts = found.saliency[0], found.shift[0]
    slopes = np.column_stack([slopes, np.nan_to_num(slopes) @ one.mass_slopes(model)])
    names = (*one.observables(model), "mass")
    by_mass, by_redshift = _bins(slopes, shifts, mocks, names, (mocks.log_mass, plan.mass_bins)), None
    if model.setup.geometry.spans_redshifts:
        by_redshift = _bins(slopes, shifts, mocks, names, (mocks.z, plan.redshift_bins))
    heavy = float(np.mean(found.pareto_k > PARETO_LIMIT))
    log_break = model.setup.selection.log_break
    return InfluenceCurve(
        selection=selection,
        level=level,
        by_mass=by_mass,
        by_redshift=by_redshift,
        mocks=plan.mocks,
        effective_size=effective_size,
        heavy_tails=heavy,
        log_break=log_break,
    )


def _bins(slopes: Array, shifts: Array, mocks: Mocks, names: tuple[str, ...], at: tuple[Array, int]) -> InfluenceBins:
    """Averages in bins of equal numbers of clusters: `at` holds their coordinate and the number of bins."""
    edges = np.quantile(at[0], np.linspace(0, 1, at[1] + 1))
    edges[-1] = np.nextafter(edges[-1], np.inf)
    mean, error = average_by(slopes, at[0], edges, mocks.row)
    shift, shift_error = average_by(shifts, at[0], edges, mocks.row)
    return InfluenceBins(
        edges=edges,
        centre=average_by(at[0], at[0], edges)[0],
        number=np.histogram(at[0], edges)[0] / len(mocks.size),
        saliency=dict(zip(names, mean.T, strict=True)),
        saliency_error=dict(zip(names, error.T, strict=True)),
        shift=shift,
        shift_error=shift_error,
        shift_spread=_half_range(shifts, np.digitize(at[0], edges) - 1, at[1]),
    )


def _half_range(values: Array, place: Array, bins: int) -> Array:
    """Half of the central 68% range of values (n,) in each bin, shape (B,)."""
    inside = [values[place == b] for b in range(bins)]
    return np.array([0.5 * np.ptp(np.quantile(x, [0.16, 0.84])) if len(x) else np.nan for x in inside])


def average_by(values: Array, at: Array, edges: Array, group: Array | None = None) -> tuple[Array, Array]:
    """Mean of `values` (n, ...) in bins of `at` (n,), and its standard error, each of shape (B, ...); NaN if empty.

    Values that are NaN are left out: means are over the clusters that have one.

    Parameters
    ----------
    values : ndarray, shape (n, ...)
    at : ndarray, shape (n,)
        The clusters' true log10 mass, or their redshift.
    edges : ndarray, shape (B + 1,)
    group : ndarray of int, shape (n,), optional
        Catalogue of each cluster: those of one catalogue share its posterior, and the error follows from
        the scatter between catalogues. By default every cluster is independent.
    """
    place, group = np.digitize(at, edges) - 1, np.arange(len(at)) if group is None else group
    mean, error = (np.full((len(edges) - 1, *values.shape[1:]), np.nan) for _ in range(2))
    for b in range(len(edges) - 1):
        inside = place == b
        _, index = np.unique(group[inside], return_inverse=True)
        groups = int(index.max()) + 1 if len(index) else 0
        if groups:
            known = np.isfinite(values[inside])
            number = np.where(known.any(axis=0), known.sum(axis=0), np.nan)
            mean[b] = np.where(known, values[inside], 0.0).sum(axis=0) / number
            total = np.zeros((groups, *values.shape[1:]))
            np.add.at(total, index, np.where(known, values[inside] - mean[b], 0.0))
            if groups > 1:
                error[b] = np.sqrt(groups / (groups - 1) * (total**2).sum(axis=0)) / number
    return mean, error


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
        Effective number of draws from one catalogue's posterior, harmonic mean over catalogues.
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
