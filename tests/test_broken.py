"""A broken power law of L_X in mass whose slope drifts, against sums over a fine grid written out here and draws."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import special
from test_mass_scale import content

from forecast.checks.sbc import CalibrationPlan, calibrate
from forecast.config.load import parse_config
from forecast.core.errors import InputError
from forecast.cosmology.mass_function import MassFunction
from forecast.likelihoods.data import Data
from forecast.likelihoods.levels import likelihood
from forecast.model.forward import forward_model
from forecast.model.simulate import draw_mocks
from forecast.relations.bend import Bend

BREAK, BELOW, WIDTH = 14.3, 2.3, 0.08
TABLE = {"break_mass": f"{BREAK} log10 Msun/h", "slope_below": BELOW, "break_width": WIDTH}
FREE = {"lowslope_lx": {"lognormal": 0.1}, "break_lx": {"gaussian": 0.1}, "drift_lx": {"gaussian": 0.5}}
TRUE = {"lowslope_lx": 1.15, "break_lx": 0.12, "slope_lx": 0.95, "norm_lx": 1.1, "drift_lx": 2.5}


def broken(lx=TABLE, name="cccp_lowz", **parameters):
    tables = content(name, **(FREE | parameters)) | {"sample_variance": False}
    tables["relations"]["lx"] = {**tables["relations"]["lx"], **lx}
    return parse_config(tables)


@pytest.fixture(scope="module")
def model():
    return forward_model(replace(broken().setup, errors=()))


def at(model, **values):
    theta = model.parameters.fiducial.copy()
    for name, value in values.items():
        theta[model.parameters.names.index(name)] = value
    return theta[None]


class Cone:
    """The survey on a fine grid; log10 L_X is the integral of its slope, a logistic function, from the pivot."""

    def __init__(self, model, values):
        setup, v = (
            model.setup,
            {"lowslope_lx": 1.0, "break_lx": 0.0, "slope_lx": 1.0, "norm_lx": 1.0, "drift_lx": 0.0} | values,
        )
        self.setup, self.log_mass = setup, np.arange(12.6, 15.9, 0.005)
        edges = np.linspace(setup.geometry.redshift_edges[0], setup.geometry.redshift_edges[-1], 61)
        self.z = 0.5 * (edges[1:] + edges[:-1])
        sigma8 = setup.parameters.fiducial_values.sigma8
        number = MassFunction(setup.cosmology, setup.mass_function, self.z, self.log_mass)(sigma8)[0]
        volume = setup.geometry.area * setup.cosmology.volume_element(self.z) * (edges[1] - edges[0])
        self.number = number * volume[:, None] * 0.005
        lx, fine = setup.relations.lx, np.arange(12.0, 16.0, 1e-4)
        high, low = lx.slope * v["slope_lx"], BELOW * v["lowslope_lx"]
        slope = high + (low - high) / (1 + np.exp((fine - BREAK - v["break_lx"]) / WIDTH))
        rise = np.concatenate([[0.0], np.cumsum(0.5 * (slope[1:] + slope[:-1]) * 1e-4)])
        rise = rise - np.interp(setup.relations.pivot, fine, rise)
        mean = lx.log_norm + np.log10(v["norm_lx"]) + np.interp(self.log_mass, fine, rise)
        self.growth = np.log10(setup.cosmology.efunc(self.z))[:, None]
        self.drift = v["drift_lx"] * (self.log_mass - setup.relations.pivot)
        self.lx = mean + (lx.evolution + self.drift) * self.growth
        self.limit = setup.selection.log_luminosity_limit(self.z[:, None], setup.cosmology, setup.relations)
        yx = setup.relations.yx
        growth = np.log10(setup.cosmology.efunc(self.z))[:, None]
        self.yx = yx.log_norm + yx.slope * (self.log_mass - setup.relations.pivot) + yx.evolution * growth
        self.scatter, self.rho = (lx.scatter, yx.scatter), setup.relations.lx_yx

    def count(self):
        return float(np.sum(self.number * special.ndtr((self.lx - self.limit) / self.scatter[0])))

    def yx_density(self, log_yx):
        t = (log_yx - self.yx) / self.scatter[1]
        above = (self.lx + self.rho * self.scatter[0] * t - self.limit) / (self.scatter[0] * np.sqrt(1 - self.rho**2))
        return float(
            np.sum(self.number * special.ndtr(above) * np.exp(-0.5 * t**2)) / np.sqrt(2 * np.pi) / self.scatter[1]
        )


@pytest.mark.parametrize("values", [{}, TRUE])
def test_counts_and_yx_densities_are_sums_over_a_fine_grid(model, values):
    cone, theta = Cone(model, values), at(model, **values)
    assert model.expected_count(theta)[0] == pytest.approx(cone.count(), rel=3e-3)
    log_yx = np.linspace(13.8, 15.2, 8)
    expected = np.array([cone.yx_density(y) for y in log_yx])
    np.testing.assert_allclose(model.yx_density(theta, log_yx)[0], expected, rtol=6e-3, atol=1e-4 * expected.max())


def test_mocks_are_those_of_clusters_drawn_here(model):
    rng, cone, copies = np.random.default_rng(2), Cone(model, TRUE), 80
    drawn = rng.poisson(copies * cone.number)
    lx = np.repeat(cone.lx.ravel(), drawn.ravel()) + cone.scatter[0] * rng.standard_normal(drawn.sum())
    seen = lx > np.repeat(np.broadcast_to(cone.limit, cone.lx.shape).ravel(), drawn.ravel())
    mocks = draw_mocks(model, np.repeat(at(model, **TRUE), copies, axis=0), rng=np.random.default_rng(3))
    ours, theirs = mocks.observables[:, 0], lx[seen]
    assert abs(len(ours) - len(theirs)) < 5 * np.sqrt(len(ours) + len(theirs))
    for moment in (np.mean, np.std):
        error = np.hypot(*(np.std(x) / np.sqrt(len(x)) for x in (ours, theirs)))
        assert abs(moment(ours) - moment(theirs)) < 5 * error


def test_single_clusters_of_level_full_are_a_poisson_process():
    """The likelihood of a catalogue is that of its clusters' densities of L_X and Y_X at their redshifts."""
    of_t = ("norm_t", "slope_t", "scatter_t", "evolution_t")
    tables = content("cccp_lowz", without=of_t, **FREE) | {"sample_variance": False}
    tables["relations"]["lx"] = {**tables["relations"]["lx"], **TABLE}
    for name in ("t", "t_yx", "lx_t"):
        tables["relations"].pop(name, None)
        tables["relations"]["correlation"].pop(name, None)
    tables.pop("errors", None)
    del tables["catalogue"]
    model = forward_model(replace(parse_config(tables).setup, errors=()))
    mocks = draw_mocks(model, at(model, **TRUE), rng=np.random.default_rng(5))
    vectors = np.vstack([at(model), at(model, **TRUE)])
    found = likelihood("full", model, Data.of_mock(model, mocks))(vectors)
    expected = []
    for theta, values in zip(vectors, ({}, TRUE), strict=True):
        cone, total = Cone(model, values), -model.expected_count(theta[None])[0]
        for z, (x, y) in zip(mocks.z, mocks.observables, strict=True):
            k = int(np.argmin(np.abs(cone.z - z)))
            number = MassFunction(model.setup.cosmology, model.setup.mass_function, [z], cone.log_mass)(
                model.setup.parameters.fiducial_values.sigma8
            )[0, 0]
            growth = np.log10(model.setup.cosmology.efunc(z) / model.setup.cosmology.efunc(cone.z[k]))
            a = (x - cone.lx[k] - (model.setup.relations.lx.evolution + cone.drift) * growth) / cone.scatter[0]
            b = (y - cone.yx[k] - model.setup.relations.yx.evolution * growth) / cone.scatter[1]
            square = (a**2 - 2 * cone.rho * a * b + b**2) / (1 - cone.rho**2)
            total += np.log(np.sum(number * np.exp(-0.5 * square)))
        expected.append(total)
    assert found[1] - found[0] == pytest.approx(expected[1] - expected[0], abs=0.05)


