"""The error of a parameter as a function of one key of a configuration, all else as it is."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field, replace

from ...config.load import Config
from ...core.errors import InputError, nearest
from ...likelihoods.fisher import Fisher, fisher_matrix
from ...model.forward import ForwardModel, forward_model
from ...model.mean_density import expected_number
from ..axes import Axis
from ..sweep import varied_setup

_DECADES = (0, -1, 1, -2, 2, -3, 3, -4, 4)
"""Powers of ten that may be of use where a key is zero."""
_FELT, _MUCH = 0.01, 1.0
"""Change of the logarithm of the error that such a value shall make."""
NOTHING = 1e-4
"""Change of it that is none."""

_TARGET = re.compile(r"\s*(\w+)\s*=\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*")


@dataclass(frozen=True)
class Target:
    """A parameter and the error that it shall have (of its logarithm if it is a factor)."""

    name: str
    std: float

    @classmethod
    def of(cls, text: str, config: Config) -> Target:
        """As written, NAME=ERROR.

        Raises
        ------
        InputError
            If it is not that, or the parameter is not free.
        """
        match, names = _TARGET.fullmatch(text), config.setup.parameters.names
        if match is None or not math.isfinite(float(match[2])) or float(match[2]) <= 0:
            raise InputError(f"'{text}': write NAME=ERROR with a positive error, for example sigma8=0.015")
        if match[1] not in names:
            raise InputError(f"'{text}': parameter '{match[1]}' is not free; {nearest(match[1], names)}")
        return cls(match[1], float(match[2]))


@dataclass(frozen=True)
class At:
    """What a survey would reach: its matrix, expected clusters, and ln of the error over that wanted."""

    fisher: Fisher
    count: float
    excess: float


@dataclass(frozen=True)
class Curve:
    """Error against the logarithm of a key over `scale`, its configured value or, where that is zero, one of use."""

    config: Config
    target: Target
    level: str
    axis: Axis
    scale: float
    configured: float = 0.0
    _found: dict[float, At] = field(default_factory=dict)

    @classmethod
    def of(cls, config: Config, target: Target, level: str, axis: Axis) -> Curve:
        """About the value that a key has."""
        (value,) = axis.values
        assert isinstance(value, float)
        zero = value == 0 and not axis.unit.startswith("log10 ")
        scale, place = (1.0, -math.inf) if zero else (value, 0.0)
        return cls(config, target, level, axis, scale=scale, configured=place)

    @property
    def from_zero(self) -> bool:
        """Whether the configured value is zero."""
        return math.isinf(self.configured)

    def value(self, x: float) -> float:
        """Value of the key."""
        if x == self.configured and not self.from_zero:
            return self.scale
        log = self.axis.unit.startswith("log10 ")
        return float(f"{self.scale + x / math.log(10) if log else self.scale * math.exp(x):.7g}")

    def survey(self, x: float) -> tuple[str, ForwardModel]:
        """The survey there, and what it is called."""
        name, setup = varied_setup(self.config, [self.axis], [self.value(x)])
        return name, forward_model(setup)

    def __call__(self, x: float) -> At:
        """What is reached there.

        Raises
        ------
        InputError
            If the key may not be that, or there is no finite error.
        """
        if x not in self._found:
            name, model = self.survey(x)
            fisher = fisher_matrix(self.level, model)
            error = fisher.std(self.target.name)
            if not (math.isfinite(error) and error > 0):
                raise InputError(f"{name}: the error of {self.target.name} is not finite there")
            self._found[x] = At(fisher, expected_number(model), math.log(error / self.target.std))
        return self._found[x]

    @property
    def points(self) -> tuple[tuple[float, At], ...]:
        """Places computed so far, rising, and what is reached there."""
        return tuple(sorted(self._found.items()))

    @property
    def evaluations(self) -> int:
        """Surveys computed so far."""
        return len(self._found)

    def useful(self) -> tuple[Curve, str]:
        """The same about a value that is felt beside zero, and why there is none: the key may not be that, or nothing.

        A value is felt where it changes the error by a per cent to a factor of e; else the one that changes it most.
        """
        zero, refused, most = self(self.configured).excess, "", (-1.0, self)
        for power in _DECADES:
            tried = replace(self, scale=10.0**power, _found={self.configured: self(self.configured)})
            try:
                change = abs(tried(0.0).excess - zero)
            except InputError as error:
                refused = refused or str(error)
                continue
            if _FELT < change < _MUCH:
                return tried, ""
            most = max(most, (change, tried), key=lambda pair: pair[0])
        change, best = most
        return best, refused if change < 0 else "" if change > NOTHING else "it changes nothing"
