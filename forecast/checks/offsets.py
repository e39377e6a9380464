"""Whether observables fit each other before a fit: each one at given L_X, beside mock catalogues of the prior."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..core.arrays import Array
from ..likelihoods.density.points import Points
from ..model.catalogue import Catalogue
from ..model.forward import ForwardModel
from ..model.simulate import draw_mocks

CATALOGUES, FEWEST, CLUSTERS = 200, 40, 100_000
"""Mock catalogues at most and at least, and clusters in all of them together from which on there are the least."""
MOST = 4_000_000
"""Expected clusters in the fewest mock catalogues, beyond which nothing is said."""
PAIRS = 5
"""Fewest clusters that have both observables."""


@dataclass(frozen=True, kw_only=True)
class Offset:
    """An observable at given L_X, beside what the priors allow.

    Parameters
    ----------
    name : str
        Of the observable.
    dex : float
        Mean of its log10 at given L_X minus that of mock catalogues from the prior.
    sigma : float
        The same in standard deviations of those catalogues.
    h : float
        Of the survey's cosmology.
    """

    name: str
    dex: float
    sigma: float
    h: float


def offsets(model: ForwardModel, catalogue: Catalogue, *, rng: np.random.Generator) -> tuple[Offset, ...]:
    """Of every observable with a relation of its own, and of lensing masses, if the catalogue lists them beside L_X."""
    names = (*model.setup.relations.names, *["wl"] * (model.setup.weak_lensing is not None))
    listed = {name: values for name, (values, _) in catalogue.observables.items() if name in names}
    wanted = [name for name in listed if name != "lx" and np.isfinite(listed[name] + listed["lx"]).sum() >= PAIRS]
    expected = float(model.expected_count(model.parameters.fiducial[None])[0])
    if not wanted or FEWEST * expected > MOST:
        return ()
    number = int(np.clip(CLUSTERS / max(expected, 1.0), FEWEST, CATALOGUES))
    mocks = list(_mock_values(model, number, rng=rng))
    return tuple(_offset(model, name, listed, mocks) for name in wanted)


def _mock_values(model: ForwardModel, number: int, *, rng: np.random.Generator) -> Iterator[dict[str, Array]]:
    """Observables of one mock catalogue after the other, each at parameters from the prior."""
    mocks = draw_mocks(model, model.parameters.draw(number, rng=rng), rng=rng)
    points, ends = Points.of_mocks(model, mocks), np.cumsum(mocks.size)
    for part in np.split(np.column_stack([points.observables, points.log_mwl]), ends[:-1]):
        yield dict(zip((*model.setup.relations.names, "wl"), part.T, strict=True))


def _offset(model: ForwardModel, name: str, listed: dict[str, Array], mocks: list[dict[str, Array]]) -> Offset:
    relations = model.setup.relations
    slope = (1.0 if name == "wl" else relations[name].slope) / relations.lx.slope

    def mean(values: dict[str, Array]) -> float:
        residual = values[name] - slope * values["lx"]
        return float(np.nanmean(residual)) if np.isfinite(residual).sum() >= PAIRS else np.nan

    of_mocks = np.array([mean(values) for values in mocks])
    of_mocks = of_mocks[np.isfinite(of_mocks)]
    noise = np.std(of_mocks) if len(of_mocks) >= FEWEST else np.nan
    dex = mean(listed) - float(np.median(of_mocks)) if len(of_mocks) >= FEWEST else 0.0
    return Offset(name=name, dex=dex, sigma=float(dex / noise) if noise > 0 else 0.0, h=model.setup.cosmology.h)
