"""What a single datum or cluster does to sigma8: saliency and leave-one-out.

Imports `sampling` and what stands above it.
"""

from ..core.lazy import public

__getattr__, __dir__, __all__ = public(
    __name__,
    {
        "build_influence": ".by_mass",
        "leave_one_out": ".saliency",
        "saliency": ".saliency",
    },
)
