"""What networks answer from Python, as records: answers, judgements, scores, reports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from forecast.api.arguments import one_of
from forecast.api.html_tables import html_table
from forecast.core.arrays import Array
from forecast.core.errors import InputError

from ..accuracy.metrics import Exact, Score
from ..apply.judged import Judged
from ..domain.out_of_distribution import DISTRUSTED, Representativeness, SuiteVerdict
from ..evidence.findings import Finding, Verdict
from ..networks.predict import Predictions

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SHOWN = 20


@dataclass(frozen=True, repr=False, eq=False)
class Answers:
    """sigma8 of P catalogues as a network has it; made by `TrainedNetwork.predict`.

    Parameters
    ----------
    judged : Judged
    """

    judged: Judged

    def __len__(self) -> int:
        return len(self.judged.catalogues)

    @property
    def number(self) -> Array:
        """Number of each catalogue in its suite or table, shape (P,)."""
        return self.judged.catalogues.number

    @property
    def size(self) -> Array:
        """Clusters of each catalogue, shape (P,)."""
        return self.judged.catalogues.size

    @property
    def mean(self) -> Array:
        """Posterior mean of sigma8, shape (P,); NaN where refused."""
        return self.judged.filled("mean")

    @property
    def std(self) -> Array:
        """Posterior width, shape (P,); NaN where refused, or where networks give no density."""
        return self.judged.filled("std")

    @property
    def refused(self) -> Array:
        """Which catalogues have no answer, shape (P,) of bool."""
        return self.judged.refused

    @property
    def trusted(self) -> Array:
        """Which answers may be believed, shape (P,) of bool."""
        return self.judged.trusted

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why each answer may not be believed; "" where it may."""
        return self.judged.reasons

    @property
    def truth(self) -> Array:
        """True sigma8, shape (P,); NaN where it is unknown."""
        return self.judged.catalogues.parameters.get("sigma8", np.full(len(self), np.nan))

    def check(self) -> None:
        """Insist on an answer for every catalogue.

        Raises
        ------
        InputError
            If one is refused, with the words of ``mlcheck predict``.
        """
        self.judged.check("catalogues")

    def __repr__(self) -> str:
        refused = f", {int(self.refused.sum())} refused" if self.refused.any() else ""
        doubt = f", {int((~self.trusted & ~self.refused).sum())} {DISTRUSTED}" if self._distrusted else ""
        if len(self) > 1:
            return f"<answers for {len(self):,} catalogues{refused}{doubt}>"
        if self.refused[0]:
            return f"<no answer: {self.reasons[0]}>"
        return f"<sigma8 = {self.mean[0]:.4f} ± {self.std[0]:.4f}{f', {DISTRUSTED}' if self._distrusted else ''}>"

    @property
    def _distrusted(self) -> bool:
        return bool((~self.trusted & ~self.refused).any())

    def _repr_html_(self) -> str:
        columns = self.number.tolist(), self.size.tolist(), self.mean.tolist(), self.std.tolist(), self.reasons
        rows = [
            [number, size, "" if np.isnan(mean) else f"{mean:.4f}", "" if np.isnan(std) else f"{std:.4f}", reason]
            for number, size, mean, std, reason in zip(*(column[:_SHOWN] for column in columns), strict=True)
        ]
        return html_table(repr(self)[1:-1], ["catalogue", "clusters", "sigma8", "std", "why not to believe it"], rows)


@dataclass(frozen=True, repr=False, eq=False)
class Judgement:
    """Whether catalogues are like the training ones; made by `TrainedNetwork.judge`.

    Parameters
    ----------
    verdicts : tuple of Representativeness
        One for each catalogue: `verdict`, `p`, `words`, and its tests.
    suite : SuiteVerdict or None
        Of all together, where there are several.
    """

    verdicts: tuple[Representativeness, ...]
    suite: SuiteVerdict | None

    def __len__(self) -> int:
        return len(self.verdicts)

    def __iter__(self) -> Iterator[Representativeness]:
        return iter(self.verdicts)

    @property
    def verdict(self) -> str:
        """Of all together, or of the only catalogue: "inside", "doubtful" or "outside"."""
        return self.verdicts[0].verdict if self.suite is None else self.suite.verdict

    @property
    def words(self) -> str:
        """The verdict in a sentence, with its reason."""
        return self.verdicts[0].words if self.suite is None else self.suite.words

    @property
    def p(self) -> Array:
        """p value of each catalogue, shape (P,)."""
        return np.array([verdict.p for verdict in self.verdicts])

    def __repr__(self) -> str:
        return f"<{self.verdict}: {self.words}>"

    def _repr_html_(self) -> str:
        rows = [[i, v.verdict, v.p, v.worst.words] for i, v in enumerate(self.verdicts[:_SHOWN])]
        return html_table(self.words, ["catalogue", "verdict", "p", "most unusual"], rows)


