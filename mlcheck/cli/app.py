"""Command line of mlcheck: parse, call, print. Keras is imported by the commands that need it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer

from forecast.cli.app import print_version
from forecast.cli.arguments import start
from forecast.cli.options import Scheduler, Workers
from forecast.cli.session import exit_codes, held, progress_bar
from forecast.cli.streams import prepare_streams

from .apply_command import apply_command
from .predict_command import predict_command

app = typer.Typer(
    help="Networks that infer sigma8 from cluster catalogues, held against the statistical forecast.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

ConfigName = Annotated[str, typer.Argument(metavar="CONFIG", help="A TOML file, or the name of a built-in one.")]
Suite = Annotated[Path, typer.Option("--suite", metavar="DIR", help="Suite that 'forecast suite' made.")]
Preset = Annotated[str | None, typer.Option("--preset", help="compact or nv22.  [default: the configuration's]")]
Survey = Annotated[
    str | None,
    typer.Option("--survey", help="Survey, as given to 'forecast suite'.  [default: the configuration's]"),
]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Seed of weights and batches.")]
SplitSeed = Annotated[int, typer.Option("--split-seed", min=0, help="Seed of the division into train and test.")]
Members = Annotated[int, typer.Option("--members", min=1, help="Networks in the ensemble.")]
Epochs = Annotated[int | None, typer.Option("--epochs", min=1, help="Instead of the configured number.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Discard the networks of an earlier run in --out.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Print errors only.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output, nothing else.")]


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Networks that infer sigma8 from cluster catalogues, held against the statistical forecast."""


@contextmanager
def _task(silent: bool, out: Path) -> Iterator[Callable[[str, int, int, float], None] | None]:
    with exit_codes(), held(out), progress_bar(silent) as report:
        yield report


@app.command()
def configs() -> None:
    """List the built-in configurations."""
    from ..networks.config import builtin_configs, load_config

    for name in builtin_configs():
        typer.echo(f"{name:<14}  {load_config(name).title}")


