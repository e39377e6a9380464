"""Statistical saliency and leave-one-out averaged over mock catalogues, by true mass and by redshift."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
from scipy import linalg
from scipy.interpolate import CubicSpline

from .errors import InputError, nearest
from .fisher import fisher_matrix
from .likelihood import POINT_LEVELS, Data, at_level
from .mock import Mocks, draw_mocks
from .model import ForwardModel
from .parameters import ParameterSet
from .pointsaliency import mass_slopes, observables_of
from .rankchain import PairwisePosterior, fisher_expansion, from_scores
from .results import InfluenceBins, InfluenceCurve
from .saliency import PARETO_LIMIT, from_chain, leave_one_out, saliency
from .sampler import autocorrelation_time
from .selection import FluxLimited, Selection, Smoothed
from .survey import LightCone, single

Array = np.ndarray
INFLUENCE_LEVELS = ("unbinned", *POINT_LEVELS)
"""Levels whose data are single clusters' observables."""
MIN_EFFECTIVE_SIZE = 50.0
"""Effective number of posterior draws of one catalogue below which the averages are refused."""
_ENOUGH = 200.0
"""Effective number of draws at which chains end."""
_PILOTS, _BLOCK, _KEPT = 4, 250, 300
"""Pilot chains, steps of a pilot and between looks at the chains' length, and draws kept of each."""
_FREEDOM, _MARGIN = 5.0, 8
"""Degrees of freedom of proposals; nodes beyond the data."""


@dataclass(frozen=True)
class InfluencePlan:
    """How many mock catalogues, and how long the Markov chain of each may be.

    Parameters
    ----------
    mocks : int
        Catalogues drawn at the fiducial parameters.
    steps : int
        Longest chain; it ends when it has 200 effective draws.
    mass_bins, redshift_bins : int
        Bins of equal numbers of clusters.
    """

    mocks: int = 40
    steps: int = 8000
    mass_bins: int = 12
    redshift_bins: int = 8

    def __post_init__(self) -> None:
        for name, least in (("mocks", 2), ("steps", _BLOCK), ("mass_bins", 1), ("redshift_bins", 1)):
            if getattr(self, name) < least:
                raise InputError(f"influence: {name} must be at least {least}, got {getattr(self, name)}")


class PairwiseYx:
    """ln L of `unbinned` of n mock catalogues, each at a parameter vector of its own.

    A cubic spline is linear in its nodes: ln lambda summed over clusters is a weighted sum of nodes.

    Parameters
    ----------
    model : ForwardModel
    mocks : Mocks
    """

    def __init__(self, model: ForwardModel, mocks: Mocks) -> None:
        self._model, self._grid = model, _covering(model.yx_grid, mocks.log_yx)
        cardinal = CubicSpline(self._grid, np.eye(len(self._grid)))
        self._data = np.zeros((len(mocks.size), len(self._grid)))
        np.add.at(self._data, mocks.row, cardinal(mocks.log_yx))

    def __call__(self, theta: Array) -> Array:
        """ln L up to a term of the data, shape (n,), for `theta` of shape (n, D)."""
        density = self._model.yx_density(theta, self._grid, self._model.setup.yx_error)
        log_density = np.log(np.maximum(density, np.finfo(float).tiny))
        return np.einsum("ng,ng->n", self._data, log_density) - self._model.expected_count(theta)

    def expansion(self, parameters: ParameterSet, scores: Array) -> tuple[Array, Array]:
        """Gradient and curvature of the log posterior in scores (n, D), the curvature from Fisher's matrix."""
        return fisher_expansion(self, fisher_matrix("unbinned", self._model), scores)


def _covering(grid: Array, values: Array) -> Array:
    """Nodes as dense as those of a uniform grid that hold all values, and a margin."""
    step = grid[1] - grid[0]
    low, high = (values.min(), values.max()) if len(values) else (grid[0], grid[-1])
    return low + step * np.arange(-_MARGIN, np.ceil((high - low) / step) + _MARGIN + 1)


