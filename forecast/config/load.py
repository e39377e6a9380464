"""Configurations: the only place where TOML is parsed. Strict keys, every dimensional value with its unit."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property, partial
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError

from ..core.caution import Caution
from ..core.errors import InputError, nearest
from ..core.formats import CONFIGURATION
from ..cosmology.background import Cosmology
from ..cosmology.mass_function import MODELS
from ..model.catalogue_spec import CatalogueSpec
from ..model.idle import refuse_idle
from ..model.setup import Setup
from ..reading.toml_file import read_toml
from ..survey.footprint import Footprint
from ..survey.luminosity import Luminosities
from .builders import build_catalogue_spec, build_errors, build_relations, with_yx_error
from .chain_prior import ChainPrior, build_chain_prior
from .digest import model_digest
from .emission_builder import (
    build_emission,
    build_luminosities,
    refuse_idle_emission,
    with_default_k_correction,
    with_emission,
)
from .explain import explain
from .lensing_builder import (
    build_conversion,
    build_followup,
    build_lensing_mass,
    build_weak_lensing,
    conversion_cautions,
    lensing_cautions,
)
from .parameter_builders import build_parameters, is_factor
from .quantities import named, read_log_mass
from .schema.catalogue import CatalogueConfig
from .schema.cosmology import CosmologyConfig
from .schema.emission import EmissionConfig
from .schema.parameters import ParameterConfig, PriorChainConfig, PriorCorrelationConfig
from .schema.relations import LibraryConfig, ProxyConfig, RelationsConfig
from .schema.sections import (
    ErrorsConfig,
    LadderConfig,
    MapConfig,
    PublishedConfig,
    SamplerConfig,
    WeakLensingConfig,
)
from .schema.survey import BoxConfig, FluxLimitedConfig, FollowUpConfig, LightConeConfig, SharpConfig, SmoothedConfig
from .schema.types import Number, Strict
from .survey_builders import build_footprint, build_geometry, build_selection, refuse_width, with_layers


class Config(Strict):
    """A whole configuration, as read from TOML; `build` functions turn it into physics.

    Build one with `load_config`.
    """

    format: int = CONFIGURATION.version
    """Version of the keys; the present one where it is left out."""
    title: str
    """What the survey is, in a few words."""
    description: str = ""
    """More of them."""
    references: tuple[str, ...] = ()
    """Where numbers come from."""
    cosmology: CosmologyConfig
    """A flat universe."""
    mass_function: str = "bocquet16_hydro"
    """Halo mass function of M500c: tinker08, bocquet16_hydro, bocquet16_dm, despali16 or watson13."""
    survey: BoxConfig | LightConeConfig = Field(discriminator="geometry")
    """What is surveyed: geometry = "box" or "light_cone"."""
    selection: SharpConfig | SmoothedConfig | FluxLimitedConfig = Field(discriminator="kind")
    """What is detected: kind = "sharp", "smoothed" or "flux_limited"."""
    followup: FollowUpConfig | None = None
    """Which detected clusters have a mass proxy, where not all have."""
    relations: RelationsConfig
    """How observables scale with mass."""
    emission: EmissionConfig = EmissionConfig()
    """How luminosities in one energy band follow from those in another, where bands differ."""
    parameters: Annotated[dict[str, Number | ParameterConfig], Field(examples=["sigma8 = { flat = [0.6, 1.0] }"])]
    """Free parameters and their priors: sigma8, Om0, h, ns, w0, wa, and norm_X, slope_X, scatter_X, evolution_X of
    each relation X, mass_scale, which they share, drift_lx, lowslope_lx and break_lx of L_X, hmf_amplitude and
    hmf_slope of the mass function, and detection_midpoint, detection_width, detection_ceiling and detection_floor,
    factors on the chance of detection."""
    prior_correlation: tuple[PriorCorrelationConfig, ...] = ()
    """Priors that are correlated."""
    prior_chain: tuple[PriorChainConfig, ...] = ()
    """Priors from chains of other experiments, at most one of each parameter."""
    sample_variance: bool = False
    """Whether density contrasts of the volume are free."""
    yx_error: Annotated[Number, Field(ge=0, le=2)] = 0.0
    """Measurement error of Y_X, dex."""
    errors: ErrorsConfig = ErrorsConfig()
    """Measurement errors of the other observables."""
    proxy: str | ProxyConfig = "yx"
    """The mass proxy: yx, mgas, lx_core_excised or another that `forecast proxies` lists, or an error model."""
    library: LibraryConfig | None = None
    """Residuals of a simulation instead of log-normal ones."""
    weak_lensing: WeakLensingConfig | None = None
    """Weak-lensing masses of single clusters, for level full+wl."""
    yx_bin: Number = 0.1
    """Width of bins of log10 Y_X at level binned, dex."""
    sampler: SamplerConfig = SamplerConfig()
    """How posteriors are sampled."""
    map: MapConfig = MapConfig()
    """The binned map of sigma8."""
    ladder: LadderConfig = LadderConfig()
    """What the ladder shows beside the survey itself."""
    catalogue: CatalogueConfig | None = None
    """Real clusters, for fit."""
    published: tuple[PublishedConfig, ...] = ()
    """Published values to show beside a fit."""

    @cached_property
    def setup(self) -> Setup:
        """Everything the forward model needs."""
        cosmology = Cosmology(**self.cosmology.model_dump())
        if self.mass_function not in MODELS:
            known = nearest(self.mass_function, MODELS)
            raise InputError(f"mass_function = '{self.mass_function}' is unknown; {known}")
        if self.weak_lensing is None and "full+wl" in (self.sampler.level, *self.sampler.levels):
            cure = "add a [weak_lensing] table with their scatter, or take the level out"
            raise InputError(f"sampler: level 'full+wl' needs weak-lensing masses; {cure}")
        geometry = build_geometry(self.survey, cosmology)
        conversion = build_conversion(self.relations, cosmology, geometry.redshift_edges)
        relations = build_relations(self.relations, self.library, self.proxy, cosmology, self.parameters, conversion)
        errors = build_errors(self.errors, relations, cosmology.h)
        emission = build_emission(self.emission, cosmology)
        refuse_width(self.selection, self.parameters)
        selected = with_default_k_correction(self.selection, self.emission)
        selection = build_selection(selected, cosmology.h, geometry)
        selection = with_layers(selection, self.survey, selected, cosmology)
        selection = with_emission(selection, emission, relations, geometry)
        setup = Setup(
            cosmology=cosmology,
            mass_function=self.mass_function,
            geometry=geometry,
            selection=selection,
            relations=relations,
            parameters=build_parameters(
                self.parameters,
                self.prior_correlation,
                self.chain_priors,
                cosmology,
                shells=geometry.shell_count if self.sample_variance else 0,
            ),
            yx_bin=self.yx_bin,
            binned_in_redshift=getattr(self.survey, "binned_in_redshift", False),
            binned_by_layer=getattr(self.survey, "binned_by_layer", False),
            followup=build_followup(self.followup, cosmology.h, geometry, selection),
            **errors,
            **build_weak_lensing(self.weak_lensing, relations, cosmology.h),
        )
        refuse_idle(setup)
        if self.catalogue is None:
            refuse_idle_emission(emission, setup, None)
        return with_yx_error(setup, self.yx_error)

    @property
    def cautions(self) -> tuple[Caution, ...]:
        """What a reader must know of this configuration before its numbers."""
        columns = {} if self.catalogue is None else self.catalogue.columns
        converted = conversion_cautions(self.relations, self.weak_lensing, self.setup)
        return (*lensing_cautions(self.weak_lensing, self.parameters, columns), *converted)

    @cached_property
    def chain_priors(self) -> tuple[ChainPrior, ...]:
        """Priors from chains."""
        return tuple(named("prior_chain", partial(build_chain_prior, chain, is_factor)) for chain in self.prior_chain)

    @cached_property
    def break_masses(self) -> tuple[float, ...]:
        """Alternative readings of the break mass, log10 Msun/h."""
        return tuple(read_log_mass(m, "ladder.break_masses", self.cosmology.h) for m in self.ladder.break_masses)

    @cached_property
    def catalogue_spec(self) -> CatalogueSpec:
        """How to read the catalogue.

        Raises
        ------
        InputError
            If the configuration has no [catalogue].
        """
        if self.catalogue is None:
            raise InputError(
                "this configuration has no [catalogue] table, so 'fit' does not know which columns to read; "
                "add [catalogue.columns] and [catalogue.cosmology]"
            )
        if "mwl" in self.catalogue.columns and self.weak_lensing is None:
            raise InputError(
                "catalogue.columns.mwl: weak-lensing masses need a [weak_lensing] table with their intrinsic scatter, "
                'such as scatter = "0.2 ln"; add it, or leave the column out'
            )
        spec = build_catalogue_spec(self.catalogue)
        return replace(spec, lensing_mass=build_lensing_mass(self.weak_lensing, self.setup, spec.cosmology))

    @cached_property
    def luminosities(self) -> Luminosities:
        """How the catalogue's luminosities, or fluxes, become those of the relations."""
        emission = build_emission(self.emission, self.setup.cosmology)
        listed = build_luminosities(self.catalogue_spec, self.setup, emission)
        refuse_idle_emission(emission, self.setup, listed)
        return listed

    @cached_property
    def footprint(self) -> Footprint | None:
        """The survey's sky, where it is declared."""
        declared = getattr(self.survey, "footprint", None)
        return None if declared is None else build_footprint(declared)

    def fingerprint(self) -> str:
        """Digest of the forward model; what else changes a chain is its data, level, seed and walkers."""
        return model_digest(self.setup)[:16]


