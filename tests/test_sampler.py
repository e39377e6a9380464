"""A Gaussian whose answer is known; resuming, also after kill -9, gives the same chain bit by bit."""

import json
import re
import time
from dataclasses import replace
from pathlib import Path

import emcee
import numpy as np
import pytest
from scipy import ndimage
from stopping import start, wait_for

from forecast.core.errors import InputError, NumericalError
from forecast.core.parameters import Parameter, ParameterSet
from forecast.core.priors import Prior
from forecast.likelihoods.posterior import Posterior
from forecast.sampling.autocorrelation import autocorrelation_time
from forecast.sampling.export import write_getdist, write_netcdf
from forecast.sampling.mcmc import ChainPlan, load_steps, run_chain
from forecast.sampling.proposal import Guide, from_scores, to_scores

PARAMETERS = ParameterSet(
    (
        Parameter("sigma8", 0.8, Prior("flat", 0.5, 1.1)),
        Parameter("norm_lx", 1.0, Prior("lognormal", mean=1.0, std=0.5, log=True)),
        Parameter("slope_lx", 1.0, Prior("flat", 0.5, 1.5, log=True)),
    )
)
MEAN, STD = np.array([0.8, 1.0, 1.0]), np.array([0.02, 0.05, 0.04])


class Gaussian:
    name = "selfcal"
    parameters = PARAMETERS

    def __call__(self, theta):
        z = (theta - MEAN) / STD
        return -0.5 * (z**2).sum(axis=1) - 0.4 * z[:, 0] * z[:, 1]


def plan(path, **changes):
    base = ChainPlan("selfcal", 3, 32, 100, 3000, path / "chain.h5", "abc")
    return replace(base, **changes)


def test_recovers_a_gaussian_and_reports_convergence(tmp_path):
    chain = run_chain(Posterior(Gaussian()), plan(tmp_path, max_steps=20_000))
    assert chain.converged
    assert chain.lengths_in_tau >= 50
    precision = np.linalg.inv(np.array([[1, 0.4], [0.4, 1]]))  # of the unit-variance correlated pair
    expected = STD[0] * np.sqrt(precision[0, 0])
    summary = chain.summary("sigma8")
    assert summary["mean"] == pytest.approx(0.8, abs=5 * summary["mcse"])
    assert summary["std"] == pytest.approx(expected, rel=5 / np.sqrt(2 * chain.effective_size))
    assert summary["q84"] - summary["q50"] == pytest.approx(expected, rel=0.15)


def test_a_short_chain_says_so(tmp_path):
    chain = run_chain(Posterior(Gaussian()), plan(tmp_path, max_steps=100))
    assert not chain.converged
    assert chain.lengths_in_tau < 50


def test_same_seed_same_numbers_and_another_seed_others(tmp_path):
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
    a = run_chain(Posterior(Gaussian()), plan(tmp_path / "a", max_steps=300))
    np.random.default_rng(0).random(10)
    np.random.seed(99)  # noqa: NPY002  emcee copies numpy's global state at construction
    b = run_chain(Posterior(Gaussian()), plan(tmp_path / "b", max_steps=300))
    np.testing.assert_array_equal(a.steps, b.steps)
    c = run_chain(Posterior(Gaussian()), plan(tmp_path / "c", max_steps=300, seed=4))
    assert not np.array_equal(a.steps, c.steps)


def test_resumed_chain_is_the_uninterrupted_one(tmp_path):
    (tmp_path / "whole").mkdir()
    whole = run_chain(Posterior(Gaussian()), plan(tmp_path / "whole", max_steps=400))
    run_chain(Posterior(Gaussian()), plan(tmp_path, max_steps=200))
    resumed = run_chain(Posterior(Gaussian()), plan(tmp_path, max_steps=400))
    np.testing.assert_array_equal(whole.steps, resumed.steps)
    np.testing.assert_array_equal(whole.log_posterior, resumed.log_posterior)
    assert whole.acceptance == resumed.acceptance


def test_emcee_reads_our_file(tmp_path):
    chain = run_chain(Posterior(Gaussian()), plan(tmp_path, max_steps=200))
    backend = emcee.backends.HDFBackend(str(tmp_path / "chain.h5"), read_only=True)
    np.testing.assert_array_equal(backend.get_chain(), chain.steps)
    assert backend.iteration == 200
    assert backend.get_last_sample().random_state[0] == "MT19937"


@pytest.mark.parametrize("change", [{"fingerprint": "other"}, {"seed": 9}, {"walkers": 40}])
def test_another_runs_chain_is_refused(tmp_path, change):
    run_chain(Posterior(Gaussian()), plan(tmp_path, max_steps=100))
    with pytest.raises(InputError, match="belongs to another configuration"):
        run_chain(Posterior(Gaussian()), plan(tmp_path, **change))


def test_a_broken_file_is_refused_and_kept(tmp_path):
    (tmp_path / "chain.h5").write_bytes(b"no chain")
    with pytest.raises(InputError, match="not a readable chain"):
        run_chain(Posterior(Gaussian()), plan(tmp_path))
    assert (tmp_path / "chain.h5").read_bytes() == b"no chain"


