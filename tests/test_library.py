"""Libraries: equal to the tables they come from, densities equal to draws, users' tables read or refused."""

import json
import subprocess
import sys
from dataclasses import replace
from importlib import resources

import numpy as np
import pytest
import standin
from astropy.table import Table
from scipy import stats

from forecast.core.errors import InputError
from forecast.cosmology.background import Cosmology
from forecast.reading.tables import Column
from forecast.relations.library import (
    NAMES,
    OBSERVABLES,
    CoreRelation,
    Sample,
    builtin_libraries,
    core_relation,
    fit_library,
    fit_mixture,
    load_library,
)
from forecast.relations.library_fit import (
    MAGNETICUM,
    WMAP7,
    local_relations,
    magneticum_sample,
    main,
    rexcess,
    rexcess_core,
    to_text,
)
from forecast.relations.library_table import library_from_table, sample_from_table
from forecast.relations.residuals import Residuals

LN10 = np.log(10)
COSMOLOGY = Cosmology(Om0=0.3, Ob0=0.045, h=0.7, ns=0.96)


@pytest.fixture(scope="module")
def magneticum():
    return load_library("magneticum")


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    return standin.write_tables(tmp_path_factory.mktemp("tables"))


@pytest.fixture(scope="module")
def sample(tables):
    return magneticum_sample(tables)


@pytest.fixture(scope="module")
def fitted(tables):
    """The library that a user makes of the simulated list."""
    path = tables / "magneticum_box2hr.ecsv"
    return library_from_table(path, MAGNETICUM, cosmology=WMAP7, select={"snapnum": 132})


def scatter_of(residuals, combination, log_mass=14.0):
    """Scatter of a linear combination of observables, by drawing."""
    draws = residuals.draw(np.full(400_000, log_mass), rng=np.random.default_rng(5))
    return (draws @ np.asarray(combination, dtype=float)).std()


YX = (0, 1, 1, 0)


@pytest.mark.parametrize("name", builtin_libraries())
def test_every_library_draws_what_it_evaluates(name):
    library, rng = load_library(name), np.random.default_rng(3)
    assert library.residuals.names == NAMES and library.references and library.description
    mass, n = 13.9, 200_000
    draws = library.residuals.draw(np.full(n, mass), rng=rng)
    products = np.einsum("ni,nj->nij", draws, draws)
    expected = library.residuals.total_covariance(np.array([mass]))[0]
    assert np.all(np.abs(draws.mean(axis=0)) < 5 * draws.std(axis=0) / np.sqrt(n))
    assert np.all(np.abs(products.mean(axis=0) - expected) < 5 * products.std(axis=0) / np.sqrt(n))
    # the density's own second moments, by importance sampling from a wider Student t
    proposal = stats.multivariate_t(shape=2 * expected, df=4, seed=rng)
    points = proposal.rvs(n)
    weight = np.exp(library.residuals.log_density(points, np.full(n, mass)) - proposal.logpdf(points))
    moments = np.concatenate([np.ones((n, 1)), points**2 / np.diag(expected)], axis=1) * weight[:, None]
    assert np.all(np.abs(moments.mean(axis=0) - 1) < 5 * moments.std(axis=0) / np.sqrt(n))


def test_an_unknown_library_is_an_error_with_the_nearest_name():
    with pytest.raises(InputError, match="'magnetcum' is unknown; did you mean 'magneticum'"):
        load_library("magnetcum")


def test_a_library_loads_without_heavy_imports():
    code = "from forecast.relations.library import load_library; load_library('tng'); import sys; "
    code += "print([m for m in ('sklearn', 'astropy', 'scipy', 'colossus') if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_a_library_holds_all_four_observables(magneticum):
    with pytest.raises(InputError, match="expected"):
        replace(magneticum, residuals=magneticum.residuals.marginal(OBSERVABLES))
    with pytest.raises(InputError, match="must increase"):
        replace(magneticum, log_mass_range=(14.0, 14.0))


def test_nv22_table2_has_its_scatters_and_yx():
    residuals = load_library("nv22_table2").residuals
    np.testing.assert_allclose(residuals.scatter(14.4)[:3], [0.13, 0.03, 0.10], rtol=1e-5)
    covariance = residuals.total_covariance(np.array([14.4]))[0]
    by_hand = [-0.29 * 0.13 * 0.03, 0.62 * 0.13 * 0.10, -0.45 * 0.03 * 0.10]
    np.testing.assert_allclose([covariance[0, 1], covariance[0, 2], covariance[1, 2]], by_hand, rtol=1e-5)
    yx = scatter_of(residuals, YX)
    assert yx == pytest.approx(np.sqrt(0.03**2 + 0.10**2 - 2 * 0.45 * 0.03 * 0.10), abs=5 * yx / np.sqrt(8e5))
    assert LN10 * yx / (0.61 + 1.16) == pytest.approx(0.118, abs=0.001)


