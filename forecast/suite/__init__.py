"""Suites of mock catalogues as Parquet files: written, resumed, read back.

Imports `config` and `model` and what stands above them.
"""

from ..core.lazy import public

__getattr__, __dir__, __all__ = public(
    __name__,
    {
        "SuitePlan": ".plan",
        "open_suite": ".reader",
        "run_suite": ".writer",
    },
)
