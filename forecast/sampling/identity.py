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
        if points.log_mwl_error.any():
            parts.append(points.log_mwl_error)
        parts += [x for x in (points.limit, points.limit_width) if np.isfinite(points.limit).any()]
        parts += [
            x for x in (points.layer + 1, points.evidence, points.skew, points.log_mwl_skew, points.z_error) if x.any()
        ]
    elif data.evidence is not None:
        parts += [data.evidence.with_yx, data.evidence.without, data.evidence.limited]
    parts += [x for one in (data, *data.bins) if len(one.limit) for x in (one.limit, one.limit_width)]
    for part in parts:
        digest.update(np.ascontiguousarray(part, dtype=float).tobytes())
    return digest.hexdigest()[:16]
