"""Machine learning against statistics on the same catalogues: accuracy, shared errors, and what every cluster does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from forecast.influence.by_cluster import ClusterInfluence

from ..accuracy.cases import LEVEL_WORDS, published
from ..accuracy.halves import Estimate
from ..accuracy.metrics import Exact, Score, against_exact, score
from ..attribution.mass_peak import MassCurve, Peak, mass_curve, mass_peak
from ..attribution.versus_exact import Agreement, Clusters, agreement, on_common_ground, seen
from ..data.layout import CASE_WORDS
from ..evidence.evidence import Evidence
from ..evidence.findings import Finding
from ..evidence.part import Cell, Part, Picture, Table, listed, pm, probability
from ..trust.count_response import cluster_order
from ..trust.shared_errors import SharedErrors, shared_errors
from .plots.trained import agreement_figure, prediction_figure
from .plots.trust import mass_curves_figure

NEAR = 0.3
"""Distance from the exact mean, in posterior widths, that widens the errors of sigma8 by 4%."""
FEW_DRAWS = 100
HALF = 0.5
"""Response to an observable, in units of the exact one, below which a network is said not to use it."""
EDGES = np.round(np.arange(13.6, 15.25, 0.1), 10)
"""Bins of true log10 mass, Msun/h."""
_SYMBOLS = {"lx": "L_X", "t": "T", "mgas": "M_gas", "mwl": "M_WL", "yx": "Y_X"}


def accuracy(evidence: Evidence) -> Part:
    """Bias, scatter and width of networks and of every level (NV22 table 4), and the distance from the exact mean."""
    scores = [*(_network_score(evidence, case) for case in evidence.trial.networks), *_level_scores(evidence)]
    case = evidence.main
    mine = scores[list(evidence.trial.networks).index(case)]
    findings, pictures = [], []
    found, level = evidence.predictions(case), evidence.counterpart(case)
    words = f"Case {case}: predicted against true sigma8, and errors with their middle 68%."
    pictures.append(Picture("predictions", words, prediction_figure(found.mean, found.std, evidence.truth, case)))
    if level is not None:
        findings.append(_distance_finding(mine))
        words = f"Network's posterior mean against the exact one of {level}; below, the difference in posterior widths."
        figure = agreement_figure(evidence.few_predictions(case).mean, _exact(evidence, level), f"{case} and {level}")
        pictures.append(Picture("agreement", words, figure))
    rows = tuple(_score_row(s) for s in scores)
    header = ("method", "scatter", "NV22", "bias", "width", "68%", "95%", "distance", "catalogues")
    caption = "Errors of sigma8; distance: rms difference from the exact mean of the level named, in its widths."
    title = "How accurate is it, beside the exact statistics?"
    notes = _on_the_same(evidence)
    return Part("accuracy", title, notes, tuple(findings), (Table("accuracy", caption, header, rows),), tuple(pictures))


def _on_the_same(evidence: Evidence) -> tuple[str, ...]:
    """What the rows of the table have not in common: catalogues, and the statistics' Monte Carlo noise."""
    own = []
    for case in evidence.trial.networks:
        error = evidence.few_predictions(case).mean - evidence.some_truth
        own.append(f"{case} {np.std(error, ddof=1):.4f}")
    draws = {level: evidence.level(level).standing.effective for level in evidence.levels}
    few = [level for level, number in draws.items() if number < FEW_DRAWS]
    words = (
        f"The statistics are judged by {len(evidence.some_truth)} of the catalogues, on which the scatters of the "
        f"networks are: {', '.join(own)}. Effective draws behind each exact mean: "
        + ", ".join(f"{level} {number:,.0f}" for level, number in draws.items())
        + "."
    )
    if few:
        words += (
            f" Below {FEW_DRAWS} ({listed(few)}) Monte Carlo noise widens the scatter of the exact means and lowers "
            "their coverage; distances and correlations are cleared of it."
        )
    return (words,)


