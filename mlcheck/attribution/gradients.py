"""Gradients of what a network computes with respect to what it sees, by automatic differentiation.

Terse values of different clusters, and predictions of different catalogues, do not know of each other: one gradient
of their sum holds all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np

from forecast.core.arrays import Array

from ..data.batches import evaluation_batches
from ..networks.architectures import Network
from ..networks.engine import gathered
from ..networks.heads import GRID, SMALLEST_WIDTH, Head, MixtureHead

Value = Callable[[Callable[[Any], Any], list[Any]], Any]
"""Number to be differentiated, from a model as a function and its padded inputs, the lengths last."""
BATCH = {"compact": 256, "nv22": 32}
"""Catalogues that are differentiated together, by preset."""


class Gradients:
    """Terse values and gradients of one network; steps are compiled once for each shape.

    Parameters
    ----------
    network : Network
    batch : int, optional
        Catalogues at a time; 256, or 32 for the ten million parameters of NV22's network.
    """

    def __init__(self, network: Network, *, batch: int | None = None) -> None:
        self._network, self._batch = network, batch or BATCH[network.architecture.preset]
        self._main = int(network.model.inputs[0].shape[-1])

    @cached_property
    def _terse(self) -> Any:
        return self._network.terse()

    @cached_property
    def _terse_slopes(self) -> list[Callable[[list[Any]], Array]]:
        return [slope(self._terse, terse_sum(k)) for k in range(self._network.architecture.terse)]

    @cached_property
    def _sigma8_slope(self) -> Callable[[list[Any]], Array]:
        return slope(self._network.model, centre_sum(self._network.head))

    def terse_values(self, features: Array) -> Array:
        """Terse values of scaled features (n, F + S), shape (n, T)."""
        rows = features[:, : self._main].astype(self._terse.inputs[0].dtype)
        parts = np.array_split(rows, max(1, len(rows) // 50_000))
        found = [np.asarray(self._terse(part[None], training=False), dtype=float)[0] for part in parts]
        return np.concatenate(found)

    def terse(self, features: Array, size: Array) -> Array:
        """d terse value / d scaled main feature of every cluster.

        Parameters
        ----------
        features : ndarray, shape (n, F + S)
            Scaled; supplementary features are not used.
        size : ndarray of int, shape (P,)
            Clusters of each catalogue.

        Returns
        -------
        ndarray, shape (n, T, F)
            For each of the T terse values of a cluster (one, unless the architecture has more).
        """
        main = features[:, : self._main]
        return np.stack([self._over(step, main, size) for step in self._terse_slopes], axis=1)

    def sigma8(self, features: Array, size: Array) -> Array:
        """d predicted sigma8 / d feature of every cluster, both scaled, shape (n, F + S).

        The prediction is the mean of the posterior within the prior, or the number of a network without density.

        Parameters
        ----------
        features : ndarray, shape (n, F + S)
            Scaled.
        size : ndarray of int, shape (P,)
        """
        return self._over(self._sigma8_slope, features, size)

    def _over(self, step: Callable[[list[Any]], Array], features: Array, size: Array) -> Array:
        """Gradients of all catalogues, batch by batch, as one table of the clusters, shape (n, C)."""
        from ..networks.backend import keras

        dtype = self._network.model.inputs[0].dtype
        size, found = np.asarray(size, dtype=np.int32), np.empty(features.shape, dtype=dtype)
        first = (np.cumsum(size) - size).astype(np.int32)
        data = tuple(keras.ops.convert_to_tensor(x) for x in (features.astype(dtype), first, size))
        for group in evaluation_batches(size, self._batch):
            row = np.arange(group.length)
            for index, weight in zip(group.index, group.weight, strict=True):
                slopes = step(gathered(keras.ops, data, self._main, index, group.length))
                own = (row < size[index][:, None]) & (weight > 0)[:, None]
                found[(first[index][:, None] + row)[own]] = slopes[own]
        return found


def terse_sum(which: int) -> Value:
    """Sum of one of the terse values over all clusters of a batch."""
    from ..networks.backend import keras
    from ..networks.layers import RowMask

    def value(call: Callable[[Any], Any], inputs: list[Any]) -> Any:
        return keras.ops.sum(RowMask()(call(inputs[0]), inputs[-1])[..., which])

    return value


def centre_sum(head: Head) -> Value:
    """Sum of scaled predictions over the catalogues of a batch."""
    from ..networks.backend import keras

    return lambda call, inputs: keras.ops.sum(centre(head, call(inputs)))


def centre(head: Head, outputs: Any) -> Any:
    """Scaled prediction of outputs (B, O) on the backend, shape (B,): what `head.centre` computes with numpy."""
    from ..networks.backend import keras

    if not isinstance(head, MixtureHead):
        return outputs[:, 0]
    ops, k = keras.ops, head.components
    grid = ops.cast(GRID, outputs.dtype)
    middle, width = 0.5 + ops.tanh(outputs[:, k : 2 * k]), SMALLEST_WIDTH + ops.softplus(outputs[:, 2 * k :] - 2.0)
    u = (grid[None, :, None] - middle[:, None, :]) / width[:, None, :]
    log_density = ops.logsumexp((outputs[:, :k] - ops.log(width))[:, None, :] - 0.5 * u * u, axis=-1)
    ends = np.zeros(len(GRID))
    ends[[0, -1]] = np.log(0.5)
    return ops.sum(ops.softmax(log_density + ops.cast(ends, outputs.dtype), axis=-1) * grid, axis=-1)


def slope(model: Any, value: Value) -> Callable[[list[Any]], Array]:
    """Gradient of a number with respect to all padded features.

    Parameters
    ----------
    model : keras.Model
    value : callable
        Number, from the model and its inputs.

    Returns
    -------
    callable
        From padded inputs, features (B, L, ...) first and lengths (B,) last, to the gradient (B, L, F + S): zero on
        the padding.
    """
    from ..networks.backend import BACKEND

    return (_jax_slope if BACKEND == "jax" else _tensorflow_slope)(model, value)


def _tensorflow_slope(model: Any, value: Value) -> Callable[[list[Any]], Array]:
    import tensorflow as tf

    def step(inputs: list[Any]) -> Any:
        varied = inputs[:-1]
        with tf.GradientTape() as tape:
            tape.watch(varied)
            total = value(lambda x: model(x, training=False), inputs)
        return tf.concat(tape.gradient(total, varied), axis=-1)

    traced = tf.function(step, reduce_retracing=True)
    return lambda inputs: np.asarray(traced(inputs))


def _jax_slope(model: Any, value: Value) -> Callable[[list[Any]], Array]:
    import jax

    weights = tuple([v.value for v in group] for group in (model.trainable_variables, model.non_trainable_variables))

    def total(varied: list[Any], length: Any, weights: Any) -> Any:
        def call(x: Any) -> Any:
            return model.stateless_call(*weights, x, training=False)[0]

        return value(call, [*varied, length])

    @jax.jit
    def step(inputs: list[Any], weights: Any) -> Any:
        return jax.numpy.concatenate(jax.grad(total)(inputs[:-1], inputs[-1], weights), axis=-1)

    return lambda inputs: np.asarray(step(inputs, weights))
