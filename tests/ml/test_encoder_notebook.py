"""The notebook that trains an encoder runs anywhere, and its words follow from its numbers."""

import re

import numpy as np
import pytest
from notebookrun import NOTEBOOKS, outputs_of, run_notebook

pytestmark = pytest.mark.slow

NOTEBOOK = NOTEBOOKS / "encoder.ipynb"
NUMBERS = {
    "parameters": "parameters",
    "sizes": "[len(truth), EXACT]",
    "width": "{level: float(e.std.mean()) for level, e in exact.items()}",
    "effective": "{level: e.effective for level, e in exact.items()}",
    "distance": "[held.distance, held.distance_error]",
    "scatter": "[held.scatter, held.scatter_error]",
    "coverage": "[held.coverage_68, held.coverage_95]",
    "edges": "[[edge.network.value, edge.exact.value, edge.difference.error] for edge in held.shrinkage]",
    "correlation": "correlation",
    "ridge": "ridge.scatter",
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return run_notebook(NOTEBOOK, NUMBERS, tmp_path_factory.mktemp("notebook"))


def test_everything_is_shown(run):
    stored = outputs_of(NOTEBOOK)
    assert run["png"] == sum("image/png" in output["data"] for output in stored) == 3
    assert len(run["markdown"]) == sum("text/markdown" in output["data"] for output in stored)
    assert not re.search(r"\bnan\b|\binf\b", "\n".join(run["markdown"]))
    text = re.sub(r'"image/png": "[^"]*"', "", NOTEBOOK.read_text(encoding="utf-8"))
    assert not re.search(r"(/root|/home|/tmp|/work|/Users|site-packages)\b", text)


def test_words_follow_from_numbers(run):
    numbers = run["numbers"]
    assert numbers["parameters"] == {"nv22": 10_472_834, "compact": 27_149}
    width, correlation = numbers["width"], numbers["correlation"]
    assert width["counts"] > width["selfcal"] > width["full"] > width["full+wl"]
    assert correlation["full+wl"] == max(correlation.values()) > 0.9
    for found, p in zip(numbers["coverage"], (0.68, 0.95), strict=True):
        assert abs(found - p) < 5 * np.sqrt(p * (1 - p) / numbers["sizes"][0])
    assert numbers["edges"][0][1] > 0 > numbers["edges"][1][1]


def test_a_small_network_is_near_the_exact_posterior(run):
    """Were the mean's own scatter the truth's, not the data's, the distance would exceed one."""
    numbers = run["numbers"]
    assert numbers["distance"][0] < 0.5
    assert numbers["scatter"][0] < 0.8 * numbers["width"]["selfcal"]
    assert min(numbers["effective"].values()) > 20
