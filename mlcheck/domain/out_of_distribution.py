"""Are catalogues like those a network was trained on? Each on its own, and many together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecast.core.errors import InputError

from ..data.catalogues import Catalogues
from .reasons import Verdict, verdict_of
from .reference import TESTS, Examination, Reference

FALSE_ALARM = 0.0005
"""Largest share of catalogues like the training ones that are called outside."""
DOUBTFUL = 20.0
"""A catalogue is doubtful up to this many times the false-alarm rate."""
SUITE_ALARM, SUITE_DOUBTFUL = 0.01, 0.05
"""Chances of so many unusual catalogues, below which a suite is outside, or doubtful."""
USUAL = 0.05
"""p value of the catalogues that are counted in a suite."""
TEST_WORDS = {
    "number": "number of clusters",
    "means": "means of the features",
    "shapes": "scatters, tails and correlations of the features",
    "clusters": "single clusters",
    "ties": "equal values",
}


@dataclass(frozen=True)
class Representativeness:
    """Whether a catalogue is like the training ones.

    Parameters
    ----------
    verdict : str
        "inside", "doubtful", or "outside": then a network's answer should be refused.
    p : float
        Of all tests together.
    tests : tuple of Verdict
        In the order of `reference.TESTS`.
    size : int
        Clusters.
    training : int
        Catalogues behind the null.
    false_alarm : float
    """

    verdict: str
    p: float
    tests: tuple[Verdict, ...]
    size: int
    training: int
    false_alarm: float = FALSE_ALARM

    @property
    def worst(self) -> Verdict:
        """What to look at first: ties, then single clusters, for they spoil all else; else what is rarest."""
        found = {test.test: test for test in self.tests}
        spoilt = [found[name] for name in ("ties", "clusters") if name in found and found[name].p <= self.false_alarm]
        return spoilt[0] if spoilt else min(self.tests, key=lambda test: test.p)

    @property
    def words(self) -> str:
        """The verdict in one sentence, with the reason."""
        place = {"inside": "like", "doubtful": "at the edge of"}.get(self.verdict, "unlike")
        reason = "" if self.verdict == "inside" else f": {self.worst.words}"
        level = f"p {_probability(self.p)}, limit {self.false_alarm:g}"
        return f"The catalogue is {place} the training ones ({level}){reason}."


def judge(reference: Reference, catalogues: Catalogues) -> tuple[Representativeness, ...]:
    """Judge catalogues, each on its own.

    Parameters
    ----------
    reference : Reference
    catalogues : Catalogues

    Raises
    ------
    InputError
        As `Reference.examine`.
    """
    found: list[Representativeness] = []
    for piece in catalogues.pieces():
        examined = reference.examine(piece)
        found += (_one(reference, piece, examined, i) for i in range(len(piece)))
    return tuple(found)


def require(reference: Reference | None, catalogues: Catalogues) -> None:
    """Refuse catalogues that are unlike the training ones.

    Raises
    ------
    InputError
        Naming the first one, what is unusual, and what to do.
    """
    if reference is None:
        raise InputError(f"{UNTESTED}; {RETRAIN}")
    for number, found in zip(catalogues.number, judge(reference, catalogues), strict=True):
        if found.verdict == "outside":
            raise InputError(f"catalogue {number}: {found.words} {CURE}")


UNTESTED = "the network's file, of an earlier version, cannot tell which catalogues are like its training ones"
RETRAIN = "train it again, or --force to see what comes out"
CURE = "Or train on such catalogues; --force shows the number anyway."
DISTRUSTED = "NOT TO BE TRUSTED"


@dataclass(frozen=True)
class SuiteVerdict:
    """Whether the catalogues of a suite are distributed as the training ones.

    Parameters
    ----------
    verdict : str
        "inside", "doubtful" or "outside".
    p : float
        Chance of so many catalogues with p values of at most `USUAL`, if the suite were like the training data.
    catalogues : int
    beyond_1, beyond_5 : float
        Shares of catalogues with p values of at most 1% and 5%.
    by_test : dict of str to float
        `beyond_5` of each test.
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


def judge_suite(reference: Reference, suite: Catalogues) -> SuiteVerdict:
    """Judge many catalogues together: weaker differences show than in any one of them.

    The number beyond the 5% limit is compared with what as many training catalogues would give; since the limit was
    learnt from M of them, it is beta-binomial with parameters r = 0.05 (M + 1) and M + 1 - r.

    Parameters
    ----------
    reference : Reference
    suite : Catalogues
    """
    from scipy.stats import betabinom

    found = [reference.examine(piece) for piece in suite.pieces()]
    overall = np.concatenate([each.overall for each in found])
    size = reference.training
    limit = int(USUAL * (size + 1))
    beyond = overall >= -np.log(USUAL)
    chance = float(betabinom.sf(int(beyond.sum()) - 1, len(suite), limit, size + 1 - limit))
    verdict = "outside" if chance <= SUITE_ALARM else "doubtful" if chance <= SUITE_DOUBTFUL else "inside"
    shares = {
        test: float(np.mean(np.concatenate([each.surprise[test] for each in found]) >= -np.log(USUAL)))
        for test in found[0].surprise
    }
    low = float(np.mean(overall >= -np.log(0.01)))
    return SuiteVerdict(
        verdict=verdict, p=chance, catalogues=len(suite), beyond_1=low, beyond_5=float(beyond.mean()), by_test=shares
    )


def _one(reference: Reference, catalogues: Catalogues, found: Examination, i: int) -> Representativeness:
    p = float(np.exp(-found.overall[i]))
    verdict = "outside" if p <= FALSE_ALARM else "doubtful" if p <= DOUBTFUL * FALSE_ALARM else "inside"
    tests = tuple(verdict_of(reference, catalogues, test, found, i) for test in TESTS if test in found.readings)
    return Representativeness(
        verdict=verdict, p=p, tests=tests, size=int(catalogues.size[i]), training=reference.training
    )


def _probability(p: float) -> str:
    return f"= {p:.3f}" if p >= 0.001 else f"= {p:.1g}" if p > 1e-9 else "< 1e-9"
