"""A survey's real clusters: the catalogue that a configuration names, checked, and what the levels make of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..config.load import Config
from ..core.arrays import Array
from ..core.caution import Caution
from ..core.errors import InputError
from ..core.observables import OBSERVABLES, WORDS, column_key
from ..likelihoods.available import absent
from ..likelihoods.data import Data, catalogue_points
from ..likelihoods.density.uncertain_redshift import proxy_error
from ..likelihoods.level_name import LEVELS
from ..likelihoods.levels import shares
from ..model.catalogue import Catalogue, read_catalogue
from ..model.forward import ForwardModel
from ..reading.limits import UpperLimits
from ..reading.public_tables import builtin_table, public_table
from ..reading.skew import skew_of_sum
from ..reading.tables import QUANTITY_KINDS
from ..relations.power_laws import Relations
from ..survey.footprint import Remainder
from .followed import left_to_full, refuse_beyond
from .impurity import with_contamination
from .limits import inside_limits
from .mapped import idle_columns, idle_layers
from .reach import out_of_reach
from .sky import inside_footprint

DRAWS, UNHEARD_OF = 16, 1e-20
"""Draws from the prior, and the probability per dex below which in all of them there is no such cluster."""


def open_catalogue(config: Config, path: Path | None, sky: Remainder | None = None) -> Catalogue:
    """Catalogue at `path`, or the one the configuration names, in the survey's footprint, or in what is left of it."""
    spec, table = config.catalogue_spec, config.catalogue
    assert table is not None
    if path is None and table.builtin is not None:
        path = builtin_table(table.builtin)
    if path is None and table.path is not None:
        path = Path(table.path)
    if path is None and table.public is not None:
        raise InputError(
            f"the table of {public_table(table.public).title.split(',')[0]} is its publisher's: 'forecast data "
            f"{table.public}' says where to get it; then give it with --catalogue FILE, or as catalogue.path"
        )
    if path is None:
        raise InputError("this configuration names no catalogue; give one with --catalogue FILE")
    relations = config.setup.relations
    gas = relations.exponents("mgas" if relations.yx is None else "yx")
    catalogue = read_catalogue(path, spec, config.setup.cosmology, gas, config.luminosities)
    catalogue = inside_footprint(catalogue, sky or config.footprint)
    return inside_limits(config.setup, catalogue) if table.outside == "drop" else catalogue


def catalogue_data(
    config: Config, model: ForwardModel, path: Path | None, sky: Remainder | None = None
) -> tuple[Catalogue, Data]:
    """Catalogue at `path`, or the one the configuration names, and what the levels make of it.

    `sky`: what is left of the survey's footprint.

    Raises
    ------
    InputError
        If it cannot be read, or the survey cannot contain its clusters.
    """
    catalogue = as_modelled(model, open_catalogue(config, path, sky))
    _refuse_foreign(config, model, catalogue)
    refuse_beyond(config.setup, catalogue)
    catalogue = with_contamination(model, catalogue)
    idle = (*idle_columns(config.catalogue_spec, config.setup.relations), *idle_layers(config.setup, catalogue))
    doubts = (*idle, *out_of_reach(config.setup, catalogue))
    catalogue = replace(catalogue, remarks=(*catalogue.remarks, *doubts))
    proxied, catalogue = left_to_full(config.setup, catalogue)
    yx, points = (proxied.log_yx, *_yx_errors(model, proxied)), catalogue_points(model, catalogue)
    return catalogue, Data.of_clusters(model, catalogue.z, yx, points, catalogue.limits.get("yx"))


def _yx_errors(model: ForwardModel, catalogue: Catalogue) -> tuple[Array, Array]:
    """Errors of log10 of the mass proxy, with what the model does not know of redshifts', and their skew, (N,) each."""
    own, skew = catalogue.log_yx_error, catalogue.skew("yx")
    if catalogue.z_error is None:
        return own, skew
    known, expected = np.isfinite(catalogue.log_yx), model.setup.redshift_law.sigma(catalogue.z)
    beyond = np.sqrt(np.maximum(catalogue.z_error**2 - expected**2, 0.0))
    error = np.where(known, np.hypot(own, proxy_error(model, catalogue.z, beyond)), 0.0)
    return error, skew * own / np.where(error > 0, error, 1.0)


