"""Shrinkage toward the middle at the edges of the prior, compared with the exact posterior mean's own.

Posterior means under a bounded prior lie above the truth near its lower edge and below it near the upper one, the more
the wider the posterior: NV22's 'bias to the mean' is no fault by itself. It is one where a network shrinks more than
the exact mean on the same catalogues; whether information was lost or the network is wrong, its own posteriors tell,
which predict a shrinkage too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecast.core.arrays import Array
from forecast.core.errors import InputError

from ..networks.predict import Predictions
from .halves import Estimate

EDGE, LIMIT = 0.15, 3.0
"""Share of the catalogues at either edge, and standard errors beyond which a difference counts."""


@dataclass(frozen=True)
class Shrinkage:
    """Mean of predicted minus true sigma8 at one edge of the prior.

    Parameters
    ----------
    edge : {"lowest", "highest"}
    catalogues : int
        Whose true sigma8 lies there.
    network, exact : Estimate
    difference : Estimate
        Network minus exact posterior mean, catalogue by catalogue.
    unexplained : Estimate
        The network's minus what its own posteriors of all catalogues predict; NaN without a density.
    """

    edge: str
    catalogues: int
    network: Estimate
    exact: Estimate
    difference: Estimate
    unexplained: Estimate

    @property
    def passes(self) -> bool:
        """Whether the network shrinks as the exact posterior mean does, within three standard errors."""
        return abs(self.difference.deviation(0.0)) <= LIMIT

    @property
    def calibrated(self) -> bool:
        """Whether it shrinks as its own posteriors say, whatever information it has; false without a density."""
        return abs(self.unexplained.deviation(0.0)) <= LIMIT


def shrinkage_test(network: Predictions, exact: Array, truth: Array, edge: float = EDGE) -> tuple[Shrinkage, Shrinkage]:
    """Shrinkage at the lower and at the upper edge.

    Parameters
    ----------
    network : Predictions
    exact : ndarray, shape (P,)
        Exact posterior means of the same catalogues; their Monte Carlo noise is in the errors.
    truth : ndarray, shape (P,)
    edge : float
        Share of the catalogues at either edge.

    Raises
    ------
    InputError
        If numbers of catalogues differ, or there are fewer than five at an edge.
    """
    if not len(network.mean) == len(exact) == len(truth):
        raise InputError(f"{len(network.mean)} predictions, {len(exact)} exact means, {len(truth)} truths: unequal")
    low, high = np.quantile(truth, [edge, 1 - edge])
    if np.sum(truth <= low) < 5:
        raise InputError(f"{np.sum(truth <= low)} catalogues at an edge are too few; compare more test catalogues")
    inside = (("lowest", truth <= low, network.sigma8 <= low), ("highest", truth >= high, network.sigma8 >= high))
    found = []
    for name, chosen, region in inside:
        ours, theirs = (network.mean - truth)[chosen], (exact - truth)[chosen]
        parts = (_mean(ours), _mean(theirs), _mean(ours - theirs), _unexplained(network, truth, chosen, region))
        found.append(Shrinkage(name, int(chosen.sum()), *parts))
    return found[0], found[1]


def _mean(values: Array) -> Estimate:
    return Estimate(float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values))))


def _unexplained(network: Predictions, truth: Array, chosen: Array, region: Array) -> Estimate:
    """Mean error where the truth is in a region of sigma8, minus its expectation under the network's posteriors.

    E[1(truth in region) (mean - truth)] over the posterior of each catalogue is known: differences average to zero.
    """
    if network.density is None:
        return Estimate(float("nan"), float("nan"))
    step = network.sigma8[1] - network.sigma8[0]
    edges = np.where((np.arange(len(region)) == 0) | (np.arange(len(region)) == len(region) - 1), 0.5, 1.0)
    weight = np.where(region, step * edges, 0.0)
    expected = network.mean * (network.density @ weight) - network.density @ (weight * network.sigma8)
    each = np.where(chosen, network.mean - truth, 0.0) - expected
    scale = len(each) / chosen.sum()
    return Estimate(float(each.mean() * scale), float(each.std(ddof=1) / np.sqrt(len(each)) * scale))
