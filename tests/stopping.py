"""Programs run in processes of their own and stopped from outside."""

import os
import signal
import subprocess
import sys
import time

import psutil


def start(*arguments):
    """A Python process that leads a group of its own; what it prints as errors is kept."""
    return subprocess.Popen(
        [sys.executable, *arguments],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a job in the background ignores it
    )


def wait_for(process, condition):
    """Wait until something is so, as long as a process that should bring it about lives; however slow the machine."""
    while not condition():
        assert process.poll() is None or condition(), f"it ended first:\n{process.communicate()[1]}"
        time.sleep(0.002)


def assert_nothing_is_left(process, stop):
    """Stop a process that has at least two workers: all end, it prints nothing and ends as told."""
    children = psutil.Process(process.pid).children(recursive=True)
    assert len(children) >= 2
    if stop == signal.SIGINT:
        os.killpg(process.pid, stop)  # what a terminal does on Ctrl-C
    else:
        process.send_signal(stop)
    _, printed = process.communicate()
    psutil.wait_procs(children)  # for ever, if one survives
    assert (process.returncode, printed) == (130 if stop == signal.SIGINT else -9, "")
