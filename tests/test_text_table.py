"""Tables as text: every cell whole, no line longer than the screen but where a cell alone is."""

import pytest

from forecast.report.text_table import table_lines

HEADER = ("sigma(sigma8), Fisher", "prior", "counts", "selfcal", "binned", "unbinned", "full", "full+wl", "known")
ROWS = [
    (label, *(f"0.{i}{k}63" for k in range(8)))
    for i, label in enumerate(("as configured", "with sample variance, norm. priors x 10", "flux-limited cone"))
]


@pytest.mark.parametrize("width", [30, 60, 80, 140, 10_000])
def test_nothing_is_cut_at_any_width(width):
    lines = table_lines(HEADER, ROWS, width)
    text = "\n".join(lines)
    assert all(cell in text for row in (HEADER, *ROWS) for cell in row)
    assert max(map(len, lines)) <= max(width, max(len(row[0]) for row in ROWS))
    assert all(line == line.rstrip() for line in lines)


def test_numbers_stand_below_their_column():
    for width in (80, 140):
        lines = table_lines(HEADER, ROWS, width)
        head = next(line for line in lines if "selfcal" in line)
        ends = [head.index(name) + len(name) for name in HEADER[1:]]
        numbers = [line for line in lines if "0.0063" in line]
        assert [numbers[0].rindex(cell) + len(cell) for cell in ROWS[0][1:]] == ends


def test_a_table_of_one_column():
    assert table_lines(("level",), [("counts",), ("a" * 40,)], 20) == ["level", "counts", "a" * 40]
