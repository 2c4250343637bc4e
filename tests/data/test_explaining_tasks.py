"""Marked parts, answers of passages and documents: what can be taken out, and known weights of made-up models."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from duiqi.core.dataset import Dataset
from duiqi.core.errors import ModelError, OptionError
from duiqi.core.part import Catalogue
from duiqi.core.predictions import Predictions
from duiqi.data.counterfactual import counterfactuals
from duiqi.data.divided import divided, variants
from duiqi.data.explaining import explained, subject_of
from duiqi.data.faithfulness import faithfulness
from duiqi.data.passages import LONG, NEAR, in_units
from duiqi.data.targets import EXPLAINED, reading_of
from duiqi.model.heads.answering import by_text
from duiqi.model.heads.embedding import Embedding

CATALOGUE = Catalogue.installed()
METHODS = ("occlusion", "lime", "kernel_shap")


@dataclass
class Made:
    """Answers by a function of the rows; counts how often it is asked."""

    task: object
    answers: object
    offers: frozenset
    name: str = "made"
    fingerprint: str = "made"
    calls: list = field(default_factory=list)

    def predict(self, data, outputs):
        self.calls.append(len(data))
        columns = self.answers(data)
        return Predictions(data.row_ids, {name: columns[name] for name in outputs})


def first_is(found, word, method="kernel_shap"):
    words = found.divided.words
    assert words[int(np.argmax(found.by[method].weights))] == word, dict(
        zip(words, found.by[method].weights, strict=True)
    )


# Marked parts


def marked(text="The old cough comes from a new virus.", spans=((8, 13), (31, 36))):
    return Dataset.of({"text": [text], "spans": [[list(each) for each in spans]]})


def test_marked_parts_stay_and_move_along():
    data = marked("The bad old cough  comes from a new virus.", ((8, 17), (36, 41)))
    (cut,) = divided(data)
    assert cut.words == ["The", "bad", "old", "cough", "comes", "from", "a", "new", "virus"]
    assert "".join(text for text, _ in cut.segments()) == "The bad [old cough]  comes from a new [virus]₂."
    rng = np.random.default_rng(0)
    keep = rng.random((200, len(cut))) < 0.5
    made = variants(data, [0] * 200, [cut], list(cut.kept(keep)))
    for stays, text, spans in zip(keep, made.texts, made.values("spans"), strict=True):
        first, second = (text[start:end] for start, end in spans)
        assert first.split() == ([w for w, k in zip(("old", "cough"), stays[2:4], strict=True) if k] or ["…"])
        assert second == ("virus" if stays[8] else "…")
        assert [w for w in text.rstrip(".").split() if w != "…"] == [
            word for word, kept in zip(cut.words, stays, strict=True) if kept
        ]
        assert "  " not in text
    (whole,) = cut.kept(np.ones((1, len(cut)), dtype=bool))
    same = variants(data, [0], [cut], [whole])
    assert (same.texts, same.values("spans")) == (data.texts, data.values("spans"))


def test_no_chinese_word_reaches_over_a_mark():
    pytest.importorskip("jieba")
    text = "北京大学的学生喜欢上海"
    data = marked(text, ((0, 2), (9, 11)))
    (cut,) = divided(data)
    assert cut.words[0] == "北京"
    assert cut.words[-1] == "上海"
    assert "".join(cut.words) == text
    assert "".join(part for part, _ in cut.segments()) == "[北京]大学的学生喜欢[上海]₂"
    (gone,) = cut.kept(np.zeros((1, len(cut)), dtype=bool))
    made = variants(data, [0], [cut], [gone])
    assert (made.texts, made.values("spans")) == (["……"], [[[0, 1], [1, 2]]])


def test_the_cue_between_marked_parts_ranks_first_and_taking_it_out_turns_the_class():
    seen = []

    def answers(data):
        odds = []
        for text, spans in zip(data.texts, data.values("spans"), strict=True):
            parts = [text[start:end] for start, end in spans]
            seen.append(parts)
            odds.append(3.0 * ("from" in text[spans[0][1] : spans[1][0]]) + (parts[0] == "cough") - 2.0)
        p = 1 / (1 + np.exp(-np.array(odds)))
        return {"probs": np.stack([1 - p, p], axis=1)}

    model = Made(CATALOGUE.task("relation", labels=("none", "cause")), answers, frozenset({"probs"}))
    subject = subject_of(model, marked(), "cause")
    (found,) = explained(model, subject, METHODS)
    assert len(model.calls) == 2
    for method in METHODS:
        first_is(found, "from", method)
    expected = [3.0 * (w == "from") + (w == "cough") for w in found.divided.words]
    np.testing.assert_allclose(found.by["kernel_shap"].weights, expected, atol=1e-6)
    (edit,) = counterfactuals(model, subject, [found])
    assert [(each.old, each.new) for each in edit.edits] == [("from", "")]
    assert edit.instead == "none"
    assert all(part for parts in seen for part in parts)
    with pytest.raises(OptionError, match="caus") as raised:
        subject_of(model, marked(), "caus")
    assert "cause" in raised.value.hint


# Answers of passages

PASSAGE = "Old Paris is big. The capital is Paris now. Rome is warm."


def reader(weights, *, no_answer=False):
    """Says "Paris" with log-odds that words of question and passage add to, else "Rome", or that there is none."""

    def answers(data):
        found = []
        for question, passage in zip(data.texts, data.second_texts, strict=True):
            odds = -1.0 + sum(w for word, w in weights.items() if word in f"{question} {passage}".split())
            p = float(1 / (1 + np.exp(-odds)))
            other = "" if no_answer else "Rome"
            found.append(sorted([("Paris", p), (other, 1 - p)], key=lambda each: -each[1]))
        text = [each[0][0] for each in found]
        sure = np.array([each[0][1] for each in found])
        spans = [
            (passage.rfind(t), passage.rfind(t) + len(t)) for t, passage in zip(text, data.second_texts, strict=True)
        ]
        return {"text": text, "candidates": found, "spans": spans, "probs": np.stack([1 - sure, sure], axis=1)}

    task = CATALOGUE.task("extract", no_answer=no_answer)
    return Made(task, answers, frozenset({"text", "candidates", "spans", "probs"}))


def asked(question="which one", passage=PASSAGE):
    return Dataset.of({"text": [question], "text_pair": [passage]})


def test_words_of_question_and_passage_say_why_an_answer_stays():
    model = reader({"capital": 2.0, "which": 1.0, "now.": 0.5})
    subject = subject_of(model, asked())
    (found,) = explained(model, subject, METHODS)
    assert len(model.calls) == 2
    assert (found.target.answer, found.divided.words.count("Paris")) == ("Paris", 1)  # not the answer itself
    assert found.full == pytest.approx(2.5)
    weights = dict(zip(found.divided.words, found.by["kernel_shap"].weights, strict=False))
    assert weights["which"] == pytest.approx(1.0, abs=1e-6)
    assert found.by["kernel_shap"].weights.sum() == pytest.approx(found.full - found.empty, abs=1e-6)
    (edit,) = counterfactuals(model, subject, [found])
    assert edit.instead == "Rome"
    assert "Paris" in edit.texts[1]
    holds = faithfulness(model, subject, [found], "kernel_shap")
    assert holds.gain[0] > 0


def test_that_a_passage_has_no_answer_is_explained_too_where_a_model_may_say_so():
    model = reader({"capital": 0.5}, no_answer=True)
    subject = subject_of(model, asked())
    (found,) = explained(model, subject, ["occlusion"])
    assert found.target.answer == ""
    assert found.divided.words.count("Paris") == 2
    assert found.full == pytest.approx(0.5)  # how likely "none" is
    assert dict(zip(found.divided.words, found.by["occlusion"].weights, strict=True))["is"] == 0


def test_the_share_of_a_text_is_that_of_all_its_places_and_calibrated_as_the_answer_is():
    found = np.array([[0, 2, 1.0], [6, 8, 0.5], [3, 5, 0.2]], dtype=np.float32)
    said = by_text(found, "ab cd ab", True, 1.0)
    odds = np.exp([0.0, 1.0, 0.5, 0.2])
    assert [text for text, _ in said] == ["ab", "cd", ""]
    np.testing.assert_allclose(
        [p for _, p in said], np.array([odds[1] + odds[2], odds[3], 1.0]) / odds.sum(), rtol=1e-6
    )
    halved = by_text(found, "ab cd ab", True, 2.0)
    p, q = said[0][1], halved[0][1]
    assert np.log(q / (1 - q)) == pytest.approx(np.log(p / (1 - p)) / 2, rel=1e-6)


def test_an_answer_that_is_no_candidate_any_more_counts_as_the_last_of_them():
    numbers = reading_of(reader({})).numbers
    target = subject_of(reader({"capital": 3.0}), asked()).targets[0][0]
    columns = {"candidates": [[("Rome", 0.7), ("Oslo", 0.1)], [("", 1.0)]]}
    np.testing.assert_allclose(numbers(columns, slice(0, 2), target, "probability"), [0.1, 0.0])


def test_long_passages_have_sentences_as_units_far_from_the_answer():
    before = " ".join(f"It was day {i} here." for i in range(60))
    text = f"{before} They met in Oslo at noon. " + " ".join(f"Then night {i} came!" for i in range(60))
    start = text.index("Oslo")
    (cut,) = divided(asked("where was it", text))
    assert len(cut) > 500
    units = in_units(cut, 1, (start, start + 4))
    assert len(units) < 60 + 60 + 2 * NEAR
    assert units.words[:4] == ["where", "was", "it", "It was day 0 here"]
    assert units.words[-1] == "Then night 59 came"
    assert "Oslo" not in units.words
    at = units.words.index("met")
    assert units.words[at : at + 4] == ["met", "in", "at", "noon"]
    assert units.spelled(units.words) == ("where was it", text)
    gone = ["" if word == "It was day 0 here" else word for word in units.words]
    assert units.spelled(gone)[1].startswith(". It was day 1 here.")
    covered = {i for piece in units.pieces if piece.field == 1 for i in range(piece.start, piece.end)}
    for piece in cut.pieces:  # nothing but the answer is lost, and nothing is in two units
        inside = {*range(piece.start, piece.end)}
        assert piece.field == 0 or piece.text == "Oslo" or inside <= covered
    assert sum(piece.end - piece.start for piece in units.pieces if piece.field == 1) == len(covered)


def test_short_passages_keep_their_words_and_answers_cut_chinese_words():
    (cut,) = divided(asked("a b", "one two three"))
    assert in_units(cut, 1, (4, 7)).words == ["a", "b", "one", "three"]
    assert in_units(cut, 1).words == cut.words
    (chinese,) = divided(asked("谁", "中国人来了"))
    assert "".join(in_units(chinese, 1, (0, 2)).words) == "谁人来了"
    far = "。".join(f"这是第{i}天" for i in range(LONG)) + "。"
    (chinese,) = divided(asked("谁", far))
    assert len(in_units(chinese, 1).words) == 1 + LONG


# Documents


def finder():
    """Cosines that count the words two texts have in common, "film" twice."""

    def answers(data):
        from duiqi.core.ranking import Pool

        pool = Pool.of(data)

        def score(rows):
            return np.array([[near(query, each) for each in pool.documents] for query in data.texts[rows]])

        return pool.answers(score)

    return Made(CATALOGUE.task("rank"), answers, Embedding.offers)


def near(query, document):
    both = {*query.split()} & {*document.split()}
    return 0.1 * len(both) + 0.1 * ("film" in both)


def test_words_of_query_and_document_say_why_it_comes_first():
    model = finder()
    data = Dataset.of({"text": ["a good film", "the plot"], "label": ["it was a film", "plot of the year"]})
    subject = subject_of(model, data)
    found = explained(model, subject, METHODS)
    assert [each.target.answer for each in found] == ["it was a film", "plot of the year"]
    assert found[0].divided.words == ["a", "good", "film", "it", "was", "a", "film"]
    assert found[0].full == pytest.approx(0.3)
    np.testing.assert_allclose(found[0].by["kernel_shap"].weights, [0.1, 0, 0.2, 0, 0, 0.1, 0.2], atol=1e-6)
    assert found[0].empty == pytest.approx(0.3 - 2 * 0.3)  # nothing is left without the words of either
    np.testing.assert_allclose(found[0].by["occlusion"].weights, [0.1, 0, 0.2, 0, 0, 0.1, 0.2], atol=1e-6)
    edits = counterfactuals(model, subject, found)
    # without "a" and "film" nothing is in common any more, but then the other is no nearer either
    assert edits[0] is None
    assert {each.old for each in edits[1].edits} <= {"the", "plot"} if edits[1] else True


def test_an_edit_puts_the_document_first_that_came_second():
    model = finder()
    data = Dataset.of({"text": ["good film plot"], "label": [["film it", "good plot it", "plot"]]})
    subject = subject_of(model, data)
    (found,) = explained(model, subject, ["occlusion"])
    assert (found.target.answer, found.target.rival) == ("film it", "good plot it")
    (edit,) = counterfactuals(model, subject, [found])
    assert [each.old for each in edit.edits] == ["film"]
    assert edit.instead == "good plot it"
    alone = subject_of(model, Dataset.of({"text": ["good film"], "label": ["film it"]}))
    assert counterfactuals(model, alone, explained(model, alone, ["occlusion"])) == [None]


def test_long_documents_have_sentences_as_units_and_questions_are_asked_in_few_calls():
    model = finder()
    long = " ".join(f"It was day {i} of the film." for i in range(60))
    subject = subject_of(model, Dataset.of({"text": ["film", "a film"], "label": [long, "none"]}))
    found = explained(model, subject, ["occlusion", "kernel_shap"], samples=300)
    assert len(found[0].divided) == 61
    assert len(model.calls) == 2


# All tasks


def test_every_task_of_the_catalogue_is_explained_and_others_say_why_not():
    for name in CATALOGUE.names("task"):
        labels = {"labels": ("a", "b")} if name not in ("regress", "choose", "extract", "rank", "generate") else {}
        task = CATALOGUE.task(name, **labels)
        model = Made(task, None, frozenset({"probs", "scores", "loglik", "text", "candidates", "similarity"}))
        assert name in EXPLAINED
        assert {*reading_of(model).asks} <= model.offers
        with pytest.raises(ModelError, match="expected a model that gives"):
            reading_of(Made(task, None, frozenset({"embedding"})))
    with pytest.raises(ModelError, match="given one for another"):
        reading_of(Made(replace(task, name="another"), None, model.offers))


def test_whether_explanations_hold_is_probed_for_passages_and_marked_parts():
    """The probe opacity, with nothing of its own for these tasks."""
    from duiqi.core.case import Case
    from duiqi.core.examine import Order, examine

    def answers(data):
        p = np.array([0.9 if "from" in text else 0.1 for text in data.texts])
        return {"probs": np.stack([1 - p, p], axis=1)}

    texts = [f"The {word} cough comes from a new virus." for word in ("old", "bad", "dry", "wet", "odd", "raw")]
    spans = [[[text.index("cough"), text.index("cough") + 5], [len(text) - 6, len(text) - 1]] for text in texts]
    relations = Dataset.of({"text": texts, "spans": spans, "label": ["cause"] * len(texts)})
    related = Made(CATALOGUE.task("relation", labels=("none", "cause")), answers, frozenset({"probs"}))
    passages = Dataset.of({"text": ["which one"] * 6, "text_pair": [f"{PASSAGE} {i}" for i in range(6)],
                           "label": [[{"text": "Paris", "start": 4}]] * 6})  # fmt: skip
    read = reader({"which": 4.0, "one": 0.1})
    for model, data in ((related, relations), (read, passages)):
        probe = CATALOGUE.find("probe", "opacity")
        report = examine(Case(model, data, catalogue=CATALOGUE, seed=1), [Order(probe, {"samples": 40})])
        (measure,) = report.measures
        assert measure.base == "faithfulness_gain"
        assert measure.value > 0.1
