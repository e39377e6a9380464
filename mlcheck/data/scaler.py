"""Linear scaling of features and of sigma8 to the unit interval, by physical quantity (NV22 section 3.2)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from forecast.core.arrays import Array
from forecast.core.errors import InputError
from forecast.core.parameters import ParameterSet

from .catalogues import Catalogues
from .layout import Layout


@dataclass(frozen=True)
class Scaler:
    """x -> (x - low) / (high - low), fitted on training catalogues alone and stored with the model.

    Parameters
    ----------
    layout : Layout
    low, high : tuple of float
        Smallest and largest training value of every column's quantity, main columns first.
    sigma8 : tuple of two floats
        Values scaled to 0 and 1: the prior's bounds, or the training range where it has none.
    bounded : bool
        Whether sigma8 cannot lie outside.
    """

    layout: Layout
    low: tuple[float, ...]
    high: tuple[float, ...]
    sigma8: tuple[float, float]
    bounded: bool

    @classmethod
    def fit(cls, training: Catalogues, parameters: ParameterSet) -> Scaler:
        """Scaler of training catalogues drawn with these priors."""
        groups = np.array(training.layout.groups)
        low, high = np.empty(len(groups)), np.empty(len(groups))
        for group in dict.fromkeys(groups):
            values = training.features[:, groups == group]
            low[groups == group], high[groups == group] = values.min(), values.max()
        high = np.where(high > low, high, low + 1.0)
        prior = next(p.prior for p in parameters.free if p.name == "sigma8")
        bounds = tuple(float(x) for x in prior.bounds)
        bounded = math.isfinite(bounds[0]) and math.isfinite(bounds[1])
        if not bounded:
            bounds = (float(training.sigma8.min()), float(training.sigma8.max()))
        return cls(
            layout=training.layout,
            low=tuple(low.tolist()),
            high=tuple(high.tolist()),
            sigma8=(bounds[0], bounds[1]),
            bounded=bounded,
        )

    @property
    def width(self) -> float:
        """Range of sigma8 that is scaled to 1."""
        return self.sigma8[1] - self.sigma8[0]

    def check_layout(self, catalogues: Catalogues) -> None:
        """Refuse catalogues of other features.

        Raises
        ------
        InputError
        """
        if catalogues.layout != self.layout:
            raise InputError(
                f"the model was trained on features {', '.join(self.layout.names)} (case {self.layout.case}), but got "
                f"{', '.join(catalogues.layout.names)} (case {catalogues.layout.case}); train a model for these"
            )

    def features(self, catalogues: Catalogues) -> Array:
        """Scaled features, shape (n, F + S), float32.

        Raises
        ------
        InputError
            If the layouts differ.
        """
        self.check_layout(catalogues)
        low, high = np.array(self.low), np.array(self.high)
        scaled: Array = ((catalogues.features - low) / (high - low)).astype(np.float32)
        return scaled

    def target(self, sigma8: Array) -> Array:
        """Scaled sigma8, float32."""
        return ((np.asarray(sigma8) - self.sigma8[0]) / self.width).astype(np.float32)

    def to_dict(self) -> dict[str, Any]:
        """What is stored with a model."""
        layout = {"case": self.layout.case, "main": self.layout.main, "supplementary": self.layout.supplementary}
        rest = {name: getattr(self, name) for name in ("low", "high", "sigma8", "bounded")}
        return {"layout": layout, **rest}

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Scaler:
        """What `to_dict` stored."""
        given = content["layout"]
        layout = Layout(given["case"], tuple(given["main"]), tuple(given["supplementary"]))
        low, high, sigma8 = (tuple(content[name]) for name in ("low", "high", "sigma8"))
        return cls(layout=layout, low=low, high=high, sigma8=(sigma8[0], sigma8[1]), bounded=bool(content["bounded"]))
