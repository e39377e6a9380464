"""The expanding universe: distances, growth, the halo mass function, and how observables depend on them.

Imports `core`.
"""

from ..core.lazy import public

__getattr__, __dir__, __all__ = public(
    __name__,
    {
        "Cosmology": ".background",
        "Expansion": ".expansion",
        "MassFunction": ".mass_function",
    },
)
