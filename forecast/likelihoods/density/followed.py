"""Clusters of a survey that have a mass proxy, and those that have not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...core.arrays import Array
from ...core.chunks import in_parts
from ...model.forward import ForwardModel

_TINY = np.finfo(float).tiny


@dataclass(frozen=True)
class Proxied:
    """Clusters of a survey with a mass proxy, and without.

    Parameters
    ----------
    survey : ForwardModel
        Of all clusters.
    model : ForwardModel
        Of those that may have a proxy.
    """

    survey: ForwardModel
    model: ForwardModel

    @classmethod
    def of(cls, survey: ForwardModel) -> Proxied:
        """Those of a survey."""
        return cls(survey, survey.followed or survey)

    @property
    def told_apart(self) -> bool:
        """Whether it is known which clusters have one."""
        return self.model is not self.survey

    def rest(self, theta: Array, count: Array) -> Array:
        """Expected number of clusters of which one without a proxy may be, (P,): of all, where nobody says which.

        `count`: expected number of all, (P,).
        """
        rest = count - in_parts(self.model.expected_count, theta) if self.told_apart else count
        return np.asarray(np.maximum(rest, _TINY))
