"""Suites: what is in them, that they can be stopped and damaged at any moment, and the reader."""

import hashlib
import json
import os
import signal
import sys
import time
import tomllib
from dataclasses import replace

import numpy as np
import pyarrow.parquet
import pytest
from scipy import stats
from stopping import assert_nothing_is_left, start, wait_for

from forecast.config.load import find_config, load_config, parse_config
from forecast.core.errors import InputError
from forecast.core.records import Job
from forecast.suite.manifest import MANIFEST
from forecast.suite.plan import SuitePlan, build_recipe, grid_axes
from forecast.suite.reader import open_suite
from forecast.suite.shards import software
from forecast.suite.writer import run_suite

SEED = 3
SMALL = SuitePlan(draws=60, shard_size=3, workers=1)


def contents(folder):
    """Every file below a folder and the digest of its bytes."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def make(config, out, plan=SMALL, seed=SEED, **options):
    return run_suite(config, Job("nv22", out, seed, **options), plan)


def table_of(name):
    return tomllib.loads(find_config(name).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def reference(nv22, tmp_path_factory):
    """A small suite drawn by this process alone."""
    folder = tmp_path_factory.mktemp("a suite with späces")
    make(nv22, folder)
    return folder


@pytest.fixture(scope="module")
def rich(tmp_path_factory):
    """A suite with core brightness and weak-lensing masses, its configuration and its folder."""
    table = table_of("nv22")
    del table["relations"]["correlation"]
    for name in ("lx", "t", "mgas"):
        del table["relations"][name]["scatter"]
    table |= {"library": {"name": "magneticum"}, "weak_lensing": {"scatter": "0.2 ln"}}
    table["parameters"]["scatter_wl"] = {"flat": [0.5, 1.5]}
    table["title"] = 'a "title" with {braces}, \\ and ünïcode\u2028'
    config, folder = parse_config(table), tmp_path_factory.mktemp("rich")
    make(config, folder, SuitePlan(draws=400, shard_size=100, workers=1))
    return config, folder


def whole(suite):
    """All clusters, with their catalogue's parameters in columns of their own."""
    catalogues = suite.catalogues()
    parts = [suite.clusters(shard) for shard in suite.shards]
    clusters = {name: np.concatenate([part[name] for part in parts]).astype(float) for name in parts[0]}
    row = clusters["catalogue"].astype(int)
    return clusters, {name: catalogues[name][row] for name in suite.parameters}


# What is in a suite


def test_parameters_follow_the_prior_and_no_two_shards_are_alike(nv22):
    recipe = build_recipe(nv22.setup, SEED, SuitePlan(draws=5000, shard_size=100))
    theta = np.concatenate([recipe.parameters(shard) for shard in range(50)])
    assert len(np.unique(theta)) == theta.size
    for column, parameter in zip(theta.T, nv22.setup.parameters.free, strict=True):
        low, high = parameter.prior.bounds
        assert stats.kstest((column - low) / (high - low), "uniform").pvalue > 6e-7


def test_a_shard_depends_on_the_seed_and_its_number_alone(nv22):
    few, many = (build_recipe(nv22.setup, SEED, SuitePlan(draws=n, shard_size=7)) for n in (14, 700))
    assert np.array_equal(few.parameters(1), many.parameters(1))
    assert not np.array_equal(few.parameters(1), replace(few, seed=SEED + 1).parameters(1))