# A simulated list -----------------------------------------------------------------------------------


def test_a_list_has_the_relations_it_was_drawn_from(sample):
    norm, slope = sample.relations()
    n, scatter = standin.CLUSTERS, np.sqrt(np.diag(standin.mixture().total_covariance(np.zeros(1))[0]))
    assert len(sample.log_mass) == n  # of one snapshot
    spread = sample.log_mass.std()
    assert np.all(np.abs(slope - standin.SLOPES) < 5 * scatter / spread / np.sqrt(n))
    lever = np.hypot(1, (sample.log_mass.mean() - 14.4) / spread)
    assert np.all(np.abs(norm - [44, 0, 0] - standin.NORMS) < 5 * scatter * lever / np.sqrt(n))
    by_hand = np.polyfit(sample.log_mass - 14.4, sample.observables[:, 2], 1)
    np.testing.assert_allclose([slope[2], norm[2]], by_hand, rtol=1e-8)


def test_a_library_has_the_covariance_of_its_table(fitted, sample):
    residual = sample.residuals()
    covariance = fitted.residuals.marginal(OBSERVABLES).total_covariance(np.zeros(1))[0]
    np.testing.assert_allclose(covariance, residual.T @ residual / (standin.CLUSTERS - 2), rtol=1e-4)


def test_a_library_has_the_tails_of_its_table(fitted, sample):
    real, n = sample.residuals(), standin.CLUSTERS
    draws = fitted.residuals.draw(np.zeros(1000 * n), rng=np.random.default_rng(7))[:, :3]
    kurtosis = stats.kurtosis(draws[:, 0].reshape(1000, n), axis=1)
    low, high = np.quantile(kurtosis, [0.005, 0.995])
    assert 3 < low < stats.kurtosis(real[:, 0]) < high
    for q in (0.01, 0.05, 0.5, 0.95, 0.99):
        below = (real < np.quantile(draws, q, axis=0)).sum(axis=0)
        assert np.all(np.abs(below - n * q) < 5 * np.sqrt(n * q * (1 - q))), q


def test_a_mixture_beats_a_gaussian_on_clusters_it_has_not_seen(fitted):
    new = standin.mixture().draw(np.zeros(2000), rng=np.random.default_rng(9))
    own = fitted.residuals.marginal(OBSERVABLES)
    gaussian = Residuals.gaussian(OBSERVABLES, own.total_covariance(np.zeros(1))[0])
    assert (own.log_density(new, np.zeros(2000)) - gaussian.log_density(new, np.zeros(2000))).mean() > 0.3


# Local relations ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "h"), [("flamingo", 0.681), ("tng", 0.6774)])
def test_local_relations_at_their_nodes(tables, name, h):
    table = Table.read(tables / f"hydro_relations_{name}.ecsv")
    covariance = local_relations(tables, name).total_covariance(np.array(table["log10_m500"]) + np.log10(h))
    scatter = LN10 * np.sqrt(np.diagonal(covariance, axis1=1, axis2=2))
    for k, key in enumerate(("lx", "tx", "mgas")):
        np.testing.assert_allclose(scatter[:, k], table[f"{key}_scatter"], rtol=1e-10)
    for (i, j), key in {(0, 1): "tx_lx", (0, 2): "mgas_lx", (1, 2): "mgas_tx"}.items():
        correlation = LN10**2 * covariance[:, i, j] / (scatter[:, i] * scatter[:, j])
        np.testing.assert_allclose(correlation, table[f"corr_{key}"], atol=1e-10)


def test_the_simulations_disagree_about_t_and_mgas():
    def correlation(name):
        draws = load_library(name).residuals.draw(np.full(100_000, 13.9), rng=np.random.default_rng(2))
        return np.corrcoef(draws[:, 1], draws[:, 2])[0, 1]

    assert correlation("tng") > 0.2
    assert abs(correlation("flamingo")) < 0.06
    assert correlation("magneticum") < -0.4


# Core brightness ------------------------------------------------------------------------------------


