"""The information ladder: what each level of data says of the parameters, and how much it is expected to say.

Imports `model` and what stands above it.
"""

from ..core.lazy import public

__getattr__, __dir__, __all__ = public(
    __name__,
    {
        "Data": ".data",
        "Fisher": ".fisher",
        "LEVELS": ".level_name",
        "Points": ".density.points",
        "Posterior": ".posterior",
        "fisher_matrix": ".fisher",
        "likelihood": ".levels",
    },
)
