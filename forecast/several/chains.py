"""Chains of several surveys together, and of each alone: what is sampled, and where it is kept."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..config.digest import model_digest
from ..config.load import Config
from ..core.records import Job
from ..likelihoods.available import Share
from ..likelihoods.data import Data
from ..likelihoods.levels import own_level, shares
from ..likelihoods.posterior import Posterior
from ..sampling.identity import chain_digest
from ..sampling.mcmc import ChainPlan, load_steps
from ..sampling.parallel import Sampling
from .joint_setup import JointSetup


@dataclass(frozen=True)
class JointSampling:
    """The chain of one level of several surveys; see `sampling.parallel.Walk`."""

    joint: JointSetup
    data: Mapping[str, Data]
    plan: ChainPlan

    @property
    def posterior(self) -> Posterior:
        """Posterior of the level."""
        return self.joint.posterior(self.plan.level, self.data)


@dataclass(frozen=True)
class Walks:
    """The chains of surveys with some data.

    Parameters
    ----------
    joint : JointSetup
    configs : mapping of str to Config
        With how each survey's own chains are sampled.
    data : mapping of str to Data
    job : Job
    """

    joint: JointSetup
    configs: Mapping[str, Config]
    data: Mapping[str, Data]
    job: Job

    def together(self, level: str) -> JointSampling:
        """The chain of all surveys."""
        dimension = len(self.joint.union_at(level).parameters.names)
        walkers = max(2 * dimension + 2, *(config.sampler.walkers for config in self.configs.values()))
        digests = [f"{name} {self._digest(name, level)}" for name in self.configs]
        words = "/".join([*digests, *self.joint.nuisances])
        plan = self._plan(level, walkers, hashlib.sha256(words.encode()).hexdigest()[:16], f"chain_{level}.h5")
        return JointSampling(self.joint, self.data, plan)

    def alone(self, name: str, level: str) -> Sampling:
        """The chain of one survey's data alone."""
        walkers, level = self.configs[name].sampler.walkers, own_level(self.joint.setups[name], level)
        file = f"chain_{level}_{name}.h5"
        plan = self._plan(level, walkers, self._digest(name, level), file)
        return Sampling(self.joint.setups[name], self.data[name], plan)

    def shares(self, level: str) -> tuple[Share, ...]:
        """How many of all clusters have each observable that a level needs."""
        found: dict[str, list[Share]] = {}
        for name, setup in self.joint.setups.items():
            for share in shares(own_level(setup, level), self.data[name], setup.relations.names):
                found.setdefault(share.observable, []).append(share)
        return tuple(Share(o, sum(s.known for s in each), sum(s.size for s in each)) for o, each in found.items())

    def _digest(self, name: str, level: str) -> str:
        setup = self.joint.setups[name]
        return chain_digest(model_digest(setup)[:16], own_level(setup, level), self.data[name])

    def _plan(self, level: str, walkers: int, digest: str, file: str) -> ChainPlan:
        settings, job = [config.sampler for config in self.configs.values()], self.job
        longest = max(one.quick_steps if job.quick else one.max_steps for one in settings)
        return ChainPlan(
            level=level,
            seed=job.seed,
            walkers=walkers + walkers % 2,
            block=max(one.block for one in settings),
            max_steps=job.max_steps or longest,
            path=job.out / file,
            fingerprint=digest,
        )


def prepare_chains(samplings: Sequence[JointSampling | Sampling], job: Job) -> None:
    """Refuse chains of another run before any work is done; discard those to be overwritten."""
    for plan in (sampling.plan for sampling in samplings):
        if job.overwrite:
            plan.path.unlink(missing_ok=True)
        elif plan.path.exists():
            job.say(f"{plan.path.name}: resuming from step {len(load_steps(plan)[0])}")
