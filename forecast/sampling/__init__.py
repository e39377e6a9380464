"""Posteriors as samples: emcee with a learnt proposal, one data set or many; chains in other programs' formats.

Imports `likelihoods` and what stands above it.
"""

from ..core.lazy import public

__getattr__, __dir__, __all__ = public(
    __name__,
    {
        "Chain": ".mcmc",
        "ChainPlan": ".mcmc",
        "run_chain": ".mcmc",
        "write_getdist": ".export",
        "write_netcdf": ".export",
    },
)
