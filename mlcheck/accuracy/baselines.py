"""What a network must beat: simple regressions of sigma8 on a few numbers of every catalogue."""

from __future__ import annotations

import numpy as np

from forecast.core.arrays import Array
from forecast.model.mocks import Mocks, grouped_median
from forecast.sampling.lessons import summaries

COUNT_BIN = 10
"""Width of NV22's bins in N (section 4.2.2)."""
BASELINES = ("n-mapping", "linear", "boosting", "ridge")
BASELINE_WORDS = {
    "n-mapping": "median sigma8 in bins of N (NV22 section 4.2.2)",
    "linear": "linear regression on ln N, median Y_X, median L_X",
    "boosting": "gradient boosting on the same three",
    "ridge": "quadratic ridge regression on counts, means and covariances of all observables",
}


def baseline(name: str, train: Mocks, sigma8: Array, test: Mocks, *, seed: int) -> Array:
    """sigma8 of test catalogues, (Q,), from a regression on training catalogues and their sigma8 (P,).

    Parameters
    ----------
    name : str
        One of `BASELINES`.
    train, test : Mocks
    sigma8 : ndarray, shape (P,)
    seed : int
    """
    if name == "n-mapping":
        return _mapping(train.size, sigma8, test.size)
    if name == "ridge":
        from sklearn.linear_model import RidgeCV
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        both = summaries(Mocks.stacked([train, test]))
        model = make_pipeline(StandardScaler(), RidgeCV(np.logspace(-4, 3, 15)))
        return np.asarray(model.fit(both[: len(train.size)], sigma8).predict(both[len(train.size) :]))
    x, at = _three(train), _three(test)
    if name == "linear":
        from sklearn.linear_model import LinearRegression

        return np.asarray(LinearRegression().fit(x, sigma8).predict(at))
    from sklearn.ensemble import HistGradientBoostingRegressor

    model = HistGradientBoostingRegressor(max_iter=200, learning_rate=0.05, random_state=seed)
    return np.asarray(model.fit(x, sigma8).predict(at))


def _three(mocks: Mocks) -> Array:
    """ln N, median log10 Y_X and median log10 L_X, (P, 3)."""
    medians = (grouped_median(values, mocks.row, mocks.size) for values in (mocks.log_yx, mocks.log_lx))
    return np.column_stack([np.log(np.maximum(mocks.size, 1)), *medians])


def _mapping(size: Array, sigma8: Array, at: Array) -> Array:
    """Median sigma8 of the bin in N; of the nearest filled one where a bin is empty."""
    cell = size // COUNT_BIN
    filled = np.unique(cell)
    medians = np.array([np.median(sigma8[cell == c]) for c in filled])
    nearest = np.abs((at // COUNT_BIN)[:, None] - filled[None, :]).argmin(axis=1)
    mapped: Array = medians[nearest]
    return mapped
