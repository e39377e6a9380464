"""What was measured of single clusters, and how well."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

from ...core.arrays import Array
from ...core.errors import InputError
from ...model.forward import ForwardModel
from ...model.mocks import Mocks


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
    weight : ndarray, shape (Q,)
        Number of clusters each entry stands for: 1 for real data.
    """

    z: Array
    observables: Array
    error: Array
    skew: Array
    z_error: Array
    log_mwl: Array
    weight: Array

    @classmethod
    def observed(cls, z: Array, observables: Array, error: Array | None = None, log_mwl: Array | None = None) -> Points:
        """Points of real clusters.

        Raises
        ------
        InputError
            If a value is infinite, an error negative or NaN, or shapes disagree.
        """
        observables = np.asarray(observables, dtype=float)
        error = np.zeros_like(observables) if error is None else np.asarray(error, dtype=float)
        log_mwl = np.full(len(observables), np.nan) if log_mwl is None else np.asarray(log_mwl, dtype=float)
        if not len(z) == len(observables) == len(log_mwl) or error.shape != observables.shape:
            raise InputError("points: redshifts, observables, errors and weak-lensing masses differ in length")
        if np.isinf(observables).any() or np.isinf(log_mwl).any() or not np.all(error >= 0):
            raise InputError("points: observables must be finite or NaN (unknown), and errors not negative")
        return cls(
            z=np.asarray(z, dtype=float),
            observables=observables,
            error=error,
            skew=np.zeros_like(error),
            z_error=np.zeros(len(observables)),
            log_mwl=log_mwl,
            weight=np.ones(len(observables)),
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
        error = np.broadcast_to(observable_errors(model), observables.shape)
        return cls(
            z=mocks.z,
            observables=observables,
            error=error,
            skew=np.zeros_like(observables),
            z_error=np.zeros(len(observables)),
            log_mwl=mocks.log_mwl,
            weight=np.ones(len(mocks.z)),
        )

    def __getitem__(self, part: slice | Array) -> Points:
        return Points(**{f.name: getattr(self, f.name)[part] for f in fields(self)})

    def without_weak_lensing(self) -> Points:
        """The same with weak-lensing masses unknown."""
        return replace(self, log_mwl=np.full(len(self.z), np.nan))


def observable_errors(model: ForwardModel) -> Array:
    """Measurement errors of log10 of the observables in a setup, shape (D,), dex; L_X has the flux's."""
    setup = model.setup
    errors = np.array(setup.errors or np.zeros(len(setup.relations.names)))
    errors[0] = np.hypot(errors[0], setup.selection.flux_error)
    return errors
