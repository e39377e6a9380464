"""Results as frozen records, and their one JSON form: seed, configuration, version, convergence included."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..checks.goodness import Goodness
from ..checks.intake import Intake
from ..checks.lensed import LensedFit
from ..checks.ppc import PredictiveTest
from ..core.caution import Caution
from ..core.files import to_plain, write_json
from ..core.formats import RESULTS
from ..core.observables import OBSERVABLES
from ..core.records import Provenance
from ..forecasts.abundance import Abundance
from ..forecasts.ladder import LadderRow, SurvivalRow
from ..forecasts.lensing_bias import LensingRow
from ..forecasts.sigma8_map import Sigma8Map
from ..forecasts.sigma8_map_exact import ExactMap
from ..forecasts.swaps import SystematicRow
from ..influence.by_mass import InfluenceCurve
from ..likelihoods.data import Data
from ..likelihoods.level_name import LevelName
from ..relations.power_laws import Relations
from ..sampling.mcmc import ChainSummary
from .narrative import ParameterRow, used_words


@dataclass(frozen=True)
class DataSummary:
    """What was fitted.

    Parameters
    ----------
    kind : str
        "expected", "mock" or "catalogue".
    source : str
    n_clusters : float
    n_with_yx : float
    median_log_yx : float
    proxy_unit : str
        Of the mass proxy, here called Y_X whatever it is.
    """

    kind: str
    source: str
    n_clusters: float
    n_with_yx: float
    median_log_yx: float
    proxy_unit: str = OBSERVABLES["yx"].unit

    @classmethod
    def of(cls, kind: str, source: str, data: Data, relations: Relations) -> DataSummary:
        """Summary of what the levels make of a survey's data."""
        return cls(
            kind=kind,
            source=source,
            n_clusters=data.size,
            n_with_yx=data.number_with_yx,
            median_log_yx=data.median,
            proxy_unit=relations.proxy_unit,
        )


@dataclass(frozen=True)
class SurveyPart:
    """One of several surveys whose data were fitted together.

    Parameters
    ----------
    name : str
        As parameters of its own end in.
    title : str
    data : DataSummary
    intake : Intake
    goodness : tuple of Goodness
        With the posterior of all surveys.
    predictive : PredictiveTest or None
    lensed : LensedFit or None
    alone : ChainSummary or None
        Posterior of its data alone, where that was sampled.
    abundance : Abundance or None
    """

    name: str
    title: str
    data: DataSummary
    intake: Intake
    goodness: tuple[Goodness, ...] = ()
    predictive: PredictiveTest | None = None
    lensed: LensedFit | None = None
    alone: ChainSummary | None = None
    abundance: Abundance | None = None