def test_data_outside_the_prior_are_an_error(tmp_path):
    class Nowhere(Gaussian):
        def __call__(self, theta):
            return np.full(len(theta), -np.inf)

    with pytest.raises(InputError, match="vanishes almost everywhere"):
        run_chain(Posterior(Nowhere()), plan(tmp_path))


@pytest.mark.parametrize("error", [KeyboardInterrupt, NumericalError])
def test_an_error_stops_the_chain_quietly_and_keeps_its_blocks(tmp_path, capfd, error):
    class Failing(Gaussian):
        calls = 0

        def __call__(self, theta):
            self.calls += 1
            if self.calls > 260:
                raise error("enough")
            return super().__call__(theta)

    with pytest.raises(error):
        run_chain(Posterior(Failing()), plan(tmp_path))
    assert capfd.readouterr() == ("", "")
    assert len(load_steps(plan(tmp_path))[0]) == 100
    resumed = run_chain(Posterior(Gaussian()), plan(tmp_path, max_steps=200))
    (tmp_path / "whole").mkdir()
    whole = run_chain(Posterior(Gaussian()), plan(tmp_path / "whole", max_steps=200))
    np.testing.assert_array_equal(resumed.steps, whole.steps)


def test_autocorrelation_time_of_an_ar1_process():
    rng, rho = np.random.default_rng(1), 0.9
    steps = np.zeros((20_000, 16, 1))
    for i in range(1, len(steps)):
        steps[i] = rho * steps[i - 1] + rng.standard_normal((16, 1))
    assert autocorrelation_time(steps)[0] == pytest.approx((1 + rho) / (1 - rho), rel=0.1)


KILLED = """
import sys, time
sys.path.insert(0, {tests!r})
from pathlib import Path
from test_sampler import Gaussian, plan
from forecast.likelihoods.posterior import Posterior
from forecast.sampling.mcmc import run_chain

class Slow(Gaussian):
    def __call__(self, theta):
        time.sleep(0.0005)
        return super().__call__(theta)

run_chain(Posterior(Slow()), plan(Path({out!r}), max_steps=100_000, block=20))
"""


@pytest.mark.parametrize("delay", [0.05, 0.3, 0.71])
def test_kill_9_at_any_moment_resumes_to_the_same_chain(tmp_path, delay):
    from pathlib import Path

    out, path = tmp_path / "killed", tmp_path / "killed" / "chain.h5"
    out.mkdir()
    code = KILLED.format(tests=str(Path(__file__).parent), out=str(out))
    process = start("-c", code)
    wait_for(process, path.exists)
    time.sleep(delay)
    process.kill()
    process.communicate()
    done = len(load_steps(plan(out, block=20))[0])
    assert done > 0
    assert done % 20 == 0
    resumed = run_chain(Posterior(Gaussian()), plan(out, block=20, max_steps=done + 60))
    (tmp_path / "whole").mkdir()
    whole = run_chain(Posterior(Gaussian()), plan(tmp_path / "whole", block=20, max_steps=done + 60))
    np.testing.assert_array_equal(whole.steps[: len(resumed.steps)], resumed.steps[: len(whole.steps)])


def test_getdist_and_netcdf_files(tmp_path):
    import xarray as xr

    chain = run_chain(Posterior(Gaussian()), plan(tmp_path, max_steps=600))
    write_getdist(chain, PARAMETERS, tmp_path / "selfcal")
    table = np.loadtxt(tmp_path / "selfcal.txt")
    kept = np.swapaxes(chain.steps[chain.burn :], 0, 1).reshape(-1, 3)  # one walker after the other
    np.testing.assert_allclose(np.repeat(table[:, 2:], table[:, 0].astype(int), axis=0), kept, rtol=1e-8)
    assert len(table) < len(kept)
    expected = Posterior(Gaussian())(table[:50, 2:])
    np.testing.assert_allclose(-table[:50, 1], expected, rtol=1e-6)  # column 2 is minus log posterior
    assert (tmp_path / "selfcal.ranges").read_text().splitlines() == [
        "sigma8 0.5 1.1", "norm_lx 0 N", "slope_lx 0.5 1.5"
    ]  # fmt: skip
    write_netcdf(chain, tmp_path / "chain.nc", {"seed": 3})
    posterior = xr.load_dataset(tmp_path / "chain.nc", group="posterior", engine="h5netcdf")
    assert posterior["sigma8"].dims == ("chain", "draw")
    assert posterior["sigma8"].shape == (32, 600 - chain.burn)
    np.testing.assert_array_equal(posterior["norm_lx"].values.T, chain.steps[chain.burn :, :, 1])
    stats = xr.load_dataset(tmp_path / "chain.nc", group="sample_stats", engine="h5netcdf")
    np.testing.assert_array_equal(stats["lp"].values.T, chain.log_posterior[chain.burn :])


