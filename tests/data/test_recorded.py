"""Answers given elsewhere: read in every form, matched to their rows, or refused with what is wrong."""

from __future__ import annotations

import csv
import gzip
import json

import numpy as np
import pytest

from duiqi.core.dataset import Dataset
from duiqi.core.errors import DataError, OptionError
from duiqi.core.part import Catalogue
from duiqi.data.read import read
from duiqi.data.recorded import is_recorded, recorded

CATALOGUE = Catalogue.installed()
TEXTS = ["it works well", "it broke at once", "很好用", "so so"]
TWO = ["good", "bad", "good", "bad"]
THREE = ["good", "bad", "good", "fair"]
ROWS = Dataset.of({"text": TEXTS, "label": TWO, "id": ["a", "b", "c", "d"]}, name="reviews")
ROWS_OF_THREE = ROWS.with_column("label", THREE)
NAMELESS = Dataset.of({"text": TEXTS, "label": TWO}, name="reviews")
BINARY = CATALOGUE.task("classify", labels=("bad", "good"))


@pytest.fixture
def written(tmp_path):
    """Writes columns, or rows as they are, into a file of any format."""

    def write(name="answers.jsonl", **columns):
        path = tmp_path / name
        rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        if ".csv" in name:
            with (gzip.open if name.endswith(".gz") else open)(path, "wt", encoding="utf-8", newline="") as file:
                table = csv.DictWriter(file, list(columns))
                table.writeheader()
                table.writerows(rows)
        elif name.endswith(".json"):
            path.write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
        elif name.endswith(".parquet"):
            import pyarrow as pa
            import pyarrow.parquet as pq

            pq.write_table(pa.table(columns), path)
        else:
            path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
        return path

    return write


def opened(path, data=NAMELESS, task=BINARY, kind="classify"):
    return recorded(path, task, kind, CATALOGUE, data)


def probs(path, data=NAMELESS, task=BINARY, kind="classify"):
    found = opened(path, data, task, kind)
    return found.predict(data, ["probs"]).probs


GOOD = [0.9, 0.2, 0.7, 0.4]  # how likely "good" is
PROBS = [[1 - p, p] for p in GOOD]


# Forms


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.csv", "a.csv.gz", "a.parquet"])
@pytest.mark.parametrize("form", ["{}", "prob_{}", "p_{}", "probability_{}", "{}_prob", "{}_p", "{}_probability"])
def test_a_column_for_each_label(written, name, form):
    path = written(name, **{form.format("good"): GOOD, form.format("bad"): [1 - p for p in GOOD]})
    assert np.allclose(probs(path), PROBS)
    assert not opened(path).classes_only
    assert opened(path).name == name


def test_of_two_labels_one_column_will_do(written):
    assert np.allclose(probs(written(prob_bad=[1 - p for p in GOOD])), PROBS)


@pytest.mark.parametrize("column", ["probs", "probabilities", "scores"])
@pytest.mark.parametrize(
    "cell",
    [
        lambda p: {"good": p, "bad": 1 - p},
        lambda p: [1 - p, p],
        lambda p: [{"label": "good", "score": p}, {"label": "bad", "score": 1 - p}],
        lambda p: [[{"label": "bad", "score": 1 - p}, {"label": "good", "score": p}]],
        lambda p: json.dumps({"good": p, "bad": 1 - p}),
        lambda p: str({"good": p, "bad": 1 - p}),  # as pandas writes it into a cell
    ],
)
def test_all_probabilities_in_one_column(written, column, cell):
    assert np.allclose(probs(written(**{column: [cell(p) for p in GOOD]})), PROBS)


def test_cells_of_csv_hold_json(written):
    cells = [json.dumps({"good": p, "bad": 1 - p}) for p in GOOD]
    assert np.allclose(probs(written("a.csv", probs=cells)), PROBS)


@pytest.mark.parametrize("column", ["prediction", "predicted", "pred", "answer", "output", "predicted_label", "label"])
def test_only_the_class(written, column):
    found = opened(written(**{column: ["good", "good", "bad", "bad"]}))
    assert found.classes_only
    assert found.predict(NAMELESS, ["probs"]).probs.tolist() == [[0, 1], [0, 1], [1, 0], [1, 0]]


