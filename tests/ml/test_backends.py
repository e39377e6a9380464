"""TensorFlow and JAX: the same outputs for the same weights, and the same training; each in a Python of its own."""

import os
import subprocess
import sys

import numpy as np
import pytest

pytestmark = pytest.mark.slow

SCRIPT = """
import sys
import numpy as np
from mlcheck.data.batches import epoch_batches
from mlcheck.networks.engine import engine
from mlcheck.networks.initialisation import standardise
from mlcheck.data.layout import Layout
from mlcheck.data.whitening import Whitening
from mlcheck.networks.architectures import Architecture, build
from mlcheck.networks.plan import TrainingPlan

rng, size = np.random.default_rng(1), np.arange(20, 84)
layout = Layout("standard", tuple(f"log_mgas_r{i}" for i in range(1, 8)), ("log_lx", "log_mwl"))
features, target = rng.random((size.sum(), 9)), rng.random(64)
found = {}
for preset in ("nv22", "compact"):
    for precision in ("float32", "float64"):
        if (preset, precision) == ("nv22", "float64"):
            continue
        network = build(Architecture.of(preset, precision=precision), layout)
        found[f"{preset} {precision} outputs"] = engine(network).outputs(features, size)
started = Architecture.of("nv22", initial="standardised")
network = build(started, layout)
standardise(network, build(started, layout), features, size)
found["standardised outputs"] = engine(network).outputs(features, size)
for repeat in (0, 1, "scan"):
    network = build(Architecture.of("compact", precision="float64"), layout)
    plan = TrainingPlan.of("compact", epochs=6, jit=False, batch=32)
    machine = engine(network, plan.build_optimizer(64))
    if repeat == "scan":
        machine._scan = True  # many steps in one call, as on an accelerator
    machine.load(features, size, target)
    losses = []
    for epoch in range(6):
        for batches in epoch_batches(size, 32, rng=np.random.default_rng(epoch)):
            losses.append(machine.train(batches))
    found[f"losses {repeat}"] = np.concatenate(losses)
    found[f"trained {repeat}"] = machine.outputs(features, size)
np.savez(sys.argv[1], **found)
"""


def run(backend, path, **environment):
    settings = {**os.environ, "KERAS_BACKEND": backend, "OMP_NUM_THREADS": "1", **environment}
    subprocess.run([sys.executable, "-c", SCRIPT, str(path)], check=True, capture_output=True, env=settings)
    with np.load(path) as file:
        return dict(file)


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    folder = tmp_path_factory.mktemp("backends")
    return {name: run(name, folder / f"{name}.npz") for name in ("tensorflow", "jax")}


def test_same_outputs(both):
    for key, tolerance in (("nv22 float32", 1e-5), ("compact float32", 1e-5), ("compact float64", 1e-8)):
        a, b = (both[name][f"{key} outputs"] for name in ("tensorflow", "jax"))
        np.testing.assert_allclose(a, b, rtol=0, atol=tolerance)
        assert np.ptp(a) > 100 * tolerance


def test_same_standardised_start(both):
    """Rounding is scaled up with what catalogues differ by."""
    a, b = (both[name]["standardised outputs"] for name in ("tensorflow", "jax"))
    np.testing.assert_allclose(a, b, rtol=0, atol=1e-3)
    assert np.std(a) == pytest.approx(0.1, rel=0.01)


def test_same_training(both):
    """In float64 the two walk the same path, but for rounding that AdamW amplifies."""
    np.testing.assert_allclose(both["tensorflow"]["losses 0"], both["jax"]["losses 0"], rtol=1e-3)
    np.testing.assert_allclose(both["tensorflow"]["trained 0"], both["jax"]["trained 0"], atol=1e-3)
    assert both["jax"]["losses 0"][-1] < both["jax"]["losses 0"][0]


def test_same_seed_same_numbers(both):
    for name in both:
        np.testing.assert_array_equal(both[name]["losses 0"], both[name]["losses 1"])


def test_many_steps_in_one_call_change_nothing(both):
    np.testing.assert_allclose(both["jax"]["losses scan"], both["jax"]["losses 0"], rtol=1e-8)
    np.testing.assert_allclose(both["jax"]["trained scan"], both["jax"]["trained 0"], atol=1e-7)


def test_parts_of_powers_of_two_cover_a_range():
    from mlcheck.networks.engine import powers_of_two

    for number in (0, 1, 5, 124):
        parts = list(powers_of_two(number))
        assert [i for part in parts for i in range(number)[part]] == list(range(number))
        assert all((part.stop - part.start).bit_count() == 1 for part in parts)


def test_two_devices_change_nothing(both, tmp_path):
    """A batch divided over two JAX devices."""
    found = run("jax", tmp_path / "two.npz", XLA_FLAGS="--xla_force_host_platform_device_count=2")
    np.testing.assert_allclose(found["losses 0"], both["jax"]["losses 0"], rtol=1e-8)
