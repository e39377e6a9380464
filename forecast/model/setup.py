"""Everything that defines a forward model."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ..core.arrays import Array
from ..core.errors import InputError
from ..core.parameters import ParameterSet, Values, contrast_names
from ..core.units import LN10
from ..cosmology.background import Cosmology
from ..cosmology.expansion import Expansion
from ..cosmology.mass_function import matter_density_range
from ..cosmology.parameter_grid import SHAPE_NAMES, Shape, ShapeGrid, free_shapes, most_dark_energy
from ..cosmology.rescaling import Background
from ..relations.coupling import Coupling
from ..relations.curved import require_bendable
from ..relations.lines import Line
from ..relations.power_laws import Relations
from ..survey.detection.distortion import require_distortable
from ..survey.detection.layers import require_layers
from ..survey.error_law import BY_FLUX, ErrorLaw, require_flux
from ..survey.followup import FollowUp, until
from ..survey.lensing_sample import EVERY_CLUSTER, LensingSample, Sky
from ..survey.redshift_law import NO_ERRORS, RedshiftLaw
from ..survey.selection import Selection
from ..survey.shells import Geometry


@dataclass(frozen=True)
class Setup:
    """Everything that defines a forward model.

    Parameters
    ----------
    cosmology : Cosmology
        If shape parameters are free, the one in which observables were derived and that gives the rest.
        A box has no distances: its volume, in (Mpc/h)^3, and its observables do not depend on it.
    mass_function : str
        One of `forecast.cosmology.mass_function.MODELS`.
    geometry : Geometry
    selection : Selection
    relations : Relations
    parameters : ParameterSet
        If ``density_contrast`` is free, the abundance is multiplied by exp(b g - b^2 sigma_V^2/2), halo bias b(M) and
        g = density_contrast x sigma_V: its mean is unchanged, and sample variance of the volume marginalised over. In a
        survey of S shells ``density_contrast_1`` to ``_S`` are independent numbers of which the shells' g are made.
    yx_bin : float
        Width of the bins of log10 Y_X of the level ``binned``, dex.
    errors : tuple of float
        Of log10 of each of `relations.names`, dex; empty: none. The error of the mass proxy follows from them; that of
        L_X in a flux-limited survey belongs to its selection.
    weak_lensing : float or None
        Intrinsic scatter of ln M_WL at fixed mass, if clusters have weak-lensing masses.
    lensing_correlation : tuple of (str, float)
        Of that scatter with the residuals of observables.
    lensing_sample : LensingSample
        Which clusters have one, and how well it is measured.
    binned_in_redshift : bool
        Whether data of each of the geometry's shells are kept apart below level ``full``, which knows every redshift.
    followup : FollowUp or None
        Which detected clusters have a mass proxy and other observables beside L_X; None: all, or any of them.
    binned_by_layer : bool
        Whether it is known in which layer of the sky each cluster lies, and data are kept apart by it as by shell.
    error_laws : tuple of (str, ErrorLaw)
        Errors of observables that depend on the measured flux, beside `errors`, which are those of others.
    redshift_law : RedshiftLaw
        How measured redshifts, on which the survey's limits act, scatter about true ones.
    """

    cosmology: Cosmology
    mass_function: str
    geometry: Geometry
    selection: Selection
    relations: Relations
    parameters: ParameterSet
    yx_bin: float = 0.1
    errors: tuple[float, ...] = ()
    weak_lensing: float | None = None
    lensing_correlation: tuple[tuple[str, float], ...] = ()
    lensing_sample: LensingSample = EVERY_CLUSTER
    binned_in_redshift: bool = False
    followup: FollowUp | None = None
    redshift_law: RedshiftLaw = NO_ERRORS
    error_laws: tuple[tuple[str, ErrorLaw], ...] = ()
    binned_by_layer: bool = False

    def __post_init__(self) -> None:
        if self.weak_lensing is not None and not 0 < self.weak_lensing < 3:
            raise InputError(f"weak_lensing: scatter of ln M must be between 0 and 3, got {self.weak_lensing:g}")
        if self.lensing_coupling is not None and self.weak_lensing is None:
            raise InputError("weak_lensing: there is no scatter for its correlations; give weak_lensing.scatter")
        if min(self.errors, default=0.0) < 0:
            raise InputError(f"errors: measurement errors must not be negative, got {self.errors}")
        if self.errors and len(self.errors) != len(names := self.relations.names):
            raise InputError(f"errors: give one for each of {names}, got {self.errors}")
        self._check_reach()
        if self.is_curved:
            require_bendable(self.relations, by_flux=self.selection.in_flux is not None)
        shells = self.geometry.shell_count
        if self.parameters.contrasts and self.parameters.contrasts != contrast_names(shells):
            raise InputError(
                f"a survey of {shells} redshift shells needs {contrast_names(shells)} free, or no density contrast; "
                f"got {self.parameters.contrasts}"
            )
        if self.binned_in_redshift and shells == 1:
            raise InputError("survey.binned_in_redshift needs bins; give survey.redshift_edges, or survey.shells")
        cuts = {"followup": self.followup, "errors": self.error_laws, "weak_lensing": self.lensing_sample.flux_limit}
        require_layers(self.selection.in_flux, binned=self.binned_by_layer)
        require_distortable(self.parameters, self.selection.in_flux, [key for key, cut in cuts.items() if cut])
        if self.followup is not None and self.selection.in_flux is None:
            raise InputError(
                "followup: is by flux and redshift, but the survey selects in mass; take [followup] out, or give "
                '[selection] kind = "flux_limited"'
            )
        require_flux(self.error_laws, self.selection, self.followup)
        self.redshift_law.require(self.geometry, by_flux=self.selection.in_flux is not None)
        if not 0.01 <= self.yx_bin <= 2:
            raise InputError(f"yx_bin must be between 0.01 and 2 dex, got {self.yx_bin:g}")

    def _check_reach(self) -> None:
        """Raise where a flux has no distance, or the mass function no calibration."""
        z = float(self.geometry.shells(self.cosmology).z[0])
        if z == 0 and self.selection.in_flux is not None:
            raise InputError(
                "survey.z = 0: a box at z = 0 has no distance, so that a flux limit means nothing there; "
                'give z > 0, or geometry = "light_cone"'
            )
        self.lensing_sample.require(self.geometry.redshift_edges)
        lowest = matter_density_range(self.mass_function, z, self.cosmology.w0, self.cosmology.wa)[0]
        if self.cosmology.Om0 < lowest:
            raise InputError(
                f"cosmology.Om0 = {self.cosmology.Om0:g}: {self.mass_function} is not calibrated for M500c below "
                f'Om0 = {lowest:.3g} at z = {z:.3g}; give a larger Om0, or mass_function = "bocquet16_hydro"'
            )

    @property
    def is_curved(self) -> bool:
        """Whether the L_X-M relation is, or may be."""
        law = self.relations.lx
        curved = law.break_mass is not None or bool(law.curvature + self.parameters.fixed.curvature_lx)
        free = {"curvature_lx", "drift_lx"} & set(self.parameters.names)
        return curved or bool(free) or bool(self.parameters.fixed.drift_lx)

    @property
    def sums_over_masses(self) -> bool:
        """Whether what observables say of log M is no Gaussian: residuals depend on mass, or slopes do."""
        return self.is_curved or self.relations.unit_residuals.mass_dependent

    @property
    def bins(self) -> tuple[Setup, ...]:
        """Setups of the redshift bins, and layers in each, whose data are kept apart; itself if there are none."""
        parts = self.geometry.parts if self.binned_in_redshift else (self.geometry,)
        flux = self.selection.in_flux
        if not self.binned_by_layer or flux is None:
            return (self,) if len(parts) == 1 else tuple(replace(self, geometry=part) for part in parts)
        each = [flux.of_layer(i) for i in range(len(flux.layers))]
        return tuple(replace(self, geometry=g, selection=x, binned_by_layer=False) for g in parts for x in each)

    @property
    def of_followed(self) -> Setup | None:
        """Setup of the clusters that are followed up: itself where nobody says which, None if there are none."""
        if self.followup is None or self.selection.in_flux is None:
            return self
        geometry = until(self.geometry, self.followup.zmax)
        if geometry is None:
            return None
        selection = self.followup.of(self.selection.in_flux)
        whole = replace(self, followup=None, binned_in_redshift=False, binned_by_layer=False)
        return replace(whole, geometry=geometry, selection=selection)

    @cached_property
    def shapes(self) -> ShapeGrid | None:
        """Cosmologies that free shape parameters can reach; None if the shape is the configured one."""
        return free_shapes(self.cosmology, self.parameters, self.matter_densities)

    @property
    def matter_densities(self) -> tuple[float, float]:
        """Range of Om0 in which the mass function is calibrated at every redshift of the survey."""
        z = float(self.geometry.shells(self.cosmology).z[0])
        return matter_density_range(self.mass_function, z, *most_dark_energy(self.cosmology, self.parameters))

    @property
    def fixed_density(self) -> float | None:
        """Value of Om0 where it is fixed; None where it is free."""
        if "Om0" in self.parameters.names:
            return None
        value = self.parameters.fixed.Om0
        return self.cosmology.Om0 if value is None else float(np.squeeze(value))

    def shape(self, v: Values) -> Shape | None:
        """Shapes at parameter values `v`; None if they are the configured one."""
        return None if self.shapes is None else self.shapes.shape(**{name: getattr(v, name) for name in SHAPE_NAMES})

    def background(self, v: Values, z: Array, row: Array) -> Background:
        """How clusters look at parameter values number `row` of `v`, which broadcasts against redshifts `z`."""
        shape, z0 = self.shape(v), self.relations.z0
        if shape is None:
            return Background(np.log10(self.cosmology.efunc(z) / self.cosmology.efunc(z0)))
        true = shape.expansion_of(row)
        if not self.geometry.spans_redshifts:
            return Background(np.log10(true.efunc(z) / true.efunc(np.asarray(z0))))
        return Background.of(true, Expansion.of(self.cosmology), z, z0, self.relations.calibrated_at)

    def lensing_line(self, v: Values) -> Line:
        """Relation of log10 M_WL, Msun/h, at parameter values `v`, with its intrinsic scatter.

        ln b = ln norm_wl + (slope_wl - 1) ln(M / pivot) + evolution_wl ln[E(z) / E(z0)] is the bias of ln M_WL.
        """
        assert self.weak_lensing is not None
        norm, scatter = self.relations.pivot + np.log10(v.norm_wl), self.weak_lensing / LN10 * np.asarray(v.scatter_wl)
        return Line(norm, np.asarray(v.slope_wl), np.asarray(v.evolution_wl), scatter)

    @cached_property
    def lensing_coupling(self) -> Coupling | None:
        """Correlations of that scatter with the residuals of the observables; None if there are none."""
        given = {name: value for name, value in self.lensing_correlation if value}
        return Coupling.of(self.relations.unit_residuals, given) if given else None

    def sky(self, z: Array, log_lx: Array) -> Sky:
        """Clusters at redshifts and measured log10 L_X, (n,) each, as the survey sees them."""
        return Sky(z, log_lx, cosmology=self.cosmology, relations=self.relations, selection=self.selection)

    def lensing_errors(self, z: Array, log_lx: Array) -> Array:
        """Own errors of log10 M_WL of clusters at redshifts and measured log10 L_X, (n,) each; dex, (n,)."""
        return self.sky(z, log_lx).errors(self.lensing_sample.error)

    @property
    def error_covariance(self) -> Array:
        """Covariance of the measurement errors of `relations.names`, shape (D, D), dex^2."""
        errors = self.errors or (0.0,) * len(self.relations.names)
        return self.relations.error_covariance(np.array(errors))

    def errors_of(self, z: Array, log_lx: Array) -> Array:
        """Errors of the observables, but for L_X, at redshifts and measured log10 L_X, (n,); dex, (n, D)."""
        return self._errors_at(self._flux_of(z, log_lx))

    def yx_error_of(self, z: Array, log_lx: Array) -> Array:
        """That of log10 of their mass proxy, dex, (n,)."""
        return self.yx_error_at(self._flux_of(z, log_lx)) if self.yx_error_varies else np.full(len(z), self.yx_error)

    def _flux_of(self, z: Array, log_lx: Array) -> Array:
        """log10 of measured fluxes, erg/s/cm2, (n,); that of the limit where they are unknown."""
        flux = self.selection.in_flux
        unknown = 0.0 if flux is None else math.log10(flux.flux_limit)
        return np.nan_to_num(self.sky(z, log_lx).log_flux, nan=unknown) if self.error_laws else z

    def _errors_at(self, log_flux: Array) -> Array:
        """The same at log10 of measured fluxes, (n,)."""
        errors = np.tile(self.errors or np.zeros(len(self.relations.names)), (len(log_flux), 1))
        for name, law in self.error_laws:
            errors[:, self.relations.names.index(name)] = law.of(log_flux)
        return errors

    def yx_error_at(self, log_flux: Array) -> Array:
        """Errors of log10 of the mass proxy at log10 of measured fluxes, (n,), dex."""
        weights, covariance = self.relations.combination, self.relations.error_covariance(self._errors_at(log_flux))
        return np.asarray(np.sqrt(np.einsum("i,nij,j->n", weights, covariance, weights)))

    @property
    def yx_error_varies(self) -> bool:
        """Whether the error of the mass proxy depends on the flux."""
        weight = dict(zip(self.relations.names, self.relations.combination, strict=True))
        return any(weight[name] for name, _ in self.error_laws)

    @property
    def yx_error(self) -> float:
        """Measurement error of log10 of the mass proxy, dex; `BY_FLUX` if it depends on the flux."""
        weights = self.relations.combination
        return BY_FLUX if self.yx_error_varies else math.sqrt(float(weights @ self.error_covariance @ weights))

    def with_yx_error(self, error: float) -> Setup:
        """The same with this error of log10 of the mass proxy, dex.

        All of it that other observables' errors do not explain is the error of `relations.least_known`.

        Raises
        ------
        InputError
            If they explain more than all of it.
        """
        if self.yx_error_varies:
            cure = "give numbers under [errors] instead of tables, or leave yx_error out"
            raise InputError(f"yx_error: the mass proxy has errors that depend on the flux; {cure}")
        names, name = self.relations.names, self.relations.least_known
        others = np.array(self.errors or np.zeros(len(names))) * (np.array(names) != name)
        explained = float(np.linalg.norm(self.relations.combination * others))
        if error < explained:
            raise InputError(f"yx_error = {error:g} dex is below the {explained:g} dex of [errors]; leave it out")
        weight = abs(float(self.relations.combination[names.index(name)]))
        others[names.index(name)] = math.sqrt(error**2 - explained**2) / weight
        return replace(self, errors=tuple(float(x) for x in others) if others.any() else ())
