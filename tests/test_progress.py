"""How far a command is, in lines where there is no terminal."""

import math

from forecast.cli.progress import Lines


def test_a_line_says_how_much_is_done_and_how_long_the_rest_takes():
    now = [0.0]
    lines = Lines(clock=lambda: now[0])
    assert lines.words() == ""
    lines.report("sampling selfcal", 1000, 5000, math.nan)  # resumed: what was done before says nothing of the speed
    now[0] = 10.0
    assert lines.words() == "sampling selfcal: 1000 of 5000"
    lines.report("sampling selfcal", 1500, 5000, 12.0)
    assert lines.words() == "sampling selfcal: 1500 of 5000, about 70 s left"
    now[0] = 40.0
    assert lines.words() == "sampling selfcal: 1500 of 5000, about 5 min left"


def test_a_task_of_unknown_length_tells_its_time():
    now = [5.0]
    lines = Lines(clock=lambda: now[0])
    lines.report("ladder", 0, 0, math.nan)
    now[0] = 36.2
    assert lines.words() == "ladder: 31 s"
    lines.report("ladder", 3, 0, math.nan)
    assert lines.words() == "ladder: 31 s, 3 done"
