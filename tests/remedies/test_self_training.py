"""Self-training: which rows of a pool are added, with which labels, and which never are."""

import csv
import tomllib
from collections import Counter
from dataclasses import dataclass, field, replace
from types import SimpleNamespace

import numpy as np
import pytest

from duiqi.catalogue import page
from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.errors import DataError, OptionError
from duiqi.core.part import Catalogue
from duiqi.core.plan import Plan
from duiqi.core.predictions import Predictions
from duiqi.core.seed import hash64
from duiqi.run.carry import Bench
from duiqi.run.table import Table, check_options
from duiqi.testing import check

CATALOGUE = Catalogue.installed()
SELF_TRAINING = CATALOGUE.find("remedy", "self_training")
LABELS = ("no", "yes")
LONG = "the room was very fine, the beds were made each morning, and the people at the desk were kind before supper"


@dataclass
class Reader:
    """Answers "yes" where a text says fine, surely where it says very; it has learned the rows it is told."""

    task: object
    wrong: frozenset = frozenset()
    knows: frozenset = frozenset()
    name: str = "reader"
    fingerprint: str = "reader"
    offers: frozenset = field(default=frozenset({"probs"}))

    def predict(self, data, outputs):
        yes = np.array([("fine" in text) != (text in self.wrong) for text in data.texts])
        sure = np.array([0.99 if "very" in text else 0.6 for text in data.texts])
        return Predictions(
            data.row_ids, {"probs": np.where(yes[:, None] == [[0, 1]], sure[:, None], 1 - sure[:, None])}
        )

    def learned(self, data):
        return np.array([text in self.knows for text in data.texts])


def rows(count, kind, start=0, labels=True):
    texts = []
    for number in range(start, start + count):
        said = f"{'very ' if number % 2 else ''}{'fine' if number % 4 < 2 else 'poor'} {number}"
        texts.append(f"{kind} {hash64(f'{kind}{number}'):x} is {said}")
    columns = {"said": texts, "id": [f"{kind}{number}" for number in range(count)]}
    truth = {"truth": ["yes" if "fine" in text else "no" for text in texts]} if labels else {}
    return Dataset.of({**columns, **truth}, text="said", **({"label": "truth"} if labels else {}))


def case_of(tmp_path, pool, *, dev=None, unsure=True, **more):
    """Unsure answers are wrong every other time; sure ones are right."""
    dev = rows(800, "dev") if dev is None else dev
    wrong = {text for at, text in enumerate(dev.texts) if "very" not in text and at % 8 < 4} if unsure else set()
    path = tmp_path / "pool.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["said", "note"], *([text, "x"] for text in pool)])
    task = CATALOGUE.task("classify", labels=LABELS)
    reader = Reader(task, wrong=frozenset(wrong | more.pop("wrong", set())), knows=more.pop("knows", frozenset()))
    return Case(reader, dev, train=rows(40, "train"), catalogue=CATALOGUE, **more), str(path)


def added(case, path, **options):
    plan = SELF_TRAINING(case, (), pool=path, **{"most": 100.0, "words": False, **options})
    assert plan.restart
    made = plan.data(case.train)
    assert made.take(np.arange(40)).values("label") == case.train.values("label")
    assert len(set(made.row_ids)) == len(made)
    return made.take(np.arange(40, len(made)))


def test_rows_that_the_model_is_sure_enough_of_get_its_labels(tmp_path):
    pool = rows(300, "pool", labels=False).texts
    got = added(*case_of(tmp_path, pool))
    assert set(got.texts) == {text for text in pool if "very" in text}
    assert got.values("label") == ["yes" if "fine" in text else "no" for text in got.texts]
    assert all(str(row).startswith("pool:") for row in got.row_ids)


def test_rows_that_stand_elsewhere_are_never_added(tmp_path):
    pool = rows(300, "pool", labels=False).texts
    case, path = case_of(tmp_path, pool)
    dev = rows(799, "dev").joined(Dataset.of({"said": [LONG], "truth": ["yes"], "id": ["long"]}, text="said"))
    everywhere = [case.train.texts[1].upper(), case.data.texts[1] + "!", LONG.replace("supper", "dinner")]
    put_aside = pool[1]
    case, path = case_of(
        tmp_path,
        [*pool, *everywhere, pool[5]],
        dev=dev,
        aside=lambda data: np.array([t == put_aside for t in data.texts]),
    )
    got = Counter(added(case, path).texts)
    assert set(got) == {text for text in pool if "very" in text} - {put_aside}
    assert set(got.values()) == {1}


def test_what_the_model_has_learned_does_not_tell_how_often_it_is_right(tmp_path):
    pool = rows(300, "pool", labels=False).texts
    dev = rows(800, "dev")
    knows = frozenset(text for text in dev.texts if int(text.split()[-1]) >= 40)
    case, path = case_of(tmp_path, pool, knows=knows)
    with pytest.raises(DataError, match="given 40 rows with labels that show none") as error:
        added(case, path)
    assert "rows would" in error.value.hint


