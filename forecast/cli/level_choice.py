"""Which levels a command works on, and which of them is the answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..likelihoods.level_name import EVERY, LEVELS

if TYPE_CHECKING:
    from ..config.load import Config
    from ..core.records import Job


@dataclass(frozen=True)
class LevelChoice:
    """Levels whose chains are made.

    Parameters
    ----------
    every : tuple of str
    headline : str
        That of the answer: the configuration's own if it is among them, else the first that was asked for.
    """

    every: tuple[str, ...]
    headline: str

    @classmethod
    def of(cls, config: Config, job: Job) -> LevelChoice:
        """Those that were asked for; else, of a quick command, the headline's alone, and of others all."""
        own = str(config.sampler.level)
        asked = job.levels or ((own,) if job.quick else configured(config))
        return cls(asked, own if own in asked else asked[0])

    @property
    def in_turn(self) -> tuple[str, ...]:
        """The headline first."""
        return (self.headline, *(level for level in self.every if level != self.headline))


def configured(config: Config) -> tuple[str, ...]:
    """Levels under ``[sampler]``: `levels`, and `level` if it is none of them."""
    return tuple(dict.fromkeys((*map(str, config.sampler.levels), str(config.sampler.level))))


def chosen_levels(given: str | Sequence[str] | None, config: Config) -> tuple[str, ...]:
    """What ``--level`` names, once each.

    Raises
    ------
    InputError
        If there is no such level, or the survey has no data for it.
    """
    named = (given,) if isinstance(given, str) else tuple(given or ())
    for level in named:
        if level != EVERY:
            _check(level, config)
    meant = (configured(config) if level == EVERY else (level,) for level in named)
    return tuple(dict.fromkeys(level for levels in meant for level in levels))


def _check(level: str, config: Config) -> None:
    from ..core.errors import InputError, nearest
    from ..likelihoods.levels import levels_of

    if level not in LEVELS:
        raise InputError(f"--level {level}: unknown level; {nearest(level, LEVELS)}")
    if level not in levels_of(config.setup):
        raise InputError(f"--level {level}: needs weak-lensing masses; add a [weak_lensing] table with their scatter")
