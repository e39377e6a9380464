"""Is the network right on average, are its error bars, and does it shrink more than it must?"""

from __future__ import annotations

import numpy as np

from forecast.core.digits import measured_text
from forecast.core.errors import InputError

from ..accuracy.shrinkage import Shrinkage, shrinkage_test
from ..evidence.evidence import Evidence
from ..evidence.findings import Finding
from ..evidence.part import Answer, Cell, Part, Picture, Table, listed, pm, probability, related
from ..trust.coverage import CalibrationTest, calibration_test
from .plots.trust import rank_figure

_LEAST_BIAS = 0.1
_COVERAGE_MATTERS, _SHIFT_MATTERS = 0.15, 0.5
"""Errors of a coverage, and shifts in posterior widths, that a test of any use must see."""


def calibration(evidence: Evidence) -> Part:
    """Coverage, ranks and bias of the network's posteriors, and its shrinkage beside the exact one (NV22 figure 8)."""
    case = evidence.main
    found, truth = evidence.predictions(case), evidence.truth
    findings, tables, pictures = [bias_finding(evidence, case)], [], []
    question = "Are its error bars right?"
    try:
        tested = None if found.density is None else calibration_test(found.cumulative(truth), found.mean)
        why = 'the network gives a number and no posterior; train with output = "density"'
    except InputError as error:
        tested, why = None, str(error)
    if tested is None:
        findings.append(Finding.untested("calibration", question, why))
    else:
        findings.append(_calibration_finding(tested).if_seen(_COVERAGE_MATTERS))
        tables.append(_calibration_table(tested))
        words = "Posterior probability below the true sigma8: uniform if right. Band: 99% of each bin's count."
        pictures.append(Picture("ranks", words, rank_figure(found.cumulative(truth))))
    level = evidence.counterpart(case)
    if level is not None:
        exact = evidence.level(level).standing
        edges = shrinkage_test(evidence.few_predictions(case), exact.mean, evidence.some_truth)
        findings.append(_shrinkage_finding(edges, level).if_seen(_SHIFT_MATTERS * float(exact.std.mean())))
        tables.append(_shrinkage_table(edges, level))
    title = "Are its posteriors what they claim?"
    return Part(
        key="calibration",
        title=title,
        words=(),
        findings=tuple(findings),
        tables=tuple(tables),
        pictures=tuple(pictures),
        answers=() if tested is None else _answers(tested),
    )


def _answers(tested: CalibrationTest) -> tuple[Answer, ...]:
    """What the 68% intervals hold."""
    whole = tested.parts[0]
    one = next(c for c in whole.coverage if abs(c.probability - 0.68) < 0.01)
    chance = f"{one.low:.0%} to {one.high:.0%} by chance (99%)"
    return (Answer("Its 68% intervals hold the truth in", f"{one.found:.1%}", chance),)


def bias_finding(evidence: Evidence, case: str) -> Finding:
    """Mean error against zero."""
    found, truth = evidence.predictions(case), evidence.truth
    error = found.mean - truth
    value, spread = float(error.mean()), float(error.std(ddof=1) / np.sqrt(len(error)))
    width = float(np.mean(found.std)) if found.density is not None else float(error.std())
    threshold = max(3 * spread, _LEAST_BIAS * width)
    outcome = "failed" if abs(value) > threshold else "passed"
    return Finding(
        key="bias",
        question="Is it right on average?",
        outcome=outcome,
        result=f"mean predicted minus true sigma8 {measured_text(value, spread, sign=True)} on {len(error):,} "
        "catalogues",
        rule=f"within three standard errors, or a tenth of its posterior width: {threshold:.4f}",
        consequence=f"its sigma8 is off by {value:+.4f} on these catalogues",
        grave=True,
        value=value,
        error=spread,
        threshold=threshold,
        published="0.0010 ± 0.0009 (table 4)" if case == "standard" else "",
    ).if_seen(_SHIFT_MATTERS * width)


def _calibration_finding(tested: CalibrationTest) -> Finding:
    whole = tested.parts[0]
    cover = listed([f"{c.found:.3f} within {c.probability:.0%}" for c in whole.coverage])
    return Finding(
        key="calibration",
        question="Are its error bars right?",
        outcome="passed" if tested.passes else "failed",
        result=f"coverage {cover}; ranks of the truth uniform with p {related(tested.p_value)}, all tests together",
        rule=f"p of ranks and coverage, over all catalogues and thirds of the prediction, above {tested.false_alarm:g} "
        "(Bonferroni)",
        consequence="its error bars are wrong on these catalogues",
        grave=True,
        value=whole.coverage[0].found,
        error=float(np.sqrt(0.68 * 0.32 / whole.catalogues)),
        threshold=0.68,
        p_value=tested.p_value,
    )


def _calibration_table(tested: CalibrationTest) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for part in tested.parts:
        cover = [f"{c.found:.3f} ({c.low:.3f} to {c.high:.3f})" for c in part.coverage]
        rows.append((part.part, part.catalogues, *cover, probability(part.distance_p), probability(part.chi_square_p)))
    header = ("catalogues", "number", "within 68% (99% band)", "within 95% (99% band)", "p (KS)", "p (chi-square)")
    return Table("calibration", "Coverage and ranks of the truth, by thirds of predicted sigma8.", header, tuple(rows))


def _shrinkage_finding(edges: tuple[Shrinkage, Shrinkage], level: str) -> Finding:
    each = [(e.edge, pm(e.network.value, e.network.error), f"{e.exact.value:+.4f}") for e in edges]
    words = listed([f"{network} ({edge} 15%, exact mean {exact})" for edge, network, exact in each])
    worst = max(edges, key=lambda e: abs(e.difference.deviation(0.0)))
    return Finding(
        key="shrinkage",
        question="Does it pull toward the middle of the prior more than it must?",
        outcome="passed" if all(e.passes for e in edges) else "failed",
        result=f"mean predicted minus true sigma8 {words}",
        rule=f"paired difference from the exact posterior mean of {level} below three standard errors",
        consequence=f"near the {worst.edge} sigma8 of the prior it is off by "
        f"{worst.difference.value:+.4f} more than it must be",
        grave=False,
        value=worst.difference.value,
        error=worst.difference.error,
        threshold=3 * worst.difference.error,
        published="'bias to the mean' at both ends (section 4.2)",
    )


def _shrinkage_table(edges: tuple[Shrinkage, Shrinkage], level: str) -> Table:
    rows = tuple(
        (e.edge, e.catalogues, pm(e.network.value, e.network.error), pm(e.exact.value, e.exact.error),
         pm(e.difference.value, e.difference.error), pm(e.unexplained.value, e.unexplained.error))
        for e in edges
    )  # fmt: skip
    header = ("edge", "catalogues", "network", f"exact ({level})", "difference", "beyond its own posterior")
    return Table("shrinkage", "Mean predicted minus true sigma8 at the edges of the prior.", header, rows)
