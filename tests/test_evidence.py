"""Clusters and contaminants told apart: likelihoods by hand, contaminated surveys drawn, f_cont of known lists."""

import tomllib
from dataclasses import replace

import numpy as np
import pytest
from astropy.table import Table
from scipy import stats

from forecast.checks.observed import catalogue_data
from forecast.config.load import builtin_configs, parse_config
from forecast.core.errors import InputError
from forecast.core.parameters import Parameter
from forecast.core.priors import Prior
from forecast.forecasts.ladder import cone_variant
from forecast.likelihoods.data import Data
from forecast.likelihoods.density.points import Points
from forecast.likelihoods.levels import likelihood
from forecast.model.forward import forward_model
from forecast.model.simulate import draw_mocks
from forecast.sampling.identity import chain_digest
from forecast.survey.detection.contamination import Contamination
from forecast.survey.geometry import Replicated
from forecast.survey.richness import Ranked, richness_evidence

FRACTION, ODDS, POWER = 0.25, 1 / 3, 1.5
"""Share of contaminants, of any flux; contaminants for each cluster; standard deviation of ln R of either."""


@pytest.fixture(scope="module")
def dirty(nv22):
    """Setup of a flux-limited cone with contaminants as bright as clusters; the same without."""
    setup = cone_variant(nv22.setup)
    parameters = setup.parameters.without([n for n in setup.parameters.names if n != "sigma8"])
    clean = replace(setup, parameters=parameters)
    selection = replace(setup.selection, contamination=Contamination((0.0, 1.0), (FRACTION, FRACTION)))
    free = Parameter("norm_contamination", 1.0, Prior("lognormal", mean=1.0, std=1.0, log=True))
    return replace(clean, selection=selection, parameters=parameters.with_free(free)), clean


def drawn(clean, copies, sigma8, seed):
    """Detections of a survey, observables without errors, and ln R: clusters at some sigma8, others fiducial ones."""
    rng, many = np.random.default_rng(seed), replace(clean, geometry=Replicated(clean.geometry, copies))
    model = forward_model(many)
    true = draw_mocks(model, np.array([[sigma8]]), rng=rng)
    false = draw_mocks(model, model.parameters.fiducial[None], rng=rng)
    false = false.kept(rng.random(len(false.z)) < ODDS)
    parts = [Points.of_mocks(model, mocks) for mocks in (true, false)]
    joined = Points.joined(parts)
    sign = np.repeat([1.0, -1.0], [len(part.z) for part in parts])
    evidence = POWER * (0.5 * POWER * sign + rng.standard_normal(len(sign)))
    return replace(joined, evidence=evidence), np.concatenate([true.log_yx, false.log_yx])


def data_of(model, points, log_yx):
    return Data.of_clusters(model, points.z, (log_yx, np.zeros(len(log_yx))), points)


@pytest.mark.parametrize("level", ["unbinned", "full"])
def test_densities_by_hand(dirty, level):
    """ln(lambda_cl R + lambda_con), of which lambda_con is the odds times the fiducial clusters' density."""
    setup, clean = dirty
    model, plain = forward_model(setup), forward_model(clean)
    points, log_yx = (each[::5] for each in drawn(clean, 0.3, 0.81, 3))
    log_yx = np.where(np.arange(len(log_yx)) % 5 == 0, np.nan, log_yx)  # some lack Y_X
    theta = np.array([[0.78, 1.3], [0.84, 0.6]])
    found = likelihood(level, model, data_of(model, points, log_yx))(theta)

    def density(sigma8):
        """ln of the clusters' density of each detection, by the model without contaminants."""
        at = np.array([[sigma8]])
        if level == "full":
            bare = replace(points, evidence=np.zeros(1))
            each = [likelihood("full", plain, Data.observed(1, [], points=bare[i : i + 1])) for i in range(len(log_yx))]
            return np.array([one(at)[0] for one in each]) + plain.expected_count(at)[0]
        known = np.isfinite(log_yx)
        value = np.full(len(log_yx), np.log(plain.expected_count(at)[0]))
        value[known] = np.log(plain.yx_density(at, log_yx[known])[0])
        return value

    false = np.log(ODDS) + density(float(plain.parameters.fiducial[0]))
    for (sigma8, norm), value in zip(theta, found, strict=True):
        each = np.logaddexp(density(sigma8) + points.evidence, false + np.log(norm))
        expected = plain.expected_count(np.array([[sigma8]]))[0]
        expected += norm * ODDS * plain.expected_count(plain.parameters.fiducial[None])[0]
        assert value == pytest.approx(each.sum() - expected - np.sum(np.log(np.arange(1, len(each) + 1))), abs=0.05)


