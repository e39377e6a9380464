"""Catalogues of real clusters: the edge where a file of any format becomes numbers in the package's units.

Values are converted from the file's units, Y_X is formed where it is not published, and both L_X and
Y_X are rescaled from the catalogue's reference cosmology to the model's. A cluster whose L_X or Y_X is
unknown (masked or NaN in the file) keeps its place with NaN; anything unphysical is an error.
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from .cosmology import Cosmology
from .errors import InputError, nearest
from .units import KINDS, LN10, unit_factor

Array = np.ndarray

MAX_Z = 3.0
"""Largest redshift accepted; the mass functions are not calibrated beyond."""
_KIND = {"lx": "luminosity", "yx": "yx", "t": "temperature", "mgas": "mass", "m500": "mass"}
_KEYS = ("name", "z", *_KIND, *(f"{key}_error" for key in _KIND if key != "lx"))
_PLAUSIBLE = {"luminosity": (38.0, 48.0), "yx": (8.0, 18.0), "temperature": (-2.0, 2.5), "mass": (8.0, 17.0)}
"""log10 ranges in erg/s, Msun keV, keV, Msun that no cluster leaves, but a wrong unit does."""
_LOG = re.compile(r"^\s*(?:log(?:10)?|dex)\b\s*", re.IGNORECASE)
_CSV = {"format": "ascii.basic", "delimiter": ",", "guess": False, "encoding": "utf-8-sig"}
"""astropy's own CSV reader fills rows that are too short, so it would accept a truncated file."""


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
        try:
            self.flat_lcdm()
        except InputError as error:
            raise InputError(f"catalogue.{error}") from None

    def flat_lcdm(self) -> Cosmology:
        """The cosmology as one that has distances, which depend on neither Ob0 nor ns."""
        return Cosmology(self.Om0, Ob0=0.045, h=self.h, ns=0.96)


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
class Column:
    """A column of the file.

    Parameters
    ----------
    name : str
        Name in the file. For an error, ``"lower,upper"`` names the two columns of an asymmetric one.
    unit : str, optional
        Overrides the file's unit; ``"log10 erg/s"`` means that the column is a log10, and ``"dex"``
        that an error is one of the log10.
    """

    name: str
    unit: str | None = None


@dataclass(frozen=True)
class CatalogueSpec:
    """What the columns of a catalogue mean.

    Y_X comes from the first of these that is mapped, for the whole catalogue: `yx`; `mgas` times `t`;
    `m500` with `mass_relation`. With none of them every cluster lacks Y_X.

    Parameters
    ----------
    columns : mapping of str to Column
        Keys among name, z (required), lx, yx, t, mgas, m500, and yx_error, t_error, mgas_error, m500_error.
    cosmology : CatalogueCosmology
    mass_relation : MassRelation, optional
    format : str, optional
        astropy's name of the file format; guessed from the file if None.

    Raises
    ------
    InputError
        If a key is unknown, or another key that it needs is missing.
    """

    columns: Mapping[str, Column]
    cosmology: CatalogueCosmology
    mass_relation: MassRelation | None = None
    format: str | None = None

    def __post_init__(self) -> None:
        needs = {"t": "mgas", "mgas": "t"} | {f"{key}_error": key for key in _KIND}
        for key, column in self.columns.items():
            if key not in _KEYS:
                raise InputError(f"catalogue.columns.{key}: unknown quantity; {nearest(key, _KEYS)}")
            if needs.get(key, key) not in self.columns:
                raise InputError(
                    f"catalogue.columns.{key}: needs '{needs[key]}'; map that column too, or drop it"
                )
            if key in ("name", "z") and column.unit is not None:
                raise InputError(f"catalogue.columns.{key}: has no unit, got '{column.unit}'; remove it")
        if "z" not in self.columns:
            raise InputError('catalogue.columns.z: missing; name the column of redshifts, z = "COLUMN"')
        if self.yx_source == "m500" and self.mass_relation is None:
            raise InputError(
                "catalogue.columns.m500: Y_X can only be had from M500 through a relation; "
                "add [catalogue.mass_relation] with mass_norm, yx_norm, slope and evolution"
            )

    @property
    def yx_source(self) -> str | None:
        """The quantity that gives Y_X: 'yx', 'mgas' (times t), 'm500', or None."""
        return next((key for key in ("yx", "mgas", "m500") if key in self.columns), None)


