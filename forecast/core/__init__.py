"""What all else stands on: errors, units, files and tables, parameters and priors, records of a run.

Imports nothing of this package.
"""

from .lazy import public

__getattr__, __dir__, __all__ = public(
    __name__,
    {
        "CatalogueWarning": ".caution",
        "InputError": ".errors",
        "MassanchorError": ".errors",
        "NumericalError": ".errors",
        "Parameter": ".parameters",
        "ParameterSet": ".parameters",
        "Prior": ".priors",
        "Values": ".parameters",
        "nearest": ".errors",
        "parse": ".units",
        "unit_factor": ".units",
    },
)
