"""The mass proxy of a survey: combinations of its observables, and proxies known by a published error model."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np

from ..core.errors import InputError, nearest
from ..core.units import LN10
from .edgeworth import UnitMixture, check_moments, matched_mixture
from .lines import PowerLaw
from .power_laws import YX_DIRECT, YX_PRODUCT, Proxy, Relations
from .residuals import Residuals


@dataclass(frozen=True)
class ErrorModel:
    """Published distribution of log(M_proxy / M_true) of a mass proxy.

    Parameters
    ----------
    name : str
    bias : float
        Its centre, in `unit`.
    scatter : float
        Its standard deviation, in `unit`; measurement errors are part of it.
    skewness, kurtosis : float
        Of the distribution; the kurtosis is the excess over the Gaussian's.
    unit : {"dex", "ln"}
    reference : str
    centre : {"mean", "median"}
        What `bias` is.

    Raises
    ------
    InputError
        If the unit is unknown, the scatter not positive, or no distribution has the moments.
    """

    name: str
    bias: float
    scatter: float
    skewness: float = 0.0
    kurtosis: float = 0.0
    unit: Literal["dex", "ln"] = "dex"
    reference: str = ""
    centre: Literal["mean", "median"] = "mean"

    def __post_init__(self) -> None:
        if self.unit not in ("dex", "ln"):
            raise InputError(f"proxy '{self.name}': unit is '{self.unit}', expected 'dex' or 'ln'")
        if self.centre not in ("mean", "median"):
            raise InputError(f"proxy '{self.name}': centre is '{self.centre}', expected 'mean' or 'median'")
        if not 0 < self.scatter_dex < 2:
            raise InputError(
                f"proxy '{self.name}': scatter must be between 0 and 2 dex, got {self.scatter:g} {self.unit}"
            )
        if not abs(self.bias * self._dex) < 2:
            raise InputError(f"proxy '{self.name}': bias must be within 2 dex, got {self.bias:g} {self.unit}")
        check_moments(self.skewness, self.kurtosis, f"proxy '{self.name}'")

    @property
    def _dex(self) -> float:
        return 1.0 if self.unit == "dex" else 1 / LN10

    @property
    def scatter_dex(self) -> float:
        """Standard deviation of log10 M_proxy at fixed mass, dex."""
        return self.scatter * self._dex

    @property
    def mean_dex(self) -> float:
        """Mean of log10(M_proxy / M_true), dex."""
        offset = self.mixture.median * self.scatter_dex if self.centre == "median" else 0.0
        return self.bias * self._dex - offset

    @cached_property
    def mixture(self) -> UnitMixture:
        """Standardised residuals as a mixture of Gaussians with the published moments."""
        return matched_mixture(self.skewness, self.kurtosis)

    @property
    def kurtosis_excess(self) -> float:
        """Kurtosis of the mixture minus the published one: 0 but for all but impossible moments."""
        return self.mixture.moments[3] - self.kurtosis

    @property
    def residuals(self) -> Residuals:
        """Density of the residuals of log10 M_proxy about their mean, named "yx", dex."""
        return standard_residuals(self.mixture).scaled(np.array([self.scatter_dex]))


def standard_residuals(mixture: UnitMixture) -> Residuals:
    """A mixture as the density of the observable "yx", in units of its scatter."""
    return Residuals.at_every_mass(("yx",), mixture.weight, mixture.mean[:, None], (mixture.std**2)[:, None, None])


@dataclass(frozen=True)
class MassProxy:
    """What a survey may take for a mass.

    Parameters
    ----------
    name : str
        As configurations call it.
    words : str
        What it is.
    made_of : Proxy
        The survey's own observables; empty where an error model says how it scatters.
    error_model : ErrorModel or None

    Raises
    ------
    InputError
        If both are given, or neither.
    """

    name: str
    words: str
    made_of: Proxy = ()
    error_model: ErrorModel | None = None

    def __post_init__(self) -> None:
        if bool(self.made_of) == (self.error_model is not None):
            raise InputError(f"proxy '{self.name}': give either what it is made of or its error model")

    @classmethod
    def published(cls, words: str, model: ErrorModel) -> MassProxy:
        """A proxy known by its error model alone."""
        return cls(model.name, words, error_model=model)

    def of(self, relations: Relations) -> Relations:
        """Relations whose mass proxy is this one.

        Raises
        ------
        InputError
            If they lack an observable that it needs.
        """
        if self.error_model is not None:
            return _with_error_model(relations, self.error_model)
        made_of = YX_DIRECT if self.name == "yx" and relations.yx is not None else self.made_of
        missing = [name for name, _ in made_of if name not in relations.names]
        if missing:
            known = ", ".join(relations.names)
            raise InputError(
                f"proxy '{self.name}' needs '{missing[0]}', but there are relations of {known} only; {_CURE}"
            )
        return replace(relations, proxy=made_of)


_CURE = "give relations.t and relations.mgas and, for 'core', choose a [library], which has it"


def _dynamical(name: str, words: str, moments: tuple[float, float, float, float], reference: str = "") -> MassProxy:
    """A dynamical mass of Ho et al. (2019): median, scatter, skewness and kurtosis of log10(M_proxy / M_true)."""
    median, scatter, skewness, kurtosis = moments
    source = "Ho et al. 2019, ApJ 887, 25, arXiv:1902.05950v1, as tabulated by Abbas (2019), table 1"
    model = ErrorModel(
        name,
        bias=median,
        scatter=scatter,
        skewness=skewness,
        kurtosis=kurtosis,
        reference=f"{reference}; {source}" if reference else source,
        centre="median",
    )
    return MassProxy.published(f"dynamical mass, {words}", model)


_NTAMPAKA_15, _NTAMPAKA_16 = "Ntampaka et al. 2015, ApJ 803, 50", "Ntampaka et al. 2016, ApJ 831, 135"
_NETWORK, _DISPERSION = "neural network on velocities", "velocity dispersion"
_MACHINE = "support distribution machine on velocities"
PROXIES = {
    proxy.name: proxy
    for proxy in (
        MassProxy("yx", "Y_X = T M_gas, or Y_X as given", YX_PRODUCT),
        MassProxy("mgas", "gas mass", (("mgas", 1.0),)),
        MassProxy("lx_core_excised", "L_X without the core", (("lx", 1.0), ("core", -1.0))),
        _dynamical("cnn_1d", f"{_NETWORK} (Ho et al. 2019)", (0.011, 0.171, 0.172, 0.776)),
        _dynamical("cnn_2d", f"{_NETWORK} and radii (Ho et al. 2019)", (0.034, 0.127, 0.097, 1.577)),
        _dynamical(
            "m_sigma_pure", f"{_DISPERSION} without interlopers (Ho et al. 2019)", (0.025, 0.181, -0.254, 0.418)
        ),
        _dynamical(
            "m_sigma_contaminated", f"{_DISPERSION} with interlopers (Ho et al. 2019)", (-0.087, 0.378, 0.356, 0.612)
        ),
        _dynamical("sdm_1d", f"{_MACHINE} (Ntampaka et al. 2015)", (-0.060, 0.151, 0.797, 2.194), _NTAMPAKA_15),
        _dynamical(
            "sdm_2d", f"{_MACHINE} and radii (Ntampaka et al. 2016)", (-0.014, 0.160, 0.337, 2.129), _NTAMPAKA_16
        ),
    )
}
"""Known mass proxies by name: all that a new one needs is a line here."""


def mass_proxy(choice: str | ErrorModel | MassProxy) -> MassProxy:
    """A known mass proxy by its name, or one of one's own.

    Raises
    ------
    InputError
        If the name is unknown.
    """
    if isinstance(choice, ErrorModel):
        return MassProxy.published("a mass proxy with a given error model", choice)
    if isinstance(choice, str) and choice not in PROXIES:
        raise InputError(f"proxy '{choice}' is unknown; {nearest(choice, PROXIES)}")
    return PROXIES[choice] if isinstance(choice, str) else choice


def with_proxy(relations: Relations, choice: str | ErrorModel | MassProxy) -> Relations:
    """Relations whose mass proxy is another one.

    Parameters
    ----------
    relations : Relations
    choice : str, ErrorModel or MassProxy
        One of `PROXIES`, or one of one's own. An error model replaces every relation but that of L_X: log10 M_proxy
        (Msun/h) has slope 1, no evolution, and residuals independent of L_X's.

    Raises
    ------
    InputError
        If the name is unknown, or the survey lacks an observable that the proxy needs.
    """
    return mass_proxy(choice).of(relations)


def _with_error_model(relations: Relations, model: ErrorModel) -> Relations:
    lx = relations.unit_residuals.marginal(("lx",))
    return Relations(
        relations.pivot,
        relations.z0,
        relations.lx,
        yx=PowerLaw(relations.pivot + model.mean_dex, slope=1.0, evolution=0.0, scatter=model.scatter_dex),
        residuals=lx.with_independent(standard_residuals(model.mixture)),
        proxy=YX_DIRECT,
        on_mass_scale=tuple(name for name in relations.on_mass_scale if name == "lx"),
    )