@dataclass(frozen=True)
class Catalogue:
    """Clusters of one survey, in the package's units and the model's cosmology.

    Parameters
    ----------
    name : tuple of str, length N
    z : ndarray, shape (N,)
    log_lx : ndarray, shape (N,)
        log10 L_X / (erg/s), rest-frame 0.5-2 keV; NaN where unknown.
    log_yx : ndarray, shape (N,)
        log10 Y_X / (Msun/h keV); NaN where unknown.
    log_yx_error : ndarray, shape (N,)
        Symmetric error of `log_yx` in dex; 0 where unknown.
    source : str
        Name of the file.
    """

    name: tuple[str, ...]
    z: Array
    log_lx: Array
    log_yx: Array
    log_yx_error: Array
    source: str

    @property
    def size(self) -> int:
        """Number of clusters."""
        return len(self.name)

    @property
    def has_yx(self) -> Array:
        """Which clusters have a Y_X; bool, shape (N,)."""
        return np.isfinite(self.log_yx)

    def subset(self, mask: Array) -> Catalogue:
        """The clusters picked by `mask`, bool of shape (N,) or indices."""
        names = tuple(self.name[i] for i in np.arange(self.size)[mask])
        arrays = {key: getattr(self, key)[mask] for key in ("z", "log_lx", "log_yx", "log_yx_error")}
        return replace(self, name=names, **arrays)


def read_catalogue(path: Path, spec: CatalogueSpec, model_cosmology: Cosmology) -> Catalogue:
    """Read clusters from any table astropy understands: ECSV, FITS, VOTable, CSV and others.

    L_X scales as D_L^2 and Y_X as D^2.5 (M_gas ~ D_A^2.5, T unchanged) from the reference cosmology of the
    catalogue to `model_cosmology`; distances D in Mpc, at each cluster's redshift.

    Parameters
    ----------
    path : Path
    spec : CatalogueSpec
    model_cosmology : Cosmology

    Raises
    ------
    InputError
        If the file cannot be read, lacks a column or a unit, has fewer than 2 clusters, or holds a value
        that cannot be; the message names file, column, row and cure.
    """
    path = Path(path)
    table = _File(path.name, _load(path, spec.format), spec)
    table.check_size()
    reference = spec.cosmology.flat_lcdm()
    z = table.redshifts()
    log_lx, _ = table.quantity("lx")
    log_yx, error = _reference_yx(table, reference.efunc(z))
    log_ratio = np.log10(_distance(model_cosmology, z) / _distance(reference, z))
    return Catalogue(
        name=table.names(),
        z=z,
        log_lx=log_lx + 2 * log_ratio,
        log_yx=log_yx + 2.5 * log_ratio + math.log10(model_cosmology.h),
        log_yx_error=np.where(np.isfinite(log_yx), error, 0.0),
        source=path.name,
    )


def builtin_table(name: str) -> Path:
    """Path of a table that ships with the package.

    Raises
    ------
    InputError
        If there is none of this name.

    Examples
    --------
    >>> builtin_table("cccp_lowz").name
    'cccp_lowz.ecsv'
    """
    known = {path.stem: path for path in Path(str(resources.files("forecast.data"))).glob("*.ecsv")}
    if name not in known:
        raise InputError(f"catalogue.builtin = '{name}' is unknown; known: {', '.join(sorted(known))}")
    return known[name]


def _distance(cosmology: Cosmology, z: Array) -> Array:
    """Luminosity distance in physical Mpc; shape of `z`."""
    return cosmology.luminosity_distance(z) / cosmology.h


def _reference_yx(table: _File, efunc: Array) -> tuple[Array, Array]:
    """log10 Y_X/(Msun keV) in the catalogue's own cosmology and its error in dex; shape (N,) each."""
    source, relation = table.spec.yx_source, table.spec.mass_relation
    if source == "mgas":
        (log_mgas, mgas_error), (log_t, t_error) = table.quantity("mgas"), table.quantity("t")
        return log_mgas + log_t, np.hypot(mgas_error, t_error)
    if source == "m500" and relation is not None:
        log_mass, error = table.quantity("m500")
        return relation.log_yx(log_mass, efunc), error / relation.slope
    return table.quantity("yx")  # all unknown if nothing is mapped


