"""What is wrong with a configuration, in one sentence: pydantic's errors in the words of the file."""

from __future__ import annotations

from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from ..core.errors import nearest

Model = type[BaseModel]
Keys = tuple[Any, ...]

_URGENCY = {"extra_forbidden": 0, "value_error": 1}
_TABLE_TYPES = ("model_type", "model_attributes_type", "dict_type")
_LIST_TYPES = ("tuple_type", "list_type")
_LONGEST = 60
_WORDS = {
    "string_type": "text in quotes",
    "float_type": "a number",
    "float_parsing": "a number",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing_size": "a whole number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "finite_number": "a finite number",
    "greater_than": "above {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "below {lt}",
    "less_than_equal": "at most {le}",
    "literal_error": "one of {expected}",
    "string_too_short": "text of at least {min_length} letters",
    "string_too_long": "text of at most {max_length} letters",
    "string_pattern_mismatch": "text like {pattern}",
}
"""What is expected, by pydantic's name of the error."""
_FLUX_ERROR = (
    "the error of L_X is that of the flux: write flux_error = 0.05 (dex) under [selection] of a flux limit, or map "
    "each cluster's to lx_error under [catalogue.columns]"
)
_ELSEWHERE = {"errors.lx": _FLUX_ERROR, "errors.flux": _FLUX_ERROR}
"""Keys that do not exist, and where what they mean is written."""


def explain(error: ValidationError, root: Model, content: dict[str, Any]) -> str:
    """The first (most specific) problem that pydantic found in the tables of a configuration of model `root`."""
    found: list[Any] = error.errors()
    first = min(found, key=lambda e: (_URGENCY.get(e["type"], 2), -len(e["loc"])))
    keys, kind = _keys(first, content), first["type"]
    (model, field), path = _at(root, keys, content), ".".join(map(str, keys))
    if kind == "extra_forbidden":
        return f"unknown key '{path}'; {_ELSEWHERE.get(path) or nearest(str(keys[-1]), model.model_fields)}"
    if kind == "missing" and isinstance(first["loc"][-1], str):
        return f"missing key '{'.'.join(map(str, (*keys, first['loc'][-1])))}'"
    if kind.startswith("union_tag"):
        return _of_variant(path, first, field)
    if kind == "value_error":
        got = "" if isinstance(first["input"], dict) else f"; got {shown(first['input'])}"
        return f"'{path}': {first['msg'].removeprefix('Value error, ')}{got}"
    return f"'{path}': {_expected(first, keys, field)}; got {shown(first['input'])}"


def shown(value: Any) -> str:
    """A value as in the file, cut short."""
    if isinstance(value, dict):
        text = f"a table of {', '.join(map(str, value)) or 'nothing'}"
    elif isinstance(value, bool):
        text = str(value).lower()
    else:
        text = repr(value) if isinstance(value, str | list) else str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ..."


def _keys(first: dict[str, Any], content: Any) -> Keys:
    """Keys of the file, and numbers in lists, on the way to an error: without pydantic's names of variants."""
    found: list[Any] = []
    for step in first["loc"]:
        there = isinstance(content, dict) and step in content
        there |= isinstance(content, list | tuple) and isinstance(step, int) and step < len(content)
        if there:
            content = content[step]
            found.append(step)
    return tuple(found)


def _at(root: Model, keys: Keys, content: Any) -> tuple[Model, FieldInfo | None]:
    """Model of the table that holds the last of some keys, and the field to which it belongs."""
    inside, model, field = root, root, None
    for key in keys:
        model, content = inside, content[key]
        if key in model.model_fields:
            field = model.model_fields[key]
            models = _models(field.annotation)
            inside = next((m for m in models if _matches_tag(m, content)), models[0] if models else model)
    return model, field


def _models(annotation: Any) -> list[Model]:
    """Tables that an annotation allows."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models(part)]


def _matches_tag(model: Model, table: Any) -> bool:
    """Whether a table's geometry or kind is that of `model`."""
    for key in ("geometry", "kind"):
        if key in model.model_fields and isinstance(table, dict):
            return table.get(key) in get_args(model.model_fields[key].annotation)
    return True


def _of_variant(path: str, first: dict[str, Any], field: FieldInfo | None) -> str:
    """What a table says of its geometry or kind is missing, or none of those that there are."""
    key = first["ctx"]["discriminator"].strip("'")
    models = [] if field is None else _models(field.annotation)
    tags = ", ".join(f"'{tag}'" for model in models for tag in get_args(model.model_fields[key].annotation))
    missing = first["type"] == "union_tag_not_found"
    return f"missing key '{path}.{key}'; one of {tags}" if missing else f"'{path}.{key}' must be one of {tags}"


def _expected(first: dict[str, Any], keys: Keys, field: FieldInfo | None) -> str:
    """What is expected where something else is, with an example if its field has one."""
    kind = first["type"]
    example = next(iter([] if field is None else field.examples or _examples(field.annotation)), "")
    if kind in _LIST_TYPES and example:
        example = example if example.startswith("[") else f"[{example}]"
    like = f", as in {example}" if example else ""
    if kind in _TABLE_TYPES:
        header = f"[[{keys[-2]}]]" if isinstance(keys[-1], int) else f"[{'.'.join(map(str, keys))}]"
        return f"must be a table{like or f', as under {header}'}"
    if kind in _LIST_TYPES:
        return f"must be a list in square brackets{like}"
    if kind in ("missing", "too_short", "too_long"):
        return f"has too {'many' if kind == 'too_long' else 'few'} values{like.replace(', as in', '; write it as')}"
    if kind.startswith("float") and field is not None and _models(field.annotation):
        return f"must be a number or a table{like}"
    return f"must be {_WORDS.get(kind, kind.replace('_', ' ')).format(**first.get('ctx', {}))}{like}"


def _examples(annotation: Any) -> list[Any]:
    """Examples in an annotation's parts."""
    if get_origin(annotation) is Annotated:
        return next((m.examples for m in annotation.__metadata__ if getattr(m, "examples", None)), [])
    return next((found for part in get_args(annotation) if (found := _examples(part))), [])
