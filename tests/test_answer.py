"""The first screen: what was found, what limits it, whether it is right; each from numbers set by hand."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pages import PAGES, STD, chain, fit, lesson, run, sweep, values

from forecast.core.caution import Caution
from forecast.core.parameters import Parameter, ParameterSet
from forecast.core.priors import Prior
from forecast.core.records import Job
from forecast.forecasts.swaps import SystematicRow
from forecast.report.answer import checks, facts, headline, limits
from forecast.report.console import print_tables
from forecast.report.forecast_sections import ladder_section
from forecast.report.page.blocks import Table
from forecast.report.posterior_sections import MOST, left_out
from forecast.report.sweep_pages import sweep_page
from forecast.sampling.informed import AS_SHAPED, AS_WIDE, Lesson, lessons

HELD = "Ω<sub>m</sub>&nbsp;=&nbsp;0.25 fixed"


@pytest.fixture
def result():
    return run()


def flag(result, start):
    """Flag of the check whose question begins so."""
    return next(check.flag for check in checks(result) if check.question.startswith(start))


def test_facts_are_what_is_free_and_the_most_precise_level(result):
    found = facts(result)
    assert [fact.value for fact in found] == ["0.810 ± 0.028", "0.300 ± 0.030", "0.810 ± 0.020", "± 0.018"]
    assert "full+wl" in found[-1].name
    fisher = facts(replace(result, chains=()))
    assert [fact.value for fact in fisher] == ["± 0.028", "± 0.018"] and "Om0" not in fisher[0].note
    free = replace(result, chains=(), parameters=(replace(result.parameters[0], name="Om0"),))
    assert "Om0 is marginalised over" in facts(free)[0].note


def test_s8_and_dark_energy_stand_beside_sigma8_in_the_answer_and_the_tables(result, capsys):
    merit = {level: 10.0 / std for level, std in STD.items()}
    found = {"w0": {level: 4 * std for level, std in STD.items()}, "figure of merit": merit}
    row = replace(result.ladder[0], s8_std=dict(STD), dark_energy=found)
    expected = replace(result, chains=(), ladder=(row, *result.ladder[1:]))
    shown = {fact.name: fact.value for fact in facts(expected)}
    assert (shown["S8"], shown["w0"], shown["Figure of merit"]) == ("± 0.028", "± 0.11", "3.6e+02")
    told = {fact.name: fact.note for fact in facts(expected)}
    assert "its prior" not in told["w0"]
    vague = replace(row, dark_energy={"w0": dict.fromkeys(STD, 0.3)})
    told = {fact.name: fact.note for fact in facts(replace(expected, ladder=(vague,)))}
    assert "its prior, the data say nothing" in told["w0"]
    section = ladder_section(expected)
    tables = {block.name: block for block in section.blocks if isinstance(block, Table)}
    assert [row[0] for row in tables["Dark energy by level: sigma(w0)"].rows] == ["as configured"]
    assert "Dark energy by level: figure of merit of w0 and wa, 1/sqrt(det C)" in tables
    print_tables(expected, Job("x", Path("o")))
    printed = capsys.readouterr().out
    assert "sigma(w0)" in printed and "sigma(wa)" not in printed and "1/sqrt(det C)" in printed


def test_dark_energy_of_a_chain_is_an_answer(result):
    one = result.chain(result.headline)
    free = replace(one, parameters=one.parameters | {"w0": values(-0.95, 0.12), "wa": values(0.1, 0.3)})
    found = {str(fact.value): fact.note for fact in facts(replace(result, chains=(free,)))}
    assert "its prior" not in found["−0.95 ± 0.12"]
    taught = free.parameters | {"w0": values(-0.95, 0.12, **lesson(0.99, 0.03, 0.1))}
    unsaid = facts(replace(result, chains=(replace(free, parameters=taught),)))
    assert "its prior, the data say nothing" in next(f.note for f in unsaid if f.value == "−0.95 ± 0.12")


def test_a_model_that_does_not_describe_the_data_is_called_no_measurement(result):
    assert "no measurement" not in headline(replace(result, warnings=(Caution("goodness", "x"),), chains=()))
    for kind, told in (("predictive", True), ("goodness", True), ("lensed", True), ("footprint", False)):
        words = headline(replace(result, warnings=(Caution(kind, "x"),)))
        assert ("no measurement</strong>: the model does not describe the data" in words) == told


def test_what_limits_is_a_share_of_the_variance(result):
    budget, variance, ties = limits(result)
    parts = {
        "nuisance parameters": (STD["unbinned"] ** 2 - STD["known"] ** 2) / STD["selfcal"] ** 2,
        "the number of clusters (± 0.017 with every Y_X and all nuisances known)": (STD["known"] / STD["selfcal"]) ** 2,
        "data that level selfcal leaves out": 1 - (STD["unbinned"] / STD["selfcal"]) ** 2,
    }
    assert sum(parts.values()) == pytest.approx(1.0)
    assert all(f"{share:.0%} from {words}" in budget for words, share in parts.items())
    assert "left out; with it the error would be ± 0.034 instead of ± 0.028" in variance
    assert "(−0.70), <i>b</i><sub>L<sub>X</sub></sub> (−0.60)" in str(ties)
    full = limits(replace(result, headline="full+wl"))[0]
    assert full.startswith("The variance of sigma8 comes to 89% from the number of clusters")
    assert "leaves out" not in full
    many = replace(result.ladder[0], sigma8_std=STD | {"known": 0.029})
    assert limits(replace(result, ladder=(many,)))[0].startswith(
        "The number of clusters: the error would be no smaller"
    )
    vague = replace(result.ladder[0], sigma8_std=STD | {"selfcal": 0.06})
    assert limits(replace(result, ladder=(vague,)))[0].startswith("The data say little")


def test_a_fixed_density_stands_beside_sigma8(result):
    fixed = replace(result, Om0=0.25)
    assert facts(fixed)[0].note.endswith(", Om0 = 0.25 fixed") and "fixed" not in facts(result)[0].note
    assert all("fixed" not in fact.note for fact in facts(fixed)[1:])
    assert str(headline(fixed)).startswith("From N and the median") and HELD in headline(fixed)
    fisher = replace(fixed, chains=())
    assert "Om0 = 0.25 fixed" in facts(fisher)[0].note and HELD in headline(fisher)
    assert not any("is fixed" in words for words in limits(fixed))
    free = replace(result.ladder[0], label="Om0 free", sigma8_std=STD | {"selfcal": 0.055}, s8_std={"selfcal": 0.031})
    words = limits(replace(fixed, ladder=(*result.ladder, free)))[1]
    assert "free, the error would be ± 0.055 instead of ± 0.028, and that of S8" in words and "± 0.031" in words
    everywhere = replace(result, ladder=(free, *result.ladder))
    assert not any("is fixed" in words for words in limits(everywhere))


def test_sample_variance_that_is_marginalised_over_has_its_share(result):
    other = replace(result.ladder[1], label="no sample variance", sigma8_std=STD | {"selfcal": 0.5 * STD["selfcal"]})
    words = limits(replace(result, ladder=(result.ladder[0], other)))[1]
    assert words == "Sample variance makes up 75% of the variance."


def test_shifts_are_judged_by_the_error(result):
    for shift, expected in ((0.013, "good"), (-0.015, "doubt")):  # 0.5 of 0.028
        rows = (SystematicRow("other", {"selfcal": shift}), SystematicRow("small", {"selfcal": 0.001}))
        assert flag(replace(result, systematics=rows), "Another mass function") == expected
    elsewhere = (SystematicRow("other", {"unbinned": 1.0}),)
    assert not any("Another" in check.question for check in checks(replace(result, systematics=elsewhere)))
    lost = (SystematicRow("data follow tinker08", {"selfcal": float("nan")}),)
    assert flag(replace(result, systematics=lost), "Another mass function") == "doubt"


def test_flags_of_chains_and_fits(result):
    assert flag(result, "Convergence") == "good"
    assert flag(replace(result, chains=(chain("selfcal", lengths=20.0),)), "Convergence") == "bad"
    assert flag(replace(result, chains=()), "Convergence") == "none"
    assert flag(result, "Gaussian") == "good"
    assert flag(replace(result, chains=(chain("selfcal", std=0.04),)), "Gaussian") == "doubt"
    assert flag(result, "Distribution of") == "good"
    bad = replace(result.goodness[0], p_value=0.001)
    assert flag(replace(result, goodness=(bad,)), "Distribution of") == "bad"
    assert flag(fit(), "Warnings") == "doubt"


def test_every_page_answers_first():
    for name, make in PAGES.items():
        page = make()
        assert page.headline, name
        assert page.facts or name == "trust", name
        assert page.checks or name == "map", name


def test_a_sweep_of_very_many_surveys_leaves_its_table_to_the_file():
    found, size = sweep(), 200
    many = {level: np.repeat(values, size // 10, axis=0) for level, values in found.levels.items()}
    axes = (np.linspace(0.1, 0.2, 300), found.values[1])
    shown = sweep_page(replace(found, values=axes, levels=many, expected_count=np.ones((300, 2)), price=None))
    words = [getattr(block, "words", "") for block in shown.sections[0].blocks]
    assert words[-1] == "The table of all 600 surveys is in sweep.csv."
    assert shown.facts[0].note.startswith("survey.z = ")


def test_a_posterior_that_is_its_prior_teaches_nothing():
    rng = np.random.default_rng(1)
    flat, factor = Prior("flat", low=0.7, high=0.9), Prior("lognormal", mean=1.0, std=0.2, log=True)
    free = ("sigma8", 0.8, flat), ("norm_lx", 1.0, factor), ("norm_yx", 1.0, factor), ("slope_lx", 1.0, factor)
    names = tuple(name for name, *_ in free)
    size = 40_000
    same, narrow, shifted = 0.2 * rng.standard_normal((3, size))
    sigma8 = 0.7 + 0.2 * rng.random(size)
    samples = np.stack([sigma8, np.exp(same), np.exp(0.5 * narrow), np.exp(shifted + 0.2)], axis=1)
    found = lessons(ParameterSet(tuple(Parameter(*one) for one in free)), names, samples)
    error = 5 / np.sqrt(2 * size)
    assert found["norm_lx"].width == pytest.approx(1.0, abs=error)
    assert found["norm_yx"].width == pytest.approx(0.5, abs=error)
    assert found["sigma8"].distance < 5 / np.sqrt(size) and found["sigma8"].correlation == pytest.approx(1.0)
    assert found["slope_lx"].distance == pytest.approx(0.3829, abs=5 / np.sqrt(size))  # 2 Phi(1/2) - 1
    assert [name for name in names if found[name].nothing] == ["sigma8", "norm_lx"]
    assert all(Lesson.of_summary(one.as_summary()) == one for one in found.values())
    assert not Lesson.of_summary({}).nothing and AS_SHAPED < 0.3829 < AS_WIDE


def test_the_corner_leaves_out_contrasts_priors_and_the_least_of_too_many(result):
    left = left_out(result)
    assert (left.contrasts, left.like_prior, left.aloof) == (("density_contrast_1",), ("slope_lx",), ())
    assert "density contrasts" in left.sentence and "whose posterior is the prior" in left.sentence
    taught = replace(chain("counts"), parameters=chain("counts").parameters | {"slope_lx": values(1, 0.1)})
    assert left_out(replace(result, chains=(chain("selfcal"), taught))).like_prior == ()
    lacking = {name: one for name, one in chain("counts").parameters.items() if name != "slope_lx"}
    fewer = replace(chain("counts"), parameters=lacking)  # a level that does not know all parameters
    assert left_out(replace(result, chains=(chain("selfcal"), fewer))).like_prior == ("slope_lx",)
    tied = {"slope_lx": values(1, 0.1, **lesson(1.0, 0.0, -0.56))}
    every = tuple(replace(one, parameters=one.parameters | tied) for one in result.chains)
    assert left_out(replace(result, chains=every)).like_prior == ()
    ties = {f"norm_{name}": 0.1 * i for i, name in enumerate(("lx", "t", "mgas", "yx", "core", "wl"))}
    named = {name: values(1.0, 0.1, **lesson(0.5, 0.3, tie)) for name, tie in ties.items()}
    cosmology = {name: chain("selfcal").parameters[name] for name in ("sigma8", "Om0")}
    many = replace(chain("selfcal"), parameters=cosmology | named)
    left = left_out(replace(result, chains=(many,)))
    assert left.aloof == ("norm_lx", "norm_t") and len(cosmology) + len(named) - len(left.names) == MOST
    assert not left_out(replace(result, chains=())).sentence
