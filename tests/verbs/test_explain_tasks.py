"""The walk of `explain` for relations, answers of passages and ranks: trained models, reports, sentences, bad input."""

from __future__ import annotations

import json

import numpy as np
import pytest

import duiqi
from duiqi.core.bundle import Step
from duiqi.core.dataset import Dataset
from duiqi.core.errors import DataError, OptionError
from duiqi.core.part import Catalogue
from duiqi.model.fit import fit
from duiqi.model.open import find
from duiqi.show.explanations import told
from duiqi.show.html import render
from duiqi.show.sentences import Sentences
from tiny import BAD, FILLER, GOOD

ENGLISH, CHINESE = Sentences.of("en"), Sentences.of("zh")


def trained(body, folder, name, data, epochs=3, **options):
    task = Catalogue.installed().task(name, **options)
    settings = {"learning_rate": 3e-3, "batch_rows": 16, "epochs": epochs}
    return fit(find(body), data, task=task, out=folder / name, step=Step("finetune"), **settings).path


@pytest.fixture(scope="module")
def relations(body, tmp_path_factory):
    """A word between the parts says what holds."""
    rng = np.random.default_rng(0)
    texts, spans, labels = [], [], []
    for good in rng.integers(0, 2, 400).tolist():
        before, between = ([str(each) for each in rng.choice(FILLER, int(rng.integers(1, 5)))] for _ in range(2))
        between.insert(int(rng.integers(len(between) + 1)), str(rng.choice(GOOD if good else BAD)))
        texts.append(" ".join([*before, "plot", *between, "scene"]))
        start = len(" ".join(before)) + 1
        spans.append([[start, start + 4], [len(texts[-1]) - 5, len(texts[-1])]])
        labels.append("praises" if good else "blames")
    data = Dataset.of({"text": texts, "spans": spans, "label": labels})
    return trained(body, tmp_path_factory.mktemp("r"), "relation", data, epochs=8, labels=("blames", "praises"))


@pytest.fixture(scope="module")
def answers(body, tmp_path_factory):
    """The word that judges is the answer; where none does, there is none."""
    rng = np.random.default_rng(0)
    passages, labels = [], []
    for at in range(300):
        words = [str(each) for each in rng.choice(["the", "film", "was", "plot"], size=int(rng.integers(4, 10)))]
        place = int(rng.integers(len(words)))
        if at % 4:
            words[place] = str(rng.choice(GOOD))
        passages.append(" ".join(words))
        start = sum(map(len, words[:place])) + place
        labels.append([{"text": words[place], "start": start}] if at % 4 else [])
    data = Dataset.of({"text": ["it was"] * 300, "text_pair": passages, "label": labels})
    return trained(body, tmp_path_factory.mktemp("a"), "extract", data, no_answer=True)


@pytest.fixture(scope="module")
def ranks(body, tmp_path_factory):
    """What belongs together has its words in common, in another order."""
    rng = np.random.default_rng(0)
    rows = [[str(each) for each in rng.choice([*FILLER, *GOOD, *BAD], size=3, replace=False)] for _ in range(200)]
    data = Dataset.of({"text": [" ".join(row) for row in rows], "label": [" ".join(row[::-1]) for row in rows]})
    return trained(body, tmp_path_factory.mktemp("k"), "rank", data, epochs=2)


def test_relations_are_explained_with_their_marks(relations):
    report = duiqi.explain(relations, "the <e1>plot</e1> was awful and the <e2>scene</e2>", method=("kernel_shap",
                           "occlusion", "lime"), samples=200)  # fmt: skip
    (one,) = report.facts["explanations"]
    assert (one["kind"], one["answer"]) == ("class", "blames")
    for each in one["methods"]:
        assert one["words"][int(np.argmax(each["weights"]))] == "awful", each["method"]
    assert "".join(text for text, _ in one["segments"]) == "the [plot] was awful and the [scene]₂"
    assert one["counterfactual"]["instead"] == "praises"
    assert told(one, ENGLISH).sentence.startswith("The model says “blames” (")
    asked = duiqi.explain(
        relations, "the <e1>plot</e1> was awful, <e2>scene</e2>", class_="praises", method=["occlusion"]
    )
    (other,) = asked.facts["explanations"]
    assert (other["about"], other["answer"]) == ("praises", "blames")


