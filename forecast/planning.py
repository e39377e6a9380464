"""Planning a survey: sweeps over settings, and comparisons of configurations, from start to files."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from .config import Config
from .output import Job, prepare_output
from .results import Provenance
from .sweep import Comparison, Sweep, compute_comparison, compute_sweep
from .sweepplot import write_comparison, write_sweep


def run_sweep(config: Config, job: Job, vary: Sequence[str]) -> Sweep:
    """sigma(sigma8) by level over the values of one or two keys (see `sweep.parse_vary`)."""
    prepare_output(job.out)
    provenance = Provenance("sweep", job.name, config.model_dump(mode="json"), job.seed)
    sweep = replace(compute_sweep(config, vary, _counted(job, "sweeping")), provenance=provenance)
    write_sweep(sweep, job.out)
    return sweep


def run_comparison(configs: Mapping[str, Config], job: Job) -> Comparison:
    """sigma(sigma8) by level of several configurations, as configured."""
    prepare_output(job.out)
    contents = {name: config.model_dump(mode="json") for name, config in configs.items()}
    provenance = Provenance("compare", job.name, contents, job.seed)
    comparison = replace(compute_comparison(configs, _counted(job, "comparing")), provenance=provenance)
    write_comparison(comparison, job.out)
    return comparison


def _counted(job: Job, task: str) -> Callable[[int, int], None] | None:
    """The job's progress for a task that counts surveys."""
    report = job.progress
    return None if report is None else lambda done, total: report(task, done, total, math.nan)
