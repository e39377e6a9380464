"""One executor: the same numbers wherever items are done; killed workers, kills and Ctrl-C lose nothing."""

import signal

import numpy as np
import psutil
import pytest
from drawing import Draw, Drawing
from stopping import assert_nothing_is_left, start, wait_for

from forecast.checks.sbc import CalibrationPlan
from forecast.cli.checking import run_check
from forecast.cli.planning_pipelines import run_comparison, run_sweep
from forecast.core.errors import InputError, MassanchorError
from forecast.core.records import Job
from forecast.core.rng import generator
from forecast.execution.executor import Executor
from forecast.execution.store import Store
from forecast.model.simulate import draw_mocks
from forecast.sampling import group_chains
from forecast.sampling.ensemble import MomentsPlan, sample_posteriors


def workers():
    """Processes that work for this one."""
    return [child for child in psutil.Process().children() if "spawn_main" in " ".join(child.cmdline())]


def test_places_are_those_of_the_items_and_a_killed_worker_loses_nothing(tmp_path):
    items = [5, 3, 8, 1, 13]
    alone = dict(Executor().map(Drawing(str(tmp_path)), items))
    apart = dict(Executor(2).map(Drawing(str(tmp_path), deadly=8), items))
    assert (tmp_path / "died-8").exists()
    assert [apart[i].place for i in range(5)] == items
    for i in range(5):
        np.testing.assert_array_equal(alone[i].values, apart[i].values)


def test_deadly_items_and_errors_are_told_and_finished_items_kept(tmp_path):
    executor = Executor(2, store=Store(tmp_path / "steps", {}))
    with pytest.raises(MassanchorError, match=r"3 workers died doing the same part.*finished is kept"):
        executor.kept("draw", Draw, Drawing(str(tmp_path), 4, True), [1, 2, 4])
    kept = sorted((tmp_path / "steps").glob("draw-*.npz"))
    assert kept
    assert kept[-1].stem != "draw-0002"
    with pytest.raises(InputError, match="item -1 is negative"):
        executor.kept("draw", Draw, Drawing(str(tmp_path)), [1, -1])
    assert workers() == []


def test_kept_items_are_those_of_the_same_function_and_item(tmp_path):
    executor, told = Executor(store=Store(tmp_path, {})), []
    first = executor.kept("draw", Draw, Drawing("a"), [1, 2, 3], progress=lambda *now: told.append(now))
    executor.kept("draw", Draw, Drawing("a"), [1, 2, 3, 4], progress=lambda *now: told.append(now))
    assert told == [(0, 3), (1, 3), (2, 3), (3, 3), (3, 4), (4, 4)]
    again = executor.kept("draw", Draw, Drawing("b"), [1, 2, 3], progress=lambda *now: told.append(now))
    assert told[6:] == [(0, 3), (1, 3), (2, 3), (3, 3)]
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a.values, b.values)
    Store(tmp_path, {}).clear("draw")
    assert not tmp_path.exists()


def test_processes_are_started_unasked_only_if_that_saves_time(tmp_path, monkeypatch):
    monkeypatch.setattr("forecast.execution.executor.cores", lambda: 2)
    monkeypatch.setattr("forecast.execution.executor.on_processes", lambda *_: pytest.fail("they finish in no time"))
    assert len(list(Executor(None).map(Drawing(str(tmp_path)), [1, 2, 3]))) == 3
    monkeypatch.setattr("forecast.execution.executor.WORTHWHILE", -1.0)
    monkeypatch.setattr("forecast.execution.executor.on_processes", lambda _, items, count: enumerate([count, *items]))
    assert list(Executor(None).map(Drawing(str(tmp_path)), [1, 2, 3]))[1:] == [(1, 2), (2, 2), (3, 3)]


@pytest.mark.parametrize(("options", "words"), [((0, None), "at least 1, got 0"), ((2, "tcp://a:1"), "leave out")])
def test_options_that_make_no_sense(options, words):
    with pytest.raises(InputError, match=f"--.*{words}"):
        Executor.chosen(*options)


# Every command loses a worker and nothing else


class Killer:
    """Kills one worker when the first item is done."""

    def __init__(self):
        self.killed = 0

    def __call__(self, *_):
        if not self.killed and workers():
            workers()[-1].kill()
            self.killed += 1


def files(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.rglob("*")) if path.suffix in (".json", ".csv")}


def check(config, job, executor):
    run_check(config, job, CalibrationPlan(100, 3000, 3, groups=4), ("counts",), executor=executor)


def sweep(config, job, executor):
    run_sweep(config, job, ["yx_error=0:0.2:3"], executor=executor)


def compare(config, job, executor):
    other = config.model_copy(update={"yx_error": 0.1})
    run_comparison({"a": config, "b": other, "c": config}, job, executor=executor)


@pytest.mark.parametrize("command", [check, sweep, compare])
def test_commands_lose_a_worker_and_no_number(nv22, tmp_path, command):
    killer = Killer()
    command(nv22, Job("nv22", tmp_path / "alone", 3), Executor())
    command(nv22, Job("nv22", tmp_path / "apart", 3, progress=killer), Executor(2))
    assert killer.killed == 1
    assert files(tmp_path / "alone") == files(tmp_path / "apart")
    assert not (tmp_path / "apart" / "steps").exists()


def test_posteriors_lose_a_worker_and_no_number_and_groups_change_none(nv22_model, monkeypatch):
    mocks = draw_mocks(nv22_model, nv22_model.parameters.draw(9, rng=generator(1, "t")), rng=generator(1, "m"))
    plan, killer = MomentsPlan(5, steps=60, kept=10), Killer()
    together = sample_posteriors(nv22_model, "full", mocks, plan)
    monkeypatch.setattr(group_chains, "_CLUSTERS", int(mocks.size.sum()) // 4)
    apart = sample_posteriors(nv22_model, "full", mocks, plan, progress=killer, executor=Executor(2))
    assert killer.killed == 1
    np.testing.assert_array_equal(apart.theta, together.theta)
    np.testing.assert_array_equal(apart.moments.std, together.moments.std)
    assert apart.moments.effective == together.moments.effective


RUN = """
import sys
from pathlib import Path
from forecast.checks.sbc import CalibrationPlan
from forecast.cli.checking import run_check
from forecast.config.load import load_config
from forecast.core.records import Job
from forecast.execution.executor import Executor

try:
    job = Job("nv22", Path(sys.argv[1]), 3)
    run_check(load_config("nv22"), job, CalibrationPlan(1000, 8000, 3, groups=100), ("counts",), executor=Executor(2))
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.mark.parametrize("stop", [signal.SIGKILL, signal.SIGINT])
def test_a_stopped_check_leaves_nothing_behind_but_what_is_finished(tmp_path, stop):
    process = start("-c", RUN, str(tmp_path))
    wait_for(process, lambda: list(tmp_path.glob("steps/check-*.npz")))
    assert_nothing_is_left(process, stop)
    kept = list(tmp_path.glob("steps/check-*.npz"))
    assert 0 < len(kept) < 100