def test_the_grid_of_nv22(nv22):
    recipe = build_recipe(nv22.setup, SEED, SuitePlan(grid=True))
    assert recipe.catalogues == 4968
    assert np.array_equal(recipe.axes["sigma8"], np.arange(70, 93) / 100)
    theta = np.concatenate([recipe.parameters(shard) for shard in range(-(-4968 // recipe.shard_size))])
    assert len(np.unique(theta[:, :4], axis=0)) == len(theta) == 4968
    assert set(theta[:, 1]) == set(theta[:, 3]) == {0.8, 0.9, 1.0, 1.1, 1.2, 1.3}
    for column, parameter in zip(theta[:, 4:].T, nv22.setup.parameters.free[4:], strict=True):
        low, high = parameter.prior.bounds
        assert stats.kstest((column - low) / (high - low), "uniform").pvalue > 6e-7


def test_a_suite_on_a_grid_holds_every_combination_once(tmp_path):
    table = table_of("nv22")
    table["parameters"]["sigma8"] = {"fiducial": 0.81, "flat": [0.80, 0.82]}
    table["parameters"] |= {f"norm_{x}": {"flat": [0.9, 1.1]} for x in ("lx", "t", "mgas")}
    summary = make(parse_config(table), tmp_path, SuitePlan(grid=True, workers=1))
    suite = open_suite(tmp_path)
    catalogues = suite.catalogues()
    points = np.stack([catalogues[name] for name in ("sigma8", "norm_lx", "norm_t", "norm_mgas")], axis=1)
    assert summary.catalogues == len(suite) == 81
    assert {tuple(point) for point in points} == {
        (s / 100, a / 10, b / 10, c / 10)
        for s in (80, 81, 82)
        for a in (9, 10, 11)
        for b in (9, 10, 11)
        for c in (9, 10, 11)
    }
    assert suite.manifest.plan["axes"]["norm_t"] == [0.9, 1.0, 1.1]


@pytest.mark.parametrize(
    ("name", "prior", "words"),
    [
        ("norm_t", 1.0, "norm_t is not; write parameters.norm_t"),
        ("norm_lx", {"lognormal": 0.3}, "that of norm_lx is lognormal"),
        ("norm_mgas", {"flat": [0.8, 1.25]}, "norm_mgas, 0.8 to 1.25, is no multiple of 0.1"),
    ],
)
def test_a_configuration_without_the_grid_says_what_to_write(name, prior, words):
    table = table_of("nv22")
    table["parameters"][name] = prior
    with pytest.raises(InputError, match=f"{words}.*--draws"):
        grid_axes(parse_config(table).setup.parameters)


def test_scatter_and_correlation_of_gaussian_residuals(nv22, tmp_path):
    make(nv22, tmp_path, SuitePlan(draws=300, workers=1))
    clusters, values = whole(open_suite(tmp_path))
    mass, unit = clusters["log_m500"] - 14.4, []
    for name, column, norm, slope, scatter in (
        ("lx", "log_lx", 44.246, 1.74 * values["slope_lx"], 0.13),
        ("t", "log_t", 0.534, 0.61, 0.03),
        ("mgas", "log_mgas", 13.384, 1.16, 0.10),
    ):
        mean = norm + np.log10(values[f"norm_{name}"]) + slope * mass
        unit.append((clusters[column] - mean) / (scatter * values[f"scatter_{name}"]))
    n = len(mass)
    assert n > 20_000
    covariance = np.cov(unit)
    expected = np.array([[1, -0.29, 0.62], [-0.29, 1, -0.45], [0.62, -0.45, 1]])
    error = np.sqrt((1 + expected**2) / n)
    assert (np.abs(covariance - expected) < 5 * error).all()
    assert (np.abs(np.mean(unit, axis=1)) < 5 / np.sqrt(n)).all()


def test_residuals_are_those_of_the_library_and_masses_scatter_as_configured(rich):
    config, folder = rich
    clusters, values = whole(open_suite(folder))
    relations, mass = config.setup.relations, clusters["log_m500"]
    unit = []
    for name in relations.names:
        line = relations[name]
        mean = line.log_norm + np.log10(values.get(f"norm_{name}", 1.0))
        mean = mean + line.slope * values.get(f"slope_{name}", 1.0) * (mass - relations.pivot)
        unit.append((clusters[f"log_{name}"] - mean) / (line.scatter * values.get(f"scatter_{name}", 1.0)))
    unit = np.array(unit)
    products = np.einsum("dn,en->nde", unit, unit)
    error = products.std(axis=0) / np.sqrt(len(mass))
    expected = relations.unit_residuals.total_covariance(mass).mean(axis=0)
    assert (np.abs(products.mean(axis=0) - expected) < 5 * error).all()
    pull = (clusters["log_mwl"] - mass) * np.log(10) / (0.2 * values["scatter_wl"])
    assert abs(pull.mean()) < 5 / np.sqrt(len(pull))
    assert abs(pull.var() - 1) < 5 * np.sqrt(2 / len(pull))


def test_profiles_rise_outwards_around_the_clusters_gas_mass_and_know_the_core(rich):
    clusters, _ = whole(open_suite(rich[1]))
    within = np.array([clusters[f"log_mgas_r{i}"] for i in range(1, 8)])
    assert (np.diff(within, axis=0) > 0).all()
    assert (within[5] < clusters["log_mgas"]).all()
    assert (clusters["log_mgas"] < within[6]).all()
    concentration = within[0] - clusters["log_mgas"]
    assert np.corrcoef(clusters["log_core"], concentration)[0, 1] > 0.3
    assert np.corrcoef(clusters["log_core"], clusters["slope_r1"])[0, 1] < -0.3


def test_clusters_are_ordered_by_what_is_observed(rich):
    suite = open_suite(rich[1])
    for shard in suite.shards:
        clusters, catalogues = suite.clusters(shard), suite.catalogues(shard)
        assert np.array_equal(np.repeat(catalogues["catalogue"], catalogues["size"]), clusters["catalogue"])
        for first, size, median in zip(*(catalogues[n] for n in ("first", "size", "median_log_yx")), strict=True):
            mine = slice(first, first + size)
            assert (np.diff(clusters["log_lx"][mine]) <= 0).all()
            assert abs(np.median(clusters["log_yx"][mine]) - median) < 2e-6


def test_a_survey_without_gas_masses_has_the_columns_it_has(cccp, tmp_path):
    make(cccp, tmp_path, SuitePlan(draws=4, workers=1))
    names = [column.name for column in open_suite(tmp_path).columns("clusters")]
    assert names == ["catalogue", "z", "log_m500", "log_lx", "log_t", "log_yx"]


# On disk


def test_the_tables_are_plain_parquet_with_units_and_meanings(rich):
    config, folder = rich
    clusters = pyarrow.parquet.read_table(folder / "clusters")
    field = clusters.schema.field("log_mgas_r4")
    assert field.type == pyarrow.float32()
    assert field.metadata == {b"unit": b"log10 Msun/h", b"meaning": b"gas mass inside 0.374 R500c"}
    assert pyarrow.parquet.read_table(folder / "catalogues").num_rows == 400
    assert clusters.num_rows == open_suite(folder).catalogues()["size"].sum()
    assert json.loads((folder / MANIFEST).read_text("utf-8"))["configuration"]["title"] == config.title


def test_reader_round_trip(reference, nv22):
    suite = open_suite(reference, verify=True)
    assert len(suite) == 60
    assert suite.shards == tuple(range(20))
    assert suite.parameters == nv22.setup.parameters.names
    assert parse_config(suite.manifest.configuration).setup == nv22.setup
    theta = np.stack([suite.catalogues()[name] for name in suite.parameters], axis=1)
    recipe = build_recipe(nv22.setup, SEED, SMALL)
    assert np.array_equal(theta, np.concatenate([recipe.parameters(shard) for shard in range(20)]))
    assert list(suite.clusters(7, ["z", "log_t"])) == ["z", "log_t"]
    with pytest.raises(InputError, match="no column 'log_tt'; did you mean 'log_t'"):
        suite.clusters(0, ["log_tt"])
    with pytest.raises(InputError, match="no shard 20"):
        suite.clusters(20)


def test_nothing_of_the_time_or_the_machine_is_written(nv22, reference, tmp_path):
    make(nv22, tmp_path)
    assert contents(tmp_path) == contents(reference)


def test_truncated_altered_and_missing_shards_are_found_and_replaced(nv22, reference, tmp_path):
    make(nv22, tmp_path)
    truncated, altered, missing = (tmp_path / "clusters" / f"{n:05d}.parquet" for n in (2, 5, 11))
    truncated.write_bytes(truncated.read_bytes()[:-7])
    content = bytearray(altered.read_bytes())
    content[len(content) // 2] ^= 1
    altered.write_bytes(content)
    missing.unlink()
    suite = open_suite(tmp_path)
    assert suite.damaged() == ("clusters/00002.parquet", "clusters/00005.parquet", "clusters/00011.parquet")
    with pytest.raises(InputError, match=r"00005.parquet: missing or altered; the 'forecast suite' command"):
        suite.clusters(5)
    with pytest.raises(InputError, match=r"damaged \(clusters/00002"):
        open_suite(tmp_path, verify=True)
    summary = make(nv22, tmp_path)
    assert (summary.drawn, summary.kept, summary.replaced) == (3, 17, 3)
    assert contents(tmp_path) == contents(reference)


@pytest.mark.parametrize("old, new", [('"number": 1', '"number": 2'), ('"seed": 3', '"seed": 4'), ("}", "")])
def test_an_altered_manifest_is_refused(nv22, tmp_path, old, new):
    make(nv22, tmp_path, SuitePlan(draws=4, shard_size=2, workers=1))
    path = tmp_path / MANIFEST
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")
    for action in (lambda: open_suite(tmp_path), lambda: make(nv22, tmp_path, SuitePlan(draws=4, shard_size=2))):
        with pytest.raises(InputError, match=r"manifest.json: damaged or altered.*--overwrite"):
            action()


def test_another_suite_is_refused_and_overwritten_on_demand(nv22, cccp, tmp_path, monkeypatch):
    plan = SuitePlan(draws=4, shard_size=2, workers=1)
    make(nv22, tmp_path, plan)
    before = contents(tmp_path)
    for config, seed, other, words in (
        (nv22, 4, plan, r"seed \(3 there, not 4\)"),
        (nv22, 3, replace(plan, draws=5), r"plan.catalogues \(4 there, not 5\)"),
        (nv22, 3, replace(plan, shard_size=4), r"plan.shard_size \(2 there, not 4\)"),
        (parse_config(table_of("nv22") | {"yx_error": 0.02}), 3, plan, r"configuration \(yx_error\)"),
    ):
        with pytest.raises(InputError, match=f"another suite: {words}; choose another --out, or --overwrite"):
            make(config, tmp_path, other, seed)
    with monkeypatch.context() as patch, pytest.raises(InputError, match=r"software.pyarrow \([\d.]+ there, not 1\)"):
        patch.setattr("forecast.suite.plan.software", lambda: software() | {"pyarrow": "1"})
        make(nv22, tmp_path, plan)
    assert contents(tmp_path) == before
    (tmp_path / "clusters" / "notes.txt").write_text("mine")
    make(cccp, tmp_path, replace(plan, draws=2), overwrite=True)
    assert (tmp_path / "clusters" / "notes.txt").read_text() == "mine"
    assert open_suite(tmp_path, verify=True).manifest.plan["catalogues"] == 2


def test_shards_without_a_manifest_are_not_mixed_with_new_ones(nv22, tmp_path):
    make(nv22, tmp_path, SuitePlan(draws=4, shard_size=2, workers=1))
    (tmp_path / MANIFEST).unlink()
    with pytest.raises(InputError, match="shards without a manifest"):
        make(nv22, tmp_path, SuitePlan(draws=4, shard_size=2, workers=1))
    with pytest.raises(InputError, match="no suite there"):
        open_suite(tmp_path)


# Stopped at any moment


def test_interrupted_runs_keep_what_is_finished(nv22, reference, tmp_path):
    def stop(task, done, total, lengths):
        if done >= 12:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make(nv22, tmp_path, progress=stop)
    with pytest.raises(InputError, match="4 of 20 shards are finished"):
        open_suite(tmp_path)
    assert len(open_suite(tmp_path, incomplete=True)) == 12
    assert make(nv22, tmp_path).kept == 4
    assert contents(tmp_path) == contents(reference)


def test_one_writer_at_a_time(nv22, tmp_path):
    def second(task, done, total, lengths):
        with pytest.raises(InputError, match="another 'forecast suite' is writing there"):
            make(nv22, tmp_path)

    make(nv22, tmp_path, SuitePlan(draws=2, shard_size=2, workers=1), progress=second)


RUN = f"""
import sys
from pathlib import Path
from forecast.config.load import load_config
from forecast.core.records import Job
from forecast.suite.plan import SuitePlan
from forecast.suite.writer import run_suite

plan = SuitePlan(draws=int(sys.argv[3]), shard_size=3, workers=int(sys.argv[2]))
try:
    run_suite(load_config("nv22"), Job("nv22", Path(sys.argv[1]), {SEED}), plan)
except KeyboardInterrupt:
    sys.exit(130)
"""


def started(out, workers, draws=60):
    """The small suite, or a larger one, in a process of its own."""
    return start("-c", RUN, str(out), str(workers), str(draws))


def test_kill_9_at_random_moments_then_resume(nv22, reference, tmp_path):
    rng, expected = np.random.default_rng(7), contents(reference)
    for _ in range(2):
        seen = len(list(tmp_path.glob("catalogues/0*.parquet")))
        process = started(tmp_path, 1)
        wait_for(process, lambda seen=seen: len(list(tmp_path.glob("catalogues/0*.parquet"))) > seen)
        time.sleep(rng.uniform(0, 0.1))
        process.kill()
        process.communicate()
        finished = open_suite(tmp_path, incomplete=True).shards
        inodes = {n: (tmp_path / "clusters" / f"{n:05d}.parquet").stat().st_ino for n in finished}
    (tmp_path / "clusters" / ".00003.parquet.partial").write_bytes(b"PAR1")
    summary = make(nv22, tmp_path)
    assert summary.kept == len(finished) > 0
    assert summary.replaced == 0
    assert {n: (tmp_path / "clusters" / f"{n:05d}.parquet").stat().st_ino for n in finished} == inodes
    assert contents(tmp_path) == expected


# Spread over processes


LARGER = replace(SMALL, draws=600)  # long enough not to finish before it is told to stop


@pytest.fixture(scope="module")
def larger(nv22, tmp_path_factory):
    folder = tmp_path_factory.mktemp("larger")
    make(nv22, folder, LARGER)
    return contents(folder)


@pytest.mark.parametrize("stop", [signal.SIGKILL, signal.SIGINT])
def test_workers_of_a_stopped_run_do_not_survive_it_and_nothing_is_printed(nv22, larger, tmp_path, stop):
    process = started(tmp_path, 2, LARGER.draws)
    wait_for(process, lambda: list(tmp_path.glob("catalogues/0*.parquet")))
    assert_nothing_is_left(process, stop)
    assert len(contents(tmp_path)) < len(larger)
    make(nv22, tmp_path, LARGER)
    assert contents(tmp_path) == larger


@pytest.mark.parametrize("workers", [3])
def test_the_same_bytes_with_any_number_of_workers(nv22, reference, tmp_path, workers):
    summary = make(nv22, tmp_path, replace(SMALL, workers=workers))
    assert summary.drawn == 20
    assert contents(tmp_path) == contents(reference)


def test_a_running_cluster_loses_a_worker_and_nothing_else(nv22, reference, tmp_path):
    import distributed

    options = {"host": "127.0.0.1", "dashboard_address": None, "silence_logs": 50, "local_directory": str(tmp_path)}
    out = tmp_path / "suite"
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, **options) as cluster:
        with distributed.Client(cluster, set_as_default=False) as client:
            workers = client.run(os.getpid)

        def kill_one(task, done, total, lengths):
            if done == 3:
                os.kill(next(iter(workers.values())), signal.SIGKILL)

        plan = replace(SMALL, workers=None, scheduler=cluster.scheduler_address)
        summary = make(nv22, out, plan, progress=kill_one)
    assert summary.drawn == 20
    assert contents(out) == contents(reference)


def test_a_scheduler_that_is_not_there(nv22, tmp_path, monkeypatch):
    monkeypatch.setattr("forecast.execution.cluster._SCHEDULER_TIMEOUT", 1)
    for address in ("nonsense", "tcp://127.0.0.1:9"):
        with pytest.raises(InputError, match=f"--scheduler {address}: no Dask scheduler answers"):
            make(nv22, tmp_path, SuitePlan(draws=6, scheduler=address))


# Asked for wrongly


@pytest.mark.parametrize(("package", "words"), [("pyarrow", "need pyarrow"), ("distributed", "by Dask")])
def test_missing_packages_are_named_with_the_cure(nv22, tmp_path, monkeypatch, package, words):
    for name in (package, f"{package}.parquet"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(InputError, match=rf"{words}.*pip install 'massanchor\[scale\]'"):
        make(nv22, tmp_path, replace(SMALL, workers=None, scheduler="tcp://127.0.0.1:9"))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"draws": 0}, "--draws must be at least 1, got 0"),
        ({"workers": 0}, "--workers must be at least 1"),
        ({"shard_size": -1}, "--shard-size must be at least 1"),
        ({"grid": True, "draws": 5}, "--grid and --draws exclude each other"),
        ({"workers": 2, "scheduler": "tcp://a:1"}, "leave out --workers"),
    ],
)
def test_plans_that_make_no_sense(options, words):
    with pytest.raises(InputError, match=words):
        SuitePlan(**options)


def test_sizes_of_shards_follow_those_of_the_catalogues(nv22):
    assert build_recipe(nv22.setup, 1, SuitePlan(grid=True)).shard_size == 128
    erosita = load_config("erosita").setup
    large = build_recipe(erosita, 1, SuitePlan(draws=1000)).shard_size
    assert 1 <= large < 128
    with pytest.raises(InputError, match="--shard-size 1 makes more than 5000 shards; use at least 2"):
        build_recipe(nv22.setup, 1, SuitePlan(draws=5001, shard_size=1))
