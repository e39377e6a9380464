"""Failures planted in mock catalogues, for a check to find out."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..core.arrays import Array
from ..model.forward import ForwardModel, forward_model
from ..model.mocks import Mocks
from ..model.setup import Setup
from ..model.simulate import draw_mocks


@dataclass(frozen=True)
class Plant:
    """Mocks that the model does not describe.

    Parameters
    ----------
    label : str
    model : ForwardModel
        What the mocks are drawn from, with the parameters of the model that is checked.
    tail : tuple of two floats
        Fraction of clusters whose Y_X is too high, and by how much, dex.
    """

    label: str
    model: ForwardModel
    tail: tuple[float, float] = (0.0, 0.0)

    def draw(self, theta: Array, *, rng: np.random.Generator) -> Mocks:
        """One mock catalogue for each parameter vector."""
        mocks = draw_mocks(self.model, theta, rng=rng)
        fraction, height = self.tail
        relations = self.model.setup.relations
        raised = "mgas" if "mgas" in relations.names else relations.names[-1]
        column = relations.names.index(raised)
        move = height * (rng.random(len(mocks.row)) < fraction)
        observables = mocks.observables.copy()
        observables[:, column] += move
        moved = float(relations.combination[column]) * move
        return replace(mocks, observables=observables, log_yx=mocks.log_yx + moved)


def plants(setup: Setup) -> tuple[Plant, ...]:
    """Failures to be caught: another L_X scatter, another break or flux limit, a tail in Y_X."""
    relations, shifted = setup.relations, setup.selection.shifted()
    wider = replace(relations, lx=replace(relations.lx, scatter=1.5 * relations.lx.scatter))
    return (
        Plant("L_X scatter x 1.5", forward_model(replace(setup, relations=wider))),
        Plant(shifted.label, forward_model(replace(setup, selection=shifted.selection))),
        Plant("Y_X of 5% + 0.5 dex", forward_model(setup), (0.05, 0.5)),
    )
