"""Which emcee moves mix best, and which are right: ``python -m benchmarks.moves``.

Autocorrelation times in steps, 64 walkers; the width of sigma8 beside that of importance sampling.
"""

from __future__ import annotations

import emcee
import numpy as np

from forecast.config.load import load_config
from forecast.core.rng import generator
from forecast.likelihoods.data import Data
from forecast.likelihoods.levels import likelihood
from forecast.likelihoods.posterior import Posterior
from forecast.model.forward import forward_model
from forecast.sampling.autocorrelation import autocorrelation_time
from forecast.sampling.mcmc import starting_points

MOVES = {
    "stretch": [(emcee.moves.StretchMove(), 1.0)],
    "DE 0.8 + snooker 0.2": [(emcee.moves.DEMove(), 0.8), (emcee.moves.DESnookerMove(), 0.2)],
    "DE 0.8 + stretch 0.2": [(emcee.moves.DEMove(), 0.8), (emcee.moves.StretchMove(), 0.2)],
    "DE 0.5 + stretch 0.5": [(emcee.moves.DEMove(), 0.5), (emcee.moves.StretchMove(), 0.5)],
    "DE": [(emcee.moves.DEMove(), 1.0)],
}


def importance_width(posterior: Posterior) -> float:
    """Posterior standard deviation of sigma8 from weighted prior draws."""
    theta = posterior.parameters.draw(40_000, rng=generator(2, "moves"))
    value = np.concatenate([posterior.likelihood(part) for part in np.array_split(theta, 200)])
    weight = np.exp(value - value.max())
    mean = np.average(theta[:, 0], weights=weight)
    return float(np.sqrt(np.average((theta[:, 0] - mean) ** 2, weights=weight)))


def main() -> None:
    """Print one Markdown table."""
    print("| moves | level | longest tau | acceptance | sigma(sigma8) | importance sampling |")
    print("|---|---|---|---|---|---|")
    model = forward_model(load_config("nv22").setup)
    for level in ("selfcal", "unbinned"):
        data = Data.expected(model)
        posterior = Posterior(likelihood(level, model, data.rounded() if level == "selfcal" else data))
        start = starting_points(posterior, 64, rng=generator(1, "moves"))
        exact = importance_width(posterior)
        for name, moves in MOVES.items():
            sampler = emcee.EnsembleSampler(64, start.shape[1], posterior, vectorize=True, moves=moves)
            sampler._random.seed(1)
            sampler.run_mcmc(start, 6000)
            chain = sampler.get_chain(discard=1000)
            tau, width = np.max(autocorrelation_time(chain)), chain[:, :, 0].std()
            acceptance = sampler.acceptance_fraction.mean()
            print(f"| {name} | {level} | {tau:.0f} | {acceptance:.2f} | {width:.4f} | {exact:.4f} |")


if __name__ == "__main__":
    main()
