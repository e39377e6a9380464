"""The page of `mlcheck report`: a verdict, the tests that led to it, and what each has measured."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from forecast.core.observables import OBSERVABLES
from forecast.report.page.blocks import Block, Check, Fact, Flag, Page, Picture, Section, Table, Text
from forecast.report.page.citation import cited
from forecast.report.page.typesetting import typeset
from forecast.report.source_sections import citation_section, configuration

from ..evidence.findings import Finding, Verdict
from ..evidence.part import Cell, Part

_GRADES: dict[str, Flag] = {"trusted": "good", "trusted with limits": "doubt"}
_FEATURES = {"log_m500": "log10 M500", "slope": "slope of the profile", "size": "N"}
_FLAGS: dict[str, Flag] = {"passed": "good", "no power": "none", "not tested": "none"}


@dataclass(frozen=True)
class TrustVerdict:
    """What stands first: the title, the verdict, and its grade in words."""

    title: str
    verdict: Verdict
    words: str


def trust_page(told: TrustVerdict, parts: Sequence[Part], provenance: Mapping[str, Any]) -> Page:
    """The report as a page."""
    findings = [finding for part in parts for finding in part.findings]
    grade = told.verdict.grade
    flag = _GRADES.get(grade, "bad")
    exact = provenance["plan"]["exact"]
    judged = f"{provenance['judged_catalogues']} {provenance['judged']}; exact posteriors for {exact} of them."
    return Page(
        told.title,
        judged,
        headline=Markup("<strong class='{}'>{}.</strong> {}").format(flag, grade.capitalize(), told.words),
        facts=tuple(Fact(typeset(one.name), one.value, one.note) for part in parts for one in part.answers),
        limits=_limits(findings),
        checks=tuple(Check(f"{one.question}", f"{one.outcome}.", _flag(one)) for one in findings),
        sections=(_tests(parts, findings), *(_section(part) for part in parts), *_source(provenance)),
    )


def _limits(findings: Sequence[Finding]) -> tuple[Markup, ...]:
    """What speaks against the network, the gravest first; then which questions are open."""
    failed = sorted((one for one in findings if one.failed), key=lambda one: not one.grave)
    told = [_sentence(one.consequence or one.result) for one in failed]
    for outcome, words in (("no power", "Too few catalogues to tell"), ("not tested", "Not tested")):
        asked = [one.question.rstrip("?") for one in findings if one.outcome == outcome]
        told += [typeset(f"{words}: {'; '.join(f'{one[:1].lower()}{one[1:]}' for one in asked)}.")] if asked else []
    return tuple(told)


def _sentence(words: str) -> Markup:
    """Words with a capital, unless they begin with a symbol, and a stop."""
    first = words.split(" ", 1)[0]
    start = words[:1].upper() + words[1:] if len(first) > 1 and first.isalpha() else words
    return typeset(_signed(start.rstrip(".") + "."))


def _signed(words: str) -> str:
    """Words whose numbers have true minus signs.

    >>> _signed("-0.5 and 1e-4, with --members 10, at -2")
    '−0.5 and 1e-4, with --members 10, at −2'
    """
    return re.sub(r"(?<![\w.-])-(?=\d)", "−", words)


def _flag(finding: Finding) -> Flag:
    """A failure that forbids the use is bad, one that limits it a doubt."""
    if finding.failed:
        return "bad" if finding.grave else "doubt"
    return _FLAGS[finding.outcome]


def _tests(parts: Sequence[Part], findings: Sequence[Finding]) -> Section:
    """Every test with its rule, and the section that tells more."""
    outcomes = [finding.outcome for finding in findings]
    counts = ", ".join(f"{outcomes.count(name)} {name}" for name in dict.fromkeys(outcomes))
    words = (
        f"{counts}. A test that fails gravely forbids the use of the network; any other failure, and a test that was "
        "not made, sets a limit."
    )
    rows = tuple((_question(part.key, one), _measured(one)) for part in parts for one in part.findings)
    table = Table("Tests and their outcomes", ("Question", "Measured"), rows, prose=frozenset({0, 1}))
    return Section("The tests", (Text(words, soft=True), table))


def _question(key: str, finding: Finding) -> Markup:
    outcome = finding.outcome + (" (limit)" if finding.failed and not finding.grave else "")
    shown = Markup("<a href='#{}'>{}</a><br><span class='{}'>{}</span>")
    return shown.format(key, typeset(finding.question), _flag(finding), outcome)


def _measured(finding: Finding) -> Markup:
    words = _sentence(finding.result)
    if finding.rule:
        words += Markup(" <span class='soft'>Rule: {}.</span>").format(typeset(finding.rule))
    if finding.published:
        words += Markup(" <span class='soft'>NV22: {}.</span>").format(typeset(finding.published))
    return words


def _section(part: Part) -> Section:
    tables = (
        Table(
            table.name,
            table.header,
            tuple(tuple(_cell(cell) for cell in row) for row in table.rows),
            caption=table.caption,
        )
        for table in part.tables
        if table.rows
    )
    blocks: list[Block] = [*(Text(words) for words in part.words), *tables]
    blocks += [Picture(picture.name, picture.caption, picture.caption) for picture in part.pictures]
    return Section(part.title, tuple(blocks), part.key)


def _cell(cell: Cell) -> str:
    """A cell for people: symbols for the names of features, true minus signs."""
    words = str(cell)
    stem, _, kind = words.partition("_")
    known = {"mwl": "wl"}.get(kind, kind)
    if stem == "log" and known in OBSERVABLES:
        return f"log10 {OBSERVABLES[known].symbol}"
    return _FEATURES.get(words, _signed(words))


def _source(provenance: Mapping[str, Any]) -> tuple[Section, ...]:
    files = Text(
        "Every number is in report.json and in tables/ (CSV and JSON), every figure in figures/ (PDF and PNG). "
        "Ntampaka and Vikhlinin (2022, arXiv:2112.05768) is NV22."
    )
    where = Section("Where the numbers come from", (files, configuration(provenance, "Seeds, configuration, versions")))
    return citation_section(cited(provenance["config"])), where
