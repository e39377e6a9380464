"""Work over many catalogues or settings: on processes here or on a Dask cluster, and its finished items on disk.

Imports `core`.
"""

from ..core.lazy import public

__getattr__, __dir__, __all__ = public(
    __name__,
    {
        "Executor": ".executor",
        "Store": ".store",
    },
)
