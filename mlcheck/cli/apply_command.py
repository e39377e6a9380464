"""The command `mlcheck apply`: a network on real clusters, beside the exact fit, unless it does not know such."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from forecast.config.load import Config

    from ..apply.real_clusters import Application
    from ..networks.saving import Trained

Mocks = Annotated[
    int, typer.Option("--mocks", min=200, help="Mocks drawn; the network is scored on those most like the catalogue.")
]
Force = Annotated[bool, typer.Option("--force", help="Answer even if the catalogue is unlike the training ones.")]


def apply_command(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A .keras file, or a folder of them (an ensemble).")],
    catalogue: Annotated[
        Path | None, typer.Option("--catalogue", help="Table of clusters.  [default: the survey's own]")
    ] = None,
    config: Annotated[
        str | None, typer.Option("--config", help="The survey's configuration.  [default: the model's]")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Cut the chains of the exact posteriors short.")] = False,
    force: Force = False,
    mocks: Mocks = 2000,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of mocks and chains.")] = 1,
    out: Annotated[Path, typer.Option("--out", help="Output folder.")] = Path("out/apply"),
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Discard the chains of an earlier run.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print errors only.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object, nothing else.")] = False,
) -> None:
    """Apply a network to real clusters, beside 'forecast fit' on the same ones.

    First the catalogue is held against the training ones; one that is unlike them is refused (exit code 2).
    """
    from forecast.cli.session import exit_codes, held, progress_bar

    with exit_codes(), held(out), progress_bar(quiet or as_json) as report:
        from forecast.config.load import load_config
        from forecast.core.errors import InputError
        from forecast.core.files import json_text, prepare_output
        from forecast.core.records import Job

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
    if as_json:
        typer.echo(json_text(content))
    elif not quiet:
        print_application(found)
        typer.echo(f"results and figure: {out}")


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


def print_application(found: Application) -> None:
    """Print verdict, posteriors and notes."""
    typer.echo(f"{found.source}: {found.clusters} clusters, {', '.join(found.features)}")
    for words in first_words(found):
        typer.echo(words)
    typer.echo(found.reweighting.words)
    for answer in found.answers:
        mark = "" if found.trusted or answer.method != "network" else ", not to be trusted"
        typer.echo(f"  {answer.words + mark:<45} sigma8 = {answer.mean:.4f} ± {answer.std:.4f}")
    if found.near is not None:
        near = found.near
        typer.echo(
            f"network on {near.words}: bias {near.bias:+.4f} ± {near.bias_error:.4f}, scatter {near.scatter:.4f}, "
            f"68% coverage {near.coverage_68:.2f}"
        )
    for note in found.notes:
        typer.echo(note)
