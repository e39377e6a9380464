"""A page as a record: the answer first, then whether it is right, then everything else in sections.

Every report is such a page. Strings are plain words, escaped and typeset where they are shown; a `Markup` stays as
it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

Flag = Literal["good", "doubt", "bad", "none"]
"""Whether a finding speaks for the numbers, must be known of, speaks against them, or was not to be had."""


@dataclass(frozen=True)
class Text:
    """A paragraph; `soft` ones are asides."""

    words: str
    soft: bool = False
    shape: ClassVar[str] = "text"


@dataclass(frozen=True)
class Bullets:
    """A list of sentences."""

    items: tuple[str, ...]
    shape: ClassVar[str] = "bullets"


@dataclass(frozen=True)
class Pairs:
    """Names and what they stand for."""

    rows: tuple[tuple[str, str], ...]
    shape: ClassVar[str] = "pairs"


@dataclass(frozen=True)
class Table:
    """A table that scrolls in its own box.

    Parameters
    ----------
    name : str
        For those who cannot see it.
    header : tuple of str
    rows : tuple of tuples of str
        The first cell heads its row.
    caption : str
    prose : frozenset of int
        Columns of words: to the left, and wrapped.
    """

    name: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""
    prose: frozenset[int] = frozenset()
    shape: ClassVar[str] = "table"


@dataclass(frozen=True)
class Picture:
    """A figure by the `name` of its file, described for those who cannot see it, and its caption."""

    name: str
    alt: str
    caption: str
    shape: ClassVar[str] = "picture"


@dataclass(frozen=True)
class Listing:
    """Text to be copied as it stands: one click marks all of it."""

    name: str
    text: str
    shape: ClassVar[str] = "listing"


@dataclass(frozen=True)
class Folded:
    """What is shown on demand."""

    summary: str
    blocks: tuple[Block, ...]
    shape: ClassVar[str] = "folded"


Block = Text | Bullets | Pairs | Table | Picture | Listing | Folded


@dataclass(frozen=True)
class Section:
    """A heading and what stands under it; `key` is its anchor."""

    title: str
    blocks: tuple[Block, ...]
    key: str = ""


@dataclass(frozen=True)
class Banner:
    """What must be read before the answer."""

    label: str
    paragraphs: tuple[str, ...]


@dataclass(frozen=True)
class Fact:
    """One number of the answer, in large letters."""

    name: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class Check:
    """One reason to trust the answer, or not to."""

    question: str
    finding: str
    flag: Flag


@dataclass(frozen=True)
class Page:
    """A report.

    Parameters
    ----------
    title, description : str
    lead : tuple of str
        What went in, in sentences.
    banners : tuple of Banner
    headline : str
        The answer in one sentence; empty if there is none.
    facts : tuple of Fact
    limits : tuple of str
        What keeps the answer from being better, or what `limits_title` says.
    checks : tuple of Check
    sections : tuple of Section
    """

    title: str
    description: str = ""
    lead: tuple[str, ...] = ()
    banners: tuple[Banner, ...] = ()
    headline: str = ""
    facts: tuple[Fact, ...] = ()
    limits: tuple[str, ...] = ()
    limits_title: str = "What limits it"
    checks: tuple[Check, ...] = ()
    sections: tuple[Section, ...] = ()

    def shown(self, images: Mapping[str, object]) -> Page:
        """The page without pictures that were not drawn, and without what is then empty."""
        sections = (Section(s.title, _shown(s.blocks, images), s.key) for s in self.sections)
        return replace(self, sections=tuple(s for s in sections if s.blocks))


def _shown(blocks: tuple[Block, ...], images: Mapping[str, object]) -> tuple[Block, ...]:
    kept: list[Block] = []
    for block in blocks:
        if isinstance(block, Folded):
            inside = _shown(block.blocks, images)
            kept += [Folded(block.summary, inside)] if inside else []
        elif not isinstance(block, Picture) or block.name in images:
            kept.append(block)
    return tuple(kept)
