"""Free and fixed parameters, their priors, and the way from a vector to named values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property

import numpy as np

from .arrays import Array
from .errors import InputError, nearest
from .joint_prior import JointPrior
from .names import bare
from .priors import Prior
from .ties import Tie, check_ties, tied_priors


@dataclass(frozen=True)
class Values:
    """Value of every parameter of the forward model; each a float or an array of shape (P,).

    ``Om0``, ``h``, ``ns``: shape of the cosmology; ``w0``, ``wa``: its dark energy; None: the configured one's, to
    which the observables refer whatever they are. ``norm_x``: factor on the normalisation of the relation of
    observable x (NV22's bias b_x); ``slope_x``: factor on its slope; ``scatter_x``: factor on its intrinsic scatter;
    ``evolution_x``: added to its exponent of E(z). ``yx`` acts on top of ``t`` and ``mgas``.
    ``curvature_lx``: added to the curvature of the L_X relation, per dex^2 of mass. ``lowslope_lx``: factor on the
    slope of L_X below its break; ``break_lx``: added to log10 of the break mass, dex. ``drift_lx``: of the slope of
    L_X, which is slope + drift log10[E(z)/E(z0)]. ``norm_core``, ``scatter_core``: of L_X over core-excised L_X.
    ``norm_wl`` is 1 plus the weak-lensing mass bias at the pivot, ``scatter_wl`` a factor on the intrinsic scatter of
    ln M_WL at fixed mass; ``slope_wl`` and ``evolution_wl`` are its power of mass (1: the bias is the same for all)
    and of E(z).
    ``norm_contamination``: factor on the expected number of detections that are no clusters; ``detection_midpoint``,
    ``_width``, ``_ceiling``, ``_floor``: on the fluxes of the chance of detection, its width, largest value and floor.
    ``mass_scale``: factor b of the masses against which relations were calibrated over true ones, shared by those of
    ``Relations.on_mass_scale``: ln X at true mass M goes as slope (ln M + ln b). ``density_contrast``: the survey
    volume's mean linear overdensity in units of its rms; of shape (P, S), independent standard normal numbers that
    make up the overdensities, in a survey of S shells. None: the mean over all overdensities.
    ``hmf_amplitude``, ``hmf_slope``: q0 and q1 of the factor q0 + q1 log10(M / M*) on the halo mass function.
    """

    sigma8: float | Array = 0.81
    Om0: float | Array | None = None
    h: float | Array | None = None
    ns: float | Array | None = None
    w0: float | Array | None = None
    wa: float | Array | None = None
    norm_lx: float | Array = 1.0
    norm_t: float | Array = 1.0
    norm_mgas: float | Array = 1.0
    norm_yx: float | Array = 1.0
    slope_lx: float | Array = 1.0
    slope_t: float | Array = 1.0
    slope_mgas: float | Array = 1.0
    slope_yx: float | Array = 1.0
    scatter_lx: float | Array = 1.0
    scatter_t: float | Array = 1.0
    scatter_mgas: float | Array = 1.0
    scatter_yx: float | Array = 1.0
    evolution_lx: float | Array = 0.0
    evolution_t: float | Array = 0.0
    evolution_mgas: float | Array = 0.0
    evolution_yx: float | Array = 0.0
    curvature_lx: float | Array = 0.0
    lowslope_lx: float | Array = 1.0
    break_lx: float | Array = 0.0
    drift_lx: float | Array = 0.0
    norm_core: float | Array = 1.0
    scatter_core: float | Array = 1.0
    norm_wl: float | Array = 1.0
    scatter_wl: float | Array = 1.0
    slope_wl: float | Array = 1.0
    evolution_wl: float | Array = 0.0
    norm_contamination: float | Array = 1.0
    detection_midpoint: float | Array = 1.0
    detection_width: float | Array = 1.0
    detection_ceiling: float | Array = 1.0
    detection_floor: float | Array = 1.0
    mass_scale: float | Array = 1.0
    hmf_amplitude: float | Array = 1.0
    hmf_slope: float | Array = 0.0
    density_contrast: float | Array | None = 0.0


COSMOLOGY = ("sigma8", "Om0", "h", "ns", "w0", "wa")
"""Parameters that are answers; all others are nuisances."""
MASS_FUNCTION = ("hmf_amplitude", "hmf_slope")
"""Nuisances of the universe's mass function, which several surveys have in common."""
NORMALISATIONS = ("norm_", "mass_scale")
"""How the names of parameters begin that multiply observables, or all masses on which they were calibrated."""
MAX_SHELLS = 32
"""Redshift shells with a density contrast of their own that a survey may have."""
NAMES = (*(f.name for f in fields(Values)), *(f"density_contrast_{i + 1}" for i in range(MAX_SHELLS)))
"""Every parameter of the forward model."""

_FIELDS = frozenset(NAMES[:-MAX_SHELLS])
_NO_RELATION = ("norm_wl", "norm_contamination")


def contrast_names(shells: int) -> tuple[str, ...]:
    """Names of the density contrasts of a survey of `shells` redshift shells.

    Raises
    ------
    InputError
        If there are more than `MAX_SHELLS`.

    Examples
    --------
    >>> contrast_names(1), contrast_names(2)
    (('density_contrast',), ('density_contrast_1', 'density_contrast_2'))
    """
    if not 1 <= shells <= MAX_SHELLS:
        raise InputError(f"survey: {shells} redshift shells; give 1 to {MAX_SHELLS}")
    return NAMES[-MAX_SHELLS:][:shells] if shells > 1 else ("density_contrast",)


@dataclass(frozen=True)
class Parameter:
    """One free parameter: its name (one of `NAMES`, maybe `owned` by a survey), fiducial value and prior."""

    name: str
    fiducial: float
    prior: Prior

    def __post_init__(self) -> None:
        if bare(self.name) not in NAMES:
            raise InputError(f"parameter '{self.name}' is unknown; {nearest(self.name, NAMES)}")
        if not np.isfinite(self.prior.log_density(np.array(self.fiducial))):
            low, high = self.prior.bounds
            raise InputError(
                f"parameters.{self.name}: the prior ({low:g} to {high:g}) excludes the fiducial value "
                f"{self.fiducial:g}; widen the prior or move the fiducial value"
            )

    @property
    def log(self) -> bool:
        """Whether ln of the parameter is the coordinate in which Fisher matrices are computed."""
        return self.prior.log


@dataclass(frozen=True)
class ParameterSet:
    """Ordered free parameters and the values of the fixed ones.

    Parameters
    ----------
    free : tuple of Parameter
    fixed : Values
        Values of everything that is not free.
    ties : tuple of Tie
        Correlations of priors.
    doubts : tuple of str
        What is doubtful about the priors, in sentences.
    """

    free: tuple[Parameter, ...]
    fixed: Values = Values()
    ties: tuple[Tie, ...] = ()
    doubts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(set(self.names)) != len(self.free):
            raise InputError(f"a parameter is free twice in {self.names}")
        check_ties(self.ties, self._priors)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the free parameters, in the order of a parameter vector."""
        return tuple(p.name for p in self.free)

    @cached_property
    def contrasts(self) -> tuple[str, ...]:
        """Names of the free density contrasts, one for each shell of the survey."""
        return tuple(name for name in self.names if name.startswith("density_contrast"))

    @property
    def nuisances(self) -> tuple[str, ...]:
        """Names of the free parameters that are neither cosmology nor density contrasts."""
        return tuple(name for name in self.names if name not in (*COSMOLOGY, *self.contrasts))

    @cached_property
    def fiducial(self) -> Array:
        """Fiducial parameter vector, shape (D,)."""
        return np.array([p.fiducial for p in self.free])

    @cached_property
    def fiducial_values(self) -> Values:
        """Every parameter at its fiducial value, free or fixed."""
        return self._fixing(self.free)

    def values(self, theta: Array) -> Values:
        """Named values of parameter vectors `theta`, shape (P, D); each free one of shape (P,)."""
        named = dict(zip(self.names, np.atleast_2d(theta).T, strict=True))
        if len(self.contrasts) > 1:
            named["density_contrast"] = np.stack([named.pop(name) for name in self.contrasts], axis=-1)
        return replace(self.fixed, **named)

    @cached_property
    def prior(self) -> JointPrior:
        """Joint prior of parameter vectors."""
        return JointPrior(list(self._priors.values()), [tied_priors(tie, self._priors) for tie in self.ties])

    @property
    def _priors(self) -> dict[str, Prior]:
        return {p.name: p.prior for p in self.free}

    def log_prior(self, theta: Array) -> Array:
        """Log prior density; shape (P,) for `theta` of shape (P, D)."""
        return self.prior.log_density(np.atleast_2d(theta))

    def draw(self, size: int, *, rng: np.random.Generator) -> Array:
        """`size` parameter vectors from the prior, shape (size, D)."""
        return self.quantile(rng.random((size, len(self.free))))

    def sample(self) -> Array:
        """Parameter vectors that span the prior, with the fiducial one; deterministic."""
        if not self.free:
            return self.fiducial[None]
        return np.vstack([self.fiducial, self.draw(256, rng=np.random.default_rng(0))])

    def quantile(self, u: Array) -> Array:
        """Parameter vectors at cumulative prior probabilities, both of shape (n, D).

        Of correlated priors each probability is that given the parameters before it in their tie.
        """
        return self.prior.quantile(u)

    def without(self, names: Iterable[str]) -> ParameterSet:
        """Fix the named parameters at their fiducial values; the priors of the others stay as they are."""
        names = set(names)
        ties = tuple(rest for tie in self.ties if (rest := tie.without(names)) is not None)
        left = tuple(p for p in self.free if p.name not in names)
        return replace(self, free=left, fixed=self._fixing(p for p in self.free if p.name in names), ties=ties)

    def _fixing(self, parameters: Iterable[Parameter]) -> Values:
        """Fixed values and the fiducial ones of `parameters`; contrasts of shells are zero."""
        return replace(self.fixed, **{p.name: p.fiducial for p in parameters if p.name in _FIELDS})

    def with_free(self, parameter: Parameter) -> ParameterSet:
        """Free one more parameter, at the end of the vector."""
        return replace(self, free=(*self.free, parameter))

    def widened(self, factor: float, prefixes: tuple[str, ...] = NORMALISATIONS) -> ParameterSet:
        """Stretch the priors of relations' parameters whose name starts with one of `prefixes` (in log).

        Those on the bias of lensing masses and on contaminants are stretched by their whole names alone. Correlations
        stay as they are: a covariance of two grows by the factors of both.
        """
        free = tuple(
            replace(p, prior=replace(p.prior, widening=p.prior.widening * factor))
            if p.name in prefixes or (p.name.startswith(prefixes) and bare(p.name) not in _NO_RELATION)
            else p
            for p in self.free
        )
        return replace(self, free=free)

    def to_coordinates(self, theta: Array) -> Array:
        """Natural coordinates (ln of factors, the rest unchanged); shape of `theta`."""
        return np.where(self._log, np.log(np.where(self._log, theta, 1.0)), theta)

    def from_coordinates(self, coordinates: Array) -> Array:
        """Inverse of `to_coordinates`."""
        return np.where(self._log, np.exp(np.where(self._log, coordinates, 0.0)), coordinates)

    @cached_property
    def _log(self) -> Array:
        return np.array([p.log for p in self.free], dtype=bool)

    @property
    def prior_std(self) -> Array:
        """Standard deviation of each prior in natural coordinates, shape (D,)."""
        return self.prior.std

    def prior_precision(self, names: Sequence[str]) -> Array:
        """Inverse covariance of the priors of some parameters in natural coordinates, whatever the others; (K, K)."""
        index = [self.names.index(name) for name in names]
        std = self.prior.std[index]
        return np.asarray(np.linalg.inv(self.prior.correlation[np.ix_(index, index)]) / np.outer(std, std))
