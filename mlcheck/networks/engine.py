"""Steps of training and evaluation on either backend: data stay on the device, shapes are few.

Not Keras' `fit`. Measured on a CPU (`python -m benchmarks.keras_fit`) it takes the same catalogues of several lengths
at 0.93 to 0.97 of the speed, in single precision and with bfloat16 products, to the same weights. But a `fit` that is
killed is not safe to resume: its `BackupAndRestore` writes the weights and the number of the epoch into two files, one
after the other and neither whole or not at all. Killed between them, a training did an epoch twice and ended with other
weights, without a word; with units dropped at random it did so wherever it was killed, as their random state is not
kept. Nor are the losses, the selected weights and what the training depends on; `checkpoint` keeps all of it in one
file. And `fit` is handed every padded batch by the processor, where an accelerator here holds the data and makes many
steps in one call.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any, Protocol

import numpy as np

from forecast.core.arrays import Array

from ..data.batches import Batches, evaluation_batches
from .architectures import Network


class Engine(Protocol):
    """Trains and evaluates one network; `sizes` are the lengths (P,) of the training catalogues."""

    sizes: Array

    def load(self, features: Array, size: Array, target: Array) -> None:
        """Training data from now on: scaled features (n, F + S), lengths (P,), scaled sigma8 (P,)."""

    def train(self, batches: Batches) -> Any:
        """Loss of every batch, (K,), before each step; not waited for."""

    def outputs(self, features: Array, size: Array, *, batch: int = 256) -> Array:
        """Outputs of every catalogue, (P, O)."""

    def state(self) -> list[Array]:
        """Every number that decides how training goes on: weights, random states, optimizer."""

    def restore(self, state: Iterable[Array]) -> None:
        """Go back to a state."""


def to_numpy(values: Any) -> Array:
    """A backend's numbers in double precision."""
    from .backend import keras

    return np.asarray(keras.ops.convert_to_numpy(values)).astype(float)


def engine(network: Network, optimizer: Any = None, *, jit: bool = False) -> Engine:
    """Engine of the backend in use.

    Parameters
    ----------
    network : Network
    optimizer : keras.optimizers.Optimizer, optional
        Needed for training.
    jit : bool
        Compile steps with XLA on TensorFlow (JAX always does): good for small networks, bad for NV22's.
    """
    from .backend import BACKEND

    if optimizer is not None:
        optimizer.build(network.model.trainable_variables)
    return (JaxEngine if BACKEND == "jax" else TensorflowEngine)(network, optimizer, jit)


def gathered(ops: Any, data: tuple[Any, Any, Any], main: int, index: Any, length: int) -> list[Any]:
    """Padded inputs (B, L, F), (B, L, S) and (B,) of catalogues `index`."""
    features, first, size = data
    count = ops.take(size, index, axis=0)
    row = ops.arange(length, dtype="int32")
    inside = row[None, :] < count[:, None]
    at = ops.where(inside, ops.take(first, index, axis=0)[:, None] + row[None, :], 0)
    x = ops.where(inside[..., None], ops.take(features, at, axis=0), 0.0)
    return [x[..., :main], count] if features.shape[1] == main else [x[..., :main], x[..., main:], count]


class _Data:
    """Scaled catalogues in one flat table."""

    def __init__(self, features: Array, size: Array, dtype: str) -> None:
        self.features = np.asarray(features, dtype=dtype)
        self.size = np.asarray(size, dtype=np.int32)
        self.first = (np.cumsum(size) - size).astype(np.int32)

    @property
    def arrays(self) -> tuple[Array, Array, Array]:
        return self.features, self.first, self.size


def _dtype(network: Network) -> str:
    return "float64" if network.architecture.precision == "float64" else "float32"


