"""Command line of mlcheck: parse, call, print. Keras is imported by the commands that need it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer

from forecast.cli.app import print_version
from forecast.cli.arguments import Commands, start
from forecast.cli.options import Form, Format, Json, Quiet, Scheduler, Shown, Workers
from forecast.cli.session import exit_codes, held, progress_bar
from forecast.cli.streams import prepare_streams

from .apply_command import apply_command
from .options import (
    Case,
    ConfigName,
    Epochs,
    Members,
    Overwrite,
    Preset,
    Seed,
    SplitSeed,
    Suite,
    Survey,
    complete_case,
    complete_preset,
)
from .predict_command import predict_command

app = typer.Typer(
    cls=Commands,
    help="Networks that infer sigma8 from cluster catalogues, held against the statistical forecast.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


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


@app.command(short_help="List the built-in configurations.", epilog="Example: mlcheck configs")
def configs() -> None:
    """List the built-in configurations: which survey, which network, how it is trained."""
    from forecast.report.console import Screen

    from ..networks.config import builtin_configs, load_config

    screen, names = Screen(), builtin_configs()
    for name in names:
        screen.say(f"{name:<{max(map(len, names))}}  {load_config(name).title}")
    screen.say("Next: mlcheck describe compact")


@app.command(short_help="Layers of a network, and their parameters.", epilog="Example: mlcheck describe compact")
def describe(
    preset: Annotated[str, typer.Argument(metavar="PRESET", help="compact or nv22.", autocompletion=complete_preset)],
    case: Case = "standard",
    quiet: Quiet = False,
    as_json: Json = False,
    form: Format = Form.TEXT,
) -> None:
    """Layers of a network, their shapes for N clusters, and their parameters."""
    with exit_codes():
        from forecast.core.files import json_text
        from forecast.report.console import Screen
        from forecast.suite.columns import RADIUS_NAMES

        from ..data.layout import layout_of
        from ..networks.architectures import Architecture, build, layers_of
        from .output import print_layers

        profile = [f"{kind}_{radius}" for kind in ("log_mgas", "slope") for radius in RADIUS_NAMES]
        layout = layout_of(["log_lx", "log_t", "log_mgas", *profile, "log_mwl"], case)
        network = build(Architecture.of(preset), layout)
        rows = layers_of(network)
        shown = Shown(quiet, as_json, form)
        if shown.form is Form.JSON:
            typer.echo(json_text({"preset": preset, "case": case, "parameters": network.parameters, "layers": rows}))
        elif shown.form is not None:
            print_layers(rows, network.parameters, Screen(shown.form))
            Screen(shown.form).say(
                f"main: {', '.join(layout.main)}\nsupplementary: {', '.join(layout.supplementary) or 'none'}\n"
                "DIR: a folder that 'forecast suite' made.\nNext: mlcheck train compact --suite DIR"
            )


@app.command(
    short_help="Train a network, or an ensemble, on a suite.",
    epilog="Example: mlcheck train compact --suite out/nv22-suite",
)
def train(
    config: ConfigName,
    suite: Suite,
    survey: Survey = None,
    preset: Preset = None,
    case: Case = "standard",
    members: Members = 1,
    epochs: Epochs = None,
    seed: Seed = 1,
    split_seed: SplitSeed = 1,
    out: Annotated[Path | None, typer.Option("--out", help="Output folder.  [default: out/CONFIG-CASE]")] = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    as_json: Json = False,
    form: Format = Form.TEXT,
) -> None:
    """Train a network, or an ensemble, on a suite and score it on catalogues it has not seen.

    Stopped or killed, the same command goes on after the last finished epoch.
    """
    folder = out if out is not None else Path("out") / f"{Path(config).stem}-{case}"
    with _task(Shown(quiet, as_json).silent, folder) as report:
        from forecast.core.files import json_text
        from forecast.report.console import Screen

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
    shown = Shown(quiet, as_json, form)
    if shown.form is Form.JSON:
        typer.echo(json_text({"warnings": outcome.score.doubts(), **asdict(outcome.score)}))
    elif shown.form is not None:
        print_scores([outcome.score], Screen(shown.form))
        following = f"Next: mlcheck report {folder} --suite {suite}"
        Screen(shown.form).say(f"networks, results and figures: {folder}\n{following}")


app.command(
    "predict",
    short_help="What a network says of a suite, or of a table of clusters.",
    epilog="Example: mlcheck predict out/compact-standard clusters.fits",
)(predict_command)


@app.command(
    "cases",
    short_help="NV22's table 4 beside ours: every case and the baselines.",
    epilog="Example: mlcheck cases compact --suite out/nv22-suite --only standard,no-wl",
)
def cases_command(
    config: ConfigName,
    suite: Suite,
    survey: Survey = None,
    preset: Preset = None,
    only: Annotated[
        str | None,
        typer.Option(
            "--only",
            metavar="CASE,...",
            help="Cases, separated by commas.  [default: all five]",
            autocompletion=complete_case,
        ),
    ] = None,
    exact: Annotated[int, typer.Option("--exact", min=10, help="Test catalogues for the dear exact posteriors.")] = 300,
    members: Members = 1,
    epochs: Epochs = None,
    seed: Seed = 1,
    split_seed: SplitSeed = 1,
    out: Annotated[Path | None, typer.Option("--out", help="Output folder.  [default: out/CONFIG-cases]")] = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    as_json: Json = False,
    form: Format = Form.TEXT,
) -> None:
    """NV22's table 4 beside ours: every case, baselines, and the exact statistics on the same test catalogues."""
    folder = out if out is not None else Path("out") / f"{Path(config).stem}-cases"
    with _task(Shown(quiet, as_json).silent, folder) as report:
        from forecast.core.files import json_text
        from forecast.report.console import Screen

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
    shown = Shown(quiet, as_json, form)
    if shown.form is Form.JSON:
        typer.echo(json_text(content))
    elif shown.form is not None:
        print_scores(comparison.scores, Screen(shown.form))
        following = f"Next: mlcheck report {folder} --suite {suite}"
        Screen(shown.form).say(f"results: {folder / 'cases.json'}\n{following}")


