"""Dark energy of w0 and wa. Oracles: integrals of its own, colossus recomputes."""

import math
from dataclasses import replace

import numpy as np
import pytest
from aperture import colossus_of
from bruteforce import brute_force
from colossus.cosmology import cosmology as colossus
from colossus.lss import mass_function
from scipy import integrate

from forecast.api.survey import load_survey
from forecast.checks.sbc import CalibrationPlan, calibrate
from forecast.config.digest import model_digest
from forecast.core.errors import InputError
from forecast.core.parameters import Parameter, Values
from forecast.core.priors import Prior
from forecast.cosmology.background import Cosmology, base_power, base_sigma
from forecast.cosmology.expansion import RADIATION, Expansion
from forecast.cosmology.mass_function import MODELS, MassFunction, ShapedMassFunction, matter_density_range
from forecast.cosmology.parameter_grid import ShapeGrid
from forecast.cosmology.rescaling import Ratio
from forecast.forecasts.ladder import free_density
from forecast.forecasts.survey_information import SurveyInformation
from forecast.likelihoods.fisher import fisher_matrix
from forecast.model.forward import forward_model
from forecast.model.idle import idle_parameters
from forecast.report.narrative import survey_sentences
from forecast.survey.sample_variance import contrast_root

Z = np.array([0.0, 0.05, 0.3, 1.0, 2.5])
CASES = [(0.3, -1.0, 0.0), (0.2, -0.6, 0.0), (0.45, -1.6, 0.0), (0.3, -0.7, -1.2), (0.3, -2.5, 2.2), (0.15, -0.3, -3.0)]
"""Om0, w0, wa."""


def density(a, w0, wa):
    """exp of the integral of 3 (1 + w) dln(1/a), by quadrature."""
    return math.exp(integrate.quad(lambda x: 3 * (1 + w0 + wa * (1 - math.exp(x))), math.log(a), 0, epsabs=1e-12)[0])


def grown(z, Om0, w0, wa):
    """D(z)/D(0) from D'' + (2 + dlnH/dlna) D' = 3/2 Omega_m D, matter and dark energy alone."""

    def slopes(x, y):
        a = math.exp(x)
        matter = Om0 / a**3
        dark = (1 - Om0) * a ** (-3 * (1 + w0 + wa)) * math.exp(-3 * wa * (1 - a))
        part = matter / (matter + dark)
        friction = 2 - 1.5 * (1 + (w0 + wa * (1 - a)) * (1 - part))
        return [y[1], 1.5 * part * y[0] - friction * y[1]]

    start = np.exp(-11.0)
    found = integrate.solve_ivp(
        slopes, (-11.0, 0.0), [start, start], dense_output=True, method="DOP853", rtol=1e-10, atol=1e-14
    )
    return found.sol(-np.log1p(z))[0] / found.sol(0.0)[0]


@pytest.mark.parametrize("case", CASES)
def test_expansion_equals_own_integrals(case):
    """Growth and distances to 1e-6; the last three cases are at the edges of what is allowed."""
    h = 0.7
    ours = Expansion(np.array(case[0]), np.array(h), *case[1:])
    np.testing.assert_allclose(ours.growth(Z), grown(Z, *case), rtol=1e-6)
    radiation = RADIATION / h**2

    def efunc(z):
        x = 1 + z
        dark = (1 - case[0] - radiation) * density(1 / x, *case[1:])
        return math.sqrt(case[0] * x**3 + radiation * x**4 + dark)

    np.testing.assert_allclose(ours.efunc(Z), [efunc(z) for z in Z], rtol=1e-9)
    distance = [2997.92458 * integrate.quad(lambda x: 1 / efunc(x), 0, z, epsrel=1e-9)[0] for z in Z[1:]]
    np.testing.assert_allclose(ours.comoving_distance(Z[1:]), distance, rtol=1e-6)
    volume = 2997.92458 * np.square(distance) / [efunc(z) for z in Z[1:]]
    np.testing.assert_allclose(ours.volume_element(Z[1:]), volume, rtol=2e-6)
    np.testing.assert_allclose(ours.matter_density(Z), [case[0] * (1 + z) ** 3 / efunc(z) ** 2 for z in Z], rtol=1e-9)


