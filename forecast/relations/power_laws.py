"""Scaling relations of X-ray observables with mass: power laws with correlated residuals.

log10 X = log10 X0 + alpha (log10 M - pivot) + gamma log10[E(z)/E(z0)] + residual
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np

from ..core.arrays import Array
from ..core.band import SOFT, Band
from ..core.errors import InputError
from ..core.observables import OBSERVABLES, WORDS, unit_of
from ..core.parameters import Values
from ..cosmology.rescaling import FIXED_ANGLE, Exponents, gas_exponents
from .lines import FLATTEST, LARGEST_Z0, Below, Component, Line, Lines, PowerLaw, factor
from .residuals import Residuals

Proxy = tuple[tuple[str, float], ...]
"""log10 of a mass proxy as a linear combination of the log10 of observables."""
YX_PRODUCT: Proxy = (("t", 1.0), ("mgas", 1.0))
"""Y_X = T M_gas (Kravtsov et al. 2006)."""
YX_DIRECT: Proxy = (("yx", 1.0),)
Aperture = Literal["r500", "angle"]


@dataclass(frozen=True)
class Relations:
    """Relations of (L_X, T, M_gas), or of L_X and Y_X, with or without T, where only these are known.

    Parameters
    ----------
    pivot : float
        log10 of the pivot mass, Msun/h.
    z0 : float
        Reference redshift of the normalisations.
    lx : PowerLaw
    t, mgas : PowerLaw or None
        Y_X = T M_gas follows from both.
    yx : PowerLaw or None
        Y_X (or another mass proxy) given directly; T beside it is one more observable.
    lx_t, lx_mgas, t_mgas, lx_yx, t_yx : float
        Correlations of Gaussian residuals at fixed mass (`lx_yx` and `t_yx` only with `yx`).
    core : PowerLaw or None
        L_X over core-excised L_X.
    residuals : Residuals or None
        Density of the residuals of `names`, each in units of its scatter at the pivot; one Gaussian with
        the correlations above where it is None.
    proxy : Proxy
        The mass proxy as a combination of `names`; empty: Y_X.
    calibrated_at : float
        Redshift of the clusters on which the relations were calibrated; their distances, and with them their
        luminosities, gas masses and masses, are those of a local sample by default.
    calibrated_masses : tuple of float
        log10 of the masses, Msun/h, between which the relations are calibrated.
    aperture : {"r500", "angle"}
        Gas masses are measured within an R500 that follows from Y_X, or within a fixed angle.
    on_mass_scale : tuple of str
        Observables whose relations were calibrated against the same masses, which `Values.mass_scale` multiplies.
    lx_band : Band
        Of L_X, rest frame: that of all luminosities of a survey with these relations.
    """

    pivot: float
    z0: float
    lx: PowerLaw
    t: PowerLaw | None = None
    mgas: PowerLaw | None = None
    yx: PowerLaw | None = None
    lx_t: float = 0.0
    lx_mgas: float = 0.0
    t_mgas: float = 0.0
    lx_yx: float = 0.0
    t_yx: float = 0.0
    core: PowerLaw | None = None
    residuals: Residuals | None = None
    proxy: Proxy = ()
    calibrated_at: float = 0.0
    calibrated_masses: tuple[float, float] = (13.5, 15.5)
    aperture: Aperture = "r500"
    on_mass_scale: tuple[str, ...] = ()
    lx_band: Band = SOFT

    def __post_init__(self) -> None:
        if not 0 <= self.calibrated_at <= 2:
            raise InputError(f"relations.calibration.z: must lie between 0 and 2, got {self.calibrated_at:g}")
        if not 0 <= self.z0 <= LARGEST_Z0:
            raise InputError(f"relations.z0: must lie between 0 and {LARGEST_Z0:g}, got {self.z0:g}")
        if self.yx is None and (self.t is None or self.mgas is None):
            raise InputError("relations: give either relations.yx, or both relations.t and relations.mgas")
        if self.yx is not None and (self.mgas is not None or self.core is not None):
            raise InputError("relations: relations.yx excludes relations.mgas and relations.core")
        if self.t_yx and (self.t is None or self.yx is None):
            raise InputError("relations.correlation.t_yx: needs both relations.t and relations.yx; remove it")
        for name in self.names:
            if name != "core" and self[name].slope < FLATTEST:
                raise InputError(f"relations.{name}: the slope must be at least {FLATTEST:g}, got {self[name].slope:g}")
        unknown = [name for name, _ in self.proxy if name not in self.names]
        if unknown:
            known = ", ".join(self.names)
            raise InputError(f"the mass proxy needs '{unknown[0]}', but there are relations of {known} only")
        missing = [name for name in self.on_mass_scale if name not in self.names]
        if missing:
            raise InputError(f"relations.share_mass_scale: there is no relation of '{missing[0]}'; take it out")
        self._check_residuals()

    def _check_residuals(self) -> None:
        if self.residuals is not None:
            if self.residuals.names != self.names:
                raise InputError(f"residuals of {self.residuals.names} do not fit relations of {self.names}")
            return
        if self.core is not None:
            raise InputError("relations.core needs residuals that include it; choose a [library]")
        if np.linalg.eigvalsh(self._correlations)[0] <= 0:
            given = ", ".join(f"{name}={value}" for name, value in self._correlation.items())
            raise InputError(
                f"relations.correlation: the correlations are not those of any distribution ({given}); "
                "the correlation matrix must be positive definite"
            )

    @property
    def names(self) -> tuple[str, ...]:
        """The observables, L_X first."""
        if self.yx is not None:
            return ("lx", "yx") if self.t is None else ("lx", "t", "yx")
        return ("lx", "t", "mgas") if self.core is None else ("lx", "t", "mgas", "core")

    def __getitem__(self, name: str) -> PowerLaw:
        relation = getattr(self, name)
        assert isinstance(relation, PowerLaw)
        return relation

    def exponents(self, name: str) -> Exponents:
        """How an observable, or "proxy", the mass proxy, depends on the cosmology beside its relation."""
        if name == "proxy":
            return Exponents.combined(self.combination, [self.exponents(n) for n in self.names])
        law, measured = self[name], Exponents(2.0 if name == "lx" else 0.0)
        if name in ("mgas", "yx"):
            measured = Exponents(1.0) if law.is_mass else self._gas_exponents
        return replace(measured, hubble=law.hubble, slope=law.slope)

    @property
    def _gas_exponents(self) -> Exponents:
        """Those of gas masses and Y_X."""
        if self.aperture == "angle":
            return FIXED_ANGLE
        parts = [self.yx] if self.yx is not None else [self[name] for name, _ in YX_PRODUCT]
        return gas_exponents(sum(p.slope for p in parts), sum(p.evolution for p in parts))

    @property
    def _correlation(self) -> dict[str, float]:
        """Of each pair of observables, by name."""
        pairs = [f"{a}_{b}" for i, a in enumerate(self.names) for b in self.names[i + 1 :]]
        return {pair: getattr(self, pair) for pair in pairs}

    @property
    def _correlations(self) -> Array:
        """Matrix of them."""
        matrix = np.eye(len(self.names))
        matrix[np.triu_indices(len(self.names), 1)] = list(self._correlation.values())
        return matrix + np.triu(matrix, 1).T

    @cached_property
    def unit_residuals(self) -> Residuals:
        """Density of the residuals of `names` in units of each one's scatter at the pivot."""
        if self.residuals is not None:
            return self.residuals
        return Residuals.gaussian(self.names, self._correlations)

    @property
    def _direct(self) -> bool:
        """Whether the mass proxy is an observable with a relation of its own."""
        return self.yx is not None and self.proxy in ((), YX_DIRECT)

    @property
    def combination(self) -> Array:
        """Coefficients of the mass proxy, one for each of `names`, shape (D,)."""
        proxy = dict(self.proxy or (YX_PRODUCT if self.yx is None else YX_DIRECT))
        return np.array([proxy.get(name, 0.0) for name in self.names])

    @property
    def _parts(self) -> tuple[tuple[str, float], ...]:
        """Observables of the mass proxy and their coefficients, in the order of `names`."""
        return tuple((n, float(c)) for n, c in zip(self.names, self.combination, strict=True) if c)

    @property
    def proxy_words(self) -> str:
        """What the mass proxy is made of; "" where it is Y_X."""
        if self._direct:
            return "a mass" if self["yx"].is_mass else ""
        made_of = dict(self._parts)
        return "" if made_of == dict(YX_PRODUCT) else "made of " + " and ".join(WORDS[name] for name in made_of)

    @property
    def proxy_unit(self) -> str:
        """Unit of the mass proxy."""
        return OBSERVABLES["mgas"].unit if self._direct and self["yx"].is_mass else unit_of(self._parts)

    @property
    def least_known(self) -> str:
        """Whose error is nearly all of the mass proxy's: T of Y_X = M_gas T, the core's of a core-excised L_X."""
        weights = dict(zip(self.names, self.combination, strict=True))
        return next(name for name in ("yx", "t", "core", "mgas", "lx") if weights.get(name))

    def error_covariance(self, error: Array) -> Array:
        """Covariance of measurement errors (n, D), dex, of the observables; shape (n, D, D), dex^2.

        Y_X = M_gas T holds the measured T: where both are listed, the error of T is part of that of Y_X. (Where it is
        the larger one, the two are fully correlated.) All other errors are independent.
        """
        covariance = (error**2)[..., None] * np.eye(len(self.names))
        if {"t", "yx"} <= set(self.names):
            i, j = self.names.index("t"), self.names.index("yx")
            shared = error[..., i] * np.minimum(error[..., i], error[..., j])
            covariance[..., i, j] = covariance[..., j, i] = shared
        return covariance

    def scatters(self, v: Values) -> Array:
        """Scatter of every observable at the pivot, shape (P, D), dex."""
        columns = [np.atleast_1d(self[n].scatter * np.asarray(factor(v, "scatter", n))) for n in self.names]
        return np.stack(np.broadcast_arrays(*columns), axis=-1)

    def line(self, name: str, v: Values) -> Line:
        """Relation of one observable at parameter values `v`."""
        relation = self[name]
        slope = relation.slope * np.asarray(factor(v, "slope", name))
        scale = self._log_scale(name, v)
        return Line(
            log_norm=relation.log_norm + np.log10(factor(v, "norm", name)) + slope * scale,
            slope=slope,
            evolution=relation.evolution + np.asarray(factor(v, "evolution", name)),
            scatter=relation.scatter * np.asarray(factor(v, "scatter", name)),
            bend=relation.bend(factor(v, "curvature", name), scale, below=self._below(name, v, slope)),
            drift=np.asarray(factor(v, "drift", name)),
        )

    def _below(self, name: str, v: Values, slope: Array) -> Below:
        """What parameter values make of a relation below its break."""
        return Below(np.asarray(factor(v, "lowslope", name)), np.asarray(factor(v, "break", name)), slope)

    def _log_scale(self, name: str, v: Values) -> float | Array:
        """log10 of the shared mass scale of an observable's relation, shape (P,); none where it has no part in it."""
        return np.log10(v.mass_scale) if name in self.on_mass_scale else 0.0

    def at(self, v: Values) -> Lines:
        """Mean relations of L_X and of the mass proxy at parameter values `v`."""
        if self._direct:
            return Lines(self.line("lx", v), self.line("yx", v))
        lines = {name: self.line(name, v) for name, _ in self._parts}
        log_norm, slope, evolution = (
            sum(c * getattr(lines[name], part) for name, c in self._parts)
            for part in ("log_norm", "slope", "evolution")
        )
        by_scale = sum(c * lines[name].slope * self._log_scale(name, v) for name, c in self._parts)
        weights = self.combination * self.scatters(v)
        covariance = self.unit_residuals.total_covariance(np.array([self.pivot]))[0]
        variance = np.einsum("pd,de,pe->p", weights, covariance, weights)
        line = Line(
            log_norm + np.log10(v.norm_yx) + (np.asarray(v.slope_yx) - 1) * by_scale,
            slope * v.slope_yx,
            evolution + v.evolution_yx,
            np.sqrt(variance) * v.scatter_yx,
        )
        return Lines(self.line("lx", v), line)

    def proxy_stretch(self, v: Values, size: int) -> Array:
        """Factor on the residual of a mass proxy that is made of observables, shape (P,), P >= `size`."""
        factor = np.atleast_1d(1.0 if self._direct else v.scatter_yx)
        return np.broadcast_to(factor, (max(size, len(factor)),))

    def components(self, v: Values, log_mass: Array) -> tuple[Component, ...]:
        """Residuals of L_X and the mass proxy at parameter values `v` and masses (M,)."""
        scatter = self.scatters(v)
        to_proxy = self.combination * scatter * self.proxy_stretch(v, 1)[:, None]
        to_lx = scatter[:, :1]
        mean, covariance = self.unit_residuals.at(log_mass)
        shift = np.einsum("pd,mjd->jpm", to_proxy, mean)
        variance = np.einsum("pd,mjde,pe->jpm", to_proxy, covariance, to_proxy)
        cross = np.einsum("pd,mjd->jpm", to_proxy, covariance[..., 0])
        unit = np.sqrt(covariance[..., 0, 0].T)[:, None, :]
        lx_shift, yx_scatter = mean[..., 0].T[:, None, :] * to_lx, np.sqrt(variance)
        correlation = cross / (unit * yx_scatter)
        return tuple(
            Component(
                weight=w,
                lx_shift=lx_shift[j],
                yx_shift=shift[j],
                lx_scatter=unit[j] * to_lx,
                yx_scatter=yx_scatter[j],
                correlation=correlation[j],
            )
            for j, w in enumerate(self.unit_residuals.weight)
        )
