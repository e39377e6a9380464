"""Machine learning against statistics on the same catalogues: accuracy, and shared errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..accuracy.cases import LEVEL_WORDS, published
from ..accuracy.metrics import Exact, Score, against_exact, score
from ..data.layout import CASE_WORDS
from ..evidence.evidence import Evidence
from ..evidence.findings import Finding
from ..evidence.part import Answer, Cell, Part, Picture, Table, listed, pm
from ..trust.shared_errors import SharedErrors, shared_errors
from .plots.trained import agreement_figure, prediction_figure

NEAR = 0.3
"""Distance from the exact mean, in posterior widths, that widens the errors of sigma8 by 4%."""
FEW_DRAWS = 100


def accuracy(evidence: Evidence) -> Part:
    """Bias, scatter and width of networks and of every level (NV22 table 4), and the distance from the exact mean."""
    scores = [*(_network_score(evidence, case) for case in evidence.trial.networks), *_level_scores(evidence)]
    case = evidence.main
    mine = scores[list(evidence.trial.networks).index(case)]
    findings, pictures = [], []
    found, level = evidence.predictions(case), evidence.counterpart(case)
    words = f"Case {case}: predicted against true sigma8, and errors with their middle 68%."
    pictures.append(Picture("predictions", words, prediction_figure(found.mean, found.std, evidence.truth, case)))
    if level is not None:
        findings.append(_distance_finding(mine).if_seen(NEAR))
        words = f"Network's posterior mean against the exact one of {level}; below, the difference in posterior widths."
        figure = agreement_figure(evidence.few_predictions(case).mean, _exact(evidence, level), f"{case} and {level}")
        pictures.append(Picture("agreement", words, figure))
    rows = tuple(_score_row(s) for s in scores)
    header = ("method", "scatter", "NV22", "bias", "width", "68%", "95%", "distance", "catalogues")
    caption = "Errors of sigma8; distance: rms difference from the exact mean of the level named, in its widths."
    title = "How accurate is it, beside the exact statistics?"
    notes = _on_the_same(evidence)
    return Part(
        key="accuracy",
        title=title,
        words=notes,
        findings=tuple(findings),
        tables=(Table("accuracy", caption, header, rows),),
        pictures=tuple(pictures),
        answers=_answers(scores, mine),
    )


def _answers(scores: Sequence[Score], mine: Score) -> tuple[Answer, ...]:
    """Scatter of sigma8 of the network and of the exact statistics of the same data, where there are any."""
    exact = [(s, f"exact mean of level {s.name}") for s in scores if s.name == mine.counterpart]
    return tuple(
        Answer(f"Scatter of sigma8, {words}", pm(s.scatter, s.scatter_error), f"{s.catalogues:,} catalogues")
        for s, words in ((mine, f"network, case {mine.name}"), *exact)
    )


def _on_the_same(evidence: Evidence) -> tuple[str, ...]:
    """What the rows of the table have not in common: catalogues, and the statistics' Monte Carlo noise."""
    own = []
    for case in evidence.trial.networks:
        error = evidence.few_predictions(case).mean - evidence.some_truth
        own.append(f"{case} {np.std(error, ddof=1):.4f}")
    draws = {level: evidence.level(level).standing.effective for level in evidence.levels}
    few = [level for level, number in draws.items() if number < FEW_DRAWS]
    words = (
        f"The statistics are judged by {len(evidence.some_truth)} of the catalogues, on which the scatters of the "
        f"networks are: {', '.join(own)}. Effective draws behind each exact mean: "
        + ", ".join(f"{level} {number:,.0f}" for level, number in draws.items())
        + "."
    )
    if few:
        words += (
            f" Below {FEW_DRAWS} ({listed(few)}) Monte Carlo noise widens the scatter of the exact means and lowers "
            "their coverage; distances and correlations are cleared of it."
        )
    return (words,)


def _network_score(evidence: Evidence, case: str) -> Score:
    found, truth, level = evidence.predictions(case), evidence.truth, evidence.counterpart(case)
    words = CASE_WORDS[case]
    mine = score(case, words, "network", found.mean, truth, std=found.std, below=found.cumulative(truth))
    if level is not None:
        mine = against_exact(mine, found, truth, _exact(evidence, level))
    return replace(mine, published=published(case, evidence.trial.laboratory.source.suite.manifest.name))


