"""Networks from Python: trained, opened, asked, judged. What `mlcheck` exports; commands do not use it.

Keras is imported by the calls that need it.
"""

from forecast.core.lazy import public

__getattr__, __dir__, __all__ = public(
    __name__,
    {
        "TrainedNetwork": ".network",
        "describe_network": ".training",
        "load_network": ".network",
        "train": ".training",
    },
)
