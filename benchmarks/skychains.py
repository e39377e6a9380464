"""Converged chains of ROSAT skies: ``python -m benchmarks.skychains REFLEX BCS --out FOLDER --tables reflex both``.

The package's own sampler (emcee with a learnt proposal, 50 autocorrelation times) on the likelihood from nodes; with
``--exact`` on that of level `full`. With ``--mocks 3`` of mocks of each survey too, those of `benchmarks.skymocks`,
whose numbers stand beside if ``--beside`` names its folder.
"""

from __future__ import annotations

import argparse
import os
import time

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

from pathlib import Path

import numpy as np

from benchmarks.luminositynodes import Listed
from benchmarks.skies import Variant
from benchmarks.skymocks import Sky, fiducial_truths
from forecast.checks.observed import catalogue_data
from forecast.likelihoods.data import Data
from forecast.likelihoods.level import Likelihood
from forecast.likelihoods.levels import likelihood
from forecast.likelihoods.posterior import Posterior
from forecast.sampling.mcmc import Chain, ChainPlan, run_chain
from forecast.several.joint_setup import Factor, JointLikelihood, JointSetup

_WALKERS, _BLOCK, _MOST, SHOWN = 64, 250, 6000, ("sigma8", "Om0", "S8", "curvature_lx", "slope_lx", "mass_scale")


def described(label: str, target: Likelihood, folder: Path) -> str:
    """A line on a chain of one posterior, which is resumed where there is a part of it."""
    start, path = time.process_time(), folder / f"{label.replace(' ', '-')}.h5"
    chain = run_chain(Posterior(target), ChainPlan("full", 1, _WALKERS, _BLOCK, _MOST, path, label))
    found = [f"{name} {m:.3f} +- {s:.3f}" for name, (m, s) in moments(chain).items()]
    state = "converged" if chain.converged else "NOT converged"
    length = f"{chain.lengths_in_tau:.0f} autocorrelation times ({state}), {chain.effective_size:.0f} effective draws"
    return f"{label}, chain: {'  '.join(found)}  {length}, {time.process_time() - start:.0f} s of CPU"


def moments(chain: Chain) -> dict[str, tuple[float, float]]:
    """Means and standard deviations of what is shown."""
    steps = chain.steps[chain.burn :]
    values = {name: steps[..., i] for i, name in enumerate(chain.names)}
    values["S8"] = values["sigma8"] * np.sqrt(values["Om0"] / 0.3)
    return {name: (float(values[name].mean()), float(values[name].std())) for name in SHOWN if name in values}


def of_mocks(sky: Sky, size: int, options: argparse.Namespace) -> None:
    """Print chains of the first mocks of the fiducial parameters, and what weighted draws say of them."""
    rng = np.random.default_rng(1)
    mocks = sky.mocks(fiducial_truths(sky, options.of, rng), rng)
    weights = sky.nodes.mock_weights(mocks)
    relation = "straight" if sky.straight else "curved"
    beside = options.beside and np.load(options.beside / f"{sky.name}-{relation}-fiducial.npz")
    for one in range(size):
        exact = likelihood("full", sky.model, Data.of_mock(sky.model, mocks, one))
        target = exact if options.exact else Listed(sky.nodes, weights[one])
        print(described(f"{sky.name} {relation} mock {one}", target, options.out), flush=True)
        if beside:
            pairs = ((name, beside[f"mean/{name}"][one], beside[f"width/{name}"][one]) for name in SHOWN)
            words = "  ".join(f"{name} {mean:.3f} +- {width:.3f}" for name, mean, width in pairs)
            print(f"    weighted draws: {words}  {beside['effective'][one]:.0f} effective draws")


def of_tables(label: str, surveys: tuple[str, ...], options: argparse.Namespace) -> None:
    """Print the chain of a table, or of both, in all whose parameters but density contrasts are one."""
    variant, setups, found = Variant(label, surveys), {}, {}
    for name in surveys:
        config = variant.config(name, {})
        setups[name] = config.setup
        contrasts = set(config.setup.parameters.contrasts)
    shared = [name for name in setups[surveys[0]].parameters.nuisances if name not in contrasts]
    joint = JointSetup.of(setups, shared)
    for name, model in joint.models.items():
        _, data = catalogue_data(variant.config(name, {name: getattr(options, name)}), model, None)
        one = likelihood("full", model, data) if options.exact else Listed.of_data(model, data)
        found[name] = Factor(one, joint.union.places(name, model.parameters.names))
    target = JointLikelihood("full", joint.union.parameters, tuple(found.values()))
    print(described(label, target, options.out), flush=True)


def main() -> None:
    """Print all."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("reflex", "bcs"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--out", type=Path, required=True, help="folder of chains, which are resumed")
    parser.add_argument("--beside", type=Path, help="folder of benchmarks.skymocks")
    parser.add_argument("--mocks", type=int, default=0)
    parser.add_argument("--of", type=int, default=200, help="mocks that benchmarks.skymocks drew")
    parser.add_argument("--tables", nargs="*", default=[], choices=["reflex", "bcs", "both"])
    parser.add_argument("--surveys", nargs="*", default=["reflex", "bcs"], choices=["reflex", "bcs"])
    parser.add_argument("--exact", action="store_true")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for name in options.surveys if options.mocks else ():
        of_mocks(Sky(name), options.mocks, options)
    for name in options.tables:
        of_tables(name, ("bcs", "reflex") if name == "both" else (name,), options)


if __name__ == "__main__":
    main()
