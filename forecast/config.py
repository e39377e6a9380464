"""Configurations: the only place where TOML is parsed. Strict keys, every dimensional value with its unit."""

from __future__ import annotations

import hashlib
import json
import math
import tomllib
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field, ValidationError

from .catalogue import CatalogueCosmology, CatalogueSpec, Column, MassRelation
from .cosmology import Cosmology
from .errors import InputError, nearest
from .massfunction import MODELS
from .model import Setup
from .parameters import NAMES, Parameter, ParameterSet, Prior, Values
from .scaling import PowerLaw, Relations
from .schema import (
    BoxConfig,
    CatalogueConfig,
    CosmologyConfig,
    FluxLimitedConfig,
    LadderConfig,
    LightConeConfig,
    MapConfig,
    ParameterConfig,
    PowerLawConfig,
    PublishedConfig,
    RelationsConfig,
    SamplerConfig,
    SharpConfig,
    SmoothedConfig,
    Strict,
)
from .selection import FluxLimited, Selection, Sharp, Smoothed
from .survey import Box, Geometry, LightCone
from .units import LN10, parse

SIGMA8_RANGE = (0.4, 1.4)
"""sigma8 the mass functions may be asked for."""
_FACTORS = ("norm_", "slope_", "scatter_")


class Config(Strict):
    """A whole configuration, as read from TOML; `build` functions turn it into physics.

    Build one with `load_config`.
    """

    title: str
    description: str = ""
    references: tuple[str, ...] = ()
    cosmology: CosmologyConfig
    mass_function: str = "bocquet16_hydro"
    survey: BoxConfig | LightConeConfig = Field(discriminator="geometry")
    selection: SharpConfig | SmoothedConfig | FluxLimitedConfig = Field(discriminator="kind")
    relations: RelationsConfig
    parameters: dict[str, float | ParameterConfig]
    sample_variance: bool = False
    yx_error: Annotated[float, Field(ge=0)] = 0.0
    sampler: SamplerConfig = SamplerConfig()
    map: MapConfig = MapConfig()
    ladder: LadderConfig = LadderConfig()
    catalogue: CatalogueConfig | None = None
    published: tuple[PublishedConfig, ...] = ()

    @cached_property
    def setup(self) -> Setup:
        """Everything the forward model needs."""
        cosmology = Cosmology(**self.cosmology.model_dump())
        if self.mass_function not in MODELS:
            known = nearest(self.mass_function, MODELS)
            raise InputError(f"mass_function = '{self.mass_function}' is unknown; {known}")
        return Setup(
            cosmology,
            self.mass_function,
            _geometry(self.survey, cosmology.h),
            _selection(self.selection, cosmology.h),
            _relations(self.relations, cosmology.h),
            _parameters(self.parameters, self.sample_variance),
        )

    @cached_property
    def break_masses(self) -> tuple[float, ...]:
        """Alternative readings of the break mass, log10 Msun/h."""
        return tuple(_log_mass(m, "ladder.break_masses", self.cosmology.h) for m in self.ladder.break_masses)

    @cached_property
    def catalogue_spec(self) -> CatalogueSpec:
        """How to read the catalogue.

        Raises
        ------
        InputError
            If the configuration has no [catalogue].
        """
        if self.catalogue is None:
            raise InputError(
                "this configuration has no [catalogue] table, so 'fit' does not know which columns to read; "
                "add [catalogue.columns] and [catalogue.cosmology]"
            )
        return _catalogue_spec(self.catalogue)

    def fingerprint(self) -> str:
        """Digest of all that changes the numbers; the allowed length of a chain does not."""
        content = self.model_dump(mode="json")
        for key in ("max_steps", "quick_steps", "levels", "level"):
            del content["sampler"][key]
        for key in ("title", "description", "references", "map", "ladder", "published"):
            del content[key]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def _named(path: str, action: Any) -> Any:
    """Call `action`, putting the configuration key in front of its error."""
    try:
        return action()
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _log_mass(text: str, path: str, h: float) -> float:
    mass = _named(path, lambda: parse(text, "mass", h))
    if not 1e11 < mass < 1e16:
        raise InputError(f"{path}: '{text}' = {mass:.3g} Msun/h is no cluster mass; expected 1e11 to 1e16 Msun/h")
    return math.log10(mass)


def _geometry(survey: BoxConfig | LightConeConfig, h: float) -> Geometry:
    if isinstance(survey, BoxConfig):
        return Box(_named("survey.side", lambda: parse(survey.side, "length", h)), survey.fraction, survey.z)
    return LightCone(_named("survey.area", lambda: parse(survey.area, "area", h)), survey.zmin, survey.zmax)


