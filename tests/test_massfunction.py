"""Oracle: colossus's own mass function, recomputed in full for every sigma8."""

from dataclasses import replace

import numpy as np
import pytest
from colossus.cosmology import cosmology as colossus
from colossus.lss import bias, mass_function

from forecast.config.schema.sections import LadderConfig
from forecast.core.errors import InputError
from forecast.cosmology.background import Cosmology, base_sigma_radius
from forecast.cosmology.mass_function import MODELS, ORDINARY, MassFunction
from forecast.forecasts.ladder import free_density
from forecast.model.concerns import mass_function_concerns

MAGNETICUM = Cosmology(0.272, 0.046, 0.704, 0.963)
LOG_MASS = np.linspace(12.5, 15.6, 63)


@pytest.fixture
def full(request):
    def recompute(cosmology, sigma8):
        colossus.setCosmology(
            "oracle", flat=True, H0=100 * cosmology.h, Om0=cosmology.Om0, Ob0=cosmology.Ob0,
            sigma8=sigma8, ns=cosmology.ns, persistence="",
        )  # fmt: skip

    before = colossus.current_cosmo
    yield recompute
    colossus.current_cosmo = before


@pytest.mark.parametrize("z", [0.0, 0.07, 0.6])
@pytest.mark.parametrize("sigma8", [0.6, 0.81, 1.0])
@pytest.mark.parametrize("model", list(MODELS))
def test_equals_full_recompute(full, model, sigma8, z):
    ours = MassFunction(MAGNETICUM, model, [z], LOG_MASS)(sigma8)[0, 0]
    full(MAGNETICUM, sigma8)
    name, hydro = MODELS[model]
    options = {} if hydro is None else {"hydro": hydro}
    theirs = mass_function.massFunction(10**LOG_MASS, z, q_in="M", q_out="dndlnM", mdef="500c", model=name, **options)
    tolerance = {"bocquet16": 1e-4, "despali16": 1e-5}.get(name, 1e-12)  # colossus rounds the collapse threshold
    np.testing.assert_allclose(ours, theirs * np.log(10), rtol=tolerance)


@pytest.mark.parametrize(("model", "count"), [("bocquet16_hydro", 1312), ("bocquet16_dm", 1416), ("tinker08", 1459)])
def test_expected_clusters_in_the_magneticum_box(model, count):
    log_mass = np.linspace(13.58, 16, 4001)
    density = MassFunction(MAGNETICUM, model, [0.07], log_mass)(0.809)[0, 0]
    assert 352**3 * np.trapezoid(density, log_mass) == pytest.approx(count, rel=3e-3)


@pytest.mark.parametrize(("Om0", "watson"), [(0.25, (0.58, 0.75)), (0.3, (1.1, 1.6)), (0.35, (1.7, 4.2))])
def test_what_is_swapped_in_unasked_is_not_far_from_the_rest(Om0, watson):
    """Of watson13 one cannot say so: its coefficients are linear in Omega_m(z); figures of docs/model.md."""
    log_mass = np.linspace(13.5, 15.0, 16)
    cosmology = replace(MAGNETICUM, Om0=Om0)
    density = {name: MassFunction(cosmology, name, [0.1], log_mass)(0.809)[0, 0] for name in MODELS}
    lowest = np.min([density[name] for name in ORDINARY], axis=0)
    assert all((density[name] < 1.3 * lowest)[log_mass < 14.5].all() for name in ORDINARY)
    ratio = density["watson13"] / density["tinker08"]
    assert watson[0] < ratio.min() < ratio.max() < watson[1]
    assert set(LadderConfig().mass_functions) == set(MODELS) - {"watson13"}


def test_a_mass_function_far_from_its_simulations_is_doubted(nv22, cccp):
    assert mass_function_concerns(nv22.setup) == ()
    assert mass_function_concerns(replace(nv22.setup, mass_function="watson13")) == ()  # Om0 = 0.272
    (words,) = mass_function_concerns(replace(cccp.setup, mass_function="watson13"))
    assert "with Om0 = 0.25" in words and words.endswith("choose another one")
    free = free_density(replace(nv22.setup, mass_function="watson13")).setup
    assert "Om0 free" in mass_function_concerns(free)[0]
    assert mass_function_concerns(replace(free, mass_function="tinker08")) == ()


def test_vectorised_over_sigma8_and_redshift():
    z, sigma8 = np.array([0.05, 0.3]), np.array([0.7, 0.8, 0.9])
    together = MassFunction(MAGNETICUM, "bocquet16_hydro", z, LOG_MASS)(sigma8)
    assert together.shape == (3, 2, len(LOG_MASS))
    for i, s in enumerate(sigma8):
        for k, x in enumerate(z):
            alone = MassFunction(MAGNETICUM, "bocquet16_hydro", [x], LOG_MASS)(s)[0, 0]
            np.testing.assert_allclose(together[i, k], alone, rtol=1e-13)


@pytest.mark.parametrize("sigma8", [0.7, 0.9])
def test_bias_equals_colossus(full, sigma8):
    ours = MassFunction(MAGNETICUM, "tinker08", [0.2], LOG_MASS).bias(sigma8)[0, 0]
    full(MAGNETICUM, sigma8)
    np.testing.assert_allclose(ours, bias.haloBias(10**LOG_MASS, 0.2, "500c", model="tinker10"), rtol=1e-6)


def test_colossus_global_state_is_left_alone(full):
    full(MAGNETICUM, 0.77)
    before = colossus.getCurrent()
    MassFunction(Cosmology(0.3, 0.045, 0.7, 0.96), "tinker08", [0.1], LOG_MASS)(0.8)
    assert colossus.getCurrent() is before


def test_normalisation_of_the_power_spectrum():
    assert base_sigma_radius(MAGNETICUM, 8.0, 0.0) == pytest.approx(0.8, rel=1e-3)  # colossus's table


def test_distances_against_astropy():
    from astropy.cosmology import FlatLambdaCDM

    oracle = FlatLambdaCDM(H0=70.4, Om0=0.272, Tcmb0=2.7255, Neff=3.046)
    z = np.array([0.001, 0.03, 0.25, 1.2])
    ours = MAGNETICUM.luminosity_distance(z) / 0.704
    np.testing.assert_allclose(ours, oracle.luminosity_distance(z).value, rtol=2e-4)
    volume = oracle.comoving_volume(0.25).value - oracle.comoving_volume(0.03).value
    ours = MAGNETICUM.comoving_volume(4 * np.pi, 0.03, 0.25) / 0.704**3
    assert ours == pytest.approx(volume, rel=1e-3)


def test_unknown_names_and_ranges():
    with pytest.raises(InputError, match="did you mean 'tinker08'"):
        MassFunction(MAGNETICUM, "tinker8", [0.1], LOG_MASS)
    with pytest.raises(InputError, match="Om0 = 3"):
        Cosmology(3.0, 0.046, 0.7, 0.96)
    with pytest.raises(InputError, match="Ob0"):
        Cosmology(0.1, 0.1, 0.7, 0.96)
