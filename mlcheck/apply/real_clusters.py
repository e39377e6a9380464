"""A trained network on a real catalogue: is the catalogue like the training ones, and what do both sides say?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from forecast.checks.duplicates import listed_twice
from forecast.checks.observed import catalogue_data
from forecast.config.digest import model_digest
from forecast.config.load import Config
from forecast.core.errors import InputError
from forecast.core.records import Job
from forecast.core.rng import generator
from forecast.model.catalogue import Catalogue
from forecast.model.forward import forward_model
from forecast.report.cautions import of_duplicates

from ..accuracy.metrics import Score
from ..data.catalogues import Catalogues, assemble
from ..data.draws import draw
from ..data.layout import Layout
from ..data.noise import Noise
from ..domain.out_of_distribution import RETRAIN, UNTESTED, Representativeness, judge
from ..domain.summaries import Cloud, Space
from ..networks.predict import predict
from ..networks.saving import Trained
from ..trust.reweighting import Reweighting, reweigh, score_near
from .answers import LEVELS, Answer, exact_answers, network_answer
from .inputs import read_columns

NEAR = 0.1
"""Share of test catalogues, the nearest ones, on which the network is scored."""
_MOST_CLUSTERS = 10_000
_FOREIGN = "The network was trained for another survey than this one."


@dataclass(frozen=True)
class ApplyPlan:
    """How a network is applied.

    Parameters
    ----------
    job : forecast.report.writers.Job
        Output folder, seed, length of the chains, progress.
    mocks : int
        Catalogues drawn from the survey's forward model: the network is scored on those most like the real one.
    force : bool
        Answer even where the test refuses or cannot be made, or the survey is another.
    levels : tuple of str
        Of the exact posteriors.
    """

    job: Job
    mocks: int = 2000
    force: bool = False
    levels: tuple[str, ...] = LEVELS


@dataclass(frozen=True)
class Application:
    """What a network and the statistics say of a real catalogue.

    Parameters
    ----------
    source : str
        Name of the catalogue's file.
    clusters : int
    features : tuple of str
    representativeness : Representativeness or None
        None where the network's file has no test.
    reweighting : Reweighting
        Of the survey's clusters towards the catalogue's.
    trusted : bool
        Whether the network's answer, if there is one, may be believed.
    answers : tuple of Answer
        The network's first; empty if the catalogue was refused.
    near : Score or None
        The network's on the test catalogues most like the real one.
    notes : tuple of str
    """

    source: str
    clusters: int
    features: tuple[str, ...]
    representativeness: Representativeness | None
    reweighting: Reweighting
    trusted: bool
    answers: tuple[Answer, ...] = ()
    near: Score | None = None
    notes: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """What the test says."""
        return f"{UNTESTED}." if self.representativeness is None else self.representativeness.words


def real_catalogue(catalogue: Catalogue, layout: Layout) -> Catalogues:
    """A real catalogue as a network sees it.

    Raises
    ------
    InputError
        If it lacks a feature, as a whole or for one cluster.
    """
    have = {"z": catalogue.z} | {f"log_{name}": values for name, (values, _) in catalogue.observables.items()}
    for name in sorted({*layout.needed, "log_lx"}):
        if name not in have:
            raise InputError(
                f"{catalogue.source}: the model wants {name}, the catalogue gives {', '.join(have)}; map its column, "
                "or train a model on a suite of a survey with these alone, such as cccp_lowz"
            )
        unknown = np.flatnonzero(~np.isfinite(have[name]))
        if len(unknown):
            raise InputError(
                f"{catalogue.source}: {catalogue.name[unknown[0]]} has no {name} ({len(unknown)} clusters in all); a "
                "network needs every feature of every cluster: complete the table, map its column, or cut the survey"
            )
    table = {"size": np.array([catalogue.size]), "catalogue": np.array([0])}
    return assemble(layout, have, table, (), seed=0)


def check_fluxes(path: Path) -> None:
    """Refuse a table in which a column of fluxes, wanted or not, holds what no flux can be.

    Raises
    ------
    InputError
    """
    for name, values in read_columns(path).items():
        wrong = np.flatnonzero(values <= 0)
        if name.lower().startswith("flux") and len(wrong):
            raise InputError(
                f"{path.name}: {name} is {values[wrong[0]]:g} in row {wrong[0] + 1}; a detected cluster has a positive "
                "flux: correct the table, or remove the cluster"
            )


def apply_network(members: Sequence[Trained], config: Config, path: Path | None, plan: ApplyPlan) -> Application:
    """Is a catalogue like the training ones? Then the network's posterior and the exact ones; else it is refused.

    Parameters
    ----------
    members : sequence of Trained
        Networks of one survey, which give densities.
    config : Config
        Of the survey.
    path : Path or None
        The catalogue; None: the configuration's own.
    plan : ApplyPlan

    Raises
    ------
    InputError
        If the networks belong to another survey, cannot test the catalogue, or it cannot be used.
    """
    first, model = members[0], forward_model(config.setup)
    if not plan.force:
        first.check_survey(model_digest(config.setup), f"the configuration '{config.title}'")
    if not first.network.head.density:
        raise InputError("the model gives a number and no posterior; train the compact preset")
    if path is not None and path.is_file():
        check_fluxes(path)
    if first.reference is None and not plan.force:
        raise InputError(f"{UNTESTED}; {RETRAIN}")
    catalogue, data = catalogue_data(config, model, path)
    target, drawn = real_catalogue(catalogue, first.scaler.layout), _mocks(first, config, plan)
    verdict = None if first.reference is None else judge(first.reference, target)[0]
    own = first.origin.model == model_digest(config.setup)
    trusted = own and verdict is not None and verdict.verdict != "outside"
    notes = _notes(first, catalogue, target) if own else (*_notes(first, catalogue, target), _FOREIGN)
    found = Application(
        source=catalogue.source,
        clusters=catalogue.size,
        features=target.layout.names,
        representativeness=verdict,
        reweighting=_reweighted(target, drawn, verdict, plan),
        trusted=trusted,
        notes=notes,
    )
    if not (trusted or plan.force):
        return found
    answers = (network_answer(members, target), *exact_answers(config, (model, data), plan.job, plan.levels))
    return replace(found, answers=answers, near=_near(members, target, drawn))


def _reweighted(
    target: Catalogues, drawn: Catalogues, verdict: Representativeness | None, plan: ApplyPlan
) -> Reweighting:
    rng, tests = generator(plan.job.seed, "reweighting"), () if verdict is None else verdict.tests
    some = rng.permutation(len(drawn.features))[:_MOST_CLUSTERS]
    training, mine = drawn.features[some].astype(float), target.features.astype(float)
    culled = next((test.count / len(mine) for test in tests if test.test == "clusters"), float("nan"))
    return reweigh(Space.of(drawn.features.astype(float)), training, mine, target.layout.names, outside=culled)


def _near(members: Sequence[Trained], target: Catalogues, drawn: Catalogues) -> Score:
    """The network's score on the drawn catalogues nearest to the real one."""
    cloud = Cloud.of(drawn)
    found, truth = predict(members, drawn, check=False), drawn.sigma8
    distance = np.linalg.norm(cloud.white(drawn) - cloud.white(target), axis=1)
    posterior = (found.std, found.cumulative(truth))
    return score_near("network", distance, NEAR, found.mean, truth, posterior=posterior)


