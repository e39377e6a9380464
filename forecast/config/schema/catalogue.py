"""The table of real clusters, and what its columns mean."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from .relations import ReferenceCosmologyConfig
from .types import BandText, FileName, Mass, Number, Strict, Whole, like


class MassRelationConfig(Strict):
    """M500 = mass_norm (Y_X / yx_norm)^slope E(z)^evolution, to be inverted."""

    mass_norm: Mass
    """M500 at Y_X = yx_norm and E(z) = 1."""
    yx_norm: Annotated[str, like("yx")]
    """Y_X there."""
    slope: Number
    """Power of Y_X."""
    evolution: Number
    """Power of E(z)."""


_Confidence = Annotated[Number, Field(gt=0.5, lt=1)]


class LimitConfidenceConfig(Strict):
    """One-sided confidence of upper limits: 0.9987 is 3 sigma."""

    lx: _Confidence | None = None
    """Of the limits of L_X, a probability: 0.9987 is 3 sigma, 0.9772 2 sigma."""
    t: _Confidence | None = None
    """Of those of T."""
    mgas: _Confidence | None = None
    """Of those of M_gas."""
    yx: _Confidence | None = None
    """Of those of Y_X."""


class JoinConfig(Strict):
    """Another table whose columns belong to the same clusters."""

    path: FileName | None = None
    """The table's file; left out of a public table, which is then given with --catalogue NAME=FILE."""
    public: Annotated[str, Field(examples=['"wtg"'])] | None = None
    """A published table that stays with its publisher; 'forecast data NAME' says where."""
    on: str
    """Column of the tables before it that names or numbers each cluster."""
    key: str | None = None
    """Column of this table with the same names or numbers, where it is called otherwise."""
    name: Annotated[str, Field(min_length=1)] | None = None
    """What the table is called in columns = "NAME.COLUMN"; its file without endings if left out."""
    format: str | None = None
    """astropy's name of its format, where the file's ending does not say."""
    table: str | Whole | None = None
    """Name or number of a table among several in the file."""
    spelling: Literal["exact", "clusters"] = "exact"
    """How names are compared: as they are but for blanks and capitals, or as names of clusters, which tables spell
    differently (clusters: Abell 85 is A0085, ZwCl 3146 is Z3146, RX J is RXC J; underscores do not count)."""
    unmatched: Literal["keep", "drop"] = "keep"
    """Clusters that it does not list: kept without what it holds, or dropped."""

    @model_validator(mode="after")
    def _a_table(self) -> JoinConfig:
        if self.path is None and self.public is None:
            raise ValueError('give path = "FILE", or public = "NAME"')
        return self


class EvidenceConfig(Strict):
    """How much likelier each detection is of a cluster than of a contaminant, by what is known beside its data."""

    column: str
    """Column of the evidence."""
    kind: Literal["ln", "log10", "ratio", "f_cont"]
    """What it holds: ln or log10 of the likelihood ratio of a cluster to a contaminant, the ratio, or f_cont of Klein
    et al. (2022), of which ratios are made."""
    contamination: Annotated[Number, Field(gt=0, lt=1)] | None = None
    """Share of the listed detections that are no clusters, for f_cont."""

    @model_validator(mode="after")
    def _goes_with_f_cont(self) -> EvidenceConfig:
        if (self.kind == "f_cont") != (self.contamination is not None):
            raise ValueError('kind = "f_cont" and contamination = NUMBER go together')
        return self


class CatalogueConfig(Strict):
    """Where real clusters come from and what their columns mean."""

    builtin: str | None = None
    """A table that is shipped with the package."""
    public: Annotated[str, Field(examples=['"reflex"'])] | None = None
    """A published table that stays with its publisher, given with --catalogue; 'forecast data NAME' says where."""
    path: FileName | None = None
    """A table of clusters: ECSV, FITS, VOTable or CSV."""
    format: str | None = None
    """astropy's name of its format, where the file's ending does not say."""
    table: str | Whole | None = None
    """Name or number of a table among several in the file."""
    join: tuple[JoinConfig, ...] = ()
    """Other tables of the same clusters, row by row."""
    frame: Literal["icrs", "fk5", "fk4", "galactic"] = "icrs"
    """Frame of ra and dec: icrs, fk5 (J2000), fk4 (B1950) or galactic, whose l and b are then named ra and dec."""
    columns: dict[str, str | dict[str, str]]
    """What columns mean: name, z, ra, dec, layer (of survey.layers), lx, flux, t, mgas, yx, m500, mwl, and X_error of z
    and from lx on; a name, or { name = ..., unit = ... }. X_limit: a flag, the column of errors if they are negative
    for limits, or a column of limits."""
    limit_confidence: LimitConfidenceConfig = LimitConfidenceConfig()
    """Confidence of the upper limits of each X that has a column X_limit."""
    cosmology: ReferenceCosmologyConfig
    """Cosmology in which luminosities and masses of the table were computed."""
    outside: Literal["refuse", "drop"] = "refuse"
    """What becomes of clusters outside the survey's redshifts, and below its flux limit: refused, and kept with a
    warning; or left out, and counted in the first lines."""
    lx_band: BandText | None = None
    """Energies of the table's luminosities, rest frame, and fluxes, observed frame; selection.band if left out."""
    lx_from: Literal["lx", "flux"] | None = None
    """Whether L_X are those of column lx, or made from column flux with the survey's K-correction; lx where it is
    mapped, if left out."""
    evidence: EvidenceConfig | None = None
    """What tells clusters from contaminants, for levels that know single clusters."""
    mass_relation: MassRelationConfig | None = None
    """How M500 was made from Y_X, to be inverted where the table lists M500."""
