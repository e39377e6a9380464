"""Self-calibration forecasts for X-ray galaxy-cluster surveys.

A forward model of flux- and volume-limited surveys, the likelihoods of an information ladder (counts,
counts and median Y_X, every Y_X), and what they say about sigma8.

Examples
--------
>>> from forecast import load_survey
>>> survey = load_survey("nv22")
>>> round(survey.fisher("selfcal").std("sigma8"), 3)
0.028
"""

from .core.lazy import public

__getattr__, __dir__, __all__ = public(
    __name__,
    {
        "Data": ".likelihoods",
        "Fisher": ".api",
        "InputError": ".core",
        "Posterior": ".api",
        "Samples": ".api",
        "Survey": ".api",
        "load_survey": ".api",
        "load_surveys": ".api",
        "open_suite": ".suite",
        "plot_contours": ".api",
        "plot_corner": ".api",
    },
)
