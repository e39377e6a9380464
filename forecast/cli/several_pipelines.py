"""Several surveys from configurations to result and files: one posterior, one ladder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from ..checks.observed import catalogue_data, require_levels
from ..config.quantities import named
from ..config.surveys import Surveys
from ..core.caution import Caution
from ..core.errors import InputError
from ..core.files import prepare_output
from ..core.records import Job, Provenance
from ..forecasts.abundance import expected_abundance
from ..likelihoods.data import Data
from ..likelihoods.level_name import LevelName
from ..likelihoods.levels import own_level, shares
from ..model.catalogue import Catalogue
from ..model.concerns import concerns
from ..model.forward import ForwardModel
from ..model.mean_density import expected_number
from ..report.cautions import before_fit, of_goodness, of_mass_scale, of_prediction
from ..report.doubts import of_lensed
from ..report.narrative import parameter_rows, survey_sentences
from ..report.results import DataSummary, Result, SurveyPart
from ..report.text_table import answer_words, row_words
from ..report.writers import chain_summary, export_chain, write_all
from ..sampling.mcmc import Chain, ChainPlan, ChainSummary
from ..sampling.moved import moved_by, moved_words
from ..sampling.parallel import Walk, sampled
from ..several.chains import Walks, prepare_chains
from ..several.joint_setup import JointSetup
from ..several.ladder import JointLadder
from ..several.together import Together
from .fit_checks import lensing_masses, mass_scale_shifts, observed_against_predicted, unlike_replicas, with_cautions
from .options import LEFT_OUT, FitPlan
from .pipelines import catalogue_intake, data_notes, say_doubts

NOT_ALONE = "Each survey alone was not sampled; --alone adds that, to be held against the joint posterior."
NO_ROWS = "The ladder of these surveys was left out; --ladder adds it."
ONE_ROW = "Variants and shifts by other assumptions are those of single surveys: forecast ladder SURVEY."


def several_result(together: Together, job: Job, command: str) -> Result:
    """Result with everything that needs no computing."""
    joint, configs = together.joint, together.configs
    first = next(iter(configs.values()))
    content: dict[str, Any] = {
        "given": job.given,
        "surveys": {name: config.model_dump(mode="json") for name, config in configs.items()},
        "shared": list(joint.union.shared),
        "cut": sorted(together.apart.left),
        "cosmology": first.cosmology.model_dump(mode="json"),
        "mass_function": first.mass_function,
        "sample_variance": first.sample_variance,
    }
    doubts = of_surveys({name: (*concerns(m), *configs[name].cautions) for name, m in joint.models.items()})
    return Result(
        provenance=Provenance(command, job.name, content, job.seed),
        title=" + ".join(configs),
        description="; ".join(f"{name}: {config.title}" for name, config in configs.items()),
        references=tuple(dict.fromkeys(words for config in configs.values() for words in config.references)),
        survey=_sentences(joint),
        parameters=parameter_rows(joint.union.parameters),
        expected_count=sum(expected_number(model) for model in joint.models.values()),
        quick=job.quick,
        notes=together.notes,
        Om0=next(iter(joint.setups.values())).fixed_density,
        again=job.again,
        warnings=(*(Caution("prior", words) for words in joint.doubts), *doubts),
    )


def _sentences(joint: JointSetup) -> tuple[str, ...]:
    """Every survey in sentences, those that hold for all of them once."""
    told = {name: survey_sentences(setup) for name, setup in joint.setups.items()}
    common = [words for words in next(iter(told.values()))[1:] if all(words in each for each in told.values())]
    own = (f"{name}: {words}" for name, each in told.items() for words in each if words not in common)
    return (*own, *common)


def of_surveys(found: Mapping[str, Iterable[Caution | None]]) -> tuple[Caution, ...]:
    """What is doubtful about surveys, by name: each doubt once, with the names of all that it is about."""
    names: dict[Caution, list[str]] = {}
    for name, cautions in found.items():
        for caution in filter(None, cautions):
            names.setdefault(caution, []).append(name)
    return tuple(replace(caution, text=f"{', '.join(of)}: {caution.text}") for caution, of in names.items())


@dataclass(frozen=True)
class _Fitted:
    """A survey of several and its catalogue."""

    name: str
    model: ForwardModel
    catalogue: Catalogue
    data: Data

    @classmethod
    def of(cls, together: Together, name: str, levels: Sequence[str]) -> _Fitted:
        """That of a survey, in what is left of its sky."""
        config, model, sky = together.configs[name], together.joint.models[name], together.apart.left.get(name)
        catalogue, data = catalogue_data(config, model, None, sky)
        if sky is not None and not _placed(catalogue):
            raise InputError(
                "some of its sky is left to other surveys, and only positions tell which of its clusters are there; "
                "give it first, so that the others lose that sky, or map ra and dec under [catalogue.columns]"
            )
        require_levels(config, [own_level(model.setup, level) for level in levels], (model, catalogue, data))
        return cls(name, model, catalogue, data)

    def part(self, title: str, job: Job) -> SurveyPart:
        """What its catalogue brings, told before anything is sampled."""
        summary = DataSummary.of("catalogue", self.catalogue.source, self.data, self.model.setup.relations)
        return SurveyPart(self.name, title, summary, catalogue_intake(self.model, self.catalogue, job))

    def checked(self, part: SurveyPart, level: str, chain: Chain, seed: int) -> SurveyPart:
        """Its data against what a posterior, of its own parameters, predicts."""
        how = ((self.model, self.catalogue), own_level(self.model.setup, level), chain, seed)
        found = replace(part, goodness=observed_against_predicted(*how), predictive=unlike_replicas(*how))
        return replace(found, lensed=lensing_masses(*how))

    def doubts(self, part: SurveyPart, level: str, chain: Chain) -> tuple[Caution | None, ...]:
        """What is doubtful about its part in the posterior."""
        scales = of_mass_scale(mass_scale_shifts(self.model.parameters, {level: chain}))
        fits = (of_prediction(part.predictive), of_lensed(part.lensed), *of_goodness(part.goodness))
        return (*before_fit(part.intake), *fits, *scales)


def _placed(catalogue: Catalogue) -> bool:
    """Whether every cluster has a position."""
    return catalogue.ra is not None and catalogue.dec is not None and bool(np.isfinite(catalogue.ra).all())


def run_several_fit(surveys: Surveys, job: Job, plan: FitPlan, *, cut: bool = False) -> Result:
    """Posterior of the catalogues of several surveys, maybe of each by itself too; then the ladder, if asked for."""
    prepare_output(job.out)
    together = Together.of(surveys, cut=cut)
    levels, joint = together.levels(plan.levels, quick=job.quick), together.joint
    fitted = {name: named(name, partial(_Fitted.of, together, name, levels)) for name in surveys.configs}
    walks = Walks(joint, surveys.configs, {name: one.data for name, one in fitted.items()}, job)
    samplings = {one: walks.together(one) for one in levels}
    single = {name: walks.alone(name, levels[0]) for name in surveys.configs if plan.alone}
    prepare_chains([*samplings.values(), *single.values()], job)
    parts = {name: one.part(surveys.configs[name].title, job) for name, one in fitted.items()}
    say_doubts(of_surveys({name: before_fit(part.intake) for name, part in parts.items()}), job)
    found = _sampled(walks, levels, list(single))
    chains = {one: found[one] for one in levels}
    parameters, headline = joint.union.parameters, chains[levels[0]]
    summaries = tuple(chain_summary(v, chain, walks.shares(v), parameters) for v, chain in chains.items())
    job.begin("data against predictions")
    own = {name: _own(joint, name, levels[0], headline) for name in fitted}
    parts = {name: one.checked(parts[name], levels[0], own[name], job.seed) for name, one in fitted.items()}
    parts |= {name: replace(parts[name], alone=_summary_alone(walks, name, levels[0], found)) for name in single}
    words = moved_words(levels[0], moved_by(headline, parameters))
    result = several_result(together, job, "fit")
    told = (f"{name}: {note}" for name, one in fitted.items() for note in data_notes(one.catalogue, levels))
    notes = (*filter(None, (words,)), *told, *(() if plan.alone else (NOT_ALONE,)), *result.notes)
    result = replace(result, headline=levels[0], data=_all_data(parts), chains=summaries, notes=notes)
    parts = {name: replace(part, abundance=expected_abundance(joint.models[name])) for name, part in parts.items()}
    result = replace(result, surveys=tuple(parts.values()))
    result = with_cautions(result, parameters, chains)
    doubts = of_surveys({name: one.doubts(parts[name], levels[0], own[name]) for name, one in fitted.items()})
    result = replace(result, warnings=(*result.warnings, *doubts))
    if not plan.ladder:
        return write_all(replace(result, notes=(*result.notes, NO_ROWS)), job, samples=chains)
    write_all(replace(result, follows=("the ladder",)), job, samples=chains)
    return write_all(_climbed(result, together, job), job, samples=chains)


def run_several_ladder(surveys: Surveys, job: Job, *, cut: bool = False) -> Result:
    """The ladder of several surveys together, and of each; everything is from Fisher matrices."""
    prepare_output(job.out)
    together = Together.of(surveys, cut=cut)
    result = _climbed(several_result(together, job, "ladder"), together, job)
    alike = [config.sampler.level for config in surveys.configs.values()]
    level = alike[0] if len(set(alike)) == 1 and alike[0] in result.ladder[0].sigma8_std else LevelName.UNBINNED
    result = replace(result, headline=level, notes=(*result.notes, *((LEFT_OUT,) if job.quick else ())))
    return write_all(with_cautions(result, together.joint.union.parameters, {}), job)


def _climbed(result: Result, together: Together, job: Job) -> Result:
    """A result with the rows of all surveys and of each, which are told as they are found."""
    ladder, rows = JointLadder(together.joint, quick=job.quick), []
    for row in job.following(ladder.rows(), "ladder", ladder.number):
        job.say(row_words(row, None if row.s8_std else result.Om0))
        rows.append(row)
    notes = (*result.notes, *filter(None, (ladder.note,)), ONE_ROW)
    return replace(result, ladder=ladder.in_order(rows), notes=notes)


def _own(joint: JointSetup, name: str, level: str, chain: Chain) -> Chain:
    """A survey's own and shared parameters in the chain of all, as its model knows them."""
    names = joint.model_at(name, level).parameters.names
    return chain.part(joint.union.names(name, names), names)


