"""Commands that work on mock catalogues: saliency, check, suite."""

from __future__ import annotations

from typing import Annotated

import typer

from .completion import complete_config
from .deliver import deliver, deliver_checks, deliver_suite
from .options import ClusterLevel, ConfigName, Form, Format, Json, Level, Out, Quiet, Scheduler, Seed, Shown, Workers
from .session import task


def saliency(
    config: ConfigName,
    mocks: Annotated[int, typer.Option("--mocks", min=2, help="Mock catalogues to average over.")] = 40,
    level: ClusterLevel = "unbinned",
    steps: Annotated[int, typer.Option("--steps", min=250, help="Longest chain of a catalogue.")] = 8000,
    out: Out = None,
    seed: Seed = 1,
    quiet: Quiet = False,
    as_json: Json = False,
    form: Format = Form.TEXT,
) -> None:
    """Where in mass and redshift the information sits: d sigma8 / d log of every datum, and leave-one-out."""
    with task(config, "saliency", out, seed, quiet or as_json, {"level": level}) as (settings, job):
        from ..influence.by_mass import InfluencePlan
        from .pipelines import run_saliency

        deliver(run_saliency(settings, job, InfluencePlan(mocks, steps), level), job, Shown(quiet, as_json, form))


def check(
    config: ConfigName,
    level: Level = None,
    mocks: Annotated[int, typer.Option("--mocks", min=100, help="Mock catalogues, drawn from the prior.")] = 2000,
    draws: Annotated[int, typer.Option("--draws", min=2, help="Prior draws that a group of mocks shares.")] = 8000,
    mocks_from: Annotated[
        str | None,
        typer.Option(
            "--mocks-from",
            metavar="CONFIG",
            help="Draw the mocks from another configuration.",
            autocompletion=complete_config,
        ),
    ] = None,
    predictive: Annotated[
        bool, typer.Option(help="Posterior predictive checks too: false alarms, and power for planted failures.")
    ] = True,
    workers: Workers = None,
    scheduler: Scheduler = None,
    out: Out = None,
    seed: Seed = 1,
    quiet: Quiet = False,
    as_json: Json = False,
    form: Format = Form.TEXT,
) -> None:
    """Prove that the posteriors are calibrated: ranks and coverage of the truth on thousands of mocks.

    With --mocks-from the mocks follow another configuration: what a wrong model would do to sigma8.
    """
    with task(config, "check", out, seed, quiet or as_json, {"level": level}) as (settings, job):
        from ..checks.ppc_power import PredictivePlan
        from ..checks.sbc import CalibrationPlan
        from ..config.load import load_config
        from ..execution.executor import Executor
        from ..likelihoods.levels import levels_of
        from .checking import run_check

        levels = levels_of(settings.setup) if level is None else (level,)
        truth = None if mocks_from is None else load_config(mocks_from)
        plan = CalibrationPlan(mocks, draws, seed)
        predictions = PredictivePlan(draws=max(draws, 200), seed=seed) if predictive else None
        executor = Executor.chosen(workers, scheduler)
        deliver_checks(
            run_check(settings, job, plan, levels, truth, predictions, executor), job, Shown(quiet, as_json, form)
        )


def suite(
    config: ConfigName,
    grid: Annotated[
        bool, typer.Option("--grid", help="sigma8 and normalisations on NV22's grid, all else from the prior.")
    ] = False,
    draws: Annotated[
        int | None, typer.Option("--draws", help="Catalogues, all parameters from the prior.  [default: 4968]")
    ] = None,
    workers: Workers = None,
    scheduler: Scheduler = None,
    shard_size: Annotated[
        int | None, typer.Option("--shard-size", help="Catalogues in a file.  [default: 128, fewer if large]")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Discard the suite in --out.")] = False,
    out: Out = None,
    seed: Seed = 1,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Draw mock catalogues, their parameters and every cluster's features, into Parquet files.

    Stopped or killed, the same command goes on where it was; what is damaged is drawn again.
    """
    with task(config, "suite", out, seed, quiet or as_json, {"overwrite": overwrite}) as (settings, job):
        from ..suite.plan import SuitePlan
        from ..suite.writer import run_suite

        plan = SuitePlan(grid=grid, draws=draws, shard_size=shard_size, workers=workers, scheduler=scheduler)
        deliver_suite(run_suite(settings, job, plan), config, quiet, as_json)