def as_modelled(model: ForwardModel, catalogue: Catalogue) -> Catalogue:
    """A catalogue whose `log_yx` is the model's mass proxy, with the setup's error where its own is unknown.

    Y_X where that is the proxy; else what the proxy is made of, as far as the catalogue lists it; a mass from
    elsewhere is unknown.
    """
    setup, relations, law = model.setup, model.setup.relations, model.setup.relations.yx
    limits = dict(catalogue.limits)
    unknown = np.full(catalogue.size, np.nan), np.zeros(catalogue.size)
    (values, errors), skew = catalogue.observables["yx"], catalogue.skew("yx")
    if law is not None and law.is_mass:
        values, errors = unknown
        limits.pop("yx", None)
    elif law is None and relations.proxy_words:
        parts = [(c, *catalogue.observables.get(name, unknown)) for name, c in relations.proxy]
        values = np.sum([c * x for c, x, _ in parts], axis=0)
        errors = np.linalg.norm([c * e for c, _, e in parts], axis=0)
        skews = [np.sign(c) * catalogue.skew(name) for name, c in relations.proxy]
        skew = skew_of_sum([np.abs(c) * e for c, _, e in parts], skews)
        limits.pop("yx", None)
        alone = [name for name, c in relations.proxy if len(relations.proxy) == 1 and c == 1.0]
        limits |= {key: limits[name] for key in ("yx",) for name in alone if name in limits}
    own = np.isfinite(values) & (errors > 0)
    assumed = setup.yx_error_of(catalogue.z, catalogue.log_lx)
    errors = np.where(errors > 0, errors, assumed)
    errors, skew = np.where(np.isfinite(values), errors, 0.0), np.where(own, skew, 0.0)
    unused = _unused(limits, relations.names, len(catalogue.limits) - len(limits))
    exact = _exact(int(np.isfinite(values).sum()), int((np.isfinite(values) & (errors == 0)).sum()))
    remarks = (*catalogue.remarks, *unused, *exact)
    return replace(catalogue, log_yx=values, log_yx_error=errors, log_yx_skew=skew, limits=limits, remarks=remarks)


def _exact(known: int, exact: int) -> tuple[Caution, ...]:
    """Mass proxies without an error, of the catalogue or of the configuration."""
    if not exact:
        return ()
    whose = "no Y_X has an error: each is" if exact == known else f"{exact} of {known} Y_X have no error: they are"
    cure = "map a column to yx_error (or m500_error, ...) under [catalogue.columns], or write yx_error = 0.05, in dex"
    return (Caution("errors", f"{whose} taken as exact, and all scatter as intrinsic; {cure}"),)


def _unused(limits: Mapping[str, UpperLimits], names: Sequence[str], lost: int) -> tuple[Caution, ...]:
    """Limits that a level cannot use."""
    words = []
    if "yx" in limits and "yx" not in names and limits["yx"].known.any():
        words.append("level full has no relation of the mass proxy, and takes clusters with a limit of it for others")
    if lost > 0:
        words.append("limits of Y_X are left out, as the mass proxy is another one")
    return tuple(Caution("limits", text) for text in words)


def require_levels(config: Config, levels: Sequence[str], fitted: tuple[ForwardModel, Catalogue, Data]) -> None:
    """Refuse levels whose data are absent, before any work is done.

    Raises
    ------
    InputError
        Naming the column and what can be done about it.
    """
    model, catalogue, data = fitted
    names = model.setup.relations.names
    usable = [level for level in LEVELS if not absent(shares(level, data, names))]
    for level in levels:
        missing = absent(shares(level, data, names))
        if missing:
            raise InputError(
                f"{catalogue.source}: level '{level}' needs {_label(missing[0], model.setup.relations)}, but "
                f"{_reason(config, missing[0], catalogue)}; {_cure(config, missing[0])}run with --level {usable[-1]}"
            )


