"""Names of the surveys that a ladder compares."""

from __future__ import annotations

from ..core.names import LabelledName


class VariantName(LabelledName):
    """The survey as configured, and with one of its idealisations dropped."""

    CONFIGURED = "as configured", "the survey as configured"
    FREE_DENSITY = "Om0 free", "with the density of matter free, which sigma8 hangs on"
    WITHOUT_VARIANCE = "no sample variance", "without the density contrasts of its volume"
    WITH_VARIANCE = "with sample variance", "marginalised over the density contrasts of its volume"
    KNOWN_DETECTION = "detection known", "with the chance of detection at its fiducial parameters"
    FOLLOWS_LX = "Mmin follows L_X", "the least mass follows the luminosity limit"
    FIXED = "Mmin fixed", "the least mass is fixed in true mass"
    CONE = "flux-limited cone", "a light cone of the same volume, limited by flux"


SELECTIONS = (VariantName.CONFIGURED, VariantName.FOLLOWS_LX, VariantName.FIXED, VariantName.CONE)
"""Those that differ in what is selected."""
