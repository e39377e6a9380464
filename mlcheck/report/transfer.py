"""Where nature is not the simulation: other libraries and mass functions, and what judged catalogues differ in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecast.core.digits import measured_text
from forecast.core.errors import InputError
from forecast.sampling.ensemble import MomentsPlan

from ..accuracy.cases import LEVEL_WORDS
from ..data.draws import Drawn
from ..evidence.evidence import Evidence
from ..evidence.findings import Finding
from ..evidence.part import Cell, Part, Table, pm, related
from ..trust.diagnosis import ALARM, Diagnosis, Signature, diagnose, signature
from ..trust.shifts import faults, natures
from ..trust.transfer import NETWORK, Transfer, TransferPlan, transfer

_TOLERATED = 0.3


_DIFFERENCE = "Are features and labels, all catalogues together, those it was trained on?"


@dataclass(frozen=True)
class Transfers:
    """Rows of the table."""

    rows: tuple[Transfer, ...]


@dataclass(frozen=True)
class Signatures:
    """Of known faults."""

    rows: tuple[Signature, ...]


def other_worlds(evidence: Evidence) -> Part:
    """Network and statistics on catalogues of other libraries and mass functions; both still believe in their own."""
    title = "What if nature is not the simulation?"
    settings = [evidence.plan.exact, evidence.plan.away, evidence.plan.steps]
    found = evidence.kept("transfer", Transfers, lambda: _transfers(evidence), settings)
    if not found.rows:
        words = "the survey has no other library or mass function to be tried"
        return Part(
            "transfer",
            title,
            (),
            (Finding.untested("transfer", title, words),),
        )
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (t.suite, t.method, pm(t.shift, t.shift_error), f"{t.shift_in_widths:+.2f}", f"{t.scatter_ratio:.2f}",
         *("" if np.isnan(s.coverage_68) else f"{s.coverage_68:.2f}" for s in (t.home, t.away)), t.away.catalogues)
        for t in found.rows
    )  # fmt: skip
    header = ("catalogues of", "method", "change of bias", "in widths", "scatter, ratio", "68% at home", "68% there",
              "catalogues")  # fmt: skip
    caption = (
        "Networks and statistics that believe in the training simulation, on catalogues of another one. full, full+wl: "
        f"{LEVEL_WORDS['full'].lstrip('. ')}; with weak-lensing masses."
    )
    table = Table("transfer", caption, header, rows)
    finding = _transfer_finding(found.rows, evidence.counterpart(evidence.main)).if_seen(2 * _TOLERATED)
    return Part(key="transfer", title=title, words=(), findings=(finding,), tables=(table,))


def _transfers(evidence: Evidence) -> Transfers:
    trial, plan, case = evidence.trial, evidence.plan, evidence.main
    config = trial.laboratory.source.config
    away = [
        drawn
        for i, world in enumerate(natures(config))
        if (drawn := world.draw(config, case, plan.away, seed=plan.seed + 100 + i)) is not None
    ]
    few, told = evidence.few(case), evidence.report("other libraries and mass functions")
    home = Drawn("home", few, evidence.mocks)
    settings = TransferPlan(plan.moments, dear=min(60, plan.away))
    report = None if told is None else lambda _, done, total, __: told(done, total)
    return Transfers(transfer(trial.networks[case], trial.model, home, away, settings, progress=report))


def _shift(found: Transfer) -> str:
    """A shift of sigma8 with its error."""
    return measured_text(found.shift, found.shift_error, sign=True)


def _transfer_finding(rows: tuple[Transfer, ...], level: str | None) -> Finding:
    mine = [t for t in rows if t.method == NETWORK]
    worst = max(mine, key=lambda t: abs(t.shift_in_widths))
    off = [t for t in mine if abs(t.shift_in_widths) > _TOLERATED and abs(t.shift) > 3 * t.shift_error]
    exact = {t.suite: f"; {level} {_shift(t)}" for t in rows if t.method == level}
    names = ", ".join(f"{t.suite} ({t.shift:+.4f}{exact.get(t.suite, '')})" for t in off)
    return Finding(
        key="transfer",
        question="Does its answer hold if clusters follow another library or mass function?",
        outcome="failed" if off else "passed",
        result=f"largest change of its bias {_shift(worst)} ({worst.shift_in_widths:+.2f} "
        f"{worst.unit}), for {worst.suite}",
        rule=f"below {_TOLERATED:g} {worst.unit}, or three standard errors",
        consequence=f"biased where nature is not its simulation: {names}",
        grave=False,
        value=worst.shift_in_widths,
        error=worst.shift_error / worst.width,
        threshold=_TOLERATED,
    )


def difference(evidence: Evidence) -> Part:
    """Do the judged catalogues differ from the training ones as a set, and what does the difference look like?"""
    title, case = "In what do the judged catalogues differ from the training ones?", evidence.main
    few, plan = evidence.few(case), evidence.plan
    try:
        mine = _signature(evidence, Drawn("judged", few, evidence.mocks), "")
    except InputError as error:
        return Part(
            "difference",
            title,
            (),
            (Finding.untested("difference", _DIFFERENCE, str(error)),),
        )
    known = evidence.kept("faults", Signatures, lambda: _faults(evidence), [plan.known, plan.draws])
    found = diagnose(evidence.cloud, mine, few, known.rows)
    rows = tuple((name, kind, f"{cosine:+.2f}") for name, kind, cosine in found.likeness[:6])
    caption = (
        "Known faults by the cosine between their mean effect on catalogues (whitened summaries, and errors of exact "
        "posterior means) and the difference found; without a difference it means nothing."
    )
    table = Table("difference", caption, ("known fault", "kind", "cosine"), rows)
    return Part(
        key="difference",
        title=title,
        words=(),
        findings=(_difference_finding(found, mine.catalogues),),
        tables=(table,),
    )


def _faults(evidence: Evidence) -> Signatures:
    trial, case = evidence.trial, evidence.main
    config, told, rows = trial.laboratory.source.config, evidence.report("known faults"), []
    every = faults(config)
    for i, world in enumerate(every):
        drawn = world.draw(config, case, evidence.plan.known, seed=evidence.plan.seed + 1000 + i)
        if drawn is not None:
            rows.append(_signature(evidence, drawn, world.kind))
        if told is not None:
            told(i + 1, len(every))
    return Signatures(tuple(rows))


def _signature(evidence: Evidence, drawn: Drawn, kind: str) -> Signature:
    moments = MomentsPlan(evidence.plan.seed, draws=evidence.plan.draws)
    return signature(evidence.cloud, evidence.trial.model, drawn, moments, kind=kind)


def _difference_finding(found: Diagnosis, catalogues: int) -> Finding:
    like = f"most like: {found.culprit} (cosine {found.likeness[0][2]:.2f})" if found.likeness else "no known fault"
    what = "the labels of sigma8 are not those of the catalogues"
    if found.p_features < ALARM:
        what = "the catalogues are not like the training ones"
    return Finding(
        key="difference",
        question=_DIFFERENCE,
        outcome="failed" if found.differs else "passed",
        result=f"p {related(found.p_features)} (features), p {related(found.p_labels)} (labels against exact "
        f"posteriors), {catalogues} catalogues; largest: {found.summary}, {found.standard_errors:+.1f} standard errors",
        rule=f"p above {ALARM:g} (chi-square; twice tested)",
        consequence=f"{what}; {like}",
        grave=True,
        p_value=found.p_value,
        threshold=ALARM,
    )
