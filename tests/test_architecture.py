"""The order in which modules may import each other, and what importing must not pull in."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ORDER = [
    {"errors", "units", "rng", "files", "data", "cells"},
    {"cosmology", "shapes", "background", "massfunction", "parameters", "residuals", "scaling", "profiles"}
    | {"edgeworth", "proxy", "reach"},
    {"survey", "variance", "detection", "zbins", "selection", "tablefile", "library", "libraryfit"}
    | {"filetables", "plausible"},
    {"distribution", "population", "resolution", "massselected", "fluxlimited", "model", "catalogue", "mock", "results"}
    | {"available", "cautions", "intake", "idle"}
    | {"meandensity", "massrange", "features", "shards", "manifest", "suitereader", "workers"},
    {"bins", "derived", "likelihood", "fisher", "sampler", "sigma8_map", "ladder", "goodness", "export", "narrative"}
    | {"calibration", "saliency", "influence", "exactmap", "plane", "predictive", "predictivecheck"}
    | {"points", "detectability", "massintegral", "pointdensity", "pointprocess"}
    | {"guide", "rankchain", "moments", "chains", "pointsaliency", "clusterinfluence"},
    {"schema", "explain", "builders", "config", "run", "output", "sweep", "planning", "checking", "tables"}
    | {"report", "cli"}
    | {"observed", "fitchecks"}
    | {"suite", "proxies", "exactmapplot", "predictiveplot", "jointplot"}
    | {"plotstyle", "plots", "cornerplot", "survivalplot", "sweepplot", "influenceplot", "calibrationplot"},
]


def layer(module):
    return next(i for i, names in enumerate(ORDER) if module in names)


def imports(path):
    """Names of sibling modules a file imports, at any depth."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level == 1:
            yield from [node.module.split(".")[0]] if node.module else [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom | ast.Import):
            names = [node.module] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]
            yield from (n.split(".")[1] for n in names if n and n.startswith("forecast."))


@pytest.mark.parametrize("path", sorted((ROOT / "forecast").glob("[!_]*.py")), ids=lambda p: p.stem)
def test_data_flow_one_way(path):
    for name in imports(path):
        assert layer(name) <= layer(path.stem), f"{path.stem} imports {name}"


def test_no_module_of_mlcheck_imports_itself_by_a_detour():
    """Data flow one way: the modules can be put in an order in which each imports earlier ones alone."""
    left = {}
    for path in (ROOT / "mlcheck").glob("[!_]*.py"):
        nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        left[path.stem] = {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.level == 1}
    while left:
        free = [name for name, found in left.items() if not found & set(left)]
        assert free, f"these import each other: {sorted(left)}"
        for name in free:
            del left[name]


def test_forecast_never_imports_mlcheck_and_only_cosmology_touches_colossus():
    for path in (ROOT / "forecast").glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            names = []
            if isinstance(node, ast.Import):
                names = [a.name for a in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            for name in names:
                assert not name.startswith("mlcheck"), path
                if name.startswith("colossus"):
                    assert path.stem == "cosmology", path


def test_the_command_line_imports_nothing_heavy():
    code = "import forecast.cli, sys; print([m for m in ('numpy', 'scipy', 'astropy', 'emcee') if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_no_path_of_a_machine_in_the_repository():
    folders = ("forecast/**/*", "mlcheck/**/*", "configs/**/*", "tests/**/*.py", "benchmarks/**/*")
    for path in [*(path for folder in folders for path in ROOT.glob(folder)), ROOT / "README.md"]:
        if path.is_file() and path.suffix in {".py", ".toml", ".md", ".html", ".ecsv"} and path != Path(__file__):
            text = path.read_text(encoding="utf-8")
            assert "/home/" not in text, path
            assert "/work/" not in text, path
