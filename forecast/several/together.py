"""Configurations of several surveys that are fitted or planned together: sky apart, one universe, what is shared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..checks.overlap import Apart, independent
from ..config.load import Config
from ..config.surveys import Surveys
from ..core.errors import InputError, nearest
from ..likelihoods.level_name import EVERY, LEVELS
from ..likelihoods.levels import own_level
from .joint_setup import JointSetup


@dataclass(frozen=True)
class Together:
    """Surveys as independent data, and what they share.

    Parameters
    ----------
    surveys : Surveys
    apart : Apart
    joint : JointSetup
    """

    surveys: Surveys
    apart: Apart
    joint: JointSetup

    @classmethod
    def of(cls, surveys: Surveys, *, cut: bool = False) -> Together:
        """That of surveys which share no sky, or with `cut` are made to.

        Raises
        ------
        InputError
            If they do, are not of one universe, or what is shared is not the same in all.
        """
        apart = independent(surveys.configs, cut=cut)
        return cls(surveys, apart, JointSetup.of(apart.setups, surveys.shared))

    @property
    def configs(self) -> dict[str, Config]:
        """Configurations by name."""
        return self.surveys.configs

    @property
    def notes(self) -> tuple[str, ...]:
        """What is assumed of them."""
        shared = f"Shared, with priors that count once: {', '.join(self.joint.union.shared)}"
        own = "every other parameter belongs to the survey in which its name ends"
        chains = dict.fromkeys(prior.words for config in self.configs.values() for prior in config.chain_priors)
        return (*self.apart.notes, f"{shared}; {own}.", *chains)

    def levels(self, given: Sequence[str], *, quick: bool) -> tuple[str, ...]:
        """Levels to be sampled, the headline first: those given, else the configurations'; quickly the first alone.

        Raises
        ------
        InputError
            If one is unknown or not every survey has it, or configurations do not agree.
        """
        if given and EVERY not in given:
            for level in given:
                self._check_level(level)
            return tuple(dict.fromkeys(given))
        settings = {name: config.sampler for name, config in self.configs.items()}
        first = max(settings, key=lambda name: LEVELS.index(settings[name].level))
        for name, other in settings.items():
            if self._own(name, level := settings[first].level) != other.level:
                words = f"is {level} in {first} but {other.level} in {name}"
                raise InputError(f"sampler.level: {words}; say which, such as --level {level}")
        every = () if quick and not given else settings[first].levels
        common = [v for v in every if all(self._own(name, v) in other.levels for name, other in settings.items())]
        return tuple(dict.fromkeys((settings[first].level, *common)))

    def _own(self, name: str, level: str) -> str:
        return own_level(self.configs[name].setup, level)

    def _check_level(self, level: str) -> None:
        if level not in LEVELS:
            raise InputError(f"--level {level}: unknown level; {nearest(level, LEVELS)}")
        if level not in self.joint.levels:
            raise InputError(f"--level {level}: not every survey has it; give one of {', '.join(self.joint.levels)}")
