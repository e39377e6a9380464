"""Density of (cluster count, median log10 Y_X) on the plane of the sigma8 map, for many parameter vectors at once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import special

from ..core.arrays import Array
from ..model.forward import ForwardModel
from ..model.yx_distribution import TabulatedDistribution

POINTS = 4
"""Points in either direction that show one cell of the binned map."""
EXPANDED = 20
"""Even count from which the median's density is expanded in 1/N; below, it is integrated."""
REACH = 1.5
"""Half-range in log10 Y_X over which it is integrated, dex."""
_SIZES, _SHIFTS, _INTEGRAL_STEP, _TRIAL = 20, 100_000, 0.025, 1.1
_TINY = np.finfo(float).tiny


@dataclass(frozen=True)
class Plane:
    """Nodes of the map's plane: a column of cluster counts for each of its cells, one axis in log10 Y_X.

    Parameters
    ----------
    count_edges : ndarray, shape (A + 1,)
    yx_edges : ndarray, shape (B + 1,)
        log10 of the median Y_X, Msun/h keV; equal steps.
    """

    count_edges: Array
    yx_edges: Array

    @property
    def step(self) -> float:
        """Distance of the nodes in log10 Y_X, dex."""
        return float(self.yx_edges[1] - self.yx_edges[0]) / POINTS

    @property
    def log_yx(self) -> Array:
        """Middles of the equal parts of every cell, shape (b,)."""
        number = POINTS * (len(self.yx_edges) - 1)
        return np.asarray(self.yx_edges[0] + self.step * (np.arange(number) + 0.5))

    @cached_property
    def columns(self) -> list[tuple[Array, float]]:
        """For each cell the counts summed over, none of them 0, and how many counts each one stands for."""
        found = []
        for low, high in zip(self.count_edges[:-1], self.count_edges[1:], strict=True):
            every = np.arange(max(1, np.ceil(low)), np.ceil(high)).astype(int)
            stride = max(1, -(-len(every) // _SIZES))
            kept = every[stride // 2 :: stride]
            found.append((kept, len(every) / max(len(kept), 1)))
        return found

    def shown(self, column: int) -> Array:
        """Indices of those of a column's counts that become points of the map."""
        number = len(self.columns[column][0])
        return np.unique(((np.arange(POINTS) + 0.5) * number / POINTS).astype(int)) if number else np.arange(0)

    @property
    def size(self) -> Array:
        """Cluster counts of the map's points, shape (a,)."""
        return np.concatenate([sizes[self.shown(i)] for i, (sizes, _) in enumerate(self.columns)])

    @property
    def padding(self) -> int:
        """Nodes beyond either end that integrals for small counts need."""
        smallest = min((int(sizes.min()) for sizes, _ in self.columns if len(sizes)), default=EXPANDED)
        return int(REACH / self.step) + 1 if smallest < EXPANDED else 0


@dataclass(frozen=True)
class Shift:
    """Parameters that only move log10 Y_X, and the density of the move they cause, in steps of the plane.

    Parameters
    ----------
    index : ndarray of int
        Which parameters.
    first : int
        Smallest move.
    weight : ndarray, shape (J,)
        Chances of the moves `first`, `first` + 1, ...
    """

    index: Array
    first: int
    weight: Array

    @classmethod
    def of(cls, model: ForwardModel, step: float, *, rng: np.random.Generator) -> Shift:
        """Draw the parameters from the prior, and share each move among four nodes (cubic interpolation)."""
        parameters, relations = model.parameters, model.setup.relations
        index = np.array([i for i in range(len(parameters.free)) if _only_moves(model, i)], dtype=int)
        theta = np.repeat(parameters.fiducial[None], _SHIFTS, axis=0)
        theta[:, index] = parameters.draw(_SHIFTS, rng=rng)[:, index]
        fiducial = relations.at(parameters.values(parameters.fiducial)).yx.log_norm
        move = np.broadcast_to((relations.at(parameters.values(theta)).yx.log_norm - fiducial) / step, _SHIFTS)
        cell = np.floor(move).astype(int)
        t, first = move - cell, int(cell.min()) - 1
        outer, inner = t * (1 - t) / 6, (1 + t) * (2 - t) / 2
        shares = (-outer * (2 - t), inner * (1 - t), inner * t, -outer * (1 + t))
        length = int(cell.max()) - first + 3
        weight = sum(np.bincount(cell - first + k - 1, share, length) for k, share in enumerate(shares))
        return cls(index, first, np.asarray(weight) / _SHIFTS)

    def sources(self, nodes: int, padding: int) -> Array:
        """Positions, in steps from the first of `nodes` nodes, at which unmoved densities are needed."""
        return np.arange(1 - self.first - len(self.weight) - padding, nodes - self.first + padding)

    def matrix(self, nodes: int) -> Array:
        """From densities at the sources, without padding, to those on `nodes` nodes."""
        reach = len(self.weight) - 1
        out = np.zeros((nodes, nodes + reach))
        for k, weight in enumerate(self.weight):
            out[np.arange(nodes), np.arange(nodes) + reach - k] = weight
        return out


def _only_moves(model: ForwardModel, index: int) -> bool:
    """Whether all a parameter does, at the fiducial values of the others, is to move log10 Y_X."""
    parameters = model.parameters
    if not parameters.names[index].startswith("norm_"):
        return False
    theta = np.repeat(parameters.fiducial[None], 2, axis=0)
    theta[1, index] *= _TRIAL
    log_norm = np.broadcast_to(model.setup.relations.at(parameters.values(theta)).yx.log_norm, 2)
    move, counts = float(log_norm[1] - log_norm[0]), model.expected_count(theta)
    if not move or abs(counts[1] / counts[0] - 1) > 1e-9:
        return False
    before = model.yx_density(theta[:1], model.yx_grid)[0]
    likely = before > 1e-2 * before.max()
    after = model.yx_density(theta[1:], model.yx_grid[likely] + move)[0]
    return bool(np.all(np.abs(after / before[likely] - 1) < 1e-3))


@dataclass(frozen=True)
class Tables:
    """Distribution of one cluster's log10 Y_X on uniform nodes for D draws, in ascending order of `count`.

    Parameters
    ----------
    order : ndarray of int, shape (D,)
        Of the parameter vectors.
    count : ndarray, shape (D,)
        Expected number of clusters.
    log_density, slope : ndarray, shape (Y, D)
        ln p, per dex, and d ln p / dy.
    below : ndarray, shape (Y, D)
        Probability F of less.
    step : float
        Distance of the nodes, dex.
    """

    order: Array
    count: Array
    log_density: Array
    slope: Array
    below: Array
    step: float

    @classmethod
    def of(cls, model: ForwardModel, theta: Array, nodes: Array) -> Tables:
        """Tables at parameter vectors `theta`."""
        grid = model.yx_grid
        table = TabulatedDistribution.from_density(grid, model.yx_density(theta, grid, model.setup.yx_error))
        order, at = np.argsort(table.count), np.clip(nodes, grid[0], grid[-1])
        log_density = np.asarray(table.log_density(at)) - np.log(table.count)[:, None]
        below = np.clip(np.asarray(table.cumulative(at)) / table.count[:, None], 1e-15, 1 - 1e-15)
        slope = np.asarray(table.log_density(at, 1))
        log_density[:, nodes != at] = -np.inf
        log_density, slope, below = (np.ascontiguousarray(x[order].T) for x in (log_density, slope, below))
        return cls(
            order=order,
            count=table.count[order],
            log_density=log_density,
            slope=slope,
            below=below,
            step=float(nodes[1] - nodes[0]),
        )

    def near(self, sizes: Array) -> tuple[Tables, slice, slice]:
        """The draws that may have one of `sizes` clusters, on the nodes that may be their median: slices of both."""
        few, many = np.sqrt(sizes.min()), np.sqrt(sizes.max())
        draws = slice(*np.searchsorted(self.count, [few * (few - 7), many * (many + 7) + 25]))
        hit = np.flatnonzero((np.abs(self.below[:, draws] - 0.5) < 3.5 / few).any(axis=1))
        nodes = slice(int(hit[0]), int(hit[-1]) + 1) if len(hit) else slice(0, 0)
        log_density, slope, below = (x[nodes, draws] for x in (self.log_density, self.slope, self.below))
        return (
            Tables(
                order=self.order[draws],
                count=self.count[draws],
                log_density=log_density,
                slope=slope,
                below=below,
                step=self.step,
            ),
            nodes,
            draws,
        )

    @cached_property
    def _log_both(self) -> Array:
        both: Array = np.log(self.below * (1 - self.below))
        return both

    @cached_property
    def _log_rate(self) -> Array:
        return np.log(self.count) + 0.5 * self._log_both

    @cached_property
    def _correction(self) -> Array:
        """p'/p^2 (1-2F) F(1-F) - F^2 - (1-F)^2."""
        F, both = self.below, np.exp(self._log_both)
        with np.errstate(over="ignore", invalid="ignore"):
            tilt = self.slope * np.exp(-self.log_density) * (1 - 2 * F) * both
        correction: Array = np.nan_to_num(tilt) + 2 * both - 1
        return correction

    def log_joint(self, size: int) -> Array:
        r"""ln p(N, y), per dex, for a count N of `size`: ln Poisson(N) + ln of the median's density, shape (Y, D).

        The density of the median is, for odd N, N!/((N-1)/2)!^2 [F(1-F)]^((N-1)/2) p, and for even N = 2n
        2 N!/((n-1)!)^2 p [F(1-F)]^n [1 + c/(n-1)] / (n-1), c = p'/p^2 (1-2F) F(1-F) - F^2 - (1-F)^2: the integral of
        `forecast.model.yx_distribution.log_median_density` to first order in 1/n (0.002 in ln p at N = 20, 0.0003 at
        60).
        """
        half = size // 2
        value = size * self._log_rate
        value += self.log_density
        value -= self.count
        if size % 2:
            value -= 0.5 * self._log_both
            value -= 2 * special.gammaln(half + 1)
        elif size >= EXPANDED:
            value += np.log(np.maximum(1 + self._correction / (half - 1), _TINY))
            value += np.log(2) - 2 * special.gammaln(half) - np.log(half - 1)
        else:
            value = size * np.log(self.count) - self.count + self._log_integral(half)
            value += np.log(2) - 2 * special.gammaln(half)
        return value

    def _log_integral(self, half: int) -> Array:
        r"""ln \int_0^\infty [F(y-t)]^(n-1) [1-F(y+t)]^(n-1) p(y-t) p(y+t) dt by Simpson's rule, shape (Y, D)."""
        p = np.exp(self.log_density)
        low, high = self.below ** (half - 1) * p, (1 - self.below) ** (half - 1) * p
        stride = max(1, int(_INTEGRAL_STEP / self.step))
        far = min(int(REACH * min(1.0, 4 / max(half - 1, 1)) / self.step), len(p) - 1)
        steps = 2 * (far // (2 * stride))
        total = np.zeros_like(p)
        for k in range(steps + 1):
            weight = stride * self.step / 3 * (1 if k in (0, steps) else 4 if k % 2 else 2)
            reach = k * stride
            total[reach : len(p) - reach] += weight * low[: len(p) - 2 * reach] * high[2 * reach :]
        return np.log(np.maximum(total, _TINY))
