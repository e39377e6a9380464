"""Several surveys as one object: what they share, one posterior, one Fisher matrix."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from ..checks.overlap import independent
from ..config.load import Config
from ..config.surveys import load_surveys as load_configs
from ..config.surveys import refuse_copies
from ..core.errors import InputError
from ..core.names import survey_word
from ..core.records import Job
from ..likelihoods.data import Data
from ..likelihoods.level_name import Bound
from ..sampling.mcmc import run_chain
from ..several.chains import Walks
from ..several.joint_setup import JointSetup
from .arguments import instance, one_of, path, several, whole
from .fisher import Fisher
from .posterior import Posterior
from .samples import Samples
from .survey import Survey

_GIVE_DATA = "give a dictionary of data by survey: {name: survey.data() for name, survey in surveys.surveys.items()}"


@dataclass(frozen=True, repr=False, eq=False)
class Surveys:
    """Independent surveys, with one cosmology and what else they share; `load_surveys` opens them.

    Parameters
    ----------
    surveys : dict of str to Survey
    shared : tuple of str
        Nuisances that are one in all.

    Examples
    --------
    >>> from forecast import load_survey, load_surveys
    >>> whole = load_survey("nv22")
    >>> half = whole.with_(fraction=0.25)
    >>> halves = load_surveys({"a": half, "b": half}, shared=["norm_lx"])
    >>> halves.parameters[:4]
    ('sigma8', 'norm_lx', 'norm_t.a', 'norm_mgas.a')
    >>> halves.posterior("counts")
    <posterior of sigma8, norm_lx, norm_t.a, norm_mgas.a, slope_lx.a, ... (14 parameters) at level counts>
    >>> halves.fisher("counts").std("sigma8") < half.fisher("counts").std("sigma8")
    True
    """

    surveys: Mapping[str, Survey]
    shared: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Compare the surveys now: whatever is wrong is told where it was typed."""
        instance(self.surveys, Mapping, "surveys", 'give them by name: {"one": survey, "two": other}')
        for name, survey in self.surveys.items():
            instance(survey, Survey, f"survey '{name}'", "give what load_survey returns")
            if survey_word(str(name)) != name:
                raise InputError(
                    f"survey '{name}': its name ends those of parameters; call it {survey_word(str(name))}"
                )
        if len(self.surveys) < 2:
            raise InputError("surveys: one is a survey, not several; give two at least")
        refuse_copies({name: survey.config for name, survey in self.surveys.items()})
        _ = self.joint, self.notes

    @cached_property
    def joint(self) -> JointSetup:
        """What the surveys are together."""
        setups = {name: survey.setup for name, survey in self.surveys.items()}
        return JointSetup.of(setups, several(self.shared, "shared parameters"))

    @cached_property
    def notes(self) -> tuple[str, ...]:
        """What is assumed of their skies and catalogues, that they have nothing in common; and what is doubtful."""
        apart = independent({name: survey.config for name, survey in self.surveys.items()})
        return (*apart.notes, *(f"Warning: {words}." for words in self.joint.doubts))

    @property
    def parameters(self) -> tuple[str, ...]:
        """Free parameters; those of one survey alone end in its name."""
        return self.joint.union.parameters.names

    @property
    def levels(self) -> tuple[str, ...]:
        """Levels of information that every survey has data for."""
        return tuple(str(level) for level in self.joint.levels)

    def fisher(self, level: str) -> Fisher:
        """Fisher matrix of all surveys together at a level of information, or of the "prior".

        Raises
        ------
        InputError
            If a survey has no such level.
        """
        name = one_of(level, (*self.levels, Bound.PRIOR), "level")
        (found,) = self.joint.fishers((name,))
        return Fisher(found.parameters, found.information, str(level))

    def posterior(self, level: str, data: Mapping[str, Data] | None = None) -> Posterior:
        """Posterior of each survey's data by name, or of those expected at the fiducial parameters.

        Raises
        ------
        InputError
            If a survey has no such level, or its data do not suffice for it.
        """
        return Posterior(str(level), self.joint.posterior(*self._given(level, data)))

    def sample(
        self,
        level: str,
        data: Mapping[str, Data] | None = None,
        *,
        seed: int,
        max_steps: int = 20_000,
        out: str | Path | None = None,
    ) -> Samples:
        """Sample a posterior until it has converged; arguments and errors as for `Survey.sample`, data by survey."""
        level, used = self._given(level, data)
        configs: dict[str, Config] = {name: survey.config for name, survey in self.surveys.items()}
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder) / "chain.h5" if out is None else path(out, "out")
            job = Job("surveys", place.parent, whole(seed, "seed"), max_steps=whole(max_steps, "max_steps", 10))
            walk = Walks(self.joint, configs, used, job).together(level)
            density = walk.posterior
            chain = run_chain(density, replace(walk.plan, path=place))
            return Samples.of_chain(chain, density.parameters, f"level {level}")

    def _given(self, level: str, data: Mapping[str, Data] | None) -> tuple[str, Mapping[str, Data]]:
        """A level that all surveys have, and the data of each."""
        name = one_of(level, self.levels, "level")
        if data is None:
            return name, {one: survey.expected(name) for one, survey in self.surveys.items()}
        instance(data, Mapping, "data", _GIVE_DATA)
        for one in self.surveys:
            if not isinstance(data.get(one), Data):
                raise InputError(f"data: there are none of {one}; {_GIVE_DATA}")
        return name, data

    def __repr__(self) -> str:
        count = sum(survey.expected_count() for survey in self.surveys.values())
        words = f"{count:,.1f} clusters expected, {len(self.parameters)} free parameters"
        return f"<surveys {' + '.join(self.surveys)}: {words}, shared: {', '.join(self.joint.union.shared)}>"


def load_surveys(*given: str | Path | Mapping[str, Survey], shared: Sequence[str] = ()) -> Surveys:
    """Several surveys of different parts of the sky, or those that one file lists.

    Parameters
    ----------
    *given : str, Path or mapping of str to Survey
        Built-in surveys or TOML files; or, alone, surveys by names of yours.
    shared : sequence of str
        Nuisances that are one in all, such as ``["norm_lx"]``; the cosmology always is.

    Raises
    ------
    InputError
        If one is not there, surveys share sky, or what is shared is not the same in all.

    Examples
    --------
    >>> from forecast import load_surveys
    >>> load_surveys("nv22", "nv22")
    Traceback (most recent call last):
        ...
    forecast.core.errors.InputError: nv22: is given 2 times; its clusters are one survey's, give it once
    """
    if not given:
        raise InputError("load_surveys: got none; try load_surveys('one.toml', 'two.toml')")
    if len(given) == 1 and isinstance(given[0], Mapping):
        return Surveys(given[0], several(shared, "shared parameters"))
    found = load_configs([str(path(one, "a survey")) for one in given], several(shared, "shared parameters"))
    return Surveys({name: Survey(config) for name, config in found.configs.items()}, found.shared)
