"""Automatic gradients against finite differences, a hand-written back-propagation, and the other backend."""

import os
import subprocess
import sys

import numpy as np
import pytest
from scipy import special

from mlcheck.attribution.gradients import Gradients, centre, centre_sum, slope, terse_sum
from mlcheck.data.layout import Layout
from mlcheck.data.whitening import Whitening
from mlcheck.networks.architectures import Architecture, build
from mlcheck.networks.backend import keras
from mlcheck.networks.engine import engine
from mlcheck.networks.heads import MixtureHead, PointHead

MAIN = ("log_t", *(f"log_mgas_r{i}" for i in range(1, 8)), *(f"slope_r{i}" for i in range(1, 8)))
LAYOUT = Layout("standard", MAIN, ("log_lx", "log_mwl"))
SIZE = np.array([19, 33, 16])
NETWORKS = (
    {"preset": "compact"},
    {"preset": "compact", "output": "point", "terse": 3},
    {"preset": "nv22"},
    {"preset": "nv22", "output": "density", "pooling": "max"},
)


def catalogues(seed=1):
    return np.random.default_rng(seed).random((SIZE.sum(), len(LAYOUT.names)))


def network(preset="compact", *, precision="float64", **changed):
    return build(Architecture.of(preset, precision=precision, **changed), LAYOUT, whitening=whitening(preset))


def whitening(preset):
    features = catalogues(7)
    main = len(MAIN)
    return None if preset == "nv22" else (Whitening.of(features[:, :main]), Whitening.of(features[:, main:]))


def deviation(found, expected):
    return np.abs(found - expected) / (np.abs(expected) + 1e-3 * np.abs(expected).max())


def agrees(found, expected):
    """To 1e-4 in three quarters of all: a step may cross kinks of the leaky ReLU."""
    assert np.abs(expected).max() > 0
    assert np.quantile(deviation(found, expected), 0.75) < 1e-4


@pytest.mark.parametrize("settings", NETWORKS, ids=str)
def test_gradients_equal_finite_differences(settings):
    net, features, step, number = network(**settings), catalogues(), 1e-5, 12
    gradients, rng, each = Gradients(net, batch=2), np.random.default_rng(3), np.arange(number)
    row, column = rng.integers(0, SIZE.sum(), number), rng.permutation(len(LAYOUT.names) + 3)[:number] % 17
    versions = np.repeat(features[None], 2 * number, axis=0)
    versions[each, row, column] += step
    versions[number + each, row, column] -= step
    rows = versions.reshape(-1, len(LAYOUT.names))
    outputs = engine(net).outputs(rows, np.tile(SIZE, 2 * number), batch=40)
    total = net.head.centre(outputs).reshape(2 * number, len(SIZE)).sum(axis=1)
    agrees(gradients.sigma8(features, SIZE)[row, column], (total[:number] - total[number:]) / (2 * step))
    own = column < len(MAIN)
    values = gradients.terse_values(rows).reshape(2 * number, SIZE.sum(), -1).sum(axis=1)
    slopes = ((values[:number] - values[number:]) / (2 * step))[own]
    found = gradients.terse(features, SIZE)
    assert found.shape == (SIZE.sum(), net.architecture.terse, len(MAIN))
    agrees(found[row[own], :, column[own]], slopes)


def back_propagation(x, layers, activation, derivative):
    """d output / d input of dense layers with one output, each (kernel, bias, whether activated), row by row."""
    inner = []
    for kernel, bias, active in layers:
        z = x @ kernel + bias
        inner.append(z)
        x = activation(z) if active else z
    gradient = np.ones((len(x), 1))
    for z, (kernel, _, active) in zip(inner[::-1], layers[::-1], strict=True):
        gradient = (gradient * derivative(z) if active else gradient) @ kernel.T
    return gradient


