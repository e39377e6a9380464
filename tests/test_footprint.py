"""The sky of a survey: areas in closed form and by random positions, and clusters that lie outside."""

import math
import tomllib

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.table import MaskedColumn, Table

from forecast.checks.observed import open_catalogue
from forecast.config.load import builtin_configs, parse_config
from forecast.config.survey_builders import DEG2
from forecast.core.errors import InputError
from forecast.forecasts.require.search import default_keys
from forecast.survey.footprint import Cap, Footprint, SkyBox, shared_area

SOUTH = Footprint((SkyBox(dec=(-90, 2.5)),), latitude=20)
NORTH = Footprint((SkyBox(dec=(0, 90)),), latitude=20)


def cap_area(radius):
    return 2 * math.pi * (1 - math.cos(math.radians(radius)))


def box_area(width, low, high):
    return math.radians(width) * (math.sin(math.radians(high)) - math.sin(math.radians(low)))


def random_sky(size, seed=1):
    rng = np.random.default_rng(seed)
    return 360 * rng.random(size), np.degrees(np.arcsin(rng.uniform(-1, 1, size)))


@pytest.mark.parametrize(
    ("sky", "area"),
    [
        (Footprint(), 4 * math.pi),
        (Footprint((SkyBox((10, 40), (-20, 35)),)), box_area(30, -20, 35)),
        (Footprint((SkyBox((350, 10), (0, 30)),)), box_area(20, 0, 30)),
        (Footprint((SkyBox((-170, 170), (-90, -30)),)), box_area(340, -90, -30)),
        (Footprint((SkyBox((0, 60), (0, 30)), SkyBox((30, 90), (10, 40)))), None),
        (Footprint((SkyBox((0, 90), (0, 40)),), (SkyBox((30, 60), (10, 20)),)),
         box_area(90, 0, 40) - box_area(30, 10, 20)),
        (Footprint((Cap(200, 30, 25),)), cap_area(25)),
        (Footprint((Cap(200, 80, 25),)), cap_area(25)),
        (Footprint((Cap(-20, -90, 130),)), cap_area(130)),
        (Footprint((Cap(10, -70, 140),)), cap_area(140)),
        (Footprint((), (Cap(138, -48.3, 90),)), 2 * math.pi),
        (Footprint(latitude=20), 4 * math.pi * (1 - math.sin(math.radians(20)))),
    ],
)  # fmt: skip
def test_areas_in_closed_form(sky, area):
    if area is None:
        area = 2 * box_area(60, 0, 30) + box_area(60, 30, 40) - box_area(60, 0, 10) - box_area(30, 10, 30)
    assert sky.area == pytest.approx(area, rel=1e-12)


def test_areas_and_what_is_shared_by_random_positions():
    ra, dec = random_sky(400_000)
    odd = Footprint((SkyBox((300, 120), (-40, 60)), Cap(180, 20, 40)), (Cap(10, 10, 20), SkyBox((50, 70), (0, 90))), 25)
    for sky, share in ((odd, odd.contains(ra, dec)), (SOUTH, SOUTH.contains(ra, dec))):
        chance = sky.area / (4 * math.pi)
        assert share.mean() == pytest.approx(chance, abs=5 * math.sqrt(chance / len(ra)))
    chance = shared_area(odd, NORTH) / (4 * math.pi)
    both = odd.contains(ra, dec) & NORTH.contains(ra, dec)
    assert both.mean() == pytest.approx(chance, abs=5 * math.sqrt(chance / len(ra)))
    assert shared_area(odd, Footprint()) == pytest.approx(odd.area, rel=1e-9)
    assert shared_area(SOUTH, NORTH) == pytest.approx(SOUTH.area + NORTH.area - Footprint(latitude=20).area, rel=1e-9)
    assert shared_area(Footprint((SkyBox((0, 90)),)), Footprint((SkyBox((90, 180)),))) == pytest.approx(0, abs=1e-12)


def test_published_areas():
    """BCS (Ebeling et al. 1998): 13,578 deg2; REFLEX (Boehringer et al. 2001): 4.24 sr, Magellanic Clouds left out."""
    assert NORTH.area * DEG2 == pytest.approx(13_578, rel=1e-3)
    clouds = (SkyBox((58, 103), (-77, -63)), SkyBox((0, 20), (-77, -67)))
    assert Footprint(SOUTH.parts, clouds, 20).area == pytest.approx(4.24, rel=5e-3)


def test_galactic_latitude_is_astropys():
    ra, dec = random_sky(2000)
    b = SkyCoord(ra, dec, unit="deg").galactic.b.deg
    sure = np.abs(np.abs(b) - 20) > 1e-4
    assert np.array_equal(Footprint(latitude=20).contains(ra, dec)[sure], (np.abs(b) > 20)[sure])