@dataclass(frozen=True)
class _Proposal:
    """Multivariate t distributions in prior scores, one for each catalogue: heavier tails than any posterior's.

    Parameters
    ----------
    mean : ndarray, shape (n, D)
    factor : ndarray, shape (D, D)
        Lower Cholesky factor of the scale matrix.
    """

    mean: Array
    factor: Array

    def draw(self, *, rng: np.random.Generator) -> Array:
        """One vector of scores for each catalogue, shape (n, D)."""
        size = np.sqrt(rng.chisquare(_FREEDOM, len(self.mean)) / _FREEDOM)
        return self.mean + rng.standard_normal(self.mean.shape) @ self.factor.T / size[:, None]

    def log_density(self, scores: Array) -> Array:
        """ln density, up to a constant, shape (n,)."""
        white = linalg.solve_triangular(self.factor, (scores - self.mean).T, lower=True)
        return np.asarray(-0.5 * (_FREEDOM + len(white)) * np.log1p((white**2).sum(axis=0) / _FREEDOM))

    @classmethod
    def learnt(cls, states: Array) -> _Proposal:
        """Means of states (S, n, D) by catalogue, and their covariance pooled over catalogues."""
        mean = states.mean(axis=0)
        centred = (states - mean).reshape(-1, states.shape[2])
        return cls(mean, np.linalg.cholesky(centred.T @ centred / len(centred) + 1e-9 * np.eye(states.shape[2])))


