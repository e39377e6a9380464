"""Small suites for tests."""

from pathlib import Path


def draw_suite(folder: Path, survey: str, draws: int, seed: int) -> Path:
    from forecast.config import load_config
    from forecast.output import Job
    from forecast.suite import SuitePlan, run_suite

    run_suite(load_config(survey), Job(survey, folder, seed), SuitePlan(draws=draws, workers=1))
    return folder
