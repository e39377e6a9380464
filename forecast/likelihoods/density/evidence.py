"""What is known of each detection beside its observables: how much likelier it is of a cluster than of a contaminant.

A detection with observables x and evidence e has the density lambda_cl(x) p(e | cluster) + lambda_con(x) p(e |
contaminant): up to p(e | contaminant), which no parameter changes, lambda_cl(x) R + lambda_con(x) with the likelihood
ratio R. The expected number stays what it is.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ...core.arrays import Array
from ...model.contaminants import Contaminants
from ...model.forward import ForwardModel

TINY = np.finfo(float).tiny


@dataclass(frozen=True)
class Evidence:
    """ln of the likelihood ratios R of the detections of a catalogue; 0 where nothing is known.

    Parameters
    ----------
    with_yx : ndarray, shape (Q,)
        Of those with a Y_X.
    without : ndarray, shape (n,)
        Of those with neither a Y_X nor a limit of it.
    limited : ndarray, shape (L,)
        Of those with an upper limit of Y_X.
    """

    with_yx: Array = field(default_factory=lambda: np.empty(0))
    without: Array = field(default_factory=lambda: np.empty(0))
    limited: Array = field(default_factory=lambda: np.empty(0))


def contaminants_of(model: ForwardModel) -> Contaminants | None:
    """Contaminants of a model, if it has any."""
    found: Contaminants | None = getattr(model, "contaminants", None)
    return found


def log_weighed(total: Array, false: Array, log_ratio: Array) -> Array:
    """ln(clusters R + contaminants) from densities of both together and of contaminants, which broadcast."""
    true = np.maximum(total - false, TINY)
    weighed: Array = np.logaddexp(np.log(true) + log_ratio, np.log(np.maximum(false, TINY)))
    return weighed