def _network_score(evidence: Evidence, case: str) -> Score:
    found, truth, level = evidence.predictions(case), evidence.truth, evidence.counterpart(case)
    words = CASE_WORDS[case]
    mine = score(case, words, "network", found.mean, truth, std=found.std, below=found.cumulative(truth))
    if level is not None:
        mine = against_exact(mine, found, truth, _exact(evidence, level))
    return replace(mine, published=published(case, evidence.trial.laboratory.source.suite.manifest.name))


def _exact(evidence: Evidence, level: str) -> Exact:
    found = evidence.level(level).standing
    return Exact(level, np.arange(len(found.mean)), found.mean, found.std, found.effective)


def _level_scores(evidence: Evidence) -> list[Score]:
    rows, truth = [], evidence.some_truth
    for level in evidence.levels:
        found = evidence.level(level).standing
        words = LEVEL_WORDS[level]
        rows.append(score(level, words, "statistics", found.mean, truth, std=found.std, below=found.below))
    return rows


def _score_row(s: Score) -> tuple[Cell, ...]:
    distance = f"{pm(s.distance, s.distance_error, 2)} ({s.counterpart})" if s.counterpart else ""
    numbers = (s.width, s.coverage_68, s.coverage_95)
    cells = ["" if not np.isfinite(x) else f"{x:.{n}f}" for x, n in zip(numbers, (4, 3, 3), strict=True)]
    published = "" if not np.isfinite(s.published) else f"{s.published:.4f}"
    scatter, bias = pm(s.scatter, s.scatter_error), pm(s.bias, s.bias_error)
    return (s.name, scatter, published, bias, *cells, distance, s.catalogues)


def _distance_finding(mine: Score) -> Finding:
    return Finding(
        "distance",
        "Does it find what the data hold?",
        "passed" if mine.distance <= NEAR else "failed",
        f"its mean is {pm(mine.distance, mine.distance_error, 2)} posterior widths (rms) from the exact one of "
        f"{mine.counterpart} on {mine.compared} catalogues",
        f"up to {NEAR:g}, which widens the errors of sigma8 by {100 * (np.hypot(1, NEAR) - 1):.0f}%",
        f"it is {mine.distance:.2f} posterior widths from what the data say: errors are "
        f"{100 * (np.hypot(1, mine.distance) - 1):.0f}% larger than need be",
        False,
        mine.distance,
        mine.distance_error,
        NEAR,
    )


def shared(evidence: Evidence) -> Part:
    """Does the network err where the statistics err: does it use the same information?"""
    rows, findings = [], []
    for case in evidence.trial.networks:
        level, mine = evidence.counterpart(case), evidence.few_predictions(case)
        found: dict[str, SharedErrors] = {}
        for other in evidence.levels:
            exact, rng = evidence.level(other).standing, evidence.rng(f"shared {case} {other}")
            pair = (exact.halves, exact.std)
            found[other] = shared_errors(other, (mine.mean, mine.std), pair, evidence.some_truth, rng=rng)
            rows.append(_shared_row(case, found[other]))
        if level is not None and case == evidence.main:
            findings.append(_shared_finding(case, found[level]))
    header = ("case", "level", "correlation of errors", "if nested", "by chance", "at fixed truth", "width ratio")
    caption = (
        "Correlation of the network's errors with each level's; expected if the information of one holds the other's, "
        "and if they share nothing but the prior."
    )
    title = "Does it use the information that the statistics use?"
    return Part("shared", title, (), tuple(findings), (Table("shared-errors", caption, header, tuple(rows)),))


def _shared_row(case: str, found: SharedErrors) -> tuple[Cell, ...]:
    numbers = (found.correlation, found.at_truth, found.width_ratio)
    both, left, width = (pm(e.value, e.error, 3) for e in numbers)
    return (case, found.level, both, f"{found.nested:.3f}", f"{found.chance:.3f}", left, width)


def _shared_finding(case: str, found: SharedErrors) -> Finding:
    short = found.nested - found.correlation.value
    return Finding(
        "shared errors",
        f"Case {case}: does it err where {found.level} errs?",
        "passed" if short <= 3 * found.correlation.error else "failed",
        f"errors correlate by {pm(found.correlation.value, found.correlation.error, 3)}",
        f"not below {found.nested:.3f}, as if one held the other's information, by three standard errors "
        f"(chance: {found.chance:.2f})",
        f"part of its errors is its own: their correlation with those of {found.level} is {short:.3f} too small",
        False,
        found.correlation.value,
        found.correlation.error,
        found.nested,
    )


