"""A survey's posterior as any sampler wants it: a vectorised density, a prior transform, names and bounds."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..core.arrays import Array
from ..core.chunks import in_chunks
from ..core.errors import InputError
from ..likelihoods.posterior import Posterior as Density
from .arguments import array, vectors, whole
from .samples import Samples

_VECTORS = "parameter vectors"


@dataclass(frozen=True, repr=False, eq=False)
class Posterior:
    """Posterior of a survey's free parameters at one level of information; call it for its log density.

    Made by `Survey.posterior`.

    Parameters
    ----------
    level : str
    density : Posterior of `likelihoods`
    idle : tuple of str
        Free parameters of the survey on which no datum of the level depends; they are fixed.

    Examples
    --------
    >>> from forecast import load_survey
    >>> posterior = load_survey("nv22").posterior("counts")
    >>> posterior
    <posterior of sigma8, norm_lx, norm_t, norm_mgas, slope_lx, ... (8 parameters, without scatter_wl) at level counts>
    >>> theta = posterior.prior_transform([[0.5] * 8, [0.2] * 8])
    >>> theta.shape, posterior(theta).shape, bool(posterior(theta[0]) == posterior(theta)[0])
    ((2, 8), (2,), True)
    >>> posterior([0.8, 1.0])
    Traceback (most recent call last):
        ...
    forecast.core.errors.InputError: parameter vectors have 8 values (sigma8, ...); got an array of shape (2,)
    """

    level: str
    density: Density = field(repr=False)
    idle: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Free parameters, in the order of a parameter vector."""
        return self.density.parameters.names

    @property
    def bounds(self) -> tuple[tuple[float, float], ...]:
        """Interval of each parameter outside which its prior vanishes."""
        return tuple(p.prior.bounds for p in self.density.parameters.free)

    @property
    def fiducial(self) -> Array:
        """Fiducial parameter vector, shape (D,)."""
        return self.density.parameters.fiducial.copy()

    def __call__(self, theta: Array) -> Array:
        """Log posterior density up to the evidence, -inf outside the prior.

        Parameters
        ----------
        theta : ndarray, shape (D,) or (P, D)

        Returns
        -------
        float or ndarray, shape (P,)

        Raises
        ------
        InputError
            If vectors have another length.
        NumericalError
            If the likelihood is NaN inside the prior.
        """
        rows, single = vectors(theta, self.names, _VECTORS)
        value = in_chunks(self.density, rows)
        return value[0] if single else value

    def log_prior(self, theta: Array) -> Array:
        """Log prior density, normalised; shapes and errors as for the call."""
        rows, single = vectors(theta, self.names, _VECTORS)
        value = self.density.parameters.log_prior(rows)
        return value[0] if single else value

    def log_likelihood(self, theta: Array) -> Array:
        """Log likelihood inside the prior, -inf outside; shapes and errors as for the call."""
        rows, single = vectors(theta, self.names, _VECTORS)
        value = np.full(len(rows), -np.inf)
        inside = np.isfinite(self.density.parameters.log_prior(rows))
        if inside.any():
            value[inside] = in_chunks(self.density.likelihood, rows[inside])
        return value[0] if single else value

    def prior_transform(self, u: Array) -> Array:
        """Parameter vectors at cumulative prior probabilities, both (D,) or (P, D): for nested sampling.

        Raises
        ------
        InputError
            If vectors have another length, or probabilities lie outside 0 to 1.
        """
        rows, single = vectors(u, self.names, "cumulative probabilities")
        if not np.all((rows >= 0) & (rows <= 1)):
            raise InputError("cumulative probabilities of the prior lie between 0 and 1; got values outside")
        value = self.density.parameters.quantile(rows)
        return value[0] if single else value

    def draw_prior(self, size: int, *, rng: np.random.Generator) -> Array:
        """`size` parameter vectors from the prior, shape (size, D)."""
        if not isinstance(rng, np.random.Generator):
            raise InputError(f"rng is of type {type(rng).__name__}; give one: numpy.random.default_rng(1)")
        return self.density.parameters.draw(whole(size, "size"), rng=rng)

    def samples(self, theta: Array, weights: Array | None = None) -> Samples:
        """Draws of a sampler of your own as `Samples`: for summaries and figures.

        Parameters
        ----------
        theta : ndarray, shape (n, D)
        weights : ndarray, shape (n,), optional
            Of a nested sampler; not their logarithms. By default all are equal.

        Raises
        ------
        InputError
            If shapes do not fit, or weights are negative or not finite.
        """
        rows, _ = vectors(theta, self.names, _VECTORS)
        given = None if weights is None else array(weights, "weights")
        return Samples(self.names, rows, given, self.bounds, title=f"own samples, level {self.level}")

    def __repr__(self) -> str:
        without = f", without {', '.join(self.idle)}" if self.idle else ""
        shown = ", ".join(self.names[:5]) + (", ..." if len(self.names) > 5 else "")
        shown += f" ({len(self.names)} parameters{without})" if len(self.names) > 5 or without else ""
        return f"<posterior of {shown} at level {self.level}>"

    def _repr_html_(self) -> str:
        from .html_tables import html_table

        rows = zip(self.names, self.fiducial.tolist(), (f"{a:.4g} to {b:.4g}" for a, b in self.bounds), strict=True)
        return html_table(f"Posterior, level {self.level}", ["parameter", "fiducial", "prior within"], rows)
