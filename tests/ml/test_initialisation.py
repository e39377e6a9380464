"""Standardised start of NV22's network, against its layers written out in numpy."""

from dataclasses import replace

import numpy as np
import pytest

from forecast.core.errors import InputError
from mlcheck.data.layout import layout_of
from mlcheck.networks.architectures import Architecture, build
from mlcheck.networks.config import load_config
from mlcheck.networks.initialisation import CATALOGUES, OUTPUT_STD, standardise
from mlcheck.networks.laboratory import untrained
from mlcheck.networks.plan import TrainingPlan
from mlcheck.networks.training import Task, train

PROFILE = [f"{kind}_r{i}" for kind in ("log_mgas", "slope") for i in range(1, 8)]
COLUMNS = ["log_lx", "log_t", "log_mgas", *PROFILE, "log_mwl"]
LAYOUT = layout_of(COLUMNS, "standard")
SIZES = np.array([16, 17, 31, 40, 22, 64, 18, 35])
ENCODER = [f"encoder_{units}" for units in (2048, 1024, 512, 256, 128, 64)]


def sample(spread=0.1):
    """Scaled features that differ from cluster to cluster and from catalogue to catalogue."""
    rng = np.random.default_rng(3)
    each = rng.normal(0, 0.02, (len(SIZES), len(LAYOUT.names)))
    return 0.5 + np.repeat(each, SIZES, axis=0) + spread * rng.standard_normal((SIZES.sum(), len(LAYOUT.names)))


def written_out(network, features):
    """Values of every layer before its leaky ReLU, all catalogues' rows together, in double precision."""
    weights = {layer.name: [np.asarray(w, dtype=float) for w in layer.weights] for layer in network.model.layers}
    seen: dict[str, list] = {}

    def leaky(y):
        return np.where(y > 0, y, network.architecture.leak * y)

    def dense(x, name):
        kernel, bias = weights[name]
        seen.setdefault(name, []).append(np.atleast_2d(x @ kernel + bias))
        return x @ kernel + bias

    main, start = len(LAYOUT.main), 0
    for size in SIZES:
        rows, start = features[start : start + size], start + size
        x = rows[:, :main]
        for name in ENCODER:
            x = leaky(dense(x, name))
        x = np.concatenate([dense(dense(x, "encoder_32"), "terse"), rows[:, main:]], axis=1)
        for units in (128, 256, 512, 1024):
            kernel, bias = weights[f"convolution_{units}"]
            padded = np.pad(x, ((1, 2), (0, 0)))
            y = sum(padded[i : i + len(x)] @ kernel[i] for i in range(4)) + bias
            seen.setdefault(f"convolution_{units}", []).append(y)
            half = len(x) // 2
            x = leaky(y)[: 2 * half].reshape(half, 2, -1).mean(axis=1)
        x = x.max(axis=0)
        for units in (2048, 1024, 512, 256):
            x = leaky(dense(x, f"dense_{units}"))
        dense(dense(x, "dense_128"), "sigma8")
    return {name: np.concatenate(values) for name, values in seen.items()}


def started(precision="float32", features=None, **changed):
    network = build(Architecture.of("nv22", precision=precision, initial="standardised", **changed), LAYOUT)
    twin = build(network.architecture.full, LAYOUT)
    standardise(network, twin, (sample() if features is None else features).astype(np.float32), SIZES)
    return network


def test_every_unit_starts_with_zero_mean_and_unit_variance():
    layers = written_out(started(), sample())
    assert len(layers) == 18
    last = layers.pop("sigma8")
    np.testing.assert_allclose([last.mean(), last.std()], [0.5, OUTPUT_STD], rtol=1e-3)
    for name, values in layers.items():
        np.testing.assert_allclose(values.mean(axis=0), 0, atol=2e-3, err_msg=name)
        np.testing.assert_allclose(values.std(axis=0), 1, atol=2e-3, err_msg=name)


def test_without_it_catalogues_hardly_differ():
    network = build(Architecture.of("nv22"), LAYOUT)
    assert written_out(network, sample())["sigma8"].std() < 0.1 * OUTPUT_STD


@pytest.mark.slow
def test_half_precision_changes_nothing():
    for one, other in zip(started().model.weights, started("mixed_bfloat16").model.weights, strict=True):
        np.testing.assert_array_equal(np.asarray(one), np.asarray(other))


def test_constant_features_leave_weights_finite():
    network = started(features=np.ones((SIZES.sum(), len(LAYOUT.names))))
    assert all(np.isfinite(np.asarray(w)).all() for w in network.model.weights)
    last = written_out(network, np.ones((SIZES.sum(), len(LAYOUT.names))))["sigma8"]
    assert 0 <= last.std() < 2 * OUTPUT_STD


def test_posteriors_start_in_the_middle():
    last = written_out(started(output="density"), sample())["sigma8"]
    np.testing.assert_allclose(last.mean(axis=0), 0, atol=1e-3)
    np.testing.assert_allclose(last.std(axis=0), OUTPUT_STD, rtol=1e-3)


def test_a_grid_is_seen_from_end_to_end(prepared, monkeypatch):
    """Catalogues in order of sigma8, as a grid has them."""
    seen = []
    monkeypatch.setattr("mlcheck.networks.initialisation.standardise", lambda *given: seen.append(given[3]))
    train = prepared.train.take(np.argsort(prepared.train.sigma8))
    untrained(Architecture.of("nv22", initial="standardised"), replace(prepared, train=train))
    assert len(seen[0]) == CATALOGUES
    assert seen[0][0] == train.size[0] and seen[0][-1] == train.size[-1]
    assert seen[0].mean() == pytest.approx(train.size.mean(), rel=0.05)


@pytest.mark.slow
def test_nv22_optimizer_leaves_the_plateau_at_once(prepared):
    """SGD at rate 0.001 and absolute error, 60 steps; a constant answer has an error of 0.25."""
    constant = np.abs(prepared.scaler.target(prepared.validate.sigma8) - 0.5).mean()
    plan = TrainingPlan.of("nv22", select_from=1, spread=4, epochs=1, batch=16)
    network = untrained(Architecture.of("nv22", initial="standardised", dropout=0.0, encoder_dropout=0.0), prepared)
    task = Task(network, plan, prepared.scaler, prepared.train, prepared.validate)
    assert train(task).validation[-1] < 0.75 * constant


def test_for_nv22_only():
    with pytest.raises(InputError, match="standardised' is for preset nv22"):
        Architecture(initial="standardised")
    with pytest.raises(InputError, match="initial 'standardized' is unknown; did you mean 'standardised'"):
        Architecture.of("nv22", initial="standardized")
    brief = load_config("nv22_brief")
    assert brief.architecture(seed=1).initial == "standardised"
    assert brief.architecture("compact", seed=1).initial == "glorot"