def _label(name: str, relations: Relations) -> str:
    """An observable in words; what is called Y_X may be another proxy."""
    if name != "yx" or relations.yx is not None or not relations.proxy_words:
        return WORDS[name]
    return f"the mass proxy, {relations.proxy_words}"


def _columns(config: Config, name: str) -> list[str]:
    """Columns of the file that give an observable, as configured."""
    spec = config.catalogue_spec
    keys = [column_key(name)]
    if name == "lx":
        keys = [spec.lx_source]
    if name == "yx":
        keys = {"mgas": ["mgas", "t"], "m500": ["m500"], "yx": ["yx"], None: []}[spec.yx_source]
    return [spec.columns[key].name for key in keys if key in spec.columns]


def _reason(config: Config, name: str, catalogue: Catalogue) -> str:
    """Why an observable is absent."""
    columns = _columns(config, name)
    if column_key(name) not in QUANTITY_KINDS:
        return "a catalogue does not list it"
    if columns:
        where = " and ".join(f"'{column}'" for column in columns)
        verb = "holds" if len(columns) == 1 else "hold together"
        return f"column {where} {verb} no value for any of the {catalogue.size} clusters"
    return f"no column of it is mapped for the {catalogue.size} clusters"


def _cure(config: Config, name: str) -> str:
    """What to map, followed by 'or'; nothing for what no catalogue holds."""
    if column_key(name) not in QUANTITY_KINDS:
        return ""
    other = "another column" if _columns(config, name) else "it"
    column = f'{column_key(name)} = {{ name = "COLUMN", unit = "{OBSERVABLES[name].table_unit}" }}'
    return f"map {other} under [catalogue.columns], {column}, or "


def _refuse_foreign(config: Config, model: ForwardModel, catalogue: Catalogue) -> None:
    """Refuse clusters that the configured survey cannot contain."""
    geometry = config.setup.geometry
    if geometry.spans_redshifts:
        outside = geometry.outside(catalogue.z, config.setup.cosmology)
        if outside.any():
            names = ", ".join(catalogue.name[i] for i in np.flatnonzero(outside)[:3])
            zmin, *_, zmax = geometry.redshift_edges
            raise InputError(
                f"{catalogue.source}: {int(outside.sum())} clusters ({names}, ...) lie outside the survey's "
                f"{zmin:g} < z < {zmax:g}; cut the catalogue as the survey was cut"
            )
    grid = model.yx_grid
    far = catalogue.has_yx & ((catalogue.log_yx < grid[0] - 1) | (catalogue.log_yx > grid[-1] + 1))
    if not far.any():
        far[catalogue.has_yx] = _unheard_of(model, catalogue)
    if far.any():
        i = int(np.flatnonzero(far)[0])
        raise InputError(
            f"{catalogue.source}: log10 Y_X = {catalogue.log_yx[i]:.2f} (Msun/h keV) of {catalogue.name[i]} is far "
            f"outside the model's range {grid[0]:.1f} to {grid[-1]:.1f}; check the unit, or leave the "
            "cluster's value empty"
        )


def _unheard_of(model: ForwardModel, catalogue: Catalogue) -> Array:
    """Which of the known Y_X, (Q,), no cluster of the model comes near, whatever the parameters."""
    theta = np.vstack([model.parameters.fiducial, model.parameters.draw(DRAWS, rng=np.random.default_rng(0))])
    known = catalogue.has_yx
    density = model.yx_density(theta, catalogue.log_yx[known], catalogue.log_yx_error[known])
    return np.asarray((density < UNHEARD_OF * model.expected_count(theta)[:, None]).all(axis=0))
