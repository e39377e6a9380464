"""The house: which wing may import which, what importing must not pull in, and a map that is never typed."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from docs.wings import ROOT, WINGS, edges, longest_chain, map_text, modules, wing_of

MOST_MODULES, LONGEST_MODULE, LONGEST_CHAIN = 20, 300, 12
LONG = {
    "forecast": set(),
    "mlcheck": set(),
}
"""Wings with modules that are still longer."""


@pytest.mark.parametrize("package", WINGS)
def test_wings_import_only_what_stands_above_them(package):
    order = list(WINGS[package])
    for module, imported in edges(package):
        assert order.index(wing_of(imported)) <= order.index(wing_of(module)), f"{module} imports {imported}"


@pytest.mark.parametrize("package", WINGS)
def test_no_module_imports_itself_by_a_detour(package):
    """The modules of a package can be put in an order in which each imports earlier ones alone."""
    left = {module: set() for module in modules(package)}
    for module, imported in edges(package):
        left[module].add(imported)
    while left:
        free = [module for module, found in left.items() if not found & set(left)]
        assert free, f"these import each other: {sorted(left)}"
        for module in free:
            del left[module]


@pytest.mark.parametrize("package", WINGS)
def test_every_module_lives_in_a_wing_of_bearable_size(package):
    found = {wing: [m for m in modules(package) if wing_of(m) == wing] for wing in WINGS[package]}
    assert sum(map(len, found.values())) == len(modules(package)), "a module outside every wing"
    for wing, inside in found.items():
        assert 0 < len(inside) <= MOST_MODULES, wing
    assert longest_chain(package) <= LONGEST_CHAIN


@pytest.mark.parametrize("package", WINGS)
def test_no_module_is_too_long_to_read_at_once(package):
    for module, path in modules(package).items():
        if wing_of(module) not in LONG[package]:
            assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_MODULE, module


def test_a_wing_says_what_lives_there():
    for package, wings in WINGS.items():
        for wing in wings:
            text = (ROOT / package / wing / "__init__.py").read_text(encoding="utf-8")
            words = ast.get_docstring(ast.parse(text))
            assert words and 2 <= words.count(".") <= 8, f"{package}/{wing}"


def test_the_map_in_the_docs_is_that_of_the_code():
    assert (ROOT / "docs" / "map.md").read_text(encoding="utf-8") == map_text(), "run: python -m docs.wings"


def test_forecast_never_imports_mlcheck_and_only_cosmology_touches_colossus():
    for path in (ROOT / "forecast").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                assert not name.startswith("mlcheck"), path
                if name.startswith("colossus"):
                    assert path.relative_to(ROOT).as_posix() == "forecast/cosmology/background.py"


def imported_at_run_time(tree):
    """Names of modules that code imports, but for those that only annotations need."""
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
            node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            yield node.module or ""
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def test_what_computes_never_imports_what_draws():
    for package in WINGS:
        for module, path in modules(package).items():
            if "plots" not in wing_of(module) and path.stem != "plot":
                names = imported_at_run_time(ast.parse(path.read_text(encoding="utf-8")))
                assert not any(name.split(".")[0] in {"matplotlib", "corner"} for name in names), module


def test_the_command_line_imports_nothing_heavy():
    heavy = "('numpy', 'scipy', 'astropy', 'emcee', 'keras')"
    for package in WINGS:
        code = f"import {package}.cli.app, sys; print([m for m in {heavy} if m in sys.modules])"
        out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert out.stdout.strip() == "[]"


def test_no_path_of_a_machine_in_the_repository():
    folders = ("forecast/**/*", "mlcheck/**/*", "configs/**/*", "tests/**/*.py", "benchmarks/**/*", "docs/**/*")
    for path in [*(path for folder in folders for path in ROOT.glob(folder)), ROOT / "README.md"]:
        if path.is_file() and path.suffix in {".py", ".toml", ".md", ".html", ".ecsv"} and path != Path(__file__):
            text = path.read_text(encoding="utf-8")
            assert "/home/" not in text, path
            assert "/work/" not in text, path


def test_what_is_cited_is_in_the_repository():
    """No page, folder or section outside it is named; files of `docs` that are cited exist."""
    folders = ("forecast/**/*", "mlcheck/**/*", "configs/**/*", "tests/**/*.py", "benchmarks/**/*", "docs/**/*", "*.md")
    for path in (path for folder in folders for path in ROOT.glob(folder)):
        if path.suffix in {".py", ".toml", ".md", ".html", ".ecsv"} and path != Path(__file__):
            text = path.read_text(encoding="utf-8")
            assert not re.search(r"PHYSICS|ARCHITECTURE\.md|\bML\.md|\.\./shared", text), path
            for cited in re.findall(r"docs/\w+\.\w+", text):
                assert (ROOT / cited).exists(), (path, cited)


def test_nobody_asks_of_which_class_a_selection_or_geometry_is():
    """They answer questions; only their own wing may tell them apart."""
    classes = {"Sharp", "Smoothed", "FluxLimited", "Box", "LightCone", "Replicated", "Shells"}
    classes |= {"MassSelectedModel", "FluxLimitedModel"}
    for package in WINGS:
        for module, path in modules(package).items():
            if wing_of(module) != "survey":
                calls = (node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if is_a_look(node))
                named = {getattr(n, "id", getattr(n, "attr", "")) for call in calls for n in ast.walk(call.args[1])}
                assert not named & classes, module


def is_a_look(node):
    """Whether code asks of which class something is."""
    asked = isinstance(node, ast.Call) and getattr(node.func, "id", "") in {"isinstance", "issubclass"}
    return asked and len(node.args) == 2


def fields_of(node):
    """Number of fields of a class, or 0 if it is no frozen record."""
    record = any("dataclass" in ast.unparse(decorator) for decorator in node.decorator_list)
    return sum(isinstance(part, ast.AnnAssign) for part in node.body) if record else 0


def end_of_docstring(node):
    """Last line of what a function says of itself."""
    return node.body[0].end_lineno if ast.get_docstring(node) else node.lineno


def test_large_records_are_built_by_name_and_functions_are_short():
    """No record of more than four fields by position alone; no function of more than fifty lines of code."""
    trees = {m: ast.parse(p.read_text(encoding="utf-8")) for package in WINGS for m, p in modules(package).items()}
    classes = [node for tree in trees.values() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    records = {node.name for node in classes if fields_of(node) > 4}
    for module, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                assert node.end_lineno - end_of_docstring(node) < 50, f"{module}.{node.name}"
            if isinstance(node, ast.ClassDef) and node.name in records:
                for part in ast.walk(node):
                    if isinstance(part, ast.Name) and part.id == "cls":
                        part.id = node.name
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in records:
                assert len(node.args) <= 4, f"{module}, line {node.lineno}"
