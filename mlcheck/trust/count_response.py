"""Does a network answer to the number of clusters as the exact posterior does?

A random part of the clusters of each test catalogue is taken away, and the model kept as it is. The number is a datum:
fewer clusters mean lower sigma8. A network that is the exact posterior mean, but for errors that have nothing to do
with the thinning, moves as that mean does: slope 1 through the origin.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from forecast.core.arrays import Array
from forecast.core.errors import InputError
from forecast.likelihoods.levels import POINT_LEVELS
from forecast.model.forward import ForwardModel
from forecast.model.mocks import Mocks
from forecast.sampling.ensemble import Posteriors

from ..accuracy.halves import Estimate, Sums, slope, slope_through_origin
from ..data.catalogues import Catalogues

SHARES = (0.6, 0.8)
"""Smallest and largest share of clusters that is kept."""
SURPRISE = 0.01
"""Chance of so few clusters, under the thinned catalogue's own posterior, below which the prior does not allow it."""
_BOOTSTRAPS = 2000


@dataclass(frozen=True)
class Thinned:
    """Test catalogues with part of their clusters, as networks and as `forecast` have them.

    Parameters
    ----------
    catalogues : Catalogues
    mocks : Mocks
    kept : ndarray, shape (P,)
        Share of clusters kept.
    """

    catalogues: Catalogues
    mocks: Mocks
    kept: Array


def cluster_order(catalogues: Catalogues, mocks: Mocks) -> Array:
    """Row in `mocks` of every cluster of the same catalogues, shape (n,), whatever order a case has put them in.

    Raises
    ------
    InputError
        If they are not the same catalogues.
    """
    mass, luminosity = mocks.log_mass.astype(np.float32), mocks.log_lx
    own = np.zeros(len(catalogues.log_mass))
    if "log_lx" in catalogues.layout.names and catalogues.layout.case not in ("ones", "overspecialised"):
        own = catalogues.features[:, catalogues.layout.names.index("log_lx")]
    theirs = np.lexsort((-luminosity, mass, mocks.row))
    ours = np.lexsort((-own, catalogues.log_mass, catalogues.row))
    if not np.array_equal(catalogues.size, mocks.size) or not np.array_equal(catalogues.log_mass[ours], mass[theirs]):
        raise InputError("these mocks are not the clusters of these catalogues; take both from one Laboratory")
    order = np.empty(len(ours), dtype=int)
    order[ours] = theirs
    return order


def thin(
    catalogues: Catalogues, mocks: Mocks, shares: tuple[float, float] = SHARES, *, rng: np.random.Generator
) -> Thinned:
    """Keep a random part of each catalogue's clusters, at least one.

    Parameters
    ----------
    catalogues : Catalogues
    mocks : Mocks
        The same.
    shares : tuple of float
        Between which the share kept is uniform.
    rng : numpy.random.Generator
    """
    share = rng.uniform(*shares, size=len(mocks.size))
    number = np.maximum(np.rint(share * mocks.size), np.minimum(mocks.size, 1))
    order = np.lexsort((rng.random(len(mocks.row)), mocks.row))
    rank = np.empty(len(order), dtype=int)
    rank[order] = np.arange(len(order)) - (np.cumsum(mocks.size) - mocks.size)[mocks.row]
    chosen = rank < number[mocks.row]
    kept = number / np.maximum(mocks.size, 1)
    return Thinned(catalogues.keep(chosen[cluster_order(catalogues, mocks)]), mocks.kept(chosen), kept)


