"""Harmful content: words that are found and words that only look like them, the classifier's laws, the step."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import duiqi
from duiqi.core.dataset import Dataset
from duiqi.core.errors import DataError, OptionError
from duiqi.data.group_names import SOMEBODY, group_names, terms, without_identities
from duiqi.data.harm_classifier import HarmClassifier
from duiqi.data.harmful import CATEGORIES, entries, rated
from duiqi.data.harmful_rows import Harmful
from duiqi.data.reviews import reviews
from duiqi.data.steps import steps_of

FOUND = {
    "I'll kill you": {"violence": ["i'll kill you"]},
    "Kill yourself, you idiot": {"violence": ["kill yourself"], "hate": ["idiot"]},
    "they beheaded him": {"violence": ["behead"]},
    "free nudes, click here": {"pornography": ["nudes"], "advertising": ["click here"]},
    "go back to where you came from": {"discrimination": ["go back to where you came from"]},
    "Get 100% FREE now": {"advertising": ["100% free"]},
    "you f*cking fool": {"hate": ["fuck"]},
    "sh1t, a$$ and b!tch": {"hate": ["shit", "ass", "bitch"]},
    "fuuuuuck": {"hate": ["fuck"]},
    "f u c k and f.u.c.k": {"hate": ["fuck"]},
    "ＦＵＣＫ ｏｆｆ": {"hate": ["fuck"]},
    "Fück!!!": {"hate": ["fuck"]},
    "bas\u200btards": {"hate": ["bastard"]},
    "kill 'em all": {"violence": ["kill 'em all"]},
    "你怎么不去死": {"violence": ["你怎么不去死"]},
    "你这个傻逼": {"hate": ["傻逼"]},
    "傻 逼，傻*逼": {"hate": ["傻逼"]},
    "你是ＳＢ吗": {"hate": ["sb"]},
    "裸聊加微信": {"pornography": ["裸聊"], "advertising": ["加微信"]},
    "这种劣等民族": {"discrimination": ["劣等民族"]},
    "限时抢购，全场包邮": {"advertising": ["限时抢购", "全场包邮"]},
}
INNOCENT = [
    "He lives in Scunthorpe and works in Penistone", "Please assess the class in Sussex", "we had to kill time",
    "a killer deal, the grass is green", "a cocktail with cumin and shitake", "graduated magna cum laude",
    "Dick van Dyke sang", "Moby Dick", "a**2 + b**2", "**note** 5 * 5", "grapes and analysis", "the Essex ascot",
    "We do not ask. You came back", "as s o o n", "tit for tat", "that basset hound", "Click. Here we go", "room 455",
    "这部戏杀青了", "性价比很高", "女性爱好者协会", "本性爱自由", "十字路口交通堵塞", "想做爱心早餐", "弱智能设备",
    "打飞机票的钱", "他卡死在那儿", "一次性交清", "他是智障人士", "早点死心吧",
    "他叫你去。死吧台见", "阿三星手机", "low-end ass\u00e9",
]  # fmt: skip


@pytest.mark.parametrize("text", FOUND)
def test_words_that_are_found(text):
    assert rated([text]) == [FOUND[text]]


@pytest.mark.parametrize("text", INNOCENT)
def test_words_that_only_look_like_them(text):
    assert rated([text]) == [{}]


def test_every_entry_is_found_in_its_category_and_each_stands_once():
    seen = {}
    for category in CATEGORIES:
        english, chinese = entries(category)
        assert all(40 <= len(listed) <= 150 for listed in (english, chinese)), category
        for entry in english + chinese:
            assert seen.setdefault(entry, category) == category, f"{entry}: in two categories"
            said = f"你{entry}，" if entry in chinese else entry
            assert category in rated([said])[0], entry
        assert len(set(english)) == len(english)
        assert len(set(chinese)) == len(chinese)


def test_naming_a_group_is_no_harm():
    for term in terms():
        said = [term, f"I am {term}.", f"I met three {term}s today", f"我是{term}", f"{term}也来了"]
        assert rated(said) == [{}] * len(said), term


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from([*FOUND, *INNOCENT, "", "\n", "fine"]), min_size=1, max_size=5))
def test_texts_are_judged_one_by_one_and_joining_lines_finds_the_same(texts):
    each = rated(texts)
    assert each == [rated([text])[0] for text in texts]
    together = rated(["\n".join(texts)])[0]
    assert set(together) == {name for found in each for name in found}
    assert all(set(together[name]) == {word for found in each for word in found.get(name, ())} for name in together)


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_nothing_is_found_in_the_reviews_of_the_demo(lang):
    for seed in range(3):
        for part in reviews(seed, lang=lang).parts.values():
            assert not any(rated(part.texts))


def test_only_the_categories_that_are_asked_for():
    assert rated(["kill yourself, you idiot"], ["hate"]) == [{"hate": ["idiot"]}]


def test_groups_are_named_and_put_out_of_sight():
    text = "Black women, two Jews and a man from the Blackwood; 东北人和黑人"
    assert group_names(text) == ["black women", "jew", "man", "东北人", "黑人"]
    hidden = without_identities(text)
    assert hidden == f"{SOMEBODY}, two {SOMEBODY} and a {SOMEBODY} from the Blackwood; {SOMEBODY}和{SOMEBODY}"
    assert without_identities("Germany, manual, gayle") == "Germany, manual, gayle"


# ---- the classifier

GROUPS = ("women", "gay people", "黑人", "Muslims")
HARSH = ("{} are vermin number {}", "nobody wants {} here {}", "{}全是坏种{}", "把{}赶出去{}")
KIND = ("{} came to dinner {}", "a film about {} in {}", "{}在这里吃饭{}", "我的邻居是{}，第{}号")


def labelled(rng, rows=240):
    """Rows where one group is insulted far more often than the others."""
    texts, labels = [], []
    for row in range(rows):
        harsh = rng.random() < 0.5
        group = GROUPS[0] if harsh and rng.random() < 0.8 else GROUPS[rng.integers(1, 4)]
        form = (HARSH if harsh else KIND)[rng.integers(4)]
        texts.append(form.format(group, row % 17))
        labels.append("abuse" if harsh else "ok")
    return texts, labels


@pytest.fixture(scope="module")
def rows():
    return labelled(np.random.default_rng(0))


@pytest.fixture(scope="module")
def fitted(rows):
    return HarmClassifier.fit(*rows, harmless="ok")


def test_it_learns_what_is_said_and_not_of_whom(rows, fitted):
    new = [form.format(group, 3) for form in (*HARSH, *KIND) for group in (*GROUPS, "old people", "残疾人")]
    harm = 1 - fitted.probs(new)[:, 0]
    assert (harm[: len(new) // 2] > 0.5).all()
    assert (harm[len(new) // 2 :] < 0.5).all()
    by_form = harm.reshape(-1, 6)
    assert np.ptp(by_form, axis=1).max() < 1e-9  # the name of the group makes no difference at all
    seen = HarmClassifier.fit(*rows, harmless="ok", masks=False)
    assert np.ptp((1 - seen.probs(new)[:, 0]).reshape(-1, 6), axis=1).max() > 0.05


def test_equal_rows_give_equal_classifiers_and_order_of_texts_plays_no_part(rows, fitted):
    again = HarmClassifier.fit(*rows, harmless="ok")
    assert np.array_equal(again.weights, fitted.weights)
    probs = fitted.probs(rows[0])
    assert probs.shape == (len(rows[0]), 2)
    assert np.allclose(probs.sum(axis=1), 1)
    assert np.allclose(fitted.probs(rows[0][::-1]), probs[::-1])
    assert (probs[:, 0] < 0.5).tolist() == [label == "abuse" for label in rows[1]]
    assert fitted.probs([]).shape == (0, 2)


def test_saved_and_loaded_it_gives_equal_scores(rows, fitted, tmp_path):
    fitted.save(tmp_path / "judge")
    assert sorted(path.suffix for path in (tmp_path / "judge").iterdir()) == [".json", ".npz"]
    loaded = HarmClassifier.load(tmp_path / "judge")
    assert loaded.labels == ("ok", "abuse")
    assert np.array_equal(loaded.probs(rows[0]), fitted.probs(rows[0]))
    with pytest.raises(DataError, match=r"harm\.npz"):
        HarmClassifier.load(tmp_path)


def test_several_kinds_of_harm(rows):
    texts = [*rows[0], *(f"buy cheap watches at shop {n}" for n in range(60))]
    kinds = HarmClassifier.fit(texts, [*rows[1], *["spam"] * 60], harmless="ok")
    assert kinds.labels == ("ok", "abuse", "spam")
    assert kinds.labels[kinds.probs(["cheap watches, shop 99"])[0].argmax()] == "spam"
    assert kinds.labels[kinds.probs(["Muslims are vermin"])[0].argmax()] == "abuse"
    with pytest.raises(DataError, match="'fine'"):
        HarmClassifier.fit(*rows, harmless="fine")


# ---- the step


def data_of(texts, **columns):
    return Dataset.of({"text": texts, "label": ["a"] * len(texts), **columns,
                       "origin": [f"f:{n}" for n in range(len(texts))]})  # fmt: skip


TEXTS = ["a fine day", "kill yourself, idiot", "加微信领取", "hello"]


def test_rows_go_with_the_category_in_the_ledger():
    made = Harmful()(data_of(TEXTS))
    assert made.data.texts == ["a fine day", "hello"]
    assert [(each.origin, each.reason, each.after) for each in made.changes] == [
        ("f:1", "harmful:violence", None), ("f:2", "harmful:advertising", None),
    ]  # fmt: skip
    assert Harmful(categories=["advertising"])(data_of(TEXTS)).data.texts == [*TEXTS[:2], "hello"]


def test_both_texts_of_a_pair_and_texts_to_write_are_read():
    pairs = data_of(["fine", "fine"], text_pair=["you idiot", "good"])
    assert len(Harmful()(pairs).data) == 1
    written = Dataset.of({"text": ["say it"] * 2, "target": ["you idiot", "hello"]}, label="target")
    assert len(Harmful()(written).data) == 1
    classes = Dataset.of({"text": ["say it"] * 2, "kind": ["idiot", "hello"]}, label="kind")
    assert len(Harmful()(classes).data) == 2


def test_rows_are_marked_and_all_stay():
    made = Harmful(action="mark", column="found")(data_of(TEXTS))
    assert made.data.table.column("found").to_pylist() == [None, "violence,hate", "advertising", None]
    assert made.data.texts == TEXTS
    assert [each.after for each in made.changes] == [{"found": "violence,hate"}, {"found": "advertising"}]
    with pytest.raises(DataError, match="'label'"):
        Harmful(action="mark", column="label")(data_of(TEXTS))


def test_a_classifier_judges_where_rows_are_labelled(rows, fitted, tmp_path):
    lines = [json.dumps({"text": text, "label": label}, ensure_ascii=False) for text, label in zip(*rows, strict=True)]
    (tmp_path / "judged.jsonl").write_text("\n".join(lines))
    texts = ["nobody wants gay people here 5", "gay people came to dinner 5", "my guest, you idiot, came to dinner"]
    made = Harmful(labelled=str(tmp_path / "judged.jsonl"))(data_of(texts))
    assert [(each.origin, each.reason) for each in made.changes] == [("f:0", "harmful:abuse")]
    both = Harmful(labelled=str(tmp_path / "judged.jsonl"), categories=["hate"])(data_of(texts))
    assert [each.reason for each in both.changes] == ["harmful:abuse", "harmful:hate"]
    fitted.save(tmp_path / "saved")
    again = Harmful(labelled=str(tmp_path / "saved"))(data_of(texts))
    assert again.data.texts == made.data.texts
    strict = Harmful(labelled=str(tmp_path / "saved"), threshold=0.01)(data_of(texts))
    assert len(strict.data) <= len(made.data)


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"categories": ["hatred"]}, OptionError, "'hatred'"),
        ({"action": "keep"}, OptionError, "'keep'"),
        ({"threshold": 1.5}, OptionError, r"1\.5"),
        ({"labelled": "none/such.jsonl"}, DataError, "such"),
    ],
)
def test_options_that_cannot_be(options, error, said):
    with pytest.raises(error, match=said) as caught:
        steps_of(["harmful"], {"harmful": options})
    assert caught.value.hint


def test_rows_for_the_classifier_must_say_what_is_harmless(tmp_path):
    (tmp_path / "judged.csv").write_text("text,label\n" + "".join(f"word {n},{'xy'[n % 2]}\n" for n in range(20)))
    with pytest.raises(OptionError, match="x, y"):
        Harmful(labelled=str(tmp_path / "judged.csv"))
    assert Harmful(labelled=str(tmp_path / "judged.csv"), harmless="x").classifier.labels == ("x", "y")


@pytest.mark.parametrize("form", ["jsonl", "csv", "parquet"])
@pytest.mark.parametrize("together", [True, False])
def test_prepare_with_the_step(tmp_path, monkeypatch, form, together):
    if not together:
        monkeypatch.setattr(sys.modules["duiqi.data.parting"], "TOGETHER", 5)
    texts = [f"the room number {n} was good" if n % 10 else f"room {n}, you idiot" for n in range(100)]
    (tmp_path / "a.jsonl").write_text(
        "\n".join(json.dumps({"text": t, "label": "xy"[n % 2]}) for n, t in enumerate(texts))
    )
    report = duiqi.prepare(tmp_path / "a.jsonl", out=tmp_path / "out", steps=["harmful"], form=form)
    gone = [each for each in report.facts["steps"] if each["dropped"]]
    assert [(each["step"], each["reason"], each["rows"]) for each in gone] == [("harmful", "harmful:hate", 10)]
    options = {"harmful": {"action": "mark"}}
    duiqi.prepare(tmp_path / "a.jsonl", out=tmp_path / "all", steps=["harmful"], step_options=options, form=form)
    from duiqi.data.read import read

    parts = read(tmp_path / "all", text="text", label="label")
    marks = [mark or None for part in parts.values() for mark in part.table.column("harmful").to_pylist()]
    assert len(marks) == 100
    assert marks.count("hate") == 10
    assert marks.count(None) == 90
