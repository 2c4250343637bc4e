"""What is fitted after training: a temperature and offsets that undo what was done to honest scores."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

from duiqi.core.dataset import Dataset
from duiqi.core.part import Catalogue
from duiqi.core.predictions import Predictions
from duiqi.data.simulated import simulated_case

RARE = 0.1
SLOPE = 1.5


@pytest.fixture
def rng():
    return np.random.default_rng(7)


@dataclass
class Scored:
    """A predictor whose raw scores are given; calibrated as its bundle says, like a model."""

    task: object
    raw: np.ndarray
    calibration: dict = field(default_factory=dict)

    def predict(self, data: Dataset, outputs) -> Predictions:
        scores = (self.raw + self.calibration.get("offsets", 0.0)) / self.calibration.get("temperature", 1.0)
        exponents = np.exp(scores - scores.max(axis=1, keepdims=True))
        return Predictions(data.row_ids, {"probs": exponents / exponents.sum(axis=1, keepdims=True)})


def served(rng, *, sharpness=1.0, positive=0.5, rows=20_000):
    """Rows to serve, and a model that is honest about rows with one positive in ten, all log-odds times `sharpness`.

    One feature, normal around ±SLOPE/2 in the two classes: its log-odds are SLOPE times it, plus those of the shares.
    """
    case = simulated_case(rng, rows=rows, positive=positive, train_rows=1000, train_positive=RARE)
    truth = case.truth
    feature = rng.normal(np.where(truth == 1, SLOPE / 2, -SLOPE / 2))
    share = np.mean(case.predictor.task.read_truth(case.train))
    log_odds = sharpness * (SLOPE * feature + np.log(share / (1 - share)))
    return case, Scored(case.predictor.task, np.stack([-log_odds / 2, log_odds / 2], axis=1)), share


def finished(name, case, model, **options):
    (finish,) = Catalogue.installed().find("remedy", name)(case, (), **options).finish
    return finish(model, case.data)


@pytest.mark.parametrize("sharpness", [0.5, 1.0, 3.0])
def test_offsets_take_back_the_shares_of_training(rng, sharpness):
    case, model, share = served(rng, sharpness=sharpness)
    low, high = finished("logit_adjustment", case, model)["offsets"]
    assert high - low == pytest.approx(-sharpness * np.log(share / (1 - share)), rel=0.08)
    assert low + high == pytest.approx(0, abs=1e-9)


def test_power_says_whether_rows_or_classes_count_the_same(rng):
    """Served as rarely as in training: rows ask for no change, classes for the whole."""
    case, model, share = served(rng, positive=RARE)
    by_rows, by_classes = (np.diff(finished("logit_adjustment", case, model, power=p)["offsets"])[0] for p in (0, 1))
    assert by_rows == pytest.approx(0, abs=0.15)
    assert by_classes == pytest.approx(-np.log(share / (1 - share)), rel=0.1)


def test_offsets_are_added_to_those_that_are_there_and_leave_the_temperature(rng):
    case, model, _ = served(rng)
    whole = finished("logit_adjustment", case, model)["offsets"]
    half = [each / 2 for each in whole]
    again = Scored(model.task, model.raw, {"offsets": half, "temperature": 2.0})
    said = finished("logit_adjustment", case, again)
    assert said["offsets"] == pytest.approx(whole, rel=0.02)
    assert set(said) == {"offsets"}


@pytest.mark.parametrize("sharpness", [0.5, 3.0])
def test_the_temperature_takes_back_the_sharpness_whatever_the_offsets(rng, sharpness):
    case, model, share = served(rng, sharpness=sharpness)
    level = -sharpness * np.log(share / (1 - share)) / 2
    adjusted = Scored(model.task, model.raw, {"offsets": [-level, level]})
    assert finished("temperature_scaling", case, adjusted)["temperature"] == pytest.approx(sharpness, rel=0.05)
