"""Tables as plain text, never cut: columns side by side where they fit, else labels above, else columns in blocks."""

from __future__ import annotations

import csv
import io
import math
import shutil
import sys
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..core.digits import Figure, count_text, error_text

if TYPE_CHECKING:
    from ..forecasts.ladder import LadderRow
    from ..forecasts.swaps import SystematicRow
    from ..sampling.mcmc import Chain

_GAP = 2
_INDENT = 4
_LABEL = 16
"""Columns that a label must have, or it stands on a line of its own."""
_WIDE = 10_000
"""Width of what is no terminal: lines are as long as they need be."""

Cells = Sequence[str | Figure]


def screen_width() -> int:
    """Columns of the terminal; without one, no limit."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else _WIDE


def folded(words: str, width: int) -> list[str]:
    """Words on lines of a width; a word that is longer stays whole.

    >>> folded("with sample variance", 12)
    ['with sample', 'variance']
    """
    return textwrap.wrap(words, max(width, 1), break_long_words=False, break_on_hyphens=False) or [""]


@dataclass(frozen=True)
class _Column:
    """A column as it is shown: lines of its heading, and a cell for each row."""

    head: tuple[str, ...]
    cells: tuple[str, ...]

    @property
    def widest(self) -> int:
        """Width, letters."""
        return max(map(len, (*self.head, *self.cells)))

    def narrowed(self) -> _Column:
        """The same with its heading on as many lines as make it no wider than its cells, or its longest word."""
        return _Column(tuple(folded(" ".join(self.head), max(map(len, self.cells), default=0))), self.cells)


def table_lines(header: Sequence[str], rows: Sequence[Cells], width: int | None = None) -> list[str]:
    """Lines of a table, its first column to the left, all others to the right.

    Parameters
    ----------
    header : sequence of str
    rows : sequence of sequences of str or Figure
        Cells, one for each column.
    width : int, optional
        Longest line; the screen's by default. A cell or word that is wider stays whole.

    Examples
    --------
    >>> print("\\n".join(table_lines(("survey", "counts"), [("nv22", "0.033")], 80)))
    survey  counts
    nv22     0.033
    >>> print("\\n".join(table_lines(("survey", "counts"), [("one with a long name", "0.033")], 24)))
    survey            counts
    one with a long    0.033
    name
    >>> print("\\n".join(table_lines(("survey", "counts"), [("one with a long name", "0.033")], 20)))
    survey
        counts
    one with a long name
         0.033
    """
    width = screen_width() if width is None else width
    shown = zip(header, *rows, strict=True)
    labels, *columns = (_Column((str(name),), tuple(map(str, cells))) for name, *cells in shown)
    if not columns:
        return [*labels.head, *labels.cells]
    if labels.widest + _extent(columns) > width:
        columns = [column.narrowed() for column in columns]
    room = width - _extent(columns)
    if room < min(_LABEL, labels.widest):
        return _stacked(labels, columns, width)
    return _beside(labels, columns, min(room, labels.widest))


def _extent(columns: Sequence[_Column]) -> int:
    """Width of columns with the gaps before them."""
    return sum(column.widest + _GAP for column in columns)


def _numbers(cells: Iterable[str], columns: Sequence[_Column]) -> str:
    """A line of columns without labels."""
    return "".join(" " * _GAP + cell.rjust(column.widest) for cell, column in zip(cells, columns, strict=True))


def _heads(columns: Sequence[_Column], height: int) -> list[str]:
    """Headings on `height` lines, those of fewer at the bottom."""
    heads = [("",) * (height - len(column.head)) + column.head for column in columns]
    return [_numbers(line, columns) for line in zip(*heads, strict=True)]


def _beside(labels: _Column, columns: Sequence[_Column], room: int) -> list[str]:
    """Labels to the left of their numbers, on several lines where they have no room on one."""
    title = folded(labels.head[0], room)
    height = max(len(title), *(len(column.head) for column in columns))
    title = [""] * (height - len(title)) + title
    lines = [word.ljust(room) + head for word, head in zip(title, _heads(columns, height), strict=True)]
    for label, *cells in zip(labels.cells, *(column.cells for column in columns), strict=True):
        first, *others = folded(label, room)
        lines += [first.ljust(room) + _numbers(cells, columns), *others]
    return [line.rstrip() for line in lines]


def _stacked(labels: _Column, columns: Sequence[_Column], width: int) -> list[str]:
    """Labels on lines of their own, numbers below; as many blocks of columns as the width asks for."""
    lines = []
    for block in _blocks(columns, width - _INDENT):
        heads = _heads(block, max(len(column.head) for column in block))
        rows = zip(labels.cells, *(column.cells for column in block), strict=True)
        numbers = [(folded(label, width), [_numbers(cells, block)]) for label, *cells in rows]
        parts = [(folded(labels.head[0], width), heads), *numbers]
        lines += [line for label, below in parts for line in (*label, *(" " * _INDENT + one for one in below))]
        lines.append("")
    return [line.rstrip() for line in lines[:-1]]


def _blocks(columns: Sequence[_Column], room: int) -> list[list[_Column]]:
    """Columns that fit a line together, in order."""
    blocks: list[list[_Column]] = [[]]
    for column in columns:
        if blocks[-1] and _extent([*blocks[-1], column]) > room:
            blocks.append([])
        blocks[-1].append(column)
    return blocks


def csv_lines(header: Sequence[str], rows: Sequence[Cells]) -> list[str]:
    """A table as lines of comma-separated values, numbers with every digit, errors in columns of their own.

    >>> csv_lines(("survey", "counts"), [("one, two", Figure("0.8 ± 0.1", (0.8125, 0.125)))])
    ['survey,counts,counts error', '"one, two",0.8125,0.125']
    """
    split = [any(len(_parts(row[i], False)) > 1 for row in rows) for i in range(len(header))]
    pairs = ((name, f"{name} error") if two else (name,) for name, two in zip(header, split, strict=True))
    names = [name for pair in pairs for name in pair]
    lines = io.StringIO()
    cells = ([part for cell, two in zip(row, split, strict=True) for part in _parts(cell, two)] for row in rows)
    csv.writer(lines, lineterminator="\n").writerows([names, *cells])
    return lines.getvalue().splitlines()


def _parts(cell: str | Figure, two: bool) -> Sequence[str | float]:
    """What one or two columns hold of a cell; nothing for numbers that are none."""
    found: list[str | float] = [cell] if isinstance(cell, str) else [x if math.isfinite(x) else "" for x in cell.values]
    return [*found, ""] if two and len(found) < 2 else found


_LATEX = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "±": r"$\pm$"}
_LATEX |= {sign: f"\\{sign}" for sign in "&%$#_{}"} | {"<": "$<$", ">": "$>$", "–": "--", "σ": r"$\sigma$"}


def latex_lines(header: Sequence[str], rows: Sequence[Cells]) -> list[str]:
    """A table as a LaTeX tabular.

    >>> print("\\n".join(latex_lines(("survey", "p_1"), [("50% & more", "0.1 ± 0.2")])))
    \\begin{tabular}{lr}
    \\hline
    survey & p\\_1 \\\\
    \\hline
    50\\% \\& more & 0.1 $\\pm$ 0.2 \\\\
    \\hline
    \\end{tabular}
    """
    first, *others = (
        " & ".join("".join(_LATEX.get(sign, sign) for sign in str(cell)) for cell in row) + r" \\"
        for row in (header, *rows)
    )
    columns = "l" + "r" * (len(header) - 1)
    return [f"\\begin{{tabular}}{{{columns}}}", r"\hline", first, r"\hline", *others, r"\hline", r"\end{tabular}"]


def fixed_words(Om0: float | None) -> str:
    """The matter density to which an error of sigma8 belongs, as it stands after its name; empty where it is free.

    >>> fixed_words(0.25), fixed_words(None)
    (', Om0 = 0.25 fixed', '')
    """
    return "" if Om0 is None else f", Om0 = {Om0:g} fixed"


def fixed_in_rows(Om0: float | None, rows: Iterable[LadderRow]) -> str:
    """The same of rows in some of which it may be free, as their names say."""
    return f", Om0 = {Om0:g} unless free" if Om0 is not None and any(row.s8_std for row in rows) else fixed_words(Om0)


def dark_energy_tables(rows: Sequence[LadderRow]) -> list[tuple[str, list[tuple[str, dict[str, float]]]]]:
    """What rows of a ladder say of dark energy by variant and level, with a title each."""
    tables: dict[str, list[tuple[str, dict[str, float]]]] = {}
    for row in rows:
        for name, by_level in row.dark_energy.items():
            title = f"sigma({name})" if name in ("w0", "wa") else f"{name} of w0 and wa, 1/sqrt(det C)"
            tables.setdefault(title, []).append((row.label, by_level))
    return list(tables.items())


def row_words(row: LadderRow, Om0: float | None = None) -> str:
    """A row of the ladder as a line, for who waits for the table; `Om0` where it is fixed."""
    levels = ", ".join(f"{level} {error_text(std)}" for level, std in row.sigma8_std.items())
    return f"{row.label}: {count_text(row.expected_count)} clusters, sigma(sigma8{fixed_words(Om0)}) {levels}"


def shift_words(row: SystematicRow) -> str:
    """Shifts of sigma8 as a line."""
    return f"{row.label}: sigma8 moves by {', '.join(f'{level} {x:+.4f}' for level, x in row.shift.items())}"


def answer_words(level: str, chain: Chain, Om0: float | None = None) -> str:
    """sigma8 of a chain as a line, for who waits for the table; `Om0` where it is fixed."""
    found, state = chain.summary("sigma8"), "" if chain.converged else ", NOT converged"
    how = f"MCMC, {chain.lengths_in_tau:.0f} tau{state}{fixed_words(Om0)}"
    return f"{level}: sigma8 = {found['mean']:.4f} ± {found['std']:.4f} ({how})"
