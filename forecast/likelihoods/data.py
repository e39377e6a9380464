"""What a survey observed, or is expected to."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from ..core.arrays import Array
from ..core.errors import InputError
from ..model.catalogue import Catalogue
from ..model.forward import ForwardModel
from ..model.mean_density import at_mean_density
from ..model.mocks import Mocks
from ..model.yx_distribution import TabulatedDistribution
from ..reading.limits import UpperLimits
from ..survey.detection.layers import layer_numbers
from .bins import YxBins, bin_models, members
from .density.evidence import Evidence
from .density.followed import Proxied
from .density.observed_yx import ErrorTrend, ObservedYx, OfYx
from .density.points import Points, observable_errors
from .expected_points import expected_points


@dataclass(frozen=True)
class Data:
    """What a survey observed, or is expected to.

    Parameters
    ----------
    size : float
        Number of selected clusters; not an integer only for expected data.
    log_yx : ndarray, shape (Q,)
        log10 Y_X, Msun/h keV, of the clusters that have one (nodes of a quadrature for expected data).
    error : ndarray, shape (Q,)
        Measurement error of log10 Y_X, dex.
    skew : ndarray, shape (Q,)
        (upper - lower) / (upper + lower) of asymmetric errors, whose mean is `error`.
    weight : ndarray, shape (Q,)
        Number of clusters each entry stands for: 1 for real data.
    median : float
        Median of log10 Y_X, where limits count as smaller; NaN if no cluster has one, or limits do not tell.
    points : Points or None
        Redshift and observables of every cluster, for the levels ``full`` and ``full+wl``.
    bins : tuple of Data
        The same by redshift bin and layer of the sky, for a survey whose data are kept apart by them.
    limit, limit_width : ndarray, shape (L,)
        log10 of the upper limits of Y_X of clusters that have one, and the noise behind them in units of the limits.
    evidence : Evidence or None
        What tells clusters from contaminants, for the level ``unbinned``; that of others is part of their `points`.
    """

    size: float
    log_yx: Array = field(default_factory=lambda: np.empty(0))
    error: Array = field(default_factory=lambda: np.empty(0))
    weight: Array = field(default_factory=lambda: np.empty(0))
    median: float = float("nan")
    points: Points | None = None
    bins: tuple[Data, ...] = ()
    limit: Array = field(default_factory=lambda: np.empty(0))
    limit_width: Array = field(default_factory=lambda: np.empty(0))
    evidence: Evidence | None = None
    skew: Array = field(default_factory=lambda: np.empty(0))

    def __repr__(self) -> str:
        number = f"{self.size:g}" if float(self.size).is_integer() else f"{self.size:.1f}"
        parts = f", in {len(self.bins)} bins" if self.bins else ""
        return f"<data of {number} clusters, {self.number_with_yx:.4g} with Y_X of median 10^{self.median:.2f}{parts}>"

    @classmethod
    def observed(
        cls,
        size: int,
        log_yx: Array,
        error: Array | None = None,
        points: Points | None = None,
        limits: tuple[Array, Array] | None = None,
        skew: Array | None = None,
    ) -> Data:
        """Data of `size` clusters of which those in `log_yx` have a Y_X, others `limits` (and their widths) of it."""
        log_yx = np.asarray(log_yx, dtype=float)
        limit, width = (np.empty(0), np.empty(0)) if limits is None else limits
        if len(log_yx) + len(limit) > size:
            beside = f" and {len(limit)} limits" if len(limit) else ""
            raise InputError(f"{len(log_yx)} values of Y_X{beside} for {size} clusters")
        if not np.all(np.isfinite(log_yx)):
            raise InputError("log10 Y_X must be finite; leave clusters without Y_X out, they still count in N")
        error, skew = (np.zeros_like(log_yx) if x is None else np.asarray(x, dtype=float) for x in (error, skew))
        return cls(
            size=size,
            log_yx=log_yx,
            error=error,
            weight=np.ones_like(log_yx),
            median=censored_median(log_yx, limit),
            points=points,
            limit=limit,
            limit_width=width,
            skew=skew,
        )

    @classmethod
    def of_mock(cls, model: ForwardModel, mocks: Mocks, index: int = 0) -> Data:
        """Data of one mock catalogue."""
        mine = mocks.row == index
        log_yx, error = mocks.log_yx[mine], np.full(int(mine.sum()), model.setup.yx_error)
        return cls.of_clusters(model, mocks.z[mine], (log_yx, error), Points.of_mocks(model, mocks)[mine])

    @classmethod
    def of_clusters(
        cls,
        model: ForwardModel,
        z: Array,
        yx: tuple[Array, ...],
        points: Points | None,
        limits: UpperLimits | None = None,
    ) -> Data:
        """Data of clusters at redshifts (n,): log10 Y_X, NaN where unknown, its error, and maybe skew, (n,) each."""
        skew = yx[2] if len(yx) > 2 else np.zeros(len(z))

        def some(mine: Array) -> Data:
            known = mine & np.isfinite(yx[0])
            limited = mine & limits.known if limits is not None else np.zeros_like(mine)
            below = None if limits is None else limits[limited]
            edges = None if below is None else (below.limit, below.width)
            found = cls.observed(int(mine.sum()), yx[0][known], yx[1][known], limits=edges, skew=skew[known])
            if points is None or not points.evidence.any():
                return found
            groups = (points.evidence[part] for part in (known, mine & ~known & ~limited, limited))
            return replace(found, evidence=Evidence(*groups))

        whole = replace(some(np.ones(len(z), dtype=bool)), points=points)
        if len(model.setup.bins) == 1:
            return whole
        layer = None if points is None else points.layer
        return replace(whole, bins=tuple(some(mine) for mine in members(model.setup, z, layer)))

    @classmethod
    def expected(cls, model: ForwardModel, theta: Array | None = None, *, points: bool = False) -> Data:
        """Asimov data of `model` at `theta`, (D,) (default: fiducial, mean density); `points`: single clusters too."""
        theta = at_mean_density(model) if theta is None else theta
        error, some = model.setup.yx_error, Proxied.of(model).model
        bins, grid = YxBins.of(some), some.yx_grid
        nodes, weight = bins.nodes, some.yx_density(theta[None], bins.nodes, error)[0] * bins.weights
        table = TabulatedDistribution.from_density(grid, some.yx_density(theta[None], grid, error))
        keep = weight > 1e-9 * weight.sum()
        return cls(
            size=float(model.expected_count(theta[None])[0]),
            log_yx=nodes[keep],
            error=np.full(int(keep.sum()), error),
            skew=np.zeros(int(keep.sum())),
            weight=weight[keep],
            median=table.quantile(0.5),
            points=expected_points(model, theta) if points else None,
            bins=tuple(cls.expected(part, theta) for part in bin_models(model)),
        )

    @property
    def number_with_yx(self) -> float:
        """Number of clusters with a Y_X."""
        return float(self.weight.sum())

    @property
    def number_without_yx(self) -> float:
        """Number of clusters with neither a Y_X nor a limit of it."""
        return max(self.size - self.number_with_yx - len(self.limit), 0.0)

    @property
    def rms_error(self) -> float:
        """Root mean square error of log10 Y_X, dex; 0 if no cluster has a Y_X."""
        return float(np.sqrt(np.average(self.error**2, weights=self.weight))) if len(self.error) else 0.0

    def asymmetric(self, model: OfYx) -> ObservedYx | None:
        """Density of Y_X measured with errors that are asymmetric or go with Y_X; None if there are no such ones."""
        unlike = self.skew.any() or ErrorTrend.of(self.log_yx, self.error).slope
        return ObservedYx(model, self.log_yx, self.error, self.skew) if unlike else None

    def rounded(self) -> Data:
        """The same with a whole number of clusters: counts and medians need one."""
        return replace(self, size=float(round(self.size)), bins=tuple(part.rounded() for part in self.bins))


def censored_median(values: Array, limit: Array) -> float:
    """Median of values and of what lies below limits; NaN if there is nothing, or a limit lies above it.

    >>> censored_median(np.array([1.0, 2.0, 3.0]), np.array([0.5])), censored_median(np.array([1.0]), np.array([0.5]))
    (1.5, nan)
    """
    ordered, number = np.sort(values)[::-1], len(values) + len(limit)
    middle = ordered[(number - 1) // 2 : number // 2 + 1]
    if len(middle) < 2 - number % 2 or np.any(limit > middle[-1]):
        return float("nan")
    return float(np.mean(middle))


def catalogue_points(model: ForwardModel, catalogue: Catalogue) -> Points:
    """Single clusters of a catalogue; observables and lensing masses that it does not list are unknown.

    Errors are each cluster's own; where one is unknown, the setup's, which are symmetric.
    """
    setup, names, unknown = model.setup, model.setup.relations.names, np.full(catalogue.size, np.nan)
    listed = [catalogue.observables.get(name, (unknown, unknown)) for name in names]
    values, errors = (np.column_stack(column) for column in zip(*listed, strict=True))
    log_mwl, own = catalogue.observables.get("wl", (unknown, np.zeros(catalogue.size)))
    nothing = UpperLimits(unknown, unknown)
    limits = [catalogue.limits.get(name, nothing) for name in names]
    points = Points.observed(
        z=catalogue.z,
        observables=values,
        error=np.where(errors > 0, errors, observable_errors(model, catalogue.z, catalogue.log_lx)),
        log_mwl=log_mwl,
        log_mwl_error=np.where(own > 0, own, setup.lensing_errors(catalogue.z, catalogue.log_lx)),
        limits=(np.column_stack([one.limit for one in limits]), np.column_stack([one.width for one in limits])),
    )
    skew = np.where(errors > 0, np.column_stack([catalogue.skew(name) for name in names]), 0.0)
    own_z = np.zeros(catalogue.size) if catalogue.z_error is None else catalogue.z_error
    z_error = np.where(own_z > 0, own_z, setup.redshift_law.sigma(catalogue.z))
    mwl_skew = np.where(own > 0, catalogue.skew("mwl"), 0.0)
    points = replace(points, skew=skew, log_mwl_skew=mwl_skew, z_error=z_error)
    if setup.binned_by_layer:
        if catalogue.layer is None:
            raise InputError(
                'survey.binned_by_layer: the catalogue names no layers; map their column, layer = "COLUMN" under '
                "[catalogue.columns], or set it to false for the mean chance of detection"
            )
        points = replace(points, layer=layer_numbers(setup.selection.in_flux, catalogue.layer))
    return points if catalogue.evidence is None else replace(points, evidence=catalogue.evidence)
