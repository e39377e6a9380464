"""Whether the clusters that have a mass proxy are any of those detected, or the bright and near ones."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..core.arrays import Array
from ..core.caution import Caution
from ..core.errors import InputError
from ..model.catalogue import Catalogue
from ..model.setup import Setup
from ..survey.lensing_sample import Sky

UNLIKE = 1e-3
"""Chance of ranks below which clusters, or limits, are not alike."""
FEWEST = 5
"""Clusters with a proxy, and without, from which on they are compared."""


@dataclass(frozen=True)
class Followed:
    """Clusters with a mass proxy beside those without.

    Parameters
    ----------
    known, size : int
        Clusters with a proxy or a limit of it, and all that are compared.
    of_flux, of_redshift : float
        Chances of ranks of flux and of redshift as different, if any cluster may have one (Mann and Whitney 1947).
    """

    known: int
    size: int
    of_flux: float
    of_redshift: float

    @property
    def unlike(self) -> dict[str, float]:
        """In what the two differ, with the chances that are below `UNLIKE`."""
        chances = {"flux": self.of_flux, "redshift": self.of_redshift}
        return {name: chance for name, chance in chances.items() if chance < UNLIKE}


def proxy_known(catalogue: Catalogue) -> Array:
    """Which clusters have a mass proxy or a limit of it; bool, shape (N,)."""
    limits = catalogue.limits.get("yx")
    return catalogue.has_yx if limits is None else catalogue.has_yx | limits.known


def which_followed(setup: Setup, catalogue: Catalogue) -> Followed | None:
    """Comparison of the clusters of a catalogue; None without anything to compare, or with a follow-up that says it."""
    selection, relations, known = setup.selection.in_flux, setup.relations, proxy_known(catalogue)
    listed = np.isfinite(catalogue.log_lx)
    if selection is None or setup.followup is not None:
        return None
    if min((known & listed).sum(), (~known & listed).sum()) < FEWEST:
        return None
    from scipy import stats

    flux = catalogue.log_lx - selection.log_luminosity_limit(catalogue.z, setup.cosmology, relations)
    chances = [stats.mannwhitneyu(x[known & listed], x[~known & listed]).pvalue for x in (flux, catalogue.z)]
    return Followed(int((known & listed).sum()), int(listed.sum()), *map(float, chances))


def deep_limits(catalogue: Catalogue) -> tuple[Caution, ...]:
    """Upper limits of the mass proxy that go with redshift (Spearman's rank correlation), as those of fluxes do."""
    limits = catalogue.limits.get("yx")
    if limits is None or limits.known.sum() < FEWEST:
        return ()
    from scipy import stats

    chance = float(stats.spearmanr(limits.limit[limits.known], catalogue.z[limits.known]).pvalue)
    if not chance < UNLIKE:
        return ()
    words = f"{int(limits.known.sum())} upper limits of the mass proxy go with redshift (p = {chance:.1g})"
    cure = "of which binned and unbinned know nothing: they take any limit for one at any redshift; use level full"
    return (Caution("limits", f"{words}, {cure}"),)


def below_followup(setup: Setup, catalogue: Catalogue) -> Array:
    """Which clusters with a mass proxy are less luminous than those that the follow-up says have one; bool, (N,)."""
    selection, followup = setup.selection.in_flux, setup.followup
    if selection is None or followup is None or followup.luminosity is None:
        return np.zeros(catalogue.size, dtype=bool)
    luminous, at = selection.above(followup.luminosity), (catalogue.z, catalogue.log_lx)
    seen = Sky(*at, cosmology=setup.cosmology, relations=setup.relations, selection=luminous)
    return np.asarray(proxy_known(catalogue) & ~seen.selected)


def left_to_full(setup: Setup, catalogue: Catalogue) -> tuple[Catalogue, Catalogue]:
    """A catalogue with the mass proxies that levels of the proxy alone may use, and as it is but for a remark."""
    below = below_followup(setup, catalogue)
    if not below.any():
        return catalogue, catalogue
    words = f"{below.sum()} of {int(proxy_known(catalogue).sum())} mass proxies are of clusters below"
    cure = "levels of the proxy alone leave them out, level full keeps them"
    said = Caution("followup", f"{words} followup.luminosity: {cure}")
    kept = replace(catalogue, log_yx=np.where(below, np.nan, catalogue.log_yx))
    kept = replace(kept, log_yx_error=np.where(below, 0.0, catalogue.log_yx_error))
    return kept, replace(catalogue, remarks=(*catalogue.remarks, said))


def refuse_beyond(setup: Setup, catalogue: Catalogue) -> None:
    """Refuse clusters with a mass proxy that the configured follow-up cannot have reached.

    Raises
    ------
    InputError
        Naming the first few.
    """
    if setup.followup is None:
        return
    beyond = np.flatnonzero(proxy_known(catalogue) & ~setup.followup.reaches(catalogue.z))
    if len(beyond):
        names = ", ".join(catalogue.name[i] for i in beyond[:3])
        raise InputError(
            f"{catalogue.source}: {len(beyond)} clusters ({names}, ...) have a mass proxy, but lie beyond "
            f"followup.zmax = {setup.followup.zmax:g}; raise it, or leave their proxies empty"
        )
