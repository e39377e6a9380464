"""The reference of every key of a configuration, made from the schema: ``python -m docs.keys``."""

from __future__ import annotations

from pathlib import Path

from forecast.config.reference import Key, keys

PAGE = Path(__file__).with_name("keys.md")
_INTRO = """# Every key of a configuration

Made by `python -m docs.keys` from the schema. On the terminal: `forecast explain KEY`. An unknown key is an error that
names the nearest one.
"""


def page() -> str:
    """The page."""
    parts = [_INTRO]
    tables = dict.fromkeys((key.table, key.variant if key.table else "") for key in keys())
    for table, variant in tables:
        found = [key for key in keys() if key.table == table and variant in ("", key.variant)]
        parts.append(_section(table, variant, found))
    return "\n".join(parts)


def _section(table: str, variant: str, found: list[Key]) -> str:
    title = f"[{table}]" if table else "Top of the file"
    lines = [f"## {title}" + (f" with {variant}" if variant else ""), ""]
    lines += ["| key | meaning | value | default | example |", "|---|---|---|---|---|"]
    for key in found:
        default = "must be given" if key.default is None else f"`{key.default}`"
        name = key.path.rpartition(".")[2]
        cells = (f"`{name}`", key.meaning, key.allowed, default, f"`{key.example}`")
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
