"""NV22's table 4 with ours beside it: networks of every case, baselines, and the exact statistics."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from forecast.likelihoods.level_name import LevelName
from forecast.likelihoods.levels import POINT_LEVELS, levels_of
from forecast.sampling.ensemble import MomentsPlan, posterior_moments

from ..data.layout import CASE_WORDS, Layout
from ..networks.laboratory import Laboratory, Prepared, Progress, Request, prepare, train_members
from ..networks.predict import Predictions, predict
from ..networks.saving import Trained
from .baselines import BASELINE_WORDS, BASELINES, baseline
from .metrics import Exact, Score, against_exact, score

PUBLISHED = {
    "standard": 0.0212,
    "shuffled": 0.0262,
    "no-wl": 0.0297,
    "n-mapping": 0.0650,
    "ones": 0.0620,
    "overspecialised": 0.0016,
}
"""Scatter in sigma8 of NV22's table 4 and appendix B."""
LEVEL_WORDS: dict[str, str] = {
    LevelName.COUNTS: "exact posterior mean from N",
    LevelName.SELFCAL: "... from N and the median Y_X",
    LevelName.UNBINNED: "... from every Y_X",
    LevelName.FULL: "... from L_X, T and M_gas of every cluster",
    LevelName.FULL_WL: "... and weak-lensing masses: the limit",
}

COUNTERPARTS = {
    "standard": (LevelName.FULL_WL, LevelName.FULL, LevelName.UNBINNED),
    "shuffled": (LevelName.FULL_WL, LevelName.FULL, LevelName.UNBINNED),
    "no-wl": (LevelName.FULL, LevelName.UNBINNED),
    "ones": (LevelName.COUNTS,),
}
"""Levels that use what a case sees, the most informative first."""


@dataclass(frozen=True)
class Outcome:
    """A trained case and what it says of the test catalogues."""

    trained: tuple[Trained, ...]
    predictions: Predictions
    score: Score


@dataclass(frozen=True)
class Comparison:
    """All rows of the table.

    Parameters
    ----------
    outcomes : dict of str to Outcome
        By case.
    scores : tuple of Score
        Networks, baselines, statistics.
    exact : dict of str to Exact
        By level.
    """

    outcomes: dict[str, Outcome]
    scores: tuple[Score, ...]
    exact: dict[str, Exact]

    def counterpart(self, case: str) -> Exact | None:
        """Exact posteriors from what a case sees; None where there are none."""
        return counterpart(case, self.exact)


def compare_cases(
    request: Request,
    cases: Sequence[str],
    dear: int,
    *,
    done: Callable[[Request, Prepared, Outcome], None] | None = None,
) -> Comparison:
    """Train and score networks of several cases, baselines, and the exact statistics on the same catalogues.

    Parameters
    ----------
    request : Request
        The networks of a case go to a folder of its name in `request.out`.
    cases : sequence of str
    dear : int
        Test catalogues for exact posteriors that use every cluster.
    done : callable, optional
        Told of every finished case.

    Raises
    ------
    InputError
        As `job.Laboratory` and `job.train_members`.
    """
    for case in cases:
        Layout(case, (), ())
    laboratory = Laboratory(request.config, request.suite, request.split_seed)
    outcomes: dict[str, Outcome] = {}
    for case in cases:
        mine = replace(request, case=case, out=request.out / case)
        prepared = prepare(laboratory, case, request.preset)
        outcomes[case] = run_case(mine, laboratory, prepared)
        if done is not None:
            done(mine, prepared, outcomes[case])
    statistics, exact = score_statistics(laboratory, dear, seed=request.seed, progress=request.progress)
    truth, networks = laboratory.sigma8[laboratory.split.test], []
    for case, outcome in outcomes.items():
        mine_exactly, row = counterpart(case, exact), outcome.score
        if mine_exactly is not None:
            row = against_exact(row, outcome.predictions, truth, mine_exactly)
        networks.append(row)
    return Comparison(outcomes, (*networks, *score_baselines(laboratory, seed=request.seed), *statistics), exact)


def counterpart(case: str, exact: Mapping[str, Exact]) -> Exact | None:
    """Exact posteriors of the most informative level that uses no more than a case sees."""
    if case not in COUNTERPARTS:
        return None
    return next((exact[level] for level in COUNTERPARTS[case] if level in exact), None)


def published(name: str, survey: str) -> float:
    """NV22's scatter of a case or a baseline; NaN for other surveys than its own."""
    return PUBLISHED.get(name, float("nan")) if survey == "nv22" else float("nan")


def run_case(request: Request, laboratory: Laboratory, prepared: Prepared | None = None) -> Outcome:
    """Train the members of one case and score them on the test catalogues."""
    prepared = prepared or prepare(laboratory, request.case, request.preset)
    trained = train_members(request, laboratory, prepared)
    found = predict(trained, prepared.test, check=False)
    truth = prepared.test.sigma8
    words = CASE_WORDS[request.case]
    result = score(request.case, words, "network", found.mean, truth, std=found.std, below=found.cumulative(truth))
    result = replace(result, published=published(request.case, laboratory.source.suite.manifest.name))
    return Outcome(trained, found, result)


def train_case(request: Request) -> tuple[Prepared, Outcome]:
    """Train and score one case; what is asked for is checked before the suite is read.

    Raises
    ------
    InputError
    """
    Layout(request.case, (), ())
    request.config.architecture(request.preset, seed=request.seed)
    laboratory = Laboratory(request.config, request.suite, request.split_seed)
    prepared = prepare(laboratory, request.case, request.preset)
    return prepared, run_case(request, laboratory, prepared)


def score_baselines(laboratory: Laboratory, *, seed: int) -> list[Score]:
    """Baselines fitted on the training catalogues."""
    split, rows = laboratory.split, []
    train, test = laboratory.mocks(split.train), laboratory.mocks(split.test)
    known, truth = laboratory.sigma8[split.train], laboratory.sigma8[split.test]
    for name in BASELINES:
        found = baseline(name, train, known, test, seed=seed)
        row = score(name, BASELINE_WORDS[name], "baseline", found, truth)
        rows.append(replace(row, published=published(name, laboratory.source.suite.manifest.name)))
    return rows


def score_statistics(
    laboratory: Laboratory, dear: int, *, seed: int, progress: Progress | None = None
) -> tuple[list[Score], dict[str, Exact]]:
    """Exact posteriors of the test catalogues at every level; the dear levels on the first `dear` of them.

    Parameters
    ----------
    laboratory : Laboratory
    dear : int
    seed : int
    progress : callable, optional
    """
    model, test, rows, exact = laboratory.source.model, laboratory.split.test, [], {}
    truth = laboratory.sigma8[test]
    for level in levels_of(model.setup):
        if level == LevelName.BINNED:
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
        exact[level] = Exact(level=level, index=index, mean=mean, std=std, effective=found.effective)
    return rows, exact
