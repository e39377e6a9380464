"""Published tables that stay with their publishers: what is said of them, and what a fit without one says."""

import tomllib

import pytest
from typer.testing import CliRunner

from forecast.checks.observed import open_catalogue
from forecast.cli.app import app
from forecast.config.load import builtin_configs, load_config, parse_config
from forecast.core.errors import InputError
from forecast.reading.public_tables import public_tables


def run(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments])


def test_every_table_says_where_it_is():
    listed = run("data")
    assert listed.exit_code == 0
    for name, table in public_tables().items():
        assert f"{name} " in listed.stdout
        told = run("data", name)
        assert told.exit_code == 0
        for words in (table.reference, *table.where.split(), *table.columns):
            assert words.split(" ")[0] in told.stdout
        assert table.shipped or "VizieR J/" in table.where or "arXiv:" in table.where


def test_a_wrong_name_is_one_line():
    done = run("data", "reflx")
    assert done.exit_code == 2 and "did you mean 'reflex'?" in done.stderr and len(done.stderr.splitlines()) == 1


def of_public(name):
    found = tomllib.loads(builtin_configs()["cccp_lowz"].read_text(encoding="utf-8"))
    del found["catalogue"]["builtin"]
    found["catalogue"]["public"] = name
    return found


def test_without_the_file_the_cure_is_named():
    with pytest.raises(InputError, match=r"'forecast data reflex' says where .* --catalogue FILE"):
        open_catalogue(parse_config(of_public("reflex")), None)
    with pytest.raises(InputError, match=r"catalogue.public: public table 'reflx' is unknown; did you mean 'reflex'\?"):
        _ = parse_config(of_public("reflx")).catalogue_spec


def test_configurations_of_a_table_are_those_that_name_it():
    for name in builtin_configs():
        catalogue = load_config(name).catalogue
        table = catalogue and (catalogue.public or catalogue.builtin)
        if table:
            assert name in run("data", table).stdout
