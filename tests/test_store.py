"""Steps of a long job: what was kept comes back as it was, and only under what it depends on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from forecast.execution.store import Store


@dataclass(frozen=True)
class Inner:
    values: np.ndarray
    label: str
    good: bool


@dataclass(frozen=True)
class Outer:
    inner: Inner
    perhaps: Inner | None
    rows: tuple[Inner, ...]
    names: tuple[str, ...]
    pair: tuple[float, float]
    number: float
    count: int


def record(perhaps=True, rows=2):
    inner = Inner(np.arange(6.0).reshape(2, 3), "a", True)
    return Outer(inner, inner if perhaps else None, (inner,) * rows, ("x", "y"), (1.0, np.nan), np.inf, 3)


def flat(found):
    return [found.number, found.count, found.names, found.pair[0], found.inner.label, found.inner.good, len(found.rows)]


@pytest.mark.parametrize("perhaps", [True, False])
@pytest.mark.parametrize("rows", [2, 0])
def test_a_record_comes_back(tmp_path, perhaps, rows):
    store = Store(tmp_path, {"seed": 1})
    first = store.get("step", Outer, lambda: record(perhaps, rows))
    again = store.get("step", Outer, lambda: pytest.fail("made again"))
    assert flat(again) == flat(first)
    assert (again.perhaps is None) is not perhaps
    np.testing.assert_array_equal(again.inner.values, first.inner.values)
    if perhaps:
        np.testing.assert_array_equal(again.perhaps.values, first.perhaps.values)
    for one in again.rows:
        assert isinstance(one, Inner)
    assert isinstance(again.count, int)
    assert np.isnan(again.pair[1])


def test_another_identity_damage_or_another_version_is_made_again(tmp_path):
    made = []

    def make():
        made.append(1)
        return record()

    Store(tmp_path, {"seed": 1}).get("step", Outer, make)
    Store(tmp_path, {"seed": 2}).get("step", Outer, make)
    Store(tmp_path, {"seed": 2}).get("step", Outer, make, of="else")
    Store(tmp_path, {"seed": 2}).get("step", Outer, make, of="else")
    assert len(made) == 3
    path = tmp_path / "step.npz"
    path.write_bytes(path.read_bytes()[:200])
    Store(tmp_path, {"seed": 2}).get("step", Outer, make, of="else")
    assert len(made) == 4
    Store(tmp_path, {"seed": 2}).get("step", Inner, lambda: record().inner, of="else")
    assert Store(tmp_path, {"seed": 2}).get("step", Inner, make, of="else").label == "a"