def full(cosmology, sigma8=0.8):
    return colossus.setCosmology(
        "oracle", flat=True, H0=100 * cosmology.h, Om0=cosmology.Om0, Ob0=cosmology.Ob0, sigma8=sigma8,
        ns=cosmology.ns, de_model="w0wa", w0=cosmology.w0, wa=cosmology.wa, persistence="",
    )  # fmt: skip


@pytest.fixture(scope="module")
def erosita():
    return load_survey("erosita")


@pytest.fixture
def kept():
    before = colossus.current_cosmo
    yield
    colossus.current_cosmo = before


@pytest.mark.parametrize("case", CASES[1:])
def test_expansion_equals_colossus(case, kept):
    """To 1e-4, with radiation; vectorised, and of a single cosmology."""
    one = Cosmology(case[0], 0.045, 0.7, 0.96, *case[1:])
    theirs = full(one)
    columns = [np.array([[x], [y]]) for x, y in zip(case, CASES[0], strict=True)]
    many = Expansion(columns[0], np.array([[0.7], [0.6]]), *columns[1:])
    distance = theirs.comovingDistance(0.0, Z)
    np.testing.assert_allclose(many.comoving_distance(Z)[0], distance, rtol=1e-4)
    np.testing.assert_allclose(one.comoving_distance(Z), distance, rtol=1e-4)
    np.testing.assert_allclose(many.growth(Z)[0], theirs._growthFactorExact(Z), rtol=1e-4)
    growth = np.sqrt(base_power(one, np.array(0.1), Z) / base_power(one, np.array(0.1)))
    np.testing.assert_allclose(growth, many.growth(Z)[0], rtol=1e-9)
    np.testing.assert_allclose(one.efunc(Z), theirs.Ez(Z), rtol=1e-12)
    constant = Expansion(np.array(CASES[0][0]), np.array(0.6))
    np.testing.assert_allclose(many.growth(Z)[1], constant.growth(Z), rtol=1e-8)
    np.testing.assert_allclose(many.comoving_distance(Z)[1], constant.comoving_distance(Z), rtol=1e-14)


@pytest.mark.parametrize("model", list(MODELS))
def test_mass_function_equals_colossus(model, kept):
    """Free and fixed dark energy. Colossus rounds overdensities and integrates sigma(M) to some 1e-3."""
    z, log_mass = np.array([0.1, 0.6]), np.linspace(13.2, 15.0, 10)
    reference = Cosmology(0.29, 0.049, 0.68, 0.965)
    grid = ShapeGrid.over(reference, {"w0": (-1.5, -0.5), "wa": (-1.0, 0.1)})
    assert len(grid.nodes) == 1  # sigma(M) today does not depend on it
    free = ShapedMassFunction(grid, model, z, log_mass)(0.85, grid.shape(w0=[-0.7, -1.3], wa=[-0.6, 0.1]))
    for i, (w0, wa) in enumerate([(-0.7, -0.6), (-1.3, 0.1)]):
        cosmology = replace(reference, w0=w0, wa=wa)
        fixed = MassFunction(cosmology, model, z, log_mass)(0.85)[0]
        full(cosmology, 0.85)
        name, hydro = MODELS[model]
        options = {} if hydro is None else {"hydro": hydro}
        for k, x in enumerate(z):
            theirs = np.log(10) * mass_function.massFunction(
                10**log_mass, x, q_in="M", q_out="dndlnM", mdef="500c", model=name, **options
            )
            np.testing.assert_allclose(fixed[k], theirs, rtol=1e-3)
            np.testing.assert_allclose(free[i, k], theirs, rtol=4e-3)
    plain = ShapedMassFunction(grid, model, z, log_mass)(0.85, grid.shape())[0]
    assert (np.abs(free[:, 1] / plain[1] - 1).max(axis=1) > 0.02).all()


def test_sigma_is_that_of_today_times_growth():
    """What makes tables factorise, of colossus itself."""
    cosmology, mass = Cosmology(0.3, 0.045, 0.7, 0.96, -0.7, -0.6), 10 ** np.linspace(13, 15, 5)
    today = base_sigma(replace(cosmology, w0=-1.0, wa=0.0), mass, 0.0)
    np.testing.assert_allclose(base_sigma(cosmology, mass, 0.5), today * grown(0.5, 0.3, -0.7, -0.6), rtol=1e-6)