def test_the_mass_of_a_luminosity_and_derivatives_are_those_of_the_curve():
    bend, x, h = Bend(step=0.7, start=-0.2, width=0.06, about=0.04, curvature=-0.03), np.linspace(-1.3, 1.2, 40), 1e-4
    value = 1.6 * x + bend.at(x)
    np.testing.assert_allclose(bend.mass_at(value, 1.6), x, atol=1e-10)
    np.testing.assert_allclose(bend.slope(x), (bend.at(x + h) - bend.at(x - h)) / (2 * h), atol=1e-5)
    change = (bend.at(x + h) - 2 * bend.at(x) + bend.at(x - h)) / (2 * h**2)
    np.testing.assert_allclose(bend.second(x), change, atol=1e-3)
    assert Bend(step=0.7, start=-0.2).at(np.zeros(1)) == 0


@pytest.mark.slow
@pytest.mark.parametrize("level", ["counts", "unbinned"])
def test_posteriors_are_calibrated_with_its_parameters_free(level):
    model = forward_model(replace(broken(sigma8={"fiducial": 0.81, "flat": [0.74, 0.88]}).setup, errors=()))
    free = ("sigma8", "norm_lx", "lowslope_lx", "break_lx")
    kept = model.parameters.without([name for name in model.parameters.names if name not in free])
    check = calibrate(
        forward_model(replace(model.setup, parameters=kept)), level, CalibrationPlan(mocks=100, draws=1500, seed=7)
    )
    assert check.status == "calibrated", check.p_values
    assert min(check.p_values.values()) > 1e-4


