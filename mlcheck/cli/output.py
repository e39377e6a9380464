"""Results of networks on disk and on the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from forecast.core.arrays import Array
from forecast.core.files import prepare_output, write_csv, write_json
from forecast.core.formats import RESULTS
from forecast.report.plots.style import save_figure

from ..accuracy.cases import Comparison, Outcome
from ..accuracy.metrics import Score
from ..apply.judged import Judged
from ..data.catalogues import Catalogues
from ..networks.laboratory import Prepared, Request, history_record
from ..networks.predict import Predictions
from ..networks.saving import Trained, provenance
from ..report.plots.trained import agreement_figure, learning_curve, prediction_figure


def record(request: Request, trained: Sequence[Trained]) -> dict[str, Any]:
    """Where numbers come from: configuration, seeds, versions, and how training ended."""
    training = [{"seed": t.origin.seed, "parameters": t.network.parameters, **history_record(t)} for t in trained]
    return {
        "config": request.config.model_dump(mode="json"),
        "preset": request.preset,
        "seed": request.seed,
        **provenance(trained),
        "training": training,
    }


def write_case(request: Request, prepared: Prepared, outcome: Outcome) -> None:
    """Write results.json, predictions.csv and the figures of a case under the request's folder."""
    out, trained, found, test = request.out, outcome.trained, outcome.predictions, prepared.test
    prepare_output(out / "figures")
    content = {
        "format": RESULTS.version,
        "provenance": record(request, trained),
        "warnings": outcome.score.doubts(),
        "test": asdict(outcome.score),
    }
    write_json(out / "results.json", content)
    write_predictions(out / "predictions.csv", test, found)
    save_figure(
        learning_curve([t.history for t in trained], density=trained[0].network.head.density),
        out / "figures" / "learning_curve",
    )
    save_figure(prediction_figure(found.mean, found.std, test.sigma8, request.case), out / "figures" / "predictions")


def write_comparison(request: Request, comparison: Comparison) -> dict[str, Any]:
    """Write cases.json and cases.csv under the request's folder; the former's content."""
    trained = {case: outcome.trained for case, outcome in comparison.outcomes.items()}
    content: dict[str, Any] = {
        "provenance": {case: record(replace(request, case=case), members) for case, members in trained.items()},
        "warnings": [doubt for s in comparison.scores for doubt in s.doubts()],
        "scores": [asdict(s) for s in comparison.scores],
        "effective_draws": {level: exact.effective for level, exact in comparison.exact.items()},
    }
    prepare_output(request.out)
    write_json(request.out / "cases.json", content)
    write_csv(request.out / "cases.csv", *score_columns(comparison.scores))
    for case, outcome in comparison.outcomes.items():
        exact = comparison.counterpart(case)
        if exact is not None:
            figure = agreement_figure(outcome.predictions.mean, exact, f"{case} and {exact.level}")
            save_figure(figure, request.out / case / "figures" / "agreement")
    return content


def write_predictions(path: Path, catalogues: Catalogues, found: Predictions) -> None:
    """One line per catalogue: number, clusters, truth where known, mean, width, interval."""
    columns = prediction_columns(catalogues, found)
    write_csv(path, list(columns), zip(*(c.tolist() for c in columns.values()), strict=True))


def prediction_columns(catalogues: Catalogues, found: Predictions) -> dict[str, Array]:
    """Columns of predictions by name, (P,) each."""
    columns = {
        "catalogue": catalogues.number, "clusters": catalogues.size, "sigma8_mean": found.mean, "sigma8_std": found.std
    }  # fmt: skip
    if found.density is not None:
        for probability, names in ((0.68, ("sigma8_q16", "sigma8_q84")), (0.95, ("sigma8_q025", "sigma8_q975"))):
            columns |= dict(zip(names, found.interval(probability), strict=True))
    if "sigma8" in catalogues.parameters:
        columns["sigma8_true"] = catalogues.sigma8
    return columns


def write_judged(path: Path, found: Judged) -> None:
    """The same for a user's catalogues, with what the test says; refused ones have no numbers."""
    rows: list[dict[str, Any]] = [
        {"catalogue": number, "clusters": size, "trusted": not reason, "reason": reason}
        for number, size, reason in zip(found.catalogues.number, found.catalogues.size, found.reasons, strict=True)
    ]
    for row, verdict in zip(rows, found.verdicts, strict=False):
        row["p"], row["verdict"] = verdict.p, verdict.verdict
    header = ["catalogue", "clusters"]
    if found.predictions is not None:
        columns = prediction_columns(found.catalogues.take(found.answered), found.predictions)
        header = list(columns)
        for name, values in columns.items():
            for place, value in zip(found.answered, values.tolist(), strict=True):
                rows[place][name] = value
    header += ["p", "verdict", "trusted", "reason"]
    write_csv(path, header, [[row.get(name, "") for name in header] for row in rows])


def score_columns(scores: Sequence[Score]) -> tuple[list[str], list[list[str]]]:
    """Table of scores: ours, NV22's, bias, coverage, distance from the exact posterior."""
    header = ["method", "scatter", "NV22", "bias", "width", "68%", "95%", "distance", "catalogues"]

    def number(value: float, digits: int = 4) -> str:
        return f"{value:.{digits}f}" if np.isfinite(value) else ""

    rows = []
    for s in scores:
        distance = f"{s.distance:.2f} ± {s.distance_error:.2f} ({s.counterpart})" if s.counterpart else ""
        rows.append(
            [
                s.name,
                f"{s.scatter:.4f} ± {s.scatter_error:.4f}",
                number(s.published),
                f"{s.bias:+.4f}",
                number(s.width),
                number(s.coverage_68, 3),
                number(s.coverage_95, 3),
                distance,
                f"{s.catalogues:,}",
            ]
        )
    return header, rows


def print_scores(scores: Sequence[Score]) -> None:
    """Print what is doubtful, and the table of scores; it fits 80 columns."""
    from rich.console import Console
    from rich.table import Table

    header, rows = score_columns(scores)
    header[-1] = "of"
    rows = [[cell.replace(" ± ", "±").partition(" (")[0] for cell in row] for row in rows]
    filled = [i for i in range(len(header)) if any(row[i] for row in rows)]
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    for i in filled:
        table.add_column(header[i], justify="right" if i else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(row[i] for i in filled))
    console = Console()
    for doubt in (doubt for s in scores if s.kind == "network" for doubt in s.doubts()):
        console.print(f"warning: {doubt}", markup=False, highlight=False)
    console.print(table)
