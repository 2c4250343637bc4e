"""A case from truths and answers: what the tests of core measure."""

import numpy as np
import pytest

from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.part import Catalogue
from duiqi.core.predictions import Predictions, Recorded


def _probs(answers, k):
    answers = np.asarray(answers)
    return answers if answers.ndim == 2 else np.eye(k)[answers.astype(int)]


@pytest.fixture(scope="session")
def make_case():
    """`make_case(truth, answers, group=…, texts=…)`: answers are class indices or probabilities float[n, k]."""
    catalogue = Catalogue.installed()

    def make(truth, answers, *, group=None, texts=None, ids=None, cluster=None, draws=300, seed=0, k=2):
        n = len(truth)
        columns = {"text": texts or [f"row number {i}" for i in range(n)], "label": [str(v) for v in truth]}
        columns |= {"group": list(group)} if group is not None else {}
        columns |= {"id": list(ids)} if ids is not None else {}
        columns |= {"cluster": list(cluster)} if cluster is not None else {}
        data = Dataset.of(columns, groups=("group",) if group is not None else ())
        task = catalogue.task("classify", labels=tuple(str(i) for i in range(k)))
        answered = Recorded(task, Predictions(data.row_ids, {"probs": _probs(answers, k)}))
        return Case(answered, data, catalogue=catalogue, draws=draws, seed=seed)

    return make


@pytest.fixture
def rng():
    return np.random.default_rng(7)
