"""Rows that a model writes: asked for where a class starves, kept where they deserve their label and are new."""

from __future__ import annotations

import tracemalloc
from collections import Counter
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.preprocessing import normalize

from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.errors import OptionError
from duiqi.core.part import Catalogue
from duiqi.core.predictions import Predictions, Recorded
from duiqi.core.slice import Slice
from duiqi.data import deserving
from duiqi.data.deserving import Belonging, Deserving, nearest
from duiqi.model import open as opening
from tiny import BAD, FILLER, GOOD, LABELS

CATALOGUE = Catalogue.installed()
WRITE = CATALOGUE.find("remedy", "write_rows")
TASK = CATALOGUE.task("classify", labels=LABELS)


def sentences(words, count, seed):
    rng = np.random.default_rng(seed)
    return [" ".join([*rng.choice(FILLER, 7), rng.choice(words), *rng.choice(FILLER, 4)]) for _ in range(count)]


@pytest.fixture
def train():
    texts = [*sentences(GOOD, 60, 1), *sentences(BAD, 12, 2)]
    return Dataset.of({"text": texts, "label": ["positive"] * 60 + ["negative"] * 12, "region": ["n", "s"] * 36})


@pytest.fixture
def dev():
    return Dataset.of({"text": sentences(BAD, 5, 9), "label": ["negative"] * 5})


def case_of(train, dev):
    return Case(Recorded(TASK, Predictions(dev.row_ids)), dev, train=train, catalogue=CATALOGUE, seed=3)


@pytest.fixture
def writer(monkeypatch):
    """A model that writes what it is given to write, one after the other; the prompts it met."""
    said = SimpleNamespace(texts=[], prompts=[])

    class Writer:
        def predict(self, data, outputs):
            said.prompts += data.texts
            answers = [said.texts.pop(0) if said.texts else "" for _ in data.texts]
            return Predictions(data.row_ids, {"text": answers})

    monkeypatch.setattr(opening, "find", lambda name: name)
    monkeypatch.setattr(opening, "open_model", lambda name, task, device: Writer())
    return said


def test_only_what_is_new_and_deserves_its_label_is_kept(train, dev, writer):
    good, bad = sentences(GOOD, 4, 11), sentences(BAD, 12, 12)
    old, examined = train.texts[65], dev.texts[0]
    writer.texts = [*good, old, examined, *bad, bad[0], f"- “{sentences(BAD, 1, 13)[0]}”\nand more"]
    made = WRITE(case_of(train, dev), (), model="m").data(train)
    added = made.take(np.arange(len(train), len(made)))
    assert made.take(np.arange(len(train))).texts == train.texts
    assert set(added.texts) <= {*bad, sentences(BAD, 1, 13)[0]}
    assert len(added) >= 3
    assert set(added.values("label")) == {"negative"}
    assert len(set(map(str, made.row_ids))) == len(made)


def test_a_starved_class_is_filled_up_to_the_median_and_no_further(train, dev, writer):
    writer.texts = sentences(BAD, 300, 5)
    made = WRITE(case_of(train, dev), (), model="m").data(train)
    assert Counter(made.values("label")) == {"positive": 60, "negative": 36}  # of 60 and 12 the median is 36
    writer.texts = sentences(BAD, 300, 5)
    assert len(WRITE(case_of(train, dev), (), model="m", rows=3).data(train)) == 75
    examples = {line for prompt in writer.prompts for line in prompt.split("\n")[1:]}
    assert examples <= set(train.texts[60:])
    assert len(examples) == 12
    assert '"negative"' in writer.prompts[0]


def test_three_rounds_and_no_more(train, dev, writer):
    assert WRITE(case_of(train, dev), (), model="m").data(train).texts == train.texts
    assert len(writer.prompts) == 3 * 2 * 24


def test_weak_slices_give_examples_and_counts(train, dev, writer):
    finding = SimpleNamespace(kind="blind_spot", slice=Slice.of("region", "n"))
    writer.texts = [""] * 999
    WRITE(case_of(train, dev), (finding,), model="m").data(train)
    wanted = Counter(train.take(np.arange(0, 72, 2)).values("label"))
    assert len(writer.prompts) == 3 * 2 * sum(wanted.values())
    shown = {line for prompt in writer.prompts for line in prompt.split("\n")[1:]}
    assert shown <= set(train.texts[::2])


def test_the_filter_tells_classes_apart(train):
    good, bad = sentences(GOOD, 40, 21), sentences(BAD, 40, 22)
    made = Dataset.of({"text": [*bad, *good], "label": ["negative"] * 80})
    kept = Deserving.of(TASK, train, most_doubtful=0.2)(made)
    assert kept[:40].mean() > 0.4  # of twelve real rows with four telling words
    assert kept[40:].mean() < 0.05
    stricter = Deserving.of(TASK, train, most_doubtful=0.9)(made)
    assert stricter.sum() < kept.sum()
    assert not (stricter & ~kept).any()
    one = train.take(np.arange(60))
    assert not Deserving.of(TASK, one, most_doubtful=0.0)(made).any()


