"""Draws from a posterior, whoever made them: what they say, how far to trust them, and ways to other programs."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from ..core.arrays import Array
from ..core.errors import InputError
from ..core.files import prepare_output
from ..core.observables import latex
from ..core.parameters import ParameterSet
from ..sampling.export import write_getdist, write_netcdf
from ..sampling.mcmc import Chain
from .arguments import array, one_of, path, several
from .html_tables import html_table

PERCENTILES = {"q16": 0.16, "q50": 0.5, "q84": 0.84}


@dataclass(frozen=True)
class _Walk:
    """The chain behind samples, and the parameters that it walked over."""

    chain: Chain
    parameters: ParameterSet


class Samples:
    """Weighted draws from a posterior.

    `Survey.sample` makes them; `Posterior.samples` makes them of the draws of another sampler.

    Parameters
    ----------
    names : sequence of str
        Parameter of each column.
    values : ndarray, shape (n, D)
    weights : ndarray, shape (n,), optional
        By default all are equal; kept normalised to one.
    bounds : sequence of (low, high), optional
        Of the priors: figures do not smooth across them.
    title : str
        What the draws are of.

    Raises
    ------
    InputError
        If shapes do not fit together, or weights are negative, all zero or not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from forecast import Samples
    >>> found = Samples(["sigma8"], [[0.80], [0.82], [0.90]], weights=[1, 1, 0])
    >>> found
    <samples of sigma8: 3 draws, 2 effective; sigma8 = 0.810 ± 0.010>
    >>> found["sigma8"].shape, found.mean("sigma8"), found.converged
    ((3,), 0.81, None)
    """

    def __init__(
        self,
        names: Sequence[str],
        values: Array,
        weights: Array | None = None,
        bounds: Sequence[tuple[float, float]] = (),
        title: str = "",
        walk: _Walk | None = None,
    ) -> None:
        self.names = tuple(str(name) for name in several(names, "names of parameters"))
        self.values, self.title, self._walk = array(values, "samples"), title, walk
        if self.values.ndim != 2 or self.values.shape[1] != len(self.names) or not len(self.values):
            raise InputError(
                f"samples have one row for each draw and one column for each of {', '.join(self.names)}; got an array "
                f"of shape {self.values.shape}"
            )
        self.weights = _normalised(weights, len(self.values))
        limits = array(several(bounds, "bounds") or [(-np.inf, np.inf)] * len(self.names), "bounds")
        if limits.shape != (len(self.names), 2):
            raise InputError(f"bounds are (low, high) of each of {', '.join(self.names)}; got shape {limits.shape}")
        self.bounds = tuple((low, high) for low, high in limits.tolist())

    @classmethod
    def of_chain(cls, chain: Chain, parameters: ParameterSet, title: str) -> Samples:
        """Draws of a chain after burn-in."""
        bounds = [parameter.prior.bounds for parameter in parameters.free]
        return cls(chain.names, chain.samples, None, bounds, title, _Walk(chain, parameters))

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, name: str) -> Array:
        """Draws of one parameter, shape (n,).

        Raises
        ------
        InputError
            If there is no such parameter.
        """
        return self.values[:, self.names.index(one_of(name, self.names, "parameter"))]

    @property
    def effective_size(self) -> float:
        """Independent draws: by the autocorrelation of a chain, or else by the weights alone (Kish)."""
        return float(1 / np.sum(self.weights**2)) if self._walk is None else self._walk.chain.effective_size

    @property
    def _equal(self) -> bool:
        """Whether these are another sampler's draws of equal weight, whose correlation is not known."""
        return self._walk is None and bool(np.ptp(self.weights) == 0)

    @property
    def _size_words(self) -> str:
        state = {True: ", converged", False: ", NOT converged", None: ""}[self.converged]
        return "of equal weight" if self._equal else f"{self.effective_size:,.0f} effective{state}"

    @property
    def converged(self) -> bool | None:
        """Whether the chain is long enough; None for draws of another sampler, which has to say so itself."""
        return None if self._walk is None else self._walk.chain.converged

    def mean(self, name: str = "sigma8") -> float:
        """Posterior mean of one parameter."""
        return self.summary(name)["mean"]

    def std(self, name: str = "sigma8") -> float:
        """Posterior standard deviation of one parameter."""
        return self.summary(name)["std"]

    def summary(self, name: str = "sigma8") -> dict[str, float]:
        """Of one parameter: mean, std, percentiles q16, q50, q84, and mcse, the sampling error of the mean.

        NaN where draws of another sampler have equal weights: their correlation is not known.

        Raises
        ------
        InputError
            If there is no such parameter.
        """
        x = self[name]
        if self._walk is not None:
            return self._walk.chain.summary(name)
        mean = float(self.weights @ x)
        std = float(np.sqrt(self.weights @ (x - mean) ** 2))
        order = np.argsort(x)
        below = np.cumsum(self.weights[order]) - 0.5 * self.weights[order]
        quantiles = {key: float(np.interp(p, below, x[order])) for key, p in PERCENTILES.items()}
        error = np.nan if self._equal else std / float(np.sqrt(self.effective_size))
        return {"mean": mean, "std": std, **quantiles, "mcse": float(error)}

    def equal(self) -> Array:
        """Draws of equal weight, shape (n, D): systematic resampling where weights differ."""
        if np.ptp(self.weights) == 0:
            return self.values
        places = (np.arange(len(self)) + 0.5) / len(self)
        return self.values[np.minimum(np.searchsorted(np.cumsum(self.weights), places), len(self) - 1)]

    def chains(self) -> dict[str, Array]:
        """Arrays of shape (chains, draws) by parameter, burn-in removed, as ArviZ reads them.

        ``arviz.from_dict(samples.chains())``; from ArviZ 1 on ``arviz.from_dict({"posterior": samples.chains()})``.
        """
        if self._walk is None:
            return {name: column[None] for name, column in zip(self.names, self.equal().T, strict=True)}
        steps = np.swapaxes(self._walk.chain.steps[self._walk.chain.burn :], 0, 1)
        return {name: steps[..., i] for i, name in enumerate(self.names)}

    def to_getdist(self) -> Any:
        """The draws as ``getdist.MCSamples``, with labels and the bounds of the priors.

        Raises
        ------
        InputError
            If GetDist is not installed.
        """
        try:
            make: Any = import_module("getdist").MCSamples
        except ImportError as error:
            raise InputError("GetDist is not installed; install it with: pip install getdist") from error
        known = zip(self.names, self.bounds, strict=True)
        ranges = {name: tuple(x if np.isfinite(x) else None for x in ends) for name, ends in known}
        labels = [latex(name).strip("$") for name in self.names]
        columns = {"names": list(self.names), "labels": labels, "ranges": ranges}
        if self._walk is None:
            return make(samples=self.values, weights=self.weights, **columns)
        walkers = np.stack(list(self.chains().values()), axis=-1)
        with redirect_stdout(None):  # GetDist says that it removed no burn-in
            return make(samples=list(walkers), **columns)

    def save(self, stem: str | Path) -> None:
        """Write a chain for GetDist (``stem.txt``, ``.paramnames``, ``.ranges``) and for ArviZ (NetCDF, ``stem.nc``).

        Raises
        ------
        InputError
            If there is no chain, or files cannot be written.
        """
        if self._walk is None:
            raise InputError("only chains of Survey.sample are saved; use samples.to_getdist().saveAsText(...)")
        place = path(stem, "stem")
        prepare_output(place.parent)
        write_getdist(self._walk.chain, self._walk.parameters, place)
        write_netcdf(self._walk.chain, place.with_suffix(".nc"), {"title": self.title})

    def __repr__(self) -> str:
        shown = ", ".join(self.names[:3]) + (", ..." if len(self.names) > 3 else "")
        words = f"<samples of {shown}: {len(self):,} draws, {self._size_words}"
        if "sigma8" not in self.names:
            return f"{words}>"
        return f"{words}; sigma8 = {self.mean('sigma8'):.3f} ± {self.std('sigma8'):.3f}>"

    def _repr_html_(self) -> str:
        rows = [[name, *(self.summary(name)[key] for key in ("mean", "std", *PERCENTILES))] for name in self.names]
        caption = f"{self.title or 'samples'}: {len(self):,} draws, {self._size_words}"
        return html_table(caption, ["parameter", "mean", "std", "16%", "50%", "84%"], rows)


def _normalised(weights: Array | None, size: int) -> Array:
    if weights is None:
        return np.full(size, 1.0 / size)
    found = array(weights, "weights")
    if found.shape != (size,):
        raise InputError(f"there are {size} draws and weights of shape {found.shape}; give one weight for each draw")
    if not np.isfinite(found).all() or (found < 0).any() or not found.sum() > 0:
        raise InputError("weights must be finite and not negative, with at least one above zero; take exp(log weights)")
    shares: Array = found / found.sum()
    return shares
