"""Proof of calibration from start to files: every level of a survey on mocks from its prior."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..checks.outcome import Checks, contents
from ..checks.parts import CheckOf, run_parts
from ..checks.ppc_power import PredictivePlan
from ..checks.sbc import CalibrationPlan
from ..config.load import Config
from ..core.files import prepare_output, write_json
from ..core.records import Job, Provenance
from ..execution.executor import Executor
from ..execution.store import STEPS, Store


def run_check(
    config: Config,
    job: Job,
    plan: CalibrationPlan,
    levels: Sequence[str],
    truth: Config | None = None,
    predictive: PredictivePlan | None = None,
    executor: Executor | None = None,
) -> Checks:
    """Calibrate `levels` of the configured survey on mocks of `truth` (default: its own), and write what was found.

    With `predictive` their predictions are checked too; mocks of `truth` are then one more failure to be caught.
    Groups of mocks are kept until all is done, so that an interrupted check goes on.
    """
    from ..report.check_page import check_page
    from ..report.narrative import account
    from ..report.page.html import write_page
    from ..report.plots.calibration import calibration_figure
    from ..report.plots.predictive import predictivecheck_figure
    from ..report.plots.style import save_figure

    prepare_output(job.out)
    store = Store(job.out / STEPS, {})
    check = CheckOf(config.setup, None if truth is None else truth.setup, plan, predictive)
    checks = run_parts(check, levels, replace(executor or Executor(), store=store), job.counted("checking"))
    calibration, predictions = checks.calibration, checks.predictive
    prepare_output(job.out / "figures")
    figures = {"check": save_figure(calibration_figure(calibration), job.out / "figures" / "check")[1]}
    if predictions:
        drawn = save_figure(predictivecheck_figure(predictions), job.out / "figures" / "predictive")
        figures["predictive"] = drawn[1]
    provenance = _write(checks, config, truth, job)
    page = check_page(checks, provenance, account(config), None if truth is None else truth.title)
    write_page(page, figures, job.out / "report.html")
    store.clear("check")
    return checks


def _write(checks: Checks, config: Config, truth: Config | None, job: Job) -> Provenance:
    provenance = Provenance("check", job.name, config.model_dump(mode="json"), job.seed)
    mocks_from = None if truth is None else truth.model_dump(mode="json")
    content = {"provenance": provenance, "mocks_from": mocks_from, **contents(checks)}
    write_json(job.out / "check.json", content)
    return provenance
