"""The command `mlcheck predict`: what a network says of catalogues that are like its training ones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from forecast.cli.options import Form, Format, Json, Quiet, Shown

from .options import Model

if TYPE_CHECKING:
    from forecast.report.console import Screen

    from ..apply.judged import Judged

_SHOWN = 20


def predict_command(
    model: Model,
    catalogue: Annotated[
        Path, typer.Argument(metavar="CATALOGUE_OR_SUITE", help="A suite's folder, or a table with the features.")
    ],
    out: Annotated[Path, typer.Option("--out", help="Output folder.")] = Path("out/predictions"),
    force: Annotated[bool, typer.Option("--force", help="Show numbers that are not to be trusted, marked so.")] = False,
    quiet: Quiet = False,
    as_json: Json = False,
    form: Format = Form.TEXT,
) -> None:
    """What a network says of a suite's catalogues, or of a table of clusters (several with a column `catalogue`).

    Every catalogue is first held against the training ones; one that is unlike them is refused (exit code 2).
    """
    from forecast.cli.session import exit_codes, held

    with exit_codes(), held(out):
        from forecast.core.files import json_text, prepare_output
        from forecast.report.console import Screen

        from ..apply.inputs import is_foreign, read_inputs
        from ..apply.judged import predict_judged
        from ..networks.saving import load_all, provenance
        from .output import write_judged

        members = load_all(model)
        catalogues = read_inputs(catalogue, members[0], check=not force)
        found = predict_judged(members, catalogues, force=force, foreign=is_foreign(catalogue, members[0]))
        prepare_output(out)
        write_judged(out / "predictions.csv", found)
        shown = Shown(quiet, as_json, form)
        if shown.form is Form.JSON:
            typer.echo(json_text({**_content(found), "provenance": provenance(members)}))
        elif shown.form is Form.TEXT:
            _print(found, Screen())
            Screen().say(f"predictions: {out / 'predictions.csv'}")
        elif shown.form is not None:
            Screen(shown.form).table(["catalogue", "clusters", "sigma8", "verdict"], _rows(found))
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


def _rows(found: Judged) -> list[list[Any]]:
    """Every catalogue with its answer and what is thought of it."""
    from forecast.core.digits import measured_figure, plain_figure

    mean, std, rows = found.filled("mean"), found.filled("std"), []
    for i, (number, size) in enumerate(zip(found.catalogues.number, found.catalogues.size, strict=True)):
        answer = "" if found.refused[i] else measured_figure(mean[i], std[i])
        words = found.reasons[i] or (found.verdicts[i].verdict if i < len(found.verdicts) else "")
        rows.append([str(number), plain_figure(float(size), ".0f"), answer, words])
    return rows


def _print(found: Judged, screen: Screen) -> None:
    from forecast.core.digits import measured_text

    from ..domain.out_of_distribution import DISTRUSTED

    mean, std = found.filled("mean"), found.filled("std")
    total, refused = len(found.catalogues), found.refused
    shown = [] if total == 1 and refused[0] else range(min(_SHOWN, total))
    for i in shown:
        answer = f"sigma8 = {measured_text(mean[i], std[i])}"
        if refused[i]:
            answer = f"refused: {found.reasons[i]}"
        elif found.reasons[i]:
            answer += f", {DISTRUSTED}: {found.reasons[i]}"
        elif found.verdicts[i].verdict == "doubtful":
            answer += f", doubtful: {found.verdicts[i].words}"
        screen.say(f"catalogue {found.catalogues.number[i]}: {found.catalogues.size[i]} clusters, {answer}")
    if total > _SHOWN:
        screen.say(f"... and {total - _SHOWN:,} more")
