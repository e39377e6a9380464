"""The notebook from a survey to a contour: fifteen lines, which run anywhere and say what is stored."""

import json

import pytest
from notebookrun import NOTEBOOKS, outputs_of, run_notebook

NOTEBOOK = NOTEBOOKS / "contour.ipynb"
NUMBERS = {
    "survey": "repr(survey)",
    "mean": "[samples.mean('sigma8'), samples.std('sigma8'), samples.effective_size]",
    "fisher": "results['Fisher, selfcal'].std('sigma8')",
    "drawn": "[len(axes.collections), axes.get_xlabel(), figure is axes.figure]",
}


def test_fifteen_lines():
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    lines = "".join(line for cell in cells if cell["cell_type"] == "code" for line in cell["source"]).splitlines()
    assert sum(bool(line.strip()) for line in lines) <= 15


def test_from_a_survey_to_a_contour(tmp_path):
    """The posterior of a mock lies where its Fisher matrix says: within 5 of its widths, and as wide to a third."""
    numbers = run_notebook(NOTEBOOK, NUMBERS, tmp_path)["numbers"]
    mean, std, effective = numbers["mean"]
    assert effective > 200 and std == pytest.approx(numbers["fisher"], rel=1 / 3)
    assert abs(mean - 0.81) < 5 * std
    assert numbers["drawn"] == [1, r"$\sigma_8$", True]
    text, image = outputs_of(NOTEBOOK)
    assert text["text"][0].strip() == numbers["survey"]
    assert len(image["data"]["image/png"]) < 150_000