def test_sample_variance_follows_the_volume(erosita):
    """Contrasts of the shells interpolated in w0 and wa; without that they would be off by up to a fifth."""
    setup = freed(erosita.setup, w0=Prior("flat", low=-1.5, high=-0.5), wa=Prior("flat", low=-1.0, high=0.2))
    grid = setup.shapes.of_everything(0.4)
    table = grid.table(lambda cosmology: np.diag(contrast_root(setup.geometry, cosmology)))
    for w0, wa in [(-1.4, 0.1), (-0.6, -0.8)]:
        exact = np.diag(contrast_root(setup.geometry, setup.cosmology.varied(w0=w0, wa=wa)))
        np.testing.assert_allclose((grid.shape(w0=w0, wa=wa).basis @ table)[0], exact, rtol=0.01)
        assert (np.abs(np.diag(contrast_root(setup.geometry, setup.cosmology)) / exact - 1) > 0.03).all()


def freed(setup, **priors):
    """The setup with parameters of its cosmology free at the configured values."""
    for name, prior in priors.items():
        free = setup.parameters.with_free(Parameter(name, getattr(setup.cosmology, name), prior))
        setup = replace(setup, parameters=free)
    return setup


@pytest.mark.parametrize("level", ["fixed", "free"])
def test_configured_dark_energy_is_a_parameter_there(erosita, level):
    """[cosmology] w0 = -0.8 with the relations of that cosmology, and parameters.w0 = -0.8 beside it, are one model."""
    there = erosita.with_({"cosmology.w0": -0.8, "sample_variance": False}).setup
    key = {"fixed": -0.8, "free": {"fiducial": -0.8, "gaussian": 0.1}}[level]
    here = erosita.with_({"parameters.w0": key, "sample_variance": False}).setup
    model = forward_model(here)
    count = model.expected_count(model.parameters.fiducial[None])[0]
    theirs = forward_model(there).expected_count(there.parameters.fiducial[None])[0]
    assert count == pytest.approx(theirs, rel=2e-3)
    assert (
        abs(count / forward_model(erosita.setup).expected_count(erosita.setup.parameters.fiducial[None])[0] - 1) > 0.02
    )
    assert len({model_digest(setup) for setup in (here, there, erosita.setup)}) == 3
    assert model_digest(erosita.with_({"cosmology.w0": -1, "cosmology.wa": 0}).setup) == model_digest(erosita.setup)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"cosmology.w0": -0.5, "cosmology.wa": 0.4}, r"cosmology: w0 \+ wa = -0.1 is above -0.3.* give wa <= 0.2"),
        ({"cosmology.w0": 0.2}, "cosmology: w0 = 0.2 is outside -2.5 to -0.3"),
        ({"cosmology.wa": -4}, "cosmology: wa = -4.0 is outside -3.0 to 2.2"),
        ({"parameters.w0": {"flat": [-3, -0.5]}}, r"parameters.w0: the prior \(-3 to -0.5\) leaves .* -2.5 to -0.3"),
        ({"parameters.w0": -0.2}, "w0 = -0.2 is outside -2.5 to -0.3"),
        (
            {"parameters.w0": {"flat": [-1.5, -0.4]}, "parameters.wa": {"flat": [-1, 0.5]}},
            r"parameters.wa: the priors reach w0 \+ wa = 0.1, above -0.3, .* let wa end at 0.1",
        ),
        ({"parameters.w0": {"gaussian": 0.1}, "parameters.wa": {"gaussian": 0.3}}, r"reach w0 \+ wa = -0.05132, above"),
        ({"parameters.w0": {"lognormal": 0.1}}, "parameters.w0"),
    ],
)
def test_what_is_refused(erosita, changes, words):
    with pytest.raises(InputError, match=words):
        forward_model(erosita.with_(changes).setup)


