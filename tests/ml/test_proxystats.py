"""Statistics of mass proxies: scipy's moments, known distributions, and the relations of the survey itself."""

import numpy as np
import pytest
from scipy import stats

from forecast.core.errors import InputError
from forecast.core.rng import generator
from forecast.core.units import LN10
from forecast.forecasts.proxy_comparison import mass_residual, proxy_setup, typical_slope
from mlcheck.attribution.mass_proxy import Calibration, compare_proxies, proxy_statistics, within_catalogues
from mlcheck.data.observables import observables_of
from mlcheck.report.plots.terse import proxy_error_figure

GAMMA, SCATTER, SLOPE = 6.0, 0.08, 2.0


def skewed(rng, size):
    """Standardised gamma variates times a scatter: skewness 2/sqrt(k), kurtosis 6/k."""
    return SCATTER * (rng.gamma(GAMMA, size=size) - GAMMA) / np.sqrt(GAMMA)


def test_statistics_are_scipy_s_and_the_known_ones_of_a_skewed_distribution():
    rng = generator(1, "proxystats")
    size = rng.poisson(100, 1500) + 1
    error = skewed(rng, int(size.sum()))
    found = proxy_statistics("log_mgas", error, size, slope=SLOPE, rng=rng)
    assert found.scatter.value == pytest.approx(error.std(), rel=1e-9)
    assert found.skewness.value == pytest.approx(stats.skew(error), rel=1e-7)
    assert found.kurtosis.value == pytest.approx(stats.kurtosis(error), rel=1e-7)
    assert found.bias.value == pytest.approx(error.mean(), abs=1e-12)
    quantiles = np.quantile(error, [0.16, 0.5, 0.84])
    np.testing.assert_allclose([found.low.value, found.median.value, found.high.value], quantiles, atol=3e-4 * SCATTER)
    t = SLOPE * LN10 * SCATTER
    growth = np.exp(-t * np.sqrt(GAMMA)) * (1 - t / np.sqrt(GAMMA)) ** -GAMMA / np.exp(t**2 / 2) - 1
    exact = {
        "bias": 0.0,
        "median": SCATTER * (stats.gamma.median(GAMMA) - GAMMA) / np.sqrt(GAMMA),
        "scatter": SCATTER,
        "skewness": 2 / np.sqrt(GAMMA),
        "kurtosis": 6 / GAMMA,
        "edgeworth_bias": t**3 * 2 / np.sqrt(GAMMA) / 6 + t**4 * 6 / GAMMA / 24,
        "sampled_bias": growth,
    }
    for name, truth in exact.items():
        estimate = getattr(found, name)
        assert abs(estimate.value - truth) < 5 * estimate.error, name
    n = len(error)
    assert found.bias.error == pytest.approx(SCATTER / np.sqrt(n), rel=0.36)  # 5 x 7%
    assert found.percent.value == pytest.approx(100 * np.log(10) * found.scatter.value)


def test_a_mean_error_of_each_catalogue_is_removed_without_shrinking_the_scatter():
    rng = generator(2, "proxystats")
    size = rng.integers(1, 6, 20_000)
    row = np.repeat(np.arange(len(size)), size)
    error = 0.1 * rng.standard_normal(len(size))[row] + 0.05 * rng.standard_normal(len(row))
    inner, kept = within_catalogues(error, size)
    assert kept.sum() == size[size > 1].sum()
    assert inner.std() == pytest.approx(0.05, rel=5 / np.sqrt(2 * kept.sum() / 2))
    together = proxy_statistics("terse", error, size, slope=SLOPE, rng=rng)
    within = proxy_statistics("terse", error, size, slope=SLOPE, rng=rng, within=True)
    assert together.scatter.value == pytest.approx(np.hypot(0.1, 0.05), rel=0.03)
    assert within.scatter.value == pytest.approx(inner.std())
    assert within.catalogues == np.sum(size > 1) and within.clusters == kept.sum()
    expected = np.sqrt(np.sum(size.astype(float) ** 2)) / size.sum() * 0.1
    assert together.bias.error == pytest.approx(np.hypot(expected, 0.05 / np.sqrt(len(row))), rel=0.36)
    assert within.published == 16.1 and np.isnan(together.published)


