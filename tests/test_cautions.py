"""Every rule alone, on both sides of its threshold."""

from dataclasses import replace

import numpy as np
import pytest

from forecast.checks.goodness import Goodness
from forecast.checks.intake import Intake, Measured, Number
from forecast.checks.intake import measured as intake_of
from forecast.checks.offsets import Offset
from forecast.checks.ppc import PredictiveTest
from forecast.cli.fit_checks import with_cautions
from forecast.core.caution import Caution
from forecast.core.parameters import Parameter, ParameterSet
from forecast.core.priors import Prior
from forecast.core.records import Provenance
from forecast.forecasts.ladder import LadderRow
from forecast.forecasts.swaps import SystematicRow
from forecast.model.catalogue import Catalogue
from forecast.report.cautions import (
    before_fit,
    listed,
    of_duplicates,
    of_edges,
    of_error_trends,
    of_errors,
    of_faint,
    of_flux_error,
    of_goodness,
    of_mass_function,
    of_number,
    of_offsets,
    of_prediction,
    of_redshifts,
    share_at_edges,
)
from forecast.report.doubts import of_convergence, of_tension, pull, surprise
from forecast.report.results import Result
from forecast.sampling.mcmc import ChainSummary

PRIORS = ParameterSet(
    (
        Parameter("sigma8", 0.81, Prior("flat", low=0.6, high=1.0)),
        Parameter("norm_lx", 1.0, Prior("lognormal", mean=1.0, std=0.1, log=True)),
        Parameter("evolution_lx", 0.0, Prior("gaussian", mean=0.0, std=0.4)),
        Parameter("slope_lx", 1.0, Prior("flat", low=0.7, high=1.3, log=True)),
    )
)
NUMBER = Number(49, 50.7, 0.66, 497.0, 0.9, 1000)


def chain(level="unbinned", lengths=60.0, **means):
    values = {name: {"mean": mean, "std": 0.02} for name, mean in {"sigma8": 0.8, **means}.items()}
    return ChainSummary(level, values, lengths >= 50, 900, 100, 64, {}, lengths, 1e3, 0.4)


def goodness(p):
    x = np.ones(2)
    return Goodness("lx", np.ones(3), x, x, x, x, p)


def prediction(joint, status="consistent"):
    x = np.array([0.5, 0.002])
    return PredictiveTest("unbinned", ("N", "L_X minimum"), x, x, x, x, x, joint, 0.01, status, 4000, 900.0)


def test_number_within_reach():
    assert of_number(NUMBER) is None
    assert of_number(replace(NUMBER, chance=0.011)) is None


def test_number_out_of_reach():
    doubtful = of_number(replace(NUMBER, observed=3, chance=0.004))
    assert doubtful.kind == "number"
    assert doubtful.text.startswith("3 clusters observed, 50.7 expected at the fiducial parameters, 0.66 to 497 over")
    assert "p = 0.004" in doubtful.text
    hopeless = of_number(Number(5, 2412.3, 740.0, 20384.0, 1e-9, 1000))
    assert hopeless.text.startswith("IMPOSSIBLE: 5 clusters observed, 2,412 expected")
    assert "740 to 20,384" in hopeless.text
    assert "not one of 1000 draws from the prior" in hopeless.text


def test_clusters_named():
    assert of_duplicates(()) is of_faint(()) is of_redshifts(()) is None
    assert "A85, A119" in of_duplicates(("A85", "A119")).text
    assert of_faint(("A85",)).kind == "below_limit"
    assert of_redshifts(("A85",)).kind == "redshift"
    assert listed([f"c{i}" for i in range(5)]) == "c0, c1, c2, c3, c4"


def test_before_a_fit():
    remark = Caution("table", "table 2 was read")
    intake = Intake("c.fits", 49, NUMBER, (), twice=("A85",), outside=("A2029",), remarks=(remark,))
    assert [c.kind for c in before_fit(intake)] == ["listed_twice", "redshift", "table"]
    assert before_fit(Intake("c.fits", 49, NUMBER, ())) == ()


def test_errors_larger_than_their_values():
    fine, bounds = Measured("yx", 49, 14.2, 0.05, 0.4), Measured("t", 49, 0.7, 0.45, 1.0)
    (caution,) = of_errors((fine, bounds))
    assert caution.kind == "errors" and "100% of the errors of T" in caution.text and "t_error" in caution.text
    assert "check the unit of lx_error" in of_flux_error(1.3, 0.0).text
    assert "selection.flux_error = 0.2" in of_flux_error(0.2, 0.0).text


