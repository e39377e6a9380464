"""Layers for catalogues of different length: rows beyond a catalogue's own never change a number."""

from __future__ import annotations

from typing import Any

import numpy as np

from .backend import keras

ops = keras.ops
FAR_BELOW = -1e9


@keras.saving.register_keras_serializable("massanchor")
class RowMask(keras.layers.Layer):
    """Replace rows at and beyond each catalogue's length by a constant.

    Parameters
    ----------
    fill : float
    """

    def __init__(self, fill: float = 0.0, **settings: Any) -> None:
        super().__init__(**settings)
        self.fill = fill

    def call(self, x: Any, length: Any) -> Any:
        """x (B, L, C) and lengths (B,)."""
        row = ops.arange(ops.shape(x)[1])
        inside = ops.expand_dims(row[None, :] < length[:, None], -1)
        return ops.where(inside, x, ops.cast(self.fill, x.dtype))

    def get_config(self) -> dict[str, Any]:
        """Settings."""
        return {**super().get_config(), "fill": self.fill}


@keras.saving.register_keras_serializable("massanchor")
class Halve(keras.layers.Layer):
    """Length after a pooling of two rows into one."""

    def call(self, length: Any) -> Any:
        """Lengths (B,)."""
        return ops.floor_divide(length, 2)


@keras.saving.register_keras_serializable("massanchor")
class RowMean(keras.layers.Layer):
    """Mean over each catalogue's own rows, and ln of their number over 100."""

    def call(self, x: Any, length: Any) -> Any:
        """x (B, L, C), zero beyond the lengths (B,); shape (B, C + 1)."""
        number = ops.expand_dims(ops.cast(length, x.dtype), -1)
        return ops.concatenate([ops.sum(x, axis=1) / number, ops.log(number / 100.0)], axis=-1)


@keras.saving.register_keras_serializable("massanchor")
class Whiten(keras.layers.Layer):
    """Fixed linear map that gives the training clusters' features zero mean and unit covariance.

    Parameters
    ----------
    mean : list of float, length F
    matrix : list of lists, shape (F, F)
    """

    def __init__(self, mean: list[float], matrix: list[list[float]], **settings: Any) -> None:
        super().__init__(**settings)
        self.mean, self.matrix = mean, matrix

    def call(self, x: Any) -> Any:
        """x (B, L, F)."""
        return ops.matmul(x - ops.cast(np.array(self.mean), x.dtype), ops.cast(np.array(self.matrix), x.dtype))

    def get_config(self) -> dict[str, Any]:
        """Settings."""
        return {**super().get_config(), "mean": self.mean, "matrix": self.matrix}
