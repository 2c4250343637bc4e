"""Rows of a plan are made once: for its forecast, its training, what probes look at, and the plans built on it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

import duiqi
from duiqi.core.plan import Plan, chained
from duiqi.run import carry
from duiqi.run.carry import Bench
from tiny import reviews, write_csv

PARTS = '''
from duiqi.core.part import remedy
from duiqi.core.plan import Plan

def counted(name, rows):
    with open(PLACE, "a", encoding="utf-8") as file:
        print(name, len(rows), file=file)

@remedy(treats=("task_fit",))
def turned(case, findings):
    """The rows from the last to the first, which is a remedy for nothing at all."""
    def turn(train):
        counted("turned", train)
        return train.take(range(len(train))[::-1])
    return Plan(data=turn, cleans=True, training={"epochs": 1})

@remedy(treats=("task_fit",))
def halved(case, findings):
    """Every second row, which is a remedy for nothing at all."""
    def halve(train):
        counted("halved", train)
        return train.take(range(0, len(train), 2))
    return Plan(data=halve, training={"epochs": 1})
'''


class Counted:
    """A function of rows that counts its calls."""

    def __init__(self, word):
        self.word, self.calls = word, 0

    __hash__ = None  # a remedy may give any callable

    def __call__(self, rows):
        self.calls += 1
        return rows.with_column("text", [f"{text} {self.word}" for text in rows.texts])


def bench_of(train):
    return Bench(SimpleNamespace(memory={}), None, None, train, train)


def test_a_function_is_called_once_for_the_same_rows_and_again_for_others():
    train, other = reviews(5), reviews(5, seed=1)
    bench, one, two, three = bench_of(train), Counted("one"), Counted("two"), Counted("three")
    first = bench.made(one, train)
    assert bench.made(one, train) is first
    assert bench.made(chained(one, two), train).texts == [f"{text} one two" for text in train.texts]
    assert bench.made(chained(chained(one, two), three), train).texts == [f"{t} one two three" for t in train.texts]
    assert bench._rows(Plan(data=chained(one, two))).texts == two(one(train)).texts
    assert (one.calls, two.calls, three.calls) == (2, 2, 1)  # each once, and once more in the line above
    assert bench.made(one, other).texts == [f"{text} one" for text in other.texts]
    assert bench.made(None, train) is train
    assert one.calls == 3


def test_no_more_than_a_few_data_sets_are_held_and_those_in_use_stay():
    train = reviews(5)
    bench, kept = bench_of(train), Counted("kept")
    tried = [Counted(str(at)) for at in range(3 * carry.HELD)]
    for each in tried:
        bench.made(chained(kept, each), train)
    assert len(bench.table.memory["made"]) == carry.HELD
    assert kept.calls == 1
    bench.made(chained(kept, tried[0]), train)
    assert (kept.calls, tried[0].calls) == (1, 2)


@pytest.fixture
def fitted(body, task, tmp_path):
    from duiqi.core.bundle import Step
    from duiqi.model.fit import fit
    from duiqi.model.open import find

    fit(find(body), reviews(200, seed=1), task=task, out=tmp_path / "fitted", step=Step("finetune"), epochs=1)
    return tmp_path / "fitted"


def test_a_repair_makes_the_rows_of_each_plan_once(fitted, tmp_path, monkeypatch):
    """A kept plan, one built on it, and both in one: forecast, trained on, looked at."""
    monkeypatch.setenv("DUIQI_STATE", str(tmp_path / "state"))
    whole = duiqi.repair.__globals__["judge_trial"]

    def keeping(*given):
        trial = whole(*given)
        object.__setattr__(trial, "decision", "kept" if len(given[-1]) == 0 else "dropped")
        return trial

    monkeypatch.setitem(duiqi.repair.__globals__, "judge_trial", keeping)
    counts, part = tmp_path / "counts.txt", tmp_path / "mine.py"
    part.write_text(PARTS.replace("PLACE", repr(str(counts))))
    report = duiqi.repair(
        fitted, write_csv(tmp_path / "rows.csv", 200), with_=["turned", "halved", "halved+turned"], parts=[part],
        out=tmp_path / "out", threads=1, budget=60,
    )  # fmt: skip
    assert [trial["decision"] for trial in report.facts["trials"]] == ["kept", "dropped", "dropped"]
    calls = [line.split()[0] for line in counts.read_text().splitlines()]
    # turned; halved of what it made; in the third trial turned once more, of halved rows
    assert calls == ["turned", "halved", "turned"]