def test_errors_that_go_with_the_true_value():
    """The mean of true values given measured ones, of as many clusters at any value, is off by the drift."""
    rng = np.random.default_rng(2)
    true = rng.uniform(11.0, 17.0, 200_000)
    measured = true + 0.1 * 10 ** (-0.2 * (true - 14)) * rng.standard_normal(len(true))
    near, error = np.abs(measured - 14) < 0.5, 0.1 * 10 ** (-0.2 * (measured - 14))
    nothing = np.full(int(near.sum()), np.nan)
    yx = {"log_yx": measured[near], "log_yx_error": error[near]}
    catalogue = Catalogue(tuple(map(str, nothing)), nothing, nothing, **yx, source="mock")
    (one,) = (one for one in intake_of(catalogue) if one.name == "yx")
    noise = np.std((true - measured)[near]) / np.sqrt(near.sum())
    assert one.drift == pytest.approx(np.mean((true - measured)[near]), abs=5 * noise)
    (caution,) = of_error_trends([replace(one, drift=-0.03), replace(one, drift=0.005), replace(one, name="lx")])
    assert "are smaller for larger values" in caution.text and "as if Y_X were up to 7% too large" in caution.text


def test_observables_that_do_not_fit_each_other():
    """Beyond 3 sigma; from 2.2 sigma where a power of h would do it."""
    fine = Offset(name="t", dex=0.05, sigma=2.0, h=0.7)
    far = Offset(name="t", dex=-0.6, sigma=-3.1, h=0.7)
    units = Offset(name="yx", dex=0.16, sigma=2.4, h=0.7)
    (one, other) = of_offsets((fine, far, units))
    assert one.kind == other.kind == "offset"
    assert one.text.startswith("T at given L_X is 0.60 dex below") and "factor h" not in one.text
    assert "a factor h^-1 would do it: check Msun against Msun/h" in other.text
    assert of_offsets((replace(units, dex=0.08),)) == ()


def test_a_posterior_like_its_prior_does_not_pile_up():
    names = ("sigma8", "norm_lx", "slope_lx")
    u = np.linspace(0.0005, 0.9995, 1000)
    flat = np.stack([0.6 + 0.4 * u, np.exp(0.1 * u), 0.7 + 0.6 * u], axis=1)
    shares = share_at_edges(PRIORS, names, flat)
    assert set(shares) == {(n, end) for n in ("sigma8", "slope_lx") for end in ("lower", "upper")}
    assert all(share == pytest.approx(0.05) for share in shares.values())
    assert of_edges(PRIORS, {"unbinned": shares}) == ()
    tilted = np.sqrt(u)  # density rising from zero: 9.75% in the last 5%
    shares = share_at_edges(PRIORS, ("sigma8",), 0.6 + 0.4 * tilted[:, None])
    assert shares["sigma8", "upper"] == pytest.approx(1 - 0.95**2, abs=2e-3)
    assert of_edges(PRIORS, {"unbinned": shares}) == ()


def test_a_posterior_at_the_end_of_its_prior_piles_up():
    rng = np.random.default_rng(1)
    samples = 0.6 + rng.exponential(0.002, (500, 1))
    low = share_at_edges(PRIORS, ("sigma8",), samples)
    found = of_edges(PRIORS, {"counts": low, "unbinned": {("sigma8", "lower"): 0.149}})
    assert [c.kind for c in found] == ["prior_edge"]
    assert "sigma8 piles up at the lower end of its prior (0.6): 100% at level counts of the samples" in found[0].text
    upper = of_edges(PRIORS, {"counts": {("sigma8", "upper"): 0.151}})
    assert "upper end of its prior (1): 15% at level counts" in upper[0].text


def test_surprise_is_measured_in_what_data_move_a_mean_by():
    """Of a linear Gaussian model with the truth drawn from the prior it is a standard normal number."""
    rng, noise, std = np.random.default_rng(1), 0.3, 0.4
    data = rng.normal(0.0, std, 4000) + rng.normal(0.0, noise, 4000)
    share = std**2 / (std**2 + noise**2)
    found = [surprise(PRIORS, "evolution_lx", {"mean": share * y, "std": share**0.5 * noise}) for y in data]
    assert np.mean(found) == pytest.approx(0.0, abs=5 / 4000**0.5)
    assert np.std(found) == pytest.approx(1.0, abs=5 / 8000**0.5)


