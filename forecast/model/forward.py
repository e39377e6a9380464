"""Forward model: the expected density of selected clusters in log10 M, log10 Y_X and log10 L_X.

Everything is vectorised over parameter vectors. Two final classes share one protocol: selection in mass and
selection on flux.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ..core.arrays import Array
from ..core.parameters import ParameterSet
from .flux_limited import FluxLimitedModel
from .mass_range import check_masses
from .mass_selected import MassSelectedModel
from .population import Population
from .setup import Setup
from .yx_distribution import YxDistribution

__all__ = ["FluxLimitedModel", "ForwardModel", "MassSelectedModel", "Setup", "forward_model"]


class ForwardModel(Protocol):
    """Expected selected clusters; all methods take parameter vectors `theta` of shape (P, D)."""

    @property
    def setup(self) -> Setup:
        """What the model was built from."""

    @property
    def parameters(self) -> ParameterSet:
        """Free and fixed parameters."""

    @property
    def population(self) -> Population:
        """Clusters before selection, on the model's grid."""

    def expected_count(self, theta: Array) -> Array:
        """Expected number of selected clusters, shape (P,)."""

    def mean_count(self, theta: Array) -> Array:
        """Expected number of selected clusters, averaged over the survey's density contrasts, shape (P,)."""

    def shell_counts(self, theta: Array, *, mean: bool = False) -> Array:
        """Expected clusters in each redshift shell, or their mean over its density contrasts, shape (P, S)."""

    def by_mass(self, theta: Array) -> Array:
        """Expected clusters at each node of the mass grid, shape (P, M)."""

    def mass_density(self, theta: Array, log_mass: Array) -> Array:
        """Expected number per dex of true M500c (Msun/h), shape (P, Q)."""

    def yx_density(self, theta: Array, log_yx: Array, error: Array | float = 0.0) -> Array:
        """Expected number per dex of observed Y_X (Msun/h keV), shape (P, Q)."""

    def lx_density(self, theta: Array, log_lx: Array) -> Array:
        """Expected number per dex of L_X (erg/s), shape (P, Q)."""

    def yx_distribution(self, theta: Array, centre: float, size: int, error: float = 0.0) -> YxDistribution:
        """Distribution of one selected cluster's log10 Y_X, accurate for the median of `size`."""

    @property
    def followed(self) -> ForwardModel | None:
        """Model of the clusters that are followed up: itself where nobody says which, None if there are none."""

    @property
    def yx_grid(self) -> Array:
        """Uniform nodes in log10 Y_X that hold all selected clusters, shape (Q,)."""


MODELS: dict[str, Callable[[Setup], ForwardModel]] = {"mass": MassSelectedModel, "flux": FluxLimitedModel}
"""Forward models by what selections act on."""


def forward_model(setup: Setup) -> ForwardModel:
    """Forward model for a setup's selection.

    Raises
    ------
    InputError
        If the survey expects no cluster, or clusters of masses for which there is no mass function.
    """
    model = MODELS[setup.selection.acts_on](setup)
    check_masses(model)
    return model