@dataclass(frozen=True, repr=False, eq=False)
class Scores:
    """How good a network is on test catalogues; made by `TrainedNetwork.test`.

    Parameters
    ----------
    score : Score
        Scatter, bias, coverage, and distance from the exact posterior.
    predictions : Predictions
        Of all test catalogues.
    truth : ndarray, shape (P,)
    exact : dict of str to Exact
        Exact posterior means and widths of some of them, by level.
    baselines : tuple of Score
        Of all test catalogues, where asked for.
    """

    score: Score
    predictions: Predictions
    truth: Array
    exact: Mapping[str, Exact]
    baselines: tuple[Score, ...] = ()

    def plot(self) -> Figure:
        """Predicted against true sigma8, and errors by true value."""
        from ..report.plots.trained import prediction_figure

        return prediction_figure(self.predictions.mean, self.predictions.std, self.truth, "test catalogues")

    def plot_agreement(self, level: str) -> Figure:
        """The network's means against exact ones of a level, and their difference in widths.

        Raises
        ------
        InputError
            If the level was not computed.
        """
        from ..report.plots.trained import agreement_figure

        if not self.exact:
            raise InputError("no exact posterior was computed; ask for one: network.test(suite, ['full'])")
        found = self.exact[one_of(level, self.exact, "level")]
        return agreement_figure(self.predictions.mean, found, f"network and {found.level}")

    def __repr__(self) -> str:
        s = self.score
        beside = f", {s.distance:.2f} widths from {s.counterpart}" if s.counterpart else ""
        return f"<scatter of sigma8 {s.scatter:.4f} ± {s.scatter_error:.4f} on {s.catalogues:,} catalogues{beside}>"

    def _repr_html_(self) -> str:
        s = self.score
        rows: list[list[object]] = [
            ["scatter", f"{s.scatter:.4f} ± {s.scatter_error:.4f}"],
            ["bias", f"{s.bias:+.4f} ± {s.bias_error:.4f}"],
            ["mean width", s.width],
            ["inside 68%, 95%", f"{s.coverage_68:.3f}, {s.coverage_95:.3f}"],
        ]
        if s.counterpart:
            rows.append([f"distance from {s.counterpart}, in widths", f"{s.distance:.2f} ± {s.distance_error:.2f}"])
        rows += [[f"scatter, {other.words}", f"{other.scatter:.4f}"] for other in self.baselines]
        return html_table(f"{s.words}: {s.catalogues:,} test catalogues", [], rows)


@dataclass(frozen=True, repr=False, eq=False)
class TrustReport:
    """Whether a network can be trusted; made by `TrainedNetwork.report`.

    Parameters
    ----------
    verdict : Verdict
        `grade` and `reasons`.
    findings : tuple of Finding
        One for each test: `key`, `question`, `outcome`, `result`, `value`, ...
    page : Path
        Of the HTML page.
    """

    verdict: Verdict
    findings: tuple[Finding, ...]
    page: Path

    @property
    def grade(self) -> str:
        """ "trusted", "trusted with limits" or "not trusted"."""
        return self.verdict.grade

    def __getitem__(self, key: str) -> Finding:
        """The finding of one test.

        Raises
        ------
        InputError
            If there is no such test.
        """
        found = {finding.key: finding for finding in self.findings}
        return found[one_of(key, found, "test")]

    def __repr__(self) -> str:
        return f"<{self.grade}: {len(self.findings)} tests, {sum(f.failed for f in self.findings)} failed; {self.page}>"

    def _repr_html_(self) -> str:
        rows = [[f.outcome, f.question, f.result] for f in self.findings]
        return html_table(self.grade.upper(), ["outcome", "question", "result"], rows)