def _load(path: Path, format: str | None) -> Any:
    """Table of a file; all that astropy may raise becomes one kind of error."""
    from astropy.table import Table

    _check_file(path, format)
    csv = format in ("csv", "ascii.csv") or (format is None and path.suffix.lower() == ".csv")
    options = _CSV if csv else {} if format is None else {"format": format}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            table = Table.read(path, **options)
        except Exception as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
            raise InputError(
                f"{path}: cannot be read as a table ({reason[:160]}); if the file is complete, "
                'set catalogue.format, for example to "ascii.ecsv", "fits", "votable" or "ascii.csv"'
            ) from error
    if any("truncated" in str(warning.message) for warning in caught):
        raise InputError(f"{path}: the file is truncated; get a complete copy")
    return table


def _check_file(path: Path, format: str | None) -> None:
    """Raise if there is no file, nothing in it, or a web page where a table was meant."""
    try:
        with path.open("rb") as stream:
            head = stream.read(256).lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    except OSError as error:
        reason = (error.strerror or "cannot be opened").lower()
        raise InputError(f"{path}: {reason}; check the path of the catalogue") from error
    if not head:
        raise InputError(f"{path}: the file is empty; a catalogue needs at least 2 clusters")
    if head.startswith((b"<!doctype html", b"<html")) and "html" not in (format or ""):
        raise InputError(f"{path}: this is a web page (HTML), not a table; download the table itself")


