"""What was measured of single clusters, and how well."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace

import numpy as np

from ...core.arrays import Array
from ...core.errors import InputError
from ...model.forward import ForwardModel
from ...model.mocks import Mocks
from .edges import NARROW


@dataclass(frozen=True)
class Points:
    """What was measured of single clusters.

    Parameters
    ----------
    z : ndarray, shape (Q,)
    observables : ndarray, shape (Q, D)
        log10 of the relations' observables, package units; NaN where unknown.
    error : ndarray, shape (Q, D)
        Measurement errors, dex; the mean of lower and upper ones where they differ.
    skew : ndarray, shape (Q, D)
        (upper - lower) / (upper + lower) of asymmetric errors.
    z_error : ndarray, shape (Q,)
        Gaussian errors of the redshifts.
    log_mwl : ndarray, shape (Q,)
        log10 of weak-lensing masses, Msun/h; NaN where unknown.
    log_mwl_error : ndarray, shape (Q,)
        Own errors of `log_mwl`, dex.
    log_mwl_skew : ndarray, shape (Q,)
        As `skew`; 0 by default.
    weight : ndarray, shape (Q,)
        Number of clusters each entry stands for: 1 for real data.
    limit, limit_width : ndarray, shape (Q, D)
        log10 of upper limits of observables whose values are unknown, and the noise of the measurements in units of
        them; NaN where there is none.
    evidence : ndarray, shape (Q,)
        ln of the likelihood ratio of a cluster to a contaminant, of what is known beside; 0 by default.
    layer : ndarray of int, shape (Q,)
        As of `Mocks`.
    """

    z: Array
    observables: Array
    error: Array
    skew: Array
    z_error: Array
    log_mwl: Array
    log_mwl_error: Array
    weight: Array
    limit: Array
    limit_width: Array
    log_mwl_skew: Array = field(default_factory=lambda: np.zeros(1))
    evidence: Array = field(default_factory=lambda: np.zeros(1))
    layer: Array = field(default_factory=lambda: np.full(1, -1))

    def __post_init__(self) -> None:
        for name in ("log_mwl_skew", "evidence", "layer"):
            object.__setattr__(self, name, np.broadcast_to(getattr(self, name), self.z.shape))

    @classmethod
    def observed(
        cls,
        z: Array,
        observables: Array,
        error: Array | None = None,
        log_mwl: Array | None = None,
        log_mwl_error: Array | None = None,
        limits: tuple[Array, Array] | None = None,
    ) -> Points:
        """Points of real clusters; `limits`: `limit` and `limit_width`.

        Raises
        ------
        InputError
            If a value is infinite, an error negative or NaN, or shapes disagree; or if there is a limit of what has
            a value, or one without a positive width.
        """
        observables = np.asarray(observables, dtype=float)
        error = np.zeros_like(observables) if error is None else np.asarray(error, dtype=float)
        log_mwl = np.full(len(observables), np.nan) if log_mwl is None else np.asarray(log_mwl, dtype=float)
        own = np.zeros(len(observables)) if log_mwl_error is None else np.asarray(log_mwl_error, dtype=float)
        if not len(z) == len(observables) == len(log_mwl) == len(own) or error.shape != observables.shape:
            raise InputError("points: redshifts, observables, errors and weak-lensing masses differ in length")
        if np.isinf(observables).any() or np.isinf(log_mwl).any() or not (np.all(error >= 0) and np.all(own >= 0)):
            raise InputError("points: observables must be finite or NaN (unknown), and errors not negative")
        limit, width = (np.full_like(observables, np.nan),) * 2 if limits is None else limits
        there = ~np.isnan(limit)
        if limit.shape != observables.shape or (there & ~(np.isnan(observables) & (width > 0))).any():
            raise InputError("points: limits are of observables without a value, and their widths positive")
        return cls(
            z=np.asarray(z, dtype=float),
            observables=observables,
            error=error,
            skew=np.zeros_like(error),
            z_error=np.zeros(len(observables)),
            log_mwl=log_mwl,
            log_mwl_error=own,
            weight=np.ones(len(observables)),
            limit=limit,
            limit_width=width,
        )

    @classmethod
    def of_mocks(cls, model: ForwardModel, mocks: Mocks) -> Points:
        """Points of all clusters of mock catalogues, with the errors of the setup.

        Raises
        ------
        InputError
            If the mocks lack an observable of the model.
        """
        names = model.setup.relations.names
        missing = [name for name in names if name not in mocks.names]
        if missing:
            raise InputError(f"the mocks have {', '.join(mocks.names)}, but the model needs '{missing[0]}' too")
        observables = mocks.observables[:, [mocks.names.index(name) for name in names]]
        error = observable_errors(model, mocks.z, mocks.log_lx)
        none = np.broadcast_to(np.nan, observables.shape)
        return cls(
            z=mocks.z,
            observables=observables,
            error=error,
            skew=np.zeros_like(observables),
            z_error=model.setup.redshift_law.sigma(mocks.z),
            log_mwl=mocks.log_mwl,
            log_mwl_error=model.setup.lensing_errors(mocks.z, mocks.log_lx),
            weight=np.ones(len(mocks.z)),
            limit=none,
            limit_width=none,
            layer=mocks.layer,
        )

    @classmethod
    def joined(cls, parts: Sequence[Points]) -> Points:
        """Clusters of several lists as one."""
        return cls(**{f.name: np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(cls)})

    def __getitem__(self, part: slice | Array) -> Points:
        return Points(**{f.name: getattr(self, f.name)[part] for f in fields(self)})

    def values(self, *, lensing: bool) -> Array:
        """log10 of the observables, and with `lensing` of the weak-lensing mass, NaN where unknown; shape (Q, E)."""
        return np.column_stack([self.observables, *[self.log_mwl] * lensing])

    def errors(self, *, lensing: bool) -> tuple[Array, Array]:
        """Their errors, dex, and the skew of these, (Q, E) each."""
        own, skew = [self.log_mwl_error] * lensing, [self.log_mwl_skew] * lensing
        return np.column_stack([self.error, *own]), np.column_stack([self.skew, *skew])

    def limit_marks(self, *, lensing: bool) -> Array:
        """Which limits there are: 0 for none, 1 for a wide and 2 for a narrow edge, of all E observables, (Q, E)."""
        there = ~np.isnan(self.limit)
        marks = there.astype(int) + (there & (self.limit_width < NARROW))
        return np.pad(marks, ((0, 0), (0, 1))) if lensing else marks

    def moved(self, shift: Array) -> Points:
        """The same with values larger by (Q, E), dex."""
        size = self.observables.shape[1]
        log_mwl = self.log_mwl + shift[:, size] if shift.shape[1] > size else self.log_mwl
        return replace(self, observables=self.observables + shift[:, :size], log_mwl=log_mwl)


def observable_errors(model: ForwardModel, z: Array, log_lx: Array) -> Array:
    """Measurement errors of log10 of the observables of clusters at redshifts and measured L_X, (n,); (n, D), dex.

    L_X has the flux's; of one whose L_X is unknown they are those at the reference flux.
    """
    setup = model.setup
    errors = setup.errors_of(z, log_lx)
    errors[:, 0] = np.hypot(errors[:, 0], setup.selection.flux_error)
    return errors
