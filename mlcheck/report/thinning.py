"""The test of the report that takes clusters away: does their number count for a network as it does in truth?"""

from __future__ import annotations

import numpy as np

from forecast.core.errors import InputError

from ..evidence.evidence import Evidence
from ..evidence.findings import Finding
from ..evidence.part import Cell, Part, Picture, Table, pm
from ..networks.predict import predict
from ..trust.count_response import SURPRISE, Response, Shift, response
from ..trust.coverage import tolerable_bias
from .plots.trust import thinning_figure

_MATTERS = 0.5
"""Departure of the slope from 1 that a test of any use must see."""


def thinning(evidence: Evidence) -> Part:
    """Is the number of clusters a datum for the networks, as it is for the statistics?"""
    findings, rows, pictures = [], [], []
    for case in evidence.trial.networks:
        level = evidence.counterpart(case)
        if level is None or case == "shuffled":
            continue
        after = evidence.thinned_standing(level)
        exact, shift = Shift(evidence.level(level).standing.halves, after.halves), network_shift(evidence, case)
        allowed = (after.surprise > SURPRISE) & np.isfinite(shift.after).all(axis=0)
        try:
            found = response(level, shift, exact, allowed, rng=evidence.rng(f"response {case}"))
        except InputError as error:
            findings.append(Finding.untested(f"thinning {case}", _THINNING.format(case), str(error)))
            continue
        width = float(evidence.level(level).standing.std.mean())
        findings.append(_thinning_finding(case, found, width).if_seen(_MATTERS))
        rows.append(_thinning_row(case, found))
        words = (
            f"Case {case}: shift of the posterior mean of sigma8 when 20 to 40% of the clusters are taken away at "
            f"random, network against exact ({level}). Line: equal."
        )
        figure = thinning_figure(shift.change.mean(axis=0), exact.change.mean(axis=0), allowed)
        pictures.append(Picture(f"thinning-{case}", words, figure))
    header = ("case", "level", "catalogues", "left out", "slope", "threshold", "exact shift", "network's shift")
    table = Table("thinning", "Shifts of thinned catalogues; those that the prior does not allow (chance of so few "
                  f"clusters below {SURPRISE:g}) are left out.", header, tuple(rows))  # fmt: skip
    return Part(
        key="thinning",
        title="Does it count?",
        words=(),
        findings=tuple(findings),
        tables=(table,),
        pictures=tuple(pictures),
    )


def network_shift(evidence: Evidence, case: str) -> Shift:
    """Predictions of every member before and after thinning, (K, P); NaN where too few clusters are left."""
    members, thinned = evidence.trial.networks[case], evidence.thinned(case).catalogues
    enough = thinned.size >= members[0].network.smallest
    after = np.full((len(members), len(enough)), np.nan)
    after[:, enough] = predict(members, thinned.take(np.flatnonzero(enough)), check=False).members
    return Shift(evidence.few_predictions(case).members, after)


_THINNING = "Case {}: does it answer to the number of clusters as the statistics do?"


def _thinning_finding(case: str, found: Response, width: float) -> Finding:
    grave = found.still or abs(found.excess.value) > tolerable_bias(found.catalogues) * width
    words = f"when clusters are taken away it moves {found.slope.value:.2f} times as far as it should"
    if found.still:
        words = "it hardly moves when clusters are taken away: the number of clusters is no datum for it"
    return Finding(
        key=f"thinning {case}",
        question=_THINNING.format(case),
        outcome="passed" if found.passes else "failed",
        result=f"slope {pm(found.slope.value, found.slope.error)} of its shifts on those of {found.level}, "
        f"{found.catalogues} catalogues",
        rule=f"within {found.threshold:.3f} of 1: chance exceeds that in {found.false_alarm:.1%} (random signs of the "
        "catalogues' contributions), Monte Carlo error included",
        consequence=f"case {case}: {words} ({pm(found.excess.value, found.excess.error)} in sigma8, "
        f"{abs(found.excess.value) / width:.2f} posterior widths)",
        grave=grave,
        value=found.slope.value,
        error=found.slope.error,
        threshold=found.threshold,
    )


def _thinning_row(case: str, found: Response) -> tuple[Cell, ...]:
    return (
        case, found.level, found.catalogues, found.left_out,
        pm(found.slope.value, found.slope.error), f"{found.threshold:.3f}",
        pm(found.exact.value, found.exact.error), pm(found.network.value, found.network.error),
    )  # fmt: skip
