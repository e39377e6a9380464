"""What commands print: tables or JSON on standard output, verdicts as exit codes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from .session import EXIT_FAILED, EXIT_NOT_CONVERGED, fail

if TYPE_CHECKING:
    from ..checks.outcome import Checks
    from ..core.records import Job
    from ..report.results import Result
    from ..suite.writer import SuiteSummary


def deliver(result: Result, job: Job, quiet: bool, as_json: bool) -> None:
    """Print the result, and exit with the status of convergence."""
    from ..core.files import json_text
    from ..report.console import not_converged, print_tables, summary_json

    if as_json:
        typer.echo(json_text(summary_json(result)))
    elif not quiet:
        print_tables(result, job)
    if not result.converged:
        typer.echo(not_converged(result), err=True)
        if not result.quick:
            raise typer.Exit(EXIT_NOT_CONVERGED)


def deliver_checks(checks: Checks, job: Job, quiet: bool, as_json: bool) -> None:
    """Print the state of every level; exit code 1 if one is not calibrated."""
    from ..checks.outcome import contents
    from ..core.files import json_text
    from ..report.console import print_checks

    if as_json:
        typer.echo(json_text(contents(checks)))
    elif not quiet:
        print_checks(checks, job)
    if checks.failures:
        fail(f"NOT CALIBRATED: {', '.join(checks.failures)}; see {job.out / 'check.json'}", EXIT_FAILED)


Table = tuple[list[str], list[list[Any]]]


def deliver_table(record: Any, table: Table, job: Job, quiet: bool, as_json: bool) -> None:
    """Print a sweep or a comparison as JSON or as a table."""
    from ..core.files import json_text
    from ..report.console import print_columns

    if as_json:
        typer.echo(json_text(record))
    elif not quiet:
        for caution in getattr(record, "warnings", ()):
            typer.echo(f"warning: {caution.text}")
        print_columns(table, job)
        price = getattr(record, "price", None)
        for words in (*([price.words] if price is not None else []), *getattr(record, "notes", ())):
            typer.echo(words)


def deliver_suite(summary: SuiteSummary, quiet: bool, as_json: bool) -> None:
    """Print what a suite holds and what was done for it."""
    from ..core.files import json_text

    if as_json:
        typer.echo(json_text({**vars(summary), "folder": str(summary.folder)}))
    elif not quiet:
        damaged = f", {summary.replaced} of them damaged before" if summary.replaced else ""
        typer.echo(
            f"{summary.catalogues:,} catalogues, {summary.clusters:,} clusters, {summary.bytes / 1e6:,.0f} MB "
            f"in {summary.folder}\n{summary.drawn} of {summary.shards} shards drawn now{damaged}"
        )