def test_core_brightness_is_measured(tables):
    found, core = rexcess_core(tables)
    residual, truth = standin.observed_core()
    np.testing.assert_allclose(core, truth, atol=1e-10)
    assert found.mean == pytest.approx(truth.mean())
    spread = standin.CORE_SCATTER / residual.std() / np.sqrt(standin.OBSERVED)
    assert found.slope == pytest.approx(standin.CORE_SLOPE, abs=5 * spread)
    assert found.scatter == pytest.approx(standin.CORE_SCATTER, rel=5 / np.sqrt(2 * standin.OBSERVED))
    log_yx, _ = rexcess(tables).quantity("yx")
    assert log_yx.mean() == pytest.approx(np.log10(Table.read(tables / "rexcess_properties.ecsv")["yx"]).mean())
    # a library whose L_X scatters at fixed Y_X as here has the same correlation with core brightness
    at_yx = np.diag([residual.std() ** 2, 1e-12, 1e-12])
    draws = found.extended(Residuals.gaussian(OBSERVABLES, at_yx)).draw(np.zeros(400_000), rng=np.random.default_rng(1))
    expected = found.slope * residual.std() / np.hypot(found.slope * residual.std(), found.scatter)
    assert np.corrcoef(draws[:, 0], draws[:, 3])[0, 1] == pytest.approx(expected, abs=5 / np.sqrt(400_000))


@pytest.mark.parametrize("name", builtin_libraries())
def test_every_library_keeps_the_core_regression(name):
    relation = core_relation()
    draws = load_library(name).residuals.draw(np.full(200_000, 14.2), rng=np.random.default_rng(4))
    at_yx = draws[:, 0] - relation.lx_slope * (draws[:, 1] + draws[:, 2])
    slope, const = np.polyfit(at_yx, draws[:, 3], 1)
    rest = draws[:, 3] - const - slope * at_yx
    assert slope == pytest.approx(relation.slope, abs=5 * relation.scatter / at_yx.std() / np.sqrt(2e5))
    assert rest.std() == pytest.approx(relation.scatter, abs=5 * relation.scatter / np.sqrt(4e5))
    assert np.corrcoef(at_yx, draws[:, 3])[0, 1] > 0.7
    assert (draws[:, 0] - draws[:, 3]).std() < draws[:, 0].std()


def test_a_core_relation_needs_scatter():
    with pytest.raises(InputError, match="scatter > 0"):
        CoreRelation(0.9, 0.6, 0.0, 0.2)


# Fitting --------------------------------------------------------------------------------------------


def known_mixture():
    weight, mean = np.array([0.9, 0.1]), np.array([[-0.02, 0.0], [0.18, 0.0]])
    covariance = np.array([[[0.01, 0.002], [0.002, 0.004]], [[0.04, 0.0], [0.0, 0.003]]])
    return Residuals(("lx", "t"), weight, mean[None], covariance[None], np.zeros(1))


def test_a_known_mixture_is_recovered():
    truth, rng = known_mixture(), np.random.default_rng(11)
    fitted, bic = fit_mixture(truth.draw(np.zeros(2000), rng=rng), truth.names)
    assert min(bic, key=bic.get) == 2 and len(fitted.weight) == 2
    new = truth.draw(np.zeros(20_000), rng=rng)
    loss = truth.log_density(new, np.zeros(1)) - fitted.log_density(new, np.zeros(1))
    # 11 parameters cost 11/2 nats over the 2,000 fitted clusters
    assert abs(loss.mean() - 5.5 / 2000) < 5 * (loss.std() / np.sqrt(20_000) + 5.5 / 2000)


def test_one_outlier_gets_no_component_of_its_own():
    rng = np.random.default_rng(12)
    residual = rng.multivariate_normal([0, 0], [[0.01, 0.0], [0.0, 0.01]], size=300)
    residual[0] = [0.8, 0.0]
    fitted, _ = fit_mixture(residual, ("lx", "t"))
    density = fitted.log_density(residual, np.zeros(300))
    assert density[0] == density.min()
    assert fitted.weight.min() * 300 >= 3.9


def test_residuals_on_one_line_are_refused():
    residual = np.random.default_rng(1).normal(size=(100, 2)) * [0.1, 0]
    with pytest.raises(InputError, match="half of the values of 't' lie on one line"):
        fit_mixture(residual, ("lx", "t"))


# Users' tables --------------------------------------------------------------------------------------


