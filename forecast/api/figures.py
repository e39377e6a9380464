"""Contours and corner plots of what forecasts and samplers say, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.arrays import Array
from ..core.errors import InputError
from ..core.observables import latex
from .arguments import axes_of, instance, number, one_of, several
from .fisher import Fisher
from .samples import Samples

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Result = Fisher | Samples
FEWEST = 20
"""Effective draws without which contours follow nothing but noise."""
_CURE = "give what Survey.fisher or Survey.sample returns, or a dictionary of such by label"


def plot_contours(
    results: Result | Mapping[str, Result],
    names: Sequence[str] = ("sigma8", "norm_lx"),
    axes: Axes | None = None,
    *,
    probabilities: Sequence[float] = (0.68, 0.95),
) -> Figure:
    """Contours of Fisher matrices and of samples over two parameters, all else marginalised over.

    Parameters
    ----------
    results : Fisher, Samples or mapping of str to either
        By label; labels that are levels get the levels' colours.
    names : sequence of two str
        Parameters along x and y.
    axes : matplotlib Axes, optional
        To draw on; by default those of a new figure.
    probabilities : sequence of float
        That the contours hold.

    Returns
    -------
    matplotlib.figure.Figure
        Not registered with pyplot.

    Raises
    ------
    InputError
        If a parameter is not free, or something is neither a Fisher matrix nor samples.

    Examples
    --------
    >>> from forecast import load_survey, plot_contours
    >>> survey = load_survey("nv22")
    >>> levels = {level: survey.fisher(level) for level in ("counts", "selfcal")}
    >>> figure = plot_contours(levels, ("sigma8", "norm_lx"))
    >>> figure.axes[0].get_xlabel()
    '$\\\\sigma_8$'
    """
    from ..report.plots.contours import Cloud, Outlines, contour_figure

    pair = _pair(names)
    inside = sorted(number(p, "a probability") for p in several(probabilities, "probabilities"))
    if not inside or not all(0 < p < 1 for p in inside):
        raise InputError(f"probabilities lie between 0 and 1, got {inside}")
    axes_of(axes)
    layers: list[Cloud | Outlines] = []
    for label, result in _labelled(results).items():
        if isinstance(result, Fisher):
            layers.append(Outlines(label, _outlines(result, pair, inside)))
        else:
            _require_spread(label, result, pair)
            columns = np.column_stack([result[name] for name in pair])
            limits = [result.bounds[result.names.index(name)] for name in pair]
            layers.append(
                Cloud(
                    label=label, draws=columns, weights=result.weights, effective=result.effective_size, bounds=limits
                )
            )
    return contour_figure(layers, [latex(name) for name in pair], axes, inside)


def plot_corner(
    results: Samples | Mapping[str, Samples],
    names: Sequence[str] | None = None,
    *,
    truths: Mapping[str, float] | None = None,
) -> Figure:
    """Corner plot of one or several sets of samples, drawn with corner.py on a figure of its own.

    Parameters
    ----------
    results : Samples or mapping of str to Samples
        By label.
    names : sequence of str, optional
        Parameters, by default all that the sets have in common.
    truths : mapping of str to float, optional
        Values to mark.

    Raises
    ------
    InputError
        If a parameter is not there, or something is no samples.

    Examples
    --------
    >>> import numpy as np
    >>> from forecast import Samples, plot_corner
    >>> draws = np.random.default_rng(1).normal(0.8, 0.03, (500, 2))
    >>> len(plot_corner(Samples(["sigma8", "norm_lx"], draws)).axes)
    4
    """
    from ..report.plots.corner import corner_figure

    found = _labelled(results)
    for label, result in found.items():
        if isinstance(result, Fisher):
            raise InputError(f"'{label}' is a Fisher matrix and has no samples to show; use plot_contours")
    first, *rest = found.values()
    common = [name for name in first.names if all(name in other.names for other in rest)]
    chosen = common if names is None else several(names, "names of parameters")
    shown = [one_of(name, common, "parameter") for name in chosen]
    if not shown:
        raise InputError("there is no parameter to show that all samples have; draw a figure for each")
    marks = None
    if truths is not None:
        instance(truths, Mapping, "truths", "give a dictionary of values by parameter")
        missing = [name for name in shown if name not in truths]
        if missing:
            raise InputError(f"truths lack {', '.join(missing)}; give a value for every parameter shown, or none")
        marks = [number(truths[name], f"the truth of {name}") for name in shown]
    return corner_figure({label: _columns(result, shown) for label, result in found.items()}, shown, marks)


def _columns(samples: Any, names: Sequence[str]) -> Array:
    return np.asarray(samples.equal()[:, [samples.names.index(name) for name in names]])


def _pair(names: Sequence[str]) -> tuple[str, str]:
    pair = (names,) if isinstance(names, str) else several(names, "names of parameters")
    if len(pair) != 2:
        raise InputError(f"contours are drawn over two parameters, such as ('sigma8', 'norm_lx'); got {names!r}")
    if pair[0] == pair[1]:
        raise InputError(f"contours are drawn over two parameters; got {pair[0]} twice")
    return pair[0], pair[1]


def _require_spread(label: str, samples: Samples, names: tuple[str, str]) -> None:
    """Refuse contours of draws that are too few, or that do not vary."""
    if samples.effective_size < FEWEST:
        raise InputError(
            f"'{label}' has {samples.effective_size:.1f} effective draws, too few for contours; draw at least {FEWEST}"
        )
    for name in names:
        if np.ptp(samples[name]) == 0:
            raise InputError(f"{name} does not vary in '{label}'; choose another parameter")


def _labelled(results: Any) -> dict[str, Result]:
    """Results by label."""
    if isinstance(results, Fisher):
        results = {results.level: results}
    if isinstance(results, Samples):
        results = {results.title.removeprefix("level ") or "samples": results}
    if not isinstance(results, Mapping) or not results:
        raise InputError(f"nothing to draw in {type(results).__name__}; {_CURE}")
    for label, result in results.items():
        if not isinstance(result, Fisher | Samples):
            raise InputError(f"'{label}' is of type {type(result).__name__}; {_CURE}")
    return {str(label): result for label, result in results.items()}


def _outlines(fisher: Fisher, names: tuple[str, str], probabilities: Sequence[float]) -> list[Array]:
    """Ellipses in the natural coordinates, where they are Gaussian, as curves (361, 2) of the parameters."""
    from ..report.plots.joint import ellipse

    at = [fisher.place(name) for name in names]
    centre = fisher.parameters.to_coordinates(fisher.fiducial)
    found = []
    for probability in probabilities:
        curve = ellipse(fisher.covariance[np.ix_(at, at)], centre[at].tolist(), probability)
        whole = np.repeat(centre[None], len(curve), axis=0)
        whole[:, at] = curve
        found.append(fisher.parameters.from_coordinates(whole)[:, at])
    return found