def test_no_threshold_no_pool_no_sure_rows_are_told(tmp_path):
    pool = rows(300, "pool", labels=False).texts
    dev = rows(800, "dev")
    case, path = case_of(tmp_path, pool, wrong=set(dev.texts[::3]))
    with pytest.raises(DataError, match="at least 95%"):
        added(case, path)
    case, path = case_of(tmp_path, [text for text in pool if "very" not in text])
    with pytest.raises(DataError, match="sure enough of, given none among 150"):
        added(case, path)
    with pytest.raises(OptionError, match="the option pool"):
        added(case, "")
    check(SELF_TRAINING)


def test_a_wrong_path_is_told_before_anything_else(tmp_path):
    """Where no threshold holds as where one does, and before the remedy has trained or asked anything."""
    dev = rows(800, "dev")
    case, path = case_of(tmp_path, rows(300, "pool", labels=False).texts, wrong=set(dev.texts[::3]))
    with pytest.raises(DataError, match=r"a file or folder, given .*pol\.csv, which does not exist") as error:
        SELF_TRAINING(case, (), pool=path.replace("pool.csv", "pol.csv"))
    assert "pool.csv" in error.value.hint
    (tmp_path / "other.csv").write_text("words\nfine\n")
    with pytest.raises(DataError, match="a column 'said'"):
        SELF_TRAINING(case, (), pool=str(tmp_path / "other.csv")).data(case.train)


def test_the_page_says_how_options_are_given_that_only_the_user_can_choose(tmp_path):
    """What stands there as toml is what the command line takes: with the file it names it is a plan."""
    said = page("self_training")
    lines = said.partition("duiqi.toml:")[2].partition("and then: ")
    case, path = case_of(tmp_path, rows(60, "pool", labels=False).texts)
    given = tomllib.loads(lines[0].replace("POOL", path))
    check_options(CATALOGUE, given["options"])
    assert SELF_TRAINING(case, (), **given["options"]["self_training"]).restart
    assert lines[2] == "duiqi align MODEL DATA --with self_training"
    edit = tomllib.loads(page("back_translation").partition("duiqi.toml:")[2])
    check_options(CATALOGUE, edit["options"])
    assert {*edit["options"]["robustness"]["edit_options"]["back_translation"]} == {"there", "back"}
    assert "duiqi.toml" not in page("relabel")


def test_weights_and_how_many(tmp_path):
    case, path = case_of(tmp_path, rows(300, "pool", labels=False).texts)
    assert added(case, path).schema.weight is None
    made = SELF_TRAINING(case, (), pool=path, weight=0.5, most=2.0, words=False).data(case.train)
    assert made.values("weight") == [1.0] * 40 + [0.5] * 80
    drawn = [set(added(case, path, most=1.0).texts) for _ in range(2)]
    assert drawn[0] == drawn[1]
    assert len(drawn[0]) == 40


def test_words_have_a_say(tmp_path):
    """The reader is unsure of "fine" and "poor", and wrong about some; word counts know what these say."""
    pool = [f"pool {hash64(str(n)):x} is {'fine' if n % 2 else 'poor'} {n}" for n in range(200)]
    case, path = case_of(tmp_path, pool, wrong=set(pool[:20]))
    got = added(case, path, words=True)
    assert set(got.texts) == set(pool)
    assert got.values("label") == ["yes" if "fine" in text else "no" for text in got.texts]
    with pytest.raises(DataError, match="sure enough of, given none"):
        added(case, path, words=False)


def test_easy_classes_do_not_swamp_the_others(tmp_path):
    case, path = case_of(tmp_path, rows(300, "pool", labels=False).texts)
    few = [at for at, label in enumerate(case.train.values("label")) if label == "yes" or at < 12]
    case = replace(case, train=case.train.take(np.array(few)))
    there = Counter(case.train.values("label"))
    assert there["yes"] > 2 * there["no"]
    made = Counter(SELF_TRAINING(case, (), pool=path, most=2.0).data(case.train).values("label"))
    assert made == {label: 3 * count for label, count in there.items()}


def test_rows_from_elsewhere_are_in_the_lineage(tmp_path):
    """So that a proof takes them out of test rows; edited copies of training rows are there by their originals."""
    case, path = case_of(tmp_path, rows(60, "pool", labels=False).texts)
    bench = Bench(SimpleNamespace(memory={}), None, case.task, case.train, case.data)
    made = SELF_TRAINING(case, (), pool=path).data(case.train)
    keys = bench._trained_on(Plan(), made).keys
    assert set(made.input_keys) == set(keys)
    assert len(made) > 40
    assert len(bench._trained_on(Plan(), case.train)) == 40


def test_remedies_are_told_of_test_only_which_rows_stand_there(tmp_path):
    parts = {"train": rows(40, "train"), "dev": rows(40, "dev"), "test": rows(40, "test")}
    task = CATALOGUE.task("classify", labels=LABELS)
    table = Table(parts, CATALOGUE)
    case = table.case(Reader(task), parts["dev"])
    asked = parts["test"].take([3, 4]).joined(parts["train"].take([5]))
    assert case.aside(asked).tolist() == [True, True, False]
