"""Numbers as people read them: an error with two significant digits, its value to the same decimal place."""

from __future__ import annotations

import math
from dataclasses import dataclass

_SIGNIFICANT = 2


@dataclass(frozen=True)
class Figure:
    """A number in a table: as it is read, and with every digit.

    Parameters
    ----------
    text : str
    values : tuple of float
        The number, and its error where that is shown with it.
    """

    text: str
    values: tuple[float, ...]

    def __str__(self) -> str:
        return self.text


def places(error: float) -> int:
    """Decimal places that show two significant digits of an error.

    >>> places(0.0287), places(0.000951), places(0.0999), places(12.3), places(480.0)
    (3, 5, 2, 0, 0)
    """
    return max(0, _SIGNIFICANT - 1 - math.floor(math.log10(float(f"{error:.{_SIGNIFICANT - 1}e}"))))


def is_error(error: float | None) -> bool:
    """Whether a number is an error with which a value can be rounded."""
    return error is not None and math.isfinite(error) and error > 0


def error_text(error: float) -> str:
    """An error with two significant digits; a dash for what is not finite.

    >>> error_text(0.02), error_text(0.01349), error_text(480.4), error_text(float("nan"))
    ('0.020', '0.013', '480', '-')
    """
    return f"{error:.{places(error)}f}" if is_error(error) else f"{error:g}" if math.isfinite(error) else "-"


def value_text(value: float, error: float | None, *, sign: bool = False) -> str:
    """A value to the decimal place of its error; without an error, four significant digits.

    >>> value_text(0.81234, 0.0287), value_text(0.81, 0.000951), value_text(-0.01, 0.02, sign=True)
    ('0.812', '0.81000', '-0.010')
    >>> value_text(0.81234, float("nan")), value_text(float("nan"), 0.1)
    ('0.8123', '-')
    """
    if not math.isfinite(value):
        return "-"
    form = f".{places(error)}f" if error is not None and is_error(error) else ".4g"
    return f"{value:{'+' if sign else ''}{form}}"


def measured_text(value: float, error: float | None, *, sign: bool = False) -> str:
    """A value and its error; the value alone if it has none.

    >>> measured_text(0.81234, 0.0287), measured_text(0.5, 0.0), measured_text(0.02, 0.004, sign=True)
    ('0.812 ± 0.029', '0.5', '+0.0200 ± 0.0040')
    """
    words = value_text(value, error, sign=sign)
    return f"{words} ± {error_text(error)}" if error is not None and is_error(error) and words != "-" else words


def chance_text(p_value: float) -> str:
    """A p-value with its sign of relation; those of a finite number of draws are not told below 0.01.

    >>> chance_text(0.204), chance_text(0.0004), chance_text(float("nan"))
    ('= 0.20', '< 0.01', 'not known')
    """
    if not math.isfinite(p_value):
        return "not known"
    return "< 0.01" if p_value < 0.01 else f"= {p_value:.2f}"


def count_text(number: float) -> str:
    """An expected number of clusters; without decimals from ten thousand on.

    >>> count_text(124.18), count_text(1118601.8), count_text(float("nan"))
    ('124.2', '1118602', '-')
    """
    if not math.isfinite(number):
        return "-"
    return f"{number:.1f}" if number < 1e4 else f"{number:.0f}"


def error_figure(error: float) -> Figure:
    """An error in a table."""
    return Figure(error_text(error), (error,))


def amount_text(value: float, digits: int = 4) -> str:
    """A configured amount to so many significant digits, without an exponent between 0.001 and a million.

    >>> amount_text(12791.0), amount_text(40212.3, 3), amount_text(2.908e-14), amount_text(0.05953)
    ('12790', '40200', '2.908e-14', '0.05953')
    """
    rounded = float(f"{value:.{digits}g}")
    return f"{rounded:.0f}" if 10.0**digits <= abs(rounded) < 1e6 else f"{value:.{digits}g}"


def value_figure(value: float, error: float | None, *, sign: bool = False) -> Figure:
    """A value in a table, to the decimal place of an error that stands elsewhere."""
    return Figure(value_text(value, error, sign=sign), (value,))


def measured_figure(value: float, error: float, *, sign: bool = False) -> Figure:
    """A value and its error in one cell of a table."""
    return Figure(measured_text(value, error, sign=sign), (value, error))


def plain_figure(value: float, form: str) -> Figure:
    """A number in a form of its own.

    >>> plain_figure(124.1789, ".1f")
    Figure(text='124.2', values=(124.1789,))
    """
    return Figure(f"{value:{form}}" if math.isfinite(value) else "-", (value,))
