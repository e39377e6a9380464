"""Data of real clusters, with what is doubtful about them: what ``forecast fit`` says before it samples."""

from __future__ import annotations

import html
import warnings
from dataclasses import dataclass, fields

from ..checks.intake import take_in
from ..core.caution import CatalogueWarning, Caution
from ..core.rng import generator
from ..forecasts.ladder import with_sample_variance
from ..likelihoods.data import Data
from ..model.catalogue import Catalogue
from ..model.forward import ForwardModel, forward_model
from ..report.cautions import before_fit
from ..report.narrative import intake_sentences
from .html_tables import html_table

SERIOUS = frozenset({"number", "below_limit", "redshift", "same_redshift", "listed_twice", "errors", "offset", "unit"})
"""Kinds of cautions that are most likely mistakes, and are warned of."""
_SEED = 1


@dataclass(frozen=True, repr=False)
class CatalogueData(Data):
    """Data of real clusters.

    Parameters
    ----------
    source : str
        Where they come from.
    sentences : tuple of str
        What the catalogue brings.
    cautions : tuple of Caution
        What is doubtful about it, each with a `kind` and a `text`.
    """

    source: str = ""
    sentences: tuple[str, ...] = ()
    cautions: tuple[Caution, ...] = ()

    def __repr__(self) -> str:
        number = len(self.cautions)
        words = f"; {number} caution{'s' if number > 1 else ''}: see .cautions" if number else ""
        return f"{super().__repr__().removesuffix('>')}{words}>"

    def _repr_html_(self) -> str:
        rows = [[caution.kind, caution.text] for caution in self.cautions]
        told = "".join(f"<p>{html.escape(words)}</p>" for words in self.sentences)
        return told + html_table("What is doubtful", ["kind", "caution"], rows) if rows else told


def with_doubts(model: ForwardModel, catalogue: Catalogue, data: Data) -> CatalogueData:
    """Data of a catalogue with what is doubtful about it; what is serious is warned of too, as `CatalogueWarning`."""
    varied = forward_model(with_sample_variance(model.setup, True))
    intake = take_in(model, varied, catalogue, rng=generator(_SEED, "intake"))
    own = {field.name: getattr(data, field.name) for field in fields(Data)}
    cautions = before_fit(intake)
    for caution in cautions:
        if caution.kind in SERIOUS:
            warnings.warn(f"{catalogue.source}: {caution.text}", CatalogueWarning, stacklevel=3)
    return CatalogueData(**own, source=catalogue.source, sentences=intake_sentences(intake), cautions=cautions)