def test_a_truth_copied_along_is_no_answer(written):
    path = written(text=TEXTS, label=TWO, prediction=["bad", "good", "bad", "good"])
    assert opened(path).predict(NAMELESS, ["probs"]).label.tolist() == [0, 1, 0, 1]


@pytest.mark.parametrize("column", ["score", "confidence", "Probability", "pred_prob"])
def test_the_class_and_one_number_of_two_classes_is_all(written, column):
    path = written("a.csv", prediction=["good", "bad", "good", "bad"], **{column: [0.9, 0.8, 0.7, 0.6]})
    assert np.allclose(probs(path), PROBS)
    assert not opened(path).classes_only


def test_the_class_and_one_number_of_three_classes_is_the_class(written):
    path = written(prediction=["good", "bad", "good", "fair"], score=[0.9, 0.4, 0.7, 0.6])
    task = CATALOGUE.task("classify", labels=("bad", "fair", "good"))
    found = opened(path, ROWS_OF_THREE, task)
    assert found.classes_only
    assert found.predict(ROWS_OF_THREE, ["probs"]).label.tolist() == [2, 0, 2, 1]


def test_rounded_probabilities_sum_to_one_again(written):
    found = probs(written(prob_good=[0.905, 0.2, 0.7, 0.4], prob_bad=[0.1, 0.795, 0.3, 0.6]))
    assert np.allclose(found.sum(axis=1), 1)
    assert found[0, 1] == pytest.approx(0.905 / 1.005)


def test_labels_come_from_rows_and_answers_where_nothing_was_learned(written):
    found = opened(written(prediction=["good", "bad", "unsure", "good"]), task=None)
    assert found.task.labels == ("bad", "good", "unsure")
    assert found.task.name == "classify"


def test_the_task_that_was_learned_stays(written):
    task = CATALOGUE.task("classify", labels=("good", "fair", "bad"))
    found = opened(written(prediction=TWO), task=task)
    assert found.task is not None
    assert found.task.labels == ("good", "fair", "bad")
    assert found.predict(NAMELESS, ["probs"]).probs.shape == (4, 3)


def test_numbers_as_classes_are_read_as_labels_are(tmp_path, written):
    (tmp_path / "rows.csv").write_text("text,label\na,0\nb,1\nc,0\nd,1\n")
    rows = read(tmp_path / "rows.csv")["all"]
    task = CATALOGUE.task("classify", labels=("0", "1"))
    for name, answers in (("a.csv", [1.0, 1.0, 0.0, 1.0]), ("a.jsonl", [1, 1, 0, 1])):
        assert opened(written(name, pred=answers), rows, task).predict(rows, ["probs"]).label.tolist() == [1, 1, 0, 1]


def test_pairs_and_relations_have_classes_too(written):
    path = written(prediction=["yes", "no"])
    pairs = Dataset.of({"text": ["a", "b"], "text_pair": ["c", "d"], "label": ["yes", "no"]})
    marked = Dataset.of({"text": ["a b", "c d"], "spans": [[[0, 1], [2, 3]]] * 2, "label": ["yes", "no"]})
    for kind, data in (("classify_pair", pairs), ("relation", marked)):
        found = opened(path, data, None, kind)
        assert (found.task.name, found.task.labels) == (kind, ("no", "yes"))


def test_texts(written):
    rows = Dataset.of({"text": ["q1", "q2"], "response": ["r1", "r2"]}, label="response")
    for column in ("prediction", "output", "generated", "answer", "response"):
        found = opened(written(**{column: ["r1", ""]}), rows, None, "generate")
        assert found.predict(rows, ["text"])["text"] == ["r1", ""]
    with pytest.raises(DataError, match=r"expected a text in column 'output' .*None in 1 rows .line 2."):
        opened(written(output=["r1", None]), rows, None, "generate")


