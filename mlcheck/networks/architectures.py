"""The two networks: NV22's encoder, layer by layer, and a compact permutation-invariant one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from forecast.core.errors import InputError, nearest
from forecast.core.rng import generator

from ..data.layout import Layout
from ..data.whitening import Whitenings
from .heads import Head, MixtureHead, PointHead
from .limits import Limit, check

PRESETS = ("compact", "nv22")
SMALLEST_NV22 = 16
"""Clusters that four poolings of two rows into one need."""
_LIMITS = {
    "encoder_dropout": Limit(0, 0.99, whole=False),
    "dropout": Limit(0, 0.99, whole=False),
    "leak": Limit(0, 1, whole=False),
    "components": Limit(1, 64),
    "terse": Limit(1, 64),
    "width": Limit(1, 4096),
}


@dataclass(frozen=True)
class Architecture:
    """Everything that decides a network's shape; stored with it.

    Parameters
    ----------
    preset : str
        "compact" or "nv22".
    pooling : str
        "mean", or "max" (NV22's appendix B); for "nv22".
    encoder_dropout, dropout : float
        Shares of units dropped after the first layer of the per-cluster network, and in the last dense layers; for
        "nv22".
    leak : float
        Slope of the leaky ReLU below zero; NV22 does not print it, Keras's layer has 0.3.
    output : str
        "density" (mixture of Gaussians) or "point" (one number, absolute error).
    components : int
        Gaussians of a density.
    terse : int
        Terse values per cluster; for "compact".
    width : int
        Units of the compact network's layers.
    seed : int
        Of the initial weights.
    initial : str
        "glorot" (Keras's default; NV22 does not say), or "standardised" for "nv22": every unit starts with zero mean
        and unit variance over training catalogues (`initialisation.standardise`).
    precision : str
        "float32", "mixed_bfloat16", "mixed_float16" or "float64". Mixed ones are of the training: a network that is
        loaded works in float32.
    """

    preset: str = "compact"
    pooling: str = "mean"
    encoder_dropout: float = 0.25
    dropout: float = 0.30
    leak: float = 0.3
    output: str = "density"
    components: int = 4
    terse: int = 1
    width: int = 64
    seed: int = 1
    initial: str = "glorot"
    precision: str = "float32"

    def __post_init__(self) -> None:
        choices = {
            "preset": PRESETS,
            "pooling": ("mean", "max"),
            "output": ("density", "point"),
            "initial": ("glorot", "standardised"),
            "precision": ("float32", "float64", "mixed_bfloat16", "mixed_float16"),
        }
        check(self, _LIMITS)
        for name, known in choices.items():
            if getattr(self, name) not in known:
                raise InputError(f"{name} '{getattr(self, name)}' is unknown; {nearest(getattr(self, name), known)}")
        if self.initial == "standardised" and self.preset != "nv22":
            raise InputError("initial 'standardised' is for preset nv22; the compact network whitens its features")

    @classmethod
    def of(cls, preset: str, **changed: Any) -> Architecture:
        """A preset's own settings: NV22's network predicts a number, the compact one a density."""
        output = "point" if preset == "nv22" else "density"
        return cls(**{"preset": preset, "output": output, **changed})

    def head(self, bounded: bool) -> Head:
        """What the outputs mean; `bounded` where sigma8 has a smallest and a largest value."""
        return PointHead() if self.output == "point" else MixtureHead(self.components, bounded)

    @property
    def full(self) -> Architecture:
        """The same without products of half precision."""
        return replace(self, precision=self.precision if self.precision == "float64" else "float32")

    def to_dict(self) -> dict[str, Any]:
        """What is stored."""
        return asdict(self)


@dataclass(frozen=True)
class Network:
    """A Keras model with what is needed to use it.

    Parameters
    ----------
    model : keras.Model
        Inputs main (B, L, F), supplementary (B, L, S; left out if S = 0) and length (B,); outputs (B, O).
    architecture : Architecture
    head : Head
    """

    model: Any
    architecture: Architecture
    head: Head = field(compare=False)

    @property
    def parameters(self) -> int:
        """Trainable parameters."""
        return int(sum(np.prod(v.shape) for v in self.model.trainable_variables))

    @property
    def smallest(self) -> int:
        """Smallest catalogue that the network can take."""
        return SMALLEST_NV22 if self.architecture.preset == "nv22" else 1

    def terse(self) -> Any:
        """Model from the main features (B, L, F) to the terse values (B, L, terse)."""
        from .backend import keras

        return keras.Model(self.model.inputs[0], self.model.get_layer("terse").output)


def build(
    architecture: Architecture, layout: Layout, *, bounded: bool = True, whitening: Whitenings | None = None
) -> Network:
    """A network with initial weights that follow from its seed, whatever the backend, as do the units it drops.

    Parameters
    ----------
    architecture : Architecture
    layout : Layout
    bounded : bool
        Whether sigma8 is bounded by its prior.
    whitening : tuple of Whitening, optional
        Of the main and of the supplementary features; for "compact". None leaves features as scaled.
    """
    from .backend import keras, use_double

    if architecture.precision == "float64":
        use_double()
    head = architecture.head(bounded)
    make: Callable[..., Any] = _nv22 if architecture.preset == "nv22" else _compact
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(architecture.precision)
    try:
        inputs = _inputs(keras, layout, architecture.precision)
        outputs = make(keras, architecture, inputs, head.outputs, whitening)
        model = keras.Model([x for x in inputs if x is not None], outputs, name=architecture.preset)
    finally:
        keras.config.set_dtype_policy(before)
    _initialise(model, architecture.seed)
    return Network(model, architecture, head)


def _inputs(keras: Any, layout: Layout, precision: str) -> tuple[Any, Any, Any]:
    dtype = "float64" if precision == "float64" else "float32"
    main = keras.Input((None, len(layout.main)), name="main", dtype=dtype)
    size = len(layout.supplementary)
    supplementary = keras.Input((None, size), name="supplementary", dtype=dtype) if size else None
    return main, supplementary, keras.Input((), name="length", dtype="int32")


def _nv22(
    keras: Any, architecture: Architecture, inputs: tuple[Any, Any, Any], outputs: int, whitening: Whitenings | None
) -> Any:
    """NV22 table 3. A 1 x w convolution is a dense layer of each cluster."""
    from .layers import FAR_BELOW, Halve, RowMask

    layers, (x, supplementary, length) = keras.layers, inputs

    seeds = iter(generator(architecture.seed, "dropout").integers(2**31, size=5).tolist())

    def dropped(y: Any, share: float) -> Any:
        return layers.Dropout(share, seed=next(seeds))(y)

    def leaky(y: Any) -> Any:
        return layers.LeakyReLU(negative_slope=architecture.leak)(y)

    x = dropped(leaky(layers.Dense(2048, name="encoder_2048")(x)), architecture.encoder_dropout)
    for units in (1024, 512, 256, 128, 64):
        x = leaky(layers.Dense(units, name=f"encoder_{units}")(x))
    x = layers.Dense(1, name="terse")(layers.Dense(32, name="encoder_32")(x))
    x = x if supplementary is None else layers.Concatenate()([x, supplementary])
    x = RowMask()(x, length)
    pool = layers.AveragePooling1D if architecture.pooling == "mean" else layers.MaxPooling1D
    for units in (128, 256, 512, 1024):
        x = RowMask()(leaky(layers.Conv1D(units, 4, padding="same", name=f"convolution_{units}")(x)), length)
        x, length = pool(2)(x), Halve()(length)
        x = RowMask()(x, length)
    below = -6e4 if architecture.precision == "mixed_float16" else FAR_BELOW
    x = layers.GlobalMaxPooling1D()(RowMask(below)(x, length))
    for units in (2048, 1024, 512, 256):
        x = dropped(leaky(layers.Dense(units, name=f"dense_{units}")(x)), architecture.dropout)
    return layers.Dense(outputs, name="sigma8", dtype=_last(architecture))(layers.Dense(128, name="dense_128")(x))


def _compact(
    keras: Any, architecture: Architecture, inputs: tuple[Any, Any, Any], outputs: int, whitening: Whitenings | None
) -> Any:
    """Encoder to the terse value, joined by the supplementary data; means over clusters and ln N."""
    from .layers import RowMask, RowMean, Whiten

    layers, (x, supplementary, length) = keras.layers, inputs
    width = architecture.width

    def dense(y: Any, units: int, name: str) -> Any:
        return layers.Dense(units, activation="gelu", name=name)(y)

    if whitening is not None:
        own, rest = whitening
        x = Whiten(*own.lists, name="whitening")(x)
        if supplementary is not None and rest is not None:
            supplementary = Whiten(*rest.lists, name="supplementary_whitening")(supplementary)
    x = dense(dense(x, width, "encoder_1"), width, "encoder_2")
    x = layers.Dense(architecture.terse, name="terse")(x)
    x = x if supplementary is None else layers.Concatenate()([x, supplementary])
    x = dense(dense(x, width, "cluster_1"), width, "cluster_2")
    x = RowMean()(RowMask()(x, length), length)
    x = dense(dense(x, 2 * width, "set_1"), width, "set_2")
    return layers.Dense(outputs, name="sigma8", dtype=_last(architecture))(x)


def _last(architecture: Architecture) -> str:
    """Outputs are never of half precision."""
    return "float64" if architecture.precision == "float64" else "float32"


def _initialise(model: Any, seed: int) -> None:
    """Uniform weights of Glorot & Bengio (2010) and zero biases, from numpy: the same on every backend."""
    rng = generator(seed, "initial weights")
    for variable in model.trainable_variables:
        shape = tuple(variable.shape)
        if len(shape) < 2:
            variable.assign(np.zeros(shape))
            continue
        field_size = int(np.prod(shape[:-2]))
        limit = np.sqrt(6.0 / (field_size * (shape[-2] + shape[-1])))
        variable.assign(rng.uniform(-limit, limit, shape))


def layers_of(network: Network) -> list[dict[str, Any]]:
    """Name, output shape for N clusters, and trainable parameters of every layer."""
    rows = []
    for layer in network.model.layers:
        shape = layer.output.shape[1:]
        words = " x ".join("N" if size is None else str(size) for size in shape) or "1"
        count = int(sum(np.prod(v.shape) for v in layer.trainable_variables))
        rows.append({"name": layer.name, "shape": words, "parameters": count})
    return rows
