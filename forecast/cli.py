"""Command line: parse, call `forecast.run`, print a table. Heavy imports wait until a command needs them."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from .config import Config
    from .results import Result
    from .run import Job

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
Level = Annotated[str | None, typer.Option("--level", help="Sample one level: counts, selfcal, binned, unbinned.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Discard the chains of an earlier run in --out.")]
MaxSteps = Annotated[int | None, typer.Option("--max-steps", min=10, help="Longest chain, steps.")]


def _version(value: bool) -> None:
    if value:
        from importlib import metadata

        typer.echo(f"massanchor {metadata.version('massanchor')}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
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
        from .run import run_forecast

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
        from .run import run_fit

        _deliver(run_fit(settings, job, catalogue), job, quiet, as_json)


@app.command("map")
def map_command(
    config: ConfigName, out: Out = None, seed: Seed = 1, quiet: Quiet = False, as_json: Json = False
) -> None:
    """Bin mock catalogues into a map of sigma8 over count and median Y_X."""
    with _task(config, "map", out, seed, quiet or as_json, {}) as (settings, job):
        from .run import run_map

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
        from .run import run_ladder

        _deliver(run_ladder(settings, job, mcmc=mcmc), job, quiet, as_json)


@app.command()
def saliency(
    config: ConfigName,
    mocks: Annotated[int, typer.Option("--mocks", min=2, help="Mock catalogues to average over.")] = 40,
    draws: Annotated[int, typer.Option("--draws", min=200, help="Prior draws to weight.")] = 8000,
    out: Out = None,
    seed: Seed = 1,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Where in mass the information sits: d sigma8 / d log Y_X and leave-one-out per cluster."""
    with _task(config, "saliency", out, seed, quiet or as_json, {}) as (settings, job):
        from .influence import InfluencePlan
        from .run import run_saliency

        _deliver(run_saliency(settings, job, InfluencePlan(mocks, draws)), job, quiet, as_json)


@app.command()
def configs(as_json: Json = False) -> None:
    """List the built-in configurations."""
    from .config import builtin_configs, load_config

    titles = {name: load_config(name).title for name in builtin_configs()}
    if as_json:
        typer.echo(json.dumps(titles, indent=1))
        return
    width = max(len(name) for name in titles)
    for name, title in titles.items():
        typer.echo(f"{name:<{width}}  {title}")


@contextmanager
def _task(
    name: str, command: str, out: Path | None, seed: int, silent: bool, options: dict[str, Any]
) -> Iterator[tuple[Config, Job]]:
    """Load the configuration, show progress, and turn errors into exit codes."""
    from .errors import InputError, MassanchorError

    try:
        from .config import load_config
        from .run import Job

        settings = load_config(name)
        _check_level(options.get("level"))
        stem = Path(name).stem
        with _progress(silent) as report:
            folder = out if out is not None else Path("out") / f"{stem}-{command}"
            yield settings, Job(name=stem, out=folder, seed=seed, progress=report, **options)
    except InputError as error:
        _fail(f"error: {error}", EXIT_BAD_INPUT)
    except MassanchorError as error:
        _fail(f"failed: {error}", EXIT_FAILED)
    except KeyboardInterrupt:
        _fail("interrupted; finished blocks are kept, the same command resumes the chain", EXIT_INTERRUPTED)


def _check_level(level: str | None) -> None:
    from .errors import InputError, nearest
    from .likelihood import LEVELS

    if level is not None and level not in LEVELS:
        raise InputError(f"--level {level}: unknown level; {nearest(level, LEVELS)}")


def _fail(message: str, code: int) -> None:
    typer.echo(message, err=True)
    raise typer.Exit(code)


