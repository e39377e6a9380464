"""Tables as text: every cell whole, no line longer than the screen but where a cell alone is."""

import csv
import math

import pytest

from forecast.core.digits import error_figure, error_text, measured_figure, value_text
from forecast.report import console
from forecast.report.text_table import csv_lines, latex_lines, table_lines

HEADER = ("sigma(sigma8), Fisher", "prior", "counts", "selfcal", "binned", "unbinned", "full", "full+wl", "known")
ROWS = [
    (label, *(f"0.{i}{k}63" for k in range(8)))
    for i, label in enumerate(("as configured", "with sample variance, norm. priors x 10", "flux-limited cone"))
]


@pytest.mark.parametrize("width", [30, 40, 60, 80, 140, 10_000])
def test_nothing_is_cut_at_any_width(width):
    lines = table_lines(HEADER, ROWS, width)
    words = " ".join(lines).split()
    assert all(cell in words for row in (HEADER, *ROWS) for cell in row[1:])
    assert all(word in words for row in (HEADER, *ROWS) for word in row[0].split())
    assert max(map(len, lines)) <= width
    assert all(line == line.rstrip() for line in lines)


@pytest.mark.parametrize("width", [40, 60])
def test_long_headings_are_on_several_lines_and_end_above_their_numbers(width):
    header = ("level", "68% coverage of intervals", "caught: a selection that is wrong")
    lines = table_lines(header, [("selfcal", "0.683 ± 0.010", "0.91 (0.88)")], width)
    assert max(map(len, lines)) <= width
    (numbers,) = (line for line in lines if "0.683" in line)
    ends = {numbers.index(cell) + len(cell) for cell in ("0.683 ± 0.010", "0.91 (0.88)")}
    assert ends == {line.index(word) + len(word) for word in ("intervals", "wrong") for line in lines if word in line}


def test_numbers_stand_below_their_column():
    for width in (80, 140):
        lines = table_lines(HEADER, ROWS, width)
        head = next(line for line in lines if "selfcal" in line)
        ends = [head.index(name) + len(name) for name in HEADER[1:]]
        numbers = [line for line in lines if "0.0063" in line]
        assert [numbers[0].rindex(cell) + len(cell) for cell in ROWS[0][1:]] == ends


def test_a_table_of_one_column():
    assert table_lines(("level",), [("counts",), ("a" * 40,)], 20) == ["level", "counts", "a" * 40]


@pytest.mark.parametrize("exponent", range(-6, 3))
@pytest.mark.parametrize("mantissa", [1.0, 1.049, 1.051, 2.5, 9.949, 9.951, 9.9999])
def test_an_error_has_two_significant_digits_and_its_value_the_same_places(mantissa, exponent):
    error = mantissa * 10.0**exponent
    text = error_text(error)
    kept = text.replace(".", "").lstrip("0")
    assert len(kept) == 2 or (error >= 99.5 and "." not in text)
    assert abs(float(text) - error) <= 0.5 * 10.0 ** (math.floor(math.log10(error)) - 1) * 1.0001
    assert len(value_text(0.8123456789, error).partition(".")[2]) == len(text.partition(".")[2])


def test_csv_has_every_digit_and_errors_in_columns_of_their_own():
    rows = [
        ("a, b", measured_figure(0.8123456789, 0.0287654321), error_figure(0.1 + 0.2)),
        ("c", "none", error_figure(float("nan"))),
    ]
    header, first, second = csv.reader(csv_lines(("level", "sigma8", "width"), rows))
    assert header == ["level", "sigma8", "sigma8 error", "width"]
    assert [float(cell) for cell in first[1:]] == [0.8123456789, 0.0287654321, 0.1 + 0.2]
    assert second == ["c", "none", "", ""]
    assert "0.812 $\\pm$ 0.029 & 0.30" in latex_lines(("level", "sigma8", "width"), rows)[4]


@pytest.mark.parametrize("width", [40, 80])
def test_columns_stay_in_line_on_ascii_terminals(width, monkeypatch, capsys):
    monkeypatch.setattr(console, "screen_width", lambda: width)
    screen = console.Screen()
    monkeypatch.setattr(type(screen._console), "encoding", "ascii")
    screen.table(("level", "sigma8", "std"), [("counts", "0.8 ± 0.1", "0.10"), ("selfcal", "0.81", "0.020")])
    shown = [line for line in capsys.readouterr().out.splitlines() if line]
    assert all(line.isascii() for line in shown) and "+-" in shown[1]
    assert len({len(line) for line in shown}) == 1


def test_words_and_commands_are_whole_on_narrow_terminals(monkeypatch, capsys):
    monkeypatch.setattr(console, "screen_width", lambda: 30)
    path, command = "/a/path/without/any/blank/" + "x" * 40, "Next: forecast ladder a_survey_of_a_long_name --quick"
    console.Screen().say(f"report: {path}\n{command}")
    lines = capsys.readouterr().out.splitlines()
    assert path in lines and command in lines


def test_one_empty_line_parts_tables_from_all_else(capsys):
    screen = console.Screen("text")
    screen.say("before")
    for _ in range(2):
        screen.table(["x", "y"], [["a", "1"]])
    screen.say("after")
    table = "x  y\na  1"
    assert capsys.readouterr().out == f"before\n\n{table}\n\n{table}\n\nafter\n"