@dataclass(frozen=True)
class Result:
    """Everything one command computed.

    Parameters
    ----------
    provenance : Provenance
    title, description : str
    references, survey : tuple of str
        `survey` describes geometry, selection and relations in sentences.
    parameters : tuple of ParameterRow
    expected_count : float
        At the fiducial parameters.
    quick : bool
        Whether chains were cut short on purpose.
    headline : str
        Level whose posterior is the main result.
    data : DataSummary or None
    ladder : tuple of LadderRow
    systematics : tuple of SystematicRow
    survival : tuple of SurvivalRow
    lensing : tuple of LensingRow
        Level full+wl by the prior on the bias of lensing masses.
    chains : tuple of ChainSummary
    abundance : Abundance or None
    map : Sigma8Map or None
    exact : ExactMap or None
        Beside `map`.
    goodness : tuple of Goodness
    predictive : PredictiveTest or None
        Of the headline level.
    lensed : LensedFit or None
        Weak-lensing masses of the catalogue against predicted ones, at the headline level.
    influence : tuple of InfluenceCurve
    notes : tuple of str
        Plain sentences for the report.
    intake : Intake or None
        Of the catalogue that was fitted.
    warnings : tuple of Caution
        What is doubtful about the numbers.
    Om0 : float or None
        The fixed value to which sigma8 belongs; None where it is free.
    surveys : tuple of SurveyPart
        Those whose data were fitted together; empty for one survey.
    follows : tuple of str
        What was yet to be computed when this was written.
    again : str
        The command that made it, but for what is about one run alone.
    """

    provenance: Provenance
    title: str
    description: str
    references: tuple[str, ...]
    survey: tuple[str, ...]
    parameters: tuple[ParameterRow, ...]
    expected_count: float
    quick: bool = False
    headline: str = LevelName.SELFCAL
    data: DataSummary | None = None
    ladder: tuple[LadderRow, ...] = ()
    systematics: tuple[SystematicRow, ...] = ()
    survival: tuple[SurvivalRow, ...] = ()
    lensing: tuple[LensingRow, ...] = ()
    chains: tuple[ChainSummary, ...] = ()
    abundance: Abundance | None = None
    map: Sigma8Map | None = None
    exact: ExactMap | None = None
    goodness: tuple[Goodness, ...] = ()
    predictive: PredictiveTest | None = None
    lensed: LensedFit | None = None
    influence: tuple[InfluenceCurve, ...] = ()
    notes: tuple[str, ...] = ()
    intake: Intake | None = None
    warnings: tuple[Caution, ...] = ()
    Om0: float | None = None
    surveys: tuple[SurveyPart, ...] = ()
    follows: tuple[str, ...] = ()
    again: str = ""

    @property
    def longer(self) -> str:
        """The command that goes on with chains that are too short."""
        given = self.provenance.config.get("given") or self.provenance.config_name
        command = self.again or f"forecast {self.provenance.command} {given}"
        steps = [chain.steps for chain in self.walked if not chain.converged]
        return command if self.quick or not steps else f"{command} --max-steps {2 * max(steps)}"

    @property
    def converged(self) -> bool:
        """Whether every chain has converged; true if there is none."""
        return all(chain.converged for chain in self.walked)

    @property
    def alone(self) -> dict[str, ChainSummary]:
        """Chains of single surveys among several, by survey, where they were sampled."""
        return {part.name: part.alone for part in self.surveys if part.alone is not None}

    @property
    def walked(self) -> tuple[ChainSummary, ...]:
        """Every chain; those of single surveys by level and survey."""
        return (*self.chains, *(replace(c, level=f"{c.level} ({name} alone)") for name, c in self.alone.items()))

    def chain(self, level: str) -> ChainSummary | None:
        """Summary of one level's chain."""
        return next((c for c in self.chains if c.level == level), None)

    def expected_std(self, level: str) -> float | None:
        """sigma(sigma8) of a level from the Fisher matrix of the survey as configured."""
        return self.ladder[0].sigma8_std.get(level) if self.ladder else None

    def error_of(self, level: str) -> float | None:
        """sigma(sigma8) of a level: its chain's, else the Fisher matrix's."""
        chain = self.chain(level)
        return self.expected_std(level) if chain is None else chain.parameters["sigma8"]["std"]

    def error_beside(self, row: SystematicRow, level: str) -> float | None:
        """That beside which a shift stands: of priors as given that of the level, of wider ones the row's own."""
        return self.error_of(level) if row.widening == 1 else row.error.get(level)


def save_json(result: Result, path: Path) -> None:
    """Write a result, with its convergence, to `path`; whole or not at all.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    write_json(path, {"format": RESULTS.version, "converged": result.converged, **to_plain(result)})


def summary_json(result: Result) -> dict[str, Any]:
    """The JSON object of ``--json``: levels, and for chains the parameters of the headline level."""
    summary: dict[str, Any] = {"command": result.provenance.command, "configuration": result.provenance.config_name}
    summary |= {"seed": result.provenance.seed, "version": result.provenance.version}
    if result.ladder:
        first = result.ladder[0]
        summary["levels"] = {level: {"sigma8_std": std} for level, std in first.sigma8_std.items()}
        summary["rows"] = to_plain(result.ladder)
        summary["systematics"] = to_plain(result.systematics)
    if result.lensing:
        summary["lensing"] = to_plain(result.lensing)
    if result.survival:
        summary["survival"] = to_plain(result.survival)
    summary |= {"Om0": result.Om0, "warnings": to_plain(result.warnings)}
    if result.data is not None:
        summary["n_clusters"] = result.data.n_clusters
    if result.intake is not None:
        summary["intake"] = to_plain(result.intake)
    if result.chains:
        summary["converged"] = result.converged
        summary["chains"] = {c.level: to_plain(c) | {"data": used_words(c)} for c in result.chains}
        headline = result.chain(result.headline)
        if headline is not None:
            summary |= {"level": headline.level, "parameters": to_plain(headline.parameters)}
    if result.map is not None:
        summary["map"] = to_plain(result.map)
    if result.influence:
        summary["influence"] = to_plain(result.influence)
    if result.goodness:
        summary["goodness"] = {g.observable: g.p_value for g in result.goodness}
    if result.exact is not None:
        summary["exact_map"] = to_plain(result.exact)
    if result.predictive is not None:
        summary["predictive"] = to_plain(result.predictive)
    if result.lensed is not None:
        summary["lensed"] = to_plain(result.lensed)
    if result.surveys:
        summary["surveys"] = to_plain([replace(part, abundance=None) for part in result.surveys])
    return dict(to_plain(summary))
