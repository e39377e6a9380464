"""Does a catalogue lie inside the distribution that a network was trained on? As a whole, and cluster by cluster."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecast.errors import InputError

from .catalogues import Catalogues
from .reference import CLUSTER_QUANTILE, Reference
from .reweighting import Reweighting, reweigh

Array = np.ndarray
FALSE_ALARM = 0.01
DOUBTFUL = 5.0
"""A catalogue is doubtful up to this many times the false-alarm rate."""
TESTS = ("distributions", "correlations", "clusters")
TEST_WORDS = {
    "distributions": "number of clusters, means, scatters and tails of the features",
    "correlations": "correlations of the features",
    "clusters": "single clusters",
}


@dataclass(frozen=True)
class Verdict:
    """Result of one test.

    Parameters
    ----------
    test : str
        One of `TESTS`.
    p : float
        Share of held-out catalogues that are at least as far out, the catalogue itself among them.
    value, usual : float
        Distance of the catalogue from its nearest training catalogues over that usual for its number of clusters,
        and the median of held-out ones; for "clusters" the share that lies outside, and the mean of held-out ones.
    culprit : str
        Summary, or feature, that is furthest from what the others predict.
    deviation : float
        How far, in standard deviations of the training data; for "clusters" root mean square over the clusters
        outside, or over all where none is.
    """

    test: str
    p: float
    value: float
    usual: float
    culprit: str
    deviation: float

    @property
    def words(self) -> str:
        """What it says, in one clause."""
        if self.test == "clusters":
            return (
                f"{self.value:.1%} of its clusters lie outside, {self.usual:.1%} of held-out ones do; furthest is "
                f"{self.culprit}, {self.deviation:.1f} standard deviations from what the other features predict"
            )
        return (
            f"in the {TEST_WORDS[self.test]} it is {self.value:.2f} times as far from training catalogues as usual; "
            f"furthest is the {self.culprit}, {self.deviation:+.1f} standard deviations from what the others predict"
        )


@dataclass(frozen=True)
class Representativeness:
    """Whether a catalogue lies inside the training distribution.

    Parameters
    ----------
    verdict : str
        "inside", "doubtful", or "outside": then a network's answer should be refused.
    p : float
        Of all tests together.
    tests : tuple of Verdict
        In the order of `TESTS`.
    reweighting : Reweighting
    size : int
        Clusters.
    training, held_out : int
        Catalogues.
    false_alarm : float
        Share of catalogues of the training distribution that are called outside.
    """

    verdict: str
    p: float
    tests: tuple[Verdict, ...]
    reweighting: Reweighting
    size: int
    training: int
    held_out: int
    false_alarm: float

    @property
    def words(self) -> str:
        """The verdict in one sentence, with the reason."""
        level = f"p = {self.p:.3f}, limit {self.false_alarm:g}"
        if self.verdict == "inside":
            return f"The catalogue lies inside the training distribution ({level})."
        place = "outside the training distribution" if self.verdict == "outside" else "at its edge: doubtful"
        return f"The catalogue lies {place} ({level}): {min(self.tests, key=lambda test: test.p).words}."


def judge(reference: Reference, target: Catalogues, *, false_alarm: float = FALSE_ALARM) -> Representativeness:
    """Judge one catalogue.

    Parameters
    ----------
    reference : Reference
    target : Catalogues
        One catalogue.
    false_alarm : float
        Largest share of catalogues of the training distribution that are called outside.

    Raises
    ------
    InputError
        If there is not one catalogue, its features are others, or the held-out catalogues are too few for the
        false-alarm rate.
    """
    _check(reference, target, false_alarm)
    distance = reference.distances(target)
    found = np.column_stack([reference.excesses(target), reference.outside(target, distance)])
    p = reference.p_values(found)[0]
    wholes = [_whole(reference, target, i, float(p[1 + i]), float(found[0, i])) for i in range(2)]
    members, mine = reference.clusters.plain(reference.members), target.features.astype(float)
    names = reference.summariser.features
    return Representativeness(
        "outside" if p[0] <= false_alarm else "doubtful" if p[0] <= DOUBTFUL * false_alarm else "inside",
        float(p[0]),
        (*wholes, _single(reference, target, float(p[3]), distance)),
        reweigh(reference.clusters, members, mine, names, outside=float(found[0, 2])),
        int(target.size[0]),
        len(reference.clouds[0].points),
        len(reference.null),
        false_alarm,
    )


@dataclass(frozen=True)
class SuiteVerdict:
    """Whether the catalogues of a suite are distributed as the training ones.

    Parameters
    ----------
    verdict : str
        "inside", "doubtful" or "outside".
    p : float
        Chance of so many catalogues beyond the 5% limit, if the suite were like the training data.
    catalogues : int
    beyond_1, beyond_5 : float
        Shares of catalogues with p values of at most 1% and 5%.
    by_test : dict of str to float
        `beyond_5` of each of `TESTS`.
    """

    verdict: str
    p: float
    catalogues: int
    beyond_1: float
    beyond_5: float
    by_test: dict[str, float]

    @property
    def words(self) -> str:
        """The verdict in one sentence."""
        worst = max(self.by_test, key=lambda test: self.by_test[test])
        place = {"inside": "like the training data", "doubtful": "doubtful"}.get(self.verdict, "not like training data")
        return (
            f"The suite is {place}: {self.beyond_5:.1%} of {self.catalogues} catalogues lie beyond the 5% limit "
            f"(p = {self.p:.2g}), most in the {TEST_WORDS[worst]} ({self.by_test[worst]:.1%})."
        )


def judge_suite(reference: Reference, suite: Catalogues, *, false_alarm: float = FALSE_ALARM) -> SuiteVerdict:
    """Judge many catalogues together: weaker differences show than in any one of them.

    The number beyond the 5% limit is compared with what as many held-out catalogues would give; since both are ranked
    among the same M held-out ones, it is beta-binomial with parameters r = 0.05 (M + 1) and M + 1 - r.

    Parameters
    ----------
    reference : Reference
    suite : Catalogues
    false_alarm : float
    """
    from scipy.stats import betabinom

    p = reference.p_values(reference.statistics(suite))
    size, limit = len(reference.null), int(0.05 * (len(reference.null) + 1))
    beyond = p <= limit / (size + 1) + 1e-12
    chance = float(betabinom.sf(int(beyond[:, 0].sum()) - 1, len(suite), limit, size + 1 - limit))
    verdict = "outside" if chance <= false_alarm else "doubtful" if chance <= DOUBTFUL * false_alarm else "inside"
    shares = dict(zip(TESTS, beyond[:, 1:].mean(axis=0).tolist(), strict=True))
    low = float(np.mean(p[:, 0] <= FALSE_ALARM))
    return SuiteVerdict(verdict, chance, len(suite), low, float(beyond[:, 0].mean()), shares)


def _check(reference: Reference, target: Catalogues, false_alarm: float) -> None:
    if len(target) != 1:
        raise InputError(f"one catalogue is judged at a time, got {len(target)}; take them apart with Catalogues.take")
    names, least = reference.summariser.features, 1 / (len(reference.null) + 1)
    if target.layout.names != names:
        raise InputError(
            f"the training data have features {', '.join(names)}, the catalogue has "
            f"{', '.join(target.layout.names)}; take catalogues of the same survey and case"
        )
    if not least <= false_alarm < 1 / DOUBTFUL:
        raise InputError(
            f"a false-alarm rate of {false_alarm:g} cannot be told with {len(reference.null)} held-out catalogues; it "
            f"must lie between {least:.4f} and {1 / DOUBTFUL:g}: draw more, or raise it"
        )


def _whole(reference: Reference, target: Catalogues, which: int, p: float, excess: float) -> Verdict:
    cloud = reference.clouds[which]
    deviation = cloud.space.deviations(reference.summaries(target)[which])[0]
    worst = int(np.abs(deviation).argmax())
    usual = float(np.exp(np.median(reference.null[:, which])))
    return Verdict(TESTS[which], p, float(np.exp(excess)), usual, cloud.names[worst], float(deviation[worst]))


def _single(reference: Reference, target: Catalogues, p: float, distance: Array) -> Verdict:
    outside = distance > reference.limit
    chosen = target.features[outside] if outside.any() else target.features
    deviation = np.sqrt(np.mean(reference.clusters.deviations(chosen.astype(float)) ** 2, axis=0))
    worst, names = int(deviation.argmax()), reference.summariser.features
    return Verdict(TESTS[2], p, float(outside.mean()), 1 - CLUSTER_QUANTILE, names[worst], float(deviation[worst]))
