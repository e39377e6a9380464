"""Ladders of many surveys, each on its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ..core.errors import NumericalError
from ..execution.executor import Executor
from ..model.setup import Setup
from .ladder import sigma8_std


@dataclass(frozen=True)
class NamedSetup:
    """A survey and the name by which messages know it."""

    name: str
    setup: Setup


@dataclass(frozen=True)
class SurveyLadder:
    """Expected number of clusters, and sigma(sigma8) by level, as `sigma8_std` finds them."""

    count: float
    std: dict[str, float]


@dataclass(frozen=True)
class _Climb:
    """Computes ladders."""

    def __call__(self, survey: NamedSetup) -> SurveyLadder:
        try:
            return SurveyLadder(*sigma8_std(survey.setup))
        except (NumericalError, np.linalg.LinAlgError) as problem:
            raise NumericalError(f"{survey.name}: {problem}") from problem


def survey_ladders(
    surveys: Sequence[NamedSetup], executor: Executor, progress: Callable[[int, int], None] | None = None
) -> list[SurveyLadder]:
    """Ladders of surveys, in order.

    Raises
    ------
    NumericalError
        If one fails; it is named.
    """
    return executor.kept("survey", SurveyLadder, _Climb(), surveys, progress=progress)
