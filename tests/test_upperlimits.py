"""Upper limits: how tables mark them, and what they say at each level, against brute force and mock catalogues."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from forecast.checks.followed import deep_limits
from forecast.core.errors import InputError
from forecast.cosmology.background import Cosmology
from forecast.cosmology.mass_function import MassFunction
from forecast.likelihoods.data import Data, catalogue_points
from forecast.likelihoods.density.edges import Edges, chance_of_limit, width_of_confidence
from forecast.likelihoods.density.point_density import PointDensity
from forecast.likelihoods.density.points import Points
from forecast.likelihoods.density.proxy_limits import ProxyLimits
from forecast.likelihoods.levels import likelihood
from forecast.model.catalogue import read_catalogue
from forecast.model.catalogue_spec import CatalogueCosmology, CatalogueSpec
from forecast.model.forward import forward_model
from forecast.model.simulate import draw_mocks
from forecast.reading.limits import UpperLimits
from forecast.reading.tables import Column
from forecast.relations.residuals import Residuals
from forecast.survey.detection.curve import Detection

SIGMAS_3 = width_of_confidence(0.99865)


def edge(log_true, limit, width):
    """Chance of a limit: a linear measurement with Gaussian noise stays below it."""
    return stats.norm.cdf((10.0**limit - 10.0**log_true) / (width * 10.0**limit))


def test_edge_averaged_over_a_gaussian():
    mean, z = np.linspace(-0.6, 0.6, 13), np.linspace(-9, 9, 6001)
    for width in (0.03, 0.12, SIGMAS_3, 0.8):
        edges = Edges(np.zeros(13), np.full(13, width))
        for spread in (0.02, 0.08, 0.17):
            values = stats.norm.pdf(z) * edge(mean[:, None] + spread * z, 0.0, width)
            exact = np.trapezoid(values, z, axis=1)
            assert edges.averaged(mean, np.full(13, spread)) == pytest.approx(exact, abs=6e-4)


@pytest.fixture(scope="module")
def cone(cccp):
    """Residuals of two Gaussians, fluxes with errors, a gradual completeness: nothing is simple."""
    plain = replace(cccp.setup, parameters=cccp.setup.parameters.without(cccp.setup.parameters.contrasts))
    names = plain.relations.names
    mean = np.array([[-0.1, 0.05, 0.0], [0.3, -0.15, 0.0]])
    spread = np.stack([0.6 * np.eye(3) + 0.3, 1.2 * np.eye(3) - 0.2])
    residuals = Residuals(names, np.array([0.75, 0.25]), mean[None], spread[None], np.zeros(1))
    curve, _ = Detection.of_curve(np.array([0.0, 0.2, 0.5]), np.array([0.1, 0.6, 0.95]))
    selection = replace(plain.selection, detection=curve, flux_error=0.05)
    return replace(plain, relations=replace(plain.relations, residuals=residuals), selection=selection)


def brute_force(model, z, known, limits):
    """lambda of one cluster: a sum over masses and over grids of all observables without a value."""
    setup, relations, v = model.setup, model.setup.relations, model.parameters.fiducial_values
    log_mass = np.arange(model.population.log_mass[0], 15.6, 0.02)
    number = MassFunction(setup.cosmology, setup.mass_function, np.array([z]), log_mass)(v.sigma8)[0, 0]
    number = number * setup.geometry.area * setup.cosmology.volume_element(np.array([z]))[0] * 0.02
    growth = np.log10(setup.cosmology.efunc(z) / setup.cosmology.efunc(relations.z0))
    lines = [relations.line(name, v) for name in relations.names]
    scale = np.array([float(line.scatter) for line in lines])
    centre = np.stack([a.slope * (log_mass - relations.pivot) + a.log_norm + a.evolution * growth for a in lines], -1)
    unknown = [i for i, name in enumerate(relations.names) if name not in known]
    axes = [np.linspace(-5, 5, 61) * scale[i] for i in unknown]
    mesh = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, len(unknown))
    threshold = setup.selection.log_luminosity_limit(np.array([z]), setup.cosmology, relations)[0]
    unit, detection, total = relations.unit_residuals, setup.selection.detection, 0.0
    errors = relations.error_covariance(
        np.array([known[name][1] if name in known else 0.0 for name in relations.names])
    )
    for m in np.flatnonzero(number > 1e-9 * number.max()):
        x = np.tile(centre[m], (len(mesh), 1))
        x[:, unknown] += mesh
        chance = np.ones(len(x))
        for i, name in enumerate(relations.names):
            x[:, i] = known[name][0] if name in known else x[:, i]
            chance *= edge(x[:, i], *limits[name]) if name in limits else 1.0
        if "lx" not in known:
            parts = zip(detection.weight, detection.offset, np.hypot(detection.width, 0.05), strict=True)
            chance *= sum(a * stats.norm.cdf(x[:, 0] - threshold - o, 0.0, s) for a, o, s in parts)
        for w, shift, matrix in zip(unit.weight, unit.mean[0], unit.covariance[0], strict=True):
            normal = stats.multivariate_normal(centre[m] + scale * shift, matrix * np.outer(scale, scale) + errors)
            total += number[m] * w * np.sum(normal.pdf(x) * chance)
    return float(total * np.prod([axis[1] - axis[0] for axis in axes]))


CASES = [("lx t", "yx"), ("t", "yx"), ("t yx", "lx"), ("t", "lx yx"), ("lx", "t yx")]


@pytest.mark.parametrize(("known", "limited"), CASES)
def test_density_of_a_cluster_with_limits_against_brute_force(cone, known, limited):
    """A limit of L_X leaves the chance of detection where it was: the flux was another measurement."""
    model = forward_model(cone)
    names, error = model.setup.relations.names, np.array([0.05, 0.02, 0.04])
    values, above = np.array([44.2, 0.75, 14.4]), 0.05
    listed = {name: (x, e) for name, x, e in zip(names, values, error, strict=True) if name in known.split()}
    limits = {name: (x + above, SIGMAS_3) for name, x in zip(names, values, strict=True) if name in limited.split()}
    observables = np.array([[listed.get(name, (np.nan,))[0] for name in names]])
    edges = np.array([[limits.get(name, (np.nan, np.nan)) for name in names]])
    points = Points.observed(np.array([0.08]), observables, error[None], limits=(edges[..., 0], edges[..., 1]))
    found = PointDensity(model, points, False).grid(model.parameters.fiducial[None])[0, 0]
    assert found == pytest.approx(np.log(brute_force(model, 0.08, listed, limits)), abs=3e-3)


def test_a_survey_selected_in_mass_has_limits_too(nv22_model):
    """The expected number of clusters with a limit, summed over mocks and integrated over what `full` knows of them."""
    model, at = nv22_model, nv22_model.parameters.fiducial[None]
    one = draw_mocks(model, at, rng=np.random.default_rng(2))
    points, limit = Points.of_mocks(model, one)[:3], 13.4
    x, axis = points.observables[:, None].repeat(161, axis=1), np.linspace(-1.2, 1.2, 161)
    x[..., 2] += axis
    z = np.repeat(points.z, 161)
    whole = np.exp(PointDensity(model, Points.observed(z, x.reshape(-1, 3)), False).grid(at)).reshape(3, 161)
    expected = (whole * edge(x[..., 2], limit, SIGMAS_3)).sum(axis=1) * (axis[1] - axis[0])
    edges = np.where(np.arange(3) == 2, limit, np.nan), np.where(np.arange(3) == 2, SIGMAS_3, np.nan)
    bare = np.where(np.arange(3) == 2, np.nan, points.observables)
    limited = Points.observed(points.z, bare, limits=tuple(np.tile(x, (3, 1)) for x in edges))
    assert PointDensity(model, limited, False).grid(at)[0] == pytest.approx(np.log(expected), abs=2e-3)


def limited_data(count, values, limit):
    limit = np.asarray(limit, dtype=float)
    return Data.observed(count, np.asarray(values), limits=(limit, np.full(len(limit), SIGMAS_3)))


def test_expected_number_with_a_limit_against_mock_clusters(nv22_model, cone):
    for model, limit in ((nv22_model, 14.0), (forward_model(cone), 14.5)):
        at = model.parameters.fiducial[None]
        mocks = draw_mocks(model, np.repeat(at, 200, axis=0), rng=np.random.default_rng(5))
        chance = edge(mocks.log_yx, limit, SIGMAS_3)
        number = float(np.exp(ProxyLimits(model, np.array([limit]), np.array([SIGMAS_3]))(at))[0])
        assert number == pytest.approx(chance.sum() / 200, abs=5 * np.sqrt((chance**2).sum()) / 200)


def test_levels_below_full_take_a_limit_for_what_lies_below_it(nv22_model):
    model = nv22_model
    theta = np.vstack([model.parameters.fiducial, model.parameters.draw(3, rng=np.random.default_rng(1))])
    values = np.array([13.9, 14.0, 14.1, 14.2, 14.3])
    for level in ("unbinned", "binned"):
        without = likelihood(level, model, limited_data(6, values, []))(theta)
        far = likelihood(level, model, limited_data(6, values, [17.0]))(theta)
        near = likelihood(level, model, limited_data(6, values, [13.8]))(theta)
        constant = far - without
        assert np.ptp(constant) < 1e-3, "a limit far above all clusters says nothing"
        assert np.ptp(near - without) > 0.05
        share = np.exp(ProxyLimits(model, np.array([13.8]), np.array([SIGMAS_3]))(theta)) / model.expected_count(theta)
        assert near - without - constant[0] == pytest.approx(np.log(share / edge(0, 17, SIGMAS_3)), abs=2e-3)


def test_ranks_of_limits_below_the_median_are_known(nv22_model):
    values, model = np.array([13.9, 14.0, 14.1, 14.2]), nv22_model
    theta = model.parameters.draw(3, rng=np.random.default_rng(1))
    data = limited_data(9, values, [13.2, 13.85])
    assert data.median == np.median([13.2, 13.85, 13.9, 14.0, 14.1, 14.2])
    low = Data.observed(9, np.array([13.0, 13.1, *values]))
    assert likelihood("selfcal", model, data)(theta) == pytest.approx(likelihood("selfcal", model, low)(theta))
    for limit in ([14.05], [13.2, 13.95], [13.2, 13.2, 13.2, 13.2]):
        with pytest.raises(InputError, match=r"selfcal.*upper limits.*unbinned"):
            likelihood("selfcal", model, limited_data(9, values, limit))


def test_truth_is_recovered_with_limits_and_lost_without(nv22):
    """One free parameter and forty mocks from its prior, a third of whose Y_X are limits: ranks of the truth."""
    parameters = nv22.setup.parameters
    only = parameters.without([name for name in parameters.names if name not in ("sigma8", "norm_t")])
    model = forward_model(replace(nv22.setup, parameters=only))
    edges, truth = np.linspace(0.8, 1.3, 42), np.random.default_rng(7).uniform(0.8, 1.3, 40)
    theta = np.column_stack([np.full(41, 0.81), 0.5 * (edges[1:] + edges[:-1])])
    mocks = draw_mocks(model, np.column_stack([np.full(40, 0.81), truth]), rng=np.random.default_rng(3))
    limit = 13.4
    noise = 1 + SIGMAS_3 * np.random.default_rng(4).standard_normal(len(mocks.z))
    ranks = {"with": [], "as if missing": [], "left out": []}
    for i in range(40):
        mine = mocks.row == i
        y = mocks.log_yx[mine]
        lost = 10.0 ** (y - limit) < noise[mine]
        assert 0.1 < lost.mean() < 0.7
        versions = {
            "with": limited_data(len(y), y[~lost], [limit] * int(lost.sum())),
            "as if missing": limited_data(len(y), y[~lost], []),
            "left out": limited_data(int((~lost).sum()), y[~lost], []),
        }
        for name, data in versions.items():
            weight = np.exp((value := likelihood("unbinned", model, data)(theta)) - value.max())
            ranks[name].append(np.interp(truth[i], edges, np.cumsum([0.0, *weight]) / weight.sum()))
    off = {name: (np.mean(found) - 0.5) * np.sqrt(12 * 40) for name, found in ranks.items()}
    assert abs(off["with"]) < 4 and stats.kstest(ranks["with"], "uniform").pvalue > 1e-4
    assert off["as if missing"] < -6 and abs(off["left out"]) > 6


ROWS = """name,z,yx,e_yx,flag,ul,dual
a,0.05,4e14,2e13,,,4e14
b,0.06,3e14,-1,<,3e14,
c,0.07,2e14,1e13,,,2e14
d,0.08,1e14,-1,<,1e14,
"""
KEEP = {"yx": Column("yx", "Msun keV"), "z": Column("z"), "name": Column("name")}


def read(tmp_path, columns, rows=ROWS):
    path = tmp_path / "c.csv"
    path.write_text(rows, encoding="utf-8")
    spec = CatalogueSpec(columns, CatalogueCosmology(0.3, 0.7), limit_confidence={"yx": 0.99865})
    return read_catalogue(path, spec, Cosmology(0.3, Ob0=0.045, h=0.7, ns=0.96))


FORMS = {
    "flag": KEEP | {"yx_limit": Column("flag")},
    "negative error": KEEP | {"yx_error": Column("e_yx", "Msun keV"), "yx_limit": Column("e_yx")},
    "column": KEEP | {"yx": Column("dual", "Msun keV"), "yx_limit": Column("ul")},
}


@pytest.mark.parametrize("form", FORMS)
def test_tables_mark_limits_in_three_ways(tmp_path, form):
    catalogue = read(tmp_path, FORMS[form])
    limits = catalogue.limits["yx"]
    assert limits.known.tolist() == [False, True, False, True]
    assert catalogue.has_yx.tolist() == [True, False, True, False]
    assert limits.limit[limits.known] == pytest.approx(np.log10(np.array([3e14, 1e14]) * 0.7))
    assert limits.width[limits.known] == pytest.approx(1 / 3.0, rel=1e-3)
    assert catalogue.subset(np.array([1, 2])).limits["yx"].known.tolist() == [True, False]


def test_the_noise_behind_a_limit_may_be_listed(tmp_path):
    rows = ROWS.replace("3e14,-1,<", "3e14,6e13,<").replace("1e14,-1,<", "1e14,,<")
    columns = KEEP | {"yx_error": Column("e_yx", "Msun keV"), "yx_limit": Column("flag")}
    assert read(tmp_path, columns, rows).limits["yx"].width[[1, 3]] == pytest.approx([0.2, 1 / 3.0], rel=1e-3)


@pytest.mark.parametrize(
    ("old", "new", "columns", "words"),
    [
        ("<", ">", {"yx_limit": Column("flag")}, "row 2.*'>', a lower limit"),
        ("<", "maybe", {"yx_limit": Column("flag")}, "row 2.*'maybe', neither a flag nor a number"),
        ("e13,,", "e13,<,", {"yx_limit": Column("flag")}, "every yx is an upper limit"),
        ("<", "<", {"yx_limit": Column("flat")}, "no column 'flat'; did you mean 'flag'"),
        ("<", "<", {"yx_limit": Column("flag", "keV")}, "a flag has no unit"),
        (",3e14,\n", ",3e14,3e14\n", FORMS["column"], r"row 2 \(b\): a limit beside a value"),
        (",3e14,\n", ",-3e14,\n", FORMS["column"], "must be positive"),
        ("<", "<", {"t_limit": Column("flag")}, "needs 't'"),
        ("<", "<", {}, "limit_confidence.yx: there are no limits"),
    ],
)
def test_limits_that_cannot_be_are_refused(tmp_path, old, new, columns, words):
    with pytest.raises(InputError, match=words):
        read(tmp_path, KEEP | columns, ROWS.replace(old, new))


def test_a_limit_needs_its_confidence():
    with pytest.raises(InputError, match=r"yx_limit: .*limit_confidence = \{ yx = 0.9987 \}"):
        CatalogueSpec(FORMS["flag"], CatalogueCosmology(0.3, 0.7))


def test_limits_of_a_catalogue_reach_its_points(tmp_path, cccp_model):
    points = catalogue_points(cccp_model, read(tmp_path, FORMS["flag"]))
    assert np.isfinite(points.limit).sum(axis=0).tolist() == [0, 0, 2]
    assert np.isnan(points.observables[np.isfinite(points.limit)]).all()
    with pytest.raises(InputError, match="limits are of observables without a value"):
        Points.observed(points.z, np.zeros_like(points.limit), limits=(points.limit, points.limit_width))


def test_limits_that_go_with_redshift_are_doubted(cccp_model):
    mocks = draw_mocks(cccp_model, cccp_model.parameters.fiducial[None], rng=np.random.default_rng(1))
    whole = mocks.catalogue()
    some, width = np.arange(whole.size) % 2 == 0, np.full(whole.size, SIGMAS_3)
    deep = np.where(some, 14.0 + np.log10(whole.z), np.nan)
    alike = np.where(some, 14.0 + 0.1 * np.random.default_rng(2).standard_normal(whole.size), np.nan)
    found = [deep_limits(replace(whole, limits={"yx": UpperLimits(x, width)})) for x in (deep, alike)]
    assert [len(one) for one in found] == [1, 0] and "go with redshift" in found[0][0].text
    assert deep_limits(whole) == ()


def test_edge_far_from_a_limit():
    assert chance_of_limit(np.array([-300.0, 5.0, 400.0]), np.zeros(3), np.full(3, SIGMAS_3)) == pytest.approx(
        [0.99865, 0.0, 0.0], abs=1e-5
    )