def peak(setup, points, log_yx):
    """Maximum of the likelihood `unbinned` and its covariance, by Newton's steps with finite differences."""
    model = forward_model(setup)
    one, at = likelihood("unbinned", model, data_of(model, points, log_yx)), model.parameters.fiducial.copy()
    size, step = len(at), 1e-3
    moves = step * np.array([np.zeros(size), *(s * e for e in np.eye(size) for s in (1, -1))])
    cross = step * np.array([[a, b] for a in (1, -1) for b in (1, -1)]) if size == 2 else np.empty((0, 1))
    for _ in range(6):
        value = one(at + np.vstack([moves, cross]))
        slope = (value[1 : 2 * size : 2] - value[2 : 2 * size + 1 : 2]) / (2 * step)
        bend = np.diag((value[1 : 2 * size : 2] + value[2 : 2 * size + 1 : 2] - 2 * value[0]) / step**2)
        if size == 2:
            a, b, c, d = value[-4:]
            bend[0, 1] = bend[1, 0] = (a - b - c + d) / (4 * step**2)
        at = at - np.linalg.solve(bend, slope)
    return at, np.sqrt(np.diag(np.linalg.inv(-bend)))


def test_contaminated_surveys_give_the_truth_back(dirty):
    """With evidence sigma8 and the number of contaminants return, better than without; as clusters all they mislead."""
    setup, clean = dirty
    truth, copies = np.array([0.79, 1.0]), 12.0
    points, log_yx = drawn(clean, copies, truth[0], 5)
    many, alone = (replace(one, geometry=Replicated(one.geometry, copies)) for one in (setup, clean))
    found, error = peak(many, points, log_yx)
    assert np.all(np.abs(found - truth) < 5 * error)
    blind, blunt = peak(many, replace(points, evidence=np.zeros(1)), log_yx)
    assert np.all(np.abs(blind - truth) < 5 * blunt)
    assert np.all(blunt > 1.5 * error)
    wrong, sure = peak(alone, replace(points, evidence=np.zeros(1)), log_yx)
    assert wrong[0] - truth[0] > 5 * sure[0]


def test_no_evidence_changes_nothing(dirty):
    setup, clean = dirty
    model = forward_model(setup)
    points, log_yx = drawn(clean, 0.3, 0.81, 3)
    bare = replace(points, evidence=np.zeros(1))
    theta = np.array([[0.78, 1.3]])
    none, some = (data_of(model, each, log_yx) for each in (bare, points))
    assert none.evidence is None
    assert chain_digest("x", "unbinned", none) != chain_digest("x", "unbinned", some)
    assert chain_digest("x", "selfcal", none) == chain_digest("x", "selfcal", replace(some, evidence=None))
    for level in ("unbinned", "full"):
        tiny = data_of(model, replace(points, evidence=np.full(len(log_yx), 1e-12)), log_yx)
        flat = likelihood(level, model, none)(theta)
        np.testing.assert_allclose(likelihood(level, model, tiny)(theta), flat, rtol=1e-7)
        assert abs(likelihood(level, model, some)(theta) - flat)[0] > 1
    for level in ("counts", "selfcal"):
        np.testing.assert_array_equal(likelihood(level, model, some)(theta), likelihood(level, model, none)(theta))


# --- f_cont


def candidates(size, share, seed):
    """Richnesses, whether no cluster, f_cont by its definition, and the true ln f_cl / f_rand."""
    rng, chance, rich = np.random.default_rng(seed), stats.expon(scale=5), stats.gamma(4, scale=8)
    false = rng.random(size) < share
    x = np.where(false, chance.rvs(size, random_state=rng), rich.rvs(size, random_state=rng))
    above = (np.argsort(np.argsort(-x)) + 1) / size
    return x, false, chance.sf(x) / above, rich.logpdf(x) - chance.logpdf(x)


def test_ratios_of_f_cont_are_those_of_the_densities():
    x, false, f_cont, truth = candidates(20_000, 0.2, seed=1)
    found = richness_evidence(f_cont, 0.2)
    for low, high in ((3, 8), (8, 15), (15, 25), (25, 40)):
        some = (x > low) & (x < high)
        probability = 0.2 / (0.2 + 0.8 * np.exp(truth[some]))
        noise = 1 / np.sqrt(np.sum(probability * (1 - probability)) + 1)
        assert np.mean(found[some] - truth[some]) == pytest.approx(0, abs=5 * noise + 0.3)
    probability = 0.2 / (0.2 + 0.8 * np.exp(found))
    for some in (x < 8, (x > 8) & (x < 15), x > 15):
        expected, noise = probability[some].sum(), np.sqrt(false[some].sum() + 1)
        assert false[some].sum() == pytest.approx(expected, abs=5 * noise)
    assert np.all(np.diff(found[np.argsort(f_cont)]) <= 1e-12)


def test_a_list_that_was_cut_has_fewer_contaminants():
    """Below f_cont = F they are F times as many of it, by the definition of f_cont."""
    x, false, f_cont, truth = candidates(40_000, 0.2, seed=2)
    kept = f_cont < 0.3
    assert false[kept].mean() == pytest.approx(0.06, abs=5 * np.sqrt(0.06 / kept.sum()))
    found = richness_evidence(f_cont[kept], 0.06)
    passing = np.log(np.sum(kept & false) / false.sum()) - np.log(np.sum(kept & ~false) / np.sum(~false))
    middle = kept & (x > 15) & (x < 25)
    assert np.mean(found[middle[kept]] - truth[middle] - passing) == pytest.approx(0, abs=0.15)


