"""A survey as one object: what it expects, how well it constrains, what its data say."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..checks.observed import catalogue_data
from ..config.load import Config, builtin_configs, load_config, parse_config
from ..core.errors import InputError
from ..core.records import Job
from ..core.rng import generator
from ..execution.store import content_digest
from ..forecasts.joint import compute_joint
from ..forecasts.ladder import Ladder, build_ladder, sigma8_std
from ..forecasts.sigma8_map import Cells, build_map
from ..forecasts.sweep import compute_sweep
from ..influence.by_mass import InfluencePlan, build_influence
from ..likelihoods.data import Data
from ..likelihoods.fisher import fisher_matrix
from ..likelihoods.level_name import Bound
from ..likelihoods.levels import POINT_LEVELS, at_level, level_class, likelihood
from ..likelihoods.posterior import Posterior as Density
from ..sampling.identity import chain_digest
from ..sampling.mcmc import ChainPlan, run_chain
from ..suite.plan import SuitePlan
from ..suite.reader import Suite, open_suite
from ..suite.writer import run_suite
from .arguments import instance, path, positive, several, whole
from .catalogue import CatalogueData, with_doubts
from .fisher import Fisher
from .mocks import cluster_table, draw_one, prior_mocks, summary_table
from .opened import OpenedSurvey
from .posterior import Posterior
from .results import SurveyInfluence, SurveyJoint, SurveyLadder, SurveyMap, SurveySurvival, SurveySweep
from .samples import Samples
from .tables import table_file

_GIVE_DATA = "give what survey.mock(seed=1) or survey.data('clusters.fits') returns"


class Survey(OpenedSurvey):
    """A survey, its model and its priors; `load_survey` opens one.

    Examples
    --------
    >>> from forecast import load_survey
    >>> survey = load_survey("nv22").with_(fraction=0.25, norm_lx={"lognormal": 0.1})
    >>> round(survey.expected_count(), 1), round(survey.expected_count(sigma8=0.85), 1)
    (62.1, 74.3)
    >>> survey.levels
    ('counts', 'selfcal', 'binned', 'unbinned', 'full', 'full+wl')
    """

    def fisher(self, level: str) -> Fisher:
        """Fisher matrix at a level of information, or of the "prior"; `std` and `covariance` include the priors.

        Raises
        ------
        InputError
            If the survey has no such level.
        """
        found = fisher_matrix(self._level(level, Bound.PRIOR), self.model)
        return Fisher(found.parameters, found.information, str(level))

    def sigma8_std(self) -> dict[str, float]:
        """Forecast standard deviation of sigma8 by level, "prior" and "known" (every nuisance) among them."""
        return {str(level): std for level, std in sigma8_std(self.setup)[1].items()}

    def ladder(self) -> SurveyLadder:
        """sigma(sigma8) by level of the survey and its variants, as ``forecast ladder`` shows them."""
        return SurveyLadder(build_ladder(self.setup, self.config.ladder.widening, self.config.break_masses))

    def survival(
        self, widening: Sequence[float] = (1.0, 10.0), volumes: Sequence[float] = (1.0, 10.0)
    ) -> SurveySurvival:
        """sigma(sigma8) with normalisation priors wider (in log) and the survey copied, by kind of selection."""
        factors = [
            tuple(positive(x, "a factor") for x in several(each, what))
            for each, what in ((widening, "factors on priors"), (volumes, "factors on the volume"))
        ]
        if not all(factors):
            raise InputError(
                "survival needs at least one factor on priors and one on the volume; 1 is the survey itself"
            )
        return SurveySurvival(tuple(Ladder(self.setup).survival(*factors)))

    def sweep(self, *vary: str) -> SurveySweep:
        """sigma(sigma8) as one or two settings vary, written as for ``forecast sweep --vary``.

        Parameters
        ----------
        *vary : str
            ``"survey.area=1000:3000:5"``, ``"volume=log:1:100:3"`` or ``"proxy=yx,mgas"``.

        Raises
        ------
        InputError
            If it cannot be read, or a survey is impossible.
        """
        for text in vary:
            instance(text, str, f"{text!r}", "write 'survey.area=1000:3000:5'")
        return SurveySweep(**vars(compute_sweep(self._configured("a sweep"), vary)))

    def joint(self) -> SurveyJoint:
        """Joint forecast of Om0 and sigma8 by level; Om0 is freed where it is not."""
        return SurveyJoint(**vars(compute_joint(self._configured("a joint forecast"))))

    def sigma8_map(self, mocks: int = 5000, *, seed: int) -> SurveyMap:
        """Mean and scatter of sigma8 over N and the median Y_X, from the mock surveys of `mocks` and `seed`."""
        theta, drawn = prior_mocks(self.model, whole(mocks, "mocks", 100), seed=whole(seed, "seed"))
        sigma8, cells = theta[:, self.parameters.index("sigma8")], self.config.map
        widths = Cells(cells.cell_count, cells.cell_yx, cells.min_mocks)
        found = build_map(sigma8, drawn.size, drawn.median_yx, widths)
        return SurveyMap(**vars(found) | {"proxy_unit": self.setup.relations.proxy_unit})

    def influence(self, level: str = "unbinned", mocks: int = 40, *, seed: int, label: str = "") -> SurveyInfluence:
        """Derivative of the mean of sigma8 by every datum, and leave-one-out, averaged by mass over mock catalogues.

        Raises
        ------
        InputError
            If the level does not know single clusters.
        """
        plan, rng = InfluencePlan(whole(mocks, "mocks", 2)), generator(whole(seed, "seed"), "influence")
        curve = build_influence(self.model, label or self.title, plan, level=self._level(level), rng=rng)
        return SurveyInfluence(**vars(curve))

    def mock(self, *, seed: int, **values: float) -> Data:
        """Data of one mock catalogue, at the fiducial parameters or at other values of some."""
        return Data.of_mock(self.model, draw_one(self.model, self._at(values), seed=whole(seed, "seed")))

    def mock_catalogue(self, *, seed: int, **values: float) -> Any:
        """The clusters of the same mock as an astropy Table: redshift, true mass, log10 of every observable."""
        return cluster_table(draw_one(self.model, self._at(values), seed=whole(seed, "seed")))

    def mock_surveys(self, number: int, *, seed: int) -> Any:
        """An astropy Table of mock surveys, one a row: parameters drawn from the prior, N, log10 of the median Y_X."""
        theta, mocks = prior_mocks(self.model, whole(number, "number", 1), seed=whole(seed, "seed"))
        return summary_table(self.model, theta, mocks)

    def data(self, catalogue: Any = None) -> CatalogueData:
        """Data of real clusters; what is doubtful about them is in `.cautions`, as ``forecast fit`` says it.

        Parameters
        ----------
        catalogue : str, Path, astropy Table, pandas DataFrame or dict of columns, optional
            With the columns that the survey's [catalogue.columns] name; by default the survey's own catalogue.

        Raises
        ------
        InputError
            If it cannot be read, or the survey cannot contain its clusters.

        Warns
        -----
        CatalogueWarning
            For each caution that is most likely a mistake.
        """
        with table_file(catalogue) as file:
            listed, found = catalogue_data(self.config, self.model, file)
        return with_doubts(self.model, listed, found)

    def expected(self, level: str) -> Data:
        """Data as expected at the fiducial parameters, single clusters where a level needs them."""
        return Data.expected(at_level(self.model, self._level(level)), points=level in POINT_LEVELS)

    def posterior(self, level: str, data: Data | None = None) -> Posterior:
        """Posterior of data, or of those expected at the fiducial parameters, for a sampler of your own.

        Raises
        ------
        InputError
            If the survey has no such level, or the data do not suffice for it.
        """
        found, model = self._data(level, data), at_level(self.model, self._level(level))
        used = found.rounded() if level_class(level).whole else found
        idle = tuple(name for name in self.parameters if name not in model.parameters.names)
        return Posterior(str(level), Density(likelihood(level, model, used)), idle)

    def sample(
        self,
        level: str,
        data: Data | None = None,
        *,
        seed: int,
        max_steps: int = 20_000,
        out: str | Path | None = None,
    ) -> Samples:
        """Sample a posterior with emcee and the package's own moves until it has converged.

        Parameters
        ----------
        level : str
        data : Data, optional
            Default: those expected.
        seed : int
        max_steps : int
            Then it stops, converged or not: see `Samples.converged`.
        out : str or Path, optional
            HDF5 file to keep the chain in, and to resume it from; by default nothing is kept.

        Raises
        ------
        InputError
            As `posterior`, and if `out` holds another chain.
        """
        density, settings = self.posterior(level, data).density, self.config.sampler
        seed, longest = whole(seed, "seed"), whole(max_steps, "max_steps", 10)
        digest = chain_digest(self._fingerprint(), level, self._data(level, data))
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder) / "chain.h5" if out is None else path(out, "out")
            plan = ChainPlan(
                level=level,
                seed=seed,
                walkers=settings.walkers,
                block=settings.block,
                max_steps=longest,
                path=place,
                fingerprint=digest,
            )
            return Samples.of_chain(run_chain(density, plan), density.parameters, f"level {level}")

    def suite(self, folder: str | Path, draws: int = 4968, *, seed: int, workers: int = 1) -> Suite:
        """Draw a suite of mock catalogues from the prior, on disk: what networks are trained on.

        Finished parts are kept: the same call goes on where an interrupted one stopped.

        Raises
        ------
        InputError
            If the folder holds another suite, or cannot be written.
        """
        plan = SuitePlan(draws=whole(draws, "draws", 1), workers=whole(workers, "workers", 1))
        config, place = self._configured("a suite"), path(folder, "the suite's folder")
        run_suite(config, Job(_name(config, place.name), place, whole(seed, "seed")), plan)
        return open_suite(place)

    def _data(self, level: str, data: Data | None) -> Data:
        if data is None:
            return self.expected(level)
        instance(data, Data, "data", _GIVE_DATA)
        return data

    def _fingerprint(self) -> str:
        """What a chain depends on beside its data."""
        own = self.config.fingerprint()
        return own if not self.steps else content_digest(own, self.setup)


def _name(config: Config, folder: str) -> str:
    """Name of a suite: that of the built-in survey which it is of, else its folder's."""
    known = builtin_configs()
    own = next((name for name in known if load_config(name).fingerprint() == config.fingerprint()), None)
    return own or (f"{folder}, changed" if folder in known else folder)


def load_survey(source: str | Path | Mapping[str, Any]) -> Survey:
    """A built-in survey (``forecast configs`` lists them), one from a TOML file, or one given as a dictionary.

    Parameters
    ----------
    source : str, Path or mapping

    Returns
    -------
    Survey

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
    >>> load_survey("nv23")
    Traceback (most recent call last):
        ...
    forecast.core.errors.InputError: configuration 'nv23' is neither a file nor a built-in one; did you mean 'nv22'?
    """
    if isinstance(source, Mapping):
        return Survey(parse_config(dict(source)))
    if not isinstance(source, str | os.PathLike):
        raise InputError(
            f"a survey is opened by name, file or dictionary, got {type(source).__name__}; try load_survey('nv22')"
        )
    return Survey(load_config(os.fspath(source)))
