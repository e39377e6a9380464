"""Tests of trust: each compares with a null, and says what a failure means."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from forecast.core.errors import InputError

from ..attribution.directions import QUANTITIES, by_quantity
from ..attribution.seed_agreement import Trend, trend
from ..attribution.terse import terse_values
from ..domain.out_of_distribution import SUITE_ALARM, SUITE_DOUBTFUL, TEST_WORDS, UNTESTED, judge_suite
from ..evidence.evidence import Evidence
from ..evidence.findings import Finding
from ..evidence.part import Part, Picture, Table, listed, pm, probability, related
from ..trust.label_leakage import Leak, LeakPlan, leak
from .cluster_responses import EDGES, log_break
from .plots.terse import leak_figure
from .plots.trust import trends_figure

ENSEMBLE = 10
"""Networks of different seeds that the question of seeds needs."""


def leaks(evidence: Evidence) -> Part:
    """Does a single cluster carry sigma8 at fixed mass? (NV22 appendix B)"""
    findings, rows, pictures = [], [], []
    for case, members in evidence.trial.networks.items():
        if case in ("ones", "shuffled"):
            continue
        for i, member in enumerate(members):
            try:
                terse = terse_values(member, evidence.catalogues(case)).values
                found = leak(terse, evidence.catalogues(case), LeakPlan(), rng=evidence.rng(f"leak {case} {i}"))
            except InputError as error:
                findings.append(Finding.untested(f"leak {case}", _LEAK.format(case), str(error)))
                break
            rows.append((case, i + 1, f"{found.statistic:.1f}", f"{found.threshold:.1f}", probability(found.p_value),
                         pm(found.correlation, found.correlation_error)))  # fmt: skip
            if i == 0:
                findings.append(_leak_finding(case, found))
                words = f"Case {case}: mean terse value of a catalogue at fixed mass against its sigma8, and by chance."
                pictures.append(Picture(f"leak-{case}", words, leak_figure(found, case)))
    if "overspecialised" not in evidence.trial.networks:
        words = "no network of case 'overspecialised' to show that the test for sigma8 in single clusters can fail"
        findings.append(Finding.untested("leak control", _LEAK.format("overspecialised"), words))
    header = ("case", "member", "statistic", "threshold", "p", "partial correlation")
    table = Table("leak", "sigma8 in the terse value of single clusters at fixed mass.", header, tuple(rows))
    return Part(
        key="leak",
        title="Does a single cluster tell sigma8?",
        words=(),
        findings=tuple(findings),
        tables=(table,),
        pictures=tuple(pictures),
    )


_LEAK = "Case {}: does a single cluster's terse value carry sigma8 at fixed mass?"


def _leak_finding(case: str, found: Leak) -> Finding:
    control = case == "overspecialised"
    good = found.caught if control else not found.caught
    result = (
        f"partial correlation {pm(found.correlation, found.correlation_error)}, statistic {found.statistic:.1f}, "
        f"p {related(found.p_value)}"
    )
    consequence = (
        "the test for sigma8 in single clusters misses a network that was made to cheat"
        if control
        else f"case {case}: single clusters tell it sigma8 at fixed mass, as in nature they do not: it has learnt its "
        "simulation"
    )
    rule = (
        f"{'above' if control else 'below'} {found.threshold:.1f}, which sigma8 permuted between whole catalogues "
        f"exceeds in {found.false_alarms:.0%}"
    )
    question = _LEAK.format(case) + (" (it must)" if control else "")
    published = "overspecialised network shows it (figure 21)" if control else ""
    key = "leak control" if control else f"leak {case}"
    return Finding(
        key=key,
        question=question,
        outcome="passed" if good else "failed",
        result=result,
        rule=rule,
        consequence=consequence,
        grave=not control,
        value=found.statistic,
        error=float("nan"),
        threshold=found.threshold,
        p_value=found.p_value,
        published=published,
    )


def representativeness(evidence: Evidence) -> Part:
    """Do the judged catalogues lie inside the training distribution?"""
    case = evidence.main
    question = "Are the judged catalogues like those it was trained on?"
    if evidence.reference is None:
        finding = Finding.untested("representativeness", question, f"{UNTESTED}; train it again")
        return Part("representativeness", question, (), (finding,))
    found = judge_suite(evidence.reference, evidence.catalogues(case))
    finding = Finding(
        key="representativeness",
        question=question,
        outcome="passed" if found.verdict == "inside" else "failed",
        result=found.words.rstrip("."),
        rule=f"as many as of training catalogues: p above {SUITE_DOUBTFUL:g} (beta-binomial; doubtful down to "
        f"{SUITE_ALARM:g}, outside below)",
        consequence=f"{found.beyond_5:.0%} of these catalogues lie beyond the 5% limit of the training distribution",
        grave=found.verdict == "outside",
        value=found.beyond_5,
        error=float(np.sqrt(0.05 * 0.95 / found.catalogues)),
        threshold=0.05,
        p_value=found.p,
    )
    rows = tuple((TEST_WORDS[test], f"{share:.3f}") for test, share in found.by_test.items())
    header = ("test", "share beyond the 5% limit")
    table = Table("representativeness", "Judged catalogues among training ones.", header, rows)
    return Part(key="representativeness", title=question, words=(), findings=(finding,), tables=(table,))


def seeds(evidence: Evidence) -> Part:
    """Do networks of different initial weights agree? (NV22 section 5: ten)"""
    case, question = evidence.main, "Do ten initialisations agree?"
    members = evidence.trial.networks[case]
    if len(members) < ENSEMBLE:
        number = "is one network" if len(members) == 1 else f"are {len(members)} networks"
        words = f"there {number}; train {ENSEMBLE} with --members {ENSEMBLE} to see whether trends hold"
        return Part(
            "seeds",
            question,
            (),
            (Finding.untested("seeds", question, words),),
        )
    findings, rows, pictures = [_spread_finding(evidence, case)], [], []
    for each, ensemble in evidence.trial.networks.items():
        if len(ensemble) < ENSEMBLE or each in ("ones", "shuffled", "overspecialised"):
            continue
        found = _trends(evidence, each)
        findings.append(_trend_finding(each, found))
        rows += [(each, t.name, f"{t.agreement:.2f}", f"{t.threshold:.2f}", f"{t.lowest:.2f}", f"{t.clusters:.2f}")
                 for t in found]  # fmt: skip
        words = f"Case {each}: what the clusters of a mass do to sigma8, according to each of {len(ensemble)} networks."
        pictures.append(Picture(f"trends-{each}", words, trends_figure(found, log_break(evidence))))
    header = ("case", "trend with mass of", "correlation", "random signs, 99%", "network against the others, lowest",
              "over clusters")  # fmt: skip
    caption = (
        "Trends with true mass in networks of different seeds: mean correlation of two networks' curves, the same with "
        "random signs, of the network that differs most with the others' mean, and over single clusters."
    )
    return Part(
        key="seeds",
        title=question,
        words=(),
        findings=tuple(findings),
        tables=(Table("trends", caption, header, tuple(rows)),),
        pictures=tuple(pictures),
    )


def _spread_finding(evidence: Evidence, case: str) -> Finding:
    """Predictions of an ensemble's members against each other."""
    found = evidence.predictions(case)
    spread = float(np.sqrt(np.mean(found.members.var(axis=0, ddof=1))))
    width = float(np.mean(found.std)) if found.density is not None else float(np.std(found.mean - evidence.truth))
    scatter = (found.members - evidence.truth).std(axis=1, ddof=1)
    share = spread / width
    return Finding(
        key="seeds",
        question=f"Case {case}: do networks of different seeds predict the same?",
        outcome="passed" if share < 0.5 else "failed",
        result=f"predictions of {len(found.members)} networks differ by {spread:.4f} (rms), {share:.2f} of the "
        f"posterior width; their scatters are {scatter.min():.4f} to {scatter.max():.4f}",
        rule="below half of the posterior width: a single network adds at most an eighth to it",
        consequence="networks of other seeds say something else; use the ensemble",
        grave=False,
        value=share,
        error=float("nan"),
        threshold=0.5,
        published="ten networks, 'similar trends' (section 5)",
    )


