"""Observables of a cluster: what they and parameters are called, and in which unit they are inside the package."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .names import bare, owner
from .parameters import MAX_SHELLS, NAMES


@dataclass(frozen=True)
class Observable:
    """One observable.

    Parameters
    ----------
    symbol : str
        Plain, as in "L_X".
    latex : str
    kind : str
        Of `units.KINDS`; "" for a ratio.
    unit : str
        Inside the package.
    words : str
        "" where the symbol says it.
    """

    symbol: str
    latex: str
    kind: str = ""
    unit: str = ""
    words: str = ""

    @property
    def name(self) -> str:
        """For people."""
        return self.words or self.symbol

    @property
    def table_unit(self) -> str:
        """Of a table's column: without h."""
        return self.unit.replace("/h", "")


OBSERVABLES = {
    "lx": Observable("L_X", r"L_{\rm X}", "luminosity", "erg/s"),
    "t": Observable("T", "T", "temperature", "keV"),
    "mgas": Observable("M_gas", r"M_{\rm gas}", "mass", "Msun/h"),
    "yx": Observable("Y_X", r"Y_{\rm X}", "yx", "Msun/h keV"),
    "core": Observable("C", r"\rm core", words="core brightness"),
    "wl": Observable("M_WL", r"\rm WL", "mass", "Msun/h"),
}
"""By the ending of their parameters, as in norm_lx; "core" is L_X over core-excised L_X."""
WORDS = {name: one.name for name, one in OBSERVABLES.items()}
"""Observables for people."""


def column_key(name: str) -> str:
    """Key under [catalogue.columns] of an observable.

    >>> column_key("lx"), column_key("wl")
    ('lx', 'mwl')
    """
    return "mwl" if name == "wl" else name


def unit_of(combination: Iterable[tuple[str, float]]) -> str:
    """Unit of a product of powers of observables.

    >>> unit_of([("t", 1.0), ("mgas", 1.0)]), unit_of([("lx", 1.0), ("t", -0.5)])
    ('keV Msun/h', 'erg/s (keV)^-0.5')
    """
    units = ((OBSERVABLES[name].unit, power) for name, power in combination if power)
    return " ".join(unit if power == 1 else f"({unit})^{power:g}" for unit, power in units if unit)


_LABELS = {
    "sigma8": r"$\sigma_8$",
    "Om0": r"$\Omega_{\rm m}$",
    "h": r"$h$",
    "ns": r"$n_{\rm s}$",
    "w0": r"$w_0$",
    "wa": r"$w_a$",
    "norm_wl": r"$1+b_{\rm WL}$",
    "norm_contamination": r"$b_{\rm cont}$",
    **{f"detection_{x}": rf"$d_{{\rm {x}}}$" for x in ("midpoint", "width", "ceiling", "floor")},
    "mass_scale": r"$b_M$",
    "density_contrast": r"$\delta_V/\sigma_V$",
    "hmf_amplitude": r"$q_0$",
    "hmf_slope": r"$q_1$",
}
"""Axis labels of parameters that are no property of an observable's relation."""


def _latex() -> dict[str, str]:
    """Axis labels of `NAMES`."""
    shells = {f"density_contrast_{i + 1}": rf"$\delta_{{{i + 1}}}/\sigma_{{{i + 1}}}$" for i in range(MAX_SHELLS)}
    found = shells | _LABELS
    for name in (name for name in NAMES[:-MAX_SHELLS] if name not in found):
        kind, _, observable = name.partition("_")
        found[name] = f"${_LETTERS[kind]}_{{{OBSERVABLES[observable].latex}}}$"
    return found


_LETTERS = {"norm": "b", "slope": "s", "scatter": "r", "evolution": r"\Delta\gamma", "curvature": r"\Delta c"}
_LETTERS |= {"lowslope": r"s^<", "break": r"\Delta m", "drift": r"\dot s"}
_LATEX = _latex()


def latex(name: str) -> str:
    r"""Axis label of a parameter, with the survey that it belongs to; unknown names as they are.

    >>> print(latex("norm_lx"), latex("norm_lx.bcs"), latex("my_own"))
    $b_{L_{\rm X}}$ $b_{L_{\rm X}}^{\rm bcs}$ my_own
    """
    label, survey = _LATEX.get(bare(name)), owner(name).replace("_", r"\_")
    if label is None or not survey:
        return label or name
    return rf"{label[:-1]}^{{\rm {survey}}}$"
