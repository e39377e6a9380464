"""Public names: each a thing of its own in a fresh process, none the name of a module."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import forecast
from docs.wings import WINGS

ROOT = Path(__file__).parents[1]
CODE = """
import types
from forecast import {name}
assert not isinstance({name}, types.ModuleType), {name}
assert {name}.__doc__, "no documentation"
"""


@pytest.mark.parametrize("name", forecast.__all__)
def test_no_public_name_is_that_of_a_module(name):
    assert not (ROOT / "forecast" / f"{name}.py").exists()
    assert not (ROOT / "forecast" / name).exists()


def test_public_names_are_things_and_not_modules_in_any_order():
    """Each imported first in a process of its own, and again after everything else."""
    alone = [CODE.format(name=name) for name in forecast.__all__]
    together = "\n".join(alone + alone[::-1])
    subprocess.run([sys.executable, "-c", together], check=True, capture_output=True, text=True)
    for code in alone:
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)


def test_a_name_that_is_not_public():
    with pytest.raises(AttributeError, match="has no attribute 'likelyhood'"):
        _ = forecast.likelyhood


@pytest.mark.parametrize("wing", [wing for wing in WINGS["forecast"] if "/" not in wing and wing != "cli"])
def test_public_names_of_a_wing_come_from_where_they_are_made(wing):
    package = import_module(f"forecast.{wing}")
    for name in package.__all__:
        found = getattr(package, name)
        assert getattr(found, "__module__", package.__name__).startswith(package.__name__)
