"""Binned maps of sigma8 over cluster count and median Y_X, from mock catalogues (NV22 figures 14, 18)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..core.arrays import Array
from ..core.observables import OBSERVABLES


@dataclass(frozen=True)
class Cells:
    """Size of the map's cells.

    Parameters
    ----------
    count : float
        Width in number of clusters.
    yx : float
        Width in log10 of the median Y_X.
    min_mocks : int
        Cells with fewer mocks are masked.
    """

    count: float = 20.0
    yx: float = 0.05
    min_mocks: int = 10


def _edges(values: Array, width: float) -> Array:
    low, high = np.floor(values.min() / width), np.floor(values.max() / width) + 1
    return width * np.arange(low, high + 1)


def build_map(sigma8: Array, size: Array, median_yx: Array, cells: Cells) -> Sigma8Map:
    """Bin mock catalogues.

    Parameters
    ----------
    sigma8, size, median_yx : ndarray, shape (n,)
        True sigma8, number of clusters and log10 of the median Y_X of each mock catalogue; those
        without clusters (NaN median) are left out.
    cells : Cells

    Notes
    -----
    The rise of sigma8 is a plane through the unmasked cells' means, weighted by their mocks.
    """
    keep = np.isfinite(median_yx)
    sigma8, size, median_yx = sigma8[keep], size[keep].astype(float), median_yx[keep]
    count_edges, yx_edges = _edges(size, cells.count), _edges(median_yx, cells.yx)
    column = np.digitize(size, count_edges) - 1
    line = np.digitize(median_yx, yx_edges) - 1
    shape = (len(yx_edges) - 1, len(count_edges) - 1)
    flat = np.ravel_multi_index((line, column), shape)

    def total(weights: Array | None = None) -> Array:
        return np.bincount(flat, weights, minlength=shape[0] * shape[1]).reshape(shape)

    number = total()
    good = number >= cells.min_mocks
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(good, total(sigma8) / number, np.nan)
        deviation = (sigma8 - (total(sigma8) / number).ravel()[flat]) ** 2
        std = np.where(good, np.sqrt(total(deviation) / (number - 1)), np.nan)
    middles = np.meshgrid(0.5 * (count_edges[1:] + count_edges[:-1]), 0.5 * (yx_edges[1:] + yx_edges[:-1]))
    (slope_count, slope_yx), errors = _plane(mean[good], number[good], (middles[0][good], middles[1][good]))
    return Sigma8Map(
        count_edges=count_edges,
        yx_edges=yx_edges,
        mean=mean,
        std=std,
        number=number,
        min_mocks=cells.min_mocks,
        mocks=len(sigma8),
        median_std=float(np.nanmedian(std)) if good.any() else float("nan"),
        slope_count=50 * slope_count,
        slope_count_error=50 * errors[0],
        slope_yx=0.1 * slope_yx,
        slope_yx_error=0.1 * errors[1],
    )


def _plane(mean: Array, number: Array, at: tuple[Array, Array]) -> tuple[tuple[float, float], Array]:
    """Slopes of the plane through the cells' means, weighted by mocks, and their standard errors.

    The errors follow from the scatter of the cells about the plane, curvature included.
    """
    if len(mean) < 4:
        return (float("nan"), float("nan")), np.full(2, np.nan)
    root = np.sqrt(number)[:, None]
    design = root * np.stack([np.ones(len(mean)), at[0] - at[0].mean(), at[1] - at[1].mean()], axis=1)
    solution, *_ = np.linalg.lstsq(design, root[:, 0] * mean, rcond=None)
    residual = root[:, 0] * mean - design @ solution
    covariance = np.linalg.inv(design.T @ design) * (residual @ residual) / (len(mean) - 3)
    return (float(solution[1]), float(solution[2])), np.sqrt(np.diag(covariance))[1:]


@dataclass(frozen=True)
class Sigma8Map:
    """Mean, scatter and number of sigma8 of mock catalogues, in cells of (N, median log10 Y_X).

    Parameters
    ----------
    count_edges : ndarray, shape (A + 1,)
    yx_edges : ndarray, shape (B + 1,)
        log10 of the median Y_X, Msun/h keV.
    mean, std : ndarray, shape (B, A)
        NaN in cells with fewer than `min_mocks` mocks.
    number : ndarray, shape (B, A)
    min_mocks, mocks : int
    median_std : float
        Median scatter of the cells that have enough mocks.
    slope_count, slope_yx : float
        Rise of sigma8 per 50 clusters and per 0.1 dex, linear fit over the same cells.
    slope_count_error, slope_yx_error : float
    proxy_unit : str
        Of the mass proxy, here called Y_X whatever it is.
    """

    count_edges: Array
    yx_edges: Array
    mean: Array
    std: Array
    number: Array
    min_mocks: int
    mocks: int
    median_std: float
    slope_count: float
    slope_count_error: float
    slope_yx: float
    slope_yx_error: float
    proxy_unit: str = OBSERVABLES["yx"].unit

    @property
    def lacking(self) -> str:
        """Why there is no scatter, and what to do; empty if there is one."""
        known = self.median_std is not None and np.isfinite(self.median_std)
        return "" if known else "no cell holds enough mocks; enlarge map.cell_count and map.cell_yx, or map.mocks"