def clusters(evidence: Evidence) -> Part:
    """What every cluster does to sigma8: network beside statistics, by observable and by mass (NV22 section 5)."""
    rows, peaks, findings, pictures, words_on_peaks = [], [], [], [], []
    for case in evidence.trial.networks:
        level = evidence.counterpart(case)
        influence = None if level is None else evidence.level(level).influence
        if influence is None or case == "shuffled":
            continue
        pair = _Pair(evidence, case, influence)
        found = [pair.saliency(i) for i in seen(evidence.few(case).layout, influence.observables)]
        alone = pair.leave_one_out()
        rows += [_agreement_row(case, each) for each in (*found, alone)]
        findings += [_saliency_finding(case, influence.level, found), _alone_finding(case, influence.level, alone)]
        peaks += pair.peaks
        words_on_peaks += _on_peaks(case, pair, log_break(evidence))
        words = (
            f"Case {case} and {influence.level}: response of the posterior mean of sigma8 to every observable of a "
            "cluster, averaged in bins of true mass; errors by bootstrap over catalogues."
        )
        label = r"$d\sigma_8/d\log_{10}x$ per cluster"
        figure = mass_curves_figure(pair.curves, label, log_break(evidence))
        pictures.append(Picture(f"saliency-{case}", words, figure))
    header = ("case", "of", "correlation", "null, 99%", "p", "slope", "at fixed mass", "reliability")
    caption = (
        "Network against exact statistics over clusters, Monte Carlo noise taken off; null: clusters permuted within "
        "their catalogues; reliability: share of the exact values' variance that is no noise."
    )
    peak_header = ("case", "of", "network: peak (68%)", "at Mmin", "exact: peak (68%)", "at Mmin")
    peak_caption = (
        "log10 mass (Msun/h) of the largest response per cluster, and the share of bootstrap samples in which that is "
        "the lowest bin."
    )
    tables = (
        Table("clusters", caption, header, tuple(rows)),
        Table("peaks", peak_caption, peak_header, tuple(peaks)),
    )
    title = "Do clusters do to the network what they do to the statistics?"
    return Part("clusters", title, tuple(words_on_peaks), tuple(findings), tables, tuple(pictures))


def _on_peaks(case: str, pair: _Pair, log_break: float | None) -> list[str]:
    """Where in mass the information sits, for the network and for the statistics; NV22 section 5.2.1."""
    found = []
    for name, (mine, exact) in pair.places.items():
        near = "" if log_break is None else f" (the break is at {log_break:.2f})"
        found.append(
            f"Case {case}, {name}: the largest response per cluster is at log10 mass {mine.log_mass:.2f} "
            f"({mine.low:.2f} to {mine.high:.2f}) for the network and {exact.log_mass:.2f} ({exact.low:.2f} to "
            f"{exact.high:.2f}) for the statistics{near}; the lowest bin in {mine.at_edge:.0%} and {exact.at_edge:.0%} "
            "of bootstrap samples."
        )
    if case == "no-wl":
        found.append("NV22 find a peak between 14.2 and 14.4 without weak lensing, and read self-calibration in it.")
    return found


def log_break(evidence: Evidence) -> float | None:
    """log10 of the survey's break mass, Msun/h, where it has one."""
    return evidence.trial.model.setup.selection.log_break