def test_numbers(written):
    rows = Dataset.of({"text": ["a", "b", "c"], "label": [1.0, 2.0, 6.0]})
    for column in ("prediction", "score"):
        found = opened(written("a.csv", **{column: [1.5, 2, 5]}), rows, None, "regress")
        assert found.predict(rows, ["scores"])["scores"].tolist() == [1.5, 2, 5]
        assert found.task.options["scale"] == pytest.approx(np.std([1.0, 2.0, 6.0]))  # half of it is near enough
    with pytest.raises(DataError, match=r"expected a number in column 'score' .*'much' in 1 rows .line 3."):
        opened(written("a.csv", score=[1, "much", 2]), rows, None, "regress")


def test_tags(written):
    rows = Dataset.of({"tokens": [["Ann", "Lee", "sings"], ["Rome"]], "label": [["B-PER", "I-PER", "O"], ["B-LOC"]]})
    found = opened(written(prediction=[["B-PER", "O", "O"], ["B-ORG"]]), rows, None, "tag")
    assert found.task.labels == ("LOC", "ORG", "PER")
    assert [each.tolist() for each in found.predict(rows, ["tags"])["tags"]] == [[5, 0, 0], [3]]
    same = opened(written("a.csv", prediction=["B-PER O O", '["B-ORG"]']), rows, None, "tag")
    assert [each.tolist() for each in same.predict(rows, ["tags"])["tags"]] == [[5, 0, 0], [3]]
    with pytest.raises(DataError, match=r"expected a list of 3 tags in column 'prediction'.*given 2 tags .line 1."):
        opened(written(prediction=[["B-PER", "O"], ["O"]]), rows, None, "tag")
    task = CATALOGUE.task("tag", labels=("LOC", "PER"))
    with pytest.raises(DataError, match="expected spans of the types LOC, PER"):
        opened(written(prediction=[["B-PER", "O", "O"], ["B-ORG"]]), rows, task, "tag")


# Rows


def test_by_id_in_any_order_and_with_others_besides(written):
    path = written("a.csv", id=["d", "x", "a", "c", "b"], pred=["bad", "good", "good", "good", "bad"])
    assert opened(path, ROWS).predict(ROWS, ["probs"]).label.tolist() == [1, 0, 1, 0]


def test_by_the_hashes_that_a_report_gives_rows_without_ids(written):
    path = written(row_id=NAMELESS.row_ids[::-1].tolist(), pred=TWO[::-1])
    assert opened(path).predict(NAMELESS, ["probs"]).label.tolist() == [1, 0, 1, 0]


def test_whole_numbers_are_ids(tmp_path, written):
    (tmp_path / "rows.csv").write_text("id,text,label\n7,a,x\n8,b,y\n")
    rows = read(tmp_path / "rows.csv")["all"]
    assert opened(written(id=[8.0, 7.0], pred=["y", "x"]), rows, None).predict(rows, ["probs"]).label.tolist() == [0, 1]


def test_notes_say_how_answers_were_matched(written):
    by_order, by_id = opened(written(pred=TWO)), opened(written(id=list("abcd"), pred=TWO), ROWS)
    assert by_order.notes[-1] == {
        "code": "answers_by_order", "file": "answers.jsonl", "column": "pred", "data": "reviews",
    }  # fmt: skip
    assert by_id.notes[-1]["code"] == "answers_by_id"


def test_equal_ids_of_other_rows_are_not_answered(written):
    found = opened(written(id=list("abcd"), pred=TWO), ROWS)
    others = Dataset.of({"text": ["another text"], "label": ["good"], "id": ["a"]}, name="others")
    with pytest.raises(DataError, match="expected a recorded answer for every row of others, given none for 1 rows"):
        found.predict(others, ["probs"])
    assert len(found.predict(ROWS.take([2, 0]), ["probs"])) == 2


def test_texts_that_agree_but_for_case_and_punctuation(written):
    opened(written(text=["It works well!", "it broke, at once", "很好用。", "so so"], pred=TWO))


# What is refused


