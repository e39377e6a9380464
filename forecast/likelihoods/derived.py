"""S8, the combination of sigma8 and Om0 that data measure best, and the figure of merit of dark energy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..core.arrays import Array
from ..core.errors import InputError
from ..cosmology.dark_energy import DARK_ENERGY
from .fisher import Fisher

S8_DENSITY, S8_POWER = 0.3, 0.5
"""S8 = sigma8 (Om0/0.3)^0.5."""


@dataclass(frozen=True)
class Degeneracy:
    """sigma8 (Om0/density)^power, uncorrelated with Om0: the power along which data and priors are degenerate.

    Parameters
    ----------
    power, density : float
    value, std : float
        Of the combination.
    """

    power: float
    density: float
    value: float
    std: float


def s8(sigma8: Array, Om0: Array) -> Array:
    """S8 = sigma8 (Om0/0.3)^0.5; arguments broadcast."""
    return np.asarray(sigma8 * (np.asarray(Om0) / S8_DENSITY) ** S8_POWER)


def fisher_s8(fisher: Fisher) -> tuple[float, float]:
    """S8 at the fiducial parameters, and its forecast standard deviation.

    Raises
    ------
    InputError
        If sigma8 or Om0 is not free.
    """
    sigma8, Om0, covariance = _pair(fisher)
    value = float(s8(np.array(sigma8), np.array(Om0)))
    gradient = value * np.array([1.0, S8_POWER])
    return value, float(np.sqrt(gradient @ _relative(covariance, sigma8, Om0) @ gradient))


def fisher_degeneracy(fisher: Fisher) -> Degeneracy:
    """Degeneracy of sigma8 and Om0 about the fiducial parameters, everything else marginalised over."""
    sigma8, Om0, covariance = _pair(fisher)
    return _degeneracy(_relative(covariance, sigma8, Om0), Om0, sigma8)


def chain_degeneracy(sigma8: Array, Om0: Array, density: float) -> Degeneracy:
    """The same of posterior samples, each of shape (n,), about Om0 = `density`."""
    logs = np.log(sigma8), np.log(Om0 / density)
    found = _degeneracy(np.cov(*logs), density, 1.0)
    value = float(np.exp(np.mean(logs[0] + found.power * logs[1])))
    return Degeneracy(found.power, density, value, found.std * value)


def figure_of_merit(fisher: Fisher) -> float:
    """1 / sqrt(det C), C the covariance of w0 and wa, all else marginalised over: the larger the better.

    Of the Dark Energy Task Force (Albrecht et al. 2006, arXiv:astro-ph/0609591), as Wang (2008, arXiv:0803.4295)
    normalises it.

    Raises
    ------
    InputError
        If w0 or wa is not free.
    """
    names = fisher.parameters.names
    if not set(DARK_ENERGY) <= set(names):
        raise InputError(f"the figure of merit needs w0 and wa among the free parameters, got {', '.join(names)}")
    at = [names.index(name) for name in DARK_ENERGY]
    return float(1.0 / np.sqrt(np.linalg.det(fisher.covariance[np.ix_(at, at)])))


def _pair(fisher: Fisher) -> tuple[float, float, Array]:
    """Fiducial sigma8 and Om0, and their covariance (2, 2)."""
    names = fisher.parameters.names
    if not {"sigma8", "Om0"} <= set(names):
        raise InputError(f"S8 needs sigma8 and Om0 among the free parameters, got {', '.join(names)}; free both")
    at = [names.index(name) for name in ("sigma8", "Om0")]
    sigma8, Om0 = (float(fisher.parameters.fiducial[i]) for i in at)
    return sigma8, Om0, fisher.covariance[np.ix_(at, at)]


def _relative(covariance: Array, sigma8: float, Om0: float) -> Array:
    """Covariance of ln sigma8 and ln Om0."""
    scale = np.array([sigma8, Om0])
    return covariance / np.outer(scale, scale)


def _degeneracy(logs: Array, density: float, value: float) -> Degeneracy:
    """From the covariance of ln sigma8 and ln Om0: regression of one on the other, and what it leaves."""
    power = -logs[0, 1] / logs[1, 1]
    left = logs[0, 0] - logs[0, 1] ** 2 / logs[1, 1]
    return Degeneracy(float(power), density, value, float(value * np.sqrt(left)))