@contextmanager
def _progress(silent: bool) -> Iterator[Callable[[str, int, int, float], None] | None]:
    """Progress bar on standard error; nothing at all if `silent` or not a terminal."""
    if silent or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:.0f}/{task.total:.0f} steps"),
        TextColumn("{task.fields[lengths]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    tasks: dict[str, Any] = {}
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:

        def report(task: str, done: int, total: int, lengths: float) -> None:
            if task not in tasks:
                tasks[task] = bar.add_task(task, total=total, lengths="")
            bar.update(tasks[task], completed=done, lengths=f"{lengths:.0f} of 50 tau")

        yield report


def _deliver(result: Result, job: Job, quiet: bool, as_json: bool) -> None:
    """Print the result, and exit with the status of convergence."""
    if as_json:
        typer.echo(json.dumps(summary_json(result), indent=1, allow_nan=False))
    elif not quiet:
        _print_tables(result, job)
    if not result.converged:
        typer.echo(_not_converged(result), err=True)
        if not result.quick:
            raise typer.Exit(EXIT_NOT_CONVERGED)


def _not_converged(result: Result) -> str:
    chains = [f"{c.level} ({c.lengths_in_tau:.0f} of 50 tau)" for c in result.chains if not c.converged]
    cure = "run without --quick" if result.quick else "raise --max-steps; the same command continues the chain"
    return f"NOT CONVERGED: {', '.join(chains)}; {cure}"


def summary_json(result: Result) -> dict[str, Any]:
    """The JSON object of ``--json``: levels, and for chains the parameters of the headline level."""
    from .results import to_plain

    summary: dict[str, Any] = {"command": result.provenance.command, "configuration": result.provenance.config_name}
    summary |= {"seed": result.provenance.seed, "version": result.provenance.version}
    if result.ladder:
        first = result.ladder[0]
        summary["levels"] = {level: {"sigma8_std": std} for level, std in first.sigma8_std.items()}
        summary["rows"] = to_plain(result.ladder)
        summary["systematics"] = to_plain(result.systematics)
    if result.survival:
        summary["survival"] = to_plain(result.survival)
    if result.data is not None:
        summary["n_clusters"] = result.data.n_clusters
    if result.chains:
        summary["converged"] = result.converged
        summary["chains"] = to_plain({c.level: c for c in result.chains})
        headline = result.chain(result.headline)
        if headline is not None:
            summary |= {"level": headline.level, "parameters": to_plain(headline.parameters)}
    if result.map is not None:
        summary["map"] = to_plain(result.map)
    if result.influence:
        summary["influence"] = to_plain(result.influence)
    if result.goodness:
        summary["goodness"] = {g.observable: g.p_value for g in result.goodness}
    return dict(to_plain(summary))


def _print_tables(result: Result, job: Job) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console()
    console.print(f"[bold]{escape(result.title)}[/bold]: {result.expected_count:.1f} clusters expected")
    if result.ladder:
        levels = list(result.ladder[0].sigma8_std)
        table = Table("sigma(sigma8), Fisher", *levels, title=None)
        for row in result.ladder:
            table.add_row(escape(row.label), *(f"{row.sigma8_std[level]:.4f}" for level in levels))
        console.print(table)
    if result.survival:
        levels = list(result.survival[0].sigma8_std)
        table = Table("what survives", "priors", "volume", *levels)
        for line in result.survival:
            numbers = (f"{line.sigma8_std[level]:.4f}" for level in levels)
            table.add_row(escape(line.selection), f"x {line.widening:g}", f"x {line.volume:g}", *numbers)
        console.print(table)
    if result.systematics:
        table = Table("shift of sigma8", *result.systematics[0].shift)
        for shift in result.systematics:
            table.add_row(escape(shift.label), *(f"{x:+.4f}" for x in shift.shift.values()))
        console.print(table)
    if result.chains:
        table = Table("sigma8, MCMC", "mean", "std", "16%", "50%", "84%", "converged")
        for chain in result.chains:
            s = chain.parameters["sigma8"]
            numbers = (f"{s[key]:.4f}" for key in ("mean", "std", "q16", "q50", "q84"))
            state = f"{'yes' if chain.converged else 'NO'} ({chain.lengths_in_tau:.0f} tau)"
            table.add_row(chain.level, *numbers, state)
        console.print(table)
    if result.map is not None:
        m = result.map
        console.print(
            f"map: median scatter {m.median_std:.4f}; sigma8 rises by {m.slope_count:.3f} per 50 clusters "
            f"and {m.slope_yx:.3f} per 0.1 dex of median Y_X"
        )
    for curve in result.influence:
        table = Table(f"{curve.selection}: log M500", "d sigma8/d log Y_X", "leave one out x 1000")
        for b, value in enumerate(curve.saliency):
            mass = f"{curve.mass_edges[b]:.2f} - {curve.mass_edges[b + 1]:.2f}"
            left_out = f"{1e3 * curve.shift[b]:+.2f} ± {1e3 * curve.shift_error[b]:.2f}"
            table.add_row(mass, f"{value:+.4f} ± {curve.saliency_error[b]:.4f}", left_out)
        console.print(table)
    for check in result.goodness:
        console.print(f"goodness of fit in {check.observable}: p = {check.p_value:.2f}")
    for note in result.notes:
        console.print(escape(note))
    console.print(f"report: {escape(str(job.out / 'report.html'))}")


def main() -> None:
    """Entry point of the command ``forecast``."""
    app()
