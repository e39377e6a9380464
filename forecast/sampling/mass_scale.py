"""How far data move a shared mass scale from its prior, and what sigma8 would be if they did not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..core.parameters import ParameterSet
from .mcmc import Chain

NAME = "mass_scale"


@dataclass(frozen=True)
class MassScaleShift:
    """The shared mass scale b of one level's posterior beside its prior.

    Parameters
    ----------
    level : str
    shift : float
        Posterior mean of ln b minus the prior's, in the prior's standard deviations.
    moved : float
        The same in ln b.
    spread : float
        Posterior standard deviation of ln b.
    sigma8, error : float
        Mean and standard deviation of sigma8 where ln b is the prior's mean, by linear regression of sigma8 on ln b
        over the chain.
    """

    level: str
    shift: float
    moved: float
    spread: float
    sigma8: float
    error: float

    @classmethod
    def of(cls, level: str, chain: Chain, parameters: ParameterSet) -> MassScaleShift | None:
        """That of a chain; None where the mass scale, or sigma8, is not free."""
        if not {NAME, "sigma8"} <= set(chain.names):
            return None
        steps = chain.steps[chain.burn :].reshape(-1, len(chain.names))
        log_scale, sigma8 = np.log(steps[:, chain.names.index(NAME)]), steps[:, chain.names.index("sigma8")]
        centre, width = parameters.free[parameters.names.index(NAME)].prior.coordinate_moments
        covariance = np.cov(log_scale, sigma8)
        moved, slope = float(log_scale.mean()) - centre, float(covariance[0, 1] / covariance[0, 0])
        return cls(
            level=level,
            shift=moved / width,
            moved=moved,
            spread=float(np.sqrt(covariance[0, 0])),
            sigma8=float(sigma8.mean()) - slope * moved,
            error=float(np.sqrt(covariance[1, 1] - slope * covariance[0, 1])),
        )

    @property
    def words(self) -> str:
        """One sentence, without its full stop."""
        return (
            f"Mass scale, level {self.level}: ln b_M is {self.moved:+.3f} ± {self.spread:.3f} from its prior's centre, "
            f"{self.shift:+.1f} of the prior's sigma; unmoved, sigma8 would be {self.sigma8:.4f} ± {self.error:.4f} "
            "(linear regression over the chain)"
        )