def _folder() -> Path:
    """Folder of the built-in configurations: installed with the package, or the source tree's."""
    installed = Path(str(resources.files("forecast"))) / "configs"
    return installed if installed.is_dir() else Path(__file__).resolve().parents[2] / "configs"


def builtin_configs() -> dict[str, Path]:
    """Names and files of the built-in configurations."""
    return {path.stem: path for path in sorted(_folder().glob("*.toml"))}


def find_config(name: str) -> Path:
    """Path of a configuration given as a path or as the name of a built-in one.

    Raises
    ------
    InputError
        If there is neither.
    """
    path = Path(name).expanduser()
    if path.is_file():
        return path
    known = builtin_configs()
    if name in known:
        return known[name]
    raise InputError(f"configuration '{name}' is neither a file nor a built-in one; {nearest(name, known)}")


def load_config(name: str | Path) -> Config:
    """Read and check a configuration.

    Parameters
    ----------
    name : str or Path
        Path of a TOML file, or the name of a built-in configuration.

    Raises
    ------
    InputError
        Naming the first wrong key, what was expected, and the known key it resembles.

    Examples
    --------
    >>> load_config("nv22").setup.geometry
    Box(side=352.0, fraction=0.5, z=0.07)
    """
    path = find_config(str(name))
    content = read_toml(path)
    if "surveys" in content and "survey" not in content:
        one = f"give one of them here ({', '.join(map(str, content['surveys']))})"
        raise InputError(f"{path.name}: lists several surveys, which fit, ladder and joint take; {one}")
    config = parse_config(content, source=path.name, folder=path.parent)
    try:
        _ = config.setup, config.break_masses
        _ = config.catalogue and config.luminosities
    except InputError as error:
        raise InputError(f"{path.name}: {error}") from error
    return config


def parse_config(content: dict[str, Any], source: str = "configuration", folder: Path = Path()) -> Config:
    """Check a configuration given as a dictionary, whose relative paths begin at a folder; see `load_config`."""
    content = CONFIGURATION.current(content, content.get("format"), source)
    try:
        return Config.model_validate({**content, "format": CONFIGURATION.version}, context={"folder": folder})
    except ValidationError as error:
        raise InputError(f"{source}: {explain(error, Config, content)}") from None
