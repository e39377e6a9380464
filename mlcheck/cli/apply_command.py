"""The command `mlcheck apply`: a network on real clusters, beside the exact fit, unless it does not know such."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from forecast.cli.completion import complete_config
from forecast.cli.options import Form, Format, Json, Quiet, Shown

from .options import Model

if TYPE_CHECKING:
    from forecast.config.load import Config
    from forecast.report.console import Screen
    from forecast.report.text_table import Cells

    from ..apply.real_clusters import Application
    from ..networks.saving import Trained

Mocks = Annotated[
    int, typer.Option("--mocks", min=200, help="Mocks drawn; the network is scored on those most like the catalogue.")
]
Force = Annotated[bool, typer.Option("--force", help="Answer even if the catalogue is unlike the training ones.")]


def apply_command(
    model: Model,
    catalogue: Annotated[
        Path | None, typer.Option("--catalogue", help="Table of clusters.  [default: the survey's own]")
    ] = None,
    config: Annotated[
        str | None,
        typer.Option(
            "--config",
            metavar="CONFIG",
            help="The survey's configuration.  [default: the model's]",
            autocompletion=complete_config,
        ),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Cut the chains of the exact posteriors short.")] = False,
    force: Force = False,
    mocks: Mocks = 2000,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of mocks and chains.")] = 1,
    out: Annotated[Path, typer.Option("--out", help="Output folder.")] = Path("out/apply"),
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Discard the chains of an earlier run.")] = False,
    quiet: Quiet = False,
    as_json: Json = False,
    form: Format = Form.TEXT,
) -> None:
    """Apply a network to real clusters, beside 'forecast fit' on the same ones.

    First the catalogue is held against the training ones; one that is unlike them is refused (exit code 2).
    """
    from forecast.cli.session import exit_codes, held, progress_bar

    with exit_codes(), held(out), progress_bar(Shown(quiet, as_json).silent) as report:
        from forecast.config.load import load_config
        from forecast.core.errors import InputError
        from forecast.core.files import json_text, prepare_output
        from forecast.core.records import Job
        from forecast.report.console import Screen

        from ..apply.real_clusters import ApplyPlan, apply_network
        from ..domain.out_of_distribution import CURE
        from ..networks.saving import load_all

        members = load_all(model)
        name = config or members[0].origin.survey
        settings = load_config(name)
        job = Job(Path(name).stem, out, seed, quick, overwrite=overwrite, progress=report)
        prepare_output(out)
        found = apply_network(members, settings, catalogue, ApplyPlan(job, mocks, force))
        content = write_application(found, members, settings, job)
        if not found.answers:
            raise InputError(f"{found.source}: {found.words} {CURE}")
    shown = Shown(quiet, as_json, form)
    if shown.form is Form.JSON:
        typer.echo(json_text(content))
    elif shown.form is not None:
        print_application(found, Screen(shown.form))
        Screen(shown.form).say(f"results and figure: {out}")


def write_application(found: Application, members: tuple[Trained, ...], settings: Config, job: Any) -> dict[str, Any]:
    """Write results.json and, unless refused, the figure; what was written."""
    from forecast.core.files import prepare_output, write_json
    from forecast.core.formats import RESULTS
    from forecast.report.plots.style import save_figure

    from ..apply.plot import posterior_figure
    from ..networks.saving import provenance

    content = {
        "format": RESULTS.version,
        "provenance": {
            "command": "apply",
            "catalogue": found.source,
            "seed": job.seed,
            "quick": job.quick,
            **provenance(members),
            "config": settings.model_dump(mode="json"),
        },
        "refused": not found.answers,
        "words": [*first_words(found), found.reweighting.words, *found.notes],
        **asdict(found),
    }
    write_json(job.out / "results.json", content)
    if found.answers:
        prepare_output(job.out / "figures")
        published = [("published", p.value, (p.stat**2 + p.sys**2) ** 0.5) for p in settings.published]
        save_figure(posterior_figure(found, published), job.out / "figures" / "posterior")
    return content


def first_words(found: Application) -> list[str]:
    """What must be read before any number."""
    from ..domain.out_of_distribution import DISTRUSTED

    if found.trusted or not found.answers:
        return [found.words]
    return [f"The network's answer is {DISTRUSTED}; it is shown because of --force.", found.words]


def print_application(found: Application, screen: Screen) -> None:
    """Print verdict, posteriors and notes."""
    from forecast.core.digits import measured_figure, measured_text

    for words in (f"{found.source}: {found.clusters} clusters, {', '.join(found.features)}", *first_words(found)):
        screen.say(words)
    screen.say(found.reweighting.words)
    rows: list[Cells] = []
    for answer in found.answers:
        mark = "" if found.trusted or answer.method != "network" else ", not to be trusted"
        rows.append([answer.words + mark, measured_figure(answer.mean, answer.std)])
    screen.table(["answer", "sigma8"], rows)
    if found.near is not None:
        near = found.near
        screen.say(
            f"network on {near.words}: bias {measured_text(near.bias, near.bias_error, sign=True)}, scatter "
            f"{near.scatter:.4f}, 68% coverage {near.coverage_68:.2f}"
        )
    for note in found.notes:
        screen.say(note)
