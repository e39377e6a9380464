"""Requirements as a table, as files, and as what to do next."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from markupsafe import Markup

from ..config.load import Config
from ..config.template import commented
from ..core.digits import error_figure, error_text, plain_figure
from ..core.files import write_csv, write_json, write_whole
from ..forecasts.axes import SHORTCUTS, Axis, content_of
from ..forecasts.require.records import Requirement, Requirements
from ..forecasts.sweep import set_value
from .doubts import FISHER
from .narrative import Account
from .page.blocks import Fact, Page, Section, Table
from .page.html import write_page
from .page.typesetting import error, typeset
from .source_sections import Source, source_sections

_FILES = "results.json and requirements.csv"


def requirement_table(found: Requirements) -> tuple[list[str], list[list[Any]]]:
    """What to print: a key a row, its value now and that needed, and what is reached."""
    lensed = any(row.lensing_masses is not None for row in found.rows)
    header = ["alone", "now", "needed", "clusters", *["lensing masses"] * lensed, f"error of {found.name}"]
    rows: list[list[Any]] = []
    for row in found.rows:
        needed = "never" if row.needed is None else plain_figure(row.needed, ".4g")
        name = f"{row.key} [{row.unit}]" if row.unit else row.key
        count = plain_figure(row.expected_count, ".1f")
        number = "all" if row.lensing_masses is None else plain_figure(row.lensing_masses, ".1f")
        now = plain_figure(row.configured, ".4g")
        rows.append([name, now, needed, count, *[number] * lensed, error_figure(row.std)])
    return header, rows


def requirement_lines(found: Requirements, config: str, out: Path) -> Iterator[str]:
    """What is configured, why some keys never do, and the command that runs a survey that does."""
    now = error_text(found.configured_std)
    yield f"level {found.level}: {found.name} is now known to {now}; wanted {found.std:g}"
    for row in found.rows:
        if row.needed is None:
            yield f"{row.key}: never; {_limit(row)}"
    met = [row for row in found.rows if row.needed is not None]
    if not met:
        yield f"Next: forecast require {config} {found.name}={1.02 * min(row.std for row in found.rows):.3g}"
    elif met[0].key in SHORTCUTS:
        yield f"Next: forecast sweep {config} --vary {met[0].key}={met[0].needed:.4g}:{met[0].needed:.4g}:1"
    else:
        yield f"Next: forecast ladder {_file(out, met[0])}"


def _limit(row: Requirement) -> str:
    if row.why == "it changes nothing":
        return row.why
    return f"at {row.farthest:.3g}{f' {row.unit}' if row.unit else ''} the error is {row.std:.3g}; {row.why}"


def _ratio(smaller: float) -> str:
    """How an error compares with that of now.

    >>> _ratio(1.1), _ratio(0.5)
    ('1.10 times smaller', '2.00 times larger')
    """
    return f"{smaller:.2f} times smaller" if smaller >= 1 else f"{1 / smaller:.2f} times larger"


def _file(out: Path, row: Requirement) -> Path:
    return out / f"{row.key}.toml"


def requirements_page(found: Requirements, account: Account | None = None) -> Page:
    """How much of each thing alone gets to an error."""
    met = [row for row in found.rows if row.needed is not None]
    if met:
        what = f"{met[0].key} = {met[0].needed:.4g}{f' {met[0].unit}' if met[0].unit else ''}"
        headline = Markup("An error of {} of {} needs <strong>{}</strong>, all else as it is (level {}).")
        words = headline.format(error(found.std), typeset(found.name), typeset(what), found.level)
    else:
        headline = Markup("Nothing that was tried gets to an error of {} of {} (level {}).")
        words = headline.format(error(found.std), typeset(found.name), found.level)
    facts = (
        Fact(f"Error of {found.name} now", error(found.configured_std), f"level {found.level}"),
        Fact("Wanted", error(found.std), _ratio(found.configured_std / found.std)),
    )
    header, rows = requirement_table(found)
    table = Table("Requirements", tuple(header), tuple(tuple(map(str, row)) for row in rows))
    source = Source(found.provenance, account, f"find what gets to an error of {found.std:g} of {found.name}", _FILES)
    return Page(
        f"What an error of {found.std:g} takes" if account is None else f"{account.title}: what {found.std:g} takes",
        "" if account is None else account.description,
        headline=words,
        facts=facts,
        limits=tuple(f"{row.key}: {_limit(row)}." for row in found.rows if row.needed is None),
        limits_title="What does not get there, and why",
        checks=(FISHER,),
        sections=(Section("Each alone", (table,)), *source_sections(source)),
    )


def write_requirements(found: Requirements, config: Config, out: Path, account: Account | None = None) -> None:
    """Write report.html, results.json, requirements.csv, and the configuration of each survey that gets there."""
    write_json(out / "results.json", found)
    header = ["key", "unit", "configured", "needed", "farthest", "std", "expected_count", "lensing_masses"]
    header += ["evaluations", "why"]
    rows = ([getattr(row, name) for name in header] for row in found.rows)
    write_csv(out / "requirements.csv", header, (["" if x is None else x for x in row] for row in rows))
    for row in found.rows:
        if row.needed is not None and row.key not in SHORTCUTS:
            content = content_of(config)
            set_value(content, Axis(row.key, (row.needed,), row.unit), row.needed)
            write_whole(_file(out, row), commented(_given(content)))
    write_page(requirements_page(found, account), {}, out / "report.html")


def _given(value: Any) -> Any:
    """Tables without keys that have no value."""
    if isinstance(value, dict):
        kept = {name: _given(inside) for name, inside in value.items() if inside is not None}
        return {name: inside for name, inside in kept.items() if inside != {}}
    return [_given(inside) for inside in value] if isinstance(value, list) else value