def test_a_power_law_is_unbiased_at_fixed_mass_and_a_regression_shrinks():
    rng = generator(3, "proxystats")
    n, spread, scatter, slope = 400_000, 0.25, 0.1, 1.16
    mass = 14.2 + spread * rng.standard_normal(n)
    proxy = 13.0 + slope * (mass - 14) + slope * scatter * rng.standard_normal(n)
    kept = spread**2 / (spread**2 + scatter**2)
    expected = {"power law": (0.0, scatter), "regression": (kept - 1, np.sqrt(kept) * scatter)}
    for kind, (tilt, width) in expected.items():
        error = Calibration.fit(proxy, mass, kind).log_mass(proxy) - mass
        line = stats.linregress(mass, error)
        assert abs(line.slope - tilt) < 5 * scatter / (spread * np.sqrt(n)) + 1e-12
        assert abs(error.mean()) < 1e-9
        assert error.std() == pytest.approx(width, rel=5 / np.sqrt(2 * n))
    curved = Calibration.fit(np.exp(proxy - 13), mass, "regression", 3)
    assert len(curved.coefficients) == 4
    assert np.std(curved.log_mass(np.exp(proxy - 13)) - mass) < np.std(
        Calibration.fit(np.exp(proxy - 13), mass, "regression").log_mass(np.exp(proxy - 13)) - mass
    )


def test_wrong_calibrations_are_refused():
    x = np.linspace(0, 1, 9)
    with pytest.raises(InputError, match="'spline' of degree 1 is unknown"):
        Calibration.fit(x, x, "spline")
    with pytest.raises(InputError, match="of degree 2 is unknown"):
        Calibration.fit(x, x, "power law", 2)
    with pytest.raises(InputError, match="the same for all clusters"):
        Calibration.fit(np.ones(9), x)
    rng = generator(4, "proxystats")
    with pytest.raises(InputError, match="'terse' is missing among the test clusters"):
        compare_proxies({"log_m500": x, "terse": x}, {"log_m500": x}, np.full(3, 3), slope=2.0, rng=rng)


def test_gas_mass_and_yx_scatter_as_the_survey_s_relations_say(laboratory):
    """Within a catalogue residuals are Gaussian, but the scatter varies by a flat factor of 0.7 to 1.3."""
    source, setup = laboratory.source, laboratory.source.config.setup
    catalogues = laboratory.read("standard")
    parts = [catalogues.take(index) for index in (laboratory.split.validate, laboratory.split.train)]
    tables = [
        {
            "log_m500": part.log_mass.astype(float),
            **observables_of(source, part, ("log_mgas", "log_yx"), seed=1),
        }
        for part in parts
    ]
    slope = typical_slope(source.model)[1]
    rows = compare_proxies(*tables, parts[1].size, slope=slope, rng=generator(5, "proxystats"))
    found = {(row.name, row.calibration, row.within): row for row in rows}
    assert len(found) == 8
    second, fourth = ((1.3**k - 0.7**k) / (0.6 * k) for k in (3, 5))
    gas = found["log_mgas", "power law", True]
    scatter, _ = mass_residual(proxy_setup(setup, "mgas"))
    tilt = 0.01  # of the calibration, fitted on 120 catalogues whose normalisations scatter
    assert abs(gas.scatter.value - np.sqrt(second) * scatter) < 5 * gas.scatter.error + tilt * scatter
    assert abs(gas.kurtosis.value - (3 * fourth / second**2 - 3)) < 5 * gas.kurtosis.error
    assert abs(gas.skewness.value) < 5 * gas.skewness.error
    assert abs(gas.edgeworth_bias.value) < 0.002
    yx = found["log_yx", "power law", True]
    assert yx.scatter.value < gas.scatter.value < found["log_mgas", "power law", False].scatter.value
    assert yx.published == 7.3 and gas.published == 17.9
    errors = {"log_mgas": within_catalogues(tables[1]["log_mgas"] - tables[1]["log_m500"], parts[1].size)[0]}
    (axes,) = proxy_error_figure(errors, {"log_mgas": gas.scatter.value}).axes
    assert "0.08" in axes.get_legend_handles_labels()[1][0]