@app.command(
    "report",
    short_help="Can the networks be trusted? Every test, and a verdict.",
    epilog="Example: mlcheck report out/compact-standard --suite out/nv22-suite --quick",
)
def report_command(
    run: Annotated[
        Path,
        typer.Argument(metavar="RUN", file_okay=False, help="Output folder of 'mlcheck cases' or 'mlcheck train'."),
    ],
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
    form: Format = Form.TEXT,
) -> None:
    """Can the networks be trusted? Every test, the exact statistics beside them, and a verdict, as one HTML page.

    Finished steps are kept: stopped or killed, the same command goes on.
    """
    folder = out if out is not None else run / "report"
    with _task(Shown(quiet, as_json).silent, folder) as told:
        from forecast.core.files import json_text
        from forecast.execution.executor import Executor
        from forecast.report.console import Screen

        from ..evidence.evidence import ReportPlan
        from ..evidence.trial import Trial
        from ..report.build import build_report, write_report
        from .output import print_report

        plan = ReportPlan.quick(seed) if quick else ReportPlan(seed)
        executor = Executor.chosen(workers, scheduler)
        report = build_report(Trial.open(run, suite, judged=judged), plan, folder, progress=told, executor=executor)
        page = write_report(report, folder)
    shown = Shown(quiet, as_json, form)
    if shown.form is Form.JSON:
        typer.echo(json_text({"verdict": asdict(report.verdict), "findings": [asdict(f) for f in report.findings]}))
    elif shown.form is not None:
        print_report(report, page, Screen(shown.form))


app.command(
    "apply",
    short_help="A network on real clusters, beside the exact fit.",
    epilog="Example: mlcheck apply out/cccp-standard --catalogue clusters.fits --config fit.toml",
)(apply_command)


def main() -> None:
    """Entry point of the command ``mlcheck``."""
    prepare_streams()
    start(app)
