"""NV22's table 4 with ours beside it: networks of every case, baselines, and the exact statistics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from forecast.likelihood import POINT_LEVELS, levels_of
from forecast.moments import MomentsPlan, posterior_moments

from .baselines import BASELINE_WORDS, BASELINES, baseline
from .evaluation import Exact, Score, against_exact, score
from .job import Laboratory, Prepared, Progress, Request, prepare, train_members
from .layout import CASE_WORDS
from .modelfile import Trained
from .predict import Predictions, predict

Array = np.ndarray
PUBLISHED = {
    "standard": 0.0212,
    "shuffled": 0.0262,
    "no-wl": 0.0297,
    "n-mapping": 0.0650,
    "ones": 0.0620,
    "overspecialised": 0.0016,
}
"""Scatter in sigma8 of NV22's table 4 and appendix B."""
LEVEL_WORDS = {
    "counts": "exact posterior mean from N",
    "selfcal": "... from N and the median Y_X",
    "unbinned": "... from every Y_X",
    "full": "... from L_X, T and M_gas of every cluster",
    "full+wl": "... and weak-lensing masses: the limit",
}


@dataclass(frozen=True)
class Outcome:
    """A trained case and what it says of the test catalogues."""

    trained: tuple[Trained, ...]
    predictions: Predictions
    score: Score


def run_case(request: Request, laboratory: Laboratory, prepared: Prepared | None = None) -> Outcome:
    """Train the members of one case and score them on the test catalogues."""
    prepared = prepared or prepare(laboratory, request.case, request.preset)
    trained = train_members(request, laboratory, prepared)
    found = predict(trained, prepared.test, check=False)
    truth = prepared.test.sigma8
    words = CASE_WORDS[request.case]
    result = score(request.case, words, "network", found.mean, truth, std=found.std, below=found.cumulative(truth))
    return Outcome(trained, found, replace(result, published=PUBLISHED.get(request.case, float("nan"))))


def score_baselines(laboratory: Laboratory, *, seed: int) -> list[Score]:
    """Baselines fitted on the training catalogues."""
    split, rows = laboratory.split, []
    train, test = laboratory.mocks(split.train), laboratory.mocks(split.test)
    values = laboratory.source.suite.catalogues(names=["catalogue", "sigma8"])
    sigma8 = dict(zip(values["catalogue"].tolist(), values["sigma8"].tolist(), strict=True))
    known, truth = (np.array([sigma8[n] for n in laboratory.numbers[i]]) for i in (split.train, split.test))
    for name in BASELINES:
        found = baseline(name, train, known, test, seed=seed)
        row = score(name, BASELINE_WORDS[name], "baseline", found, truth)
        rows.append(replace(row, published=PUBLISHED.get(name, float("nan"))))
    return rows


def score_statistics(
    laboratory: Laboratory, truth: Array, dear: int, *, seed: int, progress: Progress | None = None
) -> tuple[list[Score], Exact]:
    """Exact posteriors of the test catalogues at every level; the dear levels on the first `dear` of them.

    Parameters
    ----------
    laboratory : Laboratory
    truth : ndarray, shape (P,)
        sigma8 of the test catalogues.
    dear : int
    seed : int
    progress : callable, optional
    """
    model, test, rows, exact = laboratory.source.model, laboratory.split.test, [], None
    for level in levels_of(model.setup):
        if level == "binned":
            continue
        index = np.arange(min(dear, len(test)) if level in POINT_LEVELS else len(test))

        def report(done: int, total: int, level: str = level) -> None:
            if progress is not None:
                progress(f"exact posteriors, {level}", done, total, float("nan"))

        mocks = laboratory.mocks(test[index])
        found = posterior_moments(model, level, mocks, MomentsPlan(seed), sigma8=truth[index], progress=report)
        mean, std = found.of("sigma8")
        words = LEVEL_WORDS[level]
        rows.append(score(level, words, "statistics", mean, truth[index], std=std, below=found.cumulative))
        exact = Exact(index, mean, std, found.effective)
    assert exact is not None
    return rows, exact


def with_distances(outcomes: Sequence[Outcome], exact: Exact) -> list[Score]:
    """Scores of networks with their distances from the exact posterior means."""
    return [against_exact(outcome.score, outcome.predictions.mean, exact) for outcome in outcomes]
