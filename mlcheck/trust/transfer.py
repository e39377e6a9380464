"""How answers change on catalogues of another kind than the training ones: for the network, and for the statistics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from forecast.likelihoods.level_name import LevelName
from forecast.likelihoods.levels import POINT_LEVELS, levels_of
from forecast.model.forward import ForwardModel
from forecast.sampling.ensemble import MomentsPlan, posterior_moments

from ..accuracy.cases import LEVEL_WORDS
from ..accuracy.metrics import Score, score
from ..data.draws import Drawn
from ..networks.laboratory import Progress
from ..networks.predict import predict
from ..networks.saving import Trained

NETWORK = "network"


@dataclass(frozen=True)
class Transfer:
    """One method on catalogues of its own kind, and on others.

    Parameters
    ----------
    suite : str
        Where the other catalogues come from.
    method : str
        "network", or a level of the ladder.
    home, away : Score
    """

    suite: str
    method: str
    home: Score
    away: Score

    @property
    def shift(self) -> float:
        """Change of the bias in sigma8."""
        return self.away.bias - self.home.bias

    @property
    def shift_error(self) -> float:
        """Standard error of `shift`, home and away taken as independent."""
        return float(np.hypot(self.away.bias_error, self.home.bias_error))

    @property
    def width(self) -> float:
        """Mean posterior width at home; its scatter there where a network gives a number alone."""
        return self.home.width if np.isfinite(self.home.width) else self.home.scatter

    @property
    def unit(self) -> str:
        """What `width` is."""
        return "posterior widths" if np.isfinite(self.home.width) else "of its scatter at home"

    @property
    def shift_in_widths(self) -> float:
        """`shift` over `width`."""
        return self.shift / self.width

    @property
    def scatter_ratio(self) -> float:
        """Scatter away over scatter at home."""
        return self.away.scatter / self.home.scatter

    @property
    def words(self) -> str:
        """The change in one sentence."""
        before, after = self.home.coverage_68, self.away.coverage_68
        covered = f", 68% coverage {before:.2f} -> {after:.2f}" if np.isfinite(before) else ""
        return (
            f"{self.method} on {self.suite}: bias {self.shift:+.4f} ± {self.shift_error:.4f} "
            f"({self.shift_in_widths:+.2f} {self.unit}), scatter x {self.scatter_ratio:.2f}{covered}"
        )


@dataclass(frozen=True)
class TransferPlan:
    """Which levels are tested, and how.

    Parameters
    ----------
    moments : MomentsPlan
    levels : tuple of str
        Empty: all that the training survey has data for, but "binned".
    dear : int
        Catalogues for the levels of single clusters.
    """

    moments: MomentsPlan
    levels: tuple[str, ...] = ()
    dear: int = 100


def transfer(
    members: Sequence[Trained],
    model: ForwardModel,
    home: Drawn,
    away: Sequence[Drawn],
    plan: TransferPlan,
    *,
    progress: Progress | None = None,
) -> tuple[Transfer, ...]:
    """Network and levels on catalogues like the training ones and on others, both judged with the training model.

    Parameters
    ----------
    members : sequence of Trained
        Networks trained on catalogues of `model`.
    model : ForwardModel
        Of the training survey: the levels believe in it, as the network does.
    home : Drawn
        Catalogues of `model`, none of them used in training.
    away : sequence of Drawn
        Catalogues of other libraries, mass functions or surveys, with all observables of `model`.
    plan : TransferPlan
    progress : callable, optional

    Raises
    ------
    InputError
        If catalogues lack a feature or an observable, or a level is unknown.
    """
    names = plan.levels or tuple(level for level in levels_of(model.setup) if level != LevelName.BINNED)
    methods = (NETWORK, *names)
    scores: dict[tuple[str, int], Score] = {}
    total = len(methods) * (len(away) + 1)
    for at, drawn in enumerate((home, *away)):
        for method in methods:
            if progress is not None:
                progress(f"transfer to {drawn.name}: {method}", len(scores), total, float("nan"))
            found = _network(members, drawn) if method == NETWORK else _level(model, method, drawn, plan)
            scores[method, at] = found
    return tuple(
        Transfer(drawn.name, method, scores[method, 0], scores[method, at + 1])
        for at, drawn in enumerate(away)
        for method in methods
    )


def _network(members: Sequence[Trained], drawn: Drawn) -> Score:
    found, truth = predict(members, drawn.catalogues, check=False), drawn.sigma8
    words = f"network on {drawn.name}"
    return score(NETWORK, words, "network", found.mean, truth, std=found.std, below=found.cumulative(truth))


def _level(model: ForwardModel, level: str, drawn: Drawn, plan: TransferPlan) -> Score:
    truth, mocks = drawn.sigma8, drawn.mocks
    if level in POINT_LEVELS:
        truth, mocks = truth[: plan.dear], mocks.part(0, plan.dear)
    found = posterior_moments(model, level, mocks, plan.moments, sigma8=truth)
    mean, std = found.of("sigma8")
    return score(level, LEVEL_WORDS[level], "statistics", mean, truth, std=std, below=found.cumulative)
