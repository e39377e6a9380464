"""Results of networks on disk and on the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from forecast.core.arrays import Array
from forecast.core.digits import Figure, error_figure, measured_figure, plain_figure
from forecast.core.files import prepare_output, write_csv, write_json, write_whole
from forecast.core.formats import RESULTS
from forecast.report.console import Screen
from forecast.report.plots.style import save_figure
from forecast.report.text_table import Cells, csv_lines

from ..accuracy.cases import Comparison, Outcome
from ..accuracy.metrics import Score
from ..apply.judged import Judged
from ..data.catalogues import Catalogues
from ..networks.laboratory import Prepared, Request, history_record
from ..networks.predict import Predictions
from ..networks.saving import Trained, provenance
from ..report.build import Report
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
    lines = csv_lines(*score_columns(comparison.scores))
    write_whole(request.out / "cases.csv", "\n".join((*lines, "")))
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


def score_columns(scores: Sequence[Score]) -> tuple[list[str], list[Cells]]:
    """Table of scores: ours, NV22's, bias, coverage, distance from the exact posterior."""
    header = ["method", "scatter", "NV22", "bias", "width", "68%", "95%", "distance", "exact level", "catalogues"]
    rows: list[Cells] = []
    for s in scores:
        held = (_shown(share, ".3f") for share in (s.coverage_68, s.coverage_95))
        far = measured_figure(s.distance, s.distance_error) if s.counterpart else ""
        found = (measured_figure(s.scatter, s.scatter_error), _shown(s.published, ".4f"))
        bias = measured_figure(s.bias, s.bias_error, sign=True)
        width = error_figure(s.width) if np.isfinite(s.width) else ""
        rows.append([s.name, *found, bias, width, *held, far, s.counterpart, plain_figure(s.catalogues, ",.0f")])
    return header, rows


def _shown(value: float, form: str) -> str | Figure:
    """A number; nothing for one that is not known."""
    return plain_figure(value, form) if np.isfinite(value) else ""


def print_scores(scores: Sequence[Score], screen: Screen) -> None:
    """Print what is doubtful, and the table of scores without its empty columns."""
    header, rows = score_columns(scores)
    filled = [i for i in range(len(header)) if any(str(row[i]) for row in rows)]
    for doubt in (doubt for s in scores if s.kind == "network" for doubt in s.doubts()):
        screen.say(f" {doubt}", head="warning:")
    screen.table([header[i] for i in filled], [[row[i] for i in filled] for row in rows])


def print_layers(layers: Sequence[Mapping[str, Any]], parameters: int, screen: Screen) -> None:
    """Print the layers of a network, their shapes and parameters, and how many there are in all."""
    rows: list[Cells] = [
        [str(row["name"]), str(row["shape"]), plain_figure(row["parameters"], ",.0f")] for row in layers
    ]
    screen.table(["layer", "shape", "parameters"], [*rows, ["trainable", "", plain_figure(parameters, ",.0f")]])


def print_report(report: Report, page: Path, screen: Screen) -> None:
    """Print the verdict and why, and what every test found."""
    screen.say(report.verdict.grade.upper())
    for reason in report.verdict.reasons:
        screen.say(f"- {reason}")
    screen.say("")
    screen.sentences(["outcome", "question", "result"], [(f.outcome, f.question, f.result) for f in report.findings])
    screen.say(f"report: {page}")
