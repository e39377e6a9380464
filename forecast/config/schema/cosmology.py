"""The table of the cosmology."""

from __future__ import annotations

from .types import Number, Strict


class CosmologyConfig(Strict):
    """A flat universe."""

    Om0: Number
    """Matter density today over the critical one. Its fiducial value where it is a free parameter."""
    Ob0: Number
    """Baryon density today over the critical one; where h is free, Ob0 h^2 is kept."""
    h: Number
    """Hubble constant over 100 km/s/Mpc."""
    ns: Number
    """Slope of the primordial power spectrum."""
    w0: Number = -1.0
    """Equation of state of dark energy today, w = w0 + wa (1 - a); -1 with wa = 0 is a cosmological constant."""
    wa: Number = 0.0
    """How far it was from w0 long ago; w0 + wa must be at most -0.3."""