def test_answers_of_passages_are_explained(answers):
    report = duiqi.explain(answers, "it was", "the film was lovely the plot", "it was", "the film was the plot",
                           method=["kernel_shap", "occlusion"])  # fmt: skip
    found, none = report.facts["explanations"]
    assert (found["kind"], found["answer"], none["answer"]) == ("answer", "lovely", "")
    assert found["words"] == ["it", "was", "the", "film", "was", "the", "plot"]
    assert none["words"] == ["it", "was", "the", "film", "was", "the", "plot"]
    sure = found["confidence"]
    assert found["value"] == pytest.approx(np.log(sure / (1 - sure)), abs=1e-6)
    assert "".join(text for text, _ in found["segments"]) == "it was ‖ the film was lovely the plot"
    assert told(found, ENGLISH).sentence.startswith("The model answers “lovely” from the passage (")
    assert told(none, ENGLISH).sentence.startswith("The model finds no answer in the passage (")
    assert told(found, CHINESE).sentence.startswith("模型从文中找到的答案是“lovely”（把握 ")
    assert told(none, CHINESE).sentence.startswith("模型认为文中没有答案（把握 ")
    page = render(json.loads(json.dumps(report.to_json())), lang="en")
    assert "from the passage" in page or "Explained 2 answers" in page


def test_ranks_are_explained_by_the_words_that_both_have(ranks):
    (one,) = duiqi.explain(ranks, "lovely plot scene", "scene plot lovely", "awful actor dull",
                           method=["kernel_shap", "occlusion"]).facts["explanations"]  # fmt: skip
    assert (one["kind"], one["answer"], one["confidence"]) == ("document", "scene plot lovely", None)
    assert one["value"] == pytest.approx(1.0, abs=0.1)
    assert len(one["words"]) == 6
    assert one["counterfactual"]["instead"] == "awful actor dull"
    sentence = told(one, ENGLISH).sentence
    assert sentence.startswith("The model puts “scene plot lovely” first (cosine ")
    assert sentence.endswith("it would put “awful actor dull” first.")
    assert "排在第一" in told(one, CHINESE).sentence


def test_queries_of_a_file_are_explained_beside_those_of_training(ranks, tmp_path):
    rows = [{"text": f"{a} {b} film", "label": f"film {b} {a}"} for a in GOOD for b in BAD[:2]]
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    report = duiqi.explain(ranks, path, train=path, rows=6, method=["occlusion"], out=tmp_path / "why")
    said = report.facts["explanations"]
    assert len(said) == 6
    for row, one in zip(rows, said, strict=False):
        assert one["examples"][0]["text"] == row["text"]
        assert one["examples"][0]["label"] == row["label"]
    assert not [each for each in report.exhibits if each.data["title"] == "faithfulness"]  # cosines are no shares
    assert "cosine" in (tmp_path / "why" / "report.html").read_text(encoding="utf-8")


def test_training_rows_near_a_question_show_their_answers(answers):
    train = Dataset.of({"text": ["it was"] * 2, "text_pair": ["the film was good", "the plot"],
                        "label": [[{"text": "good", "start": 13}], []]})  # fmt: skip
    (one,) = duiqi.explain(answers, "it was", "the film was great", method=["occlusion"],
                           train=train).facts["explanations"]  # fmt: skip
    assert {each["label"] for each in one["examples"]} == {"good", ""}


def test_whether_explanations_of_answers_hold_is_told(answers):
    passages = [f"the film {word} was the plot" for word in (*GOOD, "and", "it")]
    data = Dataset.of({"text": ["it was"] * 6, "text_pair": passages})
    report = duiqi.explain(answers, data, method=["occlusion"])
    assert [each.data["title"] for each in report.exhibits if each.data["title"] == "faithfulness"]


@pytest.mark.parametrize(
    ("model", "given", "options", "error", "said"),
    [
        ("relations", ["the plot was awful"], {}, DataError, "both parts marked"),
        ("relations", ["the <e1>plot</e1> was"], {}, DataError, "both parts marked"),
        ("relations", ["<e1>a</e1> <e2>b</e2>", "<e1>a</e1> b"], {}, DataError, "<e2>…</e2> once each"),
        ("relations", ["<e1>a</e1> <e2>b</e2>"], {"class_": "praise"}, OptionError, "praises"),
        ("relations", ["<e1>a</e1> <e2>b</e2>"], {"word": "a"}, OptionError, "no --word"),
        ("answers", ["it was"], {}, DataError, "two by two"),
        ("answers", ["it was", " "], {}, DataError, "empty"),
        ("answers", ["it was", "the film"], {"class_": "film"}, OptionError, "no --class"),
        ("ranks", ["the film"], {}, DataError, "at least one document"),
        ("ranks", ["the film", "a plot"], {"class_": "x"}, OptionError, "no --class"),
    ],
)
def test_bad_input_gets_one_clear_message(request, model, given, options, error, said):
    with pytest.raises(error) as raised:
        duiqi.explain(request.getfixturevalue(model), *given, **options)
    assert said in str(raised.value)
    assert raised.value.hint


def test_rows_without_words_are_told(relations, answers):
    data = Dataset.of({"text": ["…"], "text_pair": ["…"]})
    report = duiqi.explain(answers, data, method=["occlusion"])
    assert len(report.facts["explanations"]) <= 1
    empty = Dataset.of({"text": [""], "text_pair": [""]})
    report = duiqi.explain(answers, empty, method=["occlusion"])
    assert report.facts["explanations"] == []
    assert {"code": "no_words", "rows": 1} in report.notes
