"""Tables written as text: of any encoding and separator, with a header that may begin with '#' and bear units."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from ..core.caution import Caution
from ..core.errors import InputError
from .cells import number_of

_MARKS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
"""Byte order marks, the longer before those they begin with."""
_SPACES = " "
_SEPARATORS = (",", ";", "\t", "|", _SPACES)
_CSV_FORMATS = ("csv", "ascii.csv", "ascii.fast_csv")
"""astropy's own CSV readers fill rows that are too short, so they would accept a truncated file."""
_OWN_HEADER = {
    "# %ECSV": "ascii.ecsv",
    "\\begin{": "ascii.latex",
    "\\documentclass": "ascii.latex",
    "\\": "ascii.ipac",
    "Title:": "ascii.mrt",
}
"""How texts begin that say how they are to be read, and astropy's name for them."""


@dataclass(frozen=True)
class Lines:
    """Lines of a text, blank ones left out, in three parts.

    Parameters
    ----------
    before : tuple of str
        Comments before the first line that is none, without their '#'.
    plain : tuple of str
        Lines that are no comments.
    numbers : tuple of int
        Which line of the file each of `plain` is, from 1.
    after : int
        Number of comments further down.
    """

    before: tuple[str, ...]
    plain: tuple[str, ...]
    numbers: tuple[int, ...]
    after: int


@dataclass(frozen=True)
class Layout:
    """How a text is laid out: separator, names of columns, and the number of plain lines above the first row."""

    separator: str
    names: tuple[str, ...]
    skipped: int
    units: tuple[str, ...] = ()


def decoded(content: bytes) -> tuple[str, bool]:
    """Text of a file, and whether its encoding is certain; Latin-1 where it is neither marked nor UTF-8.

    >>> decoded("Ü".encode("latin-1")), decoded("Ü".encode("utf-16"))
    (('Ü', False), ('Ü', True))
    """
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return content.decode(encoding, errors="replace"), True
    try:
        return content.decode(), True
    except UnicodeDecodeError:
        return content.decode("latin-1"), False


def read_text(content: bytes, file: str, columns: Sequence[str], format: str | None) -> tuple[Any, tuple[Caution, ...]]:
    """The table of a text file, and what reading it left out.

    Parameters
    ----------
    content : bytes
        Unpacked.
    file : str
        Name of the file, for messages.
    columns : sequence of str
        Names of columns that are looked for; "LOWER,UPPER" are two.
    format : str or None
        astropy's name of the format, one of those that begin with "ascii", or "csv"; told from the text if None.

    Raises
    ------
    InputError
        If the text has no header, or a row has not one cell per column.
    ValueError
        If it is no text.
    """
    from astropy.table import Table

    text, certain = decoded(content)
    if not _is_text(text):
        raise ValueError("this is not text")
    cautions = [] if certain else [Caution("encoding", f"{file}: neither UTF-8 nor marked; read as Latin-1")]
    format = format or _own_format(text)
    lines = _split(text)
    if lines.after and (format is None or format in (*_CSV_FORMATS, "ascii.ecsv")):
        number = "1 line" if lines.after == 1 else f"{lines.after} lines"
        words = f"{file}: {number} after the header begin with '#' and were left out, clusters or not"
        cautions.append(Caution("rows_left_out", words))
    if format is not None and format not in _CSV_FORMATS:
        return Table.read(text.splitlines(), format=format), tuple(cautions)
    if not lines.plain:
        raise ValueError("only comments")
    wanted = {part.strip() for name in columns for part in (name, *name.split(","))}
    separators = _SEPARATORS if format is None else (",",)
    layout = max(
        (_layout(lines, separator, wanted) for separator in separators), key=lambda layout: _fit(layout, wanted)
    )
    twice = sorted({name for name in layout.names if name and layout.names.count(name) > 1})
    if twice:
        words = f"{file}: columns of one name are left out: {', '.join(twice)}; rename them to have them read"
        cautions.append(Caution("table", words))
    return _table(lines, layout, file, wanted), tuple(cautions)


def _is_text(text: str) -> bool:
    """Whether hardly any character is none that people write."""
    odd = sum(not (c.isprintable() or c.isspace()) or c == "\ufffd" for c in text[:20_000])
    return odd <= 0.01 * len(text[:20_000])


def _own_format(text: str) -> str | None:
    """astropy's name of the format that a text declares itself, None if it is rows of cells."""
    if "Byte-by-byte Description" in text[:20_000]:
        return "ascii.mrt" if text.startswith("Title:") else "ascii.cds"
    begin = text.lstrip()[:2000]
    first, _, second = begin.partition("\n")
    if first.startswith("|") and second.startswith("|"):
        return "ascii.ipac"
    if first.startswith("=") and not first.strip(" =\r"):
        return "ascii.rst"
    return next((format for words, format in _OWN_HEADER.items() if begin.startswith(words)), None)