def _sampled(walks: Walks, levels: Sequence[str], names: Sequence[str]) -> dict[str, Chain]:
    """Chains of all surveys by level, and of some alone at the first level by level and name; all written."""
    job, density = walks.job, next(iter(walks.joint.setups.values())).fixed_density
    found: dict[str, Chain] = {}
    labels: dict[str, Walk] = {level: walks.together(level) for level in levels}
    labels |= {f"{levels[0]}_{name}": walks.alone(name, levels[0]) for name in names}

    def report(plan: ChainPlan, steps: int, lengths: float) -> None:
        if job.progress is not None:
            job.progress(f"sampling {plan.path.stem.removeprefix('chain_')}", steps, plan.max_steps, lengths)

    for label, (posterior, chain) in zip(labels, sampled(list(labels.values()), report), strict=True):
        job.say(answer_words(label, chain, density))
        export_chain(chain, posterior, job, label)
        found[label] = chain
    return found


def _summary_alone(walks: Walks, name: str, level: str, found: Mapping[str, Chain]) -> ChainSummary:
    """That of one survey's data alone."""
    setup = walks.joint.setups[name]
    known = shares(own_level(setup, level), walks.data[name], setup.relations.names)
    return chain_summary(level, found[f"{level}_{name}"], known, setup.parameters)


def _all_data(parts: Mapping[str, SurveyPart]) -> DataSummary:
    """All catalogues; there is no median of several surveys' proxies."""
    found = [part.data for part in parts.values()]
    return DataSummary(
        kind="catalogue",
        source="; ".join(one.source for one in found),
        n_clusters=sum(one.n_clusters for one in found),
        n_with_yx=sum(one.n_with_yx for one in found),
        median_log_yx=float("nan"),
        proxy_unit=found[0].proxy_unit,
    )
