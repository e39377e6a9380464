"""Levels without data are refused, levels with some say of how many clusters; mocks of any size are neither."""

from dataclasses import replace

import numpy as np
import pytest

from forecast.core.errors import InputError
from forecast.likelihoods.available import Share
from forecast.likelihoods.data import Data
from forecast.likelihoods.density.points import Points
from forecast.likelihoods.level_name import LEVELS
from forecast.likelihoods.levels import level_class, level_words, likelihood, shares
from forecast.model.forward import forward_model
from forecast.model.simulate import draw_mocks
from forecast.report.narrative import LEVEL_WORDS, used_words
from forecast.report.writers import chain_summary
from forecast.sampling.mcmc import Chain
from forecast.survey.geometry import Box


@pytest.fixture(scope="module")
def lensed(nv22):
    """A survey that expects one cluster, with weak-lensing masses."""
    return forward_model(replace(nv22.setup, geometry=Box(352, 0.004, 0.07), weak_lensing=0.2))


def at(model):
    return model.parameters.fiducial[None]


def points(rows, lensing=True):
    observables = np.tile([44.2, 0.5, 13.3], (rows, 1))
    return Points.observed(np.full(rows, 0.07), observables, log_mwl=np.full(rows, 14.2 if lensing else np.nan))


@pytest.mark.parametrize("level", ["selfcal", "binned", "unbinned"])
def test_levels_of_yx_without_any(lensed, level):
    with pytest.raises(InputError, match=rf"level '{level}' needs Y_X, which none of the 3 clusters has; .*'counts'"):
        likelihood(level, lensed, Data(3.0))
    some = likelihood(level, lensed, Data.observed(3, np.array([13.8])))
    assert np.isfinite(some(at(lensed))).all()


def test_full_levels_without_an_observable(lensed):
    whole = points(3, lensing=False)
    assert np.isfinite(likelihood("full", lensed, Data(3.0, points=whole))(at(lensed))).all()
    with pytest.raises(InputError, match=r"'full\+wl' needs M_WL, which none of the 3 clusters has; .*'full'"):
        likelihood("full+wl", lensed, Data(3.0, points=whole))
    blind = whole.observables.copy()
    blind[:, 1] = np.nan
    some = Data(3.0, points=replace(whole, observables=blind))
    assert np.isfinite(likelihood("full", lensed, some)(at(lensed))).all()
    words = level_words("full", shares("full", some, ("lx", "t", "mgas")), "whole")
    assert words == "the redshift, L_X, M_gas of every cluster, without T"
    nothing = replace(whole, observables=np.full_like(blind, np.nan))
    with pytest.raises(InputError, match=r"'full' needs L_X, T, M_gas, which none of the 3 clusters has; .*'unbinned'"):
        likelihood("full", lensed, Data(3.0, points=nothing))


def test_mocks_of_none_or_one_and_expected_data_are_legal(lensed):
    mocks = draw_mocks(lensed, np.repeat(at(lensed), 30, axis=0), rng=np.random.default_rng(1))
    assert {0, 1} <= set(mocks.size)
    for size in (0, 1):
        data = Data.of_mock(lensed, mocks, int(np.flatnonzero(mocks.size == size)[0]))
        for level in LEVELS:
            assert np.isfinite(likelihood(level, lensed, data)(at(lensed))).all()
    expected = Data.expected(lensed)
    for level in ("counts", "binned", "unbinned"):
        assert not any(share.partial for share in shares(level, expected, ("lx", "t", "mgas")))
        assert np.isfinite(likelihood(level, lensed, expected)(at(lensed))).all()


def test_shares_of_a_catalogue():
    observables = np.array([[44.0, np.nan], [44.1, 14.0], [44.2, 14.1]])
    data = Data.observed(3, np.array([14.0, 14.1]), points=Points.observed(np.full(3, 0.1), observables))
    assert shares("counts", data, ("lx", "yx")) == ()
    assert shares("unbinned", data, ("lx", "yx")) == (Share("yx", 2, 3),)
    assert shares("full", data, ("lx", "yx")) == (Share("lx", 3, 3), Share("yx", 2, 3))
    assert level_class("full+wl").needed(("lx", "yx")) == ("lx", "yx", "wl")


@pytest.mark.parametrize(
    ("known", "size", "absent", "partial"),
    [
        (0, 49, True, True),
        (0, 0, False, False),
        (48, 49, False, True),
        (1999, 2000, False, True),
        (49, 49, False, False),
        (123.3, 124.0, False, False),
        (100.0, 124.2, False, True),
    ],
)
def test_absent_and_partial(known, size, absent, partial):
    share = Share("yx", known, size)
    assert (share.absent, share.partial) == (absent, partial)


def test_words():
    some = (Share("yx", 37, 49),)
    assert level_words("unbinned", some, "whole") == "N and the Y_X of 37 of 49 clusters"
    assert level_words("selfcal", some, "whole") == "N and the median of the Y_X of 37 of 49 clusters"
    assert level_words("unbinned", (Share("yx", 49, 49),), "whole") == "whole"
    both = (Share("lx", 49, 49), Share("t", 47, 49), Share("yx", 37, 49))
    words = "the redshift, L_X of every cluster, and T of 47 of 49 clusters, Y_X of 37 of 49 clusters"
    assert level_words("full", both, "whole") == words


def test_a_chain_says_what_it_was_made_of():
    steps = np.random.default_rng(1).normal(0.8, 0.01, (20, 8, 1))
    chain = Chain(("sigma8",), steps, steps[..., 0], np.ones(1), 0, 0.5)
    assert used_words(chain_summary("unbinned", chain)) == LEVEL_WORDS["unbinned"]
    assert "37 of 49" in used_words(chain_summary("unbinned", chain, (Share("yx", 37, 49),)))