def posterior_draws(
    model: ForwardModel, level: str, mocks: Mocks, steps: int, *, rng: np.random.Generator
) -> tuple[Array, float]:
    """Draws from the posteriors of catalogues at the fiducial parameters, by one Markov chain each.

    Metropolis steps are drawn independently of the state, from proposals that pilot chains have learnt.

    Parameters
    ----------
    model : ForwardModel
    level : {"unbinned", "full", "full+wl"}
    mocks : Mocks
        n catalogues.
    steps : int
        Longest chain.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray, shape (n, S, D)
        300 of each chain's states, evenly spaced.
    float
        Effective number of draws of a chain, from the autocorrelation of sigma8 over all of them.
    """
    parameters = model.parameters
    points = level in POINT_LEVELS
    target = PairwisePosterior(model, mocks, lensing=level == "full+wl") if points else PairwiseYx(model, mocks)

    def height(scores: Array) -> Array:
        return target(from_scores(parameters, scores)) - 0.5 * (scores**2).sum(axis=1)

    at, factor = _start(model, level)
    at = np.repeat(at[None], len(mocks.size), axis=0)
    proposal = _Proposal(at, factor)
    for _ in range(_PILOTS):
        pilot = np.stack(list(islice(_walk(height, proposal, at, rng), _BLOCK)))
        at, proposal = pilot[-1], _Proposal.learnt(pilot[_BLOCK // 5 :])
    index = parameters.names.index("sigma8")
    states, effective_size = _long_enough(_walk(height, proposal, at, rng), steps, index)
    kept = states[np.linspace(0, len(states) - 1, _KEPT).astype(int)].swapaxes(0, 1)
    return from_scores(parameters, kept.reshape(-1, kept.shape[2])).reshape(kept.shape), effective_size


def _start(model: ForwardModel, level: str) -> tuple[Array, Array]:
    """Scores of the fiducial parameters (D,), and the Cholesky factor of twice Fisher's covariance about them."""
    parameters, grid = model.parameters, np.linspace(-4, 4, 801)
    quantiles = from_scores(parameters, np.repeat(grid[:, None], len(parameters.free), axis=1))
    at = np.array([np.interp(x, q, grid) for x, q in zip(parameters.fiducial, quantiles.T, strict=True)])
    up, down = (parameters.to_coordinates(from_scores(parameters, (at + step)[None]))[0] for step in (0.01, -0.01))
    slope = (up - down) / 0.02
    information = fisher_matrix(level, model).information * np.outer(slope, slope)
    return at, np.linalg.cholesky(2 * np.linalg.inv(information + np.eye(len(at))))


def _walk(
    height: Callable[[Array], Array], proposal: _Proposal, start: Array, rng: np.random.Generator
) -> Iterator[Array]:
    """States (n, D) of Metropolis chains with independent proposals, one for each catalogue, without end."""
    at, value = start, height(start) - proposal.log_density(start)
    while True:
        new = proposal.draw(rng=rng)
        raised = height(new) - proposal.log_density(new)
        accepted = np.log(rng.random(len(at))) < raised - value
        at, value = np.where(accepted[:, None], new, at), np.where(accepted, raised, value)
        yield at


def _long_enough(chain: Iterator[Array], steps: int, sigma8: int) -> tuple[Array, float]:
    """States (S, n, D) of chains, no more than needed, and their effective size."""
    states: list[Array] = []
    effective_size = 0.0
    while len(states) < steps and effective_size < _ENOUGH:
        states += islice(chain, min(_BLOCK, steps - len(states)))
        trace = np.stack([at[:, sigma8] for at in states])
        effective_size = len(states) / float(autocorrelation_time(trace[..., None])[0])
    return np.stack(states), effective_size


def build_influence(
    model: ForwardModel, selection: str, plan: InfluencePlan, *, level: str = "unbinned", rng: np.random.Generator
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
        If the level does not know single clusters, or too few draws of the posteriors are independent.
    """
    if level not in INFLUENCE_LEVELS:
        known = nearest(level, INFLUENCE_LEVELS)
        raise InputError(f"level '{level}' has no saliency of single clusters; {known}")
    model = at_level(model, level)
    mocks = draw_mocks(model, np.repeat(model.parameters.fiducial[None], plan.mocks, axis=0), rng=rng)
    theta, effective_size = posterior_draws(model, level, mocks, plan.steps, rng=rng)
    if effective_size < MIN_EFFECTIVE_SIZE:
        enough = np.ceil(1.2 * plan.steps * MIN_EFFECTIVE_SIZE / effective_size)
        raise InputError(
            f"chains of {plan.steps} steps have only {effective_size:.0f} independent draws; "
            f"raise --steps to {enough:.0f}, or narrow the priors"
        )
    slopes, shifts, tails = (np.concatenate(x) for x in zip(*_each(model, level, mocks, theta), strict=True))
    slopes = np.column_stack([slopes, slopes @ mass_slopes(model, level)])
    names = (*observables_of(model, level), "mass")
    by_mass, by_redshift = _bins(slopes, shifts, mocks, names, (mocks.log_mass, plan.mass_bins)), None
    if isinstance(single(model.setup.geometry)[0], LightCone):
        by_redshift = _bins(slopes, shifts, mocks, names, (mocks.z, plan.redshift_bins))
    heavy = float(np.mean(tails > PARETO_LIMIT))
    log_break = _break_mass(model.setup.selection)
    return InfluenceCurve(selection, level, by_mass, by_redshift, plan.mocks, effective_size, heavy, log_break)


def _break_mass(selection: Selection) -> float | None:
    """log10 of the fiducial break mass, Msun/h; None if a flux limit selects."""
    if isinstance(selection, FluxLimited):
        return None
    return selection.sharp.log_break if isinstance(selection, Smoothed) else selection.log_break


def _each(
    model: ForwardModel, level: str, mocks: Mocks, theta: Array
) -> Iterator[tuple[Array, Array, Array]]:
    """Saliency (Q, E), leave-one-out shift (Q,) and Pareto k (Q,) of every catalogue's clusters."""
    for index in np.flatnonzero(mocks.size):
        data, draws = Data.of_mock(model, mocks, int(index)), from_chain(model, theta[index])
        left_out = leave_one_out(model, level, data, draws)
        yield saliency(model, level, data, draws).per_cluster, left_out.shift, left_out.pareto_k


def _bins(
    slopes: Array, shifts: Array, mocks: Mocks, names: tuple[str, ...], at: tuple[Array, int]
) -> InfluenceBins:
    """Averages in bins of equal numbers of clusters: `at` holds their coordinate and the number of bins."""
    edges = np.quantile(at[0], np.linspace(0, 1, at[1] + 1))
    edges[-1] = np.nextafter(edges[-1], np.inf)
    mean, error = average_by(slopes, at[0], edges, mocks.row)
    shift, shift_error = average_by(shifts, at[0], edges, mocks.row)
    return InfluenceBins(
        edges,
        average_by(at[0], at[0], edges)[0],
        np.histogram(at[0], edges)[0] / len(mocks.size),
        dict(zip(names, mean.T, strict=True)),
        dict(zip(names, error.T, strict=True)),
        shift,
        shift_error,
        _half_range(shifts, np.digitize(at[0], edges) - 1, at[1]),
    )


def _half_range(values: Array, place: Array, bins: int) -> Array:
    """Half of the central 68% range of values (n,) in each bin, shape (B,)."""
    inside = [values[place == b] for b in range(bins)]
    return np.array([0.5 * np.ptp(np.quantile(x, [0.16, 0.84])) if len(x) else np.nan for x in inside])


def average_by(values: Array, at: Array, edges: Array, group: Array | None = None) -> tuple[Array, Array]:
    """Mean of `values` (n, ...) in bins of `at` (n,), and its standard error, each of shape (B, ...); NaN if empty.

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
            mean[b] = values[inside].mean(axis=0)
            total = np.zeros((groups, *values.shape[1:]))
            np.add.at(total, index, values[inside] - mean[b])
            if groups > 1:
                error[b] = np.sqrt(groups / (groups - 1) * (total**2).sum(axis=0)) / len(index)
    return mean, error
