"""Random numbers as an argument: named, reproducible streams spawned from one seed."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np


def stream(seed: int, name: str, index: int = 0) -> np.random.SeedSequence:
    """Seed sequence of the stream `name`, number `index`, of the run seeded with `seed`.

    Two names, or two indices, give independent streams; the result does not depend on the order in
    which streams are asked for, nor on the number of workers.
    """
    return np.random.SeedSequence([seed, zlib.crc32(name.encode()), index])


def generator(seed: int, name: str, index: int = 0) -> np.random.Generator:
    """Random generator of one named stream; see `stream`."""
    return np.random.default_rng(stream(seed, name, index))


def legacy_state(sequence: np.random.SeedSequence) -> Any:
    """State tuple of a `numpy.random.RandomState`, which is what emcee understands."""
    return np.random.RandomState(np.random.MT19937(sequence)).get_state()
