"""Surveys from Python: opened, changed, forecast, sampled. What `forecast` exports; commands do not use it.

Imports every wing above it but the figures.
"""

from ..core.lazy import public

__getattr__, __dir__, __all__ = public(
    __name__,
    {
        "Survey": ".survey",
        "SurveyPosterior": ".posterior",
        "load_survey": ".survey",
    },
)