def _exact(evidence: Evidence, level: str) -> Exact:
    found = evidence.level(level).standing
    return Exact(
        level=level, index=np.arange(len(found.mean)), mean=found.mean, std=found.std, effective=found.effective
    )


def _level_scores(evidence: Evidence) -> list[Score]:
    rows, truth = [], evidence.some_truth
    for level in evidence.levels:
        found = evidence.level(level).standing
        words = LEVEL_WORDS[level]
        rows.append(score(level, words, "statistics", found.mean, truth, std=found.std, below=found.below))
    return rows


def _score_row(s: Score) -> tuple[Cell, ...]:
    distance = f"{pm(s.distance, s.distance_error)} ({s.counterpart})" if s.counterpart else ""
    numbers = (s.width, s.coverage_68, s.coverage_95)
    cells = ["" if not np.isfinite(x) else f"{x:.{n}f}" for x, n in zip(numbers, (4, 3, 3), strict=True)]
    published = "" if not np.isfinite(s.published) else f"{s.published:.4f}"
    scatter, bias = pm(s.scatter, s.scatter_error), pm(s.bias, s.bias_error)
    return (s.name, scatter, published, bias, *cells, distance, s.catalogues)


def _distance_finding(mine: Score) -> Finding:
    return Finding(
        key="distance",
        question="Does it find what the data hold?",
        outcome="passed" if mine.distance <= NEAR else "failed",
        result=f"its mean is {pm(mine.distance, mine.distance_error)} posterior widths (rms) from the exact one of "
        f"{mine.counterpart} on {mine.compared} catalogues",
        rule=f"up to {NEAR:g}, which widens the errors of sigma8 by {100 * (np.hypot(1, NEAR) - 1):.0f}%",
        consequence=f"it is {mine.distance:.2f} posterior widths from what the data say: errors are "
        f"{100 * (np.hypot(1, mine.distance) - 1):.0f}% larger than need be",
        grave=False,
        value=mine.distance,
        error=mine.distance_error,
        threshold=NEAR,
    )


def shared(evidence: Evidence) -> Part:
    """Does the network err where the statistics err: does it use the same information?"""
    rows, findings = [], []
    for case in evidence.trial.networks:
        level, mine = evidence.counterpart(case), evidence.few_predictions(case)
        found: dict[str, SharedErrors] = {}
        for other in evidence.levels:
            exact, rng = evidence.level(other).standing, evidence.rng(f"shared {case} {other}")
            pair = (exact.halves, exact.std)
            found[other] = shared_errors(other, (mine.mean, mine.std), pair, evidence.some_truth, rng=rng)
            rows.append(_shared_row(case, found[other]))
        if level is not None and case == evidence.main:
            findings.append(_shared_finding(case, found[level]))
    header = ("case", "level", "correlation of errors", "if nested", "by chance", "at fixed truth", "width ratio")
    caption = (
        "Correlation of the network's errors with each level's; expected if the information of one holds the other's, "
        "and if they share nothing but the prior."
    )
    title = "Does it use the information that the statistics use?"
    return Part(
        key="shared",
        title=title,
        words=(),
        findings=tuple(findings),
        tables=(Table("shared-errors", caption, header, tuple(rows)),),
    )


def _shared_row(case: str, found: SharedErrors) -> tuple[Cell, ...]:
    numbers = (found.correlation, found.at_truth, found.width_ratio)
    both, left, width = (pm(e.value, e.error) for e in numbers)
    return (case, found.level, both, f"{found.nested:.3f}", f"{found.chance:.3f}", left, width)


def _shared_finding(case: str, found: SharedErrors) -> Finding:
    short = found.nested - found.correlation.value
    return Finding(
        key="shared errors",
        question=f"Case {case}: does it err where {found.level} errs?",
        outcome="passed" if short <= 3 * found.correlation.error else "failed",
        result=f"errors correlate by {pm(found.correlation.value, found.correlation.error)}",
        rule=f"not below {found.nested:.3f}, as if one held the other's information, by three standard errors "
        f"(chance: {found.chance:.2f})",
        consequence=f"part of its errors is its own: their correlation with those of {found.level} is "
        f"{short:.3f} too small",
        grave=False,
        value=found.correlation.value,
        error=found.correlation.error,
        threshold=found.nested,
    )
