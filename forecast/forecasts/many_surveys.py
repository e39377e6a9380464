"""Ladders of many surveys, each on its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..core.caution import Caution
from ..core.errors import NumericalError
from ..execution.executor import Executor
from ..model.concerns import concerns
from ..model.forward import forward_model
from ..model.setup import Setup
from .ladder import sigma8_std


@dataclass(frozen=True)
class NamedSetup:
    """A survey and the name by which messages know it."""

    name: str
    setup: Setup


@dataclass(frozen=True)
class SurveyLadder:
    """Expected number of clusters, sigma(sigma8) by level as `sigma8_std` finds them, and doubts about the survey."""

    count: float
    std: dict[str, float]
    doubts: tuple[Caution, ...] = ()


Progress = Callable[[int, int], None]
"""Called with the number of surveys done and their total."""
Heard = Callable[[NamedSetup, SurveyLadder], None]
"""Given each survey and its ladder as soon as it is there."""


@dataclass(frozen=True)
class _Climb:
    """Computes ladders; `quick`: up to every Y_X."""

    quick: bool = False

    def __call__(self, survey: NamedSetup) -> SurveyLadder:
        try:
            return SurveyLadder(*sigma8_std(survey.setup, quick=self.quick), concerns(forward_model(survey.setup)))
        except (NumericalError, np.linalg.LinAlgError) as problem:
            raise NumericalError(f"{survey.name}: {problem}") from problem


def doubts_of(surveys: Sequence[NamedSetup], found: Sequence[SurveyLadder]) -> tuple[Caution, ...]:
    """Doubts about each survey, which they name; of those that many share, the first and how many."""
    by_text: dict[Caution, list[str]] = {}
    for survey, ladder in zip(surveys, found, strict=True):
        for doubt in ladder.doubts:
            by_text.setdefault(doubt, []).append(survey.name)
    return tuple(replace(doubt, text=f"{_some(names)}: {doubt.text}") for doubt, names in by_text.items())


def density_words(surveys: Sequence[NamedSetup]) -> tuple[str, ...]:
    """One line on the density of matter to which sigma8 of surveys belongs; none where it is free in all."""
    held: dict[float | None, list[str]] = {}
    for survey in surveys:
        held.setdefault(survey.setup.fixed_density, []).append(survey.name)
    if None not in held and len(held) == 1:
        return (f"sigma8 is that of Om0 = {next(iter(held)):g}, fixed (free: forecast joint).",)
    each = (f"{'free' if x is None else f'{x:g}, fixed,'} in {_some(names)}" for x, names in held.items())
    return () if set(held) == {None} else (f"Om0 is {'; '.join(each)}.",)


def _some(names: Sequence[str]) -> str:
    """The first of names, and how many more there are.

    >>> _some(["a"]), _some(["a", "b", "c"])
    ('a', 'a and 2 more')
    """
    return f"{names[0]}{f' and {len(names) - 1} more' if len(names) > 1 else ''}"


def survey_ladders(
    surveys: Sequence[NamedSetup],
    executor: Executor,
    progress: Progress | None = None,
    *,
    quick: bool = False,
    heard: Heard | None = None,
) -> list[SurveyLadder]:
    """Ladders of surveys, in order; `quick`: up to every Y_X.

    Raises
    ------
    NumericalError
        If one fails; it is named.
    """
    return executor.kept("survey", SurveyLadder, _Climb(quick), surveys, progress=progress, heard=heard)
