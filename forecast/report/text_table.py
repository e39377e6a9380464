"""Tables as plain text, never cut: columns side by side where they fit, else labels above, else columns in blocks."""

from __future__ import annotations

import csv
import io
import shutil
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..forecasts.ladder import LadderRow, SystematicRow
    from ..sampling.mcmc import Chain

_GAP = 2
_WIDE = 10_000
"""Width of what is no terminal: lines are as long as they need be."""


def screen_width() -> int:
    """Columns of the terminal; without one, no limit."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else _WIDE


def table_lines(header: Sequence[str], rows: Sequence[Sequence[str]], width: int | None = None) -> list[str]:
    """Lines of a table, its first column to the left, all others to the right.

    Parameters
    ----------
    header : sequence of str
    rows : sequence of sequences of str
        Cells, one for each column.
    width : int, optional
        Longest line; the screen's by default. A single column that is wider stays whole.

    Examples
    --------
    >>> print("\\n".join(table_lines(("survey", "counts"), [("nv22", "0.0327")], 80)))
    survey  counts
    nv22    0.0327
    >>> print("\\n".join(table_lines(("survey", "counts"), [("one with a long name", "0.0327")], 20)))
            counts
    survey
    one with a long name
            0.0327
    """
    width = screen_width() if width is None else width
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    if sum(widths) + _GAP * (len(widths) - 1) <= width or len(widths) == 1:
        return [_line(cells, widths) for cells in (header, *rows)]
    return _stacked(header, rows, widths, width)


def csv_lines(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A table as lines of comma-separated values.

    >>> csv_lines(("survey", "counts"), [("one, two", "0.0327")])
    ['survey,counts', '"one, two",0.0327']
    """
    lines = io.StringIO()
    csv.writer(lines, lineterminator="\n").writerows([header, *rows])
    return lines.getvalue().splitlines()


_LATEX = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "±": r"$\pm$"}
_LATEX |= {sign: f"\\{sign}" for sign in "&%$#_{}"} | {"<": "$<$", ">": "$>$"}


def latex_lines(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
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
        " & ".join("".join(_LATEX.get(sign, sign) for sign in cell) for cell in row) + r" \\" for row in (header, *rows)
    )
    columns = "l" + "r" * (len(header) - 1)
    return [f"\\begin{{tabular}}{{{columns}}}", r"\hline", first, r"\hline", *others, r"\hline", r"\end{tabular}"]


def _stacked(header: Sequence[str], rows: Sequence[Sequence[str]], widths: list[int], width: int) -> list[str]:
    """Labels on lines of their own, numbers below; as many blocks of columns as the width asks for."""
    indent = 4 * _GAP
    blocks, lines = _blocks(widths[1:], width - indent), []
    for block in blocks:
        columns = [i + 1 for i in block]
        chosen = [widths[i] for i in columns]
        space = " " * indent
        lines += [space + _numbers([header[i] for i in columns], chosen), header[0]]
        for row in rows:
            lines += [row[0], space + _numbers([row[i] for i in columns], chosen)]
        lines.append("")
    return lines[:-1]


def _blocks(widths: list[int], room: int) -> list[list[int]]:
    """Columns that fit a line together, in order."""
    blocks: list[list[int]] = [[]]
    for i, width in enumerate(widths):
        used = sum(widths[k] + _GAP for k in blocks[-1])
        if blocks[-1] and used + width > room:
            blocks.append([])
        blocks[-1].append(i)
    return blocks


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first = cells[0].ljust(widths[0])
    return (first + " " * _GAP + _numbers(cells[1:], widths[1:])).rstrip() if len(cells) > 1 else cells[0]


def _numbers(cells: Sequence[str], widths: Sequence[int]) -> str:
    return (" " * _GAP).join(cell.rjust(width) for cell, width in zip(cells, widths, strict=True))


def row_words(row: LadderRow) -> str:
    """A row of the ladder as a line, for who waits for the table."""
    levels = ", ".join(f"{level} {std:.4f}" for level, std in row.sigma8_std.items())
    return f"{row.label}: {row.expected_count:.1f} clusters, sigma(sigma8) {levels}"


def shift_words(row: SystematicRow) -> str:
    """Shifts of sigma8 as a line."""
    return f"{row.label}: sigma8 moves by {', '.join(f'{level} {x:+.4f}' for level, x in row.shift.items())}"


def answer_words(level: str, chain: Chain) -> str:
    """sigma8 of a chain as a line, for who waits for the table."""
    found, state = chain.summary("sigma8"), "" if chain.converged else ", NOT converged"
    return f"{level}: sigma8 = {found['mean']:.4f} ± {found['std']:.4f} (MCMC, {chain.lengths_in_tau:.0f} tau{state})"
