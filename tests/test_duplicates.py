"""Pairs of clusters that may be one, against all pairs one by one."""

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.cosmology import FlatLambdaCDM

from forecast.checks.duplicates import close_pairs, duplicate_doubts
from forecast.checks.intake import take_in
from forecast.cosmology.background import Cosmology
from forecast.model.catalogue import Catalogue
from forecast.report.cautions import before_fit

COSMOLOGY = Cosmology(Om0=0.3, Ob0=0.045, h=0.7, ns=0.96)


def sky(ra, dec, z, name=None):
    """Clusters at these places."""
    size, z = len(z), np.asarray(z, dtype=float)
    names = tuple(f"C{i}" for i in range(size)) if name is None else name
    blank = np.full(size, np.nan)
    places = {"ra": np.asarray(ra, dtype=float), "dec": np.asarray(dec, dtype=float)}
    return Catalogue(names, z, blank, blank, log_yx_error=np.zeros(size), source="sky.fits", **places)


def test_pairs_by_brute_force():
    rng, size = np.random.default_rng(1), 300
    ra, dec = 359 + 3 * rng.random(size), -88 + 3 * rng.random(size)  # across 0h, close to the pole
    z = rng.choice([0.02, 0.0205, 0.1, 0.108, 0.3, 0.314, 1.0], size)
    ra[0] = np.nan
    found = {frozenset(pair.names): pair.separation for pair in close_pairs(sky(ra % 360, dec, z), COSMOLOGY)}
    places, flat = SkyCoord(ra % 360, dec, unit="deg"), FlatLambdaCDM(70, 0.3, Tcmb0=0)
    apart, mean = places[:, None].separation(places).arcmin, 0.5 * (z[:, None] + z)
    size_there = 1000 / flat.kpc_proper_per_arcmin(mean.ravel()).value.reshape(mean.shape)  # arcmin of 0.7 Mpc/h
    near = (apart < np.minimum(30, size_there)) & (np.abs(z[:, None] - z) < 0.01 * (1 + mean))
    expected = {frozenset((f"C{i}", f"C{j}")): apart[i, j] for i, j in np.argwhere(np.triu(near, 1))}
    assert len(expected) > 30
    assert set(found) == set(expected)
    assert max(abs(found[pair] - expected[pair]) for pair in expected) < 1e-6
    assert list(found.values()) == sorted(found.values())


def test_pairs_are_named_but_those_known_already():
    twins = sky([10.0, 10.02, 50.0, 60.0], [1.0, 1.0, 2.0, 3.0], [0.1, 0.105, 0.2, 0.3])
    (doubt,) = duplicate_doubts(twins, COSMOLOGY, ())
    assert doubt.kind == "listed_twice"
    assert "1 pair lies within 0.7 Mpc/h at one redshift" in doubt.text
    assert "C0 and C1 (1.2' apart, z = 0.1 and 0.105)" in doubt.text
    assert duplicate_doubts(twins, COSMOLOGY, ("C0", "C1")) == ()
    many = sky(np.full(6, 10.0), np.linspace(1, 1.01, 6), np.full(6, 0.2))
    assert "15 pairs lie" in duplicate_doubts(many, COSMOLOGY, ())[0].text
    assert "and 10 more" in duplicate_doubts(many, COSMOLOGY, ())[0].text
    assert duplicate_doubts(sky([10.0, 10.02], [1.0, 1.0], [0.1, 0.2]), COSMOLOGY, ()) == ()
    assert close_pairs(Catalogue(("a",), np.ones(1), *[np.zeros(1)] * 2, np.zeros(1), "x"), COSMOLOGY) == ()


def test_they_stand_before_the_answer(cccp_model):
    z = np.array([0.1, 0.105, 0.2])
    clusters = sky([10.0, 10.02, 50.0], [1.0, 1.0, 2.0], z)
    intake = take_in(cccp_model, cccp_model, clusters, rng=np.random.default_rng(1))
    assert [one.kind for one in before_fit(intake) if "C0 and C1" in one.text] == ["listed_twice"]