@app.command()
def describe(
    preset: Annotated[str, typer.Argument(metavar="PRESET", help="compact or nv22.")],
    case: Annotated[str, typer.Option("--case", help="Which features go in.")] = "standard",
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Layers of a network, their shapes for N clusters, and their parameters."""
    with exit_codes():
        from forecast.core.files import json_text
        from forecast.suite.columns import RADIUS_NAMES

        from ..data.layout import layout_of
        from ..networks.architectures import Architecture, build, layers_of

        profile = [f"{kind}_{radius}" for kind in ("log_mgas", "slope") for radius in RADIUS_NAMES]
        layout = layout_of(["log_lx", "log_t", "log_mgas", *profile, "log_mwl"], case)
        network = build(Architecture.of(preset), layout)
        rows = layers_of(network)
        if as_json:
            typer.echo(json_text({"preset": preset, "case": case, "parameters": network.parameters, "layers": rows}))
        elif not quiet:
            for row in rows:
                typer.echo(f"{row['name']:<26} {row['shape']:<22} {row['parameters']:>10,}")
            typer.echo(f"{'trainable parameters':<49} {network.parameters:>10,}")
            typer.echo(f"main: {', '.join(layout.main)}\nsupplementary: {', '.join(layout.supplementary) or 'none'}")


@app.command()
def train(
    config: ConfigName,
    suite: Suite,
    survey: Survey = None,
    preset: Preset = None,
    case: Annotated[
        str, typer.Option("--case", help="standard, shuffled, no-wl, ones or overspecialised.")
    ] = "standard",
    members: Members = 1,
    epochs: Epochs = None,
    seed: Seed = 1,
    split_seed: SplitSeed = 1,
    out: Annotated[Path | None, typer.Option("--out", help="Output folder.  [default: out/CONFIG-CASE]")] = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Train a network, or an ensemble, on a suite and score it on catalogues it has not seen.

    Stopped or killed, the same command goes on after the last finished epoch.
    """
    folder = out if out is not None else Path("out") / f"{Path(config).stem}-{case}"
    with _task(quiet or as_json, folder) as report:
        from forecast.core.files import json_text

        from ..accuracy.cases import train_case
        from ..networks.config import load_config
        from ..networks.laboratory import Request
        from .output import print_scores, write_case

        settings = load_config(config, survey)
        request = Request(settings, suite, folder, preset or settings.network.preset, case=case, progress=report)
        request = replace(
            request, seed=seed, members=members, split_seed=split_seed, epochs=epochs, overwrite=overwrite
        )
        prepared, outcome = train_case(request)
        write_case(request, prepared, outcome)
    if as_json:
        typer.echo(json_text({"warnings": outcome.score.doubts(), **asdict(outcome.score)}))
    elif not quiet:
        print_scores([outcome.score])
        typer.echo(f"networks, results and figures: {folder}")


app.command("predict")(predict_command)


@app.command("cases")
def cases_command(
    config: ConfigName,
    suite: Suite,
    survey: Survey = None,
    preset: Preset = None,
    only: Annotated[str | None, typer.Option("--only", help="Cases, separated by commas.  [default: all five]")] = None,
    exact: Annotated[int, typer.Option("--exact", min=10, help="Test catalogues for the dear exact posteriors.")] = 300,
    members: Members = 1,
    epochs: Epochs = None,
    seed: Seed = 1,
    split_seed: SplitSeed = 1,
    out: Annotated[Path | None, typer.Option("--out", help="Output folder.  [default: out/CONFIG-cases]")] = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """NV22's table 4 beside ours: every case, baselines, and the exact statistics on the same test catalogues."""
    folder = out if out is not None else Path("out") / f"{Path(config).stem}-cases"
    with _task(quiet or as_json, folder) as report:
        from forecast.core.files import json_text

        from ..accuracy.cases import compare_cases
        from ..data.layout import CASES
        from ..networks.config import load_config
        from ..networks.laboratory import Request
        from .output import print_scores, write_case, write_comparison

        settings = load_config(config, survey)
        request = Request(settings, suite, folder, preset or settings.network.preset, progress=report)
        request = replace(
            request, seed=seed, members=members, split_seed=split_seed, epochs=epochs, overwrite=overwrite
        )
        comparison = compare_cases(request, CASES if only is None else only.split(","), exact, done=write_case)
        content = write_comparison(request, comparison)
    if as_json:
        typer.echo(json_text(content))
    elif not quiet:
        print_scores(comparison.scores)
        typer.echo(f"results: {folder / 'cases.json'}")


@app.command("report")
def report_command(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Output folder of 'mlcheck cases' or 'mlcheck train'.")],
    suite: Suite,
    judged: Annotated[
        Path | None, typer.Option("--judge", metavar="DIR", help="Judge by the catalogues of this suite instead.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="A rough report in a fraction of the time.")] = False,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the tests.")] = 1,
    workers: Workers = None,
    scheduler: Scheduler = None,
    out: Annotated[Path | None, typer.Option("--out", help="Output folder.  [default: RUN/report]")] = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Can the networks be trusted? Every test, the exact statistics beside them, and a verdict, as one HTML page.

    Finished steps are kept: stopped or killed, the same command goes on.
    """
    folder = out if out is not None else run / "report"
    with _task(quiet or as_json, folder) as told:
        from forecast.core.files import json_text
        from forecast.execution.executor import Executor

        from ..evidence.evidence import ReportPlan
        from ..evidence.trial import Trial
        from ..report.build import build_report, write_report

        plan = ReportPlan.quick(seed) if quick else ReportPlan(seed)
        executor = Executor.chosen(workers, scheduler)
        report = build_report(Trial.open(run, suite, judged=judged), plan, folder, progress=told, executor=executor)
        page = write_report(report, folder)
    if as_json:
        typer.echo(json_text({"verdict": asdict(report.verdict), "findings": [asdict(f) for f in report.findings]}))
    elif not quiet:
        for finding in report.findings:
            typer.echo(f"{finding.outcome:<10}  {finding.question} {finding.result}")
        typer.echo(f"\n{report.verdict.grade.upper()}")
        for reason in report.verdict.reasons:
            typer.echo(f"- {reason}")
        typer.echo(f"report: {page}")


app.command("apply")(apply_command)


def main() -> None:
    """Entry point of the command ``mlcheck``."""
    prepare_streams()
    start(app)