def content(folder, footprint, area=None, columns=True, **table):
    """A configuration with a footprint, and a catalogue of 40 random positions."""
    whole = tomllib.loads(builtin_configs()["cccp_lowz"].read_text(encoding="utf-8"))
    whole["survey"] |= {"footprint": footprint}
    del whole["survey"]["area"]
    whole["survey"] |= {} if area is None else {"area": area}
    ra, dec = random_sky(40, seed=2)
    Table({"z": np.full(40, 0.1), "ra": ra, "dec": dec, **table}).write(folder / "sky.ecsv", overwrite=True)
    mapped = {"z": "z"} | ({"ra": "ra", "dec": "dec"} if columns else {})
    whole["catalogue"] = {"path": "sky.ecsv", "columns": mapped, "cosmology": {"Om0": 0.3, "h": 0.72}}
    return parse_config(whole, folder=folder)


BOX = {"boxes": [{"ra": [0, 180], "dec": [-30, 60]}]}


def test_area_is_that_of_the_footprint(tmp_path):
    area = box_area(180, -30, 60)
    assert content(tmp_path, BOX).setup.geometry.area == pytest.approx(area, rel=1e-12)
    assert content(tmp_path, BOX | {"coverage": 0.9}).setup.geometry.area == pytest.approx(0.9 * area, rel=1e-12)
    close = f"{1.01 * area} sr"
    assert content(tmp_path, BOX, close).setup.geometry.area == pytest.approx(1.01 * area, rel=1e-12)
    assert "volume" in default_keys(content(tmp_path, BOX, close))
    with pytest.raises(InputError, match=r"survey.area: '3000 deg2' is 3000 deg2, but survey.footprint 14088.1 deg2"):
        _ = content(tmp_path, BOX, "3000 deg2").setup


def test_clusters_outside_are_left_out_and_said(tmp_path):
    ra, dec = random_sky(40, seed=2)
    inside = (ra < 180) & (dec > -30) & (dec < 60)
    found = open_catalogue(content(tmp_path, BOX), None)
    np.testing.assert_allclose(found.ra, ra[inside])
    (remark,) = found.remarks
    assert remark.kind == "footprint"
    assert remark.text.startswith(
        f"{(~inside).sum()} of 40 clusters lie outside survey.footprint and were left out: row"
    )
    blank = MaskedColumn(ra, mask=np.arange(40) < 3)
    found = open_catalogue(content(tmp_path, BOX, ra=blank), None)
    assert found.size == 3 + inside[3:].sum()
    assert found.remarks[0].text == "3 of 40 clusters have no position and were kept"
    found = open_catalogue(content(tmp_path, BOX, columns=False), None)
    assert found.size == 40 and "all clusters are taken to lie in it" in found.remarks[0].text
    assert open_catalogue(content(tmp_path, {"galactic_latitude": 0}), None).remarks == ()


@pytest.mark.parametrize(
    ("footprint", "message"),
    [
        ({"boxes": [{"dec": [2.5, -90]}]}, r"survey.footprint.boxes.0: dec = \[2.5, -90.0\] must rise within"),
        ({"boxes": [{"ra": [20, 20]}]}, r"survey.footprint.boxes.0: ra = \[20.0, 20.0\] must lie within -180 to 360"),
        ({"boxes": [{"ra": [0, 400]}]}, r"survey.footprint.boxes.0: ra = \[0.0, 400.0\] must lie within"),
        ({"boxes": [{"dec": [-91, 0]}]}, r"'survey.footprint.boxes.0.dec.0': must be at least -90"),
        ({"caps": [{"ra": 400, "dec": 0, "radius": 3}]}, r"survey.footprint.caps.0: ra = 400, dec = 0 and radius = 3"),
        ({"caps": [{"ra": 40, "dec": 0}]}, r"missing key 'survey.footprint.caps.0.radius'"),
        ({"exclude": [{}]}, r"survey.footprint: nothing is left of it; take out what excludes it all"),
        ({"exclude_caps": [{"ra": 0, "dec": 0, "radius": 180}]}, r"survey.footprint: nothing is left of it"),
        ({"galactic_latitude": 90}, r"'survey.footprint.galactic_latitude': must be below 90"),
        ({"coverage": 0}, r"'survey.footprint.coverage': must be above 0"),
        ({"box": []}, r"unknown key 'survey.footprint.box'; did you mean 'boxes'\?"),
        (None, r"'survey.*': needs area = \"NUMBER deg2\", or a table \[survey.footprint\]"),
    ],
)
def test_skies_that_cannot_be_are_refused(tmp_path, footprint, message):
    with pytest.raises(InputError, match=message) as caught:
        _ = content(tmp_path, footprint).setup
    assert "\n" not in str(caught.value)


def test_no_cluster_inside_is_refused(tmp_path):
    small = {"caps": [{"ra": 0, "dec": 89, "radius": 0.5}]}
    with pytest.raises(
        InputError, match=r"sky.ecsv: 0 of 40 clusters lie in survey.footprint; correct it, or the unit"
    ):
        open_catalogue(content(tmp_path, small), None)