@pytest.mark.parametrize(
    ("columns", "data", "message"),
    [
        ({"id": ["a", "b", "c"], "pred": TWO[:3]}, ROWS, "given none to 1 of them .first: 'd'"),
        ({"id": ["a", "b", "c", "d", "b"], "pred": [*TWO, "good"]}, ROWS, "given 'b' again in column 'id' .line 5"),
        ({"id": ["e", "f", "g", "h"], "pred": TWO}, ROWS, "expected ids of reviews in column 'id'.*none of them"),
        ({"pred": TWO[:3]}, NAMELESS, "expected an answer to each of 4 rows of reviews, given 3"),
        ({"pred": [*TWO, "good"]}, NAMELESS, "expected an answer to each of 4 rows of reviews, given 5"),
        ({"text": [*TEXTS[:2], TEXTS[3], TEXTS[2]], "pred": TWO}, NAMELESS, "text of row .* in line 3 .*'so so'"),
        ({"text": TEXTS}, NAMELESS, "expected a column with answers in .*given columns: text"),
        ({"pred": ["good", "bad", None, "bad"]}, NAMELESS, "a class in column 'pred' .*None in 1 rows .line 3"),
        ({"pred": ["good", "bad", " ", "bad"]}, NAMELESS, "expected a class in column 'pred' .* in 1 rows .line 3"),
        ({"pred": ["good", "bat", "good", "bat"]}, NAMELESS, "labels among bad, good, given 'bat' .*lines 2, 4"),
        ({"prob_good": GOOD, "prob_bat": GOOD}, NAMELESS, "among bad, good, given 'bat' in the names of columns"),
        ({"probs": [{"good": 0.5, "bat": 0.5}] * 4}, NAMELESS, "given 'bat' in column 'probs'.*lines 1, 2, 3, 4"),
        ({"probs": [{"good": 0.9, "bad": 0.1}, None] * 2}, NAMELESS, "a probability of each label .*None .line 2"),
        ({"probs": ["{good"] * 4}, NAMELESS, "a probability of each label .*'{good' .line 1"),
        ({"probs": [[0.2, 0.8], [1.0]] * 2}, NAMELESS, "2 numbers .*learned .bad, good., given 1 .line 2"),
        ({"probs": [{"good": None, "bad": 0.1}] * 4}, NAMELESS, "a number for 'good' .*None .line 1"),
        ({"probs": [{"good": 0.9}] * 4}, NAMELESS, "sum to 1 .*given 0.9 in 4 rows"),
        ({"prob_good": [0.9, None, 0.7, 0.4]}, NAMELESS, "a number in column 'prob_good' .*None in 1 rows .line 2"),
        ({"prob_good": [0.9, float("nan"), 0.7, 0.4]}, NAMELESS, "number in column 'prob_good' .*nan .*line 2"),
        ({"prob_good": GOOD, "prob_bad": GOOD}, NAMELESS, "sum to 1 in each row .*given 1.8 in 4 rows .lines 1, 2"),
        ({"pred": ["good"] * 4, "score": [0.9, 0.1, 0.7, 0.8]}, NAMELESS, "at least 0.5 .*'score' .*0.1 .*line 2"),
        ({"pred": ["good"] * 4, "prob_good": GOOD}, NAMELESS, "likeliest .*'good' where 'bad' .*lines 2, 4"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(written, columns, data, message):
    with pytest.raises(DataError, match=message) as caught:
        opened(written(**columns), data)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("columns", "hint"),
    [
        ({"prob_good": [90, 20, 70, 40], "prob_bad": [10, 80, 30, 60]}, "percentages: divide them by 100"),
        ({"prob_good": [90, 20, 70, 40]}, "percentages: divide them by 100"),
        ({"prob_good": ["90%", "20%", "70%", "40%"]}, "Divide percentages by 100"),
        ({"pred": TWO, "confidence": [90, 80, 70, 60]}, "percentages: divide them by 100"),
        ({"good": [2.3, -1.2, 0.7, -0.1], "bad": [-2.0, 1.3, -0.9, 0.3]}, "logits: put them through a softmax"),
        ({"scores": [[-2.0, 2.3], [1.3, -1.2], [-0.9, 0.7], [0.3, -0.1]]}, "logits: put them through a softmax"),
        ({"pred": ["bat"] * 4}, "Did you mean bad"),
        ({"pred": ["Good"] * 4}, "Did you mean good"),
    ],
)
def test_the_hint_says_what_to_do(written, columns, hint):
    with pytest.raises(DataError) as caught:
        opened(written(**columns))
    assert hint in caught.value.hint


def test_labels_of_other_spelling_are_no_labels_of_their_own(written):
    with pytest.raises(DataError, match="given 'Good' in column 'pred'"):
        opened(written(pred=["Good", "bad", "Good", "bad"]), task=None)
    with pytest.raises(DataError, match="given 'LABEL_1' in column 'pred'"):
        opened(written(pred=["LABEL_1", "LABEL_0"] * 2), task=None)


def test_too_few_columns_for_the_labels(written):
    task = CATALOGUE.task("classify", labels=("bad", "fair", "good"))
    with pytest.raises(DataError, match=r"a column for each label in .*none for 'fair'") as caught:
        opened(written(prob_good=GOOD, prob_bad=GOOD), task=task)
    assert "prob_fair" in caught.value.hint


def test_one_label_is_no_choice(written):
    rows = NAMELESS.with_column("label", ["good"] * 4)
    with pytest.raises(DataError, match="expected at least two labels, given only 'good'"):
        opened(written(pred=["good"] * 4), rows, None)


@pytest.mark.parametrize("kind", ["multilabel", "extract", "rank", "choose"])
def test_other_tasks_are_told_which_there_are(written, kind):
    with pytest.raises(OptionError, match=f"classify, classify_pair, relation, tag, regress, generate.*given {kind}"):
        opened(written(pred=TWO), NAMELESS, None, kind)


def test_which_names_are_files_of_answers(written, tmp_path):
    assert is_recorded(written("a.csv", pred=TWO))
    assert is_recorded(str(written("a.csv.gz", pred=TWO)))
    (tmp_path / "notes.md").write_text("none")
    (tmp_path / "model.csv").mkdir()
    for name in ("default", "hub:somebody/model", tmp_path, tmp_path / "notes.md", "none.csv", tmp_path / "model.csv"):
        assert not is_recorded(name)


def test_the_truth_is_no_answer(written):
    """A file that copies the labels along, and the rows themselves."""
    with pytest.raises(DataError, match="a column with answers"):
        opened(written(text=TEXTS, label=TWO, model_output=["good"] * 4), NAMELESS)
    with pytest.raises(DataError, match="right in all 4 rows"):
        opened(written(text=TEXTS, label=TWO), NAMELESS)
    assert opened(written(text=TEXTS, prediction=TWO), NAMELESS).predict(NAMELESS, ["probs"]).label.tolist()


def test_numbers_without_labels_are_read_where_labels_were_learned(written):
    """Nothing else says in which order they stand."""
    path = written("a.jsonl", probs=[[0.1, 0.9], [0.8, 0.2]] * 2)
    assert opened(path, NAMELESS, BINARY).predict(NAMELESS, ["probs"]).probs[0].tolist() == [0.1, 0.9]
    with pytest.raises(DataError, match=r"learned \(none\), given 2"):
        opened(path, NAMELESS, None)


def test_a_pipelines_label_and_score_are_answers_though_labels_are_called_so(written):
    path = written("a.jsonl", label=["good", "bad", "good", "good"], score=[0.9, 0.8, 0.7, 0.6])
    assert opened(path, NAMELESS).predict(NAMELESS, ["probs"]).probs[:, 1] == pytest.approx([0.9, 0.2, 0.7, 0.6])


def test_a_class_that_no_row_has_is_told(written):
    found = opened(written(pred=["good", "bad", "god", "bad"]), NAMELESS, None)
    assert found.notes[-1] == {"code": "answered_otherwise", "label": "god", "rows": 1}
    assert opened(written(pred=["good", "bad", "good", "bad"]), NAMELESS).notes[-1]["code"] == "answers_by_order"


def test_chinese_names_of_columns_are_known(written):
    path = written(预测=["good", "bad", "good", "bad"], 概率=[0.9, 0.8, 0.7, 0.6])
    assert opened(path, NAMELESS).predict(NAMELESS, ["probs"]).probs[0].tolist() == pytest.approx([0.1, 0.9])
