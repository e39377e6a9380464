"""Posteriors of many mock catalogues at levels that know single clusters, sampled at once by chains of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count, islice

import numpy as np
from scipy import linalg

from ..core.arrays import Array
from ..core.errors import NumericalError
from ..likelihoods.fisher import fisher_matrix
from ..likelihoods.levels import cluster_level
from ..model.forward import ForwardModel
from ..model.mocks import Mocks
from ..sampling.mcmc import autocorrelation_time
from ..sampling.proposal import from_scores

_ENOUGH = 200.0
"""Effective number of draws at which chains end."""
_PILOTS, _BLOCK = (100, 200, 500), 250
"""Steps of pilot chains, and between looks at the chains' length."""
_CHAINS, _KEPT = 20, 300
"""Chains that run together at least; draws kept of each catalogue."""
_FREEDOM, _LOCAL = 5.0, 0.4
"""Degrees of freedom of proposals, and length of random walks in their units."""


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
    def learnt(cls, states: Array, copies: int) -> _Proposal:
        """Means of states (S, copies x n, D) by catalogue, and their covariance pooled over catalogues."""
        each = states.reshape(len(states), copies, -1, states.shape[2])
        mean = each.mean(axis=(0, 1))
        centred = (each - mean).reshape(-1, states.shape[2])
        covariance = centred.T @ centred / len(centred) + 1e-9 * np.eye(centred.shape[1])
        return cls(np.tile(mean, (copies, 1)), np.linalg.cholesky(covariance))


def posterior_draws(
    model: ForwardModel, level: str, mocks: Mocks, steps: int, *, rng: np.random.Generator
) -> tuple[Array, float]:
    """Draws from the posteriors of catalogues at the fiducial parameters, by Markov chains.

    Three of four Metropolis steps are drawn independently of the state, from proposals that pilot chains have
    learnt; the fourth is a random walk, for catalogues that they do not fit.

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
        S = 300 states of each catalogue's chains, evenly spaced.
    float
        Effective number of draws for a catalogue, from the autocorrelation of sigma8 over all chains.
    """
    parameters, number = model.parameters, len(mocks.size)
    copies = -(-_CHAINS // number)
    height = _log_posterior(model, level, _repeated(mocks, copies))
    start, factor = _start(model, level)
    at = np.repeat(start[None], copies * number, axis=0)
    proposal = _Proposal(at, factor)
    for length in _PILOTS:
        pilot = np.stack(list(islice(_walk(height, proposal, at, rng), max(60, length // copies))))
        at, proposal = pilot[-1], _Proposal.learnt(pilot[len(pilot) // 4 :], copies)
    sigma8 = parameters.names.index("sigma8")
    states, correlated = _long_enough(_walk(height, proposal, at, rng), steps, (sigma8, copies))
    each = states.reshape(len(states), copies, number, -1).transpose(2, 0, 1, 3).reshape(number, -1, len(start))
    kept = each[:, np.linspace(0, each.shape[1] - 1, _KEPT).astype(int)]
    return from_scores(parameters, kept.reshape(-1, len(start))).reshape(kept.shape), copies * len(states) / correlated


def _log_posterior(model: ForwardModel, level: str, mocks: Mocks) -> Callable[[Array], Array]:
    """ln of each catalogue's posterior, shape (n,), as a function of prior scores (n, D)."""
    target = cluster_level(level).paired(model, mocks)

    def height(scores: Array) -> Array:
        theta = from_scores(model.parameters, scores)
        value: Array = target(theta) - 0.5 * (scores**2).sum(axis=1)
        if np.isnan(value).any():
            raise NumericalError(f"the {level} likelihood of a mock catalogue is NaN at {theta[np.isnan(value)][0]}")
        return value

    return height


def _repeated(mocks: Mocks, copies: int) -> Mocks:
    """All catalogues, several times one after the other."""
    return Mocks.stacked([mocks] * copies)


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
    """States (n, D) of Metropolis chains, one for each catalogue, without end."""
    at, value, density = start, height(start), proposal.log_density(start)
    for step in count():
        local = step % 4 == 3
        new = at + _LOCAL * (proposal.draw(rng=rng) - proposal.mean) if local else proposal.draw(rng=rng)
        new_value, new_density = height(new), proposal.log_density(new)
        gain = new_value - value - (0.0 if local else new_density - density)
        accepted = np.log(rng.random(len(at))) < gain
        at = np.where(accepted[:, None], new, at)
        value, density = np.where(accepted, new_value, value), np.where(accepted, new_density, density)
        yield at


def _long_enough(chain: Iterator[Array], steps: int, which: tuple[int, int]) -> tuple[Array, float]:
    """States (S, n, D) of chains, no more than needed, and the autocorrelation length of sigma8.

    `which`: its index, and the number of chains of one catalogue.
    """
    states: list[Array] = []
    (sigma8, copies), length = which, np.inf
    while len(states) < steps and copies * len(states) < _ENOUGH * length:
        states += islice(chain, min(_BLOCK, steps - len(states)))
        trace = np.stack([at[:, sigma8] for at in states])
        length = float(autocorrelation_time(trace[..., None])[0])
    return np.stack(states), length
