"""What a forward model depends on, as a digest: suites, networks and chains belong to the model of their digest.

The digest is one of values, under names that are written down here and never change: those of `LAYOUTS`, with all
defaults filled in. Titles, file names, seeds and lengths of chains are no part of a `Setup`, and tables enter with
their values. A field of a record may be renamed, and another may join that leaves all as it was at some value,
without a change of any digest. Nine digits count: the last ones differ from one version of a library to another.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

from ..core.band import SOFT, Band
from ..core.files import to_plain
from ..core.parameters import Parameter, ParameterSet, Values
from ..core.priors import Prior
from ..core.ties import Tie
from ..cosmology.background import Cosmology
from ..execution.store import content_digest
from ..model.setup import Setup
from ..relations.lines import PowerLaw
from ..relations.power_laws import Relations
from ..relations.residuals import Residuals
from ..survey.band_table import BandTable
from ..survey.detection.contamination import Contamination
from ..survey.detection.curve import Detection
from ..survey.detection.distortion import DISTORTIONS
from ..survey.detection.layers import Layer
from ..survey.emission import CONTINUUM, Emission
from ..survey.error_law import ErrorLaw
from ..survey.flux_limit import FluxLimited
from ..survey.followup import FollowUp
from ..survey.geometry import Box, LightCone, Replicated
from ..survey.lensing_sample import EVERY_CLUSTER, LensingSample, OwnError
from ..survey.mass_cut import Sharp, Smoothed
from ..survey.redshift_law import NO_ERRORS, RedshiftLaw

SCHEME = "2-"
"""How digests are made: of rounded values. The first scheme had no name."""


@dataclass(frozen=True)
class Layout:
    """Names under which the fields of a record enter the digest; a field without one enters under its own.

    Parameters
    ----------
    names : str
        Always part of it, separated by blanks.
    later : dict of str to any
        Part of it unless they have the value given here, at which everything is as it was before they joined.
    renamed : dict of str to str
        By name in the digest, that of the field today, where they differ.
    """

    names: str
    later: Mapping[str, Any] = field(default_factory=dict)
    renamed: Mapping[str, str] = field(default_factory=dict)

    def values(self, record: Any) -> dict[str, Any]:
        """Values of a record by their names in the digest."""
        found = {name: getattr(record, self.renamed.get(name, name)) for name in (*self.names.split(), *self.later)}
        kept = {name: x for name, x in found.items() if name not in self.later or to_plain(x) != self.later[name]}
        return {**kept, **{name: getattr(record, name) for name in self.unlisted(record)}}

    def unlisted(self, record: Any) -> tuple[str, ...]:
        """Fields of a record that have no name here."""
        listed = {self.renamed.get(name, name) for name in (*self.names.split(), *self.later)}
        return tuple(f.name for f in fields(record) if f.name not in listed)


_TRACERS = ("lx", "t", "mgas", "yx")
_FACTORS = " ".join(f"{kind}_{name}" for kind in ("norm", "slope", "scatter", "evolution") for name in _TRACERS)

LAYOUTS: dict[type, Layout] = {
    Setup: Layout(
        "cosmology mass_function geometry selection relations parameters yx_bin errors weak_lensing binned_in_redshift",
        later={
            "followup": None,
            "lensing_correlation": [],
            "lensing_sample": to_plain(EVERY_CLUSTER),
            "redshift_law": to_plain(NO_ERRORS),
            "error_laws": [],
            "binned_by_layer": False,
        },
    ),
    Cosmology: Layout("Om0 Ob0 h ns", {"w0": -1.0, "wa": 0.0}),
    Box: Layout("side fraction z"),
    LightCone: Layout("area zmin zmax edges nodes within number"),
    Replicated: Layout("survey copies"),
    Sharp: Layout("log_break log_min slope min_mass_mode"),
    Smoothed: Layout("sharp width"),
    FluxLimited: Layout(
        "flux_limit k_correction k_slope flux_error detection contamination",
        {"band": to_plain(SOFT), "emission": to_plain(CONTINUUM), "least": None, "layers": []},
    ),
    Band: Layout("low high"),
    Emission: Layout("table ratio temperature", {"lines": False}),
    BandTable: Layout("t z log_ratio log_k"),
    LensingSample: Layout("error fraction flux_limit zmin zmax"),
    OwnError: Layout("values at by"),
    FollowUp: Layout("flux_limit zmax fraction", {"luminosity": None}),
    RedshiftLaw: Layout("error"),
    ErrorLaw: Layout("log_flux value slope floor"),
    Layer: Layout("name share log_factor"),
    Detection: Layout("weight offset width", {"knots": [], "by_knot": [], "floor": False}),
    Contamination: Layout("log_flux fraction"),
    Relations: Layout(
        "pivot z0 lx t mgas yx lx_t lx_mgas t_mgas lx_yx t_yx core residuals proxy calibrated_at calibrated_masses "
        "aperture",
        {"on_mass_scale": [], "lx_band": to_plain(SOFT)},
    ),
    PowerLaw: Layout(
        "log_norm slope evolution scatter hubble",
        {"curvature": 0.0, "break_mass": None, "slope_below": 0.0, "break_width": 0.1},
    ),
    Residuals: Layout("names weight mean covariance log_mass"),
    ParameterSet: Layout("free fixed", {"ties": [], "doubts": []}),
    Tie: Layout("names correlation"),
    Parameter: Layout("name fiducial prior"),
    Prior: Layout("kind low high mean std log widening", {"between": None}),
    Values: Layout(
        f"sigma8 Om0 h ns {_FACTORS} norm_core scatter_core norm_wl scatter_wl norm_contamination density_contrast",
        later=dict.fromkeys(DISTORTIONS, 1.0)
        | {"mass_scale": 1.0, "slope_wl": 1.0, "evolution_wl": 0.0, "curvature_lx": 0.0}
        | {"hmf_amplitude": 1.0, "hmf_slope": 0.0, "w0": None, "wa": None}
        | {"lowslope_lx": 1.0, "break_lx": 0.0, "drift_lx": 0.0},
    ),
}
"""By record that a `Setup` is made of."""


def settings(value: Any) -> Any:
    """What of a record enters the digest, as plain values; a record without a layout with its class and all fields."""
    if is_dataclass(value) and not isinstance(value, type):
        if type(value) in LAYOUTS:
            return {name: settings(item) for name, item in LAYOUTS[type(value)].values(value).items()}
        every = {f.name: settings(getattr(value, f.name)) for f in fields(value)}
        return {"class": type(value).__name__, **every}
    if isinstance(value, tuple | list):
        return [settings(item) for item in value]
    return to_plain(value)


def _rounded(value: Any) -> Any:
    """Plain values with nine significant digits."""
    if isinstance(value, dict):
        return {name: _rounded(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return float(f"{value:.9g}") if isinstance(value, float) else value


def model_digest(setup: Setup) -> str:
    """SHA-256 of all that a forward model depends on, after the name of the scheme.

    Examples
    --------
    >>> from forecast.config.load import load_config
    >>> model_digest(load_config("nv22").setup)[:12]
    '2-203bf2bd39'
    """
    return SCHEME + content_digest(_rounded(settings(setup)))
