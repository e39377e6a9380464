"""How many steps of Markov chains make one independent draw."""

from __future__ import annotations

import numpy as np
from scipy import fft

from ..core.arrays import Array

_WINDOW = 5.0
"""Autocorrelation times up to which correlations are summed (Sokal 1997)."""


def autocorrelation_time(steps: Array) -> Array:
    """Integrated autocorrelation time of each parameter, shape (D,), in steps, at least one.

    As emcee has it (Goodman & Weare 2010): correlations of every walker about its own mean, averaged over walkers.

    Parameters
    ----------
    steps : ndarray, shape (S, W, D)
        Steps of W walkers. Of a walker that never moved nothing is known: its parameters take as long as the chain.
    """
    found = []
    for walkers in np.moveaxis(steps, 2, 0):
        products = _products(walkers - walkers.mean(axis=0))
        with np.errstate(invalid="ignore", divide="ignore"):
            times = 2 * np.cumsum((products / products[0]).mean(axis=1)) - 1
        time = float(times[_window(times)])
        found.append(max(time, 1.0) if np.isfinite(time) else float(len(steps)))
    return np.array(found)


def effective_draws(traces: Array) -> Array:
    """Effective number of draws of a quantity of n posteriors, each from C chains, (S, C, n) -> (n,).

    A posterior's variance over that of the mean of all its S x C states, and no more than these. Correlations are
    about the mean of all chains: where none dies out within a chain their sum is what the scatter of the chains' means
    tells, which is what chains that stall for long show; a single chain is taken as its two halves. What the common
    mean takes away from them is put back: (tau / S C) of the variance, the error of that mean.
    """
    if traces.shape[1] == 1:
        traces = traces[len(traces) % 2 :].reshape(2, -1, traces.shape[2]).swapaxes(0, 1)
    length, chains, _ = traces.shape
    lags, total = np.arange(length), length * chains
    share = (2 * np.cumsum(1 - lags / length) - 1) / total
    found = []
    for each in np.moveaxis(traces, 2, 0):
        products = _products(each - each.mean()).mean(axis=1)
        sums = (2 * np.cumsum(products) - products[0]) / products[0] if products[0] > 0 else np.full(length, np.inf)
        with np.errstate(invalid="ignore"):
            times = np.where(np.isfinite(sums), sums / np.maximum(1 - share + sums / total, 1 / total), total)
        found.append(total / np.clip(times[_window(times)], 1.0, total))
    return np.array(found)


def harmonic_mean(effective: Array) -> float:
    """Effective draws (n,) that n posteriors would have if the mean squared error of all were each one's."""
    return float(1 / np.mean(1 / effective))


def _products(deviations: Array) -> Array:
    """Products of deviations (S, W) that are so many steps apart, averaged over S, shape (S, W)."""
    length = len(deviations)
    power = np.abs(fft.rfft(deviations, fft.next_fast_len(2 * length, real=True), axis=0)) ** 2
    products = fft.irfft(power, fft.next_fast_len(2 * length, real=True), axis=0)[:length]
    return np.asarray(products / length)


def _window(times: Array) -> int:
    """First lag that is `_WINDOW` of the times summed up to it, else the last."""
    enough = np.flatnonzero(np.arange(len(times)) >= _WINDOW * times)
    return int(enough[0]) if len(enough) else len(times) - 1
