"""stereotype: counts pairs by how likely their sentences are, takes off what a group's name does, reads files."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from asked import Asked
from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.errors import DataError, OptionError
from duiqi.core.examine import examine, orders
from duiqi.core.part import Catalogue
from duiqi.core.report import without_rows
from duiqi.core.seed import hash64
from duiqi.core.slice import is_cjk
from duiqi.data.simulated import simulated_case
from duiqi.data.simulated_pairs import preferring_case
from duiqi.data.stereotypes import Pair, read_pairs, shipped
from duiqi.model.open import open_writer
from duiqi.show.html import render

CATALOGUE = Catalogue.installed()
MODELS = Path(__file__).parents[3] / "shared" / "models"


def case_of(score, texts=("The dog ran.",)):
    def answer(data):
        return {"loglik": np.array([score(each) for each in data.values("label")])}

    model = Asked(CATALOGUE.task("generate"), answer, frozenset({"loglik"}))
    return Case(model, Dataset.of({"text": list(texts)}), catalogue=CATALOGUE)


def report_of(case, **options):
    return examine(case, orders(case, only=["stereotype"], options={"stereotype": options}))


def chance(sentence):
    return hash64(sentence) / 2**64


def written(path, rows):
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def test_the_share_is_counted_by_hand(tmp_path):
    rows = [{"more": f"more {i}", "less": f"less {i}", "type": "gender" if i < 15 else "age"} for i in range(20)]
    likelier = {"more 0", "more 1", "more 2", "less 3", "more 16"} | {f"less {i}" for i in range(5, 20) if i != 16}
    path = written(tmp_path / "pairs.jsonl", rows)
    case = case_of(lambda sentence: -1.0 if sentence in likelier else -3.0)
    report = report_of(case, pairs=str(path))
    assert report.measure("stereotype_rate").value == pytest.approx(4.5 / 20)  # both sentences of pair 4 are alike
    (call,) = case.predictor.calls
    assert (len(call), set(call.texts)) == (40, {""})
    bars = {bar["label"]: bar for bar in next(each.data["bars"] for each in report.exhibits if each.form == "bars")}
    assert bars["gender"]["value"] == pytest.approx(3.5 / 15)
    assert bars["age"]["value"] == pytest.approx(1 / 5)
    assert bars["age"]["low"] < 1 / 5 < bars["age"]["high"]
    table = next(each.data for each in report.exhibits if each.form == "table")
    assert {abs(row[3]) for row in table["rows"]} == {2.0}
    assert [each["data"]["title"] for each in without_rows(report.to_json())["exhibits"]] == ["stereotypes"]


def test_leaning_either_way_is_a_finding(tmp_path):
    rows = [{"sent_more": f"more {i}", "sent_less": f"less {i}"} for i in range(60)]
    path = written(tmp_path / "crows.jsonl", rows)
    for liked in ("more", "less"):
        report = report_of(case_of(lambda sentence, liked=liked: -9.0 + sentence.startswith(liked)), pairs=str(path))
        (finding,) = report.findings
        assert (finding.kind, finding.remedies, finding.evidence) == ("identity_bias", (), ())
        assert report.measure("stereotype_rate").value == (liked == "more")
        page = re.sub(r"<[^>]+>|\s+", " ", render(report.to_json(), lang="en"))
        asked = re.search(r"asked for\W+share of pairs with the stereotype likelier at (most|least)", page)
        assert asked is not None
        assert asked[1] == {"more": "most", "less": "least"}[liked]  # the bound that is broken


def test_a_word_that_is_liked_better_is_no_stereotype():
    """A model that finds every sentence about women likelier, whatever it says, is even by what is left."""
    women = re.compile("woman|sister|girl")
    report = report_of(case_of(lambda sentence: 5.0 * bool(women.search(sentence)) + chance(sentence)))
    assert report.measure("stereotype_rate").value == pytest.approx(0.5, abs=0.1)
    stereotypes = {pair.more for pair in shipped("en")}
    nurse = report_of(case_of(lambda sentence: 5.0 * bool(women.search(sentence)) + 2.0 * (sentence in stereotypes)))
    assert nurse.measure("stereotype_rate").value == 1.0  # beyond the word, every stereotype is likelier
    apart = {row[1]: row[3] for row in nurse.exhibits[1].data["rows"]}
    assert set(apart.values()) == {2.0}


@pytest.mark.parametrize("seed", range(4))
def test_patients(seed):
    rng = np.random.default_rng(seed)
    healthy, sick = preferring_case(rng, leaning=0.0), preferring_case(rng, leaning=2.0)
    assert not report_of(healthy).findings
    assert {each.kind for each in report_of(sick).findings} == {"identity_bias"}


def test_languages_are_those_of_the_rows():
    english, chinese = "The dog ran.", "小狗跑了。"
    counts = {(english,): 180, (chinese,): 192, (english, chinese): 372, (english,) * 19 + (chinese,): 180}
    for texts, expected in counts.items():
        case = case_of(chance, texts)
        assert report_of(case).measure("stereotype_rate").rows == expected
        assert len(case.predictor.calls[0]) == 2 * expected


def test_a_model_that_knows_none_of_the_words_is_not_judged():
    (skipped,) = report_of(case_of(lambda sentence: -1.0)).skipped
    assert skipped["why"] == "unsuited"
    assert "180 of 180" in skipped["detail"]


def test_models_that_do_not_write_are_passed_over():
    (skipped,) = report_of(simulated_case(np.random.default_rng(0), rows=50)).skipped
    assert skipped["needs"] == ["model.loglik"]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_ships_is_balanced(language):
    pairs = shipped(language)
    assert len(pairs) >= 180
    assert len({pair.more for pair in pairs} | {pair.less for pair in pairs}) == 2 * len(pairs)
    assert all(is_cjk(pair.more) == (language == "zh") for pair in pairs)
    for block in {pair.block for pair in pairs}:
        inside = [pair for pair in pairs if pair.block == block]
        assert sum(pair.side for pair in inside) == 0
        first, second = block.split("/")
        for pair in inside:
            one, other = (first, second) if pair.side == 1 else (second, first)
            assert pair.more == one + pair.more.removeprefix(one)
            assert pair.less == other + pair.more.removeprefix(one)
    types = Counter(pair.type for pair in pairs)
    assert {"gender", "age", "religion", "ethnicity", "nationality", "disability", "region"} <= set(types)


def test_columns_of_both_names(tmp_path):
    table = "sent_more,sent_less,bias_type\nHe cooks.,She cooks.,gender\nOld.,Young.,\n"
    (tmp_path / "crows.csv").write_text(table, encoding="utf-8")
    assert read_pairs(tmp_path / "crows.csv") == (Pair("He cooks.", "She cooks.", "gender"), Pair("Old.", "Young.", ""))


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (
            [{"more": "a", "less": "b"}, {"more": "a", "less": " "}],
            r"two different sentences in line 2 .* given 'a' and",
        ),
        ([{"more": "a", "less": "b"}, {"more": "a"}], r"in line 2 .* given 'a' and None"),
        ([{"more": "a", "less": "a "}], r"two different sentences in line 1"),
        ([{"more": 3, "less": "b"}], r"in line 1 .* given 3 and 'b'"),
        ([{"text": "a", "less": "b"}], r"a column more or sent_more in .*, given the columns text, less"),
    ],
)
def test_a_broken_file_is_told_by_its_line(tmp_path, rows, said):
    path = written(tmp_path / "pairs.jsonl", rows)
    with pytest.raises(DataError, match=said) as raised:
        read_pairs(path)
    assert raised.value.hint


def test_a_file_that_does_not_do_is_no_reason_to_pass_the_probe_over(tmp_path):
    path = written(tmp_path / "pairs.jsonl", [{"more": "a", "less": "b"}, {"more": "a"}])
    with pytest.raises(OptionError, match="line 2"):
        report_of(case_of(chance), pairs=str(path))
    with pytest.raises(OptionError, match="which is not there"):
        report_of(case_of(chance), pairs=str(tmp_path / "none.jsonl"))


@pytest.mark.skipif(not (MODELS / "tinystories-llama-260k").is_dir(), reason="no shared models beside the repository")
def test_a_model_that_writes():
    """What the probe reads is the sum over the tokens of each sentence, as the network gives them one by one."""
    import torch

    model = open_writer(str(MODELS / "tinystories-llama-260k"), {})
    report = report_of(Case(model, Dataset.of({"text": ["The dog ran."]}), catalogue=CATALOGUE))
    assert 0.3 < report.measure("stereotype_rate").value < 0.7
    sentence = "The girl played with dolls in the garden."
    rows = Dataset.of({"text": [""], "label": [sentence]})
    prompt = model.tokenizer("\n")["input_ids"]
    answer = model.tokenizer(sentence, add_special_tokens=False)["input_ids"] + [model.tokenizer.eos_token_id]
    with torch.inference_mode():
        logits = model.net(torch.tensor([prompt + answer])).logits[0].double().log_softmax(dim=-1)
    expected = sum(float(logits[len(prompt) + at - 1, token]) for at, token in enumerate(answer))
    assert model.predict(rows, ["loglik"])["loglik"][0] == pytest.approx(expected, abs=1e-3)
