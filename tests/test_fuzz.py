"""Broken and unusual input ends well or with one clear error; ``benchmarks/fuzz.py`` makes it, and more of it."""

import pytest

from benchmarks.fuzz import examine, make_input

FIRST, INPUTS, PARTS = 20_000, 200, 8


@pytest.mark.parametrize("part", range(PARTS))
def test_input_is_refused_in_one_clear_line_or_gives_finite_numbers(part):
    for seed in range(FIRST + part, FIRST + INPUTS, PARTS):
        one, outcome = examine(make_input(seed))
        assert not outcome.failed, (
            f"{outcome.kind}: {outcome.message}\npython -m benchmarks.fuzz {one}\n{outcome.trace}"
        )