class TensorflowEngine:
    """Steps as `tf.function`s: traced once for all lengths, but with XLA, which compiles for each."""

    def __init__(self, network: Network, optimizer: Any, jit: bool) -> None:
        import tensorflow as tf

        self._tf, self._network, self._optimizer = tf, network, optimizer
        self._main = int(network.model.inputs[0].shape[-1])
        dtype, shapes = _dtype(network), [x.shape for x in network.model.inputs]
        inputs = [tf.TensorSpec(shape, dtype if len(shape) > 1 else "int32") for shape in shapes]
        each = tf.TensorSpec([None], dtype)
        self._step = tf.function(self._one, None if jit else [inputs, each, each], jit_compile=jit)
        self._forward = tf.function(lambda inputs: network.model(inputs, training=False), [inputs])

    def load(self, features: Array, size: Array, target: Array) -> None:
        """See `Engine`."""
        self.sizes = np.asarray(size)
        data = _Data(features, size, _dtype(self._network))
        self._data = tuple(self._tf.constant(x) for x in data.arrays)
        self._target = self._tf.constant(target, dtype=_dtype(self._network))

    def _gather(self, data: Any, index: Any, length: int) -> list[Any]:
        from .backend import keras

        return gathered(keras.ops, data, self._main, index, length)

    def _one(self, inputs: list[Any], target: Any, weight: Any) -> Any:
        network, tf = self._network, self._tf
        with tf.GradientTape() as tape:
            each = network.head.loss(target, network.model(inputs, training=True))
            loss = tf.reduce_sum(each * weight) / tf.reduce_sum(weight)
        variables = network.model.trainable_variables
        self._optimizer.apply(tape.gradient(loss, variables), variables)
        return loss

    def train(self, batches: Batches) -> Any:
        """See `Engine`."""
        losses = []
        for index, weight in zip(batches.index, batches.weight, strict=True):
            inputs = self._gather(self._data, index, batches.length)
            target = self._tf.gather(self._target, index)
            losses.append(self._step(inputs, target, self._tf.cast(weight, target.dtype)))
        return self._tf.stack(losses)

    def outputs(self, features: Array, size: Array, *, batch: int = 256) -> Array:
        """See `Engine`."""
        data = tuple(self._tf.constant(x) for x in _Data(features, size, _dtype(self._network)).arrays)

        def run(index: Array, length: int) -> Array:
            return np.asarray(self._forward(self._gather(data, index, length)))

        return _collect(run, size, batch)

    def state(self) -> list[Array]:
        """See `Engine`."""
        return [np.asarray(v) for v in self._variables()]

    def restore(self, state: Iterable[Array]) -> None:
        """See `Engine`."""
        for variable, value in zip(self._variables(), state, strict=True):
            variable.assign(value)

    def _variables(self) -> list[Any]:
        own = [] if self._optimizer is None else list(self._optimizer.variables)
        return [*self._network.model.variables, *own]