@dataclass(frozen=True)
class _File:
    """An opened table whose errors name file, column, row and cluster."""

    file: str
    table: Any
    spec: CatalogueSpec

    def check_size(self) -> None:
        """A catalogue has at least two clusters."""
        if len(self.table) < 2:
            rows = "no rows" if len(self.table) == 0 else "1 row"
            raise InputError(f"{self.file}: has {rows}, but a catalogue needs at least 2 clusters")

    def redshifts(self) -> Array:
        """Redshifts, all of them known; shape (N,)."""
        name = self.spec.columns["z"].name
        z = self.numbers(name)
        self.require(name, ~np.isnan(z), "but every cluster needs a redshift; fill it in or drop the row")
        cure = f"expected a redshift above 0 and up to {MAX_Z:g}; correct it or drop the row"
        self.require(name, (z > 0) & (z <= MAX_Z), cure)
        return z

    def names(self) -> tuple[str, ...]:
        """Names exactly as in the file; 'row 3' where there is none."""
        texts = [""] * len(self.table)
        if "name" in self.spec.columns:
            data, mask = self.cells(self.spec.columns["name"].name)
            texts = ["" if hidden else _text(cell) for cell, hidden in zip(data, mask, strict=True)]
        return tuple(text or f"row {i}" for i, text in enumerate(texts, 1))

    def quantity(self, key: str) -> tuple[Array, Array]:
        """log10 of a mapped quantity in erg/s, keV, Msun or Msun keV (physical, no h), NaN where unknown.

        The second array is its error in dex, 0 where unknown. Without a column all are unknown.
        """
        if key not in self.spec.columns:
            return np.full(len(self.table), np.nan), np.zeros(len(self.table))
        name = self.spec.columns[key].name
        unit, values = self.unit(key, name), self.numbers(name)
        if not _LOG.match(unit):
            self.require(name, ~(values <= 0), "but it must be positive; leave it empty if it is unknown")
            values = np.log10(values)
        log_value = values + math.log10(self.factor(key, name, unit))
        low, high = _PLAUSIBLE[_KIND[key]]
        sane = ~((log_value < low) | (log_value > high))
        self.require(name, sane, f"which in '{unit}' is no {_KIND[key]} of a cluster; check the unit")
        return log_value, self.error(key, log_value)

    def error(self, key: str, log_value: Array) -> Array:
        """Error of a quantity in dex: log10(e) err / value, mean of lower and upper; 0 where unknown."""
        column = self.spec.columns.get(f"{key}_error")
        if column is None:
            return np.zeros(log_value.size)
        pair = column.name not in self.table.colnames and "," in column.name
        names = [name.strip() for name in column.name.split(",")] if pair else [column.name]
        if len(names) > 2:
            cure = 'write "COLUMN" or "LOWER,UPPER"'
            raise InputError(f'catalogue.columns.{key}_error: got "{column.name}"; {cure}')
        sides = np.array([self.side(key, name, log_value, pair and name == names[0]) for name in names])
        known = (sides > 0).sum(axis=0)
        return np.where(known > 0, sides.sum(axis=0) / np.maximum(known, 1), 0.0)

    def side(self, key: str, name: str, log_value: Array, lower: bool) -> Array:
        """One error column in dex, 0 where unknown; a `lower` one may be all negative."""
        unit, values = self.unit(f"{key}_error", name), self.numbers(name)
        if lower and not (values > 0).any():
            values = -values
        self.require(name, ~(values < 0), "but an error cannot be negative; leave it empty if it is unknown")
        if not _LOG.match(unit):
            values = values * self.factor(key, name, unit) / (LN10 * 10.0**log_value)
        return np.where(values > 0, values, 0.0)

    def factor(self, key: str, name: str, unit: str) -> float:
        """Factor from `unit`, or from the unit behind its 'log10', to physical units without h."""
        kind, h = _KIND[key], self.spec.cosmology.h
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                factor = unit_factor(_LOG.sub("", unit), kind, h) * h ** KINDS[kind].h_power
            if not 0 < factor < math.inf:
                raise InputError(f"unit '{unit}' must be positive and finite")
        except InputError as error:
            raise InputError(f"{self.file}: column '{name}': {error}") from error
        return factor

    def unit(self, key: str, name: str) -> str:
        """Unit of a column: the configuration's, else the file's."""
        unit = self.spec.columns[key].unit
        if unit is None:  # astropy takes "Msun/h keV" for Msun / (h keV)
            unit = str(getattr(self.column(name), "unit", None) or "").replace("/ (h keV)", "keV / h")
        if not unit.strip():
            example = KINDS[_KIND[key.removesuffix("_error")]].unit
            raise InputError(
                f"{self.file}: column '{name}' has no unit; write in [catalogue.columns] "
                f'{key} = {{ name = "{self.spec.columns[key].name}", unit = "{example}" }}'
            )
        return unit

    def column(self, name: str) -> Any:
        """A column of the table, which must be there."""
        if name not in self.table.colnames:
            raise InputError(f"{self.file}: has no column '{name}'; {nearest(name, self.table.colnames)}")
        return self.table[name]

    def cells(self, name: str) -> tuple[Array, Array]:
        """Values and mask of a column with one value per cluster, shape (N,) each."""
        column = self.column(name)
        data = np.asarray(column)
        if data.ndim != 1 or data.dtype.kind not in "iufSUO":
            raise InputError(f"{self.file}: column '{name}' is not one number or text a row; name another")
        return data, np.broadcast_to(getattr(column, "mask", False), data.shape)

    def numbers(self, name: str) -> Array:
        """Values of a column as native float64, finite or NaN where masked or empty; shape (N,)."""
        data, mask = self.cells(name)
        if data.dtype.kind in "SUO":
            parsed = [0.0 if hidden else _number(cell) for cell, hidden in zip(data, mask, strict=True)]
            self.require(name, np.array([p is not None for p in parsed]), "which is not a number; correct it")
            data = np.array(parsed)
        values = np.where(mask, np.nan, data.astype(float))
        self.require(name, ~np.isinf(values), "expected a finite number; leave it empty if it is unknown")
        return values

    def require(self, name: str, good: Array, expected: str) -> None:
        """Raise for the first row that is not `good`; `good` has shape (N,)."""
        if good.all():
            return
        row = int(np.argmin(good))
        cluster = f" ({self.names()[row]})" if "name" in self.spec.columns else ""
        value = _text(self.table[name][row])
        raise InputError(f"{self.file}: column '{name}', row {row + 1}{cluster}: got {value}, {expected}")


def _text(cell: Any) -> str:
    """A cell as text; byte strings are decoded."""
    return cell.decode("utf-8", errors="replace") if isinstance(cell, bytes) else str(cell)


def _number(cell: Any) -> float | None:
    """A cell of text as a number: NaN if empty, None if it is no number."""
    text = _text(cell).strip()
    try:
        return float(text) if text else math.nan
    except ValueError:
        return None
