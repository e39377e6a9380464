"""What every cluster does to the network beside what it does to the statistics."""

from __future__ import annotations

import numpy as np

from forecast.core.observables import WORDS
from forecast.influence.by_cluster import ClusterInfluence

from ..accuracy.halves import Estimate
from ..attribution.mass_peak import MassCurve, Peak, mass_curve, mass_peak
from ..attribution.versus_exact import Agreement, Clusters, agreement, on_common_ground, seen
from ..evidence.evidence import Evidence
from ..evidence.findings import Finding
from ..evidence.part import Cell, Part, Picture, Table, pm, probability
from ..trust.count_response import cluster_order
from .plots.trust import mass_curves_figure

HALF = 0.5
"""Response to an observable, in units of the exact one, below which a network is said not to use it."""
EDGES = np.round(np.arange(13.6, 15.25, 0.1), 10)
"""Bins of true log10 mass, Msun/h."""


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
        roughest = max((e.slope.error for e in found if np.isfinite(e.correlation.value)), default=np.nan)
        findings.append(_saliency_finding(case, influence.level, found).if_seen(1.0, roughest))
        findings.append(_alone_finding(case, influence.level, alone).if_seen(1.0, alone.slope.error))
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
    return Part(
        key="clusters",
        title=title,
        words=tuple(words_on_peaks),
        findings=tuple(findings),
        tables=tables,
        pictures=tuple(pictures),
    )


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
        name, order = WORDS[self._influence.observables[i].replace("mwl", "wl")], self._order
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
    both, slope, left = (pm(e.value, e.error) for e in numbers)
    null = f"{found.null[1]:.2f}" if np.isfinite(found.null[1]) else "–"
    p = probability(found.p_value)
    return (case, found.name, both, null, p, slope, left, f"{found.reliability:.2f}")


def _saliency_finding(case: str, level: str, found: list[Agreement]) -> Finding:
    names = [each.name.removeprefix("saliency, ") for each in found]
    pairs = list(zip(names, found, strict=True))
    known = [(n, e) for n, e in pairs if np.isfinite(e.correlation.value)]
    weak = [n for n, e in known if not e.correlation.value > e.null[1] or e.slope.value + 3 * e.slope.error < HALF]
    words = "; ".join(
        f"{n} {pm(e.correlation.value, e.correlation.error)}, slope {pm(e.slope.value, e.slope.error)}"
        for n, e in pairs
    )
    return Finding(
        key=f"saliency {case}",
        question=f"Case {case}: does it respond to the observables of clusters as {level} does?",
        outcome="not tested" if not known else "failed" if weak else "passed",
        result=f"correlation over clusters: {words}",
        rule=f"correlations above the 99% point of clusters permuted within their catalogues, slopes not below "
        f"{HALF:g} by three errors",
        consequence=f"case {case}: it hardly responds to {', '.join(weak)}, unlike the statistics; its "
        "answer may be the same",
        grave=False,
        value=min((e.correlation.value for _, e in known), default=float("nan")),
        published="saliency by feature and mass (figures 10 to 12)",
    )


def _alone_finding(case: str, level: str, found: Agreement) -> Finding:
    good = found.correlation.value > found.null[1]
    outcome = "not tested" if not np.isfinite(found.null[1]) else "passed" if good else "failed"
    return Finding(
        key=f"leave-one-out {case}",
        question=f"Case {case}: does leaving out a cluster do what it does to {level}?",
        outcome=outcome,
        result=f"correlation {pm(found.correlation.value, found.correlation.error)}, slope "
        f"{pm(found.slope.value, found.slope.error)}",
        rule=f"correlation above the 99% point of clusters permuted within their catalogues, {found.null[1]:.2f}",
        consequence=f"case {case}: other clusters matter to it than to the statistics",
        grave=False,
        value=found.correlation.value,
        error=found.correlation.error,
        threshold=found.null[1],
        p_value=found.p_value,
        published="width ± 0.003 (figure 9)",
    )
