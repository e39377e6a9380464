"""Scores of a network on the test catalogues of its suite, beside exact posteriors and baselines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from forecast.sampling.ensemble import MomentsPlan, posterior_moments

from ..accuracy.cases import published, score_baselines
from ..accuracy.metrics import Exact, against_exact, score
from ..data.layout import CASE_WORDS
from ..networks.laboratory import Laboratory
from ..networks.predict import predict
from ..networks.saving import Trained
from .answers import Scores


@dataclass(frozen=True)
class ScorePlan:
    """What a network is held against.

    Parameters
    ----------
    levels : tuple of str
        Of exact posteriors; distances are those from the last.
    exact : int
        Test catalogues that have them.
    moments : MomentsPlan
    baselines : bool
    """

    levels: tuple[str, ...]
    exact: int
    moments: MomentsPlan
    baselines: bool


def score_network(members: Sequence[Trained], laboratory: Laboratory, plan: ScorePlan) -> Scores:
    """Score networks, which the suite of the laboratory trained, on its test catalogues."""
    case, split = members[0].scaler.layout.case, laboratory.split
    tested = laboratory.read(case).take(split.test)
    found, truth = predict(members, tested, check=False), tested.sigma8
    below = found.cumulative(truth)
    own = score(case, CASE_WORDS[case], "network", found.mean, truth, std=found.std, below=below)
    own = replace(own, published=published(case, laboratory.source.suite.manifest.name))
    exact = {level: _exact(level, laboratory, plan) for level in plan.levels}
    if exact:
        own = against_exact(own, found, truth, exact[plan.levels[-1]])
    others = tuple(score_baselines(laboratory, seed=plan.moments.seed)) if plan.baselines else ()
    return Scores(score=own, predictions=found, truth=truth, exact=exact, baselines=others)


def _exact(level: str, laboratory: Laboratory, plan: ScorePlan) -> Exact:
    test = laboratory.split.test[: plan.exact]
    found = posterior_moments(laboratory.source.model, level, laboratory.mocks(test), plan.moments)
    return Exact(level, np.arange(len(test)), *found.of("sigma8"), found.effective)
