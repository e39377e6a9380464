"""Sections about where numbers come from: survey, priors, a methods paragraph, papers to cite, provenance."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from ..core.files import to_plain
from ..core.records import Provenance
from .methods import Study, as_html, as_latex, paragraph
from .narrative import Account, ParameterRow
from .page.blocks import Block, Bullets, Folded, Listing, Pairs, Section, Table, Text
from .page.citation import Entry, bibtex, cited
from .page.typesetting import plain, symbol


def origin(study: Study, references: Sequence[str], papers: Sequence[Entry], files: str) -> tuple[Section, ...]:
    """Priors, methods, references, papers to cite, and provenance: what ends every page."""
    return (
        parameters_section(study.parameters),
        methods_section(study, papers),
        bullets_section("References", tuple(plain(words) for words in references)),
        citation_section(papers),
        provenance_section(study.provenance, files),
    )


def parameters_section(rows: Sequence[ParameterRow]) -> Section:
    """Free parameters and their priors, folded away."""
    cells = tuple(
        (
            symbol(row.name) + Markup(" <span class='soft'>{}</span>").format(row.name),
            row.meaning,
            f"{row.fiducial:g}",
            row.prior,
        )
        for row in rows
    )
    header = ("Parameter", "Meaning", "Fiducial", "Prior")
    table = Table("Table of parameters and priors", header, cells, prose=frozenset({1, 3}))
    blocks = (Folded(f"{len(rows)} free parameter{'s' if len(rows) > 1 else ''}", (table,)),) if rows else ()
    return Section("Parameters and priors", blocks)


def bullets_section(title: str, items: Sequence[str]) -> Section:
    """Sentences under a heading."""
    return Section(title, (Bullets(tuple(items)),) if items else ())


def provenance_section(provenance: Provenance, files: str = "results.json") -> Section:
    """Command, seed, versions, and the whole configuration."""
    rows = (
        ("Command", provenance.command),
        ("Configuration", provenance.config_name),
        ("Seed", str(provenance.seed)),
        ("massanchor", provenance.version),
        *provenance.libraries.items(),
    )
    words = f"Every number is in {files} beside this page, every figure in figures/ as PDF and PNG."
    whole = configuration(provenance.config)
    return Section("Provenance", (Text(words), Pairs(tuple((k, plain(v)) for k, v in rows)), whole))


def configuration(content: Mapping[str, Any], summary: str = "Whole configuration, defaults included") -> Folded:
    """A whole configuration on demand."""
    text = json.dumps(to_plain(content), indent=2, ensure_ascii=False)
    block: Block = Listing("Configuration", text)
    return Folded(summary, (block,))


def methods_section(study: Study, papers: Sequence[Entry]) -> Section:
    """A paragraph for a paper, to be read here and to be copied as LaTeX."""
    words = paragraph(study)
    latex = Listing("Methods as LaTeX", as_latex(words))
    intro = Text("A draft made from the configuration, to be checked and shortened by whoever signs it.", soft=True)
    return Section("Methods, for a paper", (intro, Text(as_html(words, papers)), Folded("The same as LaTeX", (latex,))))


def citation_section(papers: Sequence[Entry]) -> Section:
    """Papers to cite, as BibTeX."""
    words = "The package, and the papers whose mass function, relations and data were used; one click marks all of it."
    listing = Listing("BibTeX", bibtex(tuple(papers)))
    return Section("Please cite", (Text(words), Folded(f"BibTeX of {len(papers)} entries", (listing,))))


@dataclass(frozen=True)
class Source:
    """Where a planning page's numbers come from."""

    provenance: Provenance | None
    account: Account | None
    aim: str
    files: str


def source_sections(source: Source) -> tuple[Section, ...]:
    """Survey, priors, methods, papers and provenance, as far as they are known."""
    told = source.account or Account(title="", description="", references=(), survey=(), parameters=())
    survey = bullets_section("The survey", told.survey)
    if source.provenance is None:
        return (survey,)
    study = Study(source.provenance, source.aim, told.survey, told.parameters)
    return survey, *origin(study, told.references, cited(source.provenance.config), source.files)
