"""Forecasts: ladders, sweeps, comparisons, proxies, joint contours and maps, as records; nothing is drawn here.

Imports `config`, `likelihoods` and what stands above them.
"""

from ..core.lazy import public

__getattr__, __dir__, __all__ = public(
    __name__,
    {
        "build_ladder": ".ladder",
        "build_map": ".sigma8_map",
        "compute_joint": ".joint",
        "compute_proxies": ".proxy_comparison",
        "compute_sweep": ".sweep",
    },
)
