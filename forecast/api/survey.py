"""A survey as one object: what it expects, how well it constrains, what its data say."""

from __future__ import annotations

import html
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ..checks.observed import catalogue_data
from ..config.load import Config, load_config, parse_config
from ..core.arrays import Array
from ..core.errors import InputError, nearest
from ..core.rng import generator
from ..forecasts.ladder import LadderRow, build_ladder, sigma8_std
from ..likelihoods.data import Data
from ..likelihoods.fisher import Fisher, fisher_matrix
from ..likelihoods.levels import POINT_LEVELS, at_level, levels_of, likelihood
from ..likelihoods.posterior import Posterior
from ..model.forward import ForwardModel, forward_model
from ..model.simulate import draw_mocks
from ..sampling.identity import chain_digest
from ..sampling.mcmc import Chain, ChainPlan, run_chain
from .keys import changed
from .posterior import SurveyPosterior


def load_survey(source: str | Path | Mapping[str, Any]) -> Survey:
    """A built-in survey (``forecast configs`` lists them), one from a TOML file, or one given as a dictionary.

    Raises
    ------
    InputError
        If there is none, or a key or value is wrong.

    Examples
    --------
    >>> survey = load_survey("nv22")
    >>> survey
    <survey 'NV22: half of a 352 Mpc/h box at z = 0.07': 124.2 clusters expected, 9 free parameters>
    >>> round(survey.fisher("selfcal").std("sigma8"), 3)
    0.028
    >>> round(survey.with_(fraction=0.25).expected_count(), 1)
    62.1
    """
    if isinstance(source, Mapping):
        return Survey(parse_config(dict(source)))
    return Survey(load_config(source))


@dataclass(frozen=True, repr=False)
class Survey:
    """A survey, its model and its priors; see `load_survey`.

    Parameters
    ----------
    config : Config
    """

    config: Config

    @cached_property
    def model(self) -> ForwardModel:
        """The forward model."""
        return forward_model(self.config.setup)

    @property
    def title(self) -> str:
        """What the survey is."""
        return self.config.title

    @property
    def parameters(self) -> tuple[str, ...]:
        """Free parameters."""
        return self.model.parameters.names

    @property
    def levels(self) -> tuple[str, ...]:
        """Levels of information that the survey has data for, from N alone to all."""
        return levels_of(self.model.setup)

    def with_(self, changes: Mapping[str, Any] | None = None, /, **flat: Any) -> Survey:
        """The survey with other settings.

        Parameters
        ----------
        changes : mapping, optional
            By dotted key: ``{"relations.lx.scatter": 0.2}``.
        **flat
            By a key's last part, where only one key ends with it; values as in a TOML file, with units:
            ``flux_limit="2e-14 erg/(s cm2)"``, ``area="3000 deg2"``, ``norm_lx={"lognormal": 0.1}``.

        Raises
        ------
        InputError
            If a key is unknown or several are meant, or a value is wrong.
        """
        return Survey(changed(self.config, {**(changes or {}), **flat}))

    def expected_count(self, **values: float) -> float:
        """Expected number of clusters at the fiducial parameters, or at other values of some.

        Raises
        ------
        InputError
            If a parameter is not free.
        """
        return float(self.model.expected_count(self._at(values)[None])[0])

    def fisher(self, level: str) -> Fisher:
        """Fisher matrix at a level; its `std` and `covariance` include the priors.

        Raises
        ------
        InputError
            If the survey has no such level.
        """
        return fisher_matrix(self._level(level, "prior"), self.model)

    def sigma8_std(self) -> dict[str, float]:
        """Forecast standard deviation of sigma8 by level, "prior" and "known" (every nuisance) among them."""
        return sigma8_std(self.config.setup)[1]

    def ladder(self) -> tuple[LadderRow, ...]:
        """sigma(sigma8) by level of the survey and its variants, as ``forecast ladder`` shows them."""
        return build_ladder(self.config.setup, self.config.ladder.widening, self.config.break_masses)

    def mock(self, *, seed: int, **values: float) -> Data:
        """Data of one mock catalogue, at the fiducial parameters or at other values of some."""
        return Data.of_mock(self.model, draw_mocks(self.model, self._at(values), rng=generator(seed, "mock")))

    def data(self, path: str | Path | None = None) -> Data:
        """Data of real clusters: a catalogue, or the one that the configuration names.

        Raises
        ------
        InputError
            If it cannot be read, or the survey cannot contain its clusters.
        """
        return catalogue_data(self.config, self.model, None if path is None else Path(path))[1]

    def posterior(self, level: str, data: Data | None = None) -> SurveyPosterior:
        """Posterior of data, or of those expected at the fiducial parameters.

        Raises
        ------
        InputError
            If the survey has no such level, or the data do not suffice for it.
        """
        model = at_level(self.model, self._level(level))
        return SurveyPosterior(level, Posterior(likelihood(level, model, data or self.expected(level))))

    def expected(self, level: str) -> Data:
        """Data as expected at the fiducial parameters, single clusters where a level needs them."""
        return Data.expected(at_level(self.model, self._level(level)), points=level in POINT_LEVELS)

    def sample(
        self, level: str, data: Data | None = None, *, seed: int, max_steps: int = 20_000, out: Path | None = None
    ) -> Chain:
        """Sample a posterior with emcee until it has converged.

        Parameters
        ----------
        level : str
        data : Data, optional
            Default: those expected.
        seed : int
        max_steps : int
        out : Path, optional
            HDF5 file to keep the chain in, and to resume it from; by default nothing is kept.
        """
        data, settings = data or self.expected(level), self.config.sampler
        posterior = self.posterior(level, data).posterior
        digest = chain_digest(self.config.fingerprint(), level, data)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "chain.h5" if out is None else Path(out)
            plan = ChainPlan(level, seed, settings.walkers, settings.block, max_steps, path, digest)
            return run_chain(posterior, plan)

    def _at(self, values: Mapping[str, float]) -> Array:
        """The fiducial parameter vector with other values of some."""
        theta = self.model.parameters.fiducial.copy()
        for name, value in values.items():
            if name not in self.parameters:
                raise InputError(f"parameter '{name}' is not free; {nearest(name, self.parameters)}")
            theta[self.parameters.index(name)] = value
        return theta

    def _level(self, level: str, *others: str) -> str:
        known = (*others, *self.levels)
        if level not in known:
            raise InputError(f"level '{level}' is unknown, or the survey has no data for it; {nearest(level, known)}")
        return level

    def __repr__(self) -> str:
        number = len(self.parameters)
        return f"<survey '{self.title}': {self.expected_count():,.1f} clusters expected, {number} free parameters>"

    def _repr_html_(self) -> str:
        rows = "".join(f"<tr><td>{html.escape(k)}</td><td>{html.escape(v)}</td></tr>" for k, v in self._facts())
        return f"<table><caption>{html.escape(self.title)}</caption>{rows}</table>"

    def _facts(self) -> list[tuple[str, str]]:
        """What a notebook shows of the survey."""
        setup = self.model.setup
        return [
            ("clusters expected", f"{self.expected_count():,.1f}"),
            ("selection", setup.selection.__class__.__name__),
            ("mass function", setup.mass_function),
            ("free parameters", ", ".join(self.parameters)),
            ("levels", ", ".join(self.levels)),
        ]
