"""Mock catalogues with all that real ones have at once, drawn by brute force.

Clusters of a deeper survey without errors, and of its fiducial model for contaminants, become a catalogue step by step:
errors of fluxes, the flux limit, contaminants and evidence against them, worse and better L_X and limits of it,
follow-up by flux, asymmetric errors and limits of Y_X, lensing masses of some with correlated scatter and asymmetric
errors, photometric redshifts. Of all this the package's mocks know a part, and none of it is used here but scatter.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from forecast.api.keys import changed
from forecast.checks.observed import as_modelled
from forecast.config.load import load_config
from forecast.core.arrays import Array
from forecast.likelihoods.data import Data, catalogue_points
from forecast.likelihoods.density.uncertain_redshift import proxy_error, shifts
from forecast.model.catalogue import Catalogue
from forecast.model.forward import ForwardModel, forward_model
from forecast.model.mocks import Mocks
from forecast.model.simulate import draw_mocks
from forecast.reading.limits import UpperLimits

FLUX_ERROR, DEEPER = 0.05, 0.25
"""Error of the flux that selects, and how much deeper the survey is of which clusters are drawn, dex."""
FOLLOWED, PART, SHALLOW, NOISE = 0.1, 0.85, 0.3, 1 / 3
"""Follow-up: flux over the survey's limit, dex, and part; part seen for too short, noise of it in units of limits."""
LENSED, LENSED_PART = 0.15, 0.4
"""Lensing: flux over the survey's limit, dex, and part."""
LX_ERRORS, LX_LIMITED = ((0.03, 0.05, 0.1), (0.2, 0.6, 0.2)), 0.02
"""Errors of listed L_X, dex, with their shares, and the share of which a table may have a limit."""
YX_SKEWS, WL_SKEWS = (-0.3, 0.0, 0.0, 0.3), (-0.4, 0.0, 0.0, 0.4)
"""How unlike errors of Y_X and of lensing masses are; half of the clusters have symmetric ones."""
EVIDENCE, PHOTOMETRIC = 1.2, 0.2
"""Means of evidence in its standard deviations, of clusters and, negative, of contaminants; share of photometric z."""
USUAL_LIMIT, LOW_LIMIT = 13.8, 13.55
"""log10 of typical limits of Y_X, Msun/h keV, and of such as lie below the median."""
FREE = {
    "sigma8": {"fiducial": 0.81, "flat": [0.72, 0.9]},
    "norm_lx": {"lognormal": 0.1},
    "slope_lx": {"lognormal": 0.06},
    "scatter_lx": {"lognormal": 0.1},
    "norm_yx": {"lognormal": 0.1},
    "scatter_yx": {"lognormal": 0.2},
    "mass_scale": {"lognormal": 0.09},
    "norm_wl": {"lognormal": 0.05},
    "scatter_wl": {"lognormal": 0.2},
    "norm_contamination": {"lognormal": 0.25},
}
LIMIT = 5e-13
FIELDS = {
    "survey.area": "300 deg2", "survey.zmax": 0.35, "survey.shells": 1, "yx_error": 0.0,
    "selection.flux_limit": f"{LIMIT} erg / (s cm2)", "selection.flux_error": FLUX_ERROR,
    "selection.contamination": {
        "fluxes": [f"{x * LIMIT} erg / (s cm2)" for x in (1, 2, 5)], "values": [0.25, 0.1, 0.02]
    },
    "relations.correlation.lx_yx": 0.4, "relations.share_mass_scale": ["lx", "yx"],
    "weak_lensing": {"scatter": 0.2, "correlation": {"lx": 0.3, "yx": 0.3}},
    "followup": {"flux_limit": f"{LIMIT * 10**FOLLOWED} erg / (s cm2)", "fraction": PART},
    "prior_correlation": [{"parameters": ["norm_lx", "slope_lx"], "correlation": -0.5}],
    "parameters": FREE,
}  # fmt: skip


def survey(larger: float = 1.0) -> ForwardModel:
    """The survey of about 80 clusters, or one of a larger area, as its likelihoods know it."""
    setup = changed(load_config("erosita"), FIELDS).setup
    return forward_model(replace(setup, geometry=replace(setup.geometry, area=setup.geometry.area * larger)))


IGNORED = (
    "limits",
    "follow-up",
    "evidence",
    "contaminants",
    "unlike errors",
    "lensing scatter",
    "lensing correlation",
    "lensing bias",
    "mass scale",
)
"""What a likelihood may leave out of account."""


def model_ignoring(model: ForwardModel, piece: str) -> ForwardModel:
    """The survey as a likelihood knows it that leaves one piece out."""
    setup = model.setup
    fixed = {"contaminants": "norm_contamination", "lensing bias": "norm_wl", "mass scale": "mass_scale"}
    if piece in fixed:
        setup = replace(setup, parameters=setup.parameters.without([fixed[piece]]))
    if piece == "contaminants":
        assert setup.selection.in_flux is not None
        setup = replace(setup, selection=setup.selection.in_flux.of_clusters)  # type: ignore[arg-type]
    if piece == "follow-up":
        setup = replace(setup, followup=None)
    if piece == "lensing scatter":
        setup = replace(setup, weak_lensing=0.01)
    if piece in ("lensing scatter", "lensing correlation"):
        setup = replace(setup, lensing_correlation=())
    return forward_model(setup)


