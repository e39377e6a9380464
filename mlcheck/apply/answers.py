"""Posteriors of sigma8 of one catalogue: a network's, and the exact ones of the information ladder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from forecast.cli.chaining import chain_plan
from forecast.config.load import Config
from forecast.core.arrays import Array
from forecast.core.files import prepare_output
from forecast.core.records import Job
from forecast.likelihoods.available import Share, absent
from forecast.likelihoods.data import Data
from forecast.likelihoods.level_name import LevelName
from forecast.likelihoods.levels import level_words, shares
from forecast.model.forward import ForwardModel
from forecast.sampling.mcmc import Chain, ChainPlan
from forecast.sampling.parallel import Sampling, sample_all

from ..data.catalogues import Catalogues
from ..networks.predict import predict
from ..networks.saving import Trained

LEVELS = (LevelName.COUNTS, LevelName.SELFCAL, LevelName.UNBINNED, LevelName.FULL)
ANSWER_WORDS: dict[str, str] = {
    LevelName.COUNTS: "N",
    LevelName.SELFCAL: "N and the median Y_X",
    LevelName.UNBINNED: "every Y_X",
    LevelName.FULL: "every observable of each cluster",
}
_POINTS, _SAMPLES = 400, 20_000


@dataclass(frozen=True)
class Answer:
    """Posterior of sigma8 from one method.

    Parameters
    ----------
    method, words : str
    mean, std, q16, q84 : float
    sigma8, density : ndarray, shape (G,)
    converged : bool
        Of its chain; True for a network.
    """

    method: str
    words: str
    mean: float
    std: float
    q16: float
    q84: float
    sigma8: Array
    density: Array
    converged: bool = True


def network_answer(members: Sequence[Trained], target: Catalogues) -> Answer:
    """What networks that give densities say of one catalogue, whatever it is."""
    found = predict(members, target, check=False)
    assert found.density is not None
    low, high = found.interval(0.68)
    words = "network" if len(members) == 1 else f"{len(members)} networks"
    mean, std, q16, q84 = (float(x[0]) for x in (found.mean, found.std, low, high))
    return Answer(
        method="network",
        words=words,
        mean=mean,
        std=std,
        q16=q16,
        q84=q84,
        sigma8=found.sigma8,
        density=found.density[0],
    )


def exact_answers(
    config: Config, target: tuple[ForwardModel, Data], job: Job, levels: Sequence[str] = LEVELS
) -> tuple[Answer, ...]:
    """Posteriors as `forecast fit` has them, from chains kept under the job's folder; unfinished ones go on.

    Levels whose data the catalogue lacks altogether are left out.

    Parameters
    ----------
    config : Config
    target : tuple of ForwardModel and Data
        Of the survey, and of the catalogue.
    job : forecast.report.writers.Job
    levels : sequence of str

    Raises
    ------
    InputError
        If the folder holds chains of another catalogue, configuration or seed.
    """
    (model, data), mine = target, replace(job, out=job.out / "fit")
    prepare_output(mine.out)
    known = {level: shares(level, data, model.setup.relations.names) for level in levels}
    plans = [chain_plan(config, mine, level, data) for level in levels if not absent(known[level])]
    for plan in plans if job.overwrite else ():
        plan.path.unlink(missing_ok=True)

    def report(plan: ChainPlan, steps: int, lengths: float) -> None:
        if job.progress is not None:
            job.progress(f"sampling {plan.level}", steps, plan.max_steps, lengths)

    chains = sample_all([Sampling(model.setup, data, plan) for plan in plans], report)
    found = zip((plan.level for plan in plans), chains, strict=True)
    return tuple(_answer(level, chain, known[level]) for level, (_, chain) in found)


def _answer(level: str, chain: Chain, of: Sequence[Share]) -> Answer:
    from scipy.stats import gaussian_kde

    samples, numbers = chain.samples[:, chain.names.index("sigma8")], chain.summary("sigma8")
    grid = np.linspace(samples.min(), samples.max(), _POINTS)
    width = max(min(chain.effective_size, len(samples)), 2.0) ** -0.2  # Scott's rule, of independent samples
    density = gaussian_kde(samples[:: max(1, len(samples) // _SAMPLES)], bw_method=width)(grid)
    mean, std, q16, q84 = (numbers[key] for key in ("mean", "std", "q16", "q84"))
    words = f"exact, from {level_words(level, of, ANSWER_WORDS.get(level, level))}"
    return Answer(
        method=level,
        words=words,
        mean=mean,
        std=std,
        q16=q16,
        q84=q84,
        sigma8=grid,
        density=density,
        converged=chain.converged,
    )
