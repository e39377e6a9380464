"""A survey as opened and changed: its configuration, its model, and what it expects."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial, reduce
from typing import Any, TypeVar

import numpy as np

from ..config.load import Config
from ..core.arrays import Array
from ..core.errors import InputError, nearest
from ..forecasts.axes import SHORTCUTS
from ..forecasts.ladder import variants
from ..likelihoods.level_name import LEVELS
from ..likelihoods.levels import levels_of
from ..model.forward import ForwardModel, forward_model
from ..model.mean_density import expected_number
from ..model.population import Population
from ..model.setup import Setup
from .arguments import array, number, one_of, positive
from .html_tables import html_table
from .keys import changed

Step = Callable[[Setup], Setup]
Mine = TypeVar("Mine", bound="OpenedSurvey")


def _variant(label: str, setup: Setup) -> Setup:
    return next(variant.setup for variant in variants(setup, ()) if variant.label == label)


def _stretched(key: str, factor: float, setup: Setup) -> Setup:
    return SHORTCUTS[key](setup, factor)


def _widened(factors: Mapping[str, float], setup: Setup) -> Setup:
    parameters = setup.parameters
    for name, factor in factors.items():
        one_of(name, parameters.names, "prior_width: parameter")
        parameters = parameters.widened(factor, (name,))
    return replace(setup, parameters=parameters)


@dataclass(frozen=True, repr=False, eq=False)
class OpenedSurvey:
    """A configuration, and steps from its setup to the survey's that no configuration can hold.

    Parameters
    ----------
    config : Config
    steps : tuple of callables
    """

    config: Config
    steps: tuple[Step, ...] = ()

    def __post_init__(self) -> None:
        """Build the setup now: whatever is wrong is told where it was typed."""
        _ = self.setup

    @cached_property
    def setup(self) -> Setup:
        """Everything the forward model needs."""
        return reduce(lambda setup, step: step(setup), self.steps, self.config.setup)

    @cached_property
    def model(self) -> ForwardModel:
        """The forward model."""
        return forward_model(self.setup)

    @property
    def title(self) -> str:
        """What the survey is."""
        return self.config.title

    @property
    def settings(self) -> dict[str, Any]:
        """Its configuration as nested dictionaries, defaults included; `load_survey` reads it."""
        return self.config.model_dump(mode="json")

    @property
    def parameters(self) -> tuple[str, ...]:
        """Free parameters."""
        return self.model.parameters.names

    @property
    def levels(self) -> tuple[str, ...]:
        """Levels of information that the survey has data for, from N alone to all."""
        return tuple(str(level) for level in levels_of(self.setup))

    def with_(self: Mine, changes: Mapping[str, Any] | None = None, /, **flat: Any) -> Mine:
        """The survey with other settings.

        Parameters
        ----------
        changes : mapping, optional
            By dotted key: ``{"relations.lx.scatter": 0.2}``.
        **flat
            By a key's last part, where only one key ends with it; values as in a TOML file, with units:
            ``flux_limit="2e-14 erg/(s cm2)"``, ``area="3000 deg2"`` (or astropy quantities),
            ``norm_lx={"lognormal": 0.1}``. Two factors as in ``forecast sweep``: ``volume=10``, and ``prior_width=5``
            of all priors on normalisations (in log), or of some: ``prior_width={"norm_lx": 5}``.

        Raises
        ------
        InputError
            If a key is unknown or several are meant, or a value is wrong.
        """
        if changes is not None and not isinstance(changes, Mapping):
            raise InputError(f"changes are a dictionary, such as {{'survey.area': '3000 deg2'}}; got {changes!r}")
        wanted = {**(changes or {}), **flat}
        steps = [_step(key, wanted.pop(key)) for key in SHORTCUTS if key in wanted]
        config = changed(self.config, wanted) if wanted else self.config
        return replace(self, config=config, steps=(*self.steps, *steps))

    def variants(self: Mine) -> dict[str, Mine]:
        """The survey with one idealisation dropped at a time, by what that is; "as configured" first."""
        labels = [variant.label for variant in variants(self.setup, ())]
        return {str(label): replace(self, steps=(*self.steps, partial(_variant, label))) for label in labels}

    def expected_count(self, **values: float) -> float:
        """Expected number of clusters at the fiducial parameters, or at other values of some.

        Raises
        ------
        InputError
            If a parameter is not free, or a value no number.
        """
        theta = self._at(values)
        if set(values) & set(self.model.parameters.contrasts):
            return float(self.model.expected_count(theta[None])[0])
        return expected_number(self.model, theta)

    def abundance(self, log_mass: Array, *, selected: bool = True, **values: float) -> Array:
        """Expected clusters per dex of true mass, shape (Q,).

        Parameters
        ----------
        log_mass : ndarray, shape (Q,)
            Ascending, log10 M500c / (Msun/h).
        selected : bool
            Those that the survey detects, or all in its volume.
        **values
            Of free parameters, by default the fiducial ones.

        Raises
        ------
        InputError
            If a parameter is not free, or masses are not ascending numbers.
        """
        masses = array(log_mass, "log_mass")
        if masses.ndim != 1 or len(masses) < 2 or not np.all(np.diff(masses) > 0):
            raise InputError("log_mass must ascend, log10 M500c / (Msun/h): numpy.linspace(13.5, 15.5, 201), say")
        theta = self._at(values)[None]
        if selected:
            return np.asarray(self.model.mass_density(theta, masses)[0])
        at = self.model.parameters.values(theta)
        return np.asarray(Population.of(self.setup, masses).abundance(at).sum(axis=1)[0])

    def _at(self, values: Mapping[str, Any]) -> Array:
        """The fiducial parameter vector with other values of some."""
        theta = self.model.parameters.fiducial.copy()
        for name, value in values.items():
            if name not in self.parameters:
                raise InputError(f"parameter '{name}' is not free; {nearest(name, self.parameters)}")
            place = self.parameters.index(name)
            theta[place] = number(value, name)
            low, high = self.model.parameters.free[place].prior.bounds
            if not low <= theta[place] <= high:
                raise InputError(
                    f"{name} = {value:g} lies outside its prior, {low:g} to {high:g}, for which the model is made; "
                    f"widen it: survey.with_({name}={{'flat': [LOW, HIGH]}})"
                )
        return theta

    def _level(self, level: str, *others: str) -> str:
        """A level that the survey has data for, or one of `others`."""
        if one_of(level, (*LEVELS, *others), "level") not in (*self.levels, *others):
            raise InputError(
                f"level '{level}' needs weak-lensing masses, which this survey lacks: "
                f"survey.with_(weak_lensing={{'scatter': 0.2}}) adds them; or choose {', '.join(self.levels)}"
            )
        return level

    def _configured(self, what: str) -> Config:
        """The configuration, if it holds all there is to the survey."""
        if self.steps:
            raise InputError(
                f"{what} starts from a configuration, which cannot hold a variant or factors on volume and priors; "
                "take the survey that this one was made from"
            )
        return self.config

    def __repr__(self) -> str:
        count, free = self.expected_count(), len(self.parameters)
        return f"<survey '{self.title}': {count:,.1f} clusters expected, {free} free parameters>"

    def _repr_html_(self) -> str:
        table = html_table(self.title, [], self._facts())
        return table if not self.config.description else f"{table}<p>{html.escape(self.config.description)}</p>"

    def _facts(self) -> list[tuple[str, str]]:
        """What a notebook shows of the survey."""
        return [
            ("clusters expected", f"{self.expected_count():,.1f}"),
            ("geometry", self.setup.geometry.describe(self.setup.cosmology)),
            ("mass function", self.setup.mass_function),
            ("free parameters", ", ".join(self.parameters)),
            ("levels", ", ".join(self.levels)),
        ]


def _step(key: str, value: Any) -> Step:
    if key == "prior_width" and isinstance(value, Mapping):
        factors = {name: positive(factor, f"prior_width of {name}") for name, factor in value.items()}
        return partial(_widened, factors)
    return partial(_stretched, key, positive(value, key))