def test_the_cures_work(erosita):
    changes = {"parameters.w0": {"flat": [-1.5, -0.4]}, "parameters.wa": {"flat": [-1, 0.1]}}
    assert erosita.with_(changes).setup.shapes is not None
    assert Cosmology(0.3, 0.045, 0.7, 0.96, -0.5, 0.2).wa == 0.2
    cut = {"parameters.w0": {"gaussian": 0.1}, "parameters.wa": {"gaussian": 0.3, "between": [-1, 0.4]}}
    assert erosita.with_(cut).setup.shapes is not None
    tied = {"prior_correlation": [{"parameters": ["w0", "wa"], "correlation": -0.95}]}
    tied |= {"parameters.w0": {"gaussian": 0.1}, "parameters.wa": {"gaussian": 0.3}}
    assert erosita.with_(tied).setup.shapes is not None  # of tied priors the sum is narrow


def test_what_is_inferred_goes_as_the_distances_of_both_cosmologies():
    """Of a table with luminosities of LambdaCDM, in a model with other dark energy."""
    model, z = Cosmology(0.3, 0.045, 0.7, 0.96, -0.7, -0.6), np.array([0.1, 0.7])
    ratio = Ratio.of(Expansion.of(model), Expansion(np.array(0.25), np.array(0.72)), z)
    true, listed = colossus_of(0.3, 0.7, -0.7, -0.6), colossus_of(0.25, 0.72)
    distance = true.comovingDistance(0.0, z) / listed.comovingDistance(0.0, z)
    np.testing.assert_allclose(ratio.distance, np.log10(distance), atol=1e-6)
    np.testing.assert_allclose(ratio.expansion, np.log10(true.Ez(z) / listed.Ez(z)), atol=1e-9)


def test_values_beyond_the_edge_are_evaluated_there():
    grid = ShapeGrid.over(Cosmology(0.3, 0.045, 0.7, 0.96), {"w0": (-1.5, -0.4), "wa": (-1.0, 0.6)})
    shape = grid.shape(w0=[-0.5, -1.4], wa=[0.5, 0.5])
    np.testing.assert_allclose(shape.wa, [0.2, 0.5])


def test_calibration_of_the_mass_function_by_the_density_of_matter_at_its_redshift():
    """Tinker et al. (2008) end at 3200 times the mean: Omega_m(z) = 500/3200."""
    lowest = matter_density_range("tinker08", 0.4, -0.6, -0.5)[0]
    at = Expansion(np.array(lowest), np.array(1e3), -0.6, -0.5)  # hardly any radiation
    assert at.matter_density(np.array(0.4)) == pytest.approx(500 / 3200, rel=1e-6)


def test_nothing_in_a_box_today_depends_on_dark_energy():
    nv22 = load_survey("nv22")
    box = nv22.with_({"survey.z": 0.0, "relations.z0": 0.0})
    setup = freed(box.setup, w0=Prior("flat", low=-1.5, high=-0.5))
    assert "z = 0" in idle_parameters(setup)["w0"]
    assert "w0" not in idle_parameters(freed(nv22.setup, w0=Prior("flat", low=-1.5, high=-0.5)))
    assert Values().w0 is None


def test_errors_of_dark_energy_by_level(erosita):
    """Marginal errors by the Schur complement of the information and the priors, of the survey and with Om0 free."""
    keys = {"parameters.w0": {"flat": [-1.5, -0.5]}, "parameters.wa": {"flat": [-1.0, 0.2]}, "sample_variance": False}
    setup = erosita.with_(keys).setup
    for one in (setup, free_density(setup).setup):
        found = SurveyInformation.of(one, ["counts", "unbinned"])
        names, rows = one.parameters.names, found.dark_energy()
        at = np.array([names.index(name) for name in ("w0", "wa")])
        for level, information in found.by_level.items():
            precision = information + np.diag(one.parameters.prior_std**-2.0)
            others = np.setdiff1d(np.arange(len(names)), at)
            mixed = precision[np.ix_(at, others)]
            left = precision[np.ix_(at, at)] - mixed @ np.linalg.solve(precision[np.ix_(others, others)], mixed.T)
            (a, b), (_, d) = left
            assert rows["figure of merit"][level] == pytest.approx(math.sqrt(a * d - b * b), rel=1e-6)
            assert rows["w0"][level] == pytest.approx(math.sqrt(d / (a * d - b * b)), rel=1e-6)
            assert rows["wa"][level] == pytest.approx(math.sqrt(a / (a * d - b * b)), rel=1e-6)
        assert rows["w0"]["known"] < rows["w0"]["unbinned"] < rows["w0"]["prior"]
        assert bool(found.s8_std()) == (one is not setup)  # Om0 is freed beside w0 too
    assert SurveyInformation(erosita.setup, 1.0, {}).dark_energy() == {}
    with pytest.raises(InputError, match="figure of merit needs w0 and wa among the free"):
        erosita.fisher("counts").figure_of_merit()


