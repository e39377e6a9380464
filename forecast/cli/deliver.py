"""What commands print: tables or JSON on standard output, verdicts as exit codes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import typer

from .options import Form, Shown
from .session import EXIT_FAILED, EXIT_NOT_CONVERGED, fail

if TYPE_CHECKING:
    from ..checks.outcome import Checks
    from ..core.records import Job
    from ..report.results import Result
    from ..suite.writer import SuiteSummary


_TRAINED = "nv22"
"""The survey of the network that is named as an example."""


def deliver(result: Result, job: Job, shown: Shown) -> None:
    """Print the result, and exit with the status of convergence."""
    from ..core.files import json_text
    from ..report.console import Screen, not_converged, print_tables
    from ..report.results import summary_json

    if shown.form is Form.JSON:
        typer.echo(json_text(summary_json(result)))
    elif shown.form is not None:
        screen = Screen(shown.form)
        print_tables(result, job, screen)
        screen.say(_next(result, job))
    if not result.converged:
        typer.echo(not_converged(result), err=True)
        if not result.quick:
            raise typer.Exit(EXIT_NOT_CONVERGED)


def _next(result: Result, job: Job) -> str:
    """The command that goes on from here, as far as the chains have come, on a line that can be copied whole."""
    import shlex

    command, several = result.provenance.command, "surveys" in result.provenance.config
    survey = (job.given or job.name) if several else shlex.quote(job.given or job.name)
    if not result.converged:
        how = "Without --quick, for chains that have converged." if result.quick else "The chains go on from here."
        return f"{how}\nNext: {result.longer}"
    if several and not (command == "fit" and result.quick):
        return f"Next: forecast {'joint' if command == 'ladder' else 'ladder'} {survey}"
    if command == "ladder" and result.provenance.config.get("catalogue"):
        return f"Next: forecast fit {survey}{_table(result)} --quick"
    if command == "ladder":
        wanted = 0.9 * min(std for level, std in result.ladder[0].sigma8_std.items() if level != "known")
        return f"Next: forecast require {survey} sigma8={wanted:.2g}"
    if command in ("fit", "run") and result.quick:
        more = "the ladder" if job.levels else "the other levels, and the ladder"
        return f"Without --quick: {more}.\nNext: {result.longer}"
    return (
        "Next: forecast " + {"run": "check", "fit": "joint", "saliency": "proxies"}.get(command, "run") + f" {survey}"
    )


def _table(result: Result) -> str:
    """The tables that a fit must be given: public ones with their files, or a file where none is named."""
    import shlex

    config, words = result.provenance.config, ""
    several = config.get("surveys")
    for one in several.values() if isinstance(several, dict) else [config]:
        table = one.get("catalogue") or {}
        public = [each for each in (table, *table.get("join", ())) if each.get("public") and each.get("path")]
        words += "".join(f" --catalogue {each['public']}={shlex.quote(each['path'])}" for each in public)
        words += " --catalogue FILE" if table and not (table.get("path") or table.get("builtin")) else ""
    return words


def deliver_checks(checks: Checks, job: Job, shown: Shown) -> None:
    """Print the state of every level; exit code 1 if one is not calibrated."""
    from ..checks.outcome import contents
    from ..core.files import json_text
    from ..report.console import Screen, print_checks

    if shown.form is Form.JSON:
        typer.echo(json_text(contents(checks)))
    elif shown.form is not None:
        screen = Screen(shown.form)
        print_checks(checks, job, screen)
        screen.say(f"Next: forecast run {job.given}")
    if checks.failures:
        fail(f"NOT CALIBRATED: {', '.join(checks.failures)}; see {job.out / 'check.json'}", EXIT_FAILED)


Table = tuple[list[str], list[list[Any]]]


def deliver_table(record: Any, table: Table, job: Job, shown: Shown, more: Iterable[str] = ()) -> None:
    """Print a plan as JSON or as a table, and `more` lines after it."""
    from ..core.files import json_text
    from ..report.console import Screen, print_columns

    if shown.form is Form.JSON:
        typer.echo(json_text(record))
    elif shown.form is not None:
        screen = Screen(shown.form)
        for caution in getattr(record, "warnings", ()):
            screen.say(f" {caution.text}", head="warning:")
        print_columns(table, screen)
        price = getattr(record, "price", None)
        said = [*([price.words] if price is not None else []), *getattr(record, "notes", ()), *more]
        following = next((i for i, words in enumerate(said) if words.startswith("Next: ")), len(said))
        said.insert(following, f"report: {job.out / 'report.html'!s}")
        for words in said:
            screen.say(words)


def deliver_suite(summary: SuiteSummary, config: str, quiet: bool, as_json: bool) -> None:
    """Print what a suite of a configuration, as it was given, holds and what was done for it."""
    import shlex

    from ..core.files import json_text

    if as_json:
        typer.echo(json_text({**vars(summary), "folder": str(summary.folder)}))
    elif not quiet:
        survey = "" if config == _TRAINED else f" --survey {shlex.quote(config)}"
        damaged = f", {summary.replaced} of them damaged before" if summary.replaced else ""
        typer.echo(
            f"{summary.catalogues:,} catalogues, {summary.clusters:,} clusters, {summary.bytes / 1e6:,.0f} MB "
            f"in {summary.folder}\n{summary.drawn} of {summary.shards} shards drawn now{damaged}\n"
            f"Next: mlcheck train compact --suite {shlex.quote(str(summary.folder))}{survey}"
        )
