"""Networks: NV22's numbers, exact padding, terse values that know one cluster only."""

import numpy as np
import pytest

from forecast.core.errors import InputError
from mlcheck.data.layout import CASES, Layout, layout_of
from mlcheck.networks.architectures import Architecture, build, layers_of
from mlcheck.networks.backend import keras
from mlcheck.networks.engine import engine

PROFILE = [f"{kind}_r{i}" for kind in ("log_mgas", "slope") for i in range(1, 8)]
COLUMNS = ["log_lx", "log_t", "log_mgas", *PROFILE, "log_mwl"]
SIZES = np.array([16, 17, 31, 32, 33, 64, 100, 255])


def test_parameters_of_the_published_network():
    """NV22 section 3.1: 10,472,834 in all, about 2.8 million in the encoder and 7.6 million in the CNN."""
    network = build(Architecture.of("nv22"), layout_of(COLUMNS, "standard"))
    assert network.parameters == 10_472_834
    encoder = sum(row["parameters"] for row in layers_of(network) if row["name"].startswith(("encoder", "terse")))
    assert encoder == 2_830_337
    assert network.parameters - encoder == 7_642_497


def test_what_is_dropped_follows_from_the_seed():
    layout = layout_of(COLUMNS, "standard")
    x = [np.ones((2, 32, len(names)), dtype="float32") for names in (layout.main, layout.supplementary)]
    drawn = [build(Architecture.of("nv22", seed=seed), layout).model for seed in (1, 1, 2)]
    drawn[2].set_weights(drawn[0].get_weights())
    first, again, other = (np.asarray(m([*x, np.array([20, 32], dtype="int32")], training=True)) for m in drawn)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize(
    ("case", "precision", "tolerance"),
    [("standard", "float32", 1e-5), ("standard", "float64", 1e-12), ("overspecialised", "float64", 1e-12)],
)
@pytest.mark.parametrize(("preset", "pooling"), [("nv22", "mean"), ("nv22", "max"), ("compact", "mean")])
def test_padded_batches_equal_each_catalogue_alone(case, preset, precision, tolerance, pooling):
    layout = layout_of(COLUMNS, case)
    network = build(Architecture.of(preset, precision=precision, pooling=pooling), layout)
    rng, main = np.random.default_rng(1), len(layout.main)
    features = rng.random((SIZES.sum(), len(layout.names)))
    together = engine(network).outputs(features, SIZES, batch=8)
    first = np.cumsum(SIZES) - SIZES
    for out, size, start in zip(together, SIZES, first, strict=True):
        x = features[start : start + size][None].astype(precision)
        junk = np.concatenate([x, 1e3 * rng.standard_normal((1, 45, x.shape[2])).astype(precision)], axis=1)
        for rows in (x, junk):
            parts = [rows[..., :main]] + ([rows[..., main:]] if layout.supplementary else [])
            alone = np.asarray(network.model([*parts, np.array([size], dtype="int32")], training=False))[0]
            np.testing.assert_allclose(out, alone, rtol=0, atol=tolerance * max(1.0, float(np.abs(alone).max())))
    assert np.ptp(together, axis=0).max() > 5 * tolerance


@pytest.mark.parametrize("preset", ["nv22", "compact"])
def test_terse_value_of_a_cluster_does_not_depend_on_others(preset):
    layout = layout_of(COLUMNS, "standard")
    terse = build(Architecture.of(preset), layout).terse()
    main = np.random.default_rng(2).random((2, 20, 15)).astype("float32")
    changed = main.copy()
    changed[0, 3] += 0.5
    moved = np.abs(np.asarray(terse(changed)) - np.asarray(terse(main))).max(axis=-1)
    assert moved[0, 3] > 1e-3
    assert np.delete(moved.ravel(), 3).max() < 1e-6


def test_initial_weights_follow_the_seed():
    layout = layout_of(COLUMNS, "standard")
    weights = [build(Architecture.of("compact", seed=seed), layout).model.get_weights() for seed in (1, 1, 2)]
    assert all((a == b).all() for a, b in zip(weights[0], weights[1], strict=True))
    assert any((a != b).any() for a, b in zip(weights[0], weights[2], strict=True))


def test_layouts():
    standard = layout_of(COLUMNS, "standard")
    assert standard.main == ("log_t", *PROFILE)
    assert standard.supplementary == ("log_lx", "log_mwl")
    assert layout_of(COLUMNS, "no-wl").supplementary == ("log_lx",)
    assert set(standard.groups) == {"log_t", "log_mgas", "slope", "log_lx", "log_mwl"}
    assert layout_of(COLUMNS, "overspecialised").main == ("log_lx", "log_t", "log_mgas", "log_y500", "log_mwl")
    cone = layout_of(["log_lx", "log_yx"], "standard", redshifts=True)
    assert cone == Layout("standard", ("log_yx", "z"), ("log_lx",))
    with pytest.raises(InputError, match="case 'standart' is unknown; did you mean 'standard'"):
        layout_of(COLUMNS, "standart")
    with pytest.raises(InputError, match="the suite has no log_t"):
        layout_of(["log_lx", "log_yx"], "overspecialised")
    assert len(CASES) == 5


@pytest.mark.parametrize("wrong", [{"preset": "compct"}, {"pooling": "median"}, {"output": "flow"}])
def test_wrong_architectures(wrong):
    with pytest.raises(InputError, match="is unknown"):
        Architecture(**wrong)


def test_policy_is_left_as_it_was():
    build(Architecture.of("compact", precision="float64"), layout_of(COLUMNS, "standard"))
    assert keras.config.dtype_policy().name == "float32"
