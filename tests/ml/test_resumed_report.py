"""A report that is killed in mid work: made again, it computes what is missing and says the same."""

import signal
from pathlib import Path

import pytest
from stopping import start, wait_for

from forecast.core.files import write_json
from forecast.execution.store import Store
from mlcheck.evidence.evidence import ReportPlan
from mlcheck.evidence.trial import RESULTS, Trial
from mlcheck.networks.history import History
from mlcheck.networks.laboratory import untrained
from mlcheck.networks.saving import Trained, save
from mlcheck.report.build import build_report, write_report
from mlcheck.report.interpretation import alone
from mlcheck.report.thinning import thinning

PLAN = ReportPlan(3, exact=12, steps=100, alone=3)
PARTS = (thinning, alone)
RUN = f"""
import sys
from pathlib import Path
sys.path[:0] = {[str(folder) for folder in (Path(__file__).parent, Path(__file__).parents[1])]!r}
from test_resumed_report import made
made(*map(Path, sys.argv[1:]))
"""


def made(run, suite, out):
    """The files of a short report, as bytes."""
    write_report(build_report(Trial.open(run, suite), PLAN, out, parts=PARTS), out)
    return {path.name: path.read_bytes() for path in sorted(out.rglob("*")) if path.suffix in (".json", ".csv")}


@pytest.fixture(scope="module")
def run(settings, laboratory, prepared, tmp_path_factory):
    """A network with its first weights, as a training leaves it."""
    folder, network = tmp_path_factory.mktemp("run"), untrained(settings.architecture(seed=1), prepared)
    plan, origin = settings.plan(seed=1), laboratory.origin(1)
    member = Trained(network, prepared.scaler, prepared.whitening, plan=plan, history=History(), origin=origin)
    save(member, folder / "member-1.keras")
    write_json(folder / RESULTS, {"provenance": {"config": settings.model_dump(mode="json")}})
    return folder


def pieces(names):
    """Names of what a report keeps to its end; groups of chains are kept until a level is done."""
    return sorted(name for name in names if not name.startswith("chains"))


@pytest.mark.slow
def test_a_killed_report_goes_on_where_it_was_and_says_the_same(run, suite, tmp_path, monkeypatch):
    names, put = [], Store.put

    def recorded(store, name, record, *, of=None):
        names.append(name)
        put(store, name, record, of=of)

    monkeypatch.setattr(Store, "put", recorded)
    whole, out = made(run, suite, tmp_path / "whole"), tmp_path / "killed"
    every = pieces(names)
    process = start("-c", RUN, *map(str, (run, suite, out)))
    wait_for(process, lambda: list(out.glob("steps/level-*.npz")))
    process.send_signal(signal.SIGKILL)
    process.communicate()
    kept = pieces(path.stem for path in (out / "steps").glob("*.npz"))
    assert 0 < len(kept) < len(every)
    names.clear()
    assert made(run, suite, out) == whole
    assert sorted(kept + pieces(names)) == every
