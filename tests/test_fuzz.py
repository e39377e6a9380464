"""Broken and unusual input ends well or with one clear error; `benchmarks.fuzz` and `benchmarks.badfiles` make more."""

import pytest

from benchmarks import badfiles
from benchmarks.fuzz import examine, make_input

FIRST, INPUTS, FILES, PARTS = 20_000, 200, 400, 8
LATER = [pytest.param(part, marks=pytest.mark.slow) for part in range(4, PARTS)]


@pytest.mark.parametrize("part", [*range(4), *LATER])
def test_input_is_refused_in_one_clear_line_or_gives_finite_numbers(part):
    for seed in range(FIRST + part, FIRST + INPUTS, PARTS):
        one, outcome = examine(make_input(seed))
        assert not outcome.failed, (
            f"{outcome.kind}: {outcome.message}\npython -m benchmarks.fuzz {one}\n{outcome.trace}"
        )


@pytest.mark.parametrize("part", range(PARTS))
def test_files_of_odd_bytes_are_refused_in_one_clear_line_or_read_as_they_are(part):
    for seed in range(FIRST + part, FIRST + FILES, PARTS):
        file = badfiles.make_file(seed)
        outcome = badfiles.examine(file)
        assert not outcome.failed, (
            f"{outcome.kind}: {outcome.message}\npython -m benchmarks.badfiles {file}\n{outcome.trace}"
        )
