"""What is unusual about a catalogue, in words: what was found, and what to look at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..data.catalogues import Catalogues
from .norms import RARE
from .reference import Examination, Reference

_FEW = 0.02
"""Share of a catalogue's clusters up to which single ones are to blame."""


@dataclass(frozen=True)
class Verdict:
    """Result of one test of one catalogue.

    Parameters
    ----------
    test : str
        One of `reference.TESTS`.
    p : float
        Chance of something as unusual in a catalogue like the training ones.
    culprit : str
        Summary, or feature, that is most unusual.
    deviation : float
        How far it is from what all else predicts, in standard deviations.
    count : int
        Clusters that are unusual, or tied; 0 where the test is of the catalogue as a whole.
    words : str
        One clause.
    """

    test: str
    p: float
    culprit: str
    deviation: float
    count: int
    words: str


def verdict_of(reference: Reference, catalogues: Catalogues, test: str, found: Examination, i: int) -> Verdict:
    """Result of a test of catalogue `i` of those examined."""
    reading, size = found.readings[test], int(catalogues.size[i])
    culprit, sigma, deviation = int(reading.culprit[i]), float(reading.sigma[i]), float(reading.deviation[i])
    count = int(reading.count[i])
    if test == "number":
        name, words = "N", _number(size, reference.sizes)
    elif test == "ties":
        name = "clusters" if culprit < 0 else reference.names[culprit]
        words = _twins(count, size) if culprit < 0 else _crowd(name, deviation, count, size)
    elif test == "clusters":
        row, column = divmod(culprit, len(reference.names))
        name = reference.names[column]
        words = _clusters(_label(catalogues, row), _apart(name, deviation, sigma), count, size)
    else:
        assert reference.norms is not None
        name = reference.norms.summariser.names[culprit]
        words = _mean(reference.names[culprit], deviation, sigma) if test == "means" else _shape(name, sigma)
    return Verdict(
        test=test, p=float(np.exp(-found.surprise[test][i])), culprit=name, deviation=sigma, count=count, words=words
    )


def _number(size: int, usual: tuple[int, int]) -> str:
    return f"it has {size:,} clusters, training catalogues had {usual[0]:,} to {usual[1]:,}; check that none is missing"


def _twins(count: int, size: int) -> str:
    verb = "equals" if count == 1 else "equal"
    return f"{count:,} of its {size:,} clusters {verb} another one in every feature; remove the copies"


def _crowd(name: str, value: float, count: int, size: int) -> str:
    return (
        f"{name} is {value:.4g} for {count:,} of its {size:,} clusters; what was not measured cannot be filled in: "
        "leave out those clusters, or train without this feature"
    )


def _clusters(label: str, apart: str, count: int, size: int) -> str:
    if count <= max(1, _FEW * size):
        return f"of the cluster with {label} {apart}; check that cluster"
    return (
        f"{count:,} of its {size:,} clusters are as unusual as {RARE:.1%} of training clusters: of the one with "
        f"{label} {apart}; check that every row is one cluster and every column what it is called"
    )


def _mean(feature: str, deviation: float, sigma: float) -> str:
    apart = _apart(feature, deviation, sigma)
    return f"its mean {apart}; check the unit of {feature}, and that no clusters are missing"


def _shape(summary: str, sigma: float) -> str:
    place = "above" if sigma > 0 else "below"
    return (
        f"its {summary} is {abs(sigma):.1f} standard deviations {place} what all else predicts; check that every row "
        "is one cluster and every column what it is called"
    )


def _apart(feature: str, deviation: float, sigma: float) -> str:
    """A difference from a prediction: of a logarithm also as a factor."""
    size, place = abs(deviation), "above" if deviation > 0 else "below"
    factor = f" dex (a factor {10 ** min(size, 30):.3g})" if feature.startswith("log_") else ""
    return f"{feature} is {size:.3g}{factor} {place} what all else predicts ({abs(sigma):.1f} standard deviations)"


def _label(catalogues: Catalogues, row: int) -> str:
    """What a user finds a cluster by."""
    names = catalogues.layout.names
    column = names.index("log_lx") if "log_lx" in names else 0
    return f"{names[column]} = {catalogues.features[row, column]:.3f}"
