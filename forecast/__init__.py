"""Self-calibration forecasts for X-ray galaxy-cluster surveys.

A forward model of flux- and volume-limited surveys, the likelihoods of an information ladder (counts,
counts and median Y_X, every Y_X), and what they say about sigma8.

Examples
--------
>>> from forecast import forward_model, fisher_matrix, load_config
>>> model = forward_model(load_config("nv22").setup)
>>> round(fisher_matrix("selfcal", model).std("sigma8"), 3)
0.028
"""

from .core.lazy import public

__getattr__, __dir__, __all__ = public(
    __name__,
    {
        "Cosmology": ".cosmology",
        "Data": ".likelihoods",
        "InputError": ".core",
        "MassFunction": ".cosmology",
        "Posterior": ".likelihoods",
        "Setup": ".model",
        "Survey": ".api",
        "SurveyPosterior": ".api",
        "draw_mocks": ".model",
        "fisher_matrix": ".likelihoods",
        "forward_model": ".model",
        "likelihood": ".likelihoods",
        "load_config": ".config",
        "load_survey": ".api",
        "open_suite": ".suite",
        "read_catalogue": ".model",
    },
)
