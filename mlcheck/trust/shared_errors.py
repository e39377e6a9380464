"""Do a network and the exact statistics err on the same catalogues: does it use the same information?

If the data of one contain the other's and both are posterior means, the better one's error is uncorrelated with the
difference of the two, so that errors correlate by the ratio of the smaller scatter to the larger.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecast.core.arrays import Array

from ..accuracy.halves import Estimate, Sums, correlation

_DEGREE, _BOOTSTRAPS = 3, 1000


@dataclass(frozen=True)
class SharedErrors:
    """Errors of a network's sigma8 against those of one level of the ladder.

    Parameters
    ----------
    level : str
    catalogues : int
    correlation : Estimate
        Of the errors, predicted minus true, cleared of the exact means' Monte Carlo noise; errors by bootstrap.
    nested : float
        Correlation if the information of one contains the other's.
    chance : float
        Correlation of two methods with nothing in common but the shrinkage toward the middle of the prior.
    at_truth : Estimate
        Correlation of what is left after a cubic in the true sigma8 is taken away: 0 if the information differs.
    width_ratio, scatter_ratio : Estimate
        Network's over the level's mean posterior width, and scatter of the errors; NaN without a density.
    """

    level: str
    catalogues: int
    correlation: Estimate
    nested: float
    chance: float
    at_truth: Estimate
    width_ratio: Estimate
    scatter_ratio: Estimate


def shared_errors(
    level: str,
    network: tuple[Array, Array],
    exact: tuple[Array, Array],
    truth: Array,
    *,
    rng: np.random.Generator,
) -> SharedErrors:
    """Compare errors over test catalogues.

    Parameters
    ----------
    level : str
    network : tuple of ndarray, shapes (P,) and (P,)
        Posterior means and widths; widths are NaN without a density.
    exact : tuple of ndarray, shapes (2, P) and (P,)
        Means from either half of the draws (`Posteriors.halves`), and widths.
    truth : ndarray, shape (P,)
    rng : numpy.random.Generator
    """
    each = np.arange(len(truth))
    ours, theirs = network[0] - truth, exact[0] - truth
    sums, left = Sums.of(ours, theirs, each), Sums.of(_without(ours, truth), _without(theirs, truth), each)
    y_fit, x_fit = (values - _without(values, truth) for values in (ours, theirs.mean(axis=0)))
    common = float(np.mean(y_fit * x_fit) - y_fit.mean() * x_fit.mean())
    _, y, x, yy, xx, _ = sums.total[0] / len(each)
    scatter = float(np.sqrt((yy - y * y) / max(xx - x * x, 1e-300)))
    return SharedErrors(
        level=level,
        catalogues=len(each),
        correlation=sums.estimate(correlation, _BOOTSTRAPS, rng=rng),
        nested=min(scatter, 1 / scatter),
        chance=common / float(np.sqrt((yy - y * y) * max(xx - x * x, 1e-300))),
        at_truth=left.estimate(correlation, _BOOTSTRAPS, rng=rng),
        width_ratio=_ratio(network[1], exact[1], rng),
        scatter_ratio=sums.estimate(_scatter_ratio, _BOOTSTRAPS, rng=rng),
    )


def _scatter_ratio(totals: Array) -> Array:
    one, y, x, yy, xx, _ = totals.T
    ratio: Array = np.sqrt((yy / one - (y / one) ** 2) / np.maximum(xx / one - (x / one) ** 2, 1e-300))
    return ratio


def _without(values: Array, truth: Array) -> Array:
    """`values` (..., P) minus their least-squares cubic in the truth."""
    basis = np.vander((truth - truth.mean()) / truth.std(), _DEGREE + 1)
    return values - (basis @ np.linalg.lstsq(basis, values.T, rcond=None)[0]).T


def _ratio(ours: Array, theirs: Array, rng: np.random.Generator) -> Estimate:
    """Ratio of two means over catalogues, with its bootstrap error."""
    times = rng.multinomial(len(ours), np.full(len(ours), 1 / len(ours)), size=_BOOTSTRAPS)
    return Estimate(float(ours.mean() / theirs.mean()), float(np.std((times @ ours) / (times @ theirs))))
