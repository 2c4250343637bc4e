"""shift: what changed is found and pointed at, in both languages; same rows and bad input are told as what they are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.examine import examine, orders
from duiqi.core.part import Catalogue
from duiqi.core.predictions import Predictions, Recorded
from duiqi.core.report import without_rows
from duiqi.data.simulated import shifted_case
from duiqi.show.html import render

CATALOGUE = Catalogue.installed()


def report_of(case):
    return examine(case, orders(case, only=["shift"]))


def case_of(data, train, **options):
    task = CATALOGUE.task("classify", labels=("a", "b"))
    return Case(Recorded(task, Predictions(data.row_ids, {})), data, train=train, catalogue=CATALOGUE, **options)


def exhibit(report, title):
    return next(each.data for each in report.exhibits if each.data["title"] == title)


def test_the_slice_that_changed_is_named():
    """Rows of one channel speak of other things; the channel explains all of it."""
    rng = np.random.default_rng(0)
    base = shifted_case(rng, share=0.0)
    new = rng.random(len(base.data)) < 0.4
    texts = [
        f"the tram was late {n}" if is_new else text
        for n, (text, is_new) in enumerate(zip(base.data.texts, new, strict=True))
    ]
    channel = np.where(new, "kiosk", np.where(rng.random(len(new)) < 0.5, "app", "shop"))
    data = Dataset.of({"text": texts, "channel": channel.tolist()}, groups=("channel",))
    train = Dataset.of(
        {"text": base.train.texts, "channel": rng.choice(["app", "shop"], len(base.train)).tolist()},
        groups=("channel",),
    )
    report = report_of(case_of(data, train))
    (finding,) = report.findings
    assert finding.kind == "shift"
    # one thing a reader can look up, and nearly the rows that changed
    assert len(finding.slice.where) == 1
    inside = finding.slice.mask(data)
    assert (inside & new).sum() > 0.9 * (inside | new).sum()
    assert finding.ruling.measure.value > 0.9
    words = {row[0]: row for row in exhibit(report, "shift_words")["rows"]}
    assert words["tram"][1] == 0
    assert words["tram"][2] > 0
    assert any(row[0] == "channel: kiosk" for row in exhibit(report, "shift_properties")["rows"])
    assert all("tram" in row[1] for row in exhibit(report, "shift_rows")["rows"])


def test_references_are_compared_too_and_small_ones_left_out():
    case = shifted_case(np.random.default_rng(0), share=0.0)
    other = shifted_case(np.random.default_rng(1), share=1.0).data
    report = report_of(replace(case, references={"same": case.train, "other": other, "tiny": other.take(np.arange(5))}))
    assert [each.ruling.measure.name for each in report.findings] == ["shift_auroc[other]"]
    assert {each.name for each in report.measures} == {"shift_auroc", "shift_auroc[same]", "shift_auroc[other]"}


def test_tokens_and_second_texts_are_read():
    rng = np.random.default_rng(0)
    rows = [[f"w{rng.integers(30)}" for _ in range(6)] for _ in range(400)]
    changed = [[*row[:5], f"new{rng.integers(5)}"] for row in rows[:200]]
    report = report_of(case_of(Dataset.of({"tokens": changed}), Dataset.of({"tokens": rows[200:]})))
    assert [each.kind for each in report.findings] == ["shift"]
    pairs = [
        Dataset.of({"text": ["same words"] * 100, "text_pair": [f"{word} {n % 9}" for n in range(100)]})
        for word in ("old", "new")
    ]
    assert [each.kind for each in report_of(case_of(*pairs)).findings] == ["shift"]


def test_bad_input_is_told():
    case = shifted_case(np.random.default_rng(0), share=0.0)
    for bad, said in (
        (replace(case, train=case.data), "one file"),
        (replace(case, data=case.data.take(np.arange(20))), "30 rows or more"),
        (replace(case, train=case.train.take(np.arange(20))), "30 rows or more"),
    ):
        (skipped,) = report_of(bad).skipped
        assert skipped["why"] == "unsuited"
        assert said in skipped["detail"]
    (skipped,) = report_of(replace(case, train=None)).skipped
    assert skipped["needs"] == ["case.train"]


def test_empty_texts_are_no_error():
    empty = Dataset.of({"text": [""] * 50})
    report = report_of(case_of(empty, Dataset.of({"text": [""] * 60})))
    assert not report.skipped
    assert not report.findings


@pytest.mark.parametrize(
    ("lang", "said"),
    [
        ("en", ("Shift", "Words that became more or less common", "words no known row has", "training rows")),
        ("zh", ("分布漂移", "变多或变少的词", "已知数据中没有的词", "训练数据")),
    ],
)
def test_the_page_says_it_in_words_and_hides_rows_where_asked(lang, said):
    report = report_of(shifted_case(np.random.default_rng(0), share=0.6)).to_json()
    page = render(report, lang=lang)
    assert all(each in page for each in said)
    assert "shift_" not in page
    assert "property_" not in page
    bare = render(without_rows(report), lang=lang)
    assert "ferry" in page
    assert "ferry" not in bare


def test_a_clean_part_of_the_same_source_stays_silent():
    """Repeats in training, or none of them, are no shift."""
    case = shifted_case(np.random.default_rng(5), share=0.0)
    copied = Dataset.of({"text": case.train.texts * 3})
    assert not report_of(replace(case, train=copied)).findings
