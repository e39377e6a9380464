"""A test of trust that the package has never seen: one function, and the report holds it."""

import json
from dataclasses import dataclass, replace

import numpy as np
import pytest

from forecast.core.arrays import Array
from forecast.report.plots.style import COLUMN, freeze, new_figure
from mlcheck.evidence.evidence import ReportPlan
from mlcheck.evidence.findings import Finding
from mlcheck.evidence.part import Part, Picture, Table
from mlcheck.evidence.trial import Trial
from mlcheck.networks.history import History
from mlcheck.networks.laboratory import untrained
from mlcheck.networks.predict import predict
from mlcheck.networks.saving import Trained
from mlcheck.report.build import build_report, write_report

QUESTION = "Does the order in which clusters are listed matter?"


@dataclass(frozen=True)
class Turned:
    """Shifts of predictions of sigma8, (P,), when clusters are listed the other way round."""

    shift: Array


class Order:
    """The new test, with a tolerance that makes it pass or fail."""

    def __init__(self, tolerance):
        self.tolerance, self.calls = tolerance, 0

    def __call__(self, evidence):
        found = evidence.kept("order", Turned, lambda: self.turned(evidence))
        worst = float(np.abs(found.shift).max())
        finding = Finding(
            key="order",
            question=QUESTION,
            outcome="passed" if worst < self.tolerance else "failed",
            result=f"predictions move by at most {worst:.1e}",
            rule=f"less than {self.tolerance:g}",
            consequence="the order of clusters decides",
        )
        table = Table(name="order", caption="Shifts.", header=("catalogue", "shift"), rows=((1, worst),))
        figure = new_figure(COLUMN, 2.0)
        figure.subplots().hist(found.shift)
        picture = Picture("order", "Shifts.", freeze(figure))
        return Part("order", "Order", findings=(finding,), tables=(table,), pictures=(picture,))

    def turned(self, evidence):
        self.calls += 1
        straight = evidence.catalogues("standard")
        order = np.lexsort((-np.arange(len(straight.row)), straight.row))
        turned = replace(straight, features=straight.features[order], log_mass=straight.log_mass[order])
        members = evidence.trial.networks["standard"]
        return Turned(predict(members, turned, check=False).mean - evidence.predictions("standard").mean)


@pytest.fixture(scope="module")
def trial(settings, laboratory, prepared):
    """A network with its first weights, and the catalogues to judge it by."""
    network = untrained(settings.architecture(seed=1), prepared)
    member = Trained(
        network,
        prepared.scaler,
        prepared.whitening,
        plan=settings.plan(seed=1),
        history=History(),
        origin=laboratory.origin(1),
    )
    numbers = np.sort(laboratory.numbers[laboratory.split.test])
    return Trial({"standard": (member,)}, laboratory, laboratory.source, numbers)


def test_a_report_holds_it_keeps_its_steps_and_is_judged_by_it(trial, tmp_path):
    test = Order(1e-4)
    report = build_report(trial, ReportPlan.quick(3), tmp_path, parts=(test,))
    page = write_report(report, tmp_path).read_text(encoding="utf-8")
    assert report.verdict.grade == "trusted"
    assert QUESTION in page
    assert page.count("data:image/png") == 1
    content = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert [finding["key"] for finding in content["findings"]] == content["tables"] == ["order"]
    assert (tmp_path / "tables" / "order.csv").read_text(encoding="utf-8").startswith("catalogue,shift\n1,")
    again, stern = (build_report(trial, ReportPlan.quick(3), tmp_path, parts=(one,)) for one in (test, Order(0.0)))
    assert (test.calls, repr(again.findings)) == (1, repr(report.findings))
    assert (stern.verdict.grade, stern.verdict.reasons) == ("not trusted", ("the order of clusters decides",))
