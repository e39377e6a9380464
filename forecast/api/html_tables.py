"""Small tables for notebooks."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence


def html_table(caption: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Rows as an HTML table: numbers with three digits.

    >>> html_table("a < b", ["x"], [[0.12345], ["y"]])
    '<table><caption>a &lt; b</caption><tr><th>x</th></tr><tr><td>0.123</td></tr><tr><td>y</td></tr></table>'
    """
    head = f"<tr>{''.join(f'<th>{html.escape(name)}</th>' for name in header)}</tr>" if header else ""
    body = "".join(f"<tr>{''.join(f'<td>{_cell(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><caption>{html.escape(caption)}</caption>{head}{body}</table>"


def _cell(value: object) -> str:
    return f"{value:#.3g}" if isinstance(value, float) else html.escape(str(value))
