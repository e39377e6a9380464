"""Command line: parse, call `forecast.cli.pipelines`, print a table. Heavy imports wait until a command needs them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .deliver import deliver
from .mock_commands import check, saliency, suite
from .options import ConfigName, Json, Level, MaxSteps, Out, Overwrite, Quick, Quiet, Seed
from .planning_commands import compare, joint, proxies, require, sweep
from .session import exit_codes, task
from .start import doctor, explain, init_app

app = typer.Typer(
    help="How well does an X-ray cluster survey measure sigma8 by self-calibration?",
    no_args_is_help=True,
    add_completion=False,
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
    with task(config, "run", out, seed, quiet or as_json, options) as (settings, job):
        from .pipelines import run_forecast

        deliver(run_forecast(settings, job), job, quiet, as_json)


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
    ladder: Annotated[
        bool | None,
        typer.Option("--ladder/--no-ladder", help="After sampling, the ladder too.  [default: unless --quick]"),
    ] = None,
    max_steps: MaxSteps = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Fit sigma8 and the scaling relations to real clusters."""
    options = {"quick": quick, "level": level, "max_steps": max_steps, "overwrite": overwrite}
    with task(config, "fit", out, seed, quiet or as_json, options) as (settings, job):
        from .pipelines import run_fit

        with_ladder = not quick if ladder is None else ladder
        deliver(run_fit(settings, job, catalogue, ladder=with_ladder), job, quiet, as_json)


@app.command("map")
def map_command(
    config: ConfigName, out: Out = None, seed: Seed = 1, quiet: Quiet = False, as_json: Json = False
) -> None:
    """Bin mock catalogues into a map of sigma8 over count and median Y_X."""
    with task(config, "map", out, seed, quiet or as_json, {}) as (settings, job):
        from .pipelines import run_map

        deliver(run_map(settings, job), job, quiet, as_json)


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
    with task(config, "ladder", out, seed, quiet or as_json, options) as (settings, job):
        from .pipelines import run_ladder

        deliver(run_ladder(settings, job, mcmc=mcmc), job, quiet, as_json)


for command in (saliency, check, suite, sweep, compare, require, proxies, joint, explain, doctor):
    app.command()(command)
app.add_typer(init_app, name="init")


@app.command()
def configs(
    as_json: Json = False,
    show: Annotated[str | None, typer.Option("--show", metavar="NAME", help="Print one, to be copied.")] = None,
) -> None:
    """List the built-in configurations, or print one: forecast configs --show erosita > mine.toml."""
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


def main() -> None:
    """Entry point of the command ``forecast``."""
    app()