@pytest.mark.parametrize("preset", ["compact", "nv22"])
def test_terse_gradient_equals_back_propagation_by_hand(preset):
    net, features = network(preset), catalogues()[:, : len(MAIN)]
    names = ["encoder_1", "encoder_2", "terse"]
    if preset == "nv22":
        names = [*(f"encoder_{n}" for n in (2048, 1024, 512, 256, 128, 64, 32)), "terse"]
    rng = np.random.default_rng(5)
    for name in names:
        bias = net.model.get_layer(name).bias
        bias.assign(0.1 * rng.standard_normal(bias.shape))
    weights = [[np.asarray(v.value) for v in net.model.get_layer(name).variables] for name in names]
    layers = [(*pair, name not in ("terse", "encoder_32")) for pair, name in zip(weights, names, strict=True)]
    if preset == "nv22":
        functions = (lambda z: np.where(z > 0, z, 0.3 * z), lambda z: np.where(z > 0, 1.0, 0.3))
    else:
        mean, matrix = (np.array(x) for x in whitening(preset)[0].lists)
        layers = [(matrix, -mean @ matrix, False), *layers]
        density = lambda z: np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi)  # noqa: E731
        functions = (lambda z: z * special.ndtr(z), lambda z: special.ndtr(z) + z * density(z))
    expected = back_propagation(features, layers, *functions)
    found = Gradients(net).terse(catalogues(), SIZE)[:, 0]
    single = 1e-7  # TensorFlow keeps the constants of its activations in single precision
    np.testing.assert_allclose(found, expected, rtol=0, atol=single * np.abs(expected).max())
    assert np.abs(found).min() > 0


@pytest.mark.parametrize("preset", ["compact", "nv22"])
def test_gradient_on_padding_is_zero(preset):
    net, rng = network(preset, precision="float32"), np.random.default_rng(2)
    main, rest = rng.random((3, 40, 15)).astype("float32"), rng.random((3, 40, 2)).astype("float32")
    length, inside = np.array(SIZE, dtype="int32"), np.arange(40) < SIZE[:, None]
    main, rest, length = (keras.ops.convert_to_tensor(x) for x in (main, rest, length))
    for found in (
        slope(net.model, centre_sum(net.head))([main, rest, length]),
        slope(net.terse(), terse_sum(0))([main, length]),
    ):
        assert not found[~inside].any()
        assert (np.abs(found[inside]).max(axis=1) > 0).mean() > 0.5


@pytest.mark.parametrize("preset", ["compact", "nv22"])
def test_terse_gradient_of_a_cluster_does_not_depend_on_others(preset):
    gradients, features, others = Gradients(network(preset)), catalogues(), catalogues(9)
    found = gradients.terse(features, SIZE)
    others[20] = features[20]
    changed = gradients.terse(others, SIZE)
    np.testing.assert_allclose(changed[20], found[20], rtol=1e-10)
    assert np.abs(changed[21] - found[21]).max() > 1e-6


@pytest.mark.parametrize("head", [MixtureHead(3), MixtureHead(4, False), PointHead()], ids=str)
def test_prediction_on_the_backend_is_that_of_numpy(head):
    outputs = 3 * np.random.default_rng(4).standard_normal((200, head.outputs))
    found = np.asarray(centre(head, keras.ops.convert_to_tensor(outputs.astype("float32"))))
    np.testing.assert_allclose(found, head.centre(outputs), atol=2e-5)
    assert found.std() > 0.05


SCRIPT = """
import sys
import numpy as np
from mlcheck.attribution.gradients import Gradients
from mlcheck.data.layout import Layout
from mlcheck.networks.architectures import Architecture, build

rng, size = np.random.default_rng(1), np.array([16, 40, 23])
layout = Layout("standard", tuple(f"log_mgas_r{i}" for i in range(1, 8)), ("log_lx", "log_mwl"))
features, found = rng.random((size.sum(), 9)), {}
for preset, precision in (("nv22", "float32"), ("compact", "float64")):
    gradients = Gradients(build(Architecture.of(preset, precision=precision), layout))
    found[f"{preset} {precision} terse"] = gradients.terse(features, size)
    found[f"{preset} {precision} sigma8"] = gradients.sigma8(features, size)
np.savez(sys.argv[1], **found)
"""


@pytest.mark.slow
def test_backends_agree(tmp_path):
    found = {}
    for backend in ("tensorflow", "jax"):
        path, settings = tmp_path / f"{backend}.npz", {**os.environ, "KERAS_BACKEND": backend, "OMP_NUM_THREADS": "1"}
        subprocess.run([sys.executable, "-c", SCRIPT, str(path)], check=True, capture_output=True, env=settings)
        with np.load(path) as file:
            found[backend] = dict(file)
    for key, values in found["tensorflow"].items():
        tolerance = 1e-6 if "float64" in key else 1e-4
        assert np.median(deviation(found["jax"][key], values)) < tolerance, key
        assert np.abs(values).max() > 0, key
