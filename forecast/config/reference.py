"""Every key of a configuration: what it means, what it may be, its default, and an example from a shipped survey."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from ..core.errors import InputError, nearest
from .load import Config, builtin_configs

_LIMITS = {
    ">=": ("ge", "minimum"), ">": ("gt", "exclusiveMinimum"), "<=": ("le", "maximum"), "<": ("lt", "exclusiveMaximum")
}  # fmt: skip
_TYPES = {"number": "number", "integer": "whole number", "boolean": "true or false", "string": "text"}
_TAGS = ("geometry", "kind")
Schema = dict[str, Any]
_LAW = {
    "fluxes": '["1e-13 erg/(s cm2)", "1e-12 erg/(s cm2)"]', "values": "[0.12, 0.04]", "at": '"1e-13 erg/(s cm2)"',
    "value": "0.1", "slope": "-0.5", "floor": "0.02",
}  # fmt: skip
_CURVE = {"fluxes": '["1e-13 erg/(s cm2)", "3e-13 erg/(s cm2)"]', "values": "[0.0, 1.0]", "path": '"curve.ecsv"'}
_EXAMPLES = {
    "title": '"My survey"',
    "description": '"3,000 deg2 down to 2e-14 erg/s/cm2"',
    "references": '["Doe et al. 2026, arXiv:..."]',
    "published.label": '"sigma8, Doe et al. 2026"',
    "survey.footprint.boxes": "[{ ra = [0, 360], dec = [-90, 2.5] }]",
    "survey.footprint.caps": "[{ ra = 138.0, dec = -48.3, radius = 90.0 }]",
    "survey.footprint.exclude": "[{ ra = [58, 103], dec = [-77, -63] }]",
    "survey.footprint.exclude_caps": "[{ ra = 187.7, dec = 12.4, radius = 6.0 }]",
    "survey.footprint.healpix.path": '"pixels.fits"',
    "survey.footprint.healpix.column": '"PIXEL"',
    "survey.footprint.healpix.nside": "256",
    "survey.footprint.healpix.order": '"nested"',
    "survey.footprint.galactic_latitude": "20.0",
    "survey.redshift_edges": "[0.1, 0.3, 0.5, 0.8]",
    "survey.binned_in_redshift": "true",
    "parameters.NAME.value": "1.0",
    "parameters.NAME.between": "[0.8, 1.2]",
    "prior_chain.path": '"planck/base"',
    "prior_chain.parameters": '{ Om0 = "omegam", h = { column = "H0", factor = 0.01 } }',
    "prior_chain.parameters.NAME.column": '"H0"',
    "prior_chain.parameters.NAME.factor": "0.01",
    "prior_correlation.parameters": '["norm_lx", "slope_lx"]',
    "prior_correlation.correlation": "-0.6",
    "selection.min_mass_mode": '"follows_lx"',
    "selection.flux_limits": '["1e-13 erg/(s cm2)", "3e-13 erg/(s cm2)"]',
    "selection.areas": '["1000 deg2", "9000 deg2"]',
    "selection.area_table": '"areas.ecsv"',
    "selection.completeness_width": "0.1",
    **{f"selection.{name}.{key}": text for name in ("completeness", "contamination") for key, text in _CURVE.items()},
    "selection.contamination.values": "[0.1, 0.0]",
    "selection.flux_error": "0.05",
    "weak_lensing.correlation": "{ lx = 0.2, mgas = 0.2 }",
    **{f"weak_lensing.correlation.{name}": "0.2" for name in ("lx", "t", "mgas", "yx", "core")},
    "weak_lensing.error": "{ z = [0.1, 0.5, 1.0], value = [0.25, 0.35, 0.7] }",
    "weak_lensing.error.z": "[0.1, 0.5, 1.0]",
    "weak_lensing.error.mass": '["14.0 log10 Msun/h", "15.0 log10 Msun/h"]',
    "weak_lensing.error.value": "[0.25, 0.35, 0.7]",
    "weak_lensing.fraction": "0.1",
    "weak_lensing.zmin": "0.1",
    "weak_lensing.zmax": "0.6",
    "errors.z": "0.01",
    **{f"errors.{name}": "0.05" for name in ("t", "mgas", "core", "yx")},
    **{f"errors.{name}.{key}": text for name in ("t", "mgas", "core", "yx") for key, text in _LAW.items()},
    "followup.flux_limit": '"3e-13 erg/(s cm2)"',
    "followup.zmax": "0.5",
    "followup.fraction": "0.7",
    "relations.calibrated_masses": '["13.5 log10 Msun/h", "15.5 log10 Msun/h"]',
    "relations.share_mass_scale": '["lx", "yx"]',
    "relations.mgas.h_exponent": "-0.5",
    "relations.t.h_exponent": "0.0",
    "emission.band_table": '"apec.ecsv"',
    "emission.band_ratio": "0.62",
    "emission.temperature": '{ norm = "5 keV", slope = 0.65, evolution = 0.67 }',
    "emission.temperature.norm": '"5 keV"',
    "catalogue.lx_band": '"0.1-2.4 keV"',
    "catalogue.lx_from": '"flux"',
    "proxy": '"mgas"',
    "proxy.name": '"my network"',
    "proxy.bias": "-0.02",
    "proxy.scatter": "0.13",
    "proxy.skewness": "0.5",
    "proxy.kurtosis": "1.0",
    "proxy.reference": '"arXiv:..."',
    "library.path": '"simulated.ecsv"',
    "library.columns": '{ mass = { name = "M500", unit = "Msun/h" }, lx = { name = "LX", unit = "erg/s" } }',
    "library.select": "{ snapshot = 29 }",
    "library.cosmology.Om0": "0.3089",
    "library.cosmology.h": "0.6774",
    "catalogue.path": '"my_clusters.fits"',
    "catalogue.format": '"ascii.ecsv"',
    "catalogue.table": '"CLUSTERS"',
    **{f"catalogue.limit_confidence.{key}": "0.9987" for key in ("lx", "t", "mgas", "yx")},
    "catalogue.join.path": '"A7.fits"',
    "catalogue.join.on": '"ID_SRC"',
    "catalogue.join.key": '"id"',
    "catalogue.join.name": '"A7"',
    "catalogue.join.format": '"ascii.cds"',
    "catalogue.join.table": '"CLUSTERS"',
    "catalogue.evidence.column": '"ln_ratio"',
    "catalogue.evidence.kind": '"ln"',
    "catalogue.evidence.contamination": "0.1",
    "catalogue.columns": '{ z = "Z", lx = { name = "LX500", unit = "1e44 erg/s" } }',
}
"""Values of keys that no shipped survey sets."""


@dataclass(frozen=True, kw_only=True)
class Key:
    """One key of a configuration.

    Parameters
    ----------
    path : str
        With the tables it stands in: ``survey.area``.
    variant : str
        Of the table it stands in, where there are several: ``geometry = "light_cone"``.
    meaning : str
    allowed : str
        Type, range and choices, in words.
    default : str or None
        As in a file; None where the key must be given.
    example : str
        A line of a file.
    """

    path: str
    variant: str
    meaning: str
    allowed: str
    default: str | None
    example: str

    @property
    def table(self) -> str:
        """Table in which the key stands; empty for the top."""
        return self.path.rpartition(".")[0]


@cache
def keys() -> tuple[Key, ...]:
    """All keys, in the order of the schema."""
    schema = _whole(Config.model_json_schema())
    shipped = [tomllib.loads(path.read_text(encoding="utf-8")) for path in builtin_configs().values()]
    return tuple(_walk(schema, "", "", shipped))


def explain_key(name: str) -> tuple[Key, ...]:
    """Keys called `name`: a whole path or its last parts; all keys of a table where it is one.

    Raises
    ------
    InputError
        If there is none.
    """
    if not (name := name.strip().strip("[]")):
        raise InputError("KEY is empty; name a key or a table, for example area or [selection]")
    found = [key for key in keys() if key.path == name or key.path.endswith(f".{name}")]
    found += [key for key in keys() if key.table == name and key not in found]
    if not found:
        known = sorted({part for key in keys() for part in (key.path, key.path.rpartition(".")[2])})
        cure = meant if (meant := nearest(name, known))[:3] == "did" else "'forecast init plan' writes the common ones"
        raise InputError(f"no key of a configuration is called '{name}'; {cure}")
    return tuple(found)


def _walk(table: Schema, path: str, variant: str, shipped: list[Any]) -> Iterator[Key]:
    """Keys of a table and of those inside it; `shipped` are the same tables of the shipped surveys."""
    for name, field in table["properties"].items():
        whole = f"{path}{name}"
        inside = [each[name] for each in shipped if isinstance(each, Mapping) and name in each]
        parts = _variants(field)
        tables = [part for part in (*parts, *_items(parts)) if "properties" in part]
        default = None if name in table.get("required", ()) else "nothing" if tables else toml(field.get("default"))
        yield Key(
            path=whole,
            variant=variant,
            meaning=" ".join(field.get("description", "").split()),
            allowed=_allowed(parts),
            default=default,
            example=_example(name, whole, field, parts, inside),
        )
        for part in _by_name(parts):
            yield from _walk(part, f"{whole}.NAME.", variant, [own for each in inside for own in _tables(each)])
        for part in tables:
            tag = next((f'{t} = "{part["properties"][t]["const"]}"' for t in _TAGS if _is_tag(part, t)), variant)
            own = [one for each in inside for one in (each if isinstance(each, list) else [each]) if _fits(one, part)]
            yield from _walk(part, f"{whole}.", tag, own)


def _by_name(parts: list[Schema]) -> list[Schema]:
    """Tables of which a table may hold any number under names of the writer's choice."""
    named = (part.get("additionalProperties") for part in parts)
    inside = (one for other in named if isinstance(other, dict) for one in _variants(other))
    return [one for one in inside if "properties" in one]


