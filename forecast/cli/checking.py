"""Proof of calibration from start to files: every level of a survey on mocks from its prior."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from ..checks.outcome import Checks, contents
from ..checks.plants import Plant, plants
from ..checks.ppc_power import PredictiveCheck, PredictivePlan, predictive_check
from ..checks.sbc import CalibrationPlan, calibrate
from ..config.load import Config
from ..core.files import prepare_output, write_json
from ..core.records import Job, Provenance
from ..model.forward import forward_model


def run_check(
    config: Config,
    job: Job,
    plan: CalibrationPlan,
    levels: Sequence[str],
    truth: Config | None = None,
    predictive: PredictivePlan | None = None,
) -> Checks:
    """Calibrate `levels` of the configured survey on mocks of `truth` (default: its own), and write what was found.

    With `predictive` their predictions are checked too; mocks of `truth` are then one more failure to be caught.
    """
    from ..report.plots.calibration import calibration_figure
    from ..report.plots.predictive import predictivecheck_figure
    from ..report.plots.style import save_figure

    prepare_output(job.out)
    model, source = forward_model(config.setup), None if truth is None else forward_model(truth.setup)
    told = {v: _report(job, f"checking {v}") for v in levels}
    calibration = tuple(calibrate(model, v, plan, truth=source, progress=told[v]) for v in levels)
    predictions: tuple[PredictiveCheck, ...] = ()
    if predictive is not None:
        told = {v: _report(job, f"predicting {v}") for v in levels}
        failures = plants(config.setup) + (() if source is None else (Plant("other model", source),))
        predictions = tuple(predictive_check(model, v, predictive, failures, progress=told[v]) for v in levels)
    checks = Checks(calibration, predictions)
    prepare_output(job.out / "figures")
    save_figure(calibration_figure(calibration), job.out / "figures" / "check")
    if predictions:
        save_figure(predictivecheck_figure(predictions), job.out / "figures" / "predictive")
    _write(checks, config, truth, job)
    return checks


def _report(job: Job, task: str) -> Callable[[int, int], None]:
    """The job's progress for a task that counts mocks."""
    progress = job.progress
    return lambda done, total: None if progress is None else progress(task, done, total, math.nan)


def _write(checks: Checks, config: Config, truth: Config | None, job: Job) -> None:
    provenance = Provenance("check", job.name, config.model_dump(mode="json"), job.seed)
    mocks_from = None if truth is None else truth.model_dump(mode="json")
    content = {"provenance": provenance, "mocks_from": mocks_from, **contents(checks)}
    write_json(job.out / "check.json", content)
