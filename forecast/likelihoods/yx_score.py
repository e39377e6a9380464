"""Expected density of log10 Y_X and its derivatives by the parameters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline

from ..core.arrays import Array
from ..core.chunks import in_parts
from ..model.forward import ForwardModel
from .derivatives import derivatives, outer_sum


@dataclass(frozen=True)
class YxScore:
    """Expected density of log10 Y_X at uniform nodes (G,), and the derivatives of its logarithm, (D, G)."""

    grid: Array
    density: Array
    slope: Array

    @classmethod
    def of(cls, model: ForwardModel, at: Array) -> YxScore:
        """Where the density is more than 1e-8 of its maximum."""
        error = model.setup.yx_error
        grid = np.linspace(model.yx_grid[0], model.yx_grid[-1], 2 * len(model.yx_grid))
        density = model.yx_density(at[None], grid, error)[0]
        keep = density > 1e-8 * density.max()
        grid, density = grid[keep], density[keep]
        slope = derivatives(lambda theta: np.log(model.yx_density(theta, grid, error)), model.parameters, at)
        return cls(grid, density, slope)

    @property
    def information(self) -> Array:
        """Integral of d_i(lambda) d_j(lambda) / lambda."""
        step = (self.grid[-1] - self.grid[0]) / max(len(self.grid) - 1, 1)
        information: Array = outer_sum(self.slope, self.density) * step
        return information

    def at(self, log_yx: Array) -> Array:
        """Derivatives at values of log10 Y_X, (n,), shape (D, n); beyond the nodes those at the last one."""
        return np.asarray(CubicSpline(self.grid, self.slope, axis=1)(np.clip(log_yx, self.grid[0], self.grid[-1])))


def density_on_nodes(model: ForwardModel, log_yx: Array, theta: Array) -> tuple[Array, Array]:
    """The model's nodes in log10 Y_X, continued to hold values (n,), and densities on them at (S, D), (S, G)."""
    grid, held = model.yx_grid, np.concatenate([model.yx_grid, log_yx])
    step = grid[1] - grid[0]
    left, right = np.ceil((grid[0] - held.min()) / step), np.ceil((held.max() - grid[-1]) / step)
    grid = grid[0] + step * np.arange(-left, len(grid) + right)
    return grid, in_parts(lambda part: model.yx_density(part, grid, model.setup.yx_error), theta)
