"""HEALPix pixels: numbers as their definition and another code have them, areas, and surveys of a list of them."""

import math

import numpy as np
import pytest
from astropy.table import Table

from forecast.config.schema.footprint import FootprintConfig
from forecast.config.survey_builders import build_footprint
from forecast.core.errors import InputError
from forecast.survey.footprint import Footprint, SkyBox, shared_area
from forecast.survey.pixels import Pixels, Place

PLACES = np.array(
    [(10.684, 41.269), (83.82, -5.39), (187.706, 12.391), (299.868, 40.734), (80.894, -69.756), (0.1, 89.9),
     (266.417, -29.008)]
).T  # fmt: skip
NUMBERS = {
    ("nested", 4): [10, 83, 108, 57, 129, 15, 112],
    ("nested", 256): [43345, 343034, 444255, 235908, 529551, 65535, 461282],
    ("ring", 4): [24, 108, 80, 37, 181, 0, 148],
    ("ring", 256): [132638, 429806, 308246, 136533, 761667, 0, 583925],
}
"""Of those places, as astropy-healpix 2.0.1 has them."""


def random_sky(size, seed=1):
    rng = np.random.default_rng(seed)
    return 360 * rng.random(size), np.degrees(np.arcsin(rng.uniform(-1, 1, size)))


@pytest.mark.parametrize(("order", "nside"), NUMBERS)
def test_numbers_are_those_of_another_code(order, nside):
    place = Place.at(*PLACES, nside)
    assert getattr(place, order)(nside).tolist() == NUMBERS[order, nside]


@pytest.mark.parametrize("nside", [1, 2, 16])
def test_numbers_by_their_definition(nside):
    """Ring numbers run from north to south, eastwards in a ring; those of four nested children follow each other."""
    every = Place.of_nested(np.arange(12 * nside**2), nside)
    ra, dec = every.centres(nside)
    order = np.lexsort((ra.round(9), -dec.round(9)))
    assert every.ring(nside)[order].tolist() == list(range(12 * nside**2))
    assert Place.at(ra, dec, nside).nested(nside).tolist() == list(range(12 * nside**2))
    ra, dec = random_sky(5000)
    np.testing.assert_array_equal(
        Place.at(ra, dec, 2 * nside).nested(2 * nside) // 4, Place.at(ra, dec, nside).nested(nside)
    )


def test_pixels_are_equal_in_area():
    ra, dec = random_sky(200_000)
    number = np.bincount(Place.at(ra, dec, 8).ring(8), minlength=768)
    chi2 = np.sum((number - number.mean()) ** 2 / number.mean())
    assert chi2 == pytest.approx(767, abs=5 * math.sqrt(2 * 767))


def test_a_list_of_pixels_is_its_sky():
    ra, dec = random_sky(50_000)
    listed = np.unique(Place.at(ra[dec > 30], dec[dec > 30], 64).ring(64))
    sky = Footprint(pixels=Pixels(64, np.append(listed, listed[:5]), "ring"))
    assert sky.area == pytest.approx(len(listed) * 4 * math.pi / (12 * 64**2), rel=1e-12)
    assert sky.contains(ra[dec > 30], dec[dec > 30]).all() and not sky.contains(ra[dec < 28], dec[dec < 28]).any()
    nested = Footprint(pixels=Pixels(64, np.unique(Place.at(ra[dec > 30], dec[dec > 30], 64).nested(64))))
    np.testing.assert_array_equal(nested.contains(ra, dec), sky.contains(ra, dec))
    half = Footprint(without=(SkyBox((0, 180)),), pixels=sky.pixels)
    east = Footprint((SkyBox((0, 180)),))
    assert half.area + shared_area(sky, east) == pytest.approx(sky.area, rel=2e-3)
    assert shared_area(east, sky) == pytest.approx(shared_area(sky, east), rel=2e-3)
    assert half.area == pytest.approx(sky.area / 2, rel=0.01)


def test_pixels_of_a_table(tmp_path):
    Table({"PIXEL": np.arange(100, 200)}).write(tmp_path / "p.fits")
    given = {"path": str(tmp_path / "p.fits"), "column": "PIXEL", "nside": 16, "order": "nested"}

    def built(**changed):
        return build_footprint(FootprintConfig.model_validate({"healpix": given | changed}))

    assert built().area == pytest.approx(100 * 4 * math.pi / 3072, rel=1e-12)
    assert built(order="ring").area == pytest.approx(built().area, rel=1e-12)
    with pytest.raises(InputError, match=r"survey.footprint.healpix: nside = 15 must be a power of two from 1 to 1024"):
        built(nside=15)
    with pytest.raises(InputError, match=r"the list of pixels holds 192; of nside = 4 they are 0 to 191"):
        built(nside=4)
    with pytest.raises(InputError, match=r"p.fits: has no column 'PIX'; did you mean 'PIXEL'\?"):
        built(column="PIX")