def test_tension_of_a_parameter_that_data_measure_in_part():
    """1.9 standard deviations of the prior are 2.8 of what such data move the mean by; where they say nothing, 1.9."""

    def found(std):
        values = {"sigma8": {"mean": 0.8, "std": 0.02}, "evolution_lx": {"mean": -0.77, "std": std}}
        return of_tension(PRIORS, [replace(chain("full"), parameters=values)])

    (caution,) = found(0.29)
    assert "(-1.9 sigma at level full, where data this good move it by 0.7 if the prior is right)" in caution.text
    assert found(0.39) == found(0.2) == ()


def test_tension_with_a_prior():
    assert pull(PRIORS, "norm_lx", float(np.exp(0.25))) == pytest.approx(2.5)
    assert pull(PRIORS, "evolution_lx", -1.6) == pytest.approx(-4.0)
    assert pull(PRIORS, "sigma8", 0.61) == pull(PRIORS, "S8", 0.8) == 0.0
    assert of_tension(PRIORS, [chain(norm_lx=1.28, evolution_lx=1.02)]) == ()
    found = of_tension(PRIORS, [chain("counts", norm_lx=1.4), chain(norm_lx=1.0, evolution_lx=-1.3)])
    assert [c.kind for c in found] == ["prior_tension"] * 2
    assert found[0].text.startswith("norm_lx is dragged away from its prior (+3.4 sigma at level counts)")
    assert "-3.2 sigma at level unbinned" in found[1].text


def test_fits_that_fail():
    assert of_goodness((goodness(0.01), goodness(0.5))) == ()
    assert [c.kind for c in of_goodness((goodness(0.5), goodness(0.009)))] == ["goodness"]
    assert of_prediction(None) is of_prediction(prediction(0.02)) is of_prediction(prediction(1e-3, "no power")) is None
    assert of_prediction(prediction(0.001)).text.endswith("most of all in L_X minimum")


def test_a_mass_function_that_matters():
    rows = (
        SystematicRow("data follow tinker08", {"unbinned": -0.0101, "counts": 0.0}),
        SystematicRow("data follow bocquet16_dm", {"unbinned": 0.0099}),
        SystematicRow("data have Mbreak = 10^14.40", {"unbinned": 0.2}, "break mass"),
    )
    found = of_mass_function(rows, "unbinned", 0.02)
    assert [c.kind for c in found] == ["mass_function"]
    assert "moves sigma8 by -0.0101, 0.5 of its error at level unbinned (data follow tinker08)" in found[0].text
    assert of_mass_function(rows, "counts", 0.02) == ()
    (lost,) = of_mass_function((SystematicRow("data follow tinker08", {"unbinned": float("nan")}),), "unbinned", 0.02)
    assert lost.text.startswith("how far another mass function moves sigma8 at level unbinned was not found")


def test_short_chains():
    assert of_convergence([chain()]) is None
    assert of_convergence([chain(), chain("full", 12.0)]).text == "chains too short: full (12 of 50 tau)"


@pytest.mark.parametrize(("std", "warned"), [(0.02, True), (0.03, False)])
def test_without_a_chain_the_error_is_fishers(std, warned):
    result = Result(Provenance("ladder", "x", {}, 1, "0", {}), "t", "", (), (), (), 100.0)
    row = LadderRow("as configured", "as configured", 1.0, 100.0, {"selfcal": std})
    result = replace(result, ladder=(row,), systematics=(SystematicRow("other", {"selfcal": 0.0120}),))
    assert bool(with_cautions(result, PRIORS, {}).warnings) is warned
    assert with_cautions(replace(result, ladder=()), PRIORS, {}).warnings == ()


def test_errors_of_lx_beside_the_error_of_the_flux():
    assert of_flux_error(0.08, 0.0).kind == "flux_error"
    assert "Set selection.flux_error = 0.08" in of_flux_error(0.08, 0.0).text
    assert of_flux_error(0.08, 0.09) is None
    assert of_flux_error(0.0, 0.0) is None  # none listed
    assert of_flux_error(0.08, None) is None  # selected in mass
