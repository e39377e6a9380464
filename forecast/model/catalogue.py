"""Catalogues of real clusters: what a file holds becomes Y_X and L_X in the package's units.

Values are converted from the file's units, Y_X is formed where it is not published, and L_X, M_gas and Y_X
are rescaled from the catalogue's reference cosmology to the model's. A cluster of which something is unknown
(masked or NaN in the file) keeps its place with NaN; anything unphysical is an error.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..core.arrays import Array
from ..core.caution import Caution
from ..core.errors import InputError
from ..cosmology.background import Cosmology
from ..cosmology.expansion import Expansion
from ..cosmology.rescaling import FIXED_ANGLE, HUBBLE, LENSING, Exponents, Ratio
from ..reading.join import Origin, open_joined
from ..reading.limits import LIMITED, UpperLimits, split_limits
from ..reading.positions import sky_positions
from ..reading.skew import skew_of_sum
from ..reading.tables import QUANTITY_KINDS, Column, TableFile
from ..survey.evidence import read_evidence
from ..survey.luminosity import Luminosities
from .catalogue_spec import CatalogueSpec

LARGEST_Z_ERROR = 0.2
"""Error of a redshift over 1 + z beyond which it is none."""


@dataclass(frozen=True)
class Catalogue:
    """Clusters of one survey, in the package's units and the model's cosmology.

    Parameters
    ----------
    name : tuple of str, length N
    z : ndarray, shape (N,)
    log_lx : ndarray, shape (N,)
        log10 L_X / (erg/s), rest frame, in the band of the survey's relations; NaN where unknown.
    log_yx : ndarray, shape (N,)
        log10 Y_X / (Msun/h keV); NaN where unknown.
    log_yx_error : ndarray, shape (N,)
        Symmetric error of `log_yx` in dex; 0 where unknown.
    source : str
        Name of the file.
    log_t, log_t_error : ndarray, shape (N,), or None
        log10 T / keV, NaN where unknown, and its error in dex, 0 where unknown; None if the file has no temperatures.
    log_lx_error : ndarray, shape (N,), or None
        Error of `log_lx` in dex, 0 where unknown; None if the file has none.
    log_lx_skew, log_t_skew, log_mgas_skew, log_yx_skew, log_mwl_skew : ndarray, shape (N,), or None
        (upper - lower) / (upper + lower) of asymmetric errors, whose mean is the error; None: symmetric.
    z_error : ndarray, shape (N,), or None
        Gaussian, 0 where unknown.
    log_mgas, log_mgas_error : ndarray, shape (N,), or None
        log10 M_gas / (Msun/h) and its error in dex, as T's; None if the file has no gas masses.
    log_mwl, log_mwl_error : ndarray, shape (N,), or None
        log10 of weak-lensing masses M500c / (Msun/h) and their own errors in dex, as T's; None if the file has none.
    remarks : tuple of Caution
        What the reader left out, chose or found odd.
    limits : mapping of str to UpperLimits
        Upper limits of "lx", "t", "mgas" and "yx", in the same units, where values are unknown.
    ra, dec : ndarray, shape (N,), or None
        Degrees, ICRS, NaN where unknown; None if the file has no positions.
    layer, evidence : ndarray, shape (N,), or None
        Of the sky in which each lies, its name; and ln of the likelihood ratio of a cluster to a contaminant, 0 where
        unknown.
    """

    name: tuple[str, ...]
    z: Array
    log_lx: Array
    log_yx: Array
    log_yx_error: Array
    source: str
    log_t: Array | None = None
    log_t_error: Array | None = None
    log_lx_error: Array | None = None
    log_mgas: Array | None = None
    log_mgas_error: Array | None = None
    log_mwl: Array | None = None
    log_mwl_error: Array | None = None
    log_lx_skew: Array | None = None
    log_t_skew: Array | None = None
    log_mgas_skew: Array | None = None
    log_yx_skew: Array | None = None
    log_mwl_skew: Array | None = None
    z_error: Array | None = None
    remarks: tuple[Caution, ...] = ()
    limits: Mapping[str, UpperLimits] = field(default_factory=dict)
    ra: Array | None = None
    dec: Array | None = None
    evidence: Array | None = None
    layer: Array | None = None

    @property
    def size(self) -> int:
        """Number of clusters."""
        return len(self.name)

    @property
    def has_yx(self) -> Array:
        """Which clusters have a Y_X; bool, shape (N,)."""
        return np.isfinite(self.log_yx)

    @property
    def observables(self) -> dict[str, tuple[Array, Array]]:
        """log10 of what is listed and its error, dex, 0 where unknown, by the relations' names and "wl"."""
        unknown = np.zeros(self.size)
        listed = {"lx": (self.log_lx, unknown if self.log_lx_error is None else self.log_lx_error)}
        optional = {
            "t": (self.log_t, self.log_t_error),
            "mgas": (self.log_mgas, self.log_mgas_error),
            "wl": (self.log_mwl, self.log_mwl_error),
        }
        for name, (values, errors) in optional.items():
            if values is not None:
                listed[name] = (values, unknown if errors is None else errors)
        return listed | {"yx": (self.log_yx, self.log_yx_error)}

    def skew(self, name: str) -> Array:
        """(upper - lower) / (upper + lower) of the errors of an observable, by the relations' names, (N,)."""
        skew: Array | None = getattr(self, f"log_{name}_skew", None)
        return np.zeros(self.size) if skew is None else skew

    def subset(self, mask: Array) -> Catalogue:
        """The clusters picked by `mask`, bool of shape (N,) or indices."""
        names = tuple(self.name[i] for i in np.arange(self.size)[mask])
        every = {f.name: getattr(self, f.name) for f in fields(self)}
        arrays: dict[str, Any] = {key: value[mask] for key, value in every.items() if isinstance(value, np.ndarray)}
        limits = {key: limits[mask] for key, limits in self.limits.items()}
        return replace(self, name=names, limits=limits, **arrays)