def _mocks(first: Trained, config: Config, plan: ApplyPlan) -> Catalogues:
    """Catalogues like the training ones, none of them among these, with their measurement errors."""
    if plan.job.progress is not None:
        plan.job.progress("drawing catalogues", 0, 1, float("nan"))
    seed = 1000 + plan.job.seed
    drawn = draw(config, first.scaler.layout.case, plan.mocks, name="mocks", seed=seed)
    first.scaler.check_layout(drawn.catalogues)
    return Noise(first.origin.noise).blurred(drawn.catalogues, seed=seed)


def _notes(first: Trained, catalogue: Catalogue, target: Catalogues) -> tuple[str, ...]:
    rms, trained = float(np.sqrt(np.mean(catalogue.log_yx_error**2))), Noise(first.origin.noise).rms
    notes = [
        f"Errors of log10 Y_X: {rms:.4f} dex rms in the catalogue, {trained:.4f} dex in training beside what the "
        "survey's mocks have; the exact posteriors use each cluster's own."
    ]
    if "log_t" not in target.layout.names:
        notes.append(
            "Temperatures enter through Y_X = M_gas T: the survey's model has no relation for T alone, neither for "
            "the network nor for the exact posteriors."
        )
    doubts = (of_duplicates(listed_twice(catalogue)), *catalogue.remarks)
    return (*notes, *(caution.text for caution in doubts if caution is not None))
