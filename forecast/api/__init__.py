"""Surveys from Python: opened, changed, forecast, sampled, drawn. What `forecast` exports; commands do not use it.

Imports every wing above it.
"""

from ..core.lazy import public

__getattr__, __dir__, __all__ = public(
    __name__,
    {
        "Fisher": ".fisher",
        "Posterior": ".posterior",
        "Samples": ".samples",
        "Survey": ".survey",
        "Surveys": ".surveys",
        "load_survey": ".survey",
        "load_surveys": ".surveys",
        "plot_contours": ".figures",
        "plot_corner": ".figures",
    },
)
