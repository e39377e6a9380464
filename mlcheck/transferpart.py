"""How answers change where nature is not the simulation: other libraries, another mass function."""

from __future__ import annotations

import numpy as np

from forecast.config import Config
from forecast.errors import InputError

from .draws import Drawn, changed, draw
from .evidence import Evidence
from .part import Part, Table, pm
from .store import Store
from .transfer import NETWORK, Transfer, TransferPlan, transfer
from .verdict import Finding

LIBRARIES = ("nv22_table2", "magneticum", "flamingo", "tng")
MASS_FUNCTION = "bocquet16_hydro"


def worlds(config: Config) -> dict[str, dict[str, object]]:
    """Changes of a configuration that make it another world: other libraries of residuals, another mass function."""
    own = config.library.name if config.library is not None else None
    found: dict[str, dict[str, object]] = {
        f"library {name}": {"library": {"name": name}} for name in LIBRARIES if name != own
    }
    return found


def other_worlds(evidence: Evidence) -> Part:
    """Network and statistics on catalogues of other libraries; both still believe in their own."""
    case, title = evidence.main, "What if clusters are not like those it was trained on?"
    trial = evidence.trial
    home = Drawn.of_source(trial.judged, case, np.flatnonzero(np.isin(_numbers(evidence), trial.numbers)), seed=1)
    away = []
    for i, (name, tables) in enumerate(worlds(trial.laboratory.source.config).items()):
        try:
            config = changed(trial.laboratory.source.config, **tables)
            away.append(draw(config, case, evidence.plan.away, name=name, seed=evidence.plan.seed + 1 + i))
        except InputError:
            continue  # a survey that has not what another library needs
    plan = TransferPlan(evidence.plan.moments, dear=min(100, evidence.plan.away))
    rows = transfer(trial.networks[case], trial.model, home, away, plan)
    return Part("transfer", title, (), tuple(_findings(rows)), (_table(rows),))