def _tables(content: Any) -> list[Any]:
    """Tables inside a table."""
    return [one for one in content.values() if isinstance(one, Mapping)] if isinstance(content, Mapping) else []


def _is_tag(table: Schema, name: str) -> bool:
    return "const" in table["properties"].get(name, {})


def _fits(content: Any, table: Schema) -> bool:
    """Whether a table of a file is of a variant."""
    tags = [t for t in _TAGS if _is_tag(table, t)]
    return isinstance(content, Mapping) and all(content.get(t) == table["properties"][t]["const"] for t in tags)


def _variants(field: Schema) -> list[Schema]:
    """What a value may be, one after the other."""
    return [part for part in field.get("anyOf") or field.get("oneOf") or [field] if part.get("type") != "null"]


def _whole(schema: Schema) -> Schema:
    """A schema with every reference replaced by what it refers to."""

    def resolved(node: Any) -> Any:
        if isinstance(node, list):
            return [resolved(each) for each in node]
        if not isinstance(node, dict):
            return node
        own = {key: resolved(value) for key, value in node.items() if key not in ("$ref", "$defs", "discriminator")}
        if "$ref" not in node:
            return own
        return {**resolved(schema["$defs"][node["$ref"].rpartition("/")[2]]), **own}

    whole = resolved(schema)
    assert isinstance(whole, dict)
    return whole


