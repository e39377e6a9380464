"""Chains of several levels, in one process or in several."""

import contextlib
import signal

import numpy as np
import pytest
from stopping import assert_nothing_is_left, start, wait_for

import forecast.sampling.parallel as chains
from forecast.core.errors import InputError, MassanchorError
from forecast.likelihoods.data import Data
from forecast.sampling.mcmc import ChainPlan
from forecast.sampling.parallel import Sampling, sample_all


def samplings(model, folder, seed=3, steps=40):
    data = Data.expected(model)
    return [
        Sampling(model.setup, data, ChainPlan(level, seed, 32, 20, steps, folder / f"chain_{level}.h5", "test"))
        for level in ("counts", "selfcal")
    ]


@pytest.fixture
def eager(monkeypatch):
    """Processes for however little work, even on one core."""
    monkeypatch.setattr(chains, "WORTHWHILE", 0.0)
    monkeypatch.setattr(chains, "cores", lambda: 2)


def test_processes_change_no_number(nv22_model, tmp_path, monkeypatch):
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    told = []
    alone = sample_all(samplings(nv22_model, tmp_path / "one"))
    monkeypatch.setattr(chains, "WORTHWHILE", 0.0)
    monkeypatch.setattr(chains, "cores", lambda: 2)
    apart = sample_all(samplings(nv22_model, tmp_path / "two"), lambda plan, steps, _: told.append((plan.level, steps)))
    for (_, a), (_, b) in zip(alone, apart, strict=True):
        np.testing.assert_array_equal(a.steps, b.steps)
        assert a.acceptance == b.acceptance
    assert {("counts", 20), ("counts", 40), ("selfcal", 20), ("selfcal", 40)} <= set(told)


def test_errors_of_a_process_are_raised(nv22_model, tmp_path, eager):
    sample_all(samplings(nv22_model, tmp_path))
    with pytest.raises(InputError, match="belongs to another configuration"):
        sample_all(samplings(nv22_model, tmp_path, seed=4))


SCRIPT = """
import sys
from pathlib import Path
import forecast.sampling.parallel as chains
from forecast.config.load import load_config
from forecast.likelihoods.data import Data
from forecast.model.forward import forward_model
from forecast.sampling.mcmc import ChainPlan
if __name__ == "__main__":
    chains.WORTHWHILE, chains.cores = 0.0, lambda: 2
    model = forward_model(load_config("nv22").setup)
    data, folder = Data.expected(model), Path(sys.argv[1])
    try:
        chains.sample_all([
            chains.Sampling(model.setup, data, ChainPlan(level, 3, 32, 20, 900, folder / f"chain_{level}.h5", "x"))
            for level in ("counts", "selfcal")
        ])
    except KeyboardInterrupt:
        sys.exit(130)
"""


@pytest.mark.parametrize("stop", [signal.SIGKILL, signal.SIGINT])
def test_processes_end_with_their_parent_and_nothing_is_printed(tmp_path, stop):
    script = tmp_path / "run.py"
    script.write_text(SCRIPT)
    process = start(str(script), str(tmp_path))
    wait_for(process, lambda: len(list(tmp_path.glob("*.h5"))) == 2)
    assert_nothing_is_left(process, stop)


def test_finished_chains_start_no_processes(nv22_model, tmp_path, eager, monkeypatch):
    first = sample_all(samplings(nv22_model, tmp_path))
    monkeypatch.setattr(chains, "_apart", lambda *_: pytest.fail("nothing was missing"))
    for (_, a), (_, b) in zip(first, sample_all(samplings(nv22_model, tmp_path)), strict=True):
        np.testing.assert_array_equal(a.steps, b.steps)


def test_a_killed_process_is_one_clear_error(nv22_model, tmp_path, eager):
    import psutil

    def kill(*_):
        for child in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):  # it may just have ended
                if "spawn_main" in " ".join(child.cmdline()):
                    child.kill()

    with pytest.raises(MassanchorError, match="a sampling process was killed"):
        sample_all(samplings(nv22_model, tmp_path, steps=100_000), kill)