def catalogue_ignoring(catalogue: Catalogue, piece: str) -> Catalogue:
    """A catalogue without one piece."""
    if piece == "limits":
        return replace(catalogue, limits={})
    if piece in ("evidence", "contaminants"):
        return replace(catalogue, evidence=None)
    if piece == "unlike errors":
        return replace(catalogue, log_yx_skew=None, log_mwl_skew=None)
    return catalogue


@dataclass(frozen=True)
class Universe:
    """What catalogues are drawn from: a survey, the same deeper and without errors, and its fiducial model."""

    model: ForwardModel
    deeper: ForwardModel
    fiducial: ForwardModel

    @classmethod
    def of(cls, model: ForwardModel) -> Universe:
        """That of a survey on flux with contaminants and follow-up."""
        setup, selection = model.setup, model.setup.selection.in_flux
        assert selection is not None
        fainter = selection.of_clusters.with_limit(selection.flux_limit * 10**-DEEPER)
        bare = {"selection": replace(fainter, flux_error=0.0), "followup": None}  # type: ignore[type-var]

        def without(*names: str) -> ForwardModel:
            return forward_model(replace(setup, parameters=setup.parameters.without(names), **bare))

        return cls(model, without("norm_contamination"), without("norm_contamination", *setup.parameters.contrasts))

    def sky(self, theta: Array, rng: np.random.Generator) -> Sky:
        """All that is brighter than the fainter limit, at one parameter vector (D,)."""
        at = theta[[name in self.deeper.parameters.names for name in self.model.parameters.names]]
        clusters = draw_mocks(self.deeper, at, rng=rng)
        others = draw_mocks(self.fiducial, self.fiducial.parameters.fiducial, rng=rng)
        size = len(clusters.z) + len(others.z)
        both = replace(Mocks.joined([clusters, others]), size=np.array([size]))
        return Sky(both, np.arange(size) < len(clusters.z))


@dataclass(frozen=True)
class Sky:
    """Clusters and contaminants as they are: arrays (n,), and which are clusters."""

    mocks: Mocks
    real: Array

    def kept(self, chosen: Array) -> Sky:
        """Those chosen."""
        return Sky(self.mocks.kept(chosen), self.real[chosen])


@dataclass(frozen=True)
class Pieces:
    """What catalogues have beside the rest: photometric redshifts, and where limits of Y_X are, log10."""

    photometric: bool = False
    limit: float = USUAL_LIMIT


def catalogue_of(universe: Universe, theta: Array, pieces: Pieces, rng: np.random.Generator) -> Catalogue:
    """A catalogue of a survey at one parameter vector (D,)."""
    model, sky = universe.model, universe.sky(theta, rng)
    selection = model.setup.selection.in_flux
    assert selection is not None and selection.contamination is not None
    own = rng.choice(LX_ERRORS[0], size=len(sky.real), p=LX_ERRORS[1])
    listed, flux = _two_measurements(sky.mocks.log_lx, own, rng)
    faintest = selection.log_luminosity_limit(sky.mocks.z, model.setup.cosmology, model.setup.relations)
    excess = flux - faintest
    factor = theta[model.parameters.names.index("norm_contamination")]
    odds = selection.contamination.odds(excess) * factor
    found = (excess > 0) & (sky.real | (rng.random(len(odds)) < odds))
    sky, own, listed, excess, faintest = sky.kept(found), *(x[found] for x in (own, listed, excess, faintest))
    proxy = _proxies(sky, excess, pieces.limit, rng)
    lensing = _lensing_masses(sky, excess, rng)
    limit = _limits_of_lx(sky, faintest, rng)
    unknown = limit.known
    evidence = 2 * EVIDENCE * (np.where(sky.real, EVIDENCE, -EVIDENCE) + rng.standard_normal(len(sky.real)))
    found_catalogue = Catalogue(
        name=tuple(f"c{i}" for i in range(len(sky.real))),
        z=sky.mocks.z,
        log_lx=np.where(unknown, np.nan, listed),
        log_lx_error=np.where(unknown, 0.0, own),
        log_yx=proxy.value,
        log_yx_error=proxy.error,
        log_yx_skew=proxy.skew,
        log_mwl=lensing.value,
        log_mwl_error=lensing.error,
        log_mwl_skew=lensing.skew,
        evidence=np.where(rng.random(len(evidence)) < 0.2, 0.0, evidence),
        limits={"yx": proxy.limits, "lx": limit},
        source="mock",
    )
    return _photometric(model, found_catalogue, rng) if pieces.photometric else found_catalogue


@dataclass(frozen=True)
class Measured:
    """Measurements (n,), NaN where there are none: log10 of values, errors and skews; maybe limits."""

    value: Array
    error: Array
    skew: Array
    limits: UpperLimits


