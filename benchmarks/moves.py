"""Which emcee moves mix best: ``python -m benchmarks.moves``. Autocorrelation times in steps, 64 walkers."""

from __future__ import annotations

import emcee
import numpy as np

from forecast.config import load_config
from forecast.likelihood import Data, Posterior, likelihood
from forecast.model import forward_model
from forecast.rng import generator
from forecast.sampler import autocorrelation_time, starting_points

MOVES = {
    "stretch": [(emcee.moves.StretchMove(), 1.0)],
    "DE 0.8 + snooker 0.2": [(emcee.moves.DEMove(), 0.8), (emcee.moves.DESnookerMove(), 0.2)],
    "DE 0.7 + stretch 0.2 + snooker 0.1": [
        (emcee.moves.DEMove(), 0.7),
        (emcee.moves.StretchMove(), 0.2),
        (emcee.moves.DESnookerMove(), 0.1),
    ],
    "DE 0.5 + stretch 0.5": [(emcee.moves.DEMove(), 0.5), (emcee.moves.StretchMove(), 0.5)],
}


def main() -> None:
    """Print one Markdown table."""
    print("| moves | level | longest tau | acceptance |\n|---|---|---|---|")
    model = forward_model(load_config("nv22").setup)
    for level in ("selfcal", "unbinned"):
        data = Data.expected(model)
        posterior = Posterior(likelihood(level, model, data.rounded() if level == "selfcal" else data))
        start = starting_points(posterior, 64, rng=generator(1, "moves"))
        for name, moves in MOVES.items():
            sampler = emcee.EnsembleSampler(64, start.shape[1], posterior, vectorize=True, moves=moves)
            sampler._random.seed(1)
            sampler.run_mcmc(start, 3000)
            tau = autocorrelation_time(sampler.get_chain(discard=500))
            print(f"| {name} | {level} | {np.max(tau):.0f} | {sampler.acceptance_fraction.mean():.2f} |")


if __name__ == "__main__":
    main()
