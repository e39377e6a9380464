"""What networks must know of a survey, whatever kind of selection and geometry it has."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from forecast.config.load import load_config
from forecast.survey.geometry import Replicated
from mlcheck.data.draws import survey_layout
from mlcheck.report.cluster_responses import log_break
from mlcheck.trust.shifts import faults

BREAKS = {"nv22": 14.25, "nv22_smooth_small": 14.25, "nv22_follows_lx": 14.25, "cccp_lowz": None}


@pytest.mark.parametrize("name", BREAKS)
def test_break_of_every_kind_of_selection(name):
    config = load_config(name)
    model = SimpleNamespace(setup=config.setup)
    assert config.setup.selection.log_break == BREAKS[name]
    assert log_break(SimpleNamespace(trial=SimpleNamespace(model=model))) == BREAKS[name]
    shifted = [world.tables["selection"]["break_mass"] for world in faults(config) if world.kind == "break"]
    assert shifted == ([] if BREAKS[name] is None else ["14.4000 log10 Msun/h", "14.1000 log10 Msun/h"])


def test_copies_of_a_cone_keep_their_redshifts():
    config = load_config("cccp_lowz")
    setup = replace(config.setup, geometry=Replicated(config.setup.geometry, 10.0))
    copies = SimpleNamespace(setup=setup)
    assert "z" in survey_layout(copies, "standard").names
    assert survey_layout(copies, "standard") == survey_layout(config, "standard")
    assert setup.geometry.spans_redshifts and not load_config("nv22").setup.geometry.spans_redshifts
