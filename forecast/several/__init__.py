"""Several surveys as one: what they share is one parameter, likelihoods of independent data are multiplied.

Imports `forecasts` and what stands above it. A posterior made here is one like any other: it is sampled, exported
and drawn as that of a single survey.
"""

from ..core.lazy import public

__getattr__, __dir__, __all__ = public(
    __name__,
    {"JointSetup": ".joint_setup", "Together": ".together", "Union": ".union", "compute_joint_surveys": ".contours"},
)
