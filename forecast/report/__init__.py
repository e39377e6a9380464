"""What people see: the HTML page, tables on the console, sentences, files.

Imports every wing of the package but the command line.
"""

from ..core.lazy import public

__getattr__, __dir__, __all__ = public(
    __name__,
    {
        "Result": ".results",
        "write_all": ".writers",
        "write_page": ".page.html",
        "write_report": ".result_page",
    },
)
