"""Planning commands with --quick: levels up to every Y_X, the same numbers; rows are told as they are found."""

import numpy as np
import pytest

from forecast.cli.climbing import Climb
from forecast.cli.pipelines import base_result
from forecast.cli.planning_pipelines import run_comparison, run_sweep
from forecast.config.load import load_config
from forecast.core.errors import InputError
from forecast.core.records import Job
from forecast.execution.executor import Executor
from forecast.forecasts.joint import compute_joint, joint_level, with_free_density
from forecast.forecasts.ladder import sigma8_std, variants
from forecast.forecasts.sweep import compute_sweep
from forecast.likelihoods.fisher import fisher_matrix
from forecast.model.forward import forward_model
from forecast.report.text_table import row_words

UP_TO_UNBINNED = ["prior", "counts", "selfcal", "binned", "unbinned", "known"]


@pytest.fixture(scope="module")
def nv22():
    return load_config("nv22")


def test_quick_levels_have_the_numbers_that_they_have_among_all(nv22):
    (count, all_levels), (same, quick) = sigma8_std(nv22.setup), sigma8_std(nv22.setup, quick=True)
    assert list(quick) == UP_TO_UNBINNED and {"full", "full+wl"} == set(all_levels) - set(quick)
    assert count == same and quick == {level: all_levels[level] for level in quick}


def test_a_quick_sweep_is_told_survey_by_survey(nv22):
    heard = []
    sweep = compute_sweep(
        nv22, ["yx_error=0:0.2:2"], quick=True, heard=lambda survey, found: heard.append((survey.name, found.std))
    )
    assert list(sweep.levels) == UP_TO_UNBINNED
    assert [name for name, _ in heard] == ["yx_error = 0", "yx_error = 0.2"]
    np.testing.assert_array_equal([std["unbinned"] for _, std in heard], sweep.levels["unbinned"])


def test_what_was_kept_is_told_too(tmp_path, nv22):
    heard = []
    found = Executor().kept("x", int, _Double(), [1, 2], heard=lambda item, result: heard.append((item, result)))
    assert found == [2, 4] and heard == [(1, 2), (2, 4)]


class _Double:
    def __call__(self, item):
        return 2 * item


def test_a_quick_joint_forecast_has_ellipses_of_single_matrices(nv22):
    quick = compute_joint(nv22, quick=True)
    assert [level.level for level in quick.levels] == UP_TO_UNBINNED[:-1]
    model = forward_model(with_free_density(nv22.setup)[0])
    np.testing.assert_array_equal(
        quick.levels[2].covariance, joint_level("selfcal", fisher_matrix("selfcal", model)).covariance
    )


def test_the_survey_itself_is_told_first_and_every_row_once(nv22, tmp_path):
    told, counted = [], []
    job = Job(
        "nv22", tmp_path, tell=told.append, progress=lambda task, done, total, _: counted.append((task, done, total))
    )
    climb = Climb.of(nv22, job, quick=True)
    own = climb.first()
    assert told == [row_words(own[0], 0.272)] and own[0].label == "as configured"
    result = climb.added_to(base_result(nv22, job, "ladder", forward_model(nv22.setup)), own)
    number = len(nv22.ladder.widening) * len(tuple(variants(nv22.setup, nv22.break_masses)))
    assert told[1:] == [row_words(row) for row in result.ladder[1:]] and len(told) == number
    assert [done for task, done, _ in counted if task == "ladder"] == list(range(number))
    assert {total for task, _, total in counted if task == "ladder"} == {number - 1}
    assert not result.systematics and any("--quick" in note for note in result.notes)


def test_a_level_that_is_left_out_is_refused_before_any_work(nv22, tmp_path):
    job = Job("nv22", tmp_path / "o", quick=True)
    for call in (
        lambda: run_sweep(nv22, job, ["yx_error=0:0.2:2"], "full"),
        lambda: run_comparison({}, job, level="full+wl"),
    ):
        with pytest.raises(InputError, match="--quick leaves that level out"):
            call()
    assert not job.out.exists()
