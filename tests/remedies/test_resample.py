"""Resampling: classes, or classes of groups, in the shares that were asked for."""

from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest

from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.errors import OptionError
from duiqi.core.part import Catalogue
from duiqi.core.predictions import Predictions, Recorded

CATALOGUE = Catalogue.installed()
RESAMPLE = CATALOGUE.find("remedy", "resample")
LABELS = ["no"] * 64 + ["yes"] * 4
SEX = ["f", "m"] * 32 + ["f", "f", "f", "m"]


def plan_of(findings=(), seed=0, weight=None, **options):
    columns = {"text": [f"row {n}" for n in range(68)], "label": LABELS, "sex": SEX, "region": ["n"] * 68}
    train = Dataset.of({**columns, **({"weight": weight} if weight else {})}, groups=["region", "sex"])
    task = CATALOGUE.task("classify", labels=("no", "yes"))
    case = Case(Recorded(task, Predictions(train.row_ids)), train, train=train, catalogue=CATALOGUE, seed=seed)
    return train, RESAMPLE(case, findings, **options)


def made(*args, **options):
    train, plan = plan_of(*args, **options)
    assert plan.restart
    return train, plan.data(train)


def test_classes_by_temperature():
    # roots of 64 and 4 are 8 and 2: 64 rows ask for 16
    train, data = made()
    assert Counter(data.values("label")) == {"no": 64, "yes": 16}
    assert Counter(data.texts) == dict.fromkeys(train.texts[:64], 1) | dict.fromkeys(train.texts[64:], 4)
    assert len(set(data.row_ids.tolist())) == 80
    assert set(train.row_ids.tolist()) < set(data.row_ids.tolist())
    assert Counter(made(how="under")[1].values("label")) == {"no": 16, "yes": 4}
    assert Counter(made(shares={"yes": 0.2})[1].values("label")) == {"no": 64, "yes": 16}
    assert Counter(made(temperature=1)[1].texts) == Counter(train.texts)


def test_weights_instead_of_copies():
    train, data = made(how="weight", weight=[2.0] * 34 + [1.0] * 34)
    assert data.texts == train.texts
    weights = np.array(data.values("weight"))
    assert weights.mean() == pytest.approx(1)
    assert weights / weights[63] == pytest.approx([2.0] * 34 + [1.0] * 30 + [4.0] * 4)


def test_groups_that_are_treated_unfairly():
    def finding(kind, across):
        return SimpleNamespace(kind=kind, ruling=SimpleNamespace(measure=SimpleNamespace(across=across)))

    gap, other = finding("unfairness", SimpleNamespace(by="sex")), finding("imbalance", None)
    # of 32, 32, 3 and 1 rows the largest stay, the smallest may come ten times
    _, data = made([other, gap], temperature=1e9)
    crossed = Counter(zip(data.values("label"), data.group("sex").tolist(), strict=True))
    assert crossed == {("no", "f"): 32, ("no", "m"): 32, ("yes", "f"): 30, ("yes", "m"): 10}
    _, data = made([other], temperature=1e9)
    assert Counter(data.values("label")) == {"no": 64, "yes": 40}
    _, data = made(by=("sex",), temperature=1e9)
    assert Counter(data.group("sex").tolist()) == {"f": 35, "m": 35}


def test_rows_drawn_hang_on_the_seed():
    drawn = [set(made(how="under", seed=seed)[1].texts) for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]


@pytest.mark.parametrize("options", [{"temperature": 0.5}, {"temperature": float("inf")}, {"most": 0}])
def test_options_that_cannot_be(options):
    with pytest.raises(OptionError):
        plan_of(**options)
