"""The wings of the two packages, in the order in which they may import each other: ``python -m docs.wings``.

Writes ``docs/map.md`` from the code: what lives in each wing, and which wings each imports.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WINGS = {
    "forecast": (
        "core",
        "reading",
        "execution",
        "cosmology",
        "relations",
        "survey/detection",
        "survey",
        "model",
        "likelihoods/density",
        "likelihoods",
        "config/schema",
        "config",
        "sampling",
        "influence",
        "checks",
        "suite",
        "forecasts",
        "forecasts/require",
        "several",
        "report/plots",
        "report/page",
        "report",
        "api",
        "cli",
    ),
    "mlcheck": (
        "data",
        "domain",
        "networks",
        "accuracy",
        "attribution",
        "trust",
        "evidence",
        "report/plots",
        "report",
        "apply",
        "api",
        "cli",
    ),
}
"""Each may import those before it, and itself."""


@cache
def modules(package: str) -> dict[str, Path]:
    """Dotted names of a package's modules and their files; what only says what lives in a wing is none."""
    paths = [path for path in (ROOT / package).rglob("*.py") if path.name != "__init__.py"]
    return {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in sorted(paths)}


def wing_of(module: str) -> str:
    """Wing in which a module lives.

    >>> wing_of("forecast.report.plots.corner"), wing_of("forecast.core.units")
    ('report/plots', 'core')
    """
    _, *inside, _ = module.split(".")
    return "/".join(inside)


@cache
def edges(package: str) -> tuple[tuple[str, str], ...]:
    """Pairs of modules of a package of which the first imports the second, wherever in the file."""
    known, found = modules(package), []
    for module, path in known.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                base = module.split(".")[: -node.level] if node.level else []
                target = ".".join([*base, *([node.module] if node.module else [])])
                names = [target, *(f"{target}.{alias.name}" for alias in node.names)]
            else:
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            found += [(module, name) for name in names if name in known and name != module]
    return tuple(dict.fromkeys(found))


def imported_wings(package: str) -> dict[str, list[str]]:
    """Wings that each wing of a package imports, in their order."""
    pairs = {(wing_of(a), wing_of(b)) for a, b in edges(package)}
    return {
        wing: [other for other in WINGS[package] if (wing, other) in pairs and other != wing] for wing in WINGS[package]
    }


def longest_chain(package: str) -> int:
    """Wings in the longest chain of imports."""
    depth: dict[str, int] = {}
    imported = imported_wings(package)
    for wing in WINGS[package]:
        depth[wing] = 1 + max((depth[other] for other in imported[wing] if other in depth), default=0)
    return max(depth.values())


def map_text() -> str:
    """The map of the wings as Markdown."""
    lines = [
        "# Map of the wings",
        "",
        "Made by `python -m docs.wings` from the code. A wing imports only wings above it.",
        "",
    ]
    for package, wings in WINGS.items():
        lines += [f"## `{package}`", "", "| wing | what lives there | modules | imports |", "|---|---|---|---|"]
        imported = imported_wings(package)
        for wing in wings:
            words = (
                ast.get_docstring(ast.parse((ROOT / package / wing / "__init__.py").read_text(encoding="utf-8"))) or ""
            )
            inside = " ".join(f"`{m.rsplit('.', 1)[1]}`" for m in modules(package) if wing_of(m) == wing)
            above = ", ".join(imported[wing]) or ("`forecast` only" if package == "mlcheck" else "nothing")
            lines.append(f"| `{wing}` | {words.split(chr(10))[0]} | {inside} | {above} |")
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    (ROOT / "docs" / "map.md").write_text(map_text(), encoding="utf-8")
