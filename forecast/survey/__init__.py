"""What a survey covers and what it detects: geometry, sample variance, selection.

Imports `core`, `reading`, `cosmology`, `relations` and `survey/detection`.
"""

from ..core.lazy import public

__getattr__, __dir__, __all__ = public(
    __name__,
    {
        "Box": ".geometry",
        "Contamination": ".detection.contamination",
        "Detection": ".detection.curve",
        "FluxLimited": ".flux_limit",
        "LightCone": ".geometry",
        "Replicated": ".geometry",
        "Sharp": ".mass_cut",
        "Smoothed": ".mass_cut",
        "richness_evidence": ".richness",
    },
)