def _opened(path: Path, spec: CatalogueSpec) -> TableFile:
    """Its tables as one."""
    own = {} if spec.evidence is None else {"evidence": Column(spec.evidence.column)}
    origin = Origin(path, spec.table, spec.format, spec.joins, public=spec.public)
    return open_joined(origin, {**spec.columns, **own}, spec.cosmology.h)


def read_catalogue(
    path: Path,
    spec: CatalogueSpec,
    model_cosmology: Cosmology,
    gas: Exponents = FIXED_ANGLE,
    luminosities: Luminosities | None = None,
) -> Catalogue:
    """Read clusters from any table astropy understands: ECSV, FITS, VOTable, CSV and others.

    L_X, M_gas and Y_X become what the survey would have inferred in `model_cosmology`: L_X goes as D_L^2, M_gas and
    Y_X as `gas` says, lensing masses h as E(z)^-1 (T is unchanged), with distances in Mpc at each cluster's redshift.

    Parameters
    ----------
    path : Path
    spec : CatalogueSpec
    model_cosmology : Cosmology
    gas : Exponents
        Of gas masses and Y_X; within a fixed angle by default. Relations know theirs.
    luminosities : Luminosities or None
        How L_X in a survey's band follow from what is listed; as they are if None, which fluxes cannot be.

    Raises
    ------
    InputError
        If the file cannot be read, lacks a column or a unit, has fewer than 2 clusters, or holds a value
        that cannot be; the message names file, column, row and cure.
    """
    path = Path(path)
    table = _opened(path, spec)
    reference, z = spec.cosmology.expansion, table.redshifts()
    ratio, log_h = Ratio.of(Expansion.of(model_cosmology), reference, z), math.log10(spec.cosmology.h)

    def shift(name: str, of: Exponents) -> Array:
        return np.asarray(HUBBLE.get(name, 0.0) * (math.log10(model_cosmology.h) - log_h) - ratio.shift(of))

    moves = {"lx": shift("lx", Exponents(2.0)), "flux": np.zeros_like(z), "t": np.zeros_like(z)}
    moves |= {"mgas": log_h + shift("mgas", gas), "yx": log_h + shift("yx", gas)}
    limits = {}
    for key in (key for key in LIMITED if f"{key}_limit" in spec.columns):
        table, found = split_limits(table, key, spec.limit_confidence[key])
        limits[key] = found.moved(moves[key])
    (log_lx, lx_error), doubted = _luminosities(table, spec, moves, luminosities)
    if "lx" in limits and luminosities is not None:
        limits["lx"] = limits["lx"].moved(luminosities.shift(z, limits["lx"].limit, table.quantity("t")[0]))
    (log_yx, error), yx_skew = _reference_yx(table, spec, reference.efunc(z)), _yx_skew(table, spec)
    optional = {"t": moves["t"], "mgas": moves["mgas"], "mwl": log_h + shift("mwl", LENSING)}
    measured = {key: _measured(table, key, by) for key, by in optional.items() if key in spec.columns}
    listed = {key: spec.in_500c(key, of, z, optional[key] - log_h) for key, of in measured.items()}
    positions = sky_positions(table, spec.frame)
    evidence, doubts = (None, ()) if spec.evidence is None else read_evidence(table, spec.evidence)
    return Catalogue(
        name=table.names(),
        z=z,
        log_lx=log_lx,
        log_yx=log_yx + log_h + shift("yx", gas),
        log_yx_error=np.where(np.isfinite(log_yx), error, 0.0),
        source=path.name,
        log_lx_error=lx_error if f"{spec.lx_source}_error" in spec.columns else None,
        log_lx_skew=table.skew(spec.lx_source),
        log_yx_skew=yx_skew,
        z_error=_redshift_errors(table, z),
        remarks=(*_remarks(table), *_of_products(spec, limits), *doubts, *doubted),
        limits=limits,
        evidence=evidence,
        layer=np.array(table.texts("layer")) if "layer" in spec.columns else None,
        **({} if positions is None else {"ra": positions.ra, "dec": positions.dec}),
        **{f"log_{key}": values for key, (values, _) in listed.items()},
        **{f"log_{key}_error": errors for key, (_, errors) in listed.items()},
        **{f"log_{key}_skew": table.skew(key) for key in listed},
    )


