"""Observed against predicted counts, with a posterior predictive p-value."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..core.arrays import Array
from ..core.observables import OBSERVABLES
from ..model.forward import ForwardModel
from ..model.simulate import draw_mocks

_FINE = 12


def poisson_deviance(observed: Array, expected: Array) -> Array:
    """Twice the log likelihood ratio of saturated to expected counts, summed over the last axis."""
    expected = np.maximum(expected, 1e-12)
    with np.errstate(divide="ignore", invalid="ignore"):
        term = np.where(observed > 0, observed * np.log(observed / expected), 0.0)
    deviance: Array = 2 * np.sum(expected - observed + term, axis=-1)
    return deviance


def expected_counts(model: ForwardModel, theta: Array, observable: str, edges: Array) -> Array:
    """Expected clusters per bin of log10 L_X ("lx") or log10 Y_X ("yx"), shape (P, B)."""
    width = np.diff(edges) / _FINE
    middles = (edges[:-1, None] + width[:, None] * (np.arange(_FINE) + 0.5)).ravel()
    if observable == "lx":
        density = model.lx_density(theta, middles)
    else:
        density = model.yx_density(theta, middles, model.setup.yx_error)
    expected: Array = (density.reshape(len(theta), -1, _FINE) * width[:, None]).sum(axis=-1)
    return expected


def goodness_of_fit(
    model: ForwardModel, theta: Array, observable: str, values: Array, *, rng: np.random.Generator
) -> Goodness:
    """Compare observed with posterior predictive counts of one observable.

    Parameters
    ----------
    model : ForwardModel
    theta : ndarray, shape (P, D)
        Posterior draws.
    observable : {"lx", "yx"}
    values : ndarray, shape (n,)
        log10 of the observed values.
    rng : numpy.random.Generator

    Notes
    -----
    The p-value is the fraction of posterior draws for which a catalogue drawn from them has a larger
    Poisson deviance from its own expectation than the observed one (Gelman, Meng & Stern 1996).
    """
    low, high = np.floor(values.min() * 5) / 5, np.ceil(values.max() * 5) / 5
    edges = np.linspace(low, high, max(2, round((high - low) / 0.2) + 1))
    edges = np.concatenate([[low - 1.0], edges[1:-1], [high + 1.0]]) if len(edges) > 2 else edges
    mocks = draw_mocks(model, theta, rng=rng)
    drawn = mocks.log_lx if observable == "lx" else mocks.log_yx
    bin_of = np.clip(np.digitize(drawn, edges) - 1, -1, len(edges) - 1)
    inside = (bin_of >= 0) & (bin_of < len(edges) - 1)
    shape = (len(theta), len(edges) - 1)
    flat = np.ravel_multi_index((mocks.row[inside], bin_of[inside]), shape)
    replicated = np.bincount(flat, minlength=shape[0] * shape[1]).reshape(shape).astype(float)
    observed = np.histogram(values, edges)[0].astype(float)
    expected = expected_counts(model, theta, observable, edges)
    larger = poisson_deviance(replicated, expected) >= poisson_deviance(observed, expected)
    shown = np.concatenate([[low], edges[1:-1], [high]])
    return Goodness(
        observable=observable,
        edges=shown,
        observed=observed,
        predicted=expected.mean(axis=0),
        low=np.percentile(replicated, 16, axis=0),
        high=np.percentile(replicated, 84, axis=0),
        p_value=float(larger.mean()),
        unit=OBSERVABLES["lx"].unit if observable == "lx" else model.setup.relations.proxy_unit,
    )


@dataclass(frozen=True)
class Goodness:
    """Observed against predicted counts of one observable, and a posterior predictive p-value.

    Parameters
    ----------
    observable : str
        "lx" or "yx".
    edges : ndarray, shape (B + 1,)
        log10 of the observable; the first and the last bin are open and hold everything beyond.
    observed : ndarray, shape (B,)
    predicted : ndarray, shape (B,)
        Posterior mean.
    low, high : ndarray, shape (B,)
        16th and 84th percentile of posterior predictive counts.
    p_value : float
        Chance that a catalogue drawn from the posterior has a larger Poisson deviance.
    unit : str
        Of the observable.
    """

    observable: str
    edges: Array
    observed: Array
    predicted: Array
    low: Array
    high: Array
    p_value: float
    unit: str = ""
