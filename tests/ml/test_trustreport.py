"""The report: planted failures turn the verdict and are named; a good network passes; wrong input is told."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from drawnsuite import draw_suite, relabelled
from markupsafe import Markup

from forecast.core.errors import InputError
from forecast.execution.store import Store
from mlcheck.accuracy.cases import run_case
from mlcheck.cli.output import write_case
from mlcheck.data.draws import Drawn
from mlcheck.evidence.evidence import Evidence, ReportPlan
from mlcheck.evidence.findings import Finding, judge
from mlcheck.evidence.trial import Trial, check_suite
from mlcheck.networks.architectures import build
from mlcheck.networks.laboratory import Laboratory, Request, prepare
from mlcheck.report.build import build_report, write_report
from mlcheck.report.calibration import calibration
from mlcheck.report.transfer import difference
from mlcheck.report.trust_tests import leaks, representativeness, seeds
from mlcheck.trust.shifts import faults, natures

pytestmark = pytest.mark.slow

PLAN = ReportPlan.quick(3)
SMALL = ReportPlan(3, exact=40, steps=300, alone=5, away=15, known=15, draws=1500)


@pytest.fixture(scope="module")
def suite(tmp_path_factory):
    return draw_suite(tmp_path_factory.mktemp("report") / "nv22", "nv22", 6000, 7)


@pytest.fixture(scope="module")
def run(settings, suite, tmp_path_factory):
    folder, laboratory = tmp_path_factory.mktemp("run"), Laboratory(settings, suite)
    request = Request(settings, suite, folder / "standard", "compact", epochs=10)
    prepared = prepare(laboratory, "standard", "compact")
    write_case(request, prepared, run_case(request, laboratory, prepared))
    return folder


@pytest.fixture(scope="module")
def trial(run, suite):
    return Trial.open(run, suite)


@pytest.fixture(scope="module")
def steps(tmp_path_factory):
    return tmp_path_factory.mktemp("steps")


@dataclass(frozen=True)
class Planted(Trial):
    """A trial whose judged catalogues were drawn from another world."""

    drawn: Drawn | None = None

    def catalogues(self, case):
        return self.drawn.catalogues

    def mocks(self, most):
        kept = self.drawn.mocks.kept(self.drawn.mocks.row < most)
        return replace(kept, size=kept.size[:most])

    @property
    def truth(self):
        return self.drawn.sigma8

    @property
    def identity(self):
        return {**super().identity, "drawn": self.drawn.name}


def planted(trial, name, size=240):
    config = trial.laboratory.source.config
    world = next(w for w in faults(config) if w.name == name)
    drawn = world.draw(config, "standard", size, seed=77)
    return Planted(trial.networks, trial.laboratory, trial.judged, np.arange(len(drawn.sigma8)), drawn)


def examined(trial, steps):
    """Findings of the parts that judge catalogues, known faults kept from one trial to the next."""
    evidence = WithoutExact(trial, PLAN, Store(steps, {"faults": "the same for all"}))
    parts = [make(evidence) for make in (calibration, representativeness, difference)]
    return [finding for part in parts for finding in part.findings]


class WithoutExact(Evidence):
    """Evidence without exact counterparts, which other tests hold; what training catalogues say is learnt once."""

    _reference = None

    def counterpart(self, case):
        return None

    @property
    def reference(self):
        WithoutExact._reference = WithoutExact._reference or super().reference
        return WithoutExact._reference


def test_a_good_network_passes(trial, steps):
    found = examined(trial, steps)
    assert {f.key for f in found} == {"bias", "calibration", "representativeness", "difference"}
    assert judge(found).grade == "trusted", [f.result for f in found if f.failed]


@pytest.mark.parametrize(
    "name",
    ["library tng", "break mass +0.15 dex", "scatter of t x 1.50", "sigma8 labelled +0.03", "labels of sigma8 permuted",
     "the faintest 20% of the clusters missing"],
)  # fmt: skip
def test_planted_failures_turn_the_verdict_and_are_named(trial, steps, name):
    found = examined(planted(trial, name), steps)
    verdict = judge(found)
    assert verdict.grade == "not trusted"
    assert any(f"most like: {name}" in reason for reason in verdict.reasons), verdict.reasons
    named = next(f for f in found if f.key == "difference")
    labels = "labels of sigma8 are not" in named.consequence
    assert labels is ("label" in name)


def test_a_leak_is_grave_and_a_blind_test_is_told(trial, steps):
    evidence = Evidence(trial, PLAN, Store(steps, {}))
    found = {f.key: f for f in leaks(evidence).findings}
    assert found["leak standard"].outcome == "passed"
    assert found["leak control"].outcome == "not tested"
    bad = replace(found["leak standard"], outcome="failed")
    assert judge([bad]).grade == "not trusted"


def test_ten_networks_of_other_seeds(trial, tmp_path):
    (member,) = trial.networks["standard"]
    untold = {f.key: f for f in seeds(Evidence(trial, SMALL, Store(tmp_path / "one", {}))).findings}
    assert untold["seeds"].outcome == "not tested"

    def found(name, members):
        ten = replace(trial, networks={"standard": tuple(members)})
        part = seeds(Evidence(ten, SMALL, Store(tmp_path / name, ten.identity)))
        assert [p.name for p in part.pictures] == ["trends-standard"]
        return {f.key: f for f in part.findings}

    same = found("same", [member] * 10)
    assert same["seeds"].outcome == same["trends standard"].outcome == "passed"
    assert same["trends standard"].value == pytest.approx(1)
    drawn = [replace(member.network.architecture, seed=100 + i) for i in range(10)]
    layout, whitening = member.scaler.layout, member.whitening
    strangers = found("strangers", [replace(member, network=build(a, layout, whitening=whitening)) for a in drawn])
    assert strangers["trends standard"].outcome == "failed"
    assert not strangers["trends standard"].grave
    assert "seed to seed" in strangers["trends standard"].consequence


def test_verdicts():
    good = Finding("a", "?", "passed", "fine", "")
    limit = Finding("b", "?", "failed", "x", "", "only so far", grave=False)
    grave = Finding("c", "?", "failed", "x", "", "not at all")
    missing = Finding("d", "?", "not tested", "no ensemble", "")
    assert judge([good]).grade == "trusted"
    assert judge([good, limit]) == judge([limit])
    assert judge([good, limit]).reasons == ("only so far",)
    assert judge([good, missing]).reasons == ("not tested: no ensemble",)
    assert judge([missing, limit, grave]).reasons == ("not at all", "only so far", "not tested: no ensemble")
    assert judge([missing, limit, grave]).grade == "not trusted"


@pytest.fixture(scope="module")
def report(trial, tmp_path_factory):
    out, told = tmp_path_factory.mktemp("page"), []
    few = natures(trial.laboratory.source.config)[:1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mlcheck.report.transfer.natures", lambda _: few)
        patch.setattr("mlcheck.report.transfer.faults", lambda _: few)
        yield made(trial, out, told)


def made(trial, out, told):
    found = build_report(trial, SMALL, out, progress=lambda *a: told.append(a))
    write_report(found, out)
    return found, out, told


def test_the_page_holds_everything(report):
    found, out, told = report
    page = (out / "report.html").read_text(encoding="utf-8")
    content = json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert content["verdict"]["grade"] == found.verdict.grade
    assert found.verdict.grade.capitalize() in page
    assert len(content["findings"]) == len(found.findings) == len({f.key for f in found.findings})
    assert page.count('<tr><th scope="row" class="wrap">') == len(found.findings)
    for table in content["tables"]:
        assert (out / "tables" / f"{table}.csv").stat().st_size > 0
        rows = json.loads((out / "tables" / f"{table}.json").read_text(encoding="utf-8"))
        assert len(rows["header"]) == len(rows["rows"][0])
    (notes,) = found.parts[0].words
    assert "Effective draws behind each exact mean: counts" in notes
    assert notes in Markup(page).striptags()
    pictures = [picture.name for part in found.parts for picture in part.pictures]
    for name in pictures:
        for suffix in ("pdf", "png"):
            assert (out / "figures" / f"{name}.{suffix}").stat().st_size > 3000
    assert page.count("data:image/png") == len(pictures)
    for forbidden in ("http://", "<script", 'src="/'):
        assert forbidden not in page
    assert content["provenance"]["seed"] == 3
    assert content["provenance"]["software"]["keras"]
    assert any(name == "report" and done == total for name, done, total, _ in told)


def test_a_finished_report_is_made_again_from_its_steps(report, trial):
    found, out, _ = report
    before = {path: path.stat().st_mtime_ns for path in (out / "steps").iterdir()}
    again = build_report(trial, SMALL, out)
    assert {path: path.stat().st_mtime_ns for path in (out / "steps").iterdir()} == before
    same = [(f.key, f.outcome, f.result) for f in again.findings]
    assert same == [(f.key, f.outcome, f.result) for f in found.findings]


def test_a_suite_of_other_content_is_another_one(trial, run, suite, tmp_path):
    """Labels permuted, manifest sealed anew: it neither trained the networks nor are steps that it judged used."""
    other = relabelled(suite, tmp_path / "other")
    with pytest.raises(InputError, match="not the suite that trained the networks, by the checksums of its files"):
        Trial.open(run, other)
    made = []

    def step(judged):
        evidence = Evidence(judged, SMALL, Store(tmp_path, judged.identity))
        return evidence.kept("step", Outcome, lambda: made.append(judged) or Outcome(len(made))).number

    judged = [Trial.open(run, suite, judged=folder, most=50) for folder in (suite, other, suite)]
    assert [step(each) for each in (*judged[:2], judged[1], judged[2])] == [1, 2, 2, 3]
    old = replace(trial.networks["standard"][0].origin, contents="")
    with pytest.raises(InputError, match="do not say what their suite held; train again"):
        check_suite(trial.laboratory, old, suite)


@dataclass(frozen=True)
class Outcome:
    """What a step found."""

    number: int


def test_text_is_escaped(report, tmp_path):
    found, _, _ = report
    first = replace(found.parts[0], title="<script>alert(1)</script>", pictures=())
    write_report(replace(found, parts=(first,)), tmp_path)
    assert "<script>alert" not in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_wrong_input(run, suite, other_suite, tmp_path):
    with pytest.raises(InputError, match="no such folder"):
        Trial.open(tmp_path / "none", suite)
    with pytest.raises(InputError, match="no network there"):
        Trial.open(tmp_path, suite)
    with pytest.raises(InputError, match="made for survey 'nv22_smooth_small'"):
        Trial.open(run, other_suite)
    another = draw_suite(tmp_path / "another", "nv22", 60, 8)
    with pytest.raises(InputError, match="not the suite that trained the networks"):
        Trial.open(run, another)
    assert Trial.open(run, suite, judged=another).foreign
    results = Path(run) / "standard" / "results.json"
    kept = results.read_text(encoding="utf-8")
    results.write_text(kept[:100], encoding="utf-8")
    with pytest.raises(InputError, match="truncated or damaged"):
        Trial.open(run, suite)
    results.write_text(kept, encoding="utf-8")
