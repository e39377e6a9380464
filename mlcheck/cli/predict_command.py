"""The command `mlcheck predict`: what a network says of catalogues that are like its training ones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from ..apply.judged import Judged

_SHOWN = 20


def predict_command(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A .keras file, or a folder of them (an ensemble).")],
    catalogue: Annotated[
        Path, typer.Argument(metavar="CATALOGUE_OR_SUITE", help="A suite's folder, or a table with the features.")
    ],
    out: Annotated[Path, typer.Option("--out", help="Output folder.")] = Path("out/predictions"),
    force: Annotated[bool, typer.Option("--force", help="Show numbers that are not to be trusted, marked so.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print errors only.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object, nothing else.")] = False,
) -> None:
    """What a network says of a suite's catalogues, or of a table of clusters (several with a column `catalogue`).

    Every catalogue is first held against the training ones; one that is unlike them is refused (exit code 2).
    """
    from forecast.cli.session import exit_codes, held

    with exit_codes(), held(out):
        from forecast.core.files import json_text, prepare_output

        from ..apply.inputs import is_foreign, read_inputs
        from ..apply.judged import predict_judged
        from ..networks.saving import load_all, provenance
        from .output import write_judged

        members = load_all(model)
        catalogues = read_inputs(catalogue, members[0], check=not force)
        found = predict_judged(members, catalogues, force=force, foreign=is_foreign(catalogue, members[0]))
        prepare_output(out)
        write_judged(out / "predictions.csv", found)
        if as_json:
            typer.echo(json_text({**_content(found), "provenance": provenance(members)}))
        elif not quiet:
            _print(found)
            typer.echo(f"predictions: {out / 'predictions.csv'}")
        found.check(str(catalogue))


def _content(found: Judged) -> dict[str, Any]:
    return {
        "catalogue": found.catalogues.number,
        "clusters": found.catalogues.size,
        "sigma8": found.filled("mean"),
        "std": found.filled("std"),
        "members": found.filled("members"),
        "refused": found.refused,
        "trusted": found.trusted,
        "p": [verdict.p for verdict in found.verdicts],
        "reasons": found.reasons,
        "verdicts": [verdict.verdict for verdict in found.verdicts],
    }


def _print(found: Judged) -> None:
    from ..domain.out_of_distribution import DISTRUSTED

    mean, std = found.filled("mean"), found.filled("std")
    total, refused = len(found.catalogues), found.refused
    shown = [] if total == 1 and refused[0] else range(min(_SHOWN, total))
    for i in shown:
        answer = f"sigma8 = {mean[i]:.4f}" + (f" ± {std[i]:.4f}" if std[i] == std[i] else "")
        if refused[i]:
            answer = f"refused: {found.reasons[i]}"
        elif found.reasons[i]:
            answer += f", {DISTRUSTED}: {found.reasons[i]}"
        elif found.verdicts[i].verdict == "doubtful":
            answer += f", doubtful: {found.verdicts[i].words}"
        typer.echo(f"catalogue {found.catalogues.number[i]}: {found.catalogues.size[i]} clusters, {answer}")
    if total > _SHOWN:
        typer.echo(f"... and {total - _SHOWN:,} more")
