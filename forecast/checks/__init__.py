"""Whether posteriors are calibrated, and whether the model describes its data.

Imports `sampling` and what stands above it.
"""

from ..core.lazy import public

__getattr__, __dir__, __all__ = public(
    __name__,
    {
        "CalibrationPlan": ".sbc",
        "check_catalogue": ".ppc",
        "goodness_of_fit": ".goodness",
        "take_in": ".intake",
    },
)
