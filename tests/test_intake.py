"""What a catalogue brings: numbers by brute force, and clusters that the survey cannot have."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from forecast.checks.duplicates import listed_twice
from forecast.checks.intake import (
    compare_number,
    measured,
    same_redshift,
    tail_chance,
    take_in,
)
from forecast.checks.observed import as_modelled, catalogue_data, open_catalogue, require_levels
from forecast.checks.offsets import offsets
from forecast.checks.reach import faint_clusters
from forecast.config.load import load_config
from forecast.core.errors import InputError
from forecast.likelihoods.data import catalogue_points
from forecast.likelihoods.density.points import Points
from forecast.model.catalogue import Catalogue
from forecast.model.forward import forward_model
from forecast.model.simulate import draw_mocks
from forecast.relations.mass_proxy import with_proxy
from forecast.report.cautions import before_fit
from forecast.report.narrative import intake_sentences


def clusters(**changed):
    """Four clusters."""
    columns = {
        "name": ("A1", "A2", "A3", "A4"),
        "z": np.array([0.05, 0.08, 0.1, 0.12]),
        "log_lx": np.array([44.0, 44.2, 44.5, 44.7]),
        "log_yx": np.array([13.8, 14.0, 14.3, np.nan]),
        "log_yx_error": np.array([0.02, 0.0, 0.03, 0.0]),
        "source": "four.fits",
    }
    return Catalogue(**columns | changed)


def test_tail_chance_by_brute_force():
    expected = np.array([3.0, 10.0, 40.0])
    for observed in (0, 2, 9, 60):
        few = np.mean(stats.poisson.cdf(observed, expected))
        many = np.mean(stats.poisson.sf(observed - 1, expected))
        assert tail_chance(observed, expected) == pytest.approx(min(1.0, 2 * min(few, many)), rel=1e-9)
    rng = np.random.default_rng(1)
    drawn = rng.poisson(rng.choice(expected, 200_000))
    assert tail_chance(60, expected) == pytest.approx(2 * np.mean(drawn >= 60), abs=5 * np.sqrt(2e-3 / 200_000))


def test_number_beside_its_expectation(cccp_model):
    rng = np.random.default_rng(2)
    number = compare_number(cccp_model, cccp_model, 49, rng=rng)
    typical = float(cccp_model.expected_count(cccp_model.parameters.fiducial[None])[0])
    assert number.fiducial == pytest.approx(typical, rel=0.05)
    assert number.low < 5 < 49 < number.high  # sigma8 from 0.5 to 1.2
    assert number.chance > 0.2
    assert compare_number(cccp_model, cccp_model, 6000, rng=rng).chance < 1e-6


def test_what_was_measured():
    listed = {m.name: m for m in measured(clusters(log_lx_error=np.array([0.0, 0.03, 0.04, 0.0])))}
    assert set(listed) == {"lx", "yx"}
    assert (listed["yx"].known, listed["yx"].median) == (3, 14.0)
    assert listed["lx"].error == pytest.approx(np.sqrt((0.03**2 + 0.04**2) / 2))
    blind = measured(clusters(log_yx=np.full(4, np.nan)))[1]
    assert blind.known == 0 and np.isnan(blind.median)


def test_names_listed_twice():
    assert listed_twice(clusters()) == ()
    assert listed_twice(clusters(name=("A1", "A2", " a1 ", "A4"))) == ("A1", " a1 ")
    assert listed_twice(clusters(name=("row 1", "row 2", "row 3", "row 4"))) == ()


def test_measurements_listed_twice():
    z, log_lx = np.array([0.05, 0.05, 0.1, 0.12]), np.array([44.0, 44.0, 44.5, 44.7])
    assert listed_twice(clusters(z=z, log_lx=log_lx)) == ()  # their Y_X differ
    log_yx = np.array([13.8, 13.8, np.nan, np.nan])
    assert listed_twice(clusters(z=z, log_lx=log_lx, log_yx=log_yx)) == ("A1", "A2")
    log_t = np.array([0.5, 0.6, 0.7, 0.8])  # which tells clusters of different names apart, not ones without
    assert listed_twice(clusters(z=z, log_lx=log_lx, log_yx=log_yx, log_t=log_t)) == ()
    nameless = clusters(name=("row 1", "row 2", "row 3", "row 4"), z=z, log_lx=log_lx, log_yx=log_yx, log_t=log_t)
    assert listed_twice(nameless) == ("row 1", "row 2")
    nothing = np.full(4, np.nan)
    assert listed_twice(clusters(z=np.full(4, 0.05), log_lx=nothing, log_yx=nothing)) == ()


def test_copies_that_differ_in_some_measurement():
    """Equal in redshift and one measurement more often than chance makes it; rounded tables are left alone."""
    rng = np.random.default_rng(1)
    z, log_yx = rng.uniform(0.05, 0.3, 40), rng.normal(14.2, 0.3, 40)
    names = tuple(f"A{i}" for i in range(80))
    twice = clusters(
        name=names,
        z=np.tile(z, 2),
        log_yx=np.tile(log_yx, 2),
        log_yx_error=np.zeros(80),
        log_lx=rng.normal(44, 0.3, 80),
    )
    assert len(listed_twice(twice)) == 80
    one = replace(twice, z=np.append(z, rng.uniform(0.05, 0.3, 40)))
    assert listed_twice(one) == ()
    rounded = replace(twice, z=np.round(rng.uniform(0.05, 0.3, 80), 2), log_yx=np.round(rng.normal(14.2, 0.3, 80), 1))
    assert listed_twice(rounded) == ()


def test_offsets_of_observables(cccp_model):
    """Catalogues of the prior fit; a factor 1/h of Y_X and one of 1.6 of L_X do not."""
    rng = np.random.default_rng(2)
    model = cccp_model
    mocks = draw_mocks(model, model.parameters.draw(20, rng=rng), rng=rng)
    points = Points.of_mocks(model, mocks)
    lx, t, yx = (points.observables[:, model.setup.relations.names.index(name)] for name in ("lx", "t", "yx"))

    def sigmas(row, shift_yx=0.0, shift_lx=0.0):
        mine = mocks.row == row
        some = clusters(
            name=tuple(map(str, range(mine.sum()))),
            z=mocks.z[mine],
            log_lx=lx[mine] + shift_lx,
            log_t=t[mine],
            log_yx=yx[mine] + shift_yx,
            log_yx_error=np.zeros(mine.sum()),
        )
        return {one.name: one.sigma for one in offsets(model, some, rng=np.random.default_rng(3))}

    rows = [row for row in range(20) if mocks.size[row] > 20]
    fine = np.array([list(sigmas(row).values()) for row in rows])
    assert np.all(np.abs(fine.mean(axis=0)) < 5 / np.sqrt(len(rows))) and np.abs(fine).max() < 4
    shifted = np.mean([sigmas(row, shift_yx=-np.log10(0.72))["yx"] - sigmas(row)["yx"] for row in rows[:3]])
    assert 1.5 < shifted < 3.5
    assert np.mean([sigmas(row, shift_lx=-np.log10(0.72) * 2)["t"] for row in rows]) < -2.5


def test_offsets_of_thousands_of_clusters():
    """A factor 1/h of Y_X is seen in a survey of 5,000 as in one of 50."""
    model = forward_model(load_config("erosita").setup)
    mocks = draw_mocks(model, model.parameters.fiducial[None], rng=np.random.default_rng(4))
    points, number = Points.of_mocks(model, mocks), len(mocks.z)
    lx, yx = points.observables.T
    some = clusters(name=("",) * number, z=mocks.z, log_lx=lx, log_yx=yx, log_yx_error=np.zeros(number))
    (fine,) = offsets(model, some, rng=np.random.default_rng(1))
    (wrong,) = offsets(model, replace(some, log_yx=yx - np.log10(0.68)), rng=np.random.default_rng(1))
    assert abs(fine.sigma) < 2.2 < wrong.sigma
    assert wrong.dex - fine.dex == pytest.approx(-np.log10(0.68))


def test_faint_clusters(cccp):
    setup = cccp.setup
    limit = setup.selection.log_luminosity_limit(clusters().z, setup.cosmology, setup.relations)
    off = np.array([0.1, -0.01, -0.1, -0.1])  # above, within rounding, below, below
    catalogue = clusters(log_lx=limit + off, log_lx_error=np.array([0.0, 0.0, 0.02, 0.05]))
    below, outright = faint_clusters(setup, catalogue)
    assert below.tolist() == [False, False, True, True]
    assert outright.tolist() == [False, False, True, False]
    blurred = replace(setup, selection=replace(setup.selection, flux_error=0.05))
    assert not faint_clusters(blurred, clusters(log_lx=limit + off))[1].any()
    assert not faint_clusters(setup, clusters(log_lx=np.full(4, np.nan)))[0].any()


def outside(config, z):
    """Which redshifts a configured survey does not reach."""
    return config.setup.geometry.outside(np.array(z), config.setup.cosmology)


def test_depth(nv22, cccp):
    assert outside(cccp, [0.02, 0.03, 0.24, 0.26]).tolist() == [True, False, False, True]
    # half of 352 Mpc/h at z = 0.07 is 0.0606 in redshift
    assert outside(nv22, [0.005, 0.012, 0.128, 0.135]).tolist() == [True, False, False, True]


def test_one_redshift_of_all_clusters_is_doubted(cccp_model, nv22_model):
    one = clusters(z=np.full(4, 0.1))
    assert same_redshift(one) == 0.1
    assert same_redshift(clusters()) is same_redshift(clusters(z=np.array([0.1, 0.1, 0.1, 0.1001]))) is None
    found = take_in(cccp_model, cccp_model, one, rng=np.random.default_rng(1))
    (caution,) = (one for one in before_fit(found) if one.kind == "same_redshift")
    assert "every cluster has the same redshift, 0.1" in caution.text
    box = take_in(nv22_model, nv22_model, one, rng=np.random.default_rng(1))
    assert not [one for one in before_fit(box) if one.kind == "same_redshift"]


def test_sentences(cccp_model, nv22_model):
    cut = clusters(log_lx=np.array([42.0, 44.4, 44.6, 44.8]))
    intake = take_in(cccp_model, cccp_model, cut, rng=np.random.default_rng(1))
    first, second, third = intake_sentences(intake)
    number = intake.number
    start = f"four.fits: 4 clusters observed, {number.fiducial:.3g} expected at the fiducial parameters, 0."
    assert first.startswith(start)
    assert first.endswith(f" to {number.high:.0f} over 95% of the prior.")
    assert second == "Medians: L_X 3.16e+44 erg/s, Y_X 1e+14 Msun/h keV; 1 of 4 have no Y_X."
    assert third.startswith("Below the flux limit: 1, 1 of them by more than their errors. ")
    assert third.endswith("Outside the survey's redshifts: none.")
    intake = take_in(nv22_model, nv22_model, cut, rng=np.random.default_rng(1))
    assert intake_sentences(intake)[2] == "Outside the survey's redshifts: none."


def test_errors_that_a_catalogue_lacks_are_the_setups(cccp_model):
    model = forward_model(replace(cccp_model.setup, errors=(0.01, 0.014, 0.05)))
    log_t = np.array([0.5, 0.6, 0.7, 0.8])
    t_error = np.array([0.03, 0.0, np.nan, 0.02])
    catalogue = clusters(log_t=log_t, log_t_error=t_error, log_lx_error=np.array([0.0, 0.06, 0.0, 0.0]))
    seen = as_modelled(model, catalogue)
    np.testing.assert_allclose(seen.log_yx_error, [0.02, 0.05, 0.03, 0.0])  # the last has no Y_X
    error = catalogue_points(model, seen).error
    np.testing.assert_allclose(error[:, 0], [0.01, 0.06, 0.01, 0.01])
    np.testing.assert_allclose(error[:, 1], [0.03, 0.014, 0.014, 0.02])
    np.testing.assert_allclose(error[:3, 2], [0.02, 0.05, 0.03])
    blurred = replace(model.setup, selection=replace(model.setup.selection, flux_error=0.04))
    lx = catalogue_points(forward_model(blurred), seen).error[:, 0]
    np.testing.assert_allclose(lx, [np.hypot(0.01, 0.04), 0.06, *2 * [np.hypot(0.01, 0.04)]])


def test_gas_masses_reach_the_full_level(nv22_model):
    log_t, log_mgas = np.full(4, 0.5), np.array([13.3, 13.4, np.nan, 13.6])
    catalogue = clusters(log_t=log_t, log_mgas=log_mgas, log_mgas_error=np.array([0.03, 0.0, 0.0, 0.0]))
    points = catalogue_points(nv22_model, catalogue)
    np.testing.assert_array_equal(points.observables, np.column_stack([catalogue.log_lx, log_t, log_mgas]))
    np.testing.assert_array_equal(points.error[:, 2], [0.03, 0.0, 0.0, 0.0])


def test_a_proxy_of_ones_own_is_not_taken_for_yx(nv22_model):
    setup, log_mgas = nv22_model.setup, np.array([13.3, 13.4, 13.5, 13.6])
    gas = forward_model(replace(setup, relations=with_proxy(setup.relations, "mgas")))
    seen = as_modelled(gas, clusters(log_mgas=log_mgas, log_mgas_error=np.array([0.03, 0.0, 0.0, 0.0])))
    np.testing.assert_array_equal(seen.log_yx, log_mgas)
    np.testing.assert_array_equal(seen.log_yx_error, [0.03, 0.0, 0.0, 0.0])
    assert not as_modelled(gas, clusters()).has_yx.any()
    mass = forward_model(replace(setup, relations=with_proxy(setup.relations, "cnn_2d")))
    assert not as_modelled(mass, clusters()).has_yx.any()
    np.testing.assert_array_equal(as_modelled(nv22_model, clusters()).log_yx, clusters().log_yx)


def test_levels_without_data_name_column_and_cure(cccp, cccp_model, tmp_path):
    catalogue, data = catalogue_data(cccp, cccp_model, None)
    require_levels(cccp, ("counts", "unbinned", "full"), (cccp_model, catalogue, data))
    cure = r"map it under \[catalogue.columns\], mwl = { name = .*, or run with --level full"
    with pytest.raises(InputError, match=rf"'full\+wl' needs M_WL, but no column of it is mapped .*{cure}"):
        require_levels(cccp, ("counts", "full+wl"), (cccp_model, catalogue, data))
    table = open_catalogue(cccp, None)
    path = tmp_path / "blind.csv"
    rows = (f"{n},{z},{10**x:g}" for n, z, x in zip(table.name, table.z, table.log_lx, strict=True))
    path.write_text("name,z,lx_0p5_2,tx,e_tx,m500_yx,e_m500_yx\n" + "\n".join(f"{row},,,," for row in rows))
    content = cccp.model_dump(mode="json")
    units = {"lx": "erg/s", "t": "keV", "t_error": "keV", "m500": "Msun", "m500_error": "Msun"}
    for key, unit in units.items():
        content["catalogue"]["columns"][key] = {"name": content["catalogue"]["columns"][key], "unit": unit}
    config = type(cccp).model_validate(content)
    catalogue, data = catalogue_data(config, cccp_model, path)
    message = r"blind.csv: level 'selfcal' needs Y_X, but column 'm500_yx' holds no value .*run with --level full"
    with pytest.raises(InputError, match=message):
        require_levels(config, ("counts", "selfcal"), (cccp_model, catalogue, data))
    require_levels(config, ("full",), (cccp_model, catalogue, data))  # L_X of every cluster is something


def test_a_cluster_that_no_parameters_make_is_refused(nv22, nv22_model, tmp_path):
    """Below the smallest Y_X of the model, where its density is nearly the same number for all parameters."""
    content = nv22.model_dump(mode="json")
    columns = {"name": "name", "z": "z", "yx": {"name": "yx", "unit": "Msun/h keV"}}
    content["catalogue"] = {"columns": columns, "cosmology": {"Om0": 0.272, "h": 0.704}}
    config, low = type(nv22).model_validate(content), float(nv22_model.yx_grid[0])
    for log_yx, fine in ((low - 0.9, False), (low + 0.1, True)):
        path = tmp_path / "two.csv"
        path.write_text(f"name,z,yx\nA1,0.07,{10**log_yx:g}\nA2,0.07,1e14\n")
        if fine:
            assert catalogue_data(config, nv22_model, path)[0].has_yx.all()
            continue
        with pytest.raises(InputError, match=r"two.csv: log10 Y_X = .* of A1 is far outside the model's range .*unit"):
            catalogue_data(config, nv22_model, path)
