"""What the mean bias of weak-lensing masses leaves of them: sigma(sigma8) of `full+wl` by the prior on it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from ..core.parameters import Parameter
from ..core.priors import Prior
from ..core.rng import generator
from ..likelihoods.fisher import Fisher, fisher_matrix
from ..likelihoods.level_name import LevelName
from ..model.forward import ForwardModel, forward_model
from ..model.mean_density import expected_number
from ..model.setup import Setup
from ..model.simulate import draw_mocks
from ..survey.geometry import Replicated
from ..survey.lensing_sample import EVERY_CLUSTER

_BIAS = "norm_wl"
_CLUSTERS = 20_000
"""Drawn to find how many are within limits."""


@dataclass(frozen=True)
class LensingRow:
    """sigma(sigma8) of level `full+wl` by the prior on the mean bias of lensing masses.

    Parameters
    ----------
    label : str
    widening : float
        Factor on the width (in log) of the priors on the relations' normalisations.
    bias : tuple of float
        Standard deviations of ln norm_wl.
    sigma8_std : tuple of float
        With each.
    """

    label: str
    widening: float
    bias: tuple[float, ...]
    sigma8_std: tuple[float, ...]


def lensing_rows(setup: Setup, widening: tuple[float, ...], bias: tuple[float, ...]) -> Iterator[LensingRow]:
    """A row for each width of the priors on normalisations; none for a survey without lensing masses.

    Parameters
    ----------
    setup : Setup
    widening : tuple of float
    bias : tuple of float
        Standard deviations of ln norm_wl; 0: it is known exactly.
    """
    if setup.weak_lensing is None or not bias:
        return
    free = _with_free_bias(setup)
    fisher = fisher_matrix(LevelName.FULL_WL, forward_model(free))
    for factor in widening:
        std = tuple(_std(Fisher(free.parameters.widened(factor), fisher.information), width) for width in bias)
        label = "as configured" if factor == 1 else f"norm. priors x {factor:g}"
        yield LensingRow(label, factor, bias, std)


def _with_free_bias(setup: Setup) -> Setup:
    """The survey with a free mean bias."""
    if _BIAS in setup.parameters.names:
        return setup
    known = float(np.asarray(setup.parameters.fiducial_values.norm_wl))
    return replace(setup, parameters=setup.parameters.with_free(Parameter(_BIAS, known, _prior(known, 0.1))))


def _prior(centre: float, width: float) -> Prior:
    return Prior("lognormal", mean=centre, std=width, log=True)


def _std(fisher: Fisher, width: float) -> float:
    """sigma(sigma8) with a prior of this width on the bias."""
    parameters = fisher.parameters
    if width == 0:
        kept = [i for i, name in enumerate(parameters.names) if name != _BIAS]
        return Fisher(parameters.without([_BIAS]), fisher.information[np.ix_(kept, kept)]).std()
    free = (replace(p, prior=_prior(p.fiducial, width)) if p.name == _BIAS else p for p in parameters.free)
    return Fisher(replace(parameters, free=tuple(free)), fisher.information).std()


def expected_lensing(model: ForwardModel) -> float | None:
    """Expected number of clusters with a weak-lensing mass; None where all clusters have one, or none has."""
    setup = model.setup
    if setup.weak_lensing is None or setup.lensing_sample.whole:
        return None
    count = expected_number(model)
    sample = setup.lensing_sample
    if sample == replace(EVERY_CLUSTER, error=sample.error, fraction=sample.fraction):
        return sample.fraction * count
    plain = setup.parameters.without(setup.parameters.contrasts)
    many = replace(setup, parameters=plain, geometry=Replicated(setup.geometry, _CLUSTERS / count))
    mocks = draw_mocks(forward_model(many), plain.fiducial, rng=generator(0, "lensing masses"))
    within = setup.sky(mocks.z, mocks.log_lx).within(sample)
    return sample.fraction * count * float(within.mean())
