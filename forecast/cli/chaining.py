"""Chains of a command: that of the answer first, which is written before any other is there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

from ..config.load import Config
from ..core.records import Job
from ..likelihoods.data import Data
from ..likelihoods.levels import require_data, shares
from ..model.forward import ForwardModel
from ..report.results import Result
from ..report.text_table import answer_words
from ..report.writers import chain_summary, export_chain, write_all
from ..sampling.identity import chain_digest
from ..sampling.mcmc import Chain, ChainPlan, load_steps
from ..sampling.parallel import Sampling, sampled
from .fit_checks import with_cautions
from .level_choice import LevelChoice

Judge = Callable[[Result, dict[str, Chain]], Result]
"""Adds to a result what its headline's chain alone can say."""


def chain_plan(config: Config, job: Job, level: str, data: Data) -> ChainPlan:
    """How the chain of a level is made and where it is kept; its fingerprint is that of configuration and data."""
    settings = config.sampler
    longest = job.max_steps or (settings.quick_steps if job.quick else settings.max_steps)
    path = job.out / f"chain_{level}.h5"
    walkers, block = settings.walkers, settings.block
    digest = chain_digest(config.fingerprint(), level, data)
    return ChainPlan(
        level=level, seed=job.seed, walkers=walkers, block=block, max_steps=longest, path=path, fingerprint=digest
    )


@dataclass(frozen=True)
class Chaining:
    """What is sampled for a command.

    Parameters
    ----------
    job : Job
    choice : LevelChoice
    plans : dict of str to ChainPlan
        By level, the headline first.
    model : ForwardModel
    data : Data
    """

    job: Job
    choice: LevelChoice
    plans: dict[str, ChainPlan]
    model: ForwardModel
    data: Data

    @classmethod
    def checked(cls, config: Config, job: Job, target: tuple[ForwardModel, Data]) -> Chaining:
        """Refuse levels without data and chains of another run before work is done; discard those to be overwritten."""
        (model, data), choice = target, LevelChoice.of(config, job)
        plans = {level: chain_plan(config, job, level, data) for level in choice.in_turn}
        for level, plan in plans.items():
            require_data(level, config.setup, data)
            if job.overwrite:
                plan.path.unlink(missing_ok=True)
            elif plan.path.exists():
                job.say(f"level {level}: resuming from step {len(load_steps(plan)[0])}")
        return cls(job=job, choice=choice, plans=plans, model=model, data=data)

    def added_to(
        self, result: Result, judge: Judge = lambda result, chains: result, follows: Sequence[str] = ()
    ) -> tuple[Result, dict[str, Chain]]:
        """A result with every chain, in the order of the levels; all are stored as they grow.

        As soon as the headline's chain is there, `judge` adds to the result, and that is written if anything follows:
        other levels, or what the command computes after them (`follows`).
        """
        samplings = [Sampling(self.model.setup, self.data, plan) for plan in self.plans.values()]
        chains: dict[str, Chain] = {}
        with closing(sampled(samplings, self._report)) as found:
            for plan, (posterior, chain) in zip(self.plans.values(), found, strict=True):
                self.job.say(answer_words(plan.level, chain, self.model.setup.fixed_density))
                export_chain(chain, posterior, self.job, plan.level)
                chains[plan.level] = chain
                if plan.level == self.choice.headline:
                    result = judge(self._summed_up(result, chains), chains)
                    self._answer(result, chains, follows)
        chains = {level: chains[level] for level in self.choice.every}
        return self._summed_up(result, chains), chains

    def _summed_up(self, result: Result, chains: dict[str, Chain]) -> Result:
        """A result with summaries of so many chains."""
        names, priors = self.model.setup.relations.names, self.model.parameters
        each = (chain_summary(level, x, shares(level, self.data, names), priors) for level, x in chains.items())
        return replace(result, chains=tuple(each))

    def _answer(self, result: Result, chains: dict[str, Chain], follows: Sequence[str]) -> None:
        """Write the answer, and tell where it is and what follows, unless nothing does."""
        others = [f"level {level}" for level in self.choice.in_turn[1:]]
        if not others and not follows:
            return
        early = with_cautions(replace(result, follows=(*others, *follows)), self.model.parameters, chains)
        write_all(early, self.job, samples=chains)
        self.job.say(f"report: {self.job.out / 'report.html'!s}, written again after {', '.join(early.follows)}")

    def _report(self, plan: ChainPlan, steps: int, lengths: float) -> None:
        if self.job.progress is not None:
            self.job.progress(f"sampling {plan.level}", steps, plan.max_steps, lengths)
