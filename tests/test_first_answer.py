"""The level of the answer is sampled first, and written before others are there; the last line fits its state."""

import shlex
from dataclasses import replace
from pathlib import Path

import pytest
import typer
from pages import chain, run

import forecast.cli.chaining as chaining
from forecast.cli.app import app as forecast_app
from forecast.cli.arguments import again
from forecast.cli.deliver import _next, deliver_suite
from forecast.cli.level_choice import LevelChoice, chosen_levels
from forecast.cli.pipelines import base_result
from forecast.config.load import load_config
from forecast.core.errors import InputError
from forecast.core.records import Job, Provenance
from forecast.likelihoods.data import Data
from forecast.model.forward import forward_model
from forecast.report.result_page import result_page
from forecast.sampling.parallel import sample_all
from forecast.suite.writer import SuiteSummary

ALL = ("counts", "selfcal", "unbinned")


@pytest.fixture(scope="module")
def cccp_config():
    return load_config("cccp_lowz")


@pytest.mark.parametrize(
    ("levels", "quick", "every", "headline"),
    [
        ((), True, ("unbinned",), "unbinned"),
        ((), False, ALL, "unbinned"),
        (("selfcal",), False, ("selfcal",), "selfcal"),
        (("full", "counts"), True, ("full", "counts"), "full"),
        (("counts", "unbinned"), True, ("counts", "unbinned"), "unbinned"),
    ],
)
def test_a_quick_command_answers_at_one_level_unless_others_are_asked_for(
    cccp_config, tmp_path, levels, quick, every, headline
):
    choice = LevelChoice.of(cccp_config, Job("cccp_lowz", tmp_path, quick=quick, levels=levels))
    assert (choice.every, choice.headline) == (every, headline)
    assert choice.in_turn[0] == headline and set(choice.in_turn) == set(every)


def test_levels_are_named_once_each_and_all_are_those_of_the_configuration(cccp_config):
    assert chosen_levels(None, cccp_config) == ()
    assert chosen_levels("full", cccp_config) == ("full",)
    assert chosen_levels(["selfcal", "all", "full", "selfcal"], cccp_config) == (
        "selfcal",
        "counts",
        "unbinned",
        "full",
    )
    with pytest.raises(InputError, match="did you mean 'selfcal'"):
        chosen_levels(["all", "selfcall"], cccp_config)
    with pytest.raises(InputError, match="needs weak-lensing masses"):
        chosen_levels(["full+wl"], cccp_config)


def test_the_answer_is_written_before_the_next_level_is_sampled(tmp_path, monkeypatch):
    config = load_config("nv22")
    small = config.sampler.model_copy(update={"walkers": 32, "block": 10, "max_steps": 10})
    config = config.model_copy(update={"sampler": small})
    told, written = [], []
    job = Job("nv22", tmp_path, levels=("counts", "selfcal"), tell=told.append)
    model = forward_model(config.setup)
    monkeypatch.setattr(
        chaining,
        "write_all",
        lambda result, *_, **__: written.append((result, (tmp_path / "chain_counts.h5").exists())),
    )
    made = chaining.Chaining.checked(config, job, (model, Data.expected(model)))
    judged = []

    def judge(result, chains):
        judged.append(list(chains))
        return replace(result, notes=("judged",))

    result, chains = made.added_to(base_result(config, job, "fit", model), judge, ("the ladder",))
    (early, counts_there), *others = written
    assert not others and not counts_there and judged == [["selfcal"]]
    assert [c.level for c in early.chains] == ["selfcal"] == [early.headline]
    assert early.follows == ("level counts", "the ladder") and early.notes == ("judged",)
    assert [c.level for c in result.chains] == list(chains) == ["counts", "selfcal"]
    assert result.follows == () and result.notes == ("judged",)
    assert result.chain("selfcal") == early.chains[0]
    first, report, second = (
        next(i for i, w in enumerate(told) if w.startswith(x)) for x in ("self", "report", "counts")
    )
    assert first < report < second
    again = sample_all([chaining.Sampling(config.setup, made.data, plan) for plan in made.plans.values()])
    assert (again[1][1].steps == chains["counts"].steps).all()
    written.clear()
    one = chaining.Chaining.checked(config, replace(job, levels=("counts",)), (model, made.data))
    alone, _ = one.added_to(base_result(config, one.job, "fit", model))
    assert not written and alone.chain("counts") == result.chain("counts")


