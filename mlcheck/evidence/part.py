"""Parts of a report: findings, tables and figures of one question."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from forecast.core.digits import measured_text

from .findings import Finding

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Cell = str | float | int


@dataclass(frozen=True)
class Table:
    """Rows of texts and numbers.

    Parameters
    ----------
    name : str
        Of its files.
    caption : str
    header : tuple of str
    rows : tuple of tuples
    """

    name: str
    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True)
class Picture:
    """A figure with its caption; `name` is that of its files."""

    name: str
    caption: str
    figure: Figure = field(compare=False)


@dataclass(frozen=True)
class Answer:
    """A number for the first lines of a report: its name, itself, and what it is of."""

    name: str
    value: str
    note: str


@dataclass(frozen=True)
class Part:
    """One section of a report."""

    key: str
    title: str
    words: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    tables: tuple[Table, ...] = ()
    pictures: tuple[Picture, ...] = ()
    answers: tuple[Answer, ...] = ()


def pm(value: float, error: float) -> str:
    """A number with its error, which has two significant digits.

    >>> pm(0.1234, 0.02), pm(0.1234, float("nan")), pm(float("nan"), 0.1)
    ('0.123 ± 0.020', '0.1234', '–')
    """
    return measured_text(value, error) if math.isfinite(value) else "–"


def probability(p: float) -> str:
    """A p-value.

    >>> probability(0.5), probability(1e-7)
    ('0.50', '< 1e-4')
    """
    if not math.isfinite(p):
        return "–"
    if p < 1e-4:
        return "< 1e-4"
    return f"{p:.2f}" if p >= 0.1 else f"{p:.2g}"


def related(p: float) -> str:
    """A p-value with its sign of relation, for a sentence.

    >>> related(0.5), related(1e-7)
    ('= 0.50', '< 1e-4')
    """
    words = probability(p)
    return words if words.startswith("<") else f"= {words}"


def listed(items: Sequence[str]) -> str:
    """Words joined.

    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    *first, last = items
    return f"{', '.join(first)} and {last}" if first else last