def _trends(evidence: Evidence, case: str) -> list[Trend]:
    """By mass: responses to whole quantities, and shifts when clusters are left out."""
    whole, rng = by_quantity(evidence.saliency(case)), evidence.rng(f"trends {case}")
    names = [name for name in QUANTITIES if name in whole.names]
    responses = {name: whole.columns([name]).clusters for name in names}
    found = [
        trend(f"saliency, {QUANTITIES[name]}", replace(each, members=each.members[..., 0]), EDGES, rng=rng)
        for name, each in responses.items()
    ]
    return [*found, trend("leave-one-out", evidence.leave_one_out(case).clusters, EDGES, rng=rng)]


def _trend_finding(case: str, found: list[Trend]) -> Finding:
    weak = [t.name for t in found if not t.holds]
    return Finding(
        key=f"trends {case}",
        question=f"Case {case}: do the trends with mass hold from seed to seed?",
        outcome="failed" if weak else "passed",
        result="mean correlation of two networks' curves: " + "; ".join(f"{t.name} {t.agreement:.2f}" for t in found),
        rule=f"above the 99% point of the same curves with random signs (at most "
        f"{max(t.threshold for t in found):.2f})",
        consequence=f"case {case}: trends of {listed(weak)} differ from seed to seed; do not read physics in them"
        if weak
        else "",
        grave=False,
        value=min(t.agreement for t in found),
        published="ten networks, 'similar trends' (section 5)",
    )
