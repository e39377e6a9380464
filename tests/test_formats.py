"""Files that outlive a version: read, brought up to date or refused; digests that follow physics, not layout."""

import hashlib
import json
import tomllib
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path

import h5py
import pytest

from forecast.config.digest import LAYOUTS, Layout, model_digest, settings
from forecast.config.load import builtin_configs, find_config, load_config, parse_config
from forecast.config.renewal import renewed
from forecast.core.errors import InputError
from forecast.core.formats import CHAIN, CONFIGURATION, Format
from forecast.core.parameters import Parameter, ParameterSet
from forecast.core.priors import Prior
from forecast.core.records import Job
from forecast.execution.store import content_digest
from forecast.likelihoods.data import Data
from forecast.likelihoods.posterior import Posterior
from forecast.sampling.identity import chain_digest
from forecast.sampling.mcmc import ChainPlan, load_steps, run_chain
from forecast.suite.manifest import MANIFEST
from forecast.suite.plan import SuitePlan
from forecast.suite.reader import open_suite
from forecast.suite.writer import run_suite

BOOK = Format(
    "book",
    "print it again",
    version=3,
    steps={1: lambda c: {**c, "pages": c["leaves"] * 2}, 2: lambda c: {**c, "bound": True}},
)


# Formats


def test_earlier_content_is_brought_up_to_date():
    assert BOOK.current({"leaves": 2}, 1, "a") == {"leaves": 2, "pages": 4, "bound": True}
    assert BOOK.current({"leaves": 2}, None, "a") == BOOK.current({"leaves": 2}, 1, "a")
    assert BOOK.current({"pages": 3}, 2, "a") == {"pages": 3, "bound": True}
    assert BOOK.current({"pages": 3}, 3, "a") == {"pages": 3}


@pytest.mark.parametrize("version", [0, -1, 1.0, True, "2", [1]])
def test_what_is_no_version_is_refused(version):
    with pytest.raises(InputError, match=r"x.b: format = .* is no version of a book; expected .* 1 to 3; print it"):
        BOOK.current({}, version, "x.b")


def test_newer_and_forgotten_versions_are_refused_with_a_cure():
    with pytest.raises(InputError, match=r"x.b: a book of format 4, but .* beyond 3; upgrade massanchor, or print it"):
        BOOK.current({}, 4, "x.b")
    with pytest.raises(InputError, match=r"x.b: a book of format 1, of an earlier version of massanchor; print it"):
        replace(BOOK, steps={2: BOOK.steps[2]}).current({"leaves": 1}, 1, "x.b")


# Configurations


def test_a_configuration_may_say_its_format(nv22):
    content = tomllib.loads(find_config("nv22").read_text(encoding="utf-8"))
    assert "format" not in content
    said = parse_config({"format": CONFIGURATION.version, **content})
    assert said == parse_config(content) == nv22
    assert said.format == CONFIGURATION.version
    with pytest.raises(InputError, match=r"mine.toml: a configuration of format 99, but .*upgrade massanchor"):
        parse_config({"format": 99, **content}, "mine.toml")
    with pytest.raises(InputError, match="format = 'new' is no version"):
        parse_config({"format": "new", **content})


# Digests of models


def records(value):
    """All records that one is made of."""
    if is_dataclass(value):
        yield value
        yield from (r for f in fields(value) for r in records(getattr(value, f.name)))
    elif isinstance(value, tuple | list):
        yield from (r for item in value for r in records(item))


def test_every_setting_has_a_name_in_the_digest():
    """A new record, or field, must be listed: with the value at which all is as before, if suites are to stay valid."""
    for name in builtin_configs():
        for record in records(load_config(name).setup):
            assert type(record) in LAYOUTS, type(record)
    for kind, layout in LAYOUTS.items():
        listed = {layout.renamed.get(name, name) for name in (*layout.names.split(), *layout.later)}
        assert listed == {f.name for f in fields(kind)}, kind


@pytest.mark.parametrize(
    ("name", "digest"),
    [("nv22", "2-203bf2bd39a4dc2a"), ("cccp_lowz", "2-22323bf724f53673"), ("erosita", "2-5e7b353c3cab3ace")],
)
def test_digests_are_those_of_suites_on_disk(name, digest):
    """Whatever the versions of libraries; another digest makes all suites and networks those of another survey."""
    assert model_digest(load_config(name).setup).startswith(digest)


def test_the_digest_is_of_what_numbers_depend_on(nv22):
    content = tomllib.loads(find_config("nv22").read_text(encoding="utf-8"))
    same = {"title": "x", "description": "y", "references": ["z"], "sampler": {"walkers": 80, "levels": ["counts"]}}
    same |= {"map": {"mocks": 100}, "ladder": {"widening": [2.0]}, "published": [], "mass_function": "bocquet16_hydro"}
    assert model_digest(parse_config({**content, **same}).setup) == model_digest(nv22.setup)
    for key, value in {"mass_function": "tinker08", "yx_bin": 0.2, "yx_error": 0.01}.items():
        assert model_digest(parse_config({**content, key: value}).setup) != model_digest(nv22.setup), key


def test_the_last_digits_do_not_count(nv22):
    """They differ between versions of libraries."""
    relations = nv22.setup.relations
    for change, same in ((1 + 1e-14, True), (1 + 1e-6, False)):
        lx = replace(relations.lx, scatter=relations.lx.scatter * change)
        other = replace(nv22.setup, relations=replace(relations, lx=lx))
        assert (model_digest(other) == model_digest(nv22.setup)) is same


