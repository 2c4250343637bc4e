"""Spans of one type in each other's place: words, tags and everything around them."""

import pytest

from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.part import Catalogue
from duiqi.core.predictions import Predictions, Recorded
from duiqi.core.spans import find_spans
from duiqi.testing import check

CATALOGUE = Catalogue.installed()
MIX = CATALOGUE.find("remedy", "mix_spans")
TOKENS = [["Ada", "Lee", "went", "to", "Ulm"], ["Bo", "left"], ["rain"], ["在", "北", "京", "见", "Bo"]]
TAGS = [["B-PER", "I-PER", "O", "O", "B-LOC"], ["B-PER", "O"], ["O"], ["O", "B-LOC", "I-LOC", "O", "B-PER"]]


def mixed(tokens=TOKENS, tags=TAGS, seed=0, text=False, **options):
    columns = {"tokens": tokens, "label": tags, "id": [f"r{row}" for row in range(len(tokens))]}
    if text:
        columns["text"] = [" ".join(row) for row in tokens]
    train = Dataset.of(columns)
    task = CATALOGUE.task("tag", labels=("LOC", "PER"))
    case = Case(Recorded(task, Predictions(train.row_ids)), train, train=train, catalogue=CATALOGUE, seed=seed)
    return train, task, MIX(case, (), **options).data(train)


def spans(task, data):
    """(type, words) of every span of every row, and the words outside."""
    truth = task.read_truth(data)
    found = find_spans(truth)
    inside = [[] for _ in truth]
    for row, start, end, kind in zip(found.row, found.start, found.end, found.type, strict=True):
        inside[row].append((int(kind), tuple(data.values("tokens")[row][start:end])))
    outside = [
        [word for word, tag in zip(words, tags, strict=True) if tag == 0]
        for words, tags in zip(data.values("tokens"), truth, strict=True)
    ]
    return inside, outside


@pytest.mark.parametrize("seed", range(10))
def test_only_the_words_of_spans_change(seed):
    train, task, made = mixed(seed=seed, share=1.0, copies=3)
    before, around = spans(task, train)
    after, beside = spans(task, made)
    known = {span for row in before for span in row}
    assert made.values("tokens")[:4] == TOKENS
    assert len(made) > 4
    for row, name in enumerate(made.row_ids):
        source = int(name.partition("+")[0][1:])
        assert [kind for kind, _ in after[row]] == [kind for kind, _ in before[source]]
        assert beside[row] == around[source]
        assert set(after[row]) <= known
    assert len(set(made.row_ids)) == len(made)
    assert "r2+mix0" not in made.row_ids  # a row without a span gives none


def test_shares_and_seeds():
    train, _, none = mixed(share=0.0)
    assert none.values("tokens") == train.values("tokens")
    assert mixed(seed=1)[2].values("tokens") == mixed(seed=1)[2].values("tokens")
    assert len({str(mixed(seed=seed)[2].values("tokens")) for seed in range(8)}) > 3
    names = [[f"n{row}"] for row in range(400)]
    train, _, made = mixed(names, [["B-PER"]] * 400, share=0.5)
    assert 150 < len(made) - 400 < 250


def test_bioes_is_read_and_text_follows():
    _, _, made = mixed([["Ada", "Lee"], ["Bo"]], [["B-PER", "E-PER"], ["S-PER"]], share=1.0, copies=4, text=True)
    assert set(map(tuple, made.values("tokens")[2:])) == {("Ada", "Lee"), ("Bo",)}
    assert all(len(a) == len(b) for a, b in zip(made.values("tokens"), made.values("label"), strict=True))
    assert made.texts == [" ".join(row) for row in made.values("tokens")]


def test_contract():
    check(MIX)