def test_prompts_and_chinese(dev, writer):
    texts = [f"房间{word}干净，早餐{word}好吃" for word in "很太真最更还也都就又"]
    train = Dataset.of({"text": texts, "label": ["positive"] * 8 + ["negative"] * 2})
    WRITE(case_of(train, dev), (), model="m").data(train)
    assert writer.prompts[0].startswith("请再写一条“negative”")
    with pytest.raises(OptionError, match="examples"):
        WRITE(case_of(train, dev), (), model="m", prompt="write!")
    with pytest.raises(OptionError, match="model") as caught:
        WRITE(case_of(train, dev), ())
    assert caught.value.hint


def test_a_real_model_writes(train, dev, decoder):
    """A tiny one drawn at random: what it writes is not worth a row, and nothing breaks."""
    made = WRITE(case_of(train, dev), (), model=str(decoder), longest=8, rows=2).data(train)
    assert made.texts[:72] == train.texts
    assert set(made.values("label")[72:]) <= {"negative"}


def test_what_looks_like_nothing_real_is_left_out(train):
    real, strange = sentences(BAD, 40, 21), [f"quarterly dividends {n} exceeded forecasts poor" for n in range(40)]
    made = Dataset.of({"text": [*real, *strange], "label": ["negative"] * 80})
    kept = Belonging.of(train, ["negative"], None, most_strange=0.1)(made)
    assert kept[:40].mean() >= 0.7
    assert not kept[40:].any()
    few = train.take(np.arange(63))  # of three rows of a class no bound is told: all rows are compared
    assert Belonging.of(few, ["negative"], None, most_strange=0.1)(made)[40:].sum() == 0
    assert Belonging.of(few, ["negative"], None, most_strange=0.1)(made)[:40].mean() >= 0.6


def test_strangeness_is_measured_by_a_model_that_knows_the_texts_where_there_is_one(train):
    def predict(data, outputs):
        here = ["dividends" in text for text in data.texts]
        found = np.array([[0.0, 1.0, 0.1 * n] if at else [1.0, 0.0, 0.01 * (n % 2)] for n, at in enumerate(here)])
        return Predictions(data.row_ids, {"embedding": found})

    made = Dataset.of({"text": ["dividends film", *sentences(BAD, 3, 30)], "label": ["negative"] * 4})
    reader = SimpleNamespace(offers=frozenset({"embedding"}), predict=predict)
    assert Belonging.of(train, ["negative"], reader, most_strange=0.1)(made).tolist() == [False, True, True, True]


def test_what_hangs_on_the_training_rows_alone_is_worked_out_once(train, dev, writer, monkeypatch):
    """In three rounds: one model for the labels, one reading of the training rows."""
    fits, read = [], []
    whole = deserving.out_of_sample
    monkeypatch.setattr(deserving, "out_of_sample", lambda *given, **more: fits.append(1) or whole(*given, **more))

    def predict(data, outputs):
        read.append(len(data))
        return Predictions(data.row_ids, {"embedding": np.ones((len(data), 3))})

    reader = SimpleNamespace(offers=frozenset({"embedding"}), predict=predict)
    writer.texts = [text if at % 10 == 0 else "" for at, text in enumerate(sentences(BAD, 200, 40))]
    made = WRITE(replace(case_of(train, dev), start=lambda: reader), (), model="m").data(train)
    assert len({row.partition("-")[0] for row in map(str, made.row_ids) if row.startswith("written")}) == 3
    assert len(fits) == 1
    assert read.count(len(train)) == 1
    assert sum(read) <= len(train) + 15


@pytest.mark.parametrize("own", [False, True])
def test_the_nearest_are_found_in_bounded_memory(monkeypatch, own):
    rng = np.random.default_rng(5)
    real = normalize(rng.normal(size=(3000, 8)))
    asked = real if own else normalize(rng.normal(size=(2000, 8)))
    cosines = asked @ real.T
    cosines -= 3 * np.eye(len(real))[: len(asked)] if own else 0
    expected = np.sort(cosines, axis=1)[:, -5:].mean(axis=1)
    del cosines
    monkeypatch.setattr(deserving, "CELLS", 1 << 17)
    tracemalloc.start()
    found = nearest(asked, real, 5, own=own)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found == pytest.approx(expected)
    assert peak < 8 << 20  # all cosines are 72 MB
    assert nearest(csr_array(asked[:99]), csr_array(real), 5) == pytest.approx(nearest(asked[:99], real, 5))


def test_all_rows_are_compared_once_however_many_classes_are_rare(monkeypatch):
    compared = []
    whole = deserving.nearest
    monkeypatch.setattr(
        deserving, "nearest", lambda *given, **more: compared.append(given[0].shape[0]) or whole(*given, **more)
    )
    labels = ["a"] * 30 + ["b"] * 3 + ["c"] * 2
    train = Dataset.of({"text": sentences(GOOD, 35, 1), "label": labels})
    belongs = Belonging.of(train, ["a", "b", "c"], None, most_strange=0.1)
    assert sorted(compared) == [30, 35]
    one = Dataset.of({"text": [train.texts[33]], "label": ["b"]})
    assert belongs(one).tolist() == [True]
    alone = Dataset.of({"text": ["quite good"], "label": ["a"]})
    assert Belonging.of(alone, ["a"], None, most_strange=0.1)(alone).tolist() == [True]