class JaxEngine:
    """Pure steps; on an accelerator many in one call (`lax.scan`), over all devices of a kind."""

    def __init__(self, network: Network, optimizer: Any, jit: bool) -> None:
        import jax

        self._jax, self._network, self._optimizer = jax, network, optimizer
        self._main = int(network.model.inputs[0].shape[-1])
        self._devices = jax.devices()
        self._scan = self._devices[0].platform != "cpu"
        self._step = jax.jit(self._one, static_argnames="length", donate_argnums=0)
        self._steps = jax.jit(self._many, static_argnames="length", donate_argnums=0)
        self._forward = jax.jit(self._evaluate, static_argnames="length")
        self._pull()

    def _pull(self) -> None:
        model, own = self._network.model, self._optimizer
        groups = (model.trainable_variables, model.non_trainable_variables, () if own is None else own.variables)
        self._carry = tuple([self._jax.numpy.array(v.value) for v in group] for group in groups)

    def _push(self) -> None:
        model, own = self._network.model, self._optimizer
        groups = (model.trainable_variables, model.non_trainable_variables, () if own is None else own.variables)
        for group, values in zip(groups, self._carry, strict=True):
            for variable, value in zip(group, values, strict=True):
                variable.assign(value)

    def load(self, features: Array, size: Array, target: Array) -> None:
        """See `Engine`."""
        self.sizes = np.asarray(size)
        data = _Data(features, size, _dtype(self._network))
        self._data = tuple(self._jax.numpy.asarray(x) for x in data.arrays)
        self._target = self._jax.numpy.asarray(target, dtype=_dtype(self._network))

    def _loss(self, weights: Any, rest: Any, inputs: Any, target: Any, weight: Any) -> tuple[Any, Any]:
        outputs, rest = self._network.model.stateless_call(weights, rest, inputs, training=True)
        each = self._network.head.loss(target, outputs)
        return (each * weight).sum() / weight.sum(), rest

    def _one(self, carry: Any, data: Any, batch: tuple[Any, Any], *, length: int) -> tuple[Any, Any]:
        from .backend import keras

        (weights, rest, own), (index, weight) = carry, batch
        inputs = gathered(keras.ops, data[0], self._main, index, length)
        target = data[1][index]
        slope = self._jax.value_and_grad(self._loss, has_aux=True)
        (loss, rest), gradient = slope(weights, rest, inputs, target, weight.astype(target.dtype))
        weights, own = self._optimizer.stateless_apply(own, gradient, weights)
        return (list(weights), list(rest), list(own)), loss

    def _many(self, carry: Any, data: Any, batches: tuple[Any, Any], *, length: int) -> tuple[Any, Any]:
        return self._jax.lax.scan(lambda c, b: self._one(c, data, b, length=length), carry, batches)

    def _spread(self, values: Array, axis: int) -> Any:
        """Divide a batch over the devices."""
        jax, devices = self._jax, self._devices
        if len(devices) == 1 or values.shape[axis] % len(devices):
            return jax.numpy.asarray(values)
        mesh = jax.sharding.Mesh(np.array(devices), ("batch",))
        spec = jax.sharding.PartitionSpec(*([None] * axis), "batch")
        return jax.device_put(values, jax.sharding.NamedSharding(mesh, spec))

    def train(self, batches: Batches) -> Any:
        """See `Engine`."""
        data, length, found = (self._data, self._target), batches.length, []
        if self._scan:
            for part in powers_of_two(len(batches.index)):
                both = (self._spread(batches.index[part], 1), self._spread(batches.weight[part], 1))
                self._carry, some = self._steps(self._carry, data, both, length=length)
                found.append(some)
            return self._jax.numpy.concatenate(found)
        for index, weight in zip(batches.index, batches.weight, strict=True):
            one = (self._spread(index, 0), self._spread(weight, 0))
            self._carry, loss = self._step(self._carry, data, one, length=length)
            found.append(loss)
        return self._jax.numpy.stack(found)

    def _evaluate(self, carry: Any, data: Any, index: Any, *, length: int) -> Any:
        from .backend import keras

        inputs = gathered(keras.ops, data, self._main, index, length)
        return self._network.model.stateless_call(carry[0], carry[1], inputs, training=False)[0]

    def outputs(self, features: Array, size: Array, *, batch: int = 256) -> Array:
        """See `Engine`."""
        data = tuple(self._jax.numpy.asarray(x) for x in _Data(features, size, _dtype(self._network)).arrays)
        run = partial(self._run, data)
        return _collect(run, size, batch)

    def _run(self, data: Any, index: Array, length: int) -> Array:
        return np.asarray(self._forward(self._carry, data, self._jax.numpy.asarray(index), length=length))

    def state(self) -> list[Array]:
        """See `Engine`."""
        self._push()
        return [np.asarray(v) for group in self._carry for v in group]

    def restore(self, state: Iterable[Array]) -> None:
        """See `Engine`."""
        values = iter([self._jax.numpy.asarray(v) for v in state])
        self._carry = tuple([next(values) for _ in group] for group in self._carry)
        self._push()


def powers_of_two(number: int) -> Iterator[slice]:
    """Parts of a range whose lengths are powers of two, the longest first: few lengths to compile for.

    >>> list(powers_of_two(5))
    [slice(0, 4, None), slice(4, 5, None)]
    """
    start = 0
    while start < number:
        size = 1 << ((number - start).bit_length() - 1)
        yield slice(start, start + size)
        start += size


def _collect(run: Any, size: Array, batch: int) -> Array:
    """Outputs of batches in the order of the catalogues."""
    found: Array | None = None
    for group in evaluation_batches(np.asarray(size), batch):
        for index, weight in zip(group.index, group.weight, strict=True):
            outputs = run(index, group.length)
            if found is None:
                found = np.empty((len(size), outputs.shape[1]), dtype=outputs.dtype)
            kept = weight > 0
            found[index[kept]] = outputs[kept]
    assert found is not None
    return found