class _Pair:
    """A network's and a level's responses to the same clusters."""

    def __init__(self, evidence: Evidence, case: str, influence: ClusterInfluence) -> None:
        self._evidence, self._case, self._influence = evidence, case, influence
        few = evidence.few(case)
        self._order = cluster_order(few, evidence.mocks)
        self._clusters = Clusters(few.row, few.log_mass.astype(float))
        gradient = evidence.saliency(case).clusters.members
        self._mine = on_common_ground(few.layout, gradient, influence.observables)
        self.curves: dict[str, tuple[MassCurve, MassCurve]] = {}
        self.peaks: list[tuple[Cell, ...]] = []
        self.places: dict[str, tuple[Peak, Peak]] = {}

    def saliency(self, i: int) -> Agreement:
        """Of one observable; its curves and peaks are kept."""
        name, order = _SYMBOLS[self._influence.observables[i]], self._order
        rng = self._evidence.rng(f"saliency {self._case} {name}")
        exact, mine = self._influence.saliency[:, order, i], self._mine[..., i]
        pair = (mine.mean(axis=0), exact[0])
        network, exactly = (mass_curve(v, self._clusters, EDGES, rng=rng) for v in pair)
        self.curves[name] = (network, exactly)
        places = [mass_peak(v, self._clusters, EDGES, rng=rng) for v in (mine, exact[0])]
        self.places[name] = (places[0], places[1])
        self.peaks.append((self._case, name, *(cell for peak in places for cell in _peak_cells(peak))))
        return agreement(f"saliency, {name}", pair[0], exact, self._clusters, rng=rng)

    def leave_one_out(self) -> Agreement:
        """Shifts when a cluster is removed."""
        found = self._evidence.leave_one_out(self._case)
        few, rng = self._evidence.alone(self._case), self._evidence.rng(f"alone {self._case}")
        exact = self._influence.shift[:, self._order[: len(few.row)]]
        return agreement("leave-one-out", found.shift, exact, Clusters(few.row, few.log_mass.astype(float)), rng=rng)


def _peak_cells(peak: Peak) -> tuple[str, str]:
    seeds = f", seeds ± {peak.seeds:.2f}" if np.isfinite(peak.seeds) else ""
    return f"{peak.log_mass:.2f} ({peak.low:.2f} to {peak.high:.2f}{seeds})", f"{peak.at_edge:.0%}"


def _agreement_row(case: str, found: Agreement) -> tuple[Cell, ...]:
    numbers: tuple[Estimate, ...] = (found.correlation, found.slope, found.at_mass)
    both, slope, left = (pm(e.value, e.error, 2) for e in numbers)
    null, p = f"{found.null[1]:.2f}", probability(found.p_value)
    return (case, found.name, both, null, p, slope, left, f"{found.reliability:.2f}")


def _saliency_finding(case: str, level: str, found: list[Agreement]) -> Finding:
    names = [each.name.removeprefix("saliency, ") for each in found]
    pairs = list(zip(names, found, strict=True))
    known = [(n, e) for n, e in pairs if np.isfinite(e.correlation.value)]
    weak = [n for n, e in known if not e.correlation.value > e.null[1] or e.slope.value + 3 * e.slope.error < HALF]
    words = "; ".join(
        f"{n} {pm(e.correlation.value, e.correlation.error, 2)}, slope {pm(e.slope.value, e.slope.error, 2)}"
        for n, e in pairs
    )
    return Finding(
        f"saliency {case}",
        f"Case {case}: does it respond to the observables of clusters as {level} does?",
        "not tested" if not known else "failed" if weak else "passed",
        f"correlation over clusters: {words}",
        f"correlations above the 99% point of clusters permuted within their catalogues, slopes not below {HALF:g} by "
        "three errors",
        f"case {case}: it hardly responds to {', '.join(weak)}, unlike the statistics; its answer may be the same",
        False,
        min((e.correlation.value for _, e in known), default=float("nan")),
        published="saliency by feature and mass (figures 10 to 12)",
    )


def _alone_finding(case: str, level: str, found: Agreement) -> Finding:
    good = found.correlation.value > found.null[1]
    outcome = "not tested" if not np.isfinite(found.null[1]) else "passed" if good else "failed"
    return Finding(
        f"leave-one-out {case}",
        f"Case {case}: does leaving out a cluster do what it does to {level}?",
        outcome,
        f"correlation {pm(found.correlation.value, found.correlation.error, 2)}, slope "
        f"{pm(found.slope.value, found.slope.error, 2)}",
        f"correlation above the 99% point of clusters permuted within their catalogues, {found.null[1]:.2f}",
        f"case {case}: other clusters matter to it than to the statistics",
        False,
        found.correlation.value,
        found.correlation.error,
        found.null[1],
        found.p_value,
        "width ± 0.003 (figure 9)",
    )
