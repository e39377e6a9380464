"""A Fisher matrix that knows its survey's parameters by name."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..core.arrays import Array
from ..core.errors import InputError, nearest
from ..likelihoods.derived import figure_of_merit, fisher_s8
from ..likelihoods.fisher import Fisher as FisherRecord
from .html_tables import html_table


@dataclass(frozen=True, repr=False, eq=False)
class Fisher(FisherRecord):
    """Fisher matrix of one level of information; made by `Survey.fisher`.

    Positive factors (``norm_lx`` ...) enter by their natural logarithm, everything else as it is: widths of factors are
    relative. Priors are Gaussians of the same variance.

    Parameters
    ----------
    parameters : ParameterSet
    information : ndarray, shape (D, D)
        Of the data alone, without the priors.
    level : str

    Examples
    --------
    >>> from forecast import load_survey
    >>> fisher = load_survey("nv22").fisher("selfcal")
    >>> fisher
    <Fisher matrix of 9 parameters at level selfcal: sigma(sigma8) = 0.0278>
    >>> round(fisher.std("norm_lx"), 2), round(fisher.correlation("sigma8", "norm_lx"), 2)
    (0.12, -0.54)
    >>> fisher.std("norm_x")
    Traceback (most recent call last):
        ...
    forecast.core.errors.InputError: parameter 'norm_x' is not free; did you mean 'norm_lx'?
    """

    level: str = "prior"

    @property
    def names(self) -> tuple[str, ...]:
        """Parameters, in the order of rows and columns."""
        return self.parameters.names

    @property
    def fiducial(self) -> Array:
        """Parameter vector at which it was computed, shape (D,)."""
        return self.parameters.fiducial.copy()

    def place(self, name: str) -> int:
        """Row of a parameter.

        Raises
        ------
        InputError
            If it is not free.
        """
        if not isinstance(name, str) or name not in self.names:
            raise InputError(f"parameter '{name}' is not free; {nearest(str(name), self.names)}")
        return self.names.index(name)

    def std(self, name: str = "sigma8") -> float:
        """Forecast standard deviation of one parameter, priors included (of its logarithm if it is a factor).

        Raises
        ------
        InputError
            If it is not free.
        """
        i = self.place(name)
        return float(np.sqrt(self.covariance[i, i]))

    def correlation(self, one: str, other: str) -> float:
        """Correlation of two parameters, priors included."""
        i, j, covariance = self.place(one), self.place(other), self.covariance
        return float(covariance[i, j] / np.sqrt(covariance[i, i] * covariance[j, j]))

    def s8(self) -> tuple[float, float]:
        """S8 = sigma8 (Om0/0.3)^0.5 and its standard deviation.

        Raises
        ------
        InputError
            If Om0 is not free.
        """
        return fisher_s8(self)

    def figure_of_merit(self) -> float:
        """1 / sqrt(det C), C the covariance of w0 and wa.

        Raises
        ------
        InputError
            If w0 or wa is not free.
        """
        return figure_of_merit(self)

    def __repr__(self) -> str:
        words = f"sigma(sigma8) = {self.std('sigma8'):.4f}" if "sigma8" in self.names else "without sigma8"
        return f"<Fisher matrix of {len(self.names)} parameters at level {self.level}: {words}>"

    def _repr_html_(self) -> str:
        widths, prior = np.sqrt(np.diag(self.covariance)), self.parameters.prior_std
        rows = zip(self.names, self.fiducial.tolist(), prior.tolist(), widths.tolist(), strict=True)
        return html_table(f"Fisher matrix, level {self.level}", ["parameter", "fiducial", "prior", "std"], rows)
