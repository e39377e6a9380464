"""Where the parameters of catalogues may be: a regression on summaries of the data, learnt from mocks of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import linalg

from ..core.arrays import Array
from ..model.forward import ForwardModel
from ..model.mocks import Mocks
from ..model.simulate import draw_mocks
from .proposal import from_scores

TRAINING = 1000
"""Mock catalogues from which a start is learnt."""
_RIDGE = 1e-3


def summaries(mocks: Mocks, names: Sequence[str] = (), *, lensing: bool = True) -> Array:
    """Count, means and covariances of every catalogue's observables, and their products, shape (P, F).

    `names`: the observables to use; all by default. `lensing`: whether lensing masses, if there are any, are used.
    """
    chosen = [mocks.names.index(name) for name in names or mocks.names]
    data = np.column_stack([mocks.z, mocks.observables[:, chosen], *[mocks.log_mwl] * lensing])
    data = data[:, np.all(np.isfinite(data), axis=0)] if len(data) else data[:, :1]
    data = data[:, np.ptp(data, axis=0) > 0] if len(data) else data
    row, size = mocks.row, mocks.size
    number = np.maximum(size, 1)[:, None]

    def total(values: Array) -> Array:
        out = np.zeros((len(size), values.shape[1]))
        np.add.at(out, row, values)
        return out

    mean = total(data) / number
    centred = data - mean[row]
    upper = np.triu_indices(data.shape[1])
    spread = total(centred[:, upper[0]] * centred[:, upper[1]]) / number
    first = np.column_stack([np.log(size + 1.0), mean])
    pairs = np.triu_indices(first.shape[1])
    standard = (first - first.mean(axis=0)) / np.maximum(first.std(axis=0), 1e-12)
    return np.column_stack([first, spread, standard[:, pairs[0]] * standard[:, pairs[1]]])


def regression(scores: Array, training: Array, features: Array) -> Array:
    """Ridge regression of scores (T, D) on features (T, F), applied to features (n, F); shape (n, D)."""
    centre, scale = training.mean(axis=0), np.maximum(training.std(axis=0), 1e-12)
    x = np.column_stack([np.ones(len(training)), (training - centre) / scale])
    weights = linalg.solve(x.T @ x + _RIDGE * len(x) * np.eye(x.shape[1]), x.T @ scores, assume_a="pos")
    at = np.clip((features - centre) / scale, -6, 6)
    return np.asarray(np.column_stack([np.ones(len(features)), at]) @ weights)


@dataclass(frozen=True)
class Lessons:
    """What summaries of mock catalogues say of their parameters: where a chain may begin, from the data alone.

    Parameters
    ----------
    model : ForwardModel
    scores : ndarray, shape (T, D)
        Prior scores of the mocks' parameters.
    features : ndarray, shape (T, F)
        Their `summaries`.
    """

    model: ForwardModel
    scores: Array
    features: Array

    @classmethod
    def drawn(cls, model: ForwardModel, *, rng: np.random.Generator) -> Lessons:
        """Lessons from mocks whose parameters are drawn from the prior."""
        scores = rng.standard_normal((TRAINING, len(model.parameters.free)))
        mocks = draw_mocks(model, from_scores(model.parameters, scores), rng=rng)
        return cls(model, scores, summaries(mocks, lensing=model.setup.lensing_sample.whole))

    def start(self, mocks: Mocks) -> Array:
        """Prior scores near the parameters of each of the catalogues of `mocks`, shape (n, D)."""
        setup = self.model.setup
        found = summaries(mocks, setup.relations.names, lensing=setup.lensing_sample.whole)
        return regression(self.scores, self.features, found)