def _allowed(parts: list[Schema]) -> str:
    """Type, range and choices in words."""
    return " or ".join(dict.fromkeys(_words(part) for part in parts))


def _words(part: Schema) -> str:
    if "properties" in part or "additionalProperties" in part:
        return "a table"
    if "const" in part:
        return toml(part["const"])
    if "enum" in part:
        return ", ".join(toml(value) for value in part["enum"])
    if part.get("type") == "array":
        number = f"{part['maxItems']} times " if "maxItems" in part else ""
        return f"a list of {number}{_allowed(_items([part]))}"
    limits = [f"{sign} {part[key]:g}" for sign, keys in _LIMITS.items() for key in keys if key in part]
    quantity = " with its unit" if part.get("type") == "string" and part.get("examples") else ""
    return " ".join([_TYPES[part["type"]] + quantity, *limits])


def _example(name: str, path: str, field: Schema, parts: list[Schema], shipped: list[Any]) -> str:
    """A line as in a shipped survey; else one that says how a value is written."""
    if path in _EXAMPLES:
        return f"{name} = {_EXAMPLES[path]}"
    if any("properties" in part for part in parts):
        return f"[{path}]"
    if any("properties" in part for part in _items(parts)):
        return f"[[{path}]]"
    for value in shipped:
        if not isinstance(value, Mapping):
            return f"{name} = {toml(value)}"
    given = next((e for part in (field, *parts, *_items(parts)) for e in part.get("examples", ())), None)
    if given is not None and " = " in given:
        return f"{given}"
    if given is not None:
        return f"{name} = [{given}]" if any(part.get("type") == "array" for part in parts) else f"{name} = {given}"
    if field.get("default") is not None:
        return f"{name} = {toml(field['default'])}"
    raise KeyError(f"no example of {path}")


def _items(parts: list[Schema]) -> list[Schema]:
    """What lists are made of."""
    items = [item for part in parts for item in (*part.get("prefixItems", ()), part.get("items"))]
    return [variant for item in items if item for variant in _variants(item)]


def toml(value: Any) -> str:
    """A value as a TOML file has it."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{k} = {toml(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(toml, value)) + "]"
    return f"{value:.12g}" if isinstance(value, float) else str(value)
