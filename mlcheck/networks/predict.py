"""What trained networks say of catalogues: sigma8, and its posterior where they give a density."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from forecast.core.arrays import Array

from ..data.catalogues import Catalogues
from ..domain.out_of_distribution import require
from .engine import engine
from .heads import GRID, MixtureHead, cumulative, moments
from .saving import Trained
from .training import check_sizes


@dataclass(frozen=True)
class Predictions:
    """sigma8 of P catalogues from an ensemble of networks.

    Parameters
    ----------
    mean : ndarray, shape (P,)
        Posterior mean, or the networks' mean number where they give no density.
    std : ndarray, shape (P,)
        Posterior width; NaN without a density.
    members : ndarray, shape (K, P)
        Each network's own mean.
    sigma8 : ndarray, shape (G,)
        Values at which `density` is given.
    density : ndarray, shape (P, G), or None
        Posterior density: the mean of the networks'.
    """

    mean: Array
    std: Array
    members: Array
    sigma8: Array
    density: Array | None

    def take(self, index: Array) -> Predictions:
        """Of some of the catalogues."""
        density = None if self.density is None else self.density[index]
        return Predictions(
            mean=self.mean[index],
            std=self.std[index],
            members=self.members[:, index],
            sigma8=self.sigma8,
            density=density,
        )

    def cumulative(self, sigma8: Array) -> Array:
        """Posterior probability below values (P,), NaN without a density."""
        if self.density is None:
            return np.full(len(self.mean), np.nan)
        low, width = self.sigma8[0], self.sigma8[-1] - self.sigma8[0]
        return cumulative(self.density * width, (np.asarray(sigma8) - low) / width)

    def interval(self, probability: float) -> tuple[Array, Array]:
        """Edges (P,) of the central interval of a probability."""
        assert self.density is not None
        cells = 0.5 * (self.density[:, 1:] + self.density[:, :-1])
        sums = np.concatenate([np.zeros((len(cells), 1)), np.cumsum(cells, axis=1)], axis=1)
        sums /= sums[:, -1:]
        tails = (0.5 - 0.5 * probability, 0.5 + 0.5 * probability)
        low, high = (np.array([np.interp(q, row, self.sigma8) for row in sums]) for q in tails)
        return low, high


def predict(members: Sequence[Trained], catalogues: Catalogues, *, check: bool = True) -> Predictions:
    """Predictions of an ensemble, which may be one network.

    Parameters
    ----------
    members : sequence of Trained
        Of one survey, case and training set.
    catalogues : Catalogues
    check : bool
        Refuse catalogues that are unlike the training ones, or if that cannot be told.

    Raises
    ------
    InputError
        If the features are not those the networks were trained with, a catalogue is unlike the training ones, or has
        too few clusters.
    """
    scaler = members[0].scaler
    features = scaler.features(catalogues)
    if check:
        require(members[0].reference, catalogues)
    check_sizes(members[0].network, catalogues)
    sigma8 = scaler.sigma8[0] + scaler.width * GRID
    centres, tables = [], []
    for member in members:
        head = member.network.head
        outputs = engine(member.network).outputs(features, catalogues.size)
        centres.append(scaler.sigma8[0] + scaler.width * head.centre(outputs))
        if isinstance(head, MixtureHead):
            tables.append(head.table(outputs))
    centre = np.array(centres)
    if len(tables) < len(centres):
        return Predictions(
            mean=centre.mean(axis=0), std=np.full(centre.shape[1], np.nan), members=centre, sigma8=sigma8, density=None
        )
    density = np.mean(tables, axis=0)
    mean, std = moments(density)
    return Predictions(
        mean=scaler.sigma8[0] + scaler.width * mean,
        std=scaler.width * std,
        members=centre,
        sigma8=sigma8,
        density=density / scaler.width,
    )
