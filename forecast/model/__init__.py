"""The forward model: expected clusters of a survey, real catalogues and mock ones.

Imports everything above it: `core`, `cosmology`, `relations`, `survey`.
"""

from ..core.lazy import public

__getattr__, __dir__, __all__ = public(
    __name__,
    {
        "Catalogue": ".catalogue",
        "ForwardModel": ".forward",
        "Mocks": ".mocks",
        "Setup": ".setup",
        "draw_mocks": ".simulate",
        "forward_model": ".forward",
        "read_catalogue": ".catalogue",
    },
)
