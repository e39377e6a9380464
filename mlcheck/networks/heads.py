"""What a network says of sigma8: a number, or a density truncated to the prior."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from scipy import special

from forecast.core.arrays import Array

GRID = np.linspace(0.0, 1.0, 1001)
"""Scaled sigma8 at which densities are tabulated."""
SMALLEST_WIDTH, _LOG_2PI = 0.002, float(np.log(2 * np.pi))
_TINY = 1e-7


class Head(Protocol):
    """Meaning of a network's outputs."""

    @property
    def outputs(self) -> int:
        """Numbers per catalogue."""

    @property
    def density(self) -> bool:
        """Whether they make a density."""

    def loss(self, target: Any, outputs: Any) -> Any:
        """Loss of each catalogue, (B,), of scaled sigma8 (B,) and outputs (B, O)."""

    def centre(self, outputs: Array) -> Array:
        """Scaled sigma8 predicted, (B,)."""


@dataclass(frozen=True)
class PointHead:
    """One number and its absolute error (NV22 section 3.3)."""

    outputs: int = 1
    density: bool = False

    def loss(self, target: Any, outputs: Any) -> Any:
        """Absolute error."""
        from .backend import keras

        return keras.ops.abs(outputs[:, 0] - target)

    def centre(self, outputs: Array) -> Array:
        """The number."""
        return np.asarray(outputs)[:, 0].astype(float)


@dataclass(frozen=True)
class MixtureHead:
    """Mixture of Gaussians, truncated to the unit interval where the prior is; loss: - ln density.

    Parameters
    ----------
    components : int
    bounded : bool
        Whether scaled sigma8 lies between 0 and 1.
    """

    components: int = 4
    bounded: bool = True
    density: bool = True

    @property
    def outputs(self) -> int:
        """Numbers per catalogue."""
        return 3 * self.components

    def loss(self, target: Any, outputs: Any) -> Any:
        """Minus ln density of scaled sigma8."""
        from .backend import keras

        ops, k = keras.ops, self.components
        log_weight = outputs[:, :k] - ops.logsumexp(outputs[:, :k], axis=1, keepdims=True)
        centre, width = 0.5 + ops.tanh(outputs[:, k : 2 * k]), SMALLEST_WIDTH + ops.softplus(outputs[:, 2 * k :] - 2.0)
        u = (target[:, None] - centre) / width
        value = ops.logsumexp(log_weight - 0.5 * (u * u + _LOG_2PI) - ops.log(width), axis=1)
        if not self.bounded:
            return -value
        root = np.float32(np.sqrt(0.5))
        inside = 0.5 * (ops.erf((1.0 - centre) / width * root) - ops.erf(-centre / width * root))
        return ops.log(ops.sum(ops.exp(log_weight) * inside, axis=1) + _TINY) - value

    def table(self, outputs: Array) -> Array:
        """Density at `GRID` (beyond it there is none), shape (B, G), in float64."""
        out, k = np.asarray(outputs, dtype=float), self.components
        log_weight = out[:, :k] - special.logsumexp(out[:, :k], axis=1, keepdims=True)
        centre = 0.5 + np.tanh(out[:, k : 2 * k])
        width = SMALLEST_WIDTH + np.logaddexp(0.0, out[:, 2 * k :] - 2.0)
        log_density = np.full((len(out), len(GRID)), -np.inf)
        for j in range(k):
            u = (GRID - centre[:, j, None]) / width[:, j, None]
            log_density = np.logaddexp(log_density, (log_weight[:, j] - np.log(width[:, j]))[:, None] - 0.5 * u * u)
        density = np.exp(log_density - log_density.max(axis=1, keepdims=True))
        normalised: Array = density / integral(density)[:, None]
        return normalised

    def centre(self, outputs: Array) -> Array:
        """Mean of the density."""
        return moments(self.table(outputs))[0]


def integral(values: Array) -> Array:
    """Integral of tabulated values (B, G) over `GRID`, shape (B,)."""
    return np.asarray(np.trapezoid(values, GRID, axis=1))


def moments(density: Array) -> tuple[Array, Array]:
    """Mean and standard deviation of tabulated densities (B, G) over `GRID`."""
    mean = integral(density * GRID)
    return mean, np.sqrt(integral(density * (GRID - mean[:, None]) ** 2))


def cumulative(density: Array, at: Array) -> Array:
    """Cumulative probability of tabulated densities (B, G) at scaled values (B,)."""
    step = GRID[1] - GRID[0]
    cells = 0.5 * step * (density[:, 1:] + density[:, :-1])
    sums = np.concatenate([np.zeros((len(density), 1)), np.cumsum(cells, axis=1)], axis=1)
    return np.array([np.interp(x, GRID, row) for x, row in zip(np.asarray(at), sums / sums[:, -1:], strict=True)])
