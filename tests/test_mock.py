"""Mock catalogues against the forward model's own densities, which brute force has checked."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from forecast.api.results import SurveyMap
from forecast.core.band import Band
from forecast.forecasts.ladder import cone_variant, with_sample_variance
from forecast.forecasts.sigma8_map import Cells, build_map
from forecast.model.forward import forward_model
from forecast.model.mocks import grouped_median
from forecast.model.simulate import draw_mocks
from forecast.survey.geometry import Replicated
from forecast.survey.mass_cut import Smoothed

OTHER = {"flux_limit": 2e-11, "band": Band(0.1, 2.4), "k_correction": "continuum"}


def setups(nv22, cccp):
    cone, plain = cone_variant(nv22.setup), with_sample_variance(cccp.setup, False)
    return {
        "sharp": nv22.setup,
        "smoothed": replace(nv22.setup, selection=Smoothed(nv22.setup.selection)),
        "cone": cone,
        "bremsstrahlung": replace(cone, selection=replace(cone.selection, k_correction="bremsstrahlung")),
        "flux errors": replace(cone, selection=replace(cone.selection, flux_error=0.2)),
        "cccp": plain,
        "other band": replace(plain, selection=replace(plain.selection, **OTHER)),
    }


@pytest.mark.parametrize("name", ["sharp", "smoothed", "cone", "bremsstrahlung", "flux errors", "cccp", "other band"])
def test_mocks_follow_the_model(nv22, cccp, name):
    setup = setups(nv22, cccp)[name]
    model, size = forward_model(setup), 400
    theta = np.repeat(setup.parameters.draw(1, rng=np.random.default_rng(21)), size, axis=0)
    mocks = draw_mocks(model, theta, rng=np.random.default_rng(22))
    count = model.expected_count(theta[:1])[0]
    assert mocks.size.mean() == pytest.approx(count, abs=5 * np.sqrt(count / size) + 1e-3 * count)
    assert mocks.size.var() == pytest.approx(count, rel=5 * np.sqrt((2 + 1 / count) / size))
    for observable, density in (
        ("log_mass", model.mass_density),
        ("log_yx", model.yx_density),
        ("log_lx", model.lx_density),
    ):
        values = getattr(mocks, observable)
        grid = np.linspace(values.min() - 0.1, values.max() + 0.1, 2001)
        cdf = np.cumsum(density(theta[:1], grid)[0])
        result = stats.kstest(values, lambda x, g=grid, c=cdf: np.interp(x, g, c / c[-1]))
        assert result.pvalue > 1e-6, observable


def test_selected_clusters_are_above_the_flux_limit(cccp, cccp_model):
    mocks = draw_mocks(cccp_model, np.repeat(cccp_model.parameters.fiducial[None], 20, 0), rng=np.random.default_rng(1))
    limit = cccp.setup.selection.log_luminosity_limit(mocks.z, cccp.setup.cosmology, cccp.setup.relations)
    assert (mocks.log_lx > limit).all()
    assert mocks.z.min() > 0.025
    assert mocks.z.max() < 0.25


def test_masses_of_which_no_cluster_is_left(cccp):
    """A thousandth of a volume varies so much that the median number of the rarest clusters is zero, not small."""
    model = forward_model(replace(cccp.setup, geometry=Replicated(cccp.setup.geometry, 1e-3)))
    density = model.population.abundance(model.parameters.values(model.parameters.fiducial))
    assert density.min() == 0
    sizes = draw_mocks(model, np.repeat(model.parameters.fiducial[None], 2000, 0), rng=np.random.default_rng(4)).size
    expected = model.expected_count(model.parameters.fiducial[None])[0]
    assert sizes.mean() == pytest.approx(expected, abs=5 * np.sqrt(expected / 2000))


def test_grouped_median_equals_numpy():
    rng = np.random.default_rng(1)
    size = np.array([0, 1, 2, 5, 8, 0, 3])
    row = np.repeat(np.arange(len(size)), size)
    values = rng.normal(13, 1, len(row))
    expected = [np.median(values[row == i]) if n else np.nan for i, n in enumerate(size)]
    np.testing.assert_allclose(grouped_median(values, row, size), expected, rtol=1e-12)
    assert np.isnan(grouped_median(np.empty(0), np.empty(0, int), np.zeros(3, int))).all()


def test_same_seed_same_mocks(nv22_model):
    theta = nv22_model.parameters.draw(5, rng=np.random.default_rng(1))
    a, b = (draw_mocks(nv22_model, theta, rng=np.random.default_rng(2)) for _ in range(2))
    np.testing.assert_array_equal(a.log_yx, b.log_yx)
    one = a.catalogue(3)
    assert one.size == a.size[3]
    assert (one.log_yx == a.log_yx[a.row == 3]).all()


def test_nv22_map(nv22, nv22_model):
    """NV22 figure 14: scatter about 0.03; docs/model.md: 0.052 per 50 clusters, 0.016 per 0.1 dex."""
    rng = np.random.default_rng(14)
    theta = nv22_model.parameters.draw(5000, rng=rng)
    mocks = draw_mocks(nv22_model, theta, rng=rng)
    result = build_map(theta[:, 0], mocks.size, mocks.median_yx, Cells(20, 0.05, 10))
    assert 0.025 < result.median_std < 0.030
    assert result.slope_count == pytest.approx(0.052, abs=max(3 * result.slope_count_error, 0.002))
    assert result.slope_yx == pytest.approx(0.016, abs=max(3 * result.slope_yx_error, 0.001))
    assert np.isnan(result.mean[result.number < 10]).all()
    assert np.isfinite(result.mean[result.number >= 10]).all()
    assert result.number.sum() == 5000


def test_map_cells_by_hand():
    sigma8 = np.array([0.7, 0.8, 0.9, 0.75])
    result = build_map(sigma8, np.array([5, 6, 15, 7]), np.array([13.01, 13.02, 13.01, np.nan]), Cells(10, 0.05, 2))
    assert result.number.sum() == 3
    assert result.mean[0, 0] == pytest.approx(0.75)
    assert result.std[0, 0] == pytest.approx(np.std([0.7, 0.8], ddof=1))
    assert np.isnan(result.mean[0, 1])
    assert np.isnan(result.slope_count)


def test_a_map_of_too_few_mocks_says_so():
    few = build_map(np.array([0.7, 0.8]), np.array([5, 60]), np.array([13.0, 13.5]), Cells(10, 0.05, 2))
    assert "no cell holds enough mocks" in few.lacking
    shown = SurveyMap(**vars(few))
    assert "no cell holds enough mocks" in repr(shown)
    assert "nan" not in repr(shown) + shown._repr_html_()


def test_parameters_may_leave_the_abundance_alone(nv22):
    names = [name for name in nv22.setup.parameters.names if name not in ("norm_t", "norm_mgas")]
    model = forward_model(replace(nv22.setup, parameters=nv22.setup.parameters.without(names)))
    theta = model.parameters.draw(40, rng=np.random.default_rng(1))
    mocks = draw_mocks(model, theta, rng=np.random.default_rng(2))
    assert abs(mocks.size.sum() - model.expected_count(theta).sum()) < 5 * np.sqrt(mocks.size.sum())
