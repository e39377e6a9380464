"""How far a command is, in lines where there is no terminal."""

import io
import math
import re
import sys

from forecast.cli.progress import Lines, voice
from forecast.sampling.stepping import Pace


def test_a_line_says_how_much_is_done_and_how_long_the_rest_takes():
    now = [0.0]
    lines = Lines(clock=lambda: now[0])
    assert lines.words() == ""
    lines.report("ladder", 3, 9, math.nan)  # resumed: what was done before says nothing of the speed
    now[0] = 10.0
    assert lines.words() == "ladder: 3 of 9"
    lines.report("ladder", 5, 9, math.nan)
    assert lines.words() == "ladder: 5 of 9, about 20 s left"
    now[0] = 100.0
    assert lines.words() == "ladder: 5 of 9, about 4 min left"


def test_a_chain_ends_where_it_has_converged_and_takes_no_longer_than_its_most_steps():
    now = [0.0]
    lines = Lines(clock=lambda: now[0])
    lines.report("sampling selfcal", 0, 8000, 0.0)
    now[0] = 10.0
    lines.report("sampling selfcal", 500, 8000, 0.0)  # no length in tau yet
    assert lines.words() == "sampling selfcal: 500 of 8000, at most 3 min left"
    lines.report("sampling selfcal", 500, 8000, 10.0)  # 50 tau at 2,500 steps
    assert lines.words() == "sampling selfcal: 500 steps, 10 of 50 tau, about 40 s left"
    lines.report("sampling selfcal", 500, 8000, 2.0)  # it will not have converged
    assert lines.words() == "sampling selfcal: 500 of 8000, at most 3 min left"


def test_a_task_of_unknown_length_tells_its_time():
    now = [5.0]
    lines = Lines(clock=lambda: now[0])
    lines.report("ladder", 0, 0, math.nan)
    now[0] = 36.2
    assert lines.words() == "ladder: 31 s"
    lines.report("ladder", 3, 0, math.nan)
    assert lines.words() == "ladder: 31 s, 3 done"


def test_a_task_is_told_of_as_it_begins_and_what_was_done_before():
    told = []
    lines = Lines(clock=lambda: 0.0, tell=told.append)
    lines.report("ladder", 0, 9, math.nan)
    lines.report("ladder", 1, 9, math.nan)
    lines.report("sampling counts", 750, 1500, math.nan)
    lines.report("sampling selfcal", 500, 10, math.nan)
    assert told == [
        "ladder ...",
        "sampling counts: resuming from 750 of 1500",
        "sampling selfcal: 500 are there already, and 10 were asked for",
    ]


def test_a_chain_tells_its_steps_once_a_second_and_every_block():
    now, told = [0.0], []
    pace = Pace(lambda steps, lengths: told.append((steps, lengths)), clock=lambda: now[0])
    pace.tell(0, math.inf)
    for steps in range(1, 11):
        now[0] += 0.3
        pace.step(steps)
    pace.tell(10, 4.0)
    now[0] += 1.0
    pace.step(11)
    assert told == [(0, math.inf), (4, math.inf), (8, math.inf), (10, 4.0), (11, 4.0)]


def test_sentences_stand_above_the_bar_of_a_terminal(monkeypatch):
    class Terminal(io.StringIO):
        encoding = "utf-8"

        def isatty(self):
            return True

    monkeypatch.setattr("sys.stderr", Terminal())
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    shown = sys.stderr
    with voice(False) as speaking:
        speaking.progress("ladder", 1, 3, math.nan)
        speaking.tell("as configured: [124] clusters")
    pieces = re.split(r"\r|\x1b\[[0-9;?]*[A-Za-z]|\n", shown.getvalue())
    assert "as configured: [124] clusters" in pieces  # not glued to what is left of the bar
    with voice(True) as silent:
        assert silent.progress is silent.tell is None
