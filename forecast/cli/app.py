"""Command line: parse, call `forecast.cli.pipelines`, print a table. Heavy imports wait until a command needs them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from ..checks.outcome import Checks
    from ..config.load import Config
    from ..report.results import Result
    from ..suite.writer import SuiteSummary
    from .pipelines import Job

EXIT_DONE, EXIT_FAILED, EXIT_BAD_INPUT, EXIT_NOT_CONVERGED, EXIT_INTERRUPTED = 0, 1, 2, 3, 130

app = typer.Typer(
    help="How well does an X-ray cluster survey measure sigma8 by self-calibration?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

ConfigName = Annotated[str, typer.Argument(metavar="CONFIG", help="A TOML file, or the name of a built-in one.")]
Out = Annotated[Path | None, typer.Option("--out", help="Output folder.  [default: out/CONFIG-COMMAND]")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Seed of every random number.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Print errors only.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output, nothing else.")]
Quick = Annotated[bool, typer.Option("--quick", help="Cut chains short; returns 0 even if they have not converged.")]
Level = Annotated[str | None, typer.Option("--level", help="counts, selfcal, binned, unbinned, full or full+wl.")]
PriceLevel = Annotated[str, typer.Option("--level", help="The level whose price is printed; files hold all.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Discard the chains of an earlier run in --out.")]
Workers = Annotated[int | None, typer.Option("--workers", help="Local processes.  [default: as many as save time]")]
Scheduler = Annotated[
    str | None,
    typer.Option("--scheduler", metavar="ADDRESS", help="A running Dask scheduler: its workers do the work."),
]
MaxSteps = Annotated[int | None, typer.Option("--max-steps", min=10, help="Longest chain, steps.")]


def print_version(value: bool) -> None:
    """Print the version and exit, if asked to."""
    if value:
        from importlib import metadata

        typer.echo(f"massanchor {metadata.version('massanchor')}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """How well does an X-ray cluster survey measure sigma8 by self-calibration?"""


@app.command()
def run(
    config: ConfigName,
    out: Out = None,
    seed: Seed = 1,
    quick: Quick = False,
    level: Level = None,
    mock: Annotated[int | None, typer.Option("--mock", min=0, help="Fit the mock catalogue of this seed.")] = None,
    max_steps: MaxSteps = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Forecast a survey: ladder, systematics, MCMC, sigma8 map, report (expected data unless --mock)."""
    options = {"quick": quick, "level": level, "mock": mock, "max_steps": max_steps, "overwrite": overwrite}
    with _task(config, "run", out, seed, quiet or as_json, options) as (settings, job):
        from .pipelines import run_forecast

        _deliver(run_forecast(settings, job), job, quiet, as_json)


