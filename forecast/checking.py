"""Proof of calibration from start to files: every level of a survey on mocks from its prior."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

from .calibration import CalibrationPlan, LevelCalibration, calibrate
from .config import Config
from .output import Job, prepare_output
from .results import Provenance, to_plain


def run_check(
    config: Config, job: Job, plan: CalibrationPlan, levels: Sequence[str], truth: Config | None = None
) -> tuple[LevelCalibration, ...]:
    """Calibrate `levels` of the configured survey on mocks of `truth` (default: its own), and write them.

    Returns
    -------
    tuple of LevelCalibration
    """
    from .calibrationplot import calibration_figure
    from .model import forward_model
    from .plots import save_figure

    prepare_output(job.out)
    model, source = forward_model(config.setup), None if truth is None else forward_model(truth.setup)
    checks = []
    for level in levels:

        def report(done: int, total: int, level: str = level) -> None:
            if job.progress is not None:
                job.progress(f"checking {level}", done, total, math.nan)

        checks.append(calibrate(model, level, plan, truth=source, progress=report))
    prepare_output(job.out / "figures")
    save_figure(calibration_figure(checks), job.out / "figures" / "check")
    provenance = Provenance("check", job.name, config.model_dump(mode="json"), job.seed)
    mocks_from = None if truth is None else truth.model_dump(mode="json")
    content = {"provenance": provenance, "mocks_from": mocks_from, "levels": {check.level: check for check in checks}}
    text = json.dumps(to_plain(content), indent=1, allow_nan=False)
    draft = job.out / "check.partial"
    draft.write_text(text + "\n", encoding="utf-8")
    draft.replace(job.out / "check.json")
    return tuple(checks)
