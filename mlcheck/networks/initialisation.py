"""Initial weights under which every unit starts with zero mean and unit variance over training catalogues.

NV22's eighteen layers without normalisation hand on ever more faintly how a catalogue differs from the average, and
training starts on a plateau. Weights scaled to the data (Salimans & Kingma 2016, arXiv:1602.07868, section 3; Mishkin &
Matas 2016, arXiv:1511.06422) remove it and leave the network as it is.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from forecast.core.arrays import Array

from ..data.batches import padded_length
from .architectures import Network
from .backend import keras
from .engine import to_numpy

CATALOGUES = 128
"""Training catalogues whose averages are taken, spread over all of them: a grid is in order of sigma8."""
OUTPUT_STD = 0.1
"""Standard deviation of the network's outputs; scaled sigma8 of a flat prior has 0.29."""
_DEAF = 1e-5
"""A unit whose standard deviation is smaller than this part of its mean says nothing and is left as it is."""


def standardise(network: Network, twin: Network, features: Array, size: Array) -> None:
    """Scale the weights of every layer of NV22's network, first to last, in place.

    Parameters
    ----------
    network : Network
        With random initial weights.
    twin : Network
        The same without products of half precision, which would drown what is to be scaled.
    features : ndarray, shape (n, F + S)
        Scaled features of some training catalogues, one after the other.
    size : ndarray of int, shape (P,)
        Their lengths.
    """
    model = twin.model
    _copy(network.model, model)
    inputs = _inputs(model, features, size)
    for layer in (layer for layer in model.layers if layer.weights):
        values = _values(model, layer, inputs)
        mean, std = values.mean(axis=0), values.std(axis=0)
        heard = std > _DEAF * np.abs(mean)
        mean, std = np.where(heard, mean, 0.0), np.where(heard, std, 1.0)
        wanted, centre = 1.0, 0.0
        if layer is model.layers[-1]:
            wanted, centre = OUTPUT_STD, 0.0 if network.head.density else 0.5
        layer.kernel.assign(np.asarray(layer.kernel) * wanted / std)
        layer.bias.assign((np.asarray(layer.bias) - mean) * wanted / std + centre)
    _copy(model, network.model)


def _copy(source: Any, model: Any) -> None:
    """Give a model another's weights."""
    for variable, value in zip(model.weights, source.weights, strict=True):
        variable.assign(np.asarray(value))


def _inputs(model: Any, features: Array, size: Array) -> list[Array]:
    """Padded main and supplementary features and lengths."""
    main, rows = int(model.inputs[0].shape[-1]), padded_length(int(size.max()))
    padded = np.zeros((len(size), rows, features.shape[1]), dtype=model.inputs[0].dtype)
    padded[np.arange(rows) < size[:, None]] = features
    parts = [padded[..., :main], padded[..., main:]]
    return [*(part for part in parts if part.shape[2]), size.astype(np.int32)]


def _values(model: Any, layer: Any, inputs: list[Array]) -> Array:
    """Outputs of a layer for every cluster, window or catalogue, shape (n, units)."""
    values = to_numpy(keras.Model(model.inputs, layer.output)(inputs, training=False))
    if values.ndim == 3:
        halvings = round(np.log2(inputs[0].shape[1] / values.shape[1]))
        values = values[np.arange(values.shape[1]) < (inputs[-1] >> halvings)[:, None]]
    return values