def _selection(s: SharpConfig | SmoothedConfig | FluxLimitedConfig, h: float) -> Selection:
    if isinstance(s, FluxLimitedConfig):
        limit = _named("selection.flux_limit", lambda: parse(s.flux_limit, "flux", h))
        return FluxLimited(limit, s.k_correction, s.k_slope)
    sharp = Sharp(
        _log_mass(s.break_mass, "selection.break_mass", h),
        _log_mass(s.min_mass, "selection.min_mass", h),
        s.slope,
        s.min_mass_mode,
    )
    return Smoothed(sharp, s.smoothing) if isinstance(s, SmoothedConfig) else sharp


def _scatter(value: float | str, path: str) -> float:
    """Scatter in dex from a number or from "0.396 ln"."""
    if isinstance(value, str):
        words = value.split()
        units = {"dex": 1.0, "ln": 1.0 / LN10}
        try:
            number, unit = float(words[0]), units[words[1]]
        except (ValueError, IndexError, KeyError):
            raise InputError(f"{path}: got '{value}', expected dex as a number, or '0.13 dex' or '0.3 ln'") from None
        value = number * unit
    if not 0 < value < 2:
        raise InputError(f"{path}: scatter must be between 0 and 2 dex, got {value:g}")
    return value


def _power_law(c: PowerLawConfig | None, name: str, kind: str, h: float) -> PowerLaw | None:
    if c is None:
        return None
    norm = _named(f"relations.{name}.norm", lambda: parse(c.norm, kind, h))
    if not norm > 0:
        raise InputError(f"relations.{name}.norm: must be positive, got '{c.norm}'")
    scatter = _scatter(c.scatter, f"relations.{name}.scatter")
    return _named(f"relations.{name}", lambda: PowerLaw(math.log10(norm), c.slope, c.evolution, scatter))


def _relations(c: RelationsConfig, h: float) -> Relations:
    lx = _power_law(c.lx, "lx", "luminosity", h)
    assert lx is not None
    return Relations(
        _log_mass(c.pivot, "relations.pivot", h),
        c.z0,
        lx,
        _power_law(c.t, "t", "temperature", h),
        _power_law(c.mgas, "mgas", "mass", h),
        _power_law(c.yx, "yx", "yx", h),
        **c.correlation.model_dump(),
    )


def _prior(name: str, c: ParameterConfig, fiducial: float) -> Prior:
    log = name.startswith(_FACTORS) or c.lognormal is not None
    if c.flat is not None:
        return Prior("flat", low=c.flat[0], high=c.flat[1], log=log)
    if c.gaussian is not None:
        return Prior("gaussian", mean=fiducial, std=c.gaussian, log=log)
    return Prior("lognormal", mean=fiducial, std=float(c.lognormal or 0.0), log=True)


def _parameters(table: dict[str, float | ParameterConfig], sample_variance: bool) -> ParameterSet:
    free, fixed, defaults = [], {}, Values()
    for name, entry in table.items():
        if name not in NAMES or name == "density_contrast":
            known = [n for n in NAMES if n != "density_contrast"]
            raise InputError(f"parameters.{name}: unknown parameter; {nearest(name, known)}")
        if isinstance(entry, float) or entry.value is not None:
            fixed[name] = float(entry if isinstance(entry, float) else entry.value or 0.0)
            continue
        fiducial = float(getattr(defaults, name)) if entry.fiducial is None else entry.fiducial
        prior = _named(f"parameters.{name}", lambda n=name, e=entry, f=fiducial: _prior(n, e, f))
        free.append(Parameter(name, fiducial, prior))
    _check_sigma8(free)
    if sample_variance:
        free.append(Parameter("density_contrast", 0.0, Prior("gaussian", mean=0.0, std=1.0)))
    return ParameterSet(tuple(free), Values(**fixed))


def _check_sigma8(free: list[Parameter]) -> None:
    sigma8 = next((p for p in free if p.name == "sigma8"), None)
    if sigma8 is None:
        raise InputError("parameters.sigma8: must be free; write sigma8 = { fiducial = 0.81, flat = [0.70, 0.92] }")
    low, high = sigma8.prior.bounds
    if low < SIGMA8_RANGE[0] or high > SIGMA8_RANGE[1]:
        raise InputError(
            f"parameters.sigma8: the prior ({low:g} to {high:g}) leaves the model's range "
            f"{SIGMA8_RANGE[0]} to {SIGMA8_RANGE[1]}; give a flat prior inside it"
        )


def _column(key: str, entry: str | dict[str, str]) -> Column:
    if isinstance(entry, str):
        return Column(entry)
    unknown = set(entry) - {"name", "unit"}
    if unknown or "name" not in entry:
        raise InputError(f'catalogue.columns.{key}: write {key} = "COLUMN" or {{ name = "COLUMN", unit = "UNIT" }}')
    return Column(entry["name"], entry.get("unit"))