def test_a_page_names_the_universe(erosita):
    assert "flat LambdaCDM with Om = 0.29" in " ".join(survey_sentences(erosita.setup))
    free = erosita.with_({"parameters.w0": {"flat": [-1.5, -0.5]}})
    assert "flat wCDM with Om = 0.29" in " ".join(survey_sentences(free.setup))
    fixed = " ".join(survey_sentences(erosita.with_({"cosmology.w0": -0.9}).setup))
    assert "n_s = 0.965, w0 = -0.9, wa = 0." in fixed


COSMOLOGY = ("sigma8", "Om0", "w0")


def known(setup):
    """The survey with nothing free but its cosmology."""
    parameters = setup.parameters
    return replace(setup, parameters=parameters.without([*parameters.nuisances, *parameters.contrasts]))


def test_fisher_of_the_built_in_survey_equals_finite_differences_of_brute_force():
    """Sum of dN dN'/N over the redshift bins, N by colossus's mass function and distances of each cosmology."""
    setup = known(load_survey("erosita_w").setup)
    assert setup.parameters.names == COSMOLOGY and len(setup.bins) == 4
    fiducial = dict(zip(COSMOLOGY, setup.parameters.fiducial, strict=True))

    def counts(**moved):
        c = {"h": setup.cosmology.h, "ns": setup.cosmology.ns} | fiducial | moved
        return np.array([brute_force(part, nodes=11, **c)[0].sum() for part in setup.bins])

    steps = {"sigma8": 0.01, "Om0": 0.01, "w0": 0.1}
    gradient = np.array(
        [
            (counts(**{name: fiducial[name] + h}) - counts(**{name: fiducial[name] - h})) / (2 * h)
            for name, h in steps.items()
        ]
    )
    fisher = fisher_matrix("counts", forward_model(setup))
    assert not any(p.log for p in setup.parameters.free)
    information = (gradient / counts()) @ gradient.T
    scale = np.sqrt(np.diag(information))
    np.testing.assert_allclose(
        fisher.information / np.outer(scale, scale), information / np.outer(scale, scale), atol=0.02
    )
    covariance = np.linalg.inv(information + np.diag(setup.parameters.prior_std**-2.0))
    for i, name in enumerate(COSMOLOGY):
        assert fisher.std(name) == pytest.approx(math.sqrt(covariance[i, i]), rel=0.03)


def test_redshift_bins_inform_dark_energy(erosita):
    """Without them a count says next to nothing of w0 beside sigma8."""
    setup = known(load_survey("erosita_w").setup)
    whole = fisher_matrix("counts", forward_model(replace(setup, binned_in_redshift=False))).std("w0")
    assert whole > 2 * fisher_matrix("counts", forward_model(setup)).std("w0")


@pytest.mark.slow
@pytest.mark.parametrize("nuisances", ["free", "known"])
def test_posteriors_of_dark_energy_are_calibrated(nuisances):
    """Counts in redshift bins of 100 mocks of a small part of the survey, whose priors are as wide."""
    survey = load_survey("erosita_w").with_(area="100 deg2" if nuisances == "free" else "150 deg2")
    setup = survey.setup if nuisances == "free" else known(survey.setup)
    plan = CalibrationPlan(mocks=100, draws=4000 if nuisances == "free" else 12_000, seed=3, groups=2)
    check = calibrate(forward_model(setup), "counts", plan)
    assert check.status == "calibrated", check.p_values
    assert {"w0", "Om0", "sigma8"} <= set(check.p_values)
    assert min(check.p_values.values()) > 1e-4
    assert check.ess_median > 50
