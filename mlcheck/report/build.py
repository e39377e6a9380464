"""The report: can the network be trusted? Tests in order, a verdict, and files of everything in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from forecast.core.files import prepare_output, write_csv, write_json
from forecast.execution.executor import Executor
from forecast.execution.store import STEPS, Store
from forecast.report.page.html import write_page
from forecast.report.plots.style import save_figure

from ..evidence.evidence import Evidence, Progress, ReportPlan
from ..evidence.findings import Finding, Verdict, judge
from ..evidence.part import Part
from ..evidence.trial import Trial
from ..networks.laboratory import history_record
from ..networks.saving import Origin
from .calibration import calibration
from .cluster_responses import clusters
from .comparison import accuracy, shared
from .interpretation import alone, saliency, terse
from .page import TrustVerdict, trust_page
from .thinning import thinning
from .transfer import difference, other_worlds
from .trust_tests import leaks, representativeness, seeds

GRADE_WORDS = {
    "trusted": "The network passes every test on these catalogues.",
    "trusted with limits": "The network may be used on catalogues like these, within the limits below.",
    "not trusted": "The network must not be used on catalogues like these.",
}
Test = Callable[[Evidence], Part]
"""Asks a question of the evidence: what it finds, with tables and figures, is one section of the report."""
PARTS: tuple[Test, ...] = (
    accuracy, calibration, thinning, leaks, representativeness, difference, other_worlds, seeds, shared, clusters,
    saliency, alone, terse,
)  # fmt: skip
"""The tests in the order of the report: all that a new one needs is its name here."""
AT_HOME = (other_worlds,)
"""Parts that need the training suite's own test catalogues."""


@dataclass(frozen=True)
class Report:
    """Everything in a report.

    Parameters
    ----------
    title : str
    verdict : Verdict
    parts : tuple of Part
    provenance : dict
    """

    title: str
    verdict: Verdict
    parts: tuple[Part, ...]
    provenance: dict[str, Any]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Of all parts."""
        return tuple(finding for part in self.parts for finding in part.findings)


def build_report(
    trial: Trial,
    plan: ReportPlan,
    out: Path,
    *,
    parts: Sequence[Test] | None = None,
    progress: Progress | None = None,
    executor: Executor | None = None,
) -> Report:
    """Make every test; finished steps are kept under `out`, so that an interrupted report goes on.

    Parameters
    ----------
    trial : Trial
    plan : ReportPlan
    out : Path
    parts : sequence of callable, optional
        The tests; all of `PARTS` by default.
    progress : callable, optional
    executor : Executor, optional
        Who walks the chains of exact posteriors.
    """
    evidence = Evidence(trial, plan, Store(out / STEPS, trial.identity), progress, executor)
    chosen = [make for make in (PARTS if parts is None else parts) if not (trial.foreign and make in AT_HOME)]
    made = []
    for i, make in enumerate(chosen):
        made.append(make(evidence))
        if progress is not None:
            progress("report", i + 1, len(chosen), float("nan"))
    findings = [finding for part in made for finding in part.findings]
    preset = trial.networks[evidence.main][0].network.architecture.preset
    title = f"Can the network be trusted? Preset {preset}, survey {trial.laboratory.source.suite.manifest.name}"
    return Report(title, judge(findings), tuple(made), _provenance(trial, plan))


def _provenance(trial: Trial, plan: ReportPlan) -> dict[str, Any]:
    suite, judged = trial.laboratory.source.suite.manifest, trial.judged.suite.manifest
    networks = {
        case: [
            {
                "seed": m.origin.seed,
                "preset": m.network.architecture.preset,
                "parameters": m.network.parameters,
                "backend": m.origin.backend,
                "software": m.origin.software,
                "stopped": m.history.stopped,
                "best": history_record(m)["best"],
            }
            for m in members
        ]
        for case, members in trial.networks.items()
    }
    return {
        "seed": plan.seed,
        "plan": asdict(plan),
        "survey": suite.name,
        "survey_digest": suite.model,
        "suite_seed": suite.seed,
        "suite_contents": trial.laboratory.source.contents,
        "suite_catalogues": len(trial.laboratory.numbers),
        "split_seed": trial.laboratory.split_seed,
        "judged": "test catalogues of the training suite" if not trial.foreign else f"suite '{judged.name}'",
        "judged_seed": judged.seed,
        "judged_digest": judged.model,
        "judged_contents": trial.judged.contents,
        "judged_catalogues": len(trial.numbers),
        "software": Origin.versions(),
        "config": trial.laboratory.config.model_dump(mode="json"),
        "networks": networks,
    }


def write_report(report: Report, out: Path) -> Path:
    """Write report.html, report.json, tables as CSV and JSON, and figures as PDF and PNG; path of the page."""
    prepare_output(out / "figures")
    prepare_output(out / "tables")
    figures = {}
    for part in report.parts:
        for table in part.tables:
            write_csv(out / "tables" / f"{table.name}.csv", table.header, table.rows)
            write_json(out / "tables" / f"{table.name}.json", asdict(table))
        for picture in part.pictures:
            _, figures[picture.name] = save_figure(picture.figure, out / "figures" / picture.name)
    write_json(out / "report.json", _content(report))
    verdict = TrustVerdict(report.title, report.verdict, GRADE_WORDS[report.verdict.grade])
    write_page(trust_page(verdict, report.parts, report.provenance), figures, out / "report.html")
    return out / "report.html"


def _content(report: Report) -> dict[str, Any]:
    return {
        "title": report.title,
        "verdict": asdict(report.verdict),
        "findings": [asdict(finding) for finding in report.findings],
        "tables": [table.name for part in report.parts for table in part.tables],
        "provenance": report.provenance,
    }
