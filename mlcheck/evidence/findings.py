"""Findings of tests, and the verdict that follows from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

GRADES = ("trusted", "trusted with limits", "not trusted")
OUTCOMES = ("passed", "failed", "no power", "not tested")


@dataclass(frozen=True)
class Finding:
    """Outcome of one test.

    Parameters
    ----------
    key : str
        Short name, unique in a report.
    question : str
    outcome : str
        One of `OUTCOMES`.
    result : str
        What was measured, in words and numbers.
    rule : str
        Threshold, and the null that it follows from.
    consequence : str
        What a failure means for whoever uses the network; "" if there is none.
    grave : bool
        Whether a failure forbids the use of the network; else it sets a limit.
    value, error, threshold, p_value : float
        NaN where they do not apply.
    published : str
        NV22's value or statement, "" where there is none.
    """

    key: str
    question: str
    outcome: str
    result: str
    rule: str
    consequence: str = ""
    grave: bool = True
    value: float = float("nan")
    error: float = float("nan")
    threshold: float = float("nan")
    p_value: float = float("nan")
    published: str = ""

    @classmethod
    def untested(cls, key: str, question: str, why: str) -> Finding:
        """A question that could not be asked."""
        return cls(key=key, question=question, outcome="not tested", result=why, rule="")

    @property
    def failed(self) -> bool:
        """Whether the test speaks against the network."""
        return self.outcome == "failed"

    def if_seen(self, matters: float, error: float | None = None) -> Finding:
        """The finding, unless it passed though it could not have seen what matters: then the test has no power.

        Parameters
        ----------
        matters : float
            Smallest departure that would matter.
        error : float, optional
            Standard error of what was measured, in the same units; by default the finding's own. A departure is seen
            at three of them.

        Examples
        --------
        >>> Finding("a", "?", "passed", "slope 2 ± 100", "", error=100.0).if_seen(0.5).outcome
        'no power'
        """
        error = self.error if error is None else error
        if self.outcome != "passed" or not 3 * error > matters:
            return self
        words = f"{self.result}; with an error of {error:.2g} a departure of {matters:.2g} would not have been seen"
        return replace(self, outcome="no power", result=words)


@dataclass(frozen=True)
class Verdict:
    """What the findings amount to.

    Parameters
    ----------
    grade : str
        One of `GRADES`.
    reasons : tuple of str
        Why it is not better.
    """

    grade: str
    reasons: tuple[str, ...]


def judge(findings: Sequence[Finding]) -> Verdict:
    """Verdict: a grave failure forbids; any other failure, or a test that was not made or saw nothing, limits.

    Examples
    --------
    >>> judge([Finding("a", "?", "passed", "", ""), Finding("b", "?", "not tested", "one member", "")])
    Verdict(grade='trusted with limits', reasons=('not tested: one member',))
    """
    grave = [f.consequence or f.result for f in findings if f.failed and f.grave]
    limits = [f.consequence or f.result for f in findings if f.failed and not f.grave]
    open_ = [f"{f.outcome}: {f.result}" for f in findings if f.outcome in ("no power", "not tested")]
    grade = GRADES[2] if grave else GRADES[1] if limits or open_ else GRADES[0]
    return Verdict(grade, (*grave, *limits, *open_))
