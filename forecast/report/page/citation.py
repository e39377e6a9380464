"""Papers to cite for a report, as BibTeX: the package's own, and those whose relations and numbers were used."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import metadata, resources
from typing import Any

MASS_FUNCTIONS = {
    "tinker08": "Tinker2008",
    "bocquet16_hydro": "Bocquet2016",
    "bocquet16_dm": "Bocquet2016",
    "despali16": "Despali2016",
    "watson13": "Watson2013",
}
"""Paper of each mass function."""
_ALWAYS = ("NtampakaVikhlinin2022", "Diemer2018", "EisensteinHu1998")
_SPECIAL = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
_ARXIV = re.compile(r"arXiv:\s*((?:[a-z-]+/\d{7})|\d{4}\.\d{4,5})", re.IGNORECASE)
_AUTHORS = re.compile(r"^([^\W\d_][\w'-]*)(?:( et al\.)| & ([^\W\d_][\w'-]*))? ((?:19|20)\d\d)")
_PLACE = re.compile(r"\b(ApJS?|MNRAS|PASP|A&A|JCAP)\s+(\d+),\s*([A-Z]?\d+)")


@dataclass(frozen=True)
class Entry:
    """One paper: its key, and all of its BibTeX."""

    key: str
    text: str

    def field(self, name: str) -> str:
        """Content of a field; empty where there is none."""
        found = re.search(rf"\b{name} = \{{(.*?)\}},?(?:\s|$)", self.text, re.DOTALL)
        return found[1] if found else ""

    @property
    def short(self) -> str:
        """Authors and year as a text quotes them.

        >>> Entry("a", "@article{a, author = {Hu, Wayne and White, Martin}, year = {1997}, }").short
        'Hu & White 1997'
        """
        names = [name.strip("{}").split(",")[0] for name in self.field("author").split(" and ")]
        who = f"{names[0]} et al." if len(names) > 2 or names[-1] == "others" else " & ".join(names)
        return f"{who} {self.field('year')}".strip() if who else self.key


@cache
def library() -> dict[str, Entry]:
    """Every paper that the package knows, by key."""
    text = resources.files("forecast.report.page").joinpath("references.bib").read_text(encoding="utf-8")
    entries = (part.strip() for part in re.split(r"\n(?=@)", text))
    return {key: Entry(key, entry) for entry in entries for key in re.findall(r"^@\w+\{(\w+),", entry)}


def package_entry() -> Entry:
    """massanchor itself, in the version at hand."""
    version = metadata.version("massanchor")
    text = (
        "@software{massanchor,\n  author = {{The massanchor developers}},\n"
        "  title = {massanchor: self-calibration forecasts for X-ray galaxy-cluster surveys},\n"
        f"  version = {{{version}}},\n}}"
    )
    return Entry("massanchor", text)


def cited(config: Mapping[str, Any], *, sampled: bool = False, ranked: bool = False) -> tuple[Entry, ...]:
    """Papers behind a configuration's numbers.

    Parameters
    ----------
    config : mapping
        The whole configuration, as provenance holds it.
    sampled, ranked : bool
        Whether posteriors were sampled, and whether they were checked on mocks.
    """
    keys = [
        *_ALWAYS,
        *(["ForemanMackey2013", "ForemanMackey2016"] if sampled else []),
        *(["Talts2018"] if ranked else []),
    ]
    keys += [MASS_FUNCTIONS[name] for name in [config.get("mass_function")] if name in MASS_FUNCTIONS]
    papers = {key: library()[key] for key in keys}
    for number, words in enumerate(_references(config), start=1):
        entry = known(words) or _other(words, number)
        papers.setdefault(entry.key, entry)
    return (package_entry(), *papers.values())


def _references(config: Mapping[str, Any]) -> list[str]:
    """What a configuration itself says of its sources."""
    proxy, residuals = config.get("proxy"), (config.get("library") or {}).get("name")
    own = [proxy["reference"]] if isinstance(proxy, Mapping) and proxy.get("reference") else []
    below = [words for one in config.get("surveys", {}).values() for words in _references(one)]
    return [*(str(words) for words in (*config.get("references", ()), *own, *_behind(residuals))), *below]


def _behind(residuals: str | None) -> list[str]:
    """Papers behind a built-in library of residuals."""
    text = resources.files("forecast.data").joinpath("libraries.json").read_text(encoding="utf-8")
    return list(json.loads(text)["libraries"].get(residuals, {}).get("references", ()))


def known(words: str) -> Entry | None:
    """The paper that a reference means, by its arXiv number, or by journal, volume and page."""
    number, place = _ARXIV.search(words), _PLACE.search(words)
    for entry in library().values():
        if number and entry.field("eprint") == number[1]:
            return entry
        if place and place.groups() == tuple(entry.field(name) for name in ("journal", "volume", "pages")):
            return entry
    return None


def _other(words: str, number: int) -> Entry:
    """A paper of which no more is known than what a configuration says."""
    found = _ARXIV.search(words)
    where = f"\n  eprint = {{{found[1]}}}, archivePrefix = {{arXiv}}," if found else ""
    authors = _AUTHORS.search(words)
    if authors is None:
        key = f"Reference{number}"
        return Entry(key, f"@misc{{{key},\n  note = {{{escaped(words)}}},{where}\n}}")
    first, others, second, year = authors.groups()
    names = " and ".join(name for name in (first, second, "others" if others else None) if name)
    key = re.sub(r"[^A-Za-z0-9]", "", f"{first}{year}")
    who = f"\n  author = {{{names}}},\n  year = {{{year}}},"
    return Entry(key, f"@misc{{{key},{who}\n  note = {{{escaped(words)}}},{where}\n}}")


def escaped(words: str) -> str:
    """Words as LaTeX shows them.

    >>> print(escaped("50% of $5 & a_b"))
    50\\% of \\$5 \\& a\\_b
    """
    return re.sub(r"[\\~^&%$#_{}]", lambda match: _SPECIAL.get(match[0], "\\" + match[0]), words)


def bibtex(entries: tuple[Entry, ...]) -> str:
    """All entries, to be copied."""
    return "\n\n".join(entry.text for entry in entries)
