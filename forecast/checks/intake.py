"""What a catalogue brings to a fit: its number of clusters, what is known of them, whether the survey can have them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from ..core.arrays import Array
from ..core.caution import Caution
from ..core.units import LN10
from ..likelihoods.density.observed_yx import ErrorTrend
from ..likelihoods.density.uncertain_redshift import redshifts_are_data
from ..model.catalogue import Catalogue
from ..model.forward import ForwardModel
from ..model.mean_density import expected_number
from ..model.setup import Setup
from .duplicates import duplicate_doubts, listed_twice
from .followed import Followed, deep_limits, which_followed
from .offsets import Offset, offsets
from .reach import faint_clusters

DRAWS = 1000
"""Parameter vectors drawn from the prior."""
FEW = 3
"""Clusters that no survey finds at one redshift, to every digit."""
_AS_LARGE = 1 / LN10
"""Error of a log10 where that of the value is the value itself, dex."""


@dataclass(frozen=True)
class Measured:
    """What is known of one observable.

    Parameters
    ----------
    name : str
        "lx", "t", "mgas" or "yx".
    known : int
        Clusters that have one.
    median : float
        Median of its log10 (erg/s, keV, Msun/h, Msun/h keV); NaN if no cluster has one.
    error : float
        rms of the known errors of its log10, dex; 0 if none is known.
    vague : float
        Part of the known errors that are larger than the values themselves.
    limits : int
        Clusters that have an upper limit instead.
    drift : float
        dex by which values would be corrected for symmetric errors that go with the true value: to first order
        d(error^2)/d log10 of it, averaged over known values.
    """

    name: str
    known: int
    median: float
    error: float
    vague: float = 0.0
    limits: int = 0
    drift: float = 0.0


@dataclass(frozen=True)
class Number:
    """N beside what the model expects.

    Parameters
    ----------
    observed : float
    fiducial : float
        Expected at the fiducial parameters.
    low, high : float
        2.5% and 97.5% of the expected number over the prior, density contrasts of the survey included.
    chance : float
        Two-sided prior predictive tail probability: twice the chance, over prior and Poisson noise, of so
        many clusters or more, or of so few or fewer, whichever is smaller; at most 1.
    draws : int
    """

    observed: float
    fiducial: float
    low: float
    high: float
    chance: float
    draws: int

    def __str__(self) -> str:
        low, high, fiducial = (f"{x:,.0f}" if x >= 100 else f"{x:.3g}" for x in (self.low, self.high, self.fiducial))
        return (
            f"{self.observed:,g} clusters observed, {fiducial} expected at the fiducial parameters, {low} to {high} "
            "over 95% of the prior"
        )


@dataclass(frozen=True)
class RedshiftErrors:
    """Listed errors of redshifts.

    Parameters
    ----------
    rms : float
    narrowest : float or None
        Width of the narrowest redshift bin of the data, if they are binned.
    used : bool
        Whether redshifts are data.
    relative, assumed : float
        rms of errors over 1 + z, where there is one, and what the survey expects (`errors.z`).
    """

    rms: float
    narrowest: float | None
    used: bool
    relative: float = 0.0
    assumed: float = 0.0

    @classmethod
    def of(cls, setup: Setup, catalogue: Catalogue) -> RedshiftErrors | None:
        """Those of a catalogue, if it lists any."""
        if catalogue.z_error is None or not catalogue.z_error.any():
            return None
        widths, listed = np.diff(setup.geometry.redshift_edges), catalogue.z_error > 0
        relative = (catalogue.z_error / (1 + catalogue.z))[listed]
        return cls(
            rms=float(np.sqrt(np.mean(catalogue.z_error**2))),
            narrowest=float(widths.min()) if setup.binned_in_redshift else None,
            used=redshifts_are_data(setup),
            relative=float(np.sqrt(np.mean(relative**2))),
            assumed=setup.redshift_law.error,
        )


@dataclass(frozen=True)
class Intake:
    """A catalogue before it is fitted.

    Parameters
    ----------
    source : str
    size : int
    number : Number
    measured : tuple of Measured
    below : int or None
        Clusters below the flux limit at their redshift; None if the survey has none.
    outright_below : tuple of str
        Names of those that are below it by more than 3 of their errors.
    outside : tuple of str
        Names of clusters outside the survey's redshifts.
    twice : tuple of str
        Names of clusters that are listed more than once.
    remarks : tuple of Caution
        Of the reader.
    redshifts : RedshiftErrors or None
        If the catalogue lists any.
    flux_error : float or None
        Error of the flux with which the survey selects, dex; None if it does not select on flux.
    offsets : tuple of Offset
        Of observables at given L_X.
    followed : Followed or None
        Whether which clusters have a mass proxy hangs on their flux; None where all have one, or a follow-up says so.
    same_redshift : float or None
        Where all of several clusters have one and the survey is a light cone.
    """

    source: str
    size: int
    number: Number
    measured: tuple[Measured, ...]
    below: int | None = None
    outright_below: tuple[str, ...] = ()
    outside: tuple[str, ...] = ()
    twice: tuple[str, ...] = ()
    remarks: tuple[Caution, ...] = ()
    flux_error: float | None = None
    redshifts: RedshiftErrors | None = None
    offsets: tuple[Offset, ...] = ()
    followed: Followed | None = None
    same_redshift: float | None = None


def take_in(model: ForwardModel, varied: ForwardModel, catalogue: Catalogue, *, rng: np.random.Generator) -> Intake:
    """Summary of a catalogue that `model` is to be fitted to.

    Parameters
    ----------
    model : ForwardModel
    varied : ForwardModel
        The same with sample variance, for the range of N.
    catalogue : Catalogue
    rng : numpy.random.Generator
    """
    below, outright = faint_clusters(model.setup, catalogue)
    twice = listed_twice(catalogue)
    selection = model.setup.selection.in_flux
    return Intake(
        source=catalogue.source,
        size=catalogue.size,
        number=compare_number(model, varied, catalogue.size, rng=rng),
        measured=measured(catalogue),
        below=None if selection is None else int(below.sum()),
        outright_below=_names(catalogue, outright),
        outside=_names(catalogue, model.setup.geometry.outside(catalogue.z, model.setup.cosmology)),
        twice=twice,
        remarks=(
            *duplicate_doubts(catalogue, model.setup.cosmology, twice),
            *catalogue.remarks,
            *deep_limits(catalogue),
        ),
        flux_error=None if selection is None else selection.flux_error,
        redshifts=RedshiftErrors.of(model.setup, catalogue),
        offsets=offsets(model, catalogue, rng=rng),
        followed=which_followed(model.setup, catalogue),
        same_redshift=same_redshift(catalogue) if model.setup.geometry.spans_redshifts else None,
    )


def same_redshift(catalogue: Catalogue) -> float | None:
    """The redshift of all clusters, if there are several and it is one."""
    return float(catalogue.z[0]) if catalogue.size >= FEW and np.ptp(catalogue.z) == 0 else None


def _names(catalogue: Catalogue, chosen: Array) -> tuple[str, ...]:
    return tuple(catalogue.name[i] for i in np.flatnonzero(chosen))


def compare_number(model: ForwardModel, varied: ForwardModel, observed: float, *, rng: np.random.Generator) -> Number:
    """N beside its expectation at the fiducial parameters and over the prior of `varied`."""
    expected = varied.expected_count(varied.parameters.draw(DRAWS, rng=rng))
    low, high = np.percentile(expected, [2.5, 97.5])
    return Number(
        observed=observed,
        fiducial=expected_number(model),
        low=float(low),
        high=float(high),
        chance=tail_chance(observed, expected),
        draws=DRAWS,
    )


def tail_chance(observed: float, expected: Array) -> float:
    """Two-sided chance of a Poisson number as extreme as `observed`, averaged over expectations (P,)."""
    few = float(np.mean(special.pdtr(observed, expected)))
    many = 1.0 if observed < 1 else float(np.mean(special.pdtrc(observed - 1, expected)))
    return min(1.0, 2 * min(few, many))


def measured(catalogue: Catalogue) -> tuple[Measured, ...]:
    """What is known of each observable that the catalogue lists."""
    found = []
    for name, (values, errors) in catalogue.observables.items():
        known = np.isfinite(values)
        given = errors[known & (errors > 0)]
        rms = float(np.sqrt(np.mean(given**2))) if len(given) else 0.0
        vague = float(np.mean(given > _AS_LARGE)) if len(given) else 0.0
        median = float(np.median(values[known])) if known.any() else np.nan
        limits = int(catalogue.limits[name].known.sum()) if name in catalogue.limits else 0
        one = Measured(name=name, known=int(known.sum()), median=median, error=rms, vague=vague, limits=limits)
        found.append(replace(one, drift=_drift(values[known], errors[known], catalogue.skew(name)[known])))
    return tuple(found)


def _drift(values: Array, errors: Array, skew: Array) -> float:
    """Mean of d(error^2)/d log10 of the true value, dex, (n,) each; asymmetric errors hold their own."""
    slope = ErrorTrend.of(values, errors).slope
    return float(2 * LN10 * slope * np.mean(np.where(skew == 0, errors, 0.0) ** 2)) if slope else 0.0
