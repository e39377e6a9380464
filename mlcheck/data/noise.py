"""Measurement errors that a survey's mocks lack but its real catalogue has."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from forecast.config.load import Config
from forecast.core.errors import InputError
from forecast.core.rng import generator

from .catalogues import Catalogues

COLUMN = "log_yx"


@dataclass(frozen=True)
class Noise:
    """Gaussian errors of log10 Y_X; every cluster has one of `errors`, at random.

    Parameters
    ----------
    errors : tuple of float
        dex; empty: none.
    """

    errors: tuple[float, ...] = ()

    @classmethod
    def of_survey(cls, config: Config) -> Noise:
        """Errors of the survey's own catalogue, beyond those of its mocks.

        Raises
        ------
        InputError
            If the survey names no catalogue, or that has no errors.
        """
        from forecast.checks.observed import open_catalogue

        catalogue = open_catalogue(config, None)
        own = config.setup.yx_error_of(catalogue.z, catalogue.log_lx)
        beyond = np.sqrt(np.maximum(catalogue.log_yx_error**2 - own**2, 0.0))
        if not beyond.any():
            raise InputError("catalogue_errors: the survey's catalogue has no errors of Y_X; leave this key out")
        return cls(tuple(beyond.tolist()))

    @property
    def rms(self) -> float:
        """Root mean square error, dex."""
        return float(np.sqrt(np.mean(np.square(self.errors)))) if self.errors else 0.0

    def blurred(self, catalogues: Catalogues, *, seed: int) -> Catalogues:
        """Catalogues with the errors added; the same for the same seed and catalogues.

        Raises
        ------
        InputError
            If Y_X is not among their features.
        """
        if not self.errors or catalogues.layout.case == "ones":
            return catalogues
        names = catalogues.layout.names
        if COLUMN not in names:
            raise InputError(f"catalogue_errors: {COLUMN} is no feature of this survey ({', '.join(names)})")
        rng, features = generator(seed, "noise"), catalogues.features.copy()
        error = rng.choice(np.array(self.errors), len(features)) * rng.standard_normal(len(features))
        features[:, names.index(COLUMN)] += error.astype(np.float32)
        return replace(catalogues, features=features)


NONE = Noise()
"""No errors beyond those of the mocks."""
