"""Built-in configurations of published tables."""

from __future__ import annotations

import tomllib

from .load import builtin_configs


def configs_of(table: str) -> tuple[str, ...]:
    """Built-in configurations of a public table's clusters.

    >>> configs_of("cccp_lowz")
    ('cccp_lowz', 'cccp_lowz_mass_scale')
    """
    found = []
    for name, path in builtin_configs().items():
        catalogue = tomllib.loads(path.read_text(encoding="utf-8")).get("catalogue", {})
        if table in (catalogue.get("public"), catalogue.get("builtin")):
            found.append(name)
    return tuple(found)
