"""Tables that people have: opened whatever their format, separator or encoding, cells as numbers in physical units.

Imports `core` alone.
"""

from ..core.lazy import public

__getattr__, __dir__, __all__ = public(
    __name__,
    {
        "Column": ".tables",
        "Reading": ".file_tables",
        "TableFile": ".tables",
        "open_table": ".tables",
        "read_table": ".file_tables",
    },
)
