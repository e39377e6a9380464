"""Networks and levels on catalogues of another kind than those they believe in."""

from dataclasses import replace

import numpy as np
import pytest

from forecast.config.load import load_config
from forecast.sampling.ensemble import MomentsPlan, posterior_moments
from mlcheck.accuracy.metrics import score
from mlcheck.data.draws import Drawn, changed, draw
from mlcheck.networks.laboratory import Request, train_members
from mlcheck.report.transfer import _transfer_finding
from mlcheck.trust.transfer import TransferPlan, transfer

SIZE = 160
LEVELS = ("counts", "selfcal", "full+wl")


@pytest.fixture(scope="module")
def members(settings, suite, laboratory, prepared, tmp_path_factory):
    request = Request(settings, suite, tmp_path_factory.mktemp("transfer"), "compact", epochs=4)
    return train_members(request, laboratory, prepared)


@pytest.fixture(scope="module")
def home():
    return draw(load_config("nv22"), "standard", SIZE, name="nv22", seed=11)


@pytest.fixture(scope="module")
def rows(members, source, home):
    config = load_config("nv22")
    selection = config.model_dump(mode="json", exclude_unset=True)["selection"]
    shifted = changed(config, selection={**selection, "break_mass": "14.4 log10 Msun/h"})
    away = draw(shifted, "standard", SIZE, name="break at 14.4", seed=11)
    other = draw(load_config("nv22_magneticum"), "standard", SIZE, name="magneticum", seed=12)
    plan = TransferPlan(MomentsPlan(3, draws=3000, steps=120), LEVELS, dear=8)
    return {(r.suite, r.method): r for r in transfer(members, source.model, home, (away, other), plan)}


def test_every_method_on_every_suite(rows):
    assert set(rows) == {(s, m) for s in ("break at 14.4", "magneticum") for m in ("network", *LEVELS)}
    for row in rows.values():
        assert row.away.catalogues == (8 if row.method == "full+wl" else SIZE)
        assert 0 <= row.away.coverage_68 <= row.away.coverage_95 <= 1
        assert np.isfinite([row.shift, row.shift_in_widths, row.scatter_ratio]).all()
        assert row.suite in row.words


def test_a_network_without_posterior_is_judged_by_its_scatter(rows):
    """As NV22's, which gives a number: a biased one must not pass for want of a width."""
    row = rows["break at 14.4", "network"]
    nothing = {"width": float("nan"), "coverage_68": float("nan"), "coverage_95": float("nan")}
    blind = replace(row, home=replace(row.home, **nothing), away=replace(row.away, **nothing))
    assert "nan" not in blind.words and "of its scatter at home" in blind.words
    assert "68% coverage" in row.words and "posterior widths" in row.words
    assert blind.shift_in_widths == row.shift / row.home.scatter
    assert _transfer_finding((blind,), None).outcome == _transfer_finding((row,), None).outcome == "failed"


def test_a_level_at_home_is_its_own_score(rows, source, home):
    found = posterior_moments(source.model, "counts", home.mocks, MomentsPlan(3, draws=3000), sigma8=home.sigma8)
    mean, std = found.of("sigma8")
    again = score("counts", "", "statistics", mean, home.sigma8, std=std, below=found.cumulative)
    row = rows["magneticum", "counts"].home
    assert (row.bias, row.scatter, row.width, row.coverage_68) == pytest.approx(
        (again.bias, again.scatter, again.width, again.coverage_68)
    )


def test_missing_clusters_look_like_low_sigma8(rows):
    for method in ("counts", "selfcal", "network"):
        row = rows["break at 14.4", method]
        assert row.shift < -5 * row.shift_error, row.words
        assert row.shift_in_widths < -0.3


def test_a_library_with_the_same_mass_function_leaves_counts_alone(rows):
    row = rows["magneticum", "counts"]
    assert abs(row.shift) < 5 * row.shift_error


def test_drawn_catalogues_are_those_of_a_suite(source, laboratory):
    index = laboratory.split.test[:20]
    drawn = Drawn.of_source(source, "standard", index, seed=1)
    assert drawn.mocks.size.tolist() == drawn.catalogues.size.tolist()
    column = drawn.catalogues.layout.names.index("log_lx")
    for i in range(3):
        mine = np.sort(drawn.mocks.log_lx[drawn.mocks.row == i])[::-1]
        assert drawn.catalogues.features[drawn.catalogues.row == i, column] == pytest.approx(mine)
    few = drawn.mocks.part(0, 5)
    assert few.size.tolist() == drawn.mocks.size[:5].tolist()
    assert len(few.row) == few.size.sum()
