"""What the columns of a catalogue mean, and the cosmology in which they were derived."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from ..core.arrays import Array
from ..core.band import Band
from ..core.errors import InputError, nearest
from ..cosmology.background import LIMITS
from ..cosmology.expansion import Expansion
from ..cosmology.mass_definition import MassDefinition
from ..reading.join import Join
from ..reading.limits import LIMITED
from ..reading.positions import POSITION
from ..reading.tables import QUANTITY_KINDS, Column
from ..survey.evidence import EvidenceSpec

_OF_QUANTITIES = (*(f"{key}_error" for key in QUANTITY_KINDS), *(f"{key}_limit" for key in LIMITED))
_KEYS = ("name", "z", "z_error", "layer", *POSITION, *QUANTITY_KINDS, *_OF_QUANTITIES)


@dataclass(frozen=True)
class CatalogueCosmology:
    """Flat LambdaCDM in which a catalogue's luminosities and masses were computed.

    Parameters
    ----------
    Om0 : float
        Matter density today, in units of the critical density.
    h : float
        H0 / (100 km/s/Mpc).
    """

    Om0: float
    h: float

    def __post_init__(self) -> None:
        for name, (low, high) in {"Om0": (LIMITS["Om0"][0], 1.0), "h": LIMITS["h"]}.items():
            if not low <= getattr(self, name) <= high:
                raise InputError(f"catalogue.cosmology: {name} = {getattr(self, name)} is outside {low} to {high}")

    @property
    def expansion(self) -> Expansion:
        """Distances and E(z); Om0 = 1 is Einstein-de Sitter."""
        return Expansion(np.asarray(self.Om0), np.asarray(self.h))


@dataclass(frozen=True)
class MassRelation:
    """M500 = mass_norm (Y_X / yx_norm)^slope E(z)^evolution, inverted where only M500 is published.

    Parameters
    ----------
    mass_norm : float
        Msun (with the h of the catalogue's cosmology put in).
    yx_norm : float
        Msun keV.
    slope, evolution : float
    """

    mass_norm: float
    yx_norm: float
    slope: float
    evolution: float

    def __post_init__(self) -> None:
        for name in ("mass_norm", "yx_norm", "slope"):
            value = getattr(self, name)
            if not 0 < value < math.inf:
                raise InputError(f"catalogue.mass_relation.{name}: must be positive, got {value}")

    def log_yx(self, log_mass: Array, efunc: Array) -> Array:
        """log10 Y_X/(Msun keV) for log10 M500/Msun and E(z); shape of `log_mass`."""
        scaled = log_mass - math.log10(self.mass_norm) - self.evolution * np.log10(efunc)
        return math.log10(self.yx_norm) + scaled / self.slope


@dataclass(frozen=True)
class CatalogueSpec:
    """What the columns of a catalogue mean.

    Y_X comes from the first of these that is mapped, for the whole catalogue: `yx`; `mgas` times `t`;
    `m500` with `mass_relation`. With none of them every cluster lacks Y_X.

    Parameters
    ----------
    columns : mapping of str to Column
        Keys among name, z (required), z_error, layer, ra, dec, lx, yx, t, mgas, m500, mwl, each of the last six with
        ``_error``, and lx, yx, t and mgas with ``_limit``.
    cosmology : CatalogueCosmology
    mass_relation : MassRelation, optional
    format : str, optional
        astropy's name of the file format; guessed from the file if None.
    table : str or int, optional
        Name or number of the table, where the file has several with these columns.
    limit_confidence : mapping of str to float
        One-sided confidence of the upper limits of each quantity that has some.
    frame : str
        Of positions, one of `forecast.reading.positions.FRAMES`.
    joins : tuple of Join
        Other tables of the same clusters.
    evidence : EvidenceSpec, optional
        What tells clusters from contaminants.
    lx_band : Band, optional
        Of luminosities and fluxes of the table; that of the survey if None.
    lx_from : {"lx", "flux"}, optional
        The column that gives L_X; lx where it is mapped if None.
    public : str or None
        Public table that it is, whose columns may have other names.
    lensing_mass : MassDefinition, optional
        That of weak-lensing masses; M500c if None.

    Raises
    ------
    InputError
        If a key is unknown, or another key that it needs is missing.
    """

    columns: Mapping[str, Column]
    cosmology: CatalogueCosmology
    mass_relation: MassRelation | None = None
    format: str | None = None
    table: str | int | None = None
    limit_confidence: Mapping[str, float] = field(default_factory=dict)
    frame: str = "icrs"
    joins: tuple[Join, ...] = ()
    evidence: EvidenceSpec | None = None
    lx_band: Band | None = None
    lx_from: Literal["lx", "flux"] | None = None
    public: str | None = None
    lensing_mass: MassDefinition | None = None

    def __post_init__(self) -> None:
        needs = {"mgas": "t", "ra": "dec", "dec": "ra"} | {f"{key}_error": key for key in QUANTITY_KINDS}
        needs |= {f"{key}_limit": key for key in LIMITED}
        for key, column in self.columns.items():
            if key not in _KEYS:
                raise InputError(f"catalogue.columns.{key}: unknown quantity; {nearest(key, _KEYS)}")
            if needs.get(key, key) not in self.columns:
                raise InputError(f"catalogue.columns.{key}: needs '{needs[key]}'; map that column too, or drop it")
            if key in ("name", "z", "z_error", "layer") and column.unit is not None:
                raise InputError(f"catalogue.columns.{key}: has no unit, got '{column.unit}'; remove it")
        if "z" not in self.columns:
            raise InputError('catalogue.columns.z: missing; name the column of redshifts, z = "COLUMN"')
        if self.lx_from is not None and self.lx_from not in self.columns:
            raise InputError(f"catalogue.lx_from = '{self.lx_from}': map that column too, or drop this key")
        if self.lx_source == "flux" and "lx_limit" in self.columns:
            raise InputError("catalogue.columns.lx_limit: there are no limits of fluxes; drop it, or catalogue.lx_from")
        self._check_limits()
        if self.yx_source == "m500" and self.mass_relation is None:
            raise InputError(
                "catalogue.columns.m500: Y_X can only be had from M500 through a relation; "
                "add [catalogue.mass_relation] with mass_norm, yx_norm, slope and evolution"
            )

    def _check_limits(self) -> None:
        """Raise unless limits have a confidence, and the other way round."""
        for key in LIMITED:
            if f"{key}_limit" in self.columns and key not in self.limit_confidence:
                raise InputError(
                    f"catalogue.columns.{key}_limit: limits mean little without their confidence; write "
                    f"limit_confidence = {{ {key} = 0.9987 }} under [catalogue] for 3 sigma, 0.9772 for 2 sigma"
                )
            if key in self.limit_confidence and f"{key}_limit" not in self.columns:
                raise InputError(
                    f"catalogue.limit_confidence.{key}: there are no limits; map {key}_limit under "
                    "[catalogue.columns], or drop it"
                )

    def in_500c(self, key: str, measured: tuple[Array, Array], z: Array, moved: Array) -> tuple[Array, Array]:
        """log10 of a quantity and its error, dex, as of M500c if it is a lensing mass in another definition.

        In Msun/h at redshifts (n,); `moved`: what was added for another cosmology, (n,).
        """
        if key != "mwl" or self.lensing_mass is None:
            return measured
        values, errors = measured
        known = np.isfinite(values)
        at = np.where(known, values - moved, 14.0)
        found = np.where(known, self.lensing_mass.to_500c(at, z) + moved, np.nan)
        return found, errors * self.lensing_mass.stretch(at, z)

    @property
    def lx_source(self) -> str:
        """The column that gives L_X: 'lx', or 'flux', where it is mapped."""
        return self.lx_from or ("flux" if "flux" in self.columns and "lx" not in self.columns else "lx")

    @property
    def yx_source(self) -> str | None:
        """The quantity that gives Y_X: 'yx', 'mgas' (times t), 'm500', or None."""
        return next((key for key in ("yx", "mgas", "m500") if key in self.columns), None)