def test_the_page_says_what_follows():
    result = replace(run(), follows=("level counts", "the ladder"))
    labels = {banner.label: banner.paragraphs for banner in result_page(result).banners}
    assert "level counts and the ladder" in labels["More follows"][0]
    assert "More follows" not in {banner.label for banner in result_page(run()).banners}


SHORT, LONG = chain("selfcal", lengths=20.0), chain("selfcal")


@pytest.mark.parametrize(
    ("command", "quick", "chains", "words"),
    [
        ("fit", True, (SHORT,), "Without --quick, for chains that have converged.\nNext: forecast fit x"),
        ("fit", True, (LONG,), "Without --quick: the other levels, and the ladder.\nNext: forecast fit x"),
        (
            "fit",
            False,
            (SHORT, LONG),
            "The chains go on from here.\nNext: forecast fit x --max-steps 8000",
        ),
        ("fit", False, (LONG,), "Next: forecast joint x"),
        ("run", False, (LONG,), "Next: forecast check x"),
    ],
)
def test_the_last_line_fits_the_state_of_the_chains(tmp_path, command, quick, chains, words):
    result = replace(run(), provenance=Provenance(command, "x", {}, 1), quick=quick, chains=chains)
    assert _next(result, Job("x", Path("out") / f"x-{command}")) == words
    if "--max-steps" in words:
        typed = f"forecast fit x --catalogue t.fits --level full --out {tmp_path}"
        assert _next(replace(result, again=typed), Job("x", tmp_path)).endswith(f"\nNext: {typed} --max-steps 8000")


def test_a_command_quotes_files_as_a_shell_needs_it():
    result = replace(run(), provenance=Provenance("fit", "x", {}, 1), quick=False, chains=(LONG,))
    assert _next(result, Job("x", Path("out"), given="my plan.toml")) == "Next: forecast joint 'my plan.toml'"


@pytest.mark.parametrize(("config", "survey"), [("nv22", ""), ("my plan.toml", " --survey 'my plan.toml'")])
def test_a_suite_is_trained_on_with_its_own_survey(capsys, config, survey):
    deliver_suite(SuiteSummary(Path("a"), 9, 99, 1, 1000, 1, 0, 0), config, quiet=False, as_json=False)
    assert capsys.readouterr().out.splitlines()[-1] == f"Next: mlcheck train compact --suite a{survey}"


def test_the_command_that_goes_on_has_every_option_that_matters():
    """As it was typed, quoted as a shell needs it, without what is about one run."""
    given = (
        "mine.toml --catalogue 'my table.fits' --seed 3 --level full --level counts --no-ladder --max-steps 20 --json"
    )
    context = typer.main.get_command(forecast_app).commands["fit"].make_context("fit", shlex.split(given))
    kept = "forecast fit mine.toml --catalogue 'my table.fits' --seed 3 --level full --level counts --no-ladder"
    assert again(context) == kept
    assert again(context, config="other.toml") == kept.replace("mine", "other")


def test_the_page_of_chains_that_are_too_short_has_the_command_that_goes_on():
    typed = "forecast fit reflex --catalogue t.fits"
    for quick, command in ((True, typed), (False, f"{typed} --max-steps 8000")):
        result = replace(run(), quick=quick, chains=(SHORT,), again=typed)
        (words,) = (b.paragraphs[-1] for b in result_page(result).banners if b.label == "State of the chains")
        assert f"<code>{command}</code>" in words


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"public": "reflex"}, " --catalogue FILE"),
        ({"public": "reflex", "path": "my r.ecsv"}, " --catalogue reflex='my r.ecsv'"),
        ({"path": "b", "join": [{"public": "wtg", "path": "w"}, {"path": "x"}]}, " --catalogue wtg=w"),
        ({"public": None, "path": None, "builtin": None}, " --catalogue FILE"),
        ({"path": "mine.fits"}, ""),
        ({"builtin": "cccp_lowz"}, ""),
        (None, ""),
    ],
)
def test_the_last_line_asks_for_a_table_that_the_configuration_does_not_name(table, words):
    given = Provenance("ladder", "x", {"catalogue": table}, 1)
    result = replace(run(), provenance=given, chains=())
    expected = f"forecast fit x{words} --quick" if table else "forecast require x"
    assert _next(result, Job("x", Path("out/x-ladder"))).startswith(f"Next: {expected}")
