"""The reference of keys: every key of the schema is described, with an example that a file may hold."""

import tomllib

import pytest

from docs.keys import PAGE, page
from forecast.config.load import builtin_configs
from forecast.config.reference import explain_key, keys
from forecast.core.errors import InputError


def test_every_key_has_a_meaning_and_an_example():
    found = keys()
    assert len({(key.path, key.variant) for key in found}) == len(found) > 140
    for key in found:
        assert key.meaning.endswith(".")
        assert key.meaning[0].isupper() or key.meaning.startswith(("astropy", "emcee"))
        assert key.allowed and key.example, key
        tomllib.loads(key.example)


def test_every_key_of_the_shipped_surveys_is_there():
    known = {key.path for key in keys()}
    free = ("parameters.", "catalogue.columns.", "library.columns.")

    def paths(table, path=""):
        for name, value in table.items():
            yield path + name
            if isinstance(value, dict):
                yield from paths(value, f"{path}{name}.")

    for file in builtin_configs().values():
        for path in paths(tomllib.loads(file.read_text(encoding="utf-8"))):
            assert path in known or path.startswith(free), path


def test_keys_are_found_by_their_last_part_and_tables_by_name():
    assert [key.path for key in explain_key("area")] == ["survey.area", "survey.layers.area"]
    assert {key.variant for key in explain_key("survey.geometry")} == {'geometry = "box"', 'geometry = "light_cone"'}
    assert "survey.zmin" in {key.path for key in explain_key("[survey]")}
    assert explain_key("completeness_width")[0].allowed == "number >= 0 < 1"
    with pytest.raises(InputError, match=r"'arae'; did you mean 'area'"):
        explain_key("arae")


def test_the_page_is_that_of_the_schema():
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python -m docs.keys"
