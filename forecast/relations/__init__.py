"""How observables scale with mass and scatter about the mean, and what makes a mass proxy of them.

Imports `core` and `cosmology`.
"""

from ..core.lazy import public

__getattr__, __dir__, __all__ = public(
    __name__,
    {
        "PowerLaw": ".lines",
        "Relations": ".power_laws",
        "Residuals": ".residuals",
        "load_library": ".library",
        "with_proxy": ".mass_proxy",
    },
)
