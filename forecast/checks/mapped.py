"""Columns of a catalogue that are mapped, but that nothing takes."""

from __future__ import annotations

from ..core.caution import Caution
from ..model.catalogue import Catalogue
from ..model.catalogue_spec import CatalogueSpec
from ..model.setup import Setup
from ..relations.power_laws import Relations

_MAKE_YX = {"yx": {"yx"}, "mgas": {"mgas", "t"}, "m500": {"m500"}, None: set[str]()}
"""What Y_X is read from, by its source."""


def idle_columns(spec: CatalogueSpec, relations: Relations) -> tuple[Caution, ...]:
    """A caution that names them; none where every column is taken."""
    law = relations.yx
    taken = set(relations.names) - {"yx"}
    if law is None and relations.proxy_words:
        taken |= {name for name, power in relations.proxy if power}
    elif law is None or not law.is_mass:
        taken |= _MAKE_YX[spec.yx_source]
    idle = [key for key in ("yx", "mgas", "t", "m500") if key in spec.columns and key not in taken]
    idle += ["flux"] if "flux" in spec.columns and spec.lx_source == "lx" else []
    tables = ["[catalogue.mass_relation]"] if spec.mass_relation is not None and "m500" not in taken else []
    if not idle and not tables:
        return ()
    source = f"Y_X comes from {' times '.join(sorted(_MAKE_YX[spec.yx_source]))}, " if spec.yx_source else ""
    source = f"L_X comes from lx, {source}" if "flux" in idle else source
    why = f"{source}and the survey has relations of {', '.join(relations.names)} alone"
    named = ", ".join([*(f"catalogue.columns.{key}" for key in idle), *tables])
    return (Caution("table", f"not used: {named}; {why}"),)


def idle_layers(setup: Setup, catalogue: Catalogue) -> tuple[Caution, ...]:
    """A caution where clusters name layers that no level keeps apart."""
    if catalogue.layer is None or setup.binned_by_layer:
        return ()
    flux = setup.selection.in_flux
    why = "the survey has no [[survey.layers]]"
    if flux is not None and flux.layers:
        why = "layers are kept apart with binned_by_layer = true under [survey] alone"
    return (Caution("table", f"not used: catalogue.columns.layer; {why}"),)
