"""Public names: each a thing of its own in a fresh process, documented, none the name of a module."""

import ast
import inspect
import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import forecast
import mlcheck
from docs.wings import WINGS

ROOT = Path(__file__).parents[1]
NAMES = [("forecast", name) for name in forecast.__all__] + [("mlcheck", name) for name in mlcheck.__all__]
FRESH = """
import importlib, sys, types

def forget():
    for module in [name for name in sys.modules if name.split(".")[0] in ("forecast", "mlcheck")]:
        del sys.modules[module]

for package, name in {first}:
    forget()
    found = getattr(importlib.import_module(package), name)
    assert not isinstance(found, types.ModuleType), name
for package, name in {names}[::-1]:  # again, after everything else and without forgetting
    exec(f"from {{package}} import {{name}} as found")
    assert not isinstance(found, types.ModuleType), name
heavy = [name for name in ("keras", "tensorflow", "jax", "corner", "matplotlib", "emcee") if name in sys.modules]
assert not heavy, heavy
"""
EMPTY = """
import sys, forecast, mlcheck
assert not [name for name in ("numpy", "scipy", "astropy", "pydantic", "keras") if name in sys.modules]
dir(forecast), dir(mlcheck), forecast.InputError, mlcheck.InputError
assert not [name for name in ("scipy", "astropy", "pydantic", "keras") if name in sys.modules]
"""


@pytest.mark.parametrize(("package", "name"), NAMES)
def test_no_public_name_is_that_of_a_module(package, name):
    assert not (ROOT / package / f"{name}.py").exists()
    assert not (ROOT / package / name).exists()


def test_public_names_are_things_and_not_modules_in_any_order():
    """In a fresh process, one of each module imported first, and all after everything else; nothing heavy with them."""
    first = {getattr(import_module(package), name).__module__: (package, name) for package, name in NAMES}
    subprocess.run([sys.executable, "-c", FRESH.format(names=NAMES, first=list(first.values()))], check=True)


def test_plans_and_fits_begin_without_what_few_of_them_need():
    """scipy.stats takes a quarter of a second, and is needed by tests of ranks of a catalogue alone."""
    modules = "forecast.cli.pipelines, forecast.cli.planning_pipelines"
    code = f"import sys, {modules}; assert 'scipy.stats' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_packages_import_nothing():
    subprocess.run([sys.executable, "-c", EMPTY], check=True)


@pytest.mark.parametrize(("package", "name"), [pair for pair in NAMES if pair[1] not in ("InputError", "Data")])
def test_public_names_are_documented(package, name):
    """What it is, its parameters, an example that is run as a doctest; every method says what it does."""
    found = getattr(import_module(package), name)
    words = inspect.getdoc(found)
    assert "Examples\n--------" in words and ">>>" in words
    if inspect.isfunction(found):
        assert "Parameters\n----------" in words and "Raises\n------" in words
    for method, function in inspect.getmembers(found, inspect.isfunction):
        assert method.startswith("_") or inspect.getdoc(function), method


def test_few_names():
    assert len(forecast.__all__) <= 12 and len(mlcheck.__all__) <= 6


@pytest.mark.parametrize("notebook", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda path: path.stem)
def test_notebooks_import_public_names_alone(notebook):
    """From the two packages; and nothing that reaches into them by another way."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    code = ast.parse("\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"))
    public = {"forecast": forecast.__all__, "mlcheck": mlcheck.__all__}
    used = set()
    for node in ast.walk(code):
        if isinstance(node, ast.Import):
            assert not any(alias.name.split(".")[0] in public for alias in node.names), ast.unparse(node)
        elif isinstance(node, ast.ImportFrom) and node.module.split(".")[0] in public:
            assert node.module in public, ast.unparse(node)
            assert {alias.name for alias in node.names} <= set(public[node.module]), ast.unparse(node)
            used |= {alias.name for alias in node.names}
        elif isinstance(node, ast.Attribute):
            assert node.attr not in ("config", "setup", "model", "members", "density"), ast.unparse(node)
    assert "load_survey" in used


def test_a_name_that_is_not_public():
    with pytest.raises(AttributeError, match="has no attribute 'likelyhood'"):
        _ = forecast.likelyhood


@pytest.mark.parametrize("wing", [wing for wing in WINGS["forecast"] if "/" not in wing and wing != "cli"])
def test_public_names_of_a_wing_come_from_where_they_are_made(wing):
    package = import_module(f"forecast.{wing}")
    for name in package.__all__:
        found = getattr(package, name)
        assert getattr(found, "__module__", package.__name__).startswith(package.__name__)
