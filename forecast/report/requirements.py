"""Requirements as a table, as files, and as what to do next."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from shlex import quote
from typing import Any

from markupsafe import Markup

from ..config.load import Config
from ..config.template import commented
from ..core.digits import Figure, amount_text, error_figure, error_text, plain_figure
from ..core.files import prepare_output, write_csv, write_json, write_whole
from ..forecasts.axes import SHORTCUTS, Axis, content_of
from ..forecasts.require.change import change
from ..forecasts.require.records import Requirement, Requirements
from ..forecasts.sweep import set_value
from .doubts import FISHER
from .narrative import Account
from .page.blocks import Fact, Page, Picture, Section, Table
from .page.html import write_page
from .page.typesetting import error, typeset
from .plots.require import require_figure
from .plots.style import save_figure
from .source_sections import Source, source_sections
from .text_table import fixed_words

_FILES = "results.json and requirements.csv"
_NAMED, _SAME = 3, 2e-3
"""Changes that are named in a sentence, and change of the logarithm of an error that is none."""


def requirement_table(found: Requirements) -> tuple[list[str], list[list[Any]]]:
    """What to print: a key a row, its value now and that needed, and what is reached."""
    lensed = any(row.lensing_masses is not None for row in found.rows)
    header = ["alone", "now", "needed", "clusters", *["lensing masses"] * lensed, f"error of {found.name}"]
    rows: list[list[Any]] = []
    for row in found.rows:
        needed = _unmet(found) if row.needed is None else Figure(amount_text(row.needed), (row.needed,))
        name = f"{row.key} [{row.unit}]" if row.unit else row.key
        count = plain_figure(row.expected_count, ".1f")
        number = "all" if row.lensing_masses is None else plain_figure(row.lensing_masses, ".1f")
        now = Figure(amount_text(row.configured), (row.configured,))
        rows.append([name, now, needed, count, *[number] * lensed, error_figure(row.std)])
    return header, rows


def requirement_lines(found: Requirements, config: str, out: Path, wanting: Callable[[str], str]) -> Iterator[str]:
    """What is configured, why some keys never do, and the command that runs a survey that does.

    `wanting`: the command for another target.
    """
    now, held = error_text(found.configured_std), fixed_words(found.Om0)
    yield f"level {found.level}{held}: {found.name} is now known to {now}; wanted {found.std:g}"
    yield best_help(found)
    for row in found.rows:
        if row.needed is None:
            yield f"{row.key}: {_unmet(found)}; {_limit(row)}"
    met = found.least
    if not met:
        yield f"Next: {wanting(f'{found.name}={1.02 * min(row.std for row in found.rows):.3g}')}"
    elif met[0].key in SHORTCUTS:
        yield f"Next: forecast sweep {quote(config)} --vary {met[0].key}={met[0].needed:.4g}:{met[0].needed:.4g}:1"
    else:
        yield f"Next: forecast ladder {quote(str(_file(out, met[0])))}"


def best_help(found: Requirements) -> str:
    """What gets there by the smallest change, and what else does; or what comes closest."""
    if abs(math.log(found.configured_std / found.std)) < _SAME:
        return f"The error of {found.name} is what is wanted."
    each = [_words(row) for row in found.least[:_NAMED]]
    if not each and found.configured_std < found.std:
        return "More than is wanted, whatever value any of them alone has."
    if not each:
        closest = min(found.rows, key=lambda row: abs(math.log(row.std / found.std)))
        return f"Nothing alone gets there; {_words(closest)} comes closest, to {error_text(closest.std)}."
    more = f"; instead of it {'; or '.join(each[1:])}" if each[1:] else ""
    if found.configured_std < found.std:
        return f"More than is wanted: enough is {each[0]}{more}."
    return f"Best single help: {each[0]}{more}."


def _words(row: Requirement) -> str:
    """A change as a factor, or where there was nothing as an amount."""
    if row.factor is None:
        return f"{row.key} of {amount_text(row.farthest, 3)}{f' {row.unit}' if row.unit else ''}"
    return change(row.key, row.factor)


def _unmet(found: Requirements) -> str:
    """What is needed of a key with which the error is never that wanted: always above it, or always below."""
    return "any" if found.configured_std < found.std else "never"


def _limit(row: Requirement) -> str:
    if row.why == "it changes nothing":
        return row.why
    return (
        f"at {amount_text(row.farthest, 3)}{f' {row.unit}' if row.unit else ''} the error is {row.std:.3g}; {row.why}"
    )


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
    aim = Markup("For an error of {} of {} (level {}{}). ").format(
        error(found.std), typeset(found.name), found.level, typeset(fixed_words(found.Om0))
    )
    words = aim + Markup("<strong>{}</strong>").format(typeset(best_help(found)))
    facts = (
        Fact(f"Error of {found.name} now", error(found.configured_std), f"level {found.level}{fixed_words(found.Om0)}"),
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
        limits_title="What does not get there, and why" if _unmet(found) == "never" else "What may have any value",
        checks=(FISHER,),
        sections=(Section("Each alone", (table, Picture("require", _ALT, _CAPTION))), *source_sections(source)),
    )


_ALT = "Error against the factor by which each thing is changed, a line a key; numbers are in the table."
_CAPTION = (
    "Each line is one thing changed alone, from what is configured at a factor of one: times (×) the factor where more "
    "of it helps, over it (÷) where less does. Open markers: what is needed. Dashed grey: the error that is wanted. A "
    "line that ends above it never gets there."
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
    prepare_output(out / "figures")
    _, picture = save_figure(require_figure(found), out / "figures" / "require")
    write_page(requirements_page(found, account), {"require": picture}, out / "report.html")


def _given(value: Any) -> Any:
    """Tables without keys that have no value."""
    if isinstance(value, dict):
        kept = {name: _given(inside) for name, inside in value.items() if inside is not None}
        return {name: inside for name, inside in kept.items() if inside != {}}
    return [_given(inside) for inside in value] if isinstance(value, list) else value
