"""What a survey is expected to find, and what it says of the parameters: computed when first asked for, and once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from ..core.arrays import Array
from ..model.forward import ForwardModel
from .bins import bin_models, members
from .density.followed import Proxied
from .derivatives import derivatives, outer_sum
from .expected_points import ExpectedClusters
from .yx_score import YxScore


@dataclass(frozen=True, eq=False)
class Expectation:
    """What a survey is expected to find at one parameter vector.

    Parameters
    ----------
    model : ForwardModel
    at : ndarray, shape (D,)
    """

    model: ForwardModel
    at: Array

    @cached_property
    def parts(self) -> tuple[Expectation, ...]:
        """That of each redshift bin whose data are kept apart; this one if none are."""
        return tuple(Expectation(part, self.at) for part in bin_models(self.model)) or (self,)

    @cached_property
    def count(self) -> float:
        """Number of clusters."""
        return float(self.model.expected_count(self.at[None])[0])

    @cached_property
    def proxied(self) -> Proxied:
        """Clusters with a mass proxy, and without."""
        return Proxied.of(self.model)

    @cached_property
    def count_with_proxy(self) -> float:
        """Number of clusters with a mass proxy, where it is known which have one; else of all."""
        return float(self.proxied.model.expected_count(self.at[None])[0])

    @cached_property
    def _rest_slope(self) -> Array:
        """Derivatives of ln of the number of clusters without a proxy, shape (D,)."""
        proxied, model = self.proxied, self.model
        return derivatives(lambda x: np.log(proxied.rest(x, model.expected_count(x))), model.parameters, self.at)

    @cached_property
    def information_of_rest(self) -> Array:
        """Information in the number of clusters that were not followed up, shape (D, D)."""
        if not self.proxied.told_apart:
            return np.zeros((len(self.at), len(self.at)))
        return max(self.count - self.count_with_proxy, 0.0) * np.outer(self._rest_slope, self._rest_slope)

    @cached_property
    def information_of_numbers(self) -> Array:
        """Information in the numbers of clusters with a mass proxy and without, shape (D, D)."""
        some = self.proxied.model
        slope = derivatives(lambda x: np.log(some.expected_count(x)), self.model.parameters, self.at)
        return self.count_with_proxy * np.outer(slope, slope) + self.information_of_rest

    @cached_property
    def yx_score(self) -> YxScore:
        """Density of Y_X and its derivatives, whatever the redshift."""
        return YxScore.of(self.proxied.model, self.at)

    def scores_of(self, log_yx: Array) -> Array:
        """Derivatives of the log density of clusters of a Y_X, NaN where they have none, (Q,), shape (D, Q)."""
        known, scores = np.isfinite(log_yx), np.zeros((len(self.at), len(log_yx)))
        scores[:, known] = self.yx_score.at(log_yx[known])
        scores[:, ~known] = 0.0 if known.all() else self._rest_slope[:, None]
        return scores

    @cached_property
    def clusters(self) -> ExpectedClusters:
        """Clusters that stand for those expected."""
        return ExpectedClusters.of(self.model, self.at)

    def information_of_clusters(self, *, lensing: bool) -> Array:
        """Information of every Y_X, and what all other data of the clusters add to it, shape (D, D).

        A score given Y_X alone is the mean, at that Y_X, of the score given everything (and likewise with and
        without weak lensing): the information added is the mean square of their difference, which is never negative.
        Where part of the clusters has a weak-lensing mass, it adds that part of what it would if all had.
        """
        clusters = self.clusters
        if self._yx_has_more:
            whole = [outer_sum(scores, clusters.weight) for scores in clusters.scores[: 1 + lensing]]
            return np.asarray((1 - clusters.lensed) * whole[0] + clusters.lensed * whole[1] if lensing else whole[0])
        scores = [self._yx_scores, *clusters.scores[: 1 + lensing]]
        steps = zip((1.0, clusters.lensed), pairwise(scores), strict=False)
        added = [part * outer_sum(after - before, clusters.weight) for part, (before, after) in steps]
        of_yx = (part.yx_score.information + part.information_of_rest for part in self.parts)
        information: Array = np.sum([*of_yx, *added], axis=0)
        return information

    @property
    def _yx_has_more(self) -> bool:
        """Whether Y_X holds what the clusters' other observables do not."""
        setup, names = self.model.setup, self.model.parameters.names
        own = {f"{kind}_yx" for kind in ("norm", "slope", "scatter", "evolution")} & set(names)
        composed = "yx" not in setup.relations.names
        return bool((composed and own) or (setup.relations.combination[0] and setup.selection.flux_error))

    @property
    def _in_bins(self) -> list[Array]:
        """Which of the clusters lie in each part, (Q,) each."""
        points = self.clusters.points
        return members(self.model.setup, points.z, points.layer)

    @cached_property
    def _yx_scores(self) -> Array:
        """Derivatives of the log density of each cluster's Y_X, in its redshift bin, shape (D, Q)."""
        clusters, scores = self.clusters, np.zeros_like(self.clusters.scores[0])
        if self.parts == (self,):
            return self.scores_of(clusters.log_yx)
        for part, mine in zip(self.parts, self._in_bins, strict=True):
            scores[:, mine] = part.scores_of(clusters.log_yx[mine])
        return scores
