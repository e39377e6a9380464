"""Machine-learning constraints on sigma8 from cluster catalogues, held against :mod:`forecast`.

Networks of Ntampaka & Vikhlinin (2022, arXiv:2112.05768) and a compact one: trained, opened up, and tested for whether
they can be trusted. Needs Keras 3 with TensorFlow or JAX.
"""

from forecast.core.lazy import public

__getattr__, __dir__, __all__ = public(
    __name__,
    {
        "InputError": "forecast.core",
        "TrainedNetwork": ".api",
        "describe_network": ".api",
        "load_network": ".api",
        "open_suite": "forecast.suite",
        "train": ".api",
    },
)
