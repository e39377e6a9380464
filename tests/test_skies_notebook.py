"""The notebook of two skies and a mass anchor: without the tables it runs on mock skies, and finds what these hold."""

import re

import pytest
from notebookrun import NOTEBOOKS, outputs_of, run_notebook

pytestmark = pytest.mark.slow

NOTEBOOK = NOTEBOOKS / "skies.ipynb"
NUMBERS = {
    "found": "{name: [[float(r.mean(n)), float(r.std(n))] for n in ('sigma8', 'Om0')] for name, r in results.items()}",
    "effective": "[float(r.effective_size) for r in results.values()]",
    "truth": "[float(load_survey('bcs').posterior('full', data['BCS: L_X']).fiducial[i]) for i in (0, 1)]",
    "drawn": "[len(left.collections) > 0, len(right.collections)]",
}


def test_mock_skies_give_back_what_they_were_made_of(tmp_path):
    """Within 5 of the errors; importance sampling of few draws is a sketch, but no less than 20 effective ones."""
    numbers = run_notebook(NOTEBOOK, NUMBERS, tmp_path)["numbers"]
    assert list(numbers["found"]) == ["BCS: L_X", "BCS: L_X, T, Y_X, lensing"]
    assert min(numbers["effective"]) > 20
    for found in numbers["found"].values():
        for (mean, std), truth in zip(found, numbers["truth"], strict=True):
            assert 0.005 < std < 0.15 and abs(mean - truth) < 5 * std
    assert numbers["drawn"] == [True, 2]


def test_stored_outputs_are_of_the_tables_and_say_so():
    """And nothing stored has a place of anybody's machine."""
    read, found, image = outputs_of(NOTEBOOK)
    assert "BCS: L_X of bcs.ecsv" in "".join(read["text"])
    assert re.search(r"BCS: L_X, T, Y_X, lensing +sigma8 = 0\.\d+", "".join(found["text"]))
    assert len(image["data"]["image/png"]) < 200_000
    text = re.sub(r'"image/png": "[^"]*"', "", NOTEBOOK.read_text(encoding="utf-8"))
    assert not re.search(r"(/root|/home|/tmp|/work|/Users|site-packages)\b", text)
