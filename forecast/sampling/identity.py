"""What a chain is the chain of: configuration and data, as a digest."""

from __future__ import annotations

import hashlib

import numpy as np

from ..likelihoods.data import Data
from ..likelihoods.levels import level_class


def chain_digest(fingerprint: str, level: str, data: Data) -> str:
    """Digest of a configuration's fingerprint and of the data that a level uses."""
    digest = hashlib.sha256(fingerprint.encode())
    parts = [np.array([data.size, data.median]), data.log_yx, data.error, data.weight]
    for one in data.bins:
        parts += [np.array([one.size, one.median]), one.log_yx, one.error, one.weight]
    if data.skew.any():
        parts += [data.skew]
    if level_class(level).of_clusters and data.points is not None:
        points = data.points
        parts += [points.z, points.observables, points.error, points.log_mwl, points.weight]
        parts += [x for x in (points.skew, points.z_error) if x.any()]
    for part in parts:
        digest.update(np.ascontiguousarray(part, dtype=float).tobytes())
    return digest.hexdigest()[:16]