def test_a_break_that_changes_nothing_is_a_power_law():
    plain = broken(lx={}, lowslope_lx=1.0, break_lx=0.0, drift_lx=0.0).setup
    same = broken(
        lx=TABLE | {"slope_below": plain.relations.lx.slope}, lowslope_lx=1.0, break_lx=0.0, drift_lx=0.0
    ).setup
    counts = [forward_model(setup).expected_count(setup.parameters.fiducial[None])[0] for setup in (plain, same)]
    assert counts[0] == pytest.approx(counts[1], rel=1e-12)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (lambda: broken(lx={"break_mass": "14.3 log10 Msun/h"}), r"a break has a mass and a slope"),
        (lambda: broken(lx=TABLE | {"break_width": 0.01}), r"relations.lx.break_width.*at least 0.05"),
        (lambda: broken(lx={}).setup, r"lowslope_lx: .*relations.lx has no break; add break_mass and slope_below"),
        (lambda: broken(name="nv22").setup, r"break_mass: is for surveys that are limited in flux; leave .* out"),
        (
            lambda: broken(lx={}, name="nv22", lowslope_lx=1.0, break_lx=0.0).setup,
            r"drift_lx under \[parameters\], out",
        ),
        (lambda: broken(drift_lx={"gaussian": 1.5}).setup, r"drift_lx: the prior .* leaves -3 to 3; narrow it"),
        (lambda: broken(lowslope_lx=0.0).setup, r"lowslope_lx: 0 is outside 0.05 to 20"),
        (
            lambda: forward_model(broken(lowslope_lx={"flat": [0.05, 1.0]}, lx=TABLE | {"slope_below": 0.2}).setup),
            "slope_below: L_X does not rise .* larger slope_below",
        ),
        (
            lambda: broken(lx={"break_width": 0.2}),
            "break_width is that of a break; give break_mass and slope_below too",
        ),
        (
            lambda: broken(lx={}, name="nv22", lowslope_lx={"lognormal": 0.1}, drift_lx={"value": 0.0}).setup,
            "lowslope_lx: .*relations.lx has no break; take the parameter out",
        ),
    ],
)
def test_what_is_refused(config, words):
    with pytest.raises(InputError, match=words):
        config()