def test_what_f_cont_does_not_allow_is_refused():
    _, _, f_cont, _ = candidates(2000, 0.2, seed=3)
    assert 0.2 < Ranked.of(f_cont).most_contaminants < 0.26
    with pytest.raises(InputError, match=r"contamination = 0.5, but f_cont of this list allows 0.2\d? at most;"):
        richness_evidence(f_cont, 0.5)
    with pytest.raises(InputError, match="f_cont must not be negative"):
        richness_evidence(np.array([0.1, -2.0]), 0.1)
    some = richness_evidence(np.append(f_cont, np.nan), 0.2)
    assert some[-1] == 0
    np.testing.assert_array_equal(some[:-1], richness_evidence(f_cont, 0.2))


# --- from a table


def configured(folder, values, ghosts=True, **evidence):
    """A configuration with evidence of 40 clusters."""
    content = tomllib.loads(builtin_configs()["cccp_lowz"].read_text(encoding="utf-8"))
    values = np.asarray(values)
    z, lx = np.linspace(0.05, 0.1, len(values)), np.full(len(values), 3e44)
    Table({"z": z, "lx": lx, "e": values}, units={"lx": "erg/s"}).write(folder / "e.ecsv", overwrite=True)
    columns, cosmology = {"z": "z", "lx": "lx"}, {"Om0": 0.3, "h": 0.72}
    evidence = {"column": "e", "kind": "ln"} | evidence
    content["catalogue"] = {"path": "e.ecsv", "columns": columns, "cosmology": cosmology, "evidence": evidence}
    if ghosts:
        fluxes = ["1e-11 erg/(s cm2)", "1e-10 erg/(s cm2)"]
        content["selection"]["contamination"] = {"fluxes": fluxes, "values": [0.1, 0.1]}
    return parse_config(content, folder=folder)


def read(*args, **kwargs):
    config = configured(*args, **kwargs)
    return catalogue_data(config, forward_model(config.setup), None)


RATIOS = np.append(np.linspace(2, 4, 38), [-2.0, np.nan])


@pytest.mark.parametrize(
    ("values", "kind"), [(RATIOS, "ln"), (RATIOS / np.log(10), "log10"), (np.exp(RATIOS), "ratio")]
)
def test_kinds_of_evidence(tmp_path, values, kind):
    catalogue, data = read(tmp_path, values, kind=kind)
    np.testing.assert_allclose(catalogue.evidence, np.append(RATIOS[:-1], 0.0), atol=1e-9)
    np.testing.assert_array_equal(data.points.evidence, catalogue.evidence)
    np.testing.assert_array_equal(data.evidence.without, catalogue.evidence)
    texts = [one.text for one in catalogue.remarks if one.kind == "contamination"]
    assert texts == ["1 of 40 detections have no 'e': evidence neither way"]


def test_evidence_that_looks_odd_is_said(tmp_path):
    catalogue, _ = read(tmp_path, np.linspace(0.0, 1.0, 40))
    assert "lies within 0 to 1, as probabilities do" in catalogue.remarks[0].text
    catalogue, _ = read(tmp_path, np.full(40, -5.0))
    assert "expects 4.07 contaminants among 40 detections, their evidence speaks of 37.8" in catalogue.remarks[0].text


@pytest.mark.parametrize(
    ("values", "changed", "message"),
    [
        (RATIOS, {"column": "ee"}, r"e.ecsv: has no column 'ee'; known: e, lx, z"),
        (RATIOS, {"kind": "log"}, r"'catalogue.evidence.kind': must be one of 'ln', 'log10', 'ratio' or 'f_cont'"),
        (RATIOS, {"kind": "f_cont"}, r'kind = "f_cont" and contamination = NUMBER go together'),
        (RATIOS, {"contamination": 0.1}, r'kind = "f_cont" and contamination = NUMBER go together'),
        (RATIOS, {"kind": "f_cont", "contamination": 1.5}, r"'catalogue.evidence.contamination': must be below 1"),
        (RATIOS, {"kind": "f_cont", "contamination": 0.1}, r"row 39: got -2.0, but f_cont cannot be negative; leave"),
        (
            RATIOS,
            {"kind": "ratio"},
            r"row 39: got -2.0, but a ratio is positive; write kind = .ln. for its",
        ),
        (np.exp(4 * RATIOS), {}, r"row 1: got 2980.9\d+, whose ln is beyond 50: no detection is so sure; write kind"),
        (np.full(40, np.nan), {}, r"column 'e' is empty; take \[catalogue.evidence\] out"),
        (RATIOS, {"ghosts": False}, r"but the survey expects none; add \[selection.contamination\], or take"),
    ],
)
def test_evidence_that_cannot_be_is_refused(tmp_path, values, changed, message):
    with pytest.raises(InputError, match=message) as caught:
        read(tmp_path, values, **changed)
    assert "\n" not in str(caught.value)