def made_table(n=80, seed=1, core=True):
    """A table in physical units, and the residuals behind it."""
    rng = np.random.default_rng(seed)
    log_mass = rng.uniform(13.8, 14.9, n)
    covariance = np.diag([0.15, 0.03, 0.06, 0.1]) ** 2
    covariance[0, 3] = covariance[3, 0] = 0.8 * 0.15 * 0.1
    r = rng.multivariate_normal(np.zeros(4), covariance, size=n)
    x = log_mass - 14.4
    lx = 10.0 ** (44 + 1.6 * x + r[:, 0])
    columns = {"m500": 10.0**log_mass, "lx": lx, "t": 10 ** (0.5 + 0.6 * x + r[:, 1])}
    columns |= {"mgas": 10 ** (13.3 + 1.2 * x + r[:, 2])}
    units = {"m500": "solMass", "lx": "erg / s", "t": "keV", "mgas": "solMass"}
    if core:
        columns["lx_core_excised"], units["lx_core_excised"] = lx / 10 ** (0.25 + r[:, 3]), "erg / s"
    return Table(columns, units=units), r


def test_a_users_table_becomes_a_library(tmp_path):
    table, r = made_table()
    path = tmp_path / "mine.ecsv"
    table.write(path)
    library = library_from_table(path, cosmology=COSMOLOGY)
    assert (library.name, library.references) == ("mine", ("table mine.ecsv",))
    x = np.column_stack([np.ones(80), np.log10(table["m500"]) - 14.4])
    by_hand = r[:, :3] - x @ np.linalg.lstsq(x, r[:, :3], rcond=None)[0]
    core = r[:, 3] - r[:, 3].mean()
    rest = np.column_stack([by_hand, core])
    np.testing.assert_allclose(library.residuals.total_covariance(np.zeros(1))[0], rest.T @ rest / 78, atol=1e-9)
    assert library.core_mean == pytest.approx(0.25 + r[:, 3].mean())
    span = np.log10([0.7 * table["m500"].min(), 0.7 * table["m500"].max()])
    np.testing.assert_allclose(library.log_mass_range, span)


def test_a_fits_table_is_the_same_sample(tmp_path):
    table, _ = made_table()
    for name in ("mine.ecsv", "mine.fits"):
        table.write(tmp_path / name)
    text, binary = (sample_from_table(tmp_path / name, cosmology=COSMOLOGY) for name in ("mine.ecsv", "mine.fits"))
    assert text.names == binary.names
    np.testing.assert_allclose(binary.observables, text.observables, rtol=1e-12)
    np.testing.assert_allclose(binary.log_mass, text.log_mass, rtol=1e-12)


def test_columns_and_units_of_a_csv_are_named(tmp_path):
    table, _ = made_table(core=False)
    plain = Table({"M": np.log10(0.7 * table["m500"]), "L": table["lx"] / 1e44, "kT": table["t"]})
    plain["f"] = table["mgas"] / table["m500"]
    plain.write(tmp_path / "mine.csv")
    columns = {"m500": Column("M", "log10 Msun/h"), "lx": Column("L", "1e44 erg/s"), "t": Column("kT", "keV")}
    columns["gas_fraction"] = Column("f")
    sample = sample_from_table(tmp_path / "mine.csv", columns, cosmology=COSMOLOGY)
    assert sample.names == OBSERVABLES
    np.testing.assert_allclose(sample.log_mass, np.log10(0.7 * table["m500"]), rtol=1e-12)
    expected = np.column_stack([table["lx"], table["t"], 0.7 * table["mgas"]])
    np.testing.assert_allclose(sample.observables, np.log10(expected), rtol=1e-12)


def test_evolution_is_taken_out_where_redshifts_differ(tmp_path):
    table, _ = made_table(core=False)
    z = np.random.default_rng(8).uniform(0.05, 0.8, len(table))
    efunc = np.sqrt(0.3 * (1 + z) ** 3 + 0.7)
    moved = table.copy()
    moved["lx"], moved["t"], moved["z"] = table["lx"] * efunc**1.85, table["t"] * efunc ** (2 / 3), z
    moved.write(tmp_path / "moved.ecsv")
    moved["z"] = 0.0
    moved.write(tmp_path / "same.ecsv")
    expected = np.log10(np.column_stack([table["lx"], table["t"], 0.7 * table["mgas"]]))
    removed = sample_from_table(tmp_path / "moved.ecsv", cosmology=COSMOLOGY).observables
    np.testing.assert_allclose(removed, expected, atol=2e-4)  # colossus has radiation in E(z)
    kept = sample_from_table(tmp_path / "same.ecsv", cosmology=COSMOLOGY).observables
    np.testing.assert_allclose(kept[:, 0] - expected[:, 0], 1.85 * np.log10(efunc), atol=1e-10)