def surprise(model: ForwardModel, mocks: Mocks, posteriors: Posteriors) -> Array:
    """Chance of as few clusters as each catalogue has, or fewer, averaged over its own posterior, shape (P,)."""
    theta = posteriors.theta
    shared = theta.strides[0] == 0
    flat = theta[0] if shared else theta.reshape(-1, theta.shape[2])
    parts = np.array_split(flat, 1 + len(flat) // 2000)
    expected = np.concatenate([model.expected_count(part) for part in parts])
    expected = np.broadcast_to(expected, theta.shape[:2]) if shared else expected.reshape(theta.shape[:2])
    surprise: Array = (posteriors.weight * special.pdtr(mocks.size[:, None], expected)).sum(axis=1)
    return surprise


@dataclass(frozen=True)
class Shift:
    """Posterior means of sigma8 before and after thinning.

    Parameters
    ----------
    before, after : ndarray, shape (..., P)
    """

    before: Array
    after: Array

    @property
    def change(self) -> Array:
        """After minus before."""
        return self.after - self.before

    def of(self, chosen: Array) -> Shift:
        """Of some catalogues, where `chosen` (P,) is true."""
        return Shift(self.before[..., chosen], self.after[..., chosen])


@dataclass(frozen=True)
class Response:
    """A network's shifts against those of the exact posterior of one level.

    Parameters
    ----------
    level : str
    catalogues, left_out : int
        Compared, and those that were not.
    slope : Estimate
        Of the network's shift on the exact one, through the origin; what is tested. Its error holds `monte_carlo`.
    monte_carlo : float
        Error that catalogues have in common at levels where they share prior draws: half the difference of the
        slopes on either half of them. It is one difference, known to a factor: draw more where it is not small.
        0 at `full` and `full+wl`, whose chains are each catalogue's own.
    threshold : float
        Distance of the slope from 1 that chance exceeds with probability `false_alarm`: from the catalogues' own
        contributions with random signs, and three times `monte_carlo`.
    false_alarm : float
    natural : Estimate
        Slope of the network's mean on the exact one over the whole catalogues: what it is without thinning.
    exact, network, excess : Estimate
        Mean shifts of sigma8, and the network's minus the exact one, catalogue by catalogue; what that matters is
        for `calibrationtest.tolerable_bias` to say.
    residual : float
        Root mean square of the network's shift minus the exact one, without Monte Carlo noise.
    seeds : float
        Standard deviation of the slope over the members of an ensemble; NaN for one network.
    """

    level: str
    catalogues: int
    left_out: int
    slope: Estimate
    monte_carlo: float
    threshold: float
    false_alarm: float
    natural: Estimate
    exact: Estimate
    network: Estimate
    excess: Estimate
    residual: float
    seeds: float = float("nan")

    @property
    def passes(self) -> bool:
        """Whether the slope is 1 as far as can be told."""
        return abs(self.slope.value - 1.0) <= self.threshold

    @property
    def still(self) -> bool:
        """Whether the network does not move: its slope is nearer to 0 than to 1."""
        return self.slope.value < 0.5


def response(
    level: str, network: Shift, exact: Shift, allowed: Array, *, false_alarm: float = 0.003, rng: np.random.Generator
) -> Response:
    """Compare shifts of posterior means.

    Parameters
    ----------
    level : str
    network : Shift
        Of shape (P,), or (K, P) for the members of an ensemble, whose mean is tested.
    exact : Shift
        Of shape (2, P): from either half of the draws, as `Posteriors.halves`.
    allowed : ndarray of bool, shape (P,)
        Catalogues that the prior allows and the network can take.
    false_alarm : float
    rng : numpy.random.Generator

    Raises
    ------
    InputError
        If fewer than ten catalogues are left.
    """
    if int(np.sum(allowed)) < 10:
        raise InputError(f"only {int(np.sum(allowed))} thinned catalogues can be compared; use more test catalogues")
    members = Shift(np.atleast_2d(network.before), np.atleast_2d(network.after)).of(allowed)
    mine, theirs = Shift(members.before.mean(axis=0), members.after.mean(axis=0)), exact.of(allowed)
    each = np.arange(len(mine.before))
    sums = Sums.of(mine.change, theirs.change, each)
    threshold = _chance(mine.change, theirs.change, false_alarm, rng=rng)
    shared = _shared(level, mine.change, theirs.change)
    plain = sums.estimate(slope_through_origin, _BOOTSTRAPS, rng=rng)
    natural = Sums.of(mine.before, theirs.before, each)
    found = Response(
        level=level,
        catalogues=len(each),
        left_out=int(np.sum(~np.asarray(allowed))),
        slope=replace(plain, error=float(np.hypot(plain.error, shared))),
        monte_carlo=shared,
        threshold=float(np.hypot(threshold, 3 * shared)),
        false_alarm=false_alarm,
        natural=natural.estimate(slope, _BOOTSTRAPS, rng=rng),
        exact=_mean(theirs.change.mean(axis=0)),
        network=_mean(mine.change),
        excess=_mean(mine.change - theirs.change.mean(axis=0)),
        residual=float(np.sqrt(max(np.mean(np.prod(mine.change - theirs.change, axis=0)), 0.0))),
    )
    if len(members.before) == 1:
        return found
    each_slope = [slope_through_origin(Sums.of(c, theirs.change, each).total)[0] for c in members.change]
    return replace(found, seeds=float(np.std(each_slope, ddof=1)))


def _chance(ours: Array, halves: Array, false_alarm: float, *, rng: np.random.Generator) -> float:
    """Distance of the slope from 1 beyond which the catalogues' contributions with random signs seldom put it."""
    a, b = halves
    pull = ours * (a + b) / 2 - a * b
    signs = rng.choice([-1.0, 1.0], size=(_BOOTSTRAPS, len(pull)))
    return float(np.quantile(np.abs(signs @ pull), 1 - false_alarm) / np.sum(a * b))


def _shared(level: str, ours: Array, halves: Array) -> float:
    """`Response.monte_carlo` of shifts (n,) and the exact ones' halves (2, n)."""
    if level in POINT_LEVELS:
        return 0.0
    slopes = (halves @ ours) / (halves**2).sum(axis=1)
    return float(abs(slopes[0] - slopes[1]) / 2)


def _mean(values: Array) -> Estimate:
    return Estimate(float(np.mean(values)), float(np.std(values, ddof=1) / np.sqrt(len(values))))
