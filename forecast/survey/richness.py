r"""How a detection's richness tells clusters from chance: likelihood ratios from the estimator f_cont.

Klein et al. (2022) compare the richness lambda of a candidate with that of random positions at its redshift,

    f_cont(lambda, z) = int_lambda^inf f_rand / int_lambda^inf f_obs,

where f_rand and f_obs are the normalised distributions of richness at random positions and of all candidates. It is no
probability of being a contaminant: it compares tails, not densities, and knows nothing of how many contaminants there
are. Contaminants are positions where no cluster is, so if p of the candidates are contaminants,
f_obs = (1 - p) f_cl + p f_rand, and with r = f_rand / f_obs the likelihood ratio of a cluster to a contaminant is

    f_cl / f_rand = (1/r - p) / (1 - p).

The share of candidates with f_cont below F is S(F); of random positions it is F S(F), for at every redshift one is the
other times F, by definition. So r = d(F S) / dS: a difference over the list ranked by f_cont.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import isotonic_regression

from ..core.arrays import Array
from ..core.errors import InputError

_SIGMAS = 3.0
_LARGEST = 10.0
"""f_cont is 1 of a random position; of candidates of too few neighbours it is hardly more."""


@dataclass(frozen=True)
class Ranked:
    """Candidates ranked by f_cont.

    Parameters
    ----------
    order : ndarray of int, shape (n,)
        Candidates by rising f_cont.
    density : ndarray, shape (n,)
        r: density of contaminants over that of all candidates listed, in the order of the list; its mean is 1.
    """

    order: Array
    density: Array

    @classmethod
    def of(cls, f_cont: Array) -> Ranked:
        """Those of a list with f_cont of shape (n,).

        Differences of single ranks are noise: the ratio is the smoothest that never falls with f_cont, the slope of
        the largest convex curve below the share of contaminants (isotonic regression).
        """
        order = np.argsort(f_cont, kind="stable")
        rank = np.arange(1, len(order) + 1)
        share = f_cont[order] * rank
        slope = np.diff(share / share[-1] * len(order), prepend=0.0)
        density = np.empty(len(order))
        density[order] = isotonic_regression(slope).x
        return cls(order, density)

    @property
    def most_contaminants(self) -> float:
        """Largest share of contaminants that leaves no negative number of clusters at the end of the list."""
        ranked = self.density[self.order][::-1]
        number = np.arange(1, len(ranked) + 1)
        return float(np.min((number + _SIGMAS * np.sqrt(number)) / np.maximum(np.cumsum(ranked), 1e-12)))


def richness_evidence(f_cont: Array, contamination: float) -> Array:
    """ln of the likelihood ratio of a cluster to a contaminant, from f_cont of every candidate of a list.

    Assumed: contaminants are rich by chance alone, as random positions are; they are as numerous among the
    candidates at every redshift; the list holds every candidate with f_cont up to its largest (a cut in flux, or a
    choice by eye, changes the ranks); and richness says nothing of the other data of a candidate. Ratios beyond what
    so many candidates can tell, 1 : n + 1, are not claimed.

    Parameters
    ----------
    f_cont : ndarray, shape (n,)
        NaN where unknown, which is no evidence either way.
    contamination : float
        Share of the list that are no clusters. Of a list that was cut at f_cont = F it is F times that before the cut.

    Returns
    -------
    ndarray, shape (n,)

    Raises
    ------
    InputError
        If values are none, or there cannot be so many contaminants.

    Examples
    --------
    >>> richness_evidence(np.array([0.0, 0.05, 0.2, 0.6]), 0.1).round(1)
    array([ 1.6,  1.6,  0.2, -1.3])
    """
    known = np.isfinite(f_cont)
    evidence, f_cont = np.zeros(len(known)), np.asarray(f_cont, dtype=float)[known]
    if not 0 < contamination < 1:
        raise InputError(f"contamination = {contamination:g} must lie between 0 and 1")
    if np.any(f_cont < 0) or not np.any(f_cont > 0):
        raise InputError("f_cont must not be negative, and positive for some; leave it empty where it is unknown")
    if np.max(f_cont) > _LARGEST:
        raise InputError(f"f_cont up to {np.max(f_cont):g} is none, which is 1 for a random position; check the column")
    ranked, lowest = Ranked.of(f_cont), 1 / (len(f_cont) + 1)
    if contamination > ranked.most_contaminants:
        most = f"f_cont of this list allows {ranked.most_contaminants:.2g} at most"
        cure = "of a list that was cut at f_cont = F it is F times that before the cut"
        raise InputError(f"contamination = {contamination:g}, but {most}; {cure}")
    with np.errstate(divide="ignore"):
        ratio = (1 / ranked.density - contamination) / (1 - contamination)
    evidence[known] = np.log(np.clip(ratio, lowest, 1 / lowest))
    return evidence