@app.command()
def fit(
    config: ConfigName,
    catalogue: Annotated[
        Path | None, typer.Option("--catalogue", help="Table of clusters (ECSV, FITS, VOTable, CSV).")
    ] = None,
    out: Out = None,
    seed: Seed = 1,
    quick: Quick = False,
    level: Level = None,
    max_steps: MaxSteps = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Fit sigma8 and the scaling relations to real clusters."""
    options = {"quick": quick, "level": level, "max_steps": max_steps, "overwrite": overwrite}
    with _task(config, "fit", out, seed, quiet or as_json, options) as (settings, job):
        from .pipelines import run_fit

        _deliver(run_fit(settings, job, catalogue), job, quiet, as_json)


@app.command("map")
def map_command(
    config: ConfigName, out: Out = None, seed: Seed = 1, quiet: Quiet = False, as_json: Json = False
) -> None:
    """Bin mock catalogues into a map of sigma8 over count and median Y_X."""
    with _task(config, "map", out, seed, quiet or as_json, {}) as (settings, job):
        from .pipelines import run_map

        _deliver(run_map(settings, job), job, quiet, as_json)


@app.command()
def ladder(
    config: ConfigName,
    mcmc: Annotated[bool, typer.Option("--mcmc", help="Sample every level on expected data too.")] = False,
    out: Out = None,
    seed: Seed = 1,
    quick: Quick = False,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """What each further piece of data adds: sigma(sigma8) of every level and of the prior."""
    options = {"quick": quick, "overwrite": overwrite}
    with _task(config, "ladder", out, seed, quiet or as_json, options) as (settings, job):
        from .pipelines import run_ladder

        _deliver(run_ladder(settings, job, mcmc=mcmc), job, quiet, as_json)


@app.command()
def saliency(
    config: ConfigName,
    mocks: Annotated[int, typer.Option("--mocks", min=2, help="Mock catalogues to average over.")] = 40,
    level: Annotated[str, typer.Option("--level", help="unbinned, full or full+wl.")] = "unbinned",
    steps: Annotated[int, typer.Option("--steps", min=250, help="Longest chain of a catalogue.")] = 8000,
    out: Out = None,
    seed: Seed = 1,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Where in mass and redshift the information sits: d sigma8 / d log of every datum, and leave-one-out."""
    with _task(config, "saliency", out, seed, quiet or as_json, {"level": level}) as (settings, job):
        from ..influence.by_mass import InfluencePlan
        from .pipelines import run_saliency

        _deliver(run_saliency(settings, job, InfluencePlan(mocks, steps), level), job, quiet, as_json)


@app.command()
def check(
    config: ConfigName,
    level: Level = None,
    mocks: Annotated[int, typer.Option("--mocks", min=100, help="Mock catalogues, drawn from the prior.")] = 2000,
    draws: Annotated[int, typer.Option("--draws", min=2, help="Prior draws that a group of mocks shares.")] = 8000,
    mocks_from: Annotated[
        str | None, typer.Option("--mocks-from", metavar="CONFIG", help="Draw the mocks from another configuration.")
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
) -> None:
    """Prove that the posteriors are calibrated: ranks and coverage of the truth on thousands of mocks.

    With --mocks-from the mocks follow another configuration: what a wrong model would do to sigma8.
    """
    with _task(config, "check", out, seed, quiet or as_json, {"level": level}) as (settings, job):
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
        _deliver_checks(run_check(settings, job, plan, levels, truth, predictions, executor), job, quiet, as_json)


@app.command()
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
    with _task(config, "suite", out, seed, quiet or as_json, {"overwrite": overwrite}) as (settings, job):
        from ..suite.plan import SuitePlan
        from ..suite.writer import run_suite

        plan = SuitePlan(grid, draws, shard_size, workers, scheduler)
        _deliver_suite(run_suite(settings, job, plan), quiet, as_json)


@app.command()
def sweep(
    config: ConfigName,
    vary: Annotated[
        list[str],
        typer.Option(
            "--vary",
            metavar="KEY=START:STOP:N",
            help="Key and values, evenly spaced; 'log:START:STOP:N' in log; or choices, KEY=A,B,C. Twice at most.",
        ),
    ],
    level: PriceLevel = "unbinned",
    workers: Workers = None,
    scheduler: Scheduler = None,
    out: Out = None,
    seed: Seed = 1,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Vary one or two settings of a survey: sigma(sigma8) of every level as table and figure.

    KEY is a dotted key of the configuration (survey.area, selection.flux_limit, relations.lx.scatter, yx_error, ...),
    or prior_width or volume, factors on the normalisation priors and on the survey volume. Choices: proxy=yx,mgas,
    library.name=magneticum,tng, selection.min_mass_mode=fixed,follows_lx, sample_variance=true,false, mass_function.
    """
    with _task(config, "sweep", out, seed, quiet or as_json, {}) as (settings, job):
        from ..execution.executor import Executor
        from ..report.sweep_tables import sweep_table
        from .planning_pipelines import run_sweep

        result = run_sweep(settings, job, vary, level, Executor.chosen(workers, scheduler))
        _deliver_table(result, sweep_table(result), job, quiet, as_json)


@app.command()
def compare(
    configurations: Annotated[list[str], typer.Argument(metavar="CONFIG...", help="Two or more configurations.")],
    best: Annotated[bool, typer.Option("--best", help="Prices beside the best survey, not the first.")] = False,
    level: PriceLevel = "unbinned",
    workers: Workers = None,
    scheduler: Scheduler = None,
    out: Annotated[Path, typer.Option("--out", help="Output folder.")] = Path("out/compare"),
    seed: Seed = 1,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Put several surveys side by side: sigma(sigma8) of every level as table and figure."""
    with exit_codes(), progress_bar(quiet or as_json) as report:
        from ..config.load import load_config
        from ..execution.executor import Executor
        from ..report.sweep_tables import comparison_table
        from .pipelines import Job
        from .planning_pipelines import run_comparison

        stems = [Path(name).stem for name in configurations]
        names = stems if len(set(stems)) == len(set(configurations)) else configurations
        settings = {name: load_config(given) for name, given in zip(names, configurations, strict=True)}
        job = Job(name=", ".join(settings), out=out, seed=seed, progress=report)
        executor = Executor.chosen(workers, scheduler)
        result = run_comparison(settings, job, "best" if best else "first", level, executor)
        _deliver_table(result, comparison_table(result), job, quiet, as_json)


@app.command()
def proxies(config: ConfigName, out: Out = None, seed: Seed = 1, quiet: Quiet = False, as_json: Json = False) -> None:
    """Which mass proxy would self-calibrate this survey best?"""
    with _task(config, "proxies", out, seed, quiet or as_json, {}) as (settings, job):
        from ..report.planning_files import summary_table
        from .planning_pipelines import run_proxies

        comparison = run_proxies(settings, job)
        _deliver_table(comparison, summary_table(comparison), job, quiet, as_json)
        if not (quiet or as_json):
            typer.echo("\n".join(comparison.answer))


@app.command()
def joint(config: ConfigName, out: Out = None, seed: Seed = 1, quiet: Quiet = False, as_json: Json = False) -> None:
    """Joint contours of Om0 and sigma8 by level, and S8; Om0 is freed where the configuration does not."""
    with _task(config, "joint", out, seed, quiet or as_json, {}) as (settings, job):
        from ..report.planning_files import joint_summary
        from .planning_pipelines import run_joint

        result = run_joint(settings, job)
        _deliver_table(result, joint_summary(result), job, quiet, as_json)


@app.command()
def configs(as_json: Json = False) -> None:
    """List the built-in configurations."""
    from ..config.load import builtin_configs, load_config
    from ..core.files import json_text

    titles = {name: load_config(name).title for name in builtin_configs()}
    if as_json:
        typer.echo(json_text(titles))
        return
    width = max(len(name) for name in titles)
    for name, title in titles.items():
        typer.echo(f"{name:<{width}}  {title}")


@contextmanager
def _task(
    name: str, command: str, out: Path | None, seed: int, silent: bool, options: dict[str, Any]
) -> Iterator[tuple[Config, Job]]:
    """Load the configuration, show progress, and turn errors into exit codes."""
    with exit_codes():
        from ..config.load import load_config
        from .pipelines import Job

        settings = load_config(name)
        _check_level(options.get("level"), settings)
        stem = Path(name).stem
        with progress_bar(silent) as report:
            folder = out if out is not None else Path("out") / f"{stem}-{command}"
            tell = None if silent else partial(typer.echo, err=True)
            yield settings, Job(name=stem, out=folder, seed=seed, progress=report, tell=tell, **options)


@contextmanager
def exit_codes() -> Iterator[None]:
    """Turn errors into one line on standard error and an exit code."""
    from ..core.errors import InputError, MassanchorError

    try:
        yield
    except InputError as error:
        _fail(f"error: {error}", EXIT_BAD_INPUT)
    except MassanchorError as error:
        _fail(f"failed: {error}", EXIT_FAILED)
    except KeyboardInterrupt:
        _fail("interrupted; what is finished is kept, and the same command goes on from there", EXIT_INTERRUPTED)


def _check_level(level: str | None, settings: Config) -> None:
    from ..core.errors import InputError, nearest
    from ..likelihoods.levels import LEVELS, levels_of

    if level is not None and level not in LEVELS:
        raise InputError(f"--level {level}: unknown level; {nearest(level, LEVELS)}")
    if level is not None and level not in levels_of(settings.setup):
        raise InputError(f"--level {level}: needs weak-lensing masses; add a [weak_lensing] table with their scatter")


def _fail(message: str, code: int) -> None:
    typer.echo(message, err=True)
    raise typer.Exit(code)


@contextmanager
def progress_bar(silent: bool) -> Iterator[Callable[[str, int, int, float], None] | None]:
    """Progress bar on standard error; nothing at all if `silent` or not a terminal."""
    if silent or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:.0f}/{task.total:.0f}"),
        TextColumn("{task.fields[lengths]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    tasks: dict[str, Any] = {}
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:

        def report(task: str, done: int, total: int, lengths: float) -> None:
            if task not in tasks:
                tasks[task] = bar.add_task(task, total=total, lengths="")
            words = f"{lengths:.0f} of 50 tau" if lengths == lengths else ""
            bar.update(tasks[task], completed=done, lengths=words)

        yield report


def _deliver(result: Result, job: Job, quiet: bool, as_json: bool) -> None:
    """Print the result, and exit with the status of convergence."""
    from ..core.files import json_text
    from ..report.console import not_converged, print_tables, summary_json

    if as_json:
        typer.echo(json_text(summary_json(result)))
    elif not quiet:
        print_tables(result, job)
    if not result.converged:
        typer.echo(not_converged(result), err=True)
        if not result.quick:
            raise typer.Exit(EXIT_NOT_CONVERGED)


def _deliver_checks(checks: Checks, job: Job, quiet: bool, as_json: bool) -> None:
    """Print the state of every level; exit code 1 if one is not calibrated."""
    from ..checks.outcome import contents
    from ..core.files import json_text
    from ..report.console import print_checks

    if as_json:
        typer.echo(json_text(contents(checks)))
    elif not quiet:
        print_checks(checks, job)
    if checks.failures:
        _fail(f"NOT CALIBRATED: {', '.join(checks.failures)}; see {job.out / 'check.json'}", EXIT_FAILED)


Table = tuple[list[str], list[list[Any]]]


def _deliver_table(record: Any, table: Table, job: Job, quiet: bool, as_json: bool) -> None:
    """Print a sweep or a comparison as JSON or as a table."""
    from ..core.files import json_text
    from ..report.console import print_columns

    if as_json:
        typer.echo(json_text(record))
    elif not quiet:
        print_columns(table, job)
        price = getattr(record, "price", None)
        for words in (*([price.words] if price is not None else []), *getattr(record, "notes", ())):
            typer.echo(words)


def _deliver_suite(summary: SuiteSummary, quiet: bool, as_json: bool) -> None:
    """Print what a suite holds and what was done for it."""
    from ..core.files import json_text

    if as_json:
        typer.echo(json_text({**vars(summary), "folder": str(summary.folder)}))
    elif not quiet:
        damaged = f", {summary.replaced} of them damaged before" if summary.replaced else ""
        typer.echo(
            f"{summary.catalogues:,} catalogues, {summary.clusters:,} clusters, {summary.bytes / 1e6:,.0f} MB "
            f"in {summary.folder}\n{summary.drawn} of {summary.shards} shards drawn now{damaged}"
        )


def main() -> None:
    """Entry point of the command ``forecast``."""
    app()
