"""Clusters that stand for those a survey is expected to find, and the information in all that is known of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise

import numpy as np

from ..core.arrays import Array
from ..core.rng import generator
from ..model.forward import ForwardModel, forward_model
from ..model.simulate import draw_mocks
from ..survey.geometry import Replicated
from ..survey.redshift_bins import in_bins
from .bins import bin_models, sum_over_bins
from .density.point_density import PointDensity
from .density.points import Points
from .derivatives import derivatives, outer_sum
from .yx_score import YxScore

EXPECTED_POINTS = 4096
"""Clusters that stand for the expected ones."""


def point_information(model: ForwardModel, at: Array, *, lensing: bool) -> Array:
    """Information of every Y_X, and what all other data of the clusters add to it.

    A score given Y_X alone is the mean, at that Y_X, of the score given everything (and likewise with and without
    weak lensing): the information added is the mean square of their difference, which is never negative.
    """
    expected = _expected(model, tuple(at))  # type: ignore[arg-type]
    if expected.of_yx is None:  # Y_X holds more than these observables
        return outer_sum(expected.scores[lensing], expected.weight)
    scores = [expected.of_yx, *expected.scores[: 1 + lensing]]
    added = [outer_sum(after - before, expected.weight) for before, after in pairwise(scores)]
    information: Array = np.sum([sum_over_bins(YxScore.information_of, model, at), *added], axis=0)
    return information


def expected_points(model: ForwardModel, at: Array) -> Points:
    """Weighted clusters that stand for those expected at `at`, shape (D,).

    Mock clusters whose weights are tilted, linearly in the scores, until the expected log likelihood of
    the point process is stationary at `at`: without it Monte Carlo noise would move its maximum.
    """
    expected = _expected(model, tuple(at))  # type: ignore[arg-type]
    scores, start = expected.scores, expected.weight
    growth = derivatives(model.expected_count, model.parameters, at)
    basis = np.concatenate([np.ones((1, len(start))), *scores])
    target = np.concatenate([[start.sum()], *[growth for _ in scores]])
    tilt = np.linalg.lstsq((start * basis) @ basis.T, target - basis @ start, rcond=1e-10)[0]
    return replace(expected.points, weight=start * (1 + tilt @ basis))


@dataclass(frozen=True)
class _Expected:
    """Clusters that stand for the expected ones, and derivatives of their log densities.

    Parameters
    ----------
    points : Points
    weight : ndarray, shape (Q,)
        Expected number of clusters that each stands for.
    scores : list of ndarray, shape (D, Q)
        Of everything that is known of them, without and (where there is some) with weak lensing.
    of_yx : ndarray, shape (D, Q), or None
        Of their Y_X alone, in their redshift bins; None where Y_X does not follow from the other observables.
    """

    points: Points
    weight: Array
    scores: list[Array]
    of_yx: Array | None


@lru_cache(maxsize=2)
def _expected(model: ForwardModel, at: tuple[float, ...]) -> _Expected:
    theta, parameters = np.array(at), model.parameters
    plain = parameters.without(parameters.contrasts)
    mean = forward_model(replace(model.setup, parameters=plain))
    known = theta[[parameters.names.index(name) for name in plain.names]]
    share = 1.5 * EXPECTED_POINTS / float(mean.expected_count(known[None])[0])
    many = forward_model(replace(mean.setup, geometry=Replicated(model.setup.geometry, share)))
    mocks = draw_mocks(many, known[None], rng=generator(0, "expected points"))
    chosen = np.sort(generator(0, "expected points", 1).permutation(len(mocks.z))[:EXPECTED_POINTS])
    points = Points.of_mocks(model, mocks)[chosen]
    levels = (False, True) if model.setup.weak_lensing is not None else (False,)
    densities = [PointDensity(model, points, lensing) for lensing in levels]
    scores = [derivatives(density.grid, parameters, theta) for density in densities]
    # drawn at the mean density, they stand for clusters at the density contrasts of `at`
    weight = np.exp(densities[0].grid(theta[None]) - PointDensity(mean, points, False).grid(known[None]))[0]
    weight *= float(model.expected_count(theta[None])[0]) / weight.sum()
    return _Expected(points, weight, scores, _yx_scores(model, theta, mocks.z[chosen], mocks.log_yx[chosen]))


def _yx_scores(model: ForwardModel, at: Array, z: Array, log_yx: Array) -> Array | None:
    """Derivatives of the log density of each cluster's Y_X, (D, Q), unless Y_X has what other observables have not."""
    setup = model.setup
    own = {f"{kind}_yx" for kind in ("norm", "slope", "scatter", "evolution")} & set(model.parameters.names)
    composed = "yx" not in setup.relations.names
    noisy = setup.relations.combination[0] and getattr(setup.selection, "flux_error", 0.0)
    if (composed and own) or noisy:
        return None
    parts = bin_models(model)
    if not parts:
        return YxScore.of(model, at).at(log_yx)
    scores = np.zeros((len(at), len(z)))
    for part, mine in zip(parts, in_bins(setup.geometry, z), strict=True):
        scores[:, mine] = YxScore.of(part, at).at(log_yx[mine])
    return scores