def test_a_digest_of_the_first_scheme_is_renewed_if_it_is_of_the_same_model(cccp):
    configuration = cccp.model_dump(mode="json")
    first, now = content_digest(settings(cccp.setup)), model_digest(cccp.setup)
    assert renewed(first, configuration) == renewed(now, configuration) == now
    assert renewed("0" * 64, configuration) == "0" * 64
    other = {**configuration, "yx_bin": 0.2}
    assert renewed(first, other) == first
    assert renewed(first, {"title": "of no use today"}) == first


@dataclass(frozen=True)
class Old:
    """A record as it was."""

    area: float
    depth: float = 1.0


@dataclass(frozen=True)
class New:
    """The same, with a field that has another name and one that is new."""

    solid_angle: float
    gap: float = 0.0
    depth: float = 1.0


def test_a_renamed_field_and_a_new_one_leave_the_digest(monkeypatch):
    monkeypatch.setitem(LAYOUTS, Old, Layout("area depth"))
    monkeypatch.setitem(LAYOUTS, New, Layout("area depth", {"gap": 0.0}, {"area": "solid_angle"}))
    assert settings(New(2.0)) == settings(Old(2.0)) == {"area": 2.0, "depth": 1.0}
    assert settings(New(2.0, gap=0.1)) == {"area": 2.0, "depth": 1.0, "gap": 0.1}
    assert settings(New(3.0)) != settings(Old(2.0))


def test_what_is_not_listed_enters_with_its_name(monkeypatch):
    monkeypatch.setitem(LAYOUTS, New, Layout("area", renamed={"area": "solid_angle"}))
    assert settings(New(2.0)) == {"area": 2.0, "gap": 0.0, "depth": 1.0}
    assert settings(Old(2.0)) == {"class": "Old", "area": 2.0, "depth": 1.0}


# Chains and suites


class Line:
    """A straight log likelihood, for a chain of a few steps."""

    def __init__(self):
        self.parameters = ParameterSet((Parameter("sigma8", 0.8, Prior("flat", 0.7, 0.9)),))

    def __call__(self, theta):
        return theta[:, 0]


def test_a_chain_says_its_format(tmp_path):
    plan = ChainPlan("counts", 1, 8, 10, 10, tmp_path / "chain.h5", "model and data")
    run_chain(Posterior(Line()), plan)
    load_steps(plan)
    with h5py.File(plan.path, "a") as file:
        attributes = next(iter(file.values())).attrs
        assert attributes["massanchor_format"] == CHAIN.version
        attributes["massanchor_format"] = CHAIN.version + 1
    with pytest.raises(InputError, match=r"chain.h5: a chain of format \d, but .*upgrade massanchor, or choose"):
        load_steps(plan)
    with h5py.File(plan.path, "a") as file:
        del next(iter(file.values())).attrs["massanchor_format"]
    with pytest.raises(InputError, match=r"of an earlier version of massanchor; choose another --out, or --overwrite"):
        load_steps(plan)


def test_a_chain_belongs_to_its_model_and_data(nv22, cccp):
    data = Data.observed(3, [14.0, 14.1, 14.2])
    same, other = chain_digest(nv22.fingerprint(), "unbinned", data), chain_digest(cccp.fingerprint(), "unbinned", data)
    assert same == chain_digest(nv22.fingerprint(), "unbinned", replace(data))
    assert other != same
    assert chain_digest(nv22.fingerprint(), "unbinned", replace(data, size=4)) != same


def test_a_suite_of_an_earlier_version_is_read(nv22):
    """As `forecast suite nv22 --draws 1 --seed 5` wrote it before digests had a scheme."""
    suite = open_suite(Path(__file__).parent / "kept" / "suite-1")
    suite.verify()
    assert suite.manifest.model == model_digest(nv22.setup)
    assert parse_config(suite.manifest.configuration).setup == nv22.setup
    clusters, catalogues = suite.clusters(0), suite.catalogues()
    assert catalogues["size"] == len(clusters["log_lx"]) == 139
    assert 42 < clusters["log_lx"].min() < clusters["log_lx"].max() < 46


def resealed(text):
    """A manifest with the checksum that its content asks for."""
    body, mark, _ = text.rpartition(',\n "checksum": ')
    return f'{body}{mark}"{hashlib.sha256(body.encode()).hexdigest()}"\n}}\n'


def test_a_suite_of_a_newer_format_is_refused(nv22, tmp_path):
    run_suite(nv22, Job("nv22", tmp_path), SuitePlan(draws=3, shard_size=3, workers=1))
    path = tmp_path / MANIFEST
    text = path.read_text("utf-8")
    assert len(open_suite(tmp_path)) == 3
    assert json.loads(text)["format"] == "massanchor suite 1"
    path.write_text(resealed(text.replace("massanchor suite 1", "massanchor suite 7")), "utf-8")
    with pytest.raises(InputError, match=r"manifest.json: a suite of format 7, but .*upgrade massanchor, or make it"):
        open_suite(tmp_path)
    path.write_text(text.replace("massanchor suite 1", "another program's"), "utf-8")
    with pytest.raises(InputError, match="damaged or altered"):
        open_suite(tmp_path)