def _two_measurements(true: Array, own: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Listed L_X and the flux as L_X: the worse of the two is the better one and independent noise, log10."""
    small, large = np.minimum(own, FLUX_ERROR), np.maximum(own, FLUX_ERROR)
    better = true + small * rng.standard_normal(len(true))
    worse = better + np.sqrt(large**2 - small**2) * rng.standard_normal(len(true))
    return np.where(own <= FLUX_ERROR, better, worse), np.where(own <= FLUX_ERROR, worse, better)


def _split(true: Array, error: Array, skew: Array, rng: np.random.Generator) -> Array:
    """Values measured with unlike errors: the truth lies above by upper ones, below by lower ones."""
    above = rng.random(len(true)) < 0.5 * (1 + skew)
    side = np.where(above, error * (1 + skew), -error * (1 - skew))
    return np.asarray(true - side * np.abs(rng.standard_normal(len(true))))


def _proxies(sky: Sky, excess: Array, typical: float, rng: np.random.Generator) -> Measured:
    """Y_X of those followed up; of some a short exposure, and where that finds nothing, a limit."""
    true, size = sky.mocks.log_yx, len(excess)
    followed = (excess > FOLLOWED) & (rng.random(size) < PART)
    error, skew = rng.uniform(0.03, 0.1, size), rng.choice(YX_SKEWS, size=size)
    value = _split(true, error, skew, rng)
    limit = typical + rng.uniform(-0.1, 0.1, size)
    linear = 10.0 ** (true - limit) + NOISE * rng.standard_normal(size)
    shallow, seen = rng.random(size) < SHALLOW, linear > 1
    relative = NOISE / np.maximum(linear, 1.0)
    lower, upper = -np.log10(1 - relative), np.log10(1 + relative)
    value = np.where(shallow, limit + np.log10(np.maximum(linear, 1.0)), value)
    error, skew = (
        np.where(shallow, 0.5 * (lower + upper), error),
        np.where(shallow, (upper - lower) / (upper + lower), skew),
    )
    limited = followed & shallow & ~seen
    known = followed & ~limited
    limits = UpperLimits(np.where(limited, limit, np.nan), np.where(limited, NOISE, np.nan))
    return Measured(*(np.where(known, x, y) for x, y in ((value, np.nan), (error, 0.0), (skew, 0.0))), limits)


def _lensing_masses(sky: Sky, excess: Array, rng: np.random.Generator) -> Measured:
    """Of some bright clusters, with errors of their own."""
    size = len(excess)
    known = (excess > LENSED) & (rng.random(size) < LENSED_PART)
    error, skew = rng.uniform(0.06, 0.15, size), rng.choice(WL_SKEWS, size=size)
    value = _split(sky.mocks.log_mwl, error, skew, rng)
    nothing = UpperLimits(np.full(size, np.nan), np.full(size, np.nan))
    return Measured(*(np.where(known, x, y) for x, y in ((value, np.nan), (error, 0.0), (skew, 0.0))), nothing)


def _limits_of_lx(sky: Sky, faintest: Array, rng: np.random.Generator) -> UpperLimits:
    """Limits of L_X from another table, whose noise is not that of the flux."""
    size = len(faintest)
    limit = faintest + rng.uniform(0.1, 0.3, size)
    nothing = 10.0 ** (sky.mocks.log_lx - limit) + NOISE * rng.standard_normal(size) < 1
    limited = (rng.random(size) < LX_LIMITED) & nothing
    return UpperLimits(np.where(limited, limit, np.nan), np.where(limited, NOISE, np.nan))


def _photometric(model: ForwardModel, of: Catalogue, rng: np.random.Generator) -> Catalogue:
    """The same with worse redshifts of some, at which their fluxes and images are other L_X and Y_X."""
    error = np.where(rng.random(of.size) < PHOTOMETRIC, 0.01 * (1 + of.z), 0.0)
    z = np.maximum(of.z + error * rng.standard_normal(of.size), 0.02)
    moved = dict(zip(model.setup.relations.names, shifts(model.setup, of.z, z).T, strict=True))
    limits = {key: one.moved(moved[key]) for key, one in of.limits.items()}
    log_lx, log_yx = of.log_lx + moved["lx"], of.log_yx + moved["yx"]
    return replace(of, z=z, z_error=error, log_lx=log_lx, log_yx=log_yx, limits=limits)


def data_of(model: ForwardModel, catalogue: Catalogue) -> Data:
    """What likelihoods are given of a catalogue, as `forecast fit` makes it."""
    catalogue = as_modelled(model, catalogue)
    error, skew = catalogue.log_yx_error, catalogue.skew("yx")
    if catalogue.z_error is not None:
        total = np.hypot(error, np.where(error > 0, proxy_error(model, catalogue.z, catalogue.z_error), 0.0))
        error, skew = total, skew * error / np.where(total > 0, total, 1.0)
    points = catalogue_points(model, catalogue)
    return Data.of_clusters(model, catalogue.z, (catalogue.log_yx, error, skew), points, catalogue.limits.get("yx"))
