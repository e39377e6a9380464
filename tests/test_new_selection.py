"""A selection of a kind that the package has never seen: one class, and everything works."""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest
from scipy import special

from forecast.checks.plants import plants
from forecast.cosmology.mass_function import MassFunction
from forecast.forecasts.ladder import variants
from forecast.likelihoods.fisher import fisher_matrix
from forecast.model.forward import forward_model
from forecast.model.simulate import draw_mocks
from forecast.report.narrative import survey_sentences
from forecast.survey.mass_cut import InMass
from forecast.survey.selection import Shifted


@dataclass(frozen=True)
class Gradual(InMass):
    """Complete at high true mass, and gradually less below: a normal integral of log M."""

    log_break: float
    width: float
    blur: ClassVar[float] = 0.0
    min_mass_mode: ClassVar[str] = "fixed"

    @property
    def in_mass(self):
        return self

    def lowest(self, lx, relations):
        return np.array(self.log_break - 6 * self.width)

    def weights(self, grid, lx, relations):
        return (grid[1] - grid[0]) * self.probability(grid, lx, relations)

    def probability(self, log_mass, lx, relations):
        return special.ndtr((log_mass - self.log_break) / self.width)[None]

    def chance(self, log_mass, row, lx, relations):
        return special.ndtr((log_mass - self.log_break) / self.width)

    def with_break(self, log_break):
        return replace(self, log_break=log_break)

    def with_min_mass(self, mode):
        return self

    def shifted(self):
        return Shifted("half of them at twice the mass", self.with_break(self.log_break + 0.3))

    @property
    def words(self):
        return "Selection: gradual in mass."


@pytest.fixture(scope="module")
def gradual(nv22):
    return replace(nv22.setup, selection=Gradual(14.3, 0.1))


@pytest.fixture(scope="module")
def model(gradual):
    return forward_model(gradual)


def test_it_is_counted_as_by_direct_integration(gradual, model):
    log_mass = np.linspace(13.5, 15.9, 4001)
    density = MassFunction(gradual.cosmology, gradual.mass_function, np.array([0.07]), log_mass)
    fiducial = gradual.parameters.fiducial_values
    selected = density(np.atleast_1d(fiducial.sigma8))[0, 0] * special.ndtr((log_mass - 14.3) / 0.1)
    expected = 0.5 * 352**3 * np.trapezoid(selected, log_mass)
    assert model.mean_count(gradual.parameters.fiducial[None])[0] == pytest.approx(expected, rel=1e-3)


def test_it_is_drawn_as_it_is_counted(gradual, model):
    theta = np.repeat(gradual.parameters.fiducial[None], 200, axis=0)
    mocks, mean = draw_mocks(model, theta, rng=np.random.default_rng(1)), model.expected_count(theta[:1])[0]
    assert abs(len(mocks.row) - 200 * mean) < 5 * np.sqrt(200 * mean)
    masses = np.array([14.0, 14.3, 14.6])
    above = np.array([(mocks.log_mass > m).sum() for m in masses])
    by_mass, grid = model.by_mass(theta[:1])[0], model.population.log_mass
    expected = 200 * np.interp(masses, grid[:-1] + 0.5 * np.diff(grid), by_mass[::-1].cumsum()[::-1][1:])
    assert np.all(abs(above - expected) < 5 * np.sqrt(expected))


def test_every_level_and_report_knows_what_to_do(gradual, model):
    widths = [fisher_matrix(level, model).std() for level in ("prior", "counts", "unbinned")]
    assert widths[0] > widths[1] > widths[2] > 0
    assert "Selection: gradual in mass." in survey_sentences(gradual)
    assert "half of them at twice the mass" in [plant.label for plant in plants(gradual)]
    assert "flux-limited cone" in [variant.label for variant in variants(gradual, (14.4,))]
