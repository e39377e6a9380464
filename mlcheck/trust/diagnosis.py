"""Where judged catalogues differ from training ones, and which known fault the difference looks like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from forecast.core.arrays import Array
from forecast.likelihoods.level_name import LevelName
from forecast.model.forward import ForwardModel
from forecast.sampling.ensemble import MomentsPlan, posterior_moments

from ..data.catalogues import Catalogues
from ..data.draws import Drawn
from ..domain.summaries import Cloud

LEVELS = (LevelName.COUNTS, LevelName.UNBINNED)
"""Whose exact means are held against the labels."""
ALARM = 1e-3


@dataclass(frozen=True)
class Signature:
    """Mean difference of a set of catalogues from training ones.

    Parameters
    ----------
    name, kind : str
    catalogues : int
    features : ndarray, shape (K,)
        Mean of whitened summaries: zero, and one over root P its error, for catalogues like the training ones.
    labels : ndarray, shape (2 L,)
        Of the errors of exact posterior means in units of their widths, by level: mean, and root two times the root
        mean square minus one; likewise.
    """

    name: str
    kind: str
    catalogues: int
    features: Array
    labels: Array

    @property
    def vector(self) -> Array:
        """Both."""
        return np.concatenate([self.features, self.labels])


@dataclass(frozen=True)
class Diagnosis:
    """Whether catalogues differ from training ones, how, and what it looks like.

    Parameters
    ----------
    p_features, p_labels : float
        Chance of so large a difference in the features, and of the labels from what exact posteriors say.
    summary : str
        Summary of the features that differs most, and by how many standard errors.
    standard_errors : float
    likeness : tuple of tuple
        Names and kinds of known faults with the cosine between their difference and this one, the largest first.
    """

    p_features: float
    p_labels: float
    summary: str
    standard_errors: float
    likeness: tuple[tuple[str, str, float], ...]

    @property
    def p_value(self) -> float:
        """Of both together (Bonferroni)."""
        return min(1.0, 2 * min(self.p_features, self.p_labels))

    @property
    def differs(self) -> bool:
        """Whether the catalogues are not like the training ones."""
        return self.p_value < ALARM

    @property
    def culprit(self) -> str:
        """Known fault that the difference is most like."""
        return self.likeness[0][0] if self.likeness else ""


def signature(cloud: Cloud, model: ForwardModel, drawn: Drawn, plan: MomentsPlan, *, kind: str = "") -> Signature:
    """Signature of catalogues.

    Parameters
    ----------
    cloud : Cloud
        The training catalogues.
    model : ForwardModel
        Theirs.
    drawn : Drawn
    plan : MomentsPlan
        Of the exact posterior means.
    kind : str
    """
    whole = cloud.white(drawn.catalogues)
    each = np.column_stack([label_errors(model, level, drawn, plan) for level in LEVELS])
    labels = np.concatenate([each.mean(axis=0), np.sqrt(2) * (np.sqrt(np.mean(each**2, axis=0)) - 1)])
    return Signature(
        name=drawn.name, kind=kind, catalogues=len(drawn.sigma8), features=whole.mean(axis=0), labels=labels
    )


def label_errors(model: ForwardModel, level: str, drawn: Drawn, plan: MomentsPlan) -> Array:
    """Exact posterior mean minus label, in posterior widths, (P,)."""
    mean, std = posterior_moments(model, level, drawn.mocks, plan).of("sigma8")
    return (mean - drawn.sigma8) / std


def diagnose(cloud: Cloud, judged: Signature, catalogues: Catalogues, known: Sequence[Signature]) -> Diagnosis:
    """Test the signature of judged catalogues, and find the known faults it looks like.

    The first of two tests is chi-square of the features' means; the second of the means and spreads of the labels'
    errors, whose correlation between levels is taken to be complete (it errs on the side of silence).
    """
    count = judged.catalogues
    chi = float(count * judged.features @ judged.features)
    worst = float(count * np.max(judged.labels**2))
    name, deviation = _most(cloud, catalogues)
    vector = judged.vector
    likeness = [
        (s.name, s.kind, float(vector @ s.vector / (np.linalg.norm(vector) * np.linalg.norm(s.vector)))) for s in known
    ]
    return Diagnosis(
        p_features=float(stats.chi2.sf(chi, len(judged.features))),
        p_labels=min(1.0, len(judged.labels) * float(stats.chi2.sf(worst, 1))),
        summary=name,
        standard_errors=deviation,
        likeness=tuple(sorted(likeness, key=lambda row: -row[2])),
    )


def _most(cloud: Cloud, catalogues: Catalogues) -> tuple[str, float]:
    """Summary whose mean differs most from training catalogues', and by how many standard errors."""
    values = cloud.coordinates(catalogues)
    deviation = np.sqrt(len(values)) * (values.mean(axis=0) - cloud.space.mean) / cloud.space.scale
    worst = int(np.abs(deviation).argmax())
    return cloud.names[worst], float(deviation[worst])
