"""Clusters that stand for those a survey is expected to find."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..core.arrays import Array
from ..core.rng import generator
from ..model.forward import ForwardModel, forward_model
from ..model.simulate import draw_mocks
from ..survey.geometry import Replicated
from .density.point_density import PointDensity
from .density.points import Points
from .derivatives import derivatives

EXPECTED_POINTS = 4096
"""Clusters that stand for the expected ones."""
_FEWEST = 0.25
"""Least share of them with a weak-lensing mass, and without, where clusters have one or not."""


def expected_points(model: ForwardModel, at: Array) -> Points:
    """Weighted clusters that stand for those expected at `at`, shape (D,).

    Mock clusters whose weights are tilted, linearly in the scores, until the expected log likelihood of
    the point process is stationary at `at`: without it Monte Carlo noise would move its maximum. Where some
    clusters only have a weak-lensing mass, some stand for those with one, and the others for those without.
    """
    clusters = ExpectedClusters.of(model, at)
    points, scores, start = clusters.points, clusters.scores, clusters.weight
    if clusters.lensed < 1:
        share = float(np.clip(clusters.lensed, _FEWEST, 1 - _FEWEST))
        mine = np.diff(np.floor(share * np.arange(len(start) + 1))) > 0
        points = replace(points, log_mwl=np.where(mine, points.log_mwl, np.nan))
        start = start * np.where(mine, clusters.lensed / share, (1 - clusters.lensed) / (1 - share))
        scores = [scores[0], np.where(mine, scores[1], scores[0])]
    growth = derivatives(model.expected_count, model.parameters, at)
    basis = np.concatenate([np.ones((1, len(start))), *scores])
    target = np.concatenate([[start.sum()], *[growth for _ in scores]])
    tilt = np.linalg.lstsq((start * basis) @ basis.T, target - basis @ start, rcond=1e-10)[0]
    return replace(points, weight=start * (1 + tilt @ basis))


@dataclass(frozen=True)
class ExpectedClusters:
    """Clusters that stand for the expected ones, and derivatives of their log densities.

    Parameters
    ----------
    points : Points
    log_yx : ndarray, shape (Q,)
        log10 of the mass proxy of each.
    weight : ndarray, shape (Q,)
        Expected number of clusters that each stands for.
    scores : list of ndarray, shape (D, Q)
        Of everything that is known of them, without and (where there is some) with weak lensing.
    lensed : float
        Chance that one whose weak-lensing mass is listed has one.
    """

    points: Points
    log_yx: Array
    weight: Array
    scores: list[Array]
    lensed: float = 1.0

    @classmethod
    def of(cls, model: ForwardModel, at: Array) -> ExpectedClusters:
        """Those of a model at a parameter vector, (D,); drawn at the mean density, and weighted for that of `at`."""
        parameters = model.parameters
        plain, sample = parameters.without(parameters.contrasts), model.setup.lensing_sample
        mean = forward_model(replace(model.setup, parameters=plain, lensing_sample=sample.possible))
        known = at[[parameters.names.index(name) for name in plain.names]]
        share = 1.5 * EXPECTED_POINTS / float(mean.expected_count(known[None])[0])
        many = forward_model(replace(mean.setup, geometry=Replicated(model.setup.geometry, share)))
        mocks = draw_mocks(many, known[None], rng=generator(0, "expected points"))
        chosen = np.sort(generator(0, "expected points", 1).permutation(len(mocks.z))[:EXPECTED_POINTS])
        points = Points.of_mocks(model, mocks)[chosen]
        levels = (False, True) if model.setup.weak_lensing is not None else (False,)
        densities = [PointDensity(model, points, lensing) for lensing in levels]
        scores = [derivatives(density.grid, parameters, at) for density in densities]
        weight = np.exp(densities[0].grid(at[None]) - PointDensity(mean, points, False).grid(known[None]))[0]
        weight *= float(model.expected_count(at[None])[0]) / weight.sum()
        return cls(points, mocks.log_yx[chosen], weight, scores, lensed=sample.fraction if len(levels) > 1 else 1.0)