def _catalogue_spec(c: CatalogueConfig) -> CatalogueSpec:
    relation = None
    if c.mass_relation is not None:
        m, h = c.mass_relation, c.cosmology.h
        relation = MassRelation(
            _named("catalogue.mass_relation.mass_norm", lambda: parse(m.mass_norm, "mass", h)) / h,
            _named("catalogue.mass_relation.yx_norm", lambda: parse(m.yx_norm, "yx", h)) / h,
            m.slope,
            m.evolution,
        )
    columns = {key: _column(key, entry) for key, entry in c.columns.items()}
    reference = CatalogueCosmology(**c.cosmology.model_dump())
    return CatalogueSpec(columns, reference, relation, c.format)


def _folder() -> Path:
    """Folder of the built-in configurations: installed with the package, or the source tree's."""
    installed = Path(str(resources.files("forecast"))) / "configs"
    return installed if installed.is_dir() else Path(__file__).resolve().parent.parent / "configs"


def builtin_configs() -> dict[str, Path]:
    """Names and files of the built-in configurations."""
    return {path.stem: path for path in sorted(_folder().glob("*.toml"))}


def find_config(name: str) -> Path:
    """Path of a configuration given as a path or as the name of a built-in one.

    Raises
    ------
    InputError
        If there is neither.
    """
    path = Path(name)
    if path.is_file():
        return path
    known = builtin_configs()
    if name in known:
        return known[name]
    raise InputError(f"configuration '{name}' is neither a file nor a built-in one; {nearest(name, known)}")


def load_config(name: str | Path) -> Config:
    """Read and check a configuration.

    Parameters
    ----------
    name : str or Path
        Path of a TOML file, or the name of a built-in configuration.

    Raises
    ------
    InputError
        Naming the first wrong key, what was expected, and the known key it resembles.

    Examples
    --------
    >>> load_config("nv22").setup.geometry
    Box(side=352.0, fraction=0.5, z=0.07)
    """
    path = find_config(str(name))
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise InputError(f"{path}: not a TOML file: {error}") from error
    config = parse_config(content, source=path.name)
    try:
        _ = config.setup, config.break_masses
        _ = config.catalogue and config.catalogue_spec
    except InputError as error:
        raise InputError(f"{path.name}: {error}") from error
    return config


def parse_config(content: dict[str, Any], source: str = "configuration") -> Config:
    """Check a configuration given as a dictionary; see `load_config`."""
    try:
        return Config.model_validate(content)
    except ValidationError as error:
        raise InputError(f"{source}: {_explain(error, content)}") from None


def _known_keys(content: Any, location: tuple[Any, ...]) -> list[str]:
    """Keys the schema knows at a location, whatever variants pydantic put in the path."""
    model: Any = Config
    for step in location:
        annotation = model.model_fields[step].annotation if step in getattr(model, "model_fields", {}) else None
        candidates = [annotation, *getattr(annotation, "__args__", ())]
        models = [m for m in candidates if isinstance(m, type) and issubclass(m, BaseModel)]
        if models:
            tag = content.get(step, {}) if isinstance(content, dict) else {}
            model = next((m for m in models if _matches_tag(m, tag)), models[0])
            content = tag
    return list(model.model_fields)


def _matches_tag(model: type[BaseModel], table: Any) -> bool:
    """Whether a table's geometry or kind is that of `model`."""
    for key in ("geometry", "kind"):
        if key in model.model_fields and isinstance(table, dict):
            return table.get(key) in getattr(model.model_fields[key].annotation, "__args__", ())
    return True


_VARIANTS = {"box", "light_cone", "sharp", "smoothed", "flux_limited", "ParameterConfig", "float", "str"}


def _explain(error: ValidationError, content: dict[str, Any]) -> str:
    """One sentence about the first (most specific) problem pydantic found."""
    urgency = {"extra_forbidden": 0, "value_error": 1}
    first = min(error.errors(), key=lambda e: (urgency.get(e["type"], 2), -len(e["loc"])))
    location = tuple(step for step in first["loc"] if not (isinstance(step, str) and step in _VARIANTS))
    path = ".".join(str(step) for step in location)
    if first["type"] == "extra_forbidden":
        return f"unknown key '{path}'; {nearest(str(location[-1]), _known_keys(content, location[:-1]))}"
    if first["type"] == "missing":
        return f"missing key '{path}'"
    if first["type"].startswith("union_tag"):
        expected = first.get("ctx", {}).get("expected_tags", "")
        discriminator = str(first.get("ctx", {}).get("discriminator", "")).strip("'")
        return f"'{path}.{discriminator}' must be one of {expected}"
    return f"'{path}': {first['msg'].removeprefix('Value error, ')}; got {first['input']!r}"
