"""Training data made to look like a target: weights from nearest neighbours, culling, and what is left of them.

Hoyle (2017, talk "Machine learning in Astronomy and Cosmology", after Lima et al. 2008, MNRAS 390, 118): objects of
known truth get weights such that their features are distributed as the target's; what is far from all of them in
the space of features is culled. Neither helps where the truth differs at equal features.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecast.core.arrays import Array

from ..accuracy.metrics import Score, score
from ..domain.summaries import Space

_EXPECTED = 3.0


def neighbour_weights(training: Array, target: Array, neighbour: int) -> Array:
    """Weights of training points (n, F) such that they are distributed as target points (m, F); sum 1, shape (n,).

    Ratio of densities, estimated from the target points inside the sphere that holds the `neighbour` nearest
    training points of each training point (Lima et al. 2008, equation 24). All zero where there is no overlap.
    """
    from sklearn.neighbors import NearestNeighbors

    radius = NearestNeighbors(n_neighbors=neighbour + 1).fit(training).kneighbors(training)[0][:, -1]
    distance = NearestNeighbors(n_neighbors=len(target)).fit(target).kneighbors(training)[0]
    count = (distance <= radius[:, None]).sum(axis=1).astype(float)
    weights: Array = count / max(count.sum(), 1.0)
    return weights


def effective_size(weight: Array) -> float:
    """Kish's effective number of weighted points, (sum w)^2 / sum w^2; 0 if all weights are."""
    square = float(np.sum(weight**2))
    return float(np.sum(weight)) ** 2 / square if square > 0 else 0.0


@dataclass(frozen=True)
class Reweighting:
    """Training clusters weighted to look like a target's.

    Parameters
    ----------
    training : int
        Clusters weighted.
    effective : float
        Kish's effective number of them.
    needed : int
        The target's own clusters: with fewer effective ones the training data cannot stand for it.
    culled : float
        Share of the target's clusters that lie outside the training data.
    before, after : float
        Largest difference between the means of a feature in training data and in the target, in standard errors of
        the target's mean, without weights and with them; NaN where all weights are zero.
    feature : str
        The one that differs most before.
    """

    training: int
    effective: float
    needed: int
    culled: float
    before: float
    after: float
    feature: str

    @property
    def words(self) -> str:
        """What it means, in one sentence."""
        size = f"{self.effective:,.0f} of {self.training:,} training clusters"
        if self.effective < self.needed:
            return (
                f"Weighted to look like the catalogue, only {size} are left, fewer than its own {self.needed}: "
                "the training data do not cover it, and no weights can mend that."
            )
        return (
            f"Weighted to look like the catalogue, {size} are left: enough to stand for its {self.needed} clusters, "
            f"with the largest shift of a mean ({self.feature}) {self.before:.1f} standard errors before and "
            f"{self.after:.1f} after."
        )


def reweigh(space: Space, training: Array, target: Array, names: tuple[str, ...], *, outside: float) -> Reweighting:
    """Weights of training clusters toward those of a target, summarised.

    Parameters
    ----------
    space : Space
        In which neighbours are sought.
    training, target : ndarray, shape (n, F) and (m, F)
        Features; spheres hold as many training clusters as let `_EXPECTED` of the target be expected in each.
    names : tuple of str
        Of the F features.
    outside : float
        Share of the target's clusters to be culled.
    """
    neighbour = int(np.clip(_EXPECTED * len(training) / len(target), 5, len(training) // 5))
    weight = neighbour_weights(space.white(training), space.white(target), neighbour)
    error = np.maximum(target.std(axis=0), 1e-9) / np.sqrt(len(target))
    before = np.abs(training.mean(axis=0) - target.mean(axis=0)) / error
    after = np.abs(weight @ training - target.mean(axis=0)) / error if weight.any() else np.full(len(names), np.nan)
    return Reweighting(
        training=len(training),
        effective=effective_size(weight),
        needed=len(target),
        culled=outside,
        before=float(before.max()),
        after=float(after.max()),
        feature=names[int(before.argmax())],
    )


def score_near(
    name: str, distance: Array, keep: float, found: Array, truth: Array, *, posterior: tuple[Array, Array]
) -> Score:
    """Score on the share `keep` of test catalogues that are nearest to a target: the rest is culled.

    Parameters
    ----------
    name : str
        Of the method.
    distance : ndarray, shape (P,)
        Of the test catalogues from the target, in whitened summaries.
    keep : float
    found, truth : ndarray, shape (P,)
    posterior : tuple of two ndarray, shape (P,)
        Posterior widths, and probabilities below the truth.
    """
    near = np.argsort(distance, kind="stable")[: max(10, round(keep * len(distance)))]
    std, below = (values[near] for values in posterior)
    words = f"the {len(near)} test catalogues nearest to the target"
    return score(name, words, "network", found[near], truth[near], std=std, below=below)
