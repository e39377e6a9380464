"""Mock catalogues as tables with units."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.arrays import Array
from ..core.errors import InputError
from ..core.rng import generator
from ..model.forward import ForwardModel
from ..model.mocks import Mocks
from ..model.simulate import draw_mocks

MOST_CLUSTERS = 5_000_000
"""Drawn at once."""
_UNITS = {"lx": "erg / s", "t": "keV", "mgas": "Msun/h", "yx": "Msun/h keV"}


def draw_one(model: ForwardModel, theta: Array, *, seed: int) -> Mocks:
    """One mock catalogue at a parameter vector (D,): that of ``forecast run --mock SEED`` at the fiducial one."""
    return draw_mocks(model, theta, rng=generator(seed, "mock"))


def cluster_table(mocks: Mocks) -> Any:
    """The clusters of one mock catalogue, one a row, as an astropy Table."""
    from astropy.table import Column, Table

    columns = [Column(mocks.z, "z"), Column(mocks.log_mass, "log_m500", description="true log10 M500c / (Msun/h)")]
    for name, values in zip(mocks.names, mocks.observables.T, strict=True):
        words = f"measured log10 {name} / ({_UNITS[name]})" if name in _UNITS else f"measured log10 {name}"
        columns.append(Column(values, f"log_{name}", description=words))
    if "yx" not in mocks.names:
        columns.append(Column(mocks.log_yx, "log_yx", description="log10 of the mass proxy, Y_X / (Msun/h keV)"))
    if np.isfinite(mocks.log_mwl).any():
        columns.append(Column(mocks.log_mwl, "log_mwl", description="log10 of the weak-lensing mass / (Msun/h)"))
    return Table(columns)


def prior_mocks(model: ForwardModel, number: int, *, seed: int) -> tuple[Array, Mocks]:
    """Parameter vectors (P, D) from the prior, and one mock catalogue at each.

    Raises
    ------
    InputError
        If there are too many clusters in them.
    """
    theta = model.parameters.draw(number, rng=generator(seed, "prior"))
    clusters = float(model.expected_count(theta).sum())
    if clusters > MOST_CLUSTERS:
        raise InputError(
            f"{number} mock surveys would hold {clusters:.2g} clusters, more than fit in memory; draw at most "
            f"{int(number * MOST_CLUSTERS / clusters)}, or survey.suite(folder, {number}, seed={seed}) on disk"
        )
    return theta, draw_mocks(model, theta, rng=generator(seed, "mocks"))


def summary_table(model: ForwardModel, theta: Array, mocks: Mocks) -> Any:
    """Parameters, number of clusters and log10 of the median Y_X of mock catalogues, one a row."""
    from astropy.table import Table

    columns = dict(zip(model.parameters.names, theta.T, strict=True))
    return Table({**columns, "size": mocks.size, "median_log_yx": mocks.median_yx})