def spoiled(tmp_path, column, row, value):
    table, _ = made_table(core=False)
    table[column][row] = value
    table.write(tmp_path / "bad.ecsv")
    return tmp_path / "bad.ecsv"


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("t", np.nan, "bad.ecsv: column 't', row 5: is empty, but every cluster"),
        ("lx", 0.0, "bad.ecsv: column 'lx', row 5: got 0.0, but it must be positive"),
        ("mgas", -1e13, "bad.ecsv: column 'mgas', row 5: got -1"),
        ("m500", np.inf, "bad.ecsv: column 'm500', row 5: got inf, expected a finite number"),
    ],
)
def test_bad_cells_are_named(tmp_path, column, value, message):
    with pytest.raises(InputError, match=message):
        sample_from_table(spoiled(tmp_path, column, 4, value), cosmology=COSMOLOGY)


def test_bad_tables_are_refused(tmp_path):
    table, _ = made_table(core=False)
    table["snap"] = np.where(np.arange(80) < 40, 1, 2)
    table.write(tmp_path / "mine.ecsv")
    path = tmp_path / "mine.ecsv"
    with pytest.raises(InputError, match=r"40 rows with {'snap': 2}, but a library needs at least 50"):
        sample_from_table(path, cosmology=COSMOLOGY, select={"snap": 2})
    with pytest.raises(InputError, match="no column 'snop'; did you mean 'snap'"):
        sample_from_table(path, cosmology=COSMOLOGY, select={"snop": 2})
    with pytest.raises(InputError, match=r"library.columns.temp: unknown quantity"):
        sample_from_table(path, {"temp": Column("t")}, cosmology=COSMOLOGY)
    with pytest.raises(InputError, match=r"library.columns.t: missing"):
        sample_from_table(path, {"m500": Column("m500"), "lx": Column("lx")}, cosmology=COSMOLOGY)
    with pytest.raises(InputError, match="not both"):
        both = {key: Column(key) for key in ("m500", "lx", "t", "mgas")} | {"gas_fraction": Column("mgas")}
        sample_from_table(path, both, cosmology=COSMOLOGY)
    table["t"].unit = None
    table.write(tmp_path / "unitless.ecsv")
    with pytest.raises(InputError, match="column 't' has no unit"):
        sample_from_table(tmp_path / "unitless.ecsv", cosmology=COSMOLOGY)


def test_samples_are_checked():
    good = Sample(OBSERVABLES, np.linspace(13.5, 14.5, 60), np.random.default_rng(1).normal(size=(60, 3)))
    with pytest.raises(InputError, match="at least 50 clusters, got 49"):
        replace(good, log_mass=good.log_mass[:49], observables=good.observables[:49])
    with pytest.raises(InputError, match="span 0 dex"):
        replace(good, log_mass=np.full(60, 14.0))
    with pytest.raises(InputError, match="finite"):
        replace(good, observables=good.observables * np.nan)
    library = fit_library(good, "noise", ["made up"])
    assert library.residuals.names == NAMES and library.core_mean == core_relation().mean
    assert library.references[0] == "made up" and "REXCESS" in library.references[1]


# Shipped data ---------------------------------------------------------------------------------------


def test_data_files_are_made_of_tables(tables, fitted, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["library_fit", "--data", str(tables), "--out", str(tmp_path)])
    main()
    made = {name: json.loads((tmp_path / f"{name}.json").read_text()) for name in ("libraries", "profiles")}
    assert made["libraries"]["libraries"].keys() == set(builtin_libraries())
    assert to_text(made["libraries"]) == (tmp_path / "libraries.json").read_text()
    own = made["libraries"]["libraries"]["magneticum"]  # another fit, of the same table
    residuals = fitted.residuals.marginal(OBSERVABLES)
    for key in ("weight", "mean", "covariance"):
        np.testing.assert_allclose(own[key], getattr(residuals, key), rtol=1e-5, atol=2e-6)
    for name, content in made.items():
        shipped = json.loads(resources.files("forecast").joinpath("data", f"{name}.json").read_text())
        assert content.keys() == shipped.keys()
