"""Memory that was freed is used again, and not asked of the system at every array."""

import platform
import subprocess
import sys

import pytest

from forecast.execution.memory import keep_freed_memory

FAULTS = """
import resource
import numpy as np
from forecast.execution.memory import keep_freed_memory
if {kept}:
    keep_freed_memory()
for number in range(60):  # the first arrays set the pace
    if number == 10:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    arrays = [np.ones(400_000) for _ in range(4)]
    del arrays
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_arrays_cost_no_page_faults():
    without, kept = (
        int(subprocess.run([sys.executable, "-c", FAULTS.format(kept=kept)], capture_output=True, check=True).stdout)
        for kept in (False, True)
    )
    assert kept < 0.05 * without


def test_another_c_library_is_left_as_it_is(monkeypatch):
    monkeypatch.setattr("ctypes.CDLL", lambda _: object())
    keep_freed_memory()
