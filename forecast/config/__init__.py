"""Configurations: the tables of a TOML file, checked, and turned into physics.

Imports `model` and what stands above it.
"""

from ..core.lazy import public

__getattr__, __dir__, __all__ = public(
    __name__,
    {
        "Config": ".load",
        "builtin_configs": ".load",
        "load_config": ".load",
        "parse_config": ".load",
    },
)
