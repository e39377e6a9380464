"""Command line: parse, call `forecast.cli.pipelines`, print a table. Heavy imports wait until a command needs them."""

from __future__ import annotations

from typing import Annotated

import typer

from ..execution.memory import keep_freed_memory
from .arguments import Commands, again, start
from .completion import complete_builtin
from .deliver import deliver
from .mock_commands import check, saliency, suite
from .options import (
    ConfigName,
    FitPlan,
    Form,
    Format,
    Json,
    Levels,
    MaxSteps,
    Out,
    Overwrite,
    Quick,
    QuickLadder,
    Quiet,
    Seed,
    Shown,
    Tables,
)
from .planning_commands import compare, joint, proxies, require, sweep
from .session import exit_codes, task
from .several_commands import Alone, Asked, CutOverlap, Others, Place, Shared, fit_several, ladder_several
from .start import data, doctor, explain, init_app
from .streams import prepare_streams

app = typer.Typer(
    cls=Commands,
    help="How well does an X-ray cluster survey measure sigma8 by self-calibration?",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


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


@app.command(
    short_help="Forecast a survey: ladder, chains, map and report.", epilog="Example: forecast run nv22 --quick"
)
def run(
    context: typer.Context,
    config: ConfigName,
    out: Out = None,
    seed: Seed = 1,
    quick: Quick = False,
    level: Levels = None,
    mock: Annotated[int | None, typer.Option("--mock", min=0, help="Fit the mock catalogue of this seed.")] = None,
    max_steps: MaxSteps = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    as_json: Json = False,
    form: Format = Form.TEXT,
) -> None:
    """Forecast a survey: ladder, systematics, MCMC, sigma8 map, report (expected data unless --mock)."""
    sampler = {"quick": quick, "max_steps": max_steps, "overwrite": overwrite, "again": again(context)}
    options = {**sampler, "level": level, "mock": mock}
    with task(config, "run", out, seed, quiet or as_json, options) as (settings, job):
        from .pipelines import run_forecast

        deliver(run_forecast(settings, job), job, Shown(quiet, as_json, form))


@app.command(
    short_help="Fit sigma8 and the scaling relations to real clusters.",
    epilog="Example: forecast fit cccp_lowz --quick",
)
def fit(
    context: typer.Context,
    config: ConfigName,
    others: Others = None,
    shared: Shared = None,
    cut_overlap: CutOverlap = False,
    alone: Alone = False,
    catalogue: Tables = None,
    out: Out = None,
    seed: Seed = 1,
    quick: Quick = False,
    level: Levels = None,
    ladder: Annotated[
        bool | None,
        typer.Option("--ladder/--no-ladder", help="After sampling, the ladder too.  [default: unless --quick]"),
    ] = None,
    max_steps: MaxSteps = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    as_json: Json = False,
    form: Format = Form.TEXT,
) -> None:
    """Fit sigma8 and the scaling relations to real clusters, of one survey or of several together."""
    sampler = {"quick": quick, "max_steps": max_steps, "overwrite": overwrite, "again": again(context)}
    with_ladder = not quick if ladder is None else ladder
    if (asked := Asked.of(config, others, shared, cut_overlap)).several:
        plan = FitPlan(tuple(level or ()), alone, tuple(catalogue or ()), with_ladder)
        return fit_several(asked, plan, Place(out, seed), sampler, Shown(quiet, as_json, form))
    with task(config, "fit", out, seed, quiet or as_json, {**sampler, "level": level}) as (settings, job):
        from ..config.public import given_tables, with_tables
        from .pipelines import run_fit

        own, named = given_tables(catalogue or ())
        (settings,) = with_tables({job.name: settings}, named).values()
        deliver(run_fit(settings, job, own, ladder=with_ladder), job, Shown(quiet, as_json, form))
    return None


@app.command(
    "map", short_help="Map of sigma8 over count and median Y_X, from mocks.", epilog="Example: forecast map nv22"
)
def map_command(
    config: ConfigName,
    out: Out = None,
    seed: Seed = 1,
    quiet: Quiet = False,
    as_json: Json = False,
    form: Format = Form.TEXT,
) -> None:
    """Bin mock catalogues into a map of sigma8 over count and median Y_X."""
    with task(config, "map", out, seed, quiet or as_json, {}) as (settings, job):
        from .pipelines import run_map

        deliver(run_map(settings, job), job, Shown(quiet, as_json, form))


@app.command(
    short_help="What each further piece of data adds to sigma8.",
    epilog="Example: forecast ladder erosita --format csv > ladder.csv",
)
def ladder(
    context: typer.Context,
    config: ConfigName,
    others: Others = None,
    shared: Shared = None,
    cut_overlap: CutOverlap = False,
    mcmc: Annotated[bool, typer.Option("--mcmc", help="Sample every level on expected data too.")] = False,
    out: Out = None,
    seed: Seed = 1,
    quick: QuickLadder = False,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    as_json: Json = False,
    form: Format = Form.TEXT,
) -> None:
    """What each further piece of data adds: sigma(sigma8) of every level and of the prior."""
    options = {"level": ["all"], "quick": quick, "overwrite": overwrite, "again": again(context)}
    if (asked := Asked.of(config, others, shared, cut_overlap)).several:
        several = {"quick": quick, "overwrite": overwrite, "again": again(context)}
        return ladder_several(asked, Place(out, seed), several, Shown(quiet, as_json, form), mcmc=mcmc)
    with task(config, "ladder", out, seed, quiet or as_json, options) as (settings, job):
        from .pipelines import run_ladder

        deliver(run_ladder(settings, job, mcmc=mcmc), job, Shown(quiet, as_json, form))
    return None


for command, summary, example in (
    (saliency, "Where in mass and redshift the information sits.", "saliency nv22 --level full"),
    (check, "Prove that posteriors are calibrated, on mocks.", "check nv22 --level selfcal"),
    (suite, "Draw mock catalogues into Parquet files.", "suite nv22 --draws 5000 --workers 2"),
    (sweep, "Vary one or two settings of a survey.", "sweep erosita --vary survey.area=1000:10000:4"),
    (compare, "Put several surveys side by side.", "compare nv22 erosita --best"),
    (require, "How much of one thing gets to a given error.", "require erosita sigma8=0.008 --by survey.area"),
    (proxies, "Which mass proxy would self-calibrate a survey best.", "proxies nv22_magneticum"),
    (joint, "Joint contours of Om0 and sigma8, and S8.", "joint erosita"),
    (explain, "What a key of a configuration means.", "explain flux_limit"),
    (data, "Public tables: what they are, where to get them.", "data reflex"),
    (doctor, "What is installed, and whether it works.", "doctor"),
):
    app.command(short_help=summary, epilog=f"Example: forecast {example}")(command)
app.add_typer(init_app, name="init")


@app.command(
    short_help="List the built-in configurations, or print one.",
    epilog="Example: forecast configs --show erosita > mine.toml",
)
def configs(
    as_json: Json = False,
    show: Annotated[
        str | None,
        typer.Option("--show", metavar="NAME", help="Print one, to be copied.", autocompletion=complete_builtin),
    ] = None,
) -> None:
    """List the built-in configurations, or print one, to be changed."""
    from ..config.load import builtin_configs, find_config, load_config
    from ..core.files import json_text

    if show is not None:
        with exit_codes():
            typer.echo(find_config(show).read_text(encoding="utf-8"), nl=False)
        return
    titles = {name: load_config(name).title for name in builtin_configs()}
    if as_json:
        typer.echo(json_text(titles))
        return
    width = max(len(name) for name in titles)
    for name, title in titles.items():
        typer.echo(f"{name:<{width}}  {title}")
    typer.echo("Next: forecast ladder nv22")


def main() -> None:
    """Entry point of the command ``forecast``."""
    prepare_streams()
    keep_freed_memory()
    start(app)