def _luminosities(
    table: TableFile, spec: CatalogueSpec, moves: Mapping[str, Array], luminosities: Luminosities | None
) -> tuple[tuple[Array, Array], tuple[Caution, ...]]:
    """log10 L_X in the band of the relations and errors, dex, (N,) each, and what is doubtful about them."""
    listed, error = _measured(table, spec.lx_source, moves[spec.lx_source])
    if luminosities is None:
        assert spec.lx_source == "lx", "fluxes become luminosities by a survey's K-correction"
        return (listed, error), ()
    of = (table.redshifts(), listed, table.quantity("t")[0])
    return (listed + luminosities.shift(*of), error), luminosities.cautions(*of)


def _measured(table: TableFile, key: str, shift: Array) -> tuple[Array, Array]:
    """log10 of a quantity, moved by `shift`, and its error in dex, 0 where unknown; shape (N,) each."""
    values, errors = table.quantity(key)
    return values + shift, np.where(np.isfinite(values), errors, 0.0)


def _redshift_errors(table: TableFile, z: Array) -> Array | None:
    """Errors of the redshifts, (N,), 0 where unknown; None without a column."""
    if "z_error" not in table.columns:
        return None
    name = table.columns["z_error"].name
    errors = table.numbers(name)
    bad = (errors < 0) | (errors > LARGEST_Z_ERROR * (1 + z))
    if bad.any():
        row = int(np.argmax(bad))
        raise InputError(
            f"{table.file}: column '{name}', row {row + 1}: got {errors[row]:g}, but an error of a redshift lies "
            f"between 0 and {LARGEST_Z_ERROR:g} (1 + z); leave it empty where it is unknown"
        )
    return np.nan_to_num(errors)


def _remarks(table: TableFile) -> tuple[Caution, ...]:
    """What the reader left out, chose or found odd."""
    doubts = [Caution("unit", words) for key in QUANTITY_KINDS for words in table.doubts(key)]
    return (*doubts, *table.reading.cautions)


def _of_products(spec: CatalogueSpec, limits: Mapping[str, UpperLimits]) -> tuple[Caution, ...]:
    """Y_X that is unknown because one of its factors is a limit."""
    if spec.yx_source != "mgas" or not {"mgas", "t"} & set(limits):
        return ()
    lost = np.any([limits[key].known for key in ("mgas", "t") if key in limits], axis=0)
    words = f"Y_X = M_gas T of {int(lost.sum())} clusters is unknown, as M_gas or T of them is an upper limit"
    cure = ": levels of Y_X take them for clusters like others; level full uses the limits"
    return (Caution("limits", f"{words}{cure}"),) if lost.any() else ()


def _reference_yx(table: TableFile, spec: CatalogueSpec, efunc: Array) -> tuple[Array, Array]:
    """log10 Y_X/(Msun keV) in the catalogue's own cosmology and its error in dex; shape (N,) each."""
    source, relation = spec.yx_source, spec.mass_relation
    if source == "mgas":
        (log_mgas, mgas_error), (log_t, t_error) = table.quantity("mgas"), table.quantity("t")
        return log_mgas + log_t, np.hypot(mgas_error, t_error)
    if source == "m500" and relation is not None:
        log_mass, error = table.quantity("m500")
        return relation.log_yx(log_mass, efunc), error / relation.slope
    return table.quantity("yx")  # all unknown if nothing is mapped


def _yx_skew(table: TableFile, spec: CatalogueSpec) -> Array:
    """How much the errors of log10 Y_X differ, shape (N,); those of M_gas and T add in quadrature on each side."""
    if spec.yx_source != "mgas":
        return table.skew(spec.yx_source or "yx")
    parts = [(table.quantity(key)[1], table.skew(key)) for key in ("mgas", "t")]
    return skew_of_sum([error for error, _ in parts], [skew for _, skew in parts])
