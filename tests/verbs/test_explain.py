"""The walk of `explain`: through the command line, to the page, in both languages, for every task it knows."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import duiqi
from duiqi.core.bundle import Step
from duiqi.core.errors import DataError, OptionError
from duiqi.core.part import Catalogue
from duiqi.core.report import without_rows
from duiqi.model.fit import fit
from duiqi.model.open import find
from duiqi.show.explanations import told
from duiqi.show.html import render
from duiqi.show.sentences import Sentences
from tiny import BAD, GOOD, reviews


def run(*words):
    done = subprocess.run([sys.executable, "-m", "duiqi", "explain", *map(str, words)], capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def test_the_command_says_why_and_writes_a_page(fitted, tmp_path):
    code, said, err = run(fitted, "the film was awful and quite <b> it", "--out", tmp_path / "why", "--lang", "zh")
    assert (code, "Traceback" in err) == (0, False), err
    assert "“awful”" in said.split("\n\n")[1]
    page = (tmp_path / "why" / "report.html").read_text(encoding="utf-8")
    assert "模型的回答是“negative”" in page
    assert '<span class="p3">awful</span>' in page
    assert "<b>" not in page.split("<main>")[1].split('class="tokens"')[1].split("</div>")[0]
    report = json.loads((tmp_path / "why" / "report.json").read_text(encoding="utf-8"))
    (one,) = report["explanations"]
    assert one["answer"] == "negative"
    assert [each["method"] for each in one["methods"]] == ["kernel_shap", "occlusion", "integrated_gradients"]
    for each in one["methods"]:
        assert one["words"][max(range(len(one["words"])), key=each["weights"].__getitem__)] == "awful"
    assert one["methods"][2]["errors"]["completeness_error"] <= 0.02
    (edit,) = one["counterfactual"]["edits"]
    assert edit["old"] == "awful"
    assert one["counterfactual"]["instead"] == "positive"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([""], "empty"),
        (["film", " "], "empty"),
        (["film", "--method", "shape"], "kernel_shap"),
        (["film", "--scale", "odds"], "log_odds"),
        (["film", "--samples", "1"], "at least 2"),
        (["film", "--class", "positiv"], "positive"),
    ],
)
def test_bad_words_get_one_clear_message(fitted, words, expected):
    code, said, err = run(fitted, *words)
    assert (code, said) == (2, "")
    assert expected in err
    assert "Traceback" not in err


def test_a_file_is_explained_row_by_row_and_over_all_rows(fitted, tmp_path):
    rows = reviews(30, seed=5)
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(json.dumps({"text": text, "label": label})
                              for text, label in zip(rows.texts, rows.values("label"), strict=True)))  # fmt: skip
    report = duiqi.explain(fitted, path, rows=25, train=reviews(200, seed=1), samples=40)
    said = report.to_json()
    assert len(said["explanations"]) == 25
    assert {"code": "first_rows_explained", "rows": 25, "of": 30} in said["notes"]
    (table,) = [each["data"] for each in said["exhibits"] if each["data"]["title"] == "word_importance"]
    # without a word that judges the tiny model says "positive", so only the bad words weigh much
    first = [row[0] for row in table["rows"] if row[1] == "negative"][:2]
    assert set(first) <= {*BAD}, table["rows"]
    for row in said["explanations"]:
        assert row["examples_agree"] >= 0.6
        assert len(row["examples"]) == 5
    bare = without_rows(said)
    assert bare["explanations"] == []
    assert rows.texts[0] not in json.dumps(bare)
    for lang in ("en", "zh"):
        assert table["rows"][0][0] in render(said, lang=lang)


def test_a_page_to_forward_holds_no_word_of_a_row(fitted, tmp_path):
    rows = tmp_path / "rows.jsonl"
    rows.write_text("\n".join(json.dumps({"text": f"quixotic film {i} poor"}) for i in range(6)), encoding="utf-8")
    with_rows, without = tmp_path / "with", tmp_path / "without"
    duiqi.explain(fitted, rows, out=with_rows, method=["occlusion"], counterfactual=False, threads=1)
    duiqi.explain(fitted, rows, out=without, method=["occlusion"], counterfactual=False, threads=1, report_rows=False)
    for name in ("report.json", "report.html"):
        assert "quixotic" in (with_rows / name).read_text(encoding="utf-8")
        assert "quixotic" not in (without / name).read_text(encoding="utf-8")


def test_methods_agree_on_what_the_tiny_model_learned(fitted):
    methods = ("lime", "kernel_shap", "occlusion", "integrated_gradients")
    report = duiqi.explain(fitted, "quite a poor plot", "it was bad", method=methods, scale="probability")
    for one, word in zip(report.facts["explanations"], ("poor", "bad"), strict=True):
        for each in one["methods"]:
            assert one["words"][max(range(len(one["words"])), key=each["weights"].__getitem__)] == word
        assert 0 <= one["value"] <= 1


def test_a_text_longer_than_the_model_reads_is_explained_to_its_end(fitted):
    text = " ".join(["the film was and it"] * 8 + ["awful"])
    (one,) = duiqi.explain(fitted, text, class_="negative").facts["explanations"]
    for each in one["methods"]:
        assert max(range(len(one["words"])), key=each["weights"].__getitem__) == len(one["words"]) - 1, each["method"]
    assert one["methods"][2]["errors"]["completeness_error"] <= 0.02


def trained(body, tmp_path, name, data, **options):
    task = Catalogue.installed().task(name, **options)
    settings = {"learning_rate": 3e-3, "batch_rows": 16, "epochs": 3}
    return fit(find(body), data, task=task, out=tmp_path / name, step=Step("finetune"), **settings).path


def test_pairs_are_taken_two_by_two(body, tmp_path):
    from duiqi.core.dataset import Dataset

    rows = reviews(400, seed=2)
    data = Dataset.of({"text": ["the film was quite it"] * 400, "text_pair": rows.texts, "label": rows.values("label")})
    model = trained(body, tmp_path, "classify_pair", data, labels=("negative", "positive"))
    (one,) = duiqi.explain(model, "the plot", "it was very good").facts["explanations"]
    assert one["answer"] == "positive"
    assert one["words"] == ["the", "plot", "it", "was", "very", "good"]
    assert "".join(text for text, _ in one["segments"]) == "the plot ‖ it was very good"
    assert max(range(6), key=one["methods"][0]["weights"].__getitem__) == 5
    with pytest.raises(DataError, match="two by two"):
        duiqi.explain(model, "the plot")


def test_numbers_and_labels_and_entities(body, tmp_path):
    from duiqi.core.dataset import Dataset

    rows = reviews(400, seed=4)
    good = [label == "positive" for label in rows.values("label")]
    model = trained(
        body, tmp_path, "regress", rows.with_column("label", [10.0 * each for each in good]), mean=5.0, scale=5.0
    )
    (one,) = duiqi.explain(model, "it was awful").facts["explanations"]
    assert one["confidence"] is None
    assert one["value"] < 3
    assert min(range(3), key=one["methods"][0]["weights"].__getitem__) == 2
    assert told(one, Sentences.of("en")).sentence.startswith("The model gives ")
    assert "awful" in told(one, Sentences.of("zh")).sentence

    labels = [["praise"] if each else [] for each in good]
    model = trained(body, tmp_path, "multilabel", rows.with_column("label", labels), labels=("praise",))
    report = duiqi.explain(model, "it was lovely", "it was awful")
    (one,) = report.facts["explanations"]
    assert (one["about"], one["words"][2]) == ("praise", "lovely")
    assert {"code": "nothing_answered", "rows": 1} in report.notes

    tokens = [text.split() for text in rows.texts]
    tags = [["B-J" if word in GOOD + BAD else "O" for word in row] for row in tokens]
    data = Dataset.of({"tokens": tokens, "label": tags})
    model = trained(body, tmp_path, "tag", data, labels=("J",), head="token_classification")
    (one,) = duiqi.explain(model, "the plot was awful").facts["explanations"]
    assert (one["about"], one["words_of_answer"]) == ("J", ["awful"])
    assert max(range(4), key=one["methods"][0]["weights"].__getitem__) == 3
    assert "“awful” for “J”" in told(one, Sentences.of("en")).sentence
    with pytest.raises(OptionError, match="word of the text"):
        duiqi.explain(model, "the plot was awful", word="lovely")


def test_a_text_that_the_model_writes_is_explained_by_how_likely_it_stays(decoder):
    report = duiqi.explain(decoder, "the film was good", task="generate", options={"generate": {"longest": 4}})
    (one,) = report.facts["explanations"]
    assert one["value"] < 0
    assert one["counterfactual"] is None
    assert len(one["methods"][0]["weights"]) == 4
    assert one["methods"][2]["method"] == "integrated_gradients"
    assert one["methods"][2]["errors"]["completeness_error"] <= 0.02
    assert told(one, Sentences.of("en")).sentence.startswith("The model writes ")


def test_choices_are_the_texts_after_the_question(body, tmp_path):
    import numpy as np

    from duiqi.core.dataset import Dataset

    rng = np.random.default_rng(0)
    right = rng.integers(0, 2, 300)
    pick = rng.integers(0, 4, (300, 2)).tolist()
    choices = [[f"the plot {(BAD, GOOD)[at == place][words[place]]}" for place in (0, 1)]
               for at, words in zip(right.tolist(), pick, strict=True)]  # fmt: skip
    data = Dataset.of({"text": ["it was"] * 300, "choices": choices, "label": right.tolist()})
    model = trained(body, tmp_path, "choose", data)
    report = duiqi.explain(model, "it was", "the plot awful", "the plot great")
    (one,) = report.facts["explanations"]
    assert one["answer"] == "B"
    assert one["words"] == ["it", "was", "the", "plot", "awful", "the", "plot", "great"]
    weights = one["methods"][0]["weights"]
    assert max(range(8), key=weights.__getitem__) == 4  # what is bad of the other choice speaks for this one
    assert max(range(8), key=one["methods"][2]["weights"].__getitem__) == 4
    assert "".join(text for text, _ in one["segments"]) == "it was (A) the plot awful (B) the plot great"
    with pytest.raises(DataError, match="two choices"):
        duiqi.explain(model, "it was", "the plot awful")


def test_a_model_without_a_head_says_so(body):
    from duiqi.core.errors import ModelError

    with pytest.raises(ModelError, match="head"):
        duiqi.explain(body, "the film")


def test_a_body_ranks_as_it_is(body):
    (one,) = duiqi.explain(body, "good film", "a good film", "dull", task="rank", method=["occlusion"]).facts[
        "explanations"
    ]
    assert one["answer"] == "a good film"
