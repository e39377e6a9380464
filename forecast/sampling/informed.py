"""What the data taught about each parameter: its posterior beside its prior, and beside sigma8."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..core.arrays import Array
from ..core.parameters import Parameter, ParameterSet

AS_WIDE, AS_SHAPED, TIED = 0.95, 0.1, 0.3
"""Width over the prior's above which, and distance from the prior below which, a parameter has learned nothing; and its
correlation with sigma8 from which it matters all the same."""


@dataclass(frozen=True)
class Lesson:
    """What the data taught about one parameter.

    Parameters
    ----------
    width : float
        Standard deviation over that of the prior, in the natural coordinate.
    distance : float
        Largest difference of the cumulative distributions of posterior and prior (Kolmogorov-Smirnov).
    correlation : float
        With sigma8, in the posterior; NaN where sigma8 is not free.
    """

    width: float
    distance: float
    correlation: float

    @property
    def nothing(self) -> bool:
        """Whether the posterior is the prior, as far as a figure could show."""
        return self.width > AS_WIDE and self.distance < AS_SHAPED

    @property
    def idle(self) -> bool:
        """Whether that is so, and sigma8 hardly follows the parameter."""
        return self.nothing and not abs(self.correlation) >= TIED

    def as_summary(self) -> dict[str, float]:
        """The numbers by the names that summaries of chains give them."""
        return {
            "width_of_prior": self.width,
            "distance_from_prior": self.distance,
            "correlation_sigma8": self.correlation,
        }

    @classmethod
    def of_summary(cls, values: Mapping[str, float | None]) -> Lesson:
        """The inverse of `as_summary`; NaN for what is lacking."""
        names = cls(math.nan, math.nan, math.nan).as_summary()
        return cls(*(math.nan if (value := values.get(name)) is None else value for name in names))


def lessons(parameters: ParameterSet, names: Sequence[str], samples: Array) -> dict[str, Lesson]:
    """What `samples` (n, D) of the parameters `names` say beside the priors of `parameters`, by name."""
    prior = {p.name: p for p in parameters.free}
    sigma8 = samples[:, list(names).index("sigma8")] if "sigma8" in names else None
    return {name: _lesson(prior[name], samples[:, i], sigma8) for i, name in enumerate(names)}


def _lesson(parameter: Parameter, x: Array, sigma8: Array | None) -> Lesson:
    ranks = np.sort(parameter.prior.cumulative(x))
    steps = np.arange(len(x) + 1) / len(x)
    distance = max(np.max(steps[1:] - ranks), np.max(ranks - steps[:-1]))
    width = np.std(np.log(x) if parameter.log else x) / parameter.prior.coordinate_moments[1]
    correlation = np.nan if sigma8 is None or not (np.std(x) and np.std(sigma8)) else np.corrcoef(x, sigma8)[0, 1]
    return Lesson(float(width), float(distance), float(correlation))