def test_other_programs_read_chains_as_the_docs_say(tmp_path, monkeypatch):
    text = (Path(__file__).parents[1] / "docs" / "files.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    folder = tmp_path / "NAME"
    (folder / "getdist").mkdir(parents=True)
    chain = run_chain(Posterior(Gaussian()), plan(folder, max_steps=1000))
    (folder / "chain.h5").rename(folder / "chain_selfcal.h5")
    write_getdist(chain, PARAMETERS, folder / "getdist" / "selfcal")
    write_netcdf(chain, folder / "chain_selfcal.nc", {"seed": 3})
    (folder / "results.json").write_text(json.dumps({"chains": [{"level": "selfcal", "burn": chain.burn}]}))
    monkeypatch.chdir(tmp_path)
    found = {}
    exec(block, found)
    expected = chain.steps[chain.burn :, :, 0]
    np.testing.assert_array_equal(found["sigma8"], expected.ravel())
    np.testing.assert_array_equal(found["draws"].values.T, expected)
    assert found["samples"].mean("sigma8") == pytest.approx(expected.mean(), rel=1e-6)
    names = (folder / "getdist" / "selfcal.paramnames").read_text().split("\n")
    assert [line.split(" ")[0] for line in names if line] == list(chain.names) and chain.burn >= 500


def test_getdist_itself_reads_the_files(tmp_path):
    import getdist

    chain = run_chain(Posterior(Gaussian()), plan(tmp_path, max_steps=2000))
    write_getdist(chain, PARAMETERS, tmp_path / "selfcal")
    samples = getdist.loadMCSamples(str(tmp_path / "selfcal"), settings={"ignore_rows": 0})
    assert samples.mean("sigma8") == pytest.approx(chain.summary("sigma8")["mean"], rel=1e-6)
    assert samples.ranges.getLower("sigma8") == 0.5
    assert 1 / 1.5 < samples.getEffectiveSamples() / chain.effective_size < 1.5
    density = samples.get2DDensity("sigma8", "norm_lx").P
    peaks = (density == ndimage.maximum_filter(density, size=3)) & (density > 0.1 * density.max())
    assert peaks.sum() == 1  # one smooth hill, no speckle


class Many:
    """A Gaussian of many parameters that depend on each other."""

    name = "selfcal"
    parameters = ParameterSet(
        tuple(Parameter(f"density_contrast_{i}", 0.0, Prior("gaussian", mean=0.0, std=1.0)) for i in range(1, 23))
    )

    def __call__(self, theta):
        return -2.0 * (np.diff(theta, axis=1) ** 2).sum(axis=1) - 0.5 * ((theta[:, 0] - 1.0) / 0.1) ** 2


def test_a_guide_learnt_anew_shortens_chains_of_many_parameters(tmp_path):
    chain = run_chain(Posterior(Many()), plan(tmp_path, walkers=64, block=500))
    first, second = (autocorrelation_time(chain.steps[start : start + 500]).mean() for start in (500, 1000))
    assert chain.converged and second < 0.8 * first
    precision = np.eye(22) + 4 * (np.diag([1.0] + 20 * [2.0] + [1.0]) - np.eye(22, k=1) - np.eye(22, k=-1))
    precision[0, 0] += 100
    covariance = np.linalg.inv(precision)
    sample = chain.steps[chain.burn :].reshape(-1, 22)
    error = np.sqrt(np.diag(covariance) / chain.effective_size)
    assert np.abs((sample.mean(axis=0) - 100 * covariance[:, 0]) / error).max() < 5
    spread = sample.std(axis=0) / np.sqrt(np.diag(covariance))
    assert np.abs(spread - 1).max() < 5 / np.sqrt(2 * chain.effective_size)


def test_guided_proposals_have_the_density_they_claim(nv22, cccp):
    """Importance weights from the guide to the prior average to one: ln density is right, up to its constant."""
    for config in (nv22, cccp):
        parameters = config.setup.parameters
        rng = np.random.default_rng(4)
        guide = Guide.learnt(parameters, parameters.draw(400, rng=rng))
        theta = np.repeat(parameters.fiducial[None], 200_000, axis=0)
        new, ratio = guide(theta, np.random.RandomState(5))
        fiducial = guide.log_density(parameters.fiducial[None])[0]
        np.testing.assert_allclose(ratio, fiducial - guide.log_density(new))
        weight = np.exp(parameters.log_prior(new) - guide.log_density(new))
        for i in (0, len(parameters.names) // 2):
            mean = np.average(new[:, i], weights=weight)
            error = np.sqrt(np.sum((weight * (new[:, i] - mean)) ** 2)) / weight.sum()
            exact = parameters.free[i].prior.quantile((np.arange(20_000) + 0.5) / 20_000).mean()
            assert abs(mean - exact) < 5 * error


def test_scores_and_parameters_are_each_others_inverse(nv22, cccp):
    for config in (nv22, cccp):
        for parameters in (config.setup.parameters, config.setup.parameters.widened(3.0)):
            theta = parameters.draw(500, rng=np.random.default_rng(1))
            np.testing.assert_allclose(from_scores(parameters, to_scores(parameters, theta)), theta, rtol=1e-9)
