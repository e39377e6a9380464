"""The tables of free parameters, their priors, and priors that belong together."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from .types import FileName, Number, Strict, Width

WIDEST_LOGNORMAL = 3.0
"""Standard deviation of ln of a factor beyond which a per cent was meant."""


class ParameterConfig(Strict):
    """A free parameter: one of `flat`, `gaussian`, `lognormal`; or fixed at `value`."""

    fiducial: Number | None = None
    """Value at which data are expected; if left out 1 for factors, and for Om0, h, ns, w0, wa that of [cosmology]."""
    flat: Annotated[tuple[Number, Number] | None, Field(examples=["[0.6, 1.0]"])] = None
    """A flat prior between two values."""
    gaussian: Width | None = None
    """Standard deviation of a Gaussian prior about the fiducial value."""
    lognormal: Width | None = None
    """Standard deviation of ln of the parameter about the fiducial value: 0.1 is 10%."""
    between: Annotated[tuple[Number, Number] | None, Field(examples=["[0.8, 1.2]"])] = None
    """Values between which a gaussian or lognormal prior is cut, and normalised again; widened, it is stretched with
    its ends."""
    value: Number | None = None
    """Fixed there instead of free."""

    @model_validator(mode="after")
    def _one_kind(self) -> ParameterConfig:
        given = [k for k in ("flat", "gaussian", "lognormal", "value") if getattr(self, k) is not None]
        if len(given) != 1:
            raise ValueError("give exactly one of flat = [low, high], gaussian = std, lognormal = std, value = fixed")
        if self.lognormal is not None and self.lognormal > WIDEST_LOGNORMAL:
            raise ValueError(f"lognormal = {self.lognormal:g} is a factor of e^{self.lognormal:g}; 6% is 0.06")
        if self.between is not None and self.gaussian is None and self.lognormal is None:
            raise ValueError("between cuts a gaussian or lognormal prior; write one of them beside it")
        return self


class PriorCorrelationConfig(Strict):
    """Correlations of the gaussian and lognormal priors of several parameters; their widths stay under [parameters]."""

    parameters: Annotated[tuple[str, ...], Field(examples=['"norm_lx", "slope_lx"'])]
    """Which, all of them with gaussian or (factors) lognormal priors; each in one such table."""
    correlation: Annotated[Number | tuple[tuple[Number, ...], ...], Field(examples=["-0.6"])]
    """Of two parameters a number, of more a matrix: correlations of the parameters, of ln of factors; priors that are
    widened keep them."""


class ChainColumnConfig(Strict):
    """A column of a chain, in another unit than the parameter's."""

    column: str
    """Name of the column."""
    factor: Annotated[Number, Field(gt=0)] = 1.0
    """Factor from its values to the parameter's: 0.01 from H0 in km/s/Mpc to h."""


class PriorChainConfig(Strict):
    """A joint prior of several parameters from the chain of another experiment: the Gaussian of its moments."""

    path: FileName
    """The chain, without burn-in: GetDist's root (with .paramnames), or a text file whose first line names its columns,
    one of them perhaps weight."""
    parameters: Annotated[dict[str, str | ChainColumnConfig], Field(min_length=1)]
    """Its column for each parameter, which then has no prior under [parameters]; of factors ln x is Gaussian."""
