"""How fast NV22's network trains, in units of the machine's matrix products: ``python -m benchmarks.throughput``.

Both are measured in the same run, on the same backend (KERAS_BACKEND) and in the same precision. Operations are those
of each catalogue's own clusters, three times the forward ones; those spent on padding do not count.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from mlcheck.data.batches import epoch_batches
from mlcheck.data.layout import layout_of
from mlcheck.networks.architectures import Architecture, Network, build
from mlcheck.networks.backend import BACKEND, keras
from mlcheck.networks.engine import engine, to_numpy
from mlcheck.networks.plan import TrainingPlan

PROFILE = [f"{kind}_r{i}" for kind in ("log_mgas", "slope") for i in range(1, 8)]
LAYOUT = layout_of(["log_lx", "log_t", "log_mgas", *PROFILE, "log_mwl"], "standard")
SIZES = (60, 230)
"""Clusters of the smallest and the largest catalogue, about those of NV22's survey."""


def operations(network: Network, size: np.ndarray) -> np.ndarray:
    """Floating-point operations of a training step for catalogues of `size` clusters, shape (P,)."""
    total, rows = np.zeros(len(size)), np.asarray(size, dtype=float)
    for layer in (layer for layer in network.model.layers if layer.weights):
        per_row = 2.0 * np.prod(layer.kernel.shape)
        total += per_row * (1 if layer.output.ndim == 2 else rows)
        if layer.name.startswith("convolution"):
            rows = rows // 2
    return 3 * total


def matrix_rate(precision: str, n: int, repeats: int = 20) -> float:
    """Operations per second of products of n x n matrices."""
    ops, dtype = keras.ops, {"mixed_bfloat16": "bfloat16", "mixed_float16": "float16"}.get(precision, precision)
    a = ops.cast(ops.convert_to_tensor(np.random.default_rng(1).standard_normal((n, n)) / np.sqrt(n)), dtype)
    if BACKEND == "jax":
        import jax

        chain = jax.jit(lambda x: jax.lax.fori_loop(0, repeats, lambda _, y: y @ a, x))
    else:
        import tensorflow as tf

        def chain(x: object) -> object:
            for _ in range(repeats):
                x = tf.matmul(x, a)
            return x

    to_numpy(chain(a))
    times = []
    for _ in range(3):
        start = time.perf_counter()
        to_numpy(ops.sum(ops.cast(chain(a), "float32")))
        times.append(time.perf_counter() - start)
    return 2.0 * n**3 * repeats / min(times)


def training_rate(network: Network, plan: TrainingPlan, size: np.ndarray, epochs: int) -> tuple[float, float]:
    """Catalogues and operations per second of training, after an epoch that compiles."""
    rng = np.random.default_rng(2)
    machine = engine(network, plan.build_optimizer(len(size)))
    machine.load(rng.random((int(size.sum()), len(LAYOUT.names))), size, rng.random(len(size)))

    def epoch() -> None:
        rng = np.random.default_rng(4)
        for losses in [
            machine.train(b)
            for b in epoch_batches(size, plan.batch, rng=rng, spread=plan.spread, successive=plan.successive)
        ]:
            to_numpy(losses)

    epoch()
    start = time.perf_counter()
    for _ in range(epochs):
        epoch()
    seconds = time.perf_counter() - start
    return epochs * len(size) / seconds, epochs * float(operations(network, size).sum()) / seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--successive", type=int, default=1)
    parser.add_argument("--catalogues", type=int, default=1024)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--matrix", type=int, default=2048, help="rows of the matrices; 8192 on a GPU")
    given = parser.parse_args()
    network = build(Architecture.of("nv22", precision=given.precision), LAYOUT)
    plan = TrainingPlan.of("nv22", batch=given.batch, successive=given.successive)
    size = np.random.default_rng(3).integers(SIZES[0], SIZES[1] + 1, given.catalogues)
    matrix = matrix_rate(given.precision, given.matrix)
    catalogues, rate = training_rate(network, plan, size, given.epochs)
    print(f"{BACKEND}, {given.precision}, batch {given.batch}, {given.successive} successive batches of one length")
    print(f"matrix products of {given.matrix} rows: {matrix / 1e12:.3f} TFLOP/s")
    print(f"training: {catalogues:,.0f} catalogues/s, {rate / 1e12:.3f} TFLOP/s, {rate / matrix:.0%} of it")


if __name__ == "__main__":
    main()