def _split(text: str) -> Lines:
    """Lines of a text, comments apart."""
    listed = [(i, line.strip("\r\n\f")) for i, line in enumerate(text.splitlines(), 1) if line.strip()]
    comments = [line.lstrip().startswith("#") for _, line in listed]
    first = comments.index(False) if False in comments else len(listed)
    plain = [item for item, comment in zip(listed, comments, strict=True) if not comment]
    return Lines(
        tuple(line.lstrip().lstrip("#").strip() for _, line in listed[:first]),
        tuple(line for _, line in plain),
        tuple(number for number, _ in plain),
        sum(comments[first:]),
    )


def _cells(line: str, separator: str) -> tuple[str, ...]:
    """Cells of a line, quotes taken off."""
    spaces = separator == _SPACES
    text = " ".join(line.split()) if spaces else line
    row = next(csv.reader([text], delimiter=separator, skipinitialspace=True), [])
    return tuple(cell.strip() for cell in row)


def _layout(lines: Lines, separator: str, wanted: set[str]) -> Layout:
    """How a text is laid out if its cells are separated like this.

    The header is the first plain line, unless that holds numbers and a comment above it as many names; units and a
    row of dashes may follow, as in tables of VizieR.
    """
    first = _cells(lines.plain[0], separator)
    if not wanted & set(first) and any(_is_number(cell) for cell in first):
        above = [_cells(line, separator) for line in lines.before]
        named = [names for names in above if len(names) == len(first) and not any(map(_is_number, names))]
        if named:
            return Layout(separator, max(reversed(named), key=lambda names: len(wanted & set(names))), 0)
    for ruled in (1, 2):
        ruler = _cells(lines.plain[ruled], separator) if len(lines.plain) > ruled else ()
        if ruler and all(cell and not cell.strip("-") for cell in ruler) and any(len(cell) > 1 for cell in ruler):
            units = _cells(lines.plain[1], separator) if ruled == 2 else ()
            return Layout(separator, first, ruled + 1, units if len(units) == len(first) else ())
    return Layout(separator, first, 1)


def _is_number(cell: str) -> bool:
    return bool(cell) and number_of(cell) is not None


def _fit(layout: Layout, wanted: set[str]) -> tuple[int, bool, int]:
    """How well a layout fits what is looked for: columns found, one separator or more at all, number of columns."""
    return len(wanted & set(layout.names)), layout.separator != _SPACES and len(layout.names) > 1, len(layout.names)


def _table(lines: Lines, layout: Layout, file: str, wanted: set[str]) -> Any:
    """Rows under the names of their columns; those without a name or with one of several are left out."""
    from astropy.table import Table

    names = layout.names
    if _are_data(names):
        raise InputError(f"{file}: the first line holds numbers, not names of columns; write a line of names above it")
    for name in wanted & {name for name in names if names.count(name) > 1}:
        raise InputError(f"{file}: {names.count(name)} columns are named '{name}'; rename one")
    rows = [_cells(line, layout.separator) for line in lines.plain[layout.skipped :]]
    for row, number in zip(rows, lines.numbers[layout.skipped :], strict=True):
        if len(row) != len(names):
            raise InputError(
                f"{file}: line {number} has {len(row)} cells, the header {len(names)}; if the file is not truncated, "
                "put text with separators in quotes and leave an empty cell where nothing is known"
            )
    kept = [i for i, name in enumerate(names) if name and names.count(name) == 1]
    table = Table([_column([row[i] for row in rows]) for i in kept], names=[names[i] for i in kept])
    for i in kept if layout.units else ():
        table[names[i]].unit = layout.units[i] or None
    return table


def _are_data(names: Sequence[str]) -> bool:
    """Whether what stands in place of names is a row of data; whole numbers one after the other are names."""
    numbers = [number_of(name) for name in names[1:] if name]
    if not numbers or any(number is None for number in numbers):
        return False
    return {b - a for a, b in pairwise(number for number in numbers if number is not None)} != {1.0}


def _column(cells: Sequence[str]) -> list[int] | list[float] | list[str]:
    """Cells of a column as numbers if all are, else as they stand; a number with a leading zero is a name."""
    if all(cell.removeprefix("-").isdecimal() and str(int(cell)) == cell for cell in cells):
        return [int(cell) for cell in cells]
    numbers = [number_of(cell) for cell in cells]
    if any(number is None for number in numbers) or all(cell.isdecimal() or not cell for cell in cells):
        return list(cells)
    return [float(number) for number in numbers if number is not None]
