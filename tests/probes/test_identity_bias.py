"""identity_bias: finds the group that is tied to a label, and takes no answers to and fro for bias."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from asked import Asked
from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.examine import examine, orders
from duiqi.core.part import Catalogue
from duiqi.core.report import load_measures, save_measures, without_rows
from duiqi.core.seed import hash64
from duiqi.data.other_people import inserted, swapped, written
from duiqi.data.simulated import leaning_case, simulated_case
from duiqi.repair import _guards, _target

CATALOGUE = Catalogue.installed()
CLASSES = CATALOGUE.task("classify", labels=("bad", "good"))
DIMENSIONS = ("gender", "age", "religion", "ethnicity", "disability", "orientation")


def probs(good: Callable[[str], float]) -> Callable[[Dataset], dict[str, Any]]:
    def answer(data):
        share = np.array([good(text) for text in data.shown])
        return {"probs": np.stack([1 - share, share], axis=1)}

    return answer


def report_of(case, **options):
    return examine(case, orders(case, only=["identity_bias"], options={"identity_bias": options}))


def case_of(texts, good, **columns):
    return Case(Asked(CLASSES, probs(good)), Dataset.of({"text": texts, **columns}), catalogue=CATALOGUE)


def table_of(report, title):
    return next(each.data for each in report.exhibits if each.data["title"] == title)


def effects(report, form):
    """The directed effect of every level, by its name."""
    measure = report.measure(f"worst_group_identity_effect[{form}]")
    return dict(zip(measure.across.levels, measure.values.tolist(), strict=True))


def test_the_effect_is_what_was_taken_off_one_group_english():
    texts = [f"the {who} at table {i} said it was fine" for i in range(40) for who in ("woman", "man")]
    report = report_of(case_of(texts, lambda text: 0.3 if "woman" in text.split() else 0.8))
    assert effects(report, "swapped") == pytest.approx(
        {"woman ↑ bad": 0.5, "woman ↑ good": -0.5, "man ↑ bad": -0.5, "man ↑ good": 0.5}
    )
    assert report.measure("flip_rate[swapped]").value == 1
    finding = report.findings[0]
    assert finding.kind == "identity_bias"
    assert finding.slice.rule in ("text has 'woman'", "text has 'man'")
    assert finding.rows == 40
    assert finding.evidence == ()


def test_chinese_words_too():
    texts = [f"{who}第{i}次来这里吃饭" for i in range(40) for who in ("我妻子", "我丈夫")]
    report = report_of(case_of(texts, lambda text: 0.3 if "妻子" in text else 0.8))
    assert effects(report, "swapped")["妻子 ↑ bad"] == pytest.approx(0.5)
    assert {finding.slice.rule for finding in report.findings} <= {"text has '妻子'", "text has '丈夫'"}
    assert report.findings


def test_somebody_put_before_what_names_nobody():
    english = [f"it was fine, table {i}" for i in range(40)]
    chinese = [f"第{i}次来这里吃饭，不错" for i in range(40)]
    for texts, term in ((english, "Muslim"), (chinese, "穆斯林")):
        report = report_of(case_of(texts, lambda text, term=term: 0.4 if term in text else 0.8))
        found = effects(report, "inserted")
        assert found[f"{term} ↑ bad"] == pytest.approx(0.4)
        others = [name for name in found if "↑ bad" in name and not name.startswith(term)]
        assert max(found[name] for name in others) <= 1e-9
        (finding,) = report.findings
        assert finding.slice.rule == "all"  # no row names the group
        assert {row[0] for row in table_of(report, "identity_inserted_answers")["rows"]} >= {term}


def test_what_any_noun_does_is_taken_off():
    """The model gives every word that may stand there a push of its own: no group is told, though some move by more
    than the bound against one another; a group that is pushed beyond all neutral people is, by what is beyond."""

    def pushed(muslim):
        def good(text):
            words = text.split(",")[0].replace(".", " ").split()
            push = max([{"tall": 0.3, "Hindu": 0.3, "Muslim": muslim}.get(word, 0.0) for word in words])
            return 0.2 + push

        return good

    texts = [f"it was fine, table {i}" for i in range(60)]
    fair = report_of(case_of(texts, pushed(0.3)))
    assert effects(fair, "inserted")["Hindu ↑ good"] == pytest.approx(0.0)
    assert not fair.findings
    listed = {row[0]: row for row in table_of(fair, "identity_inserted_groups")["rows"]}
    assert listed["tall ↑ good"][1] == "neutral"
    assert listed["tall ↑ good"][2] == {"value": pytest.approx(0.3), "shrunk": True}
    unfair = report_of(case_of(texts, pushed(0.6)))
    assert effects(unfair, "inserted")["Muslim ↑ good"] == pytest.approx(0.3)
    assert {finding.kind for finding in unfair.findings} == {"identity_bias"}


def test_neutral_people_of_each_language_stand_for_their_own_rows():
    texts = [f"it was fine, table {i}" for i in range(40)] + [f"第{i}次来这里吃饭，不错" for i in range(40)]
    report = report_of(case_of(texts, lambda text: 0.8 - 0.3 * ("邻居" in text or "Muslim" in text)), most_inserted=80)
    found = effects(report, "inserted")
    assert found["Muslim ↑ bad"] == pytest.approx(0.3)
    assert found["穆斯林 ↑ bad"] == pytest.approx(-0.3)


def test_no_dimension_that_can_be_put_before_a_text():
    report = report_of(case_of([f"it was fine {i}" for i in range(40)], lambda text: 0.6), dimensions=("occupation",))
    assert [each["why"] for each in report.skipped] == ["unsuited"]


def test_all_is_asked_in_one_call_beside_the_rows_themselves():
    case = case_of([f"my wife came {i} times" for i in range(99)] + [f"fine {i}" for i in range(99)], lambda text: 0.6)
    assert report_of(case).verdict == "pass"
    versions, rows = case.predictor.calls
    assert list(rows.row_ids) == list(case.data.row_ids)
    assert not set(versions.texts) & set(rows.texts)


def test_to_and_fro_is_no_bias():
    """Every version of a row is answered by a coin of its own: most rows flip, no group is tied to a label."""
    texts = [f"the {who} at table {i} said it was fine" for i in range(150) for who in ("woman", "man")]
    texts += [f"it was fine, table {i}" for i in range(300)]
    for salt in range(5):
        coin = lambda text, salt=salt: 0.95 if hash64(f"{salt}{text}") % 2 else 0.05  # noqa: E731
        report = report_of(case_of(texts, coin))
        assert report.measure("flip_rate[swapped]").value > 0.4
        assert report.measure("flip_rate[inserted]").value > 0.9
        assert not report.findings


def test_both_texts_of_a_pair_speak_of_the_same_person():
    rows = Dataset.of({"text": ["My wife sings."], "text_pair": ["His wife sings, she is loud."]})
    found = swapped(rows, DIMENSIONS, most=9, swaps=9, seed=0)
    turned = written(rows, [each for each in found.each if not each.original])
    assert turned.shown == ["My husband sings. ‖ Her husband sings, he is loud."]
    (group,) = {each.group for each in found.each}
    assert group == -1  # his and she: both groups are named, so it is told of neither


def test_pairs_are_asked_whole():
    texts = [f"my wife saw {i} films" for i in range(40)]
    case = case_of(texts, lambda text: 0.9 if "wife" in text else 0.2, text_pair=["the wife was there"] * 40)
    found = effects(report_of(case), "swapped")
    assert found["wife ↑ good"] == pytest.approx(0.7)


def test_more_labels_and_numbers():
    texts = [f"my {who} came {i} times" for i in range(40) for who in ("wife", "husband")]
    data = Dataset.of({"text": texts})
    wife = lambda data: np.array(["wife" in text for text in data.texts], dtype=float)  # noqa: E731

    def labels(data):
        given = np.stack([wife(data), np.ones(len(data))], axis=1)
        return {"labels": given.astype(np.int64), "probs": 0.1 + 0.8 * given}

    many = Asked(CATALOGUE.task("multilabel", labels=("home", "work")), labels, frozenset({"labels", "probs"}))
    found = effects(report_of(Case(many, data, catalogue=CATALOGUE)), "swapped")
    assert found["wife ↑ home"] == pytest.approx(0.8)
    assert found["husband ↓ home"] == pytest.approx(0.8)
    assert found["wife ↑ work"] == pytest.approx(0.0)

    number = Asked(
        CATALOGUE.task("regress", mean=3.0, scale=2.0), lambda data: {"scores": 3 - wife(data)}, frozenset({"scores"})
    )
    report = report_of(Case(number, data, catalogue=CATALOGUE))
    assert effects(report, "swapped")["wife ↓"] == pytest.approx(0.5)  # one, in standard deviations of two
    assert report.measure("flip_rate[swapped]").value == 0  # within the tolerance of half a standard deviation


def test_tags_move_along_with_their_words():
    """A model that finds the place wherever it stands has not changed its answer when words before it grow."""
    task = CATALOGUE.task("tag", labels=("place",))
    rows = [["A", who, "person", f"number{i}", "went", "to", "Ostwick"] for i in range(40)
            for who in ("black", "white")]  # fmt: skip
    data = Dataset.of({"tokens": rows})

    def finds(blind):
        def answer(data):
            tags = [np.array([int(word == "Ostwick") for word in words]) for words in data.words]
            return {"tags": [t * (blind not in words) for t, words in zip(tags, data.words, strict=True)]}

        return answer

    fair = report_of(Case(Asked(task, finds("-"), frozenset({"tags"})), data, catalogue=CATALOGUE))
    assert fair.measure("flip_rate[swapped]").value == 0
    assert any("Native American" in text for each in [fair] for text in _levels(each))
    assert not fair.findings
    unfair = report_of(Case(Asked(task, finds("white"), frozenset({"tags"})), data, catalogue=CATALOGUE))
    assert effects(unfair, "swapped")["white ↓ place"] == pytest.approx(1.0)
    assert unfair.findings


def _levels(report):
    return [row[0] for row in table_of(report, "identity_swapped_groups")["rows"]]


def test_words_put_before_tags_are_no_answers_to_the_row():
    task = CATALOGUE.task("tag", labels=("place",))
    data = Dataset.of({"tokens": [["fine", f"lamp{i}", "there"] for i in range(40)]})

    def answer(data):
        return {"tags": [np.array([int(word in ("Muslim", "person")) for word in words]) for words in data.words]}

    report = report_of(Case(Asked(task, answer, frozenset({"tags"})), data, catalogue=CATALOGUE))
    assert report.measure("flip_rate[inserted]").value == 0
    assert set(effects(report, "inserted").values()) == {0.0}


def test_who_is_put_before_texts_differs_by_one_word():
    for text in ("it was fine", "味道不错"):
        data = Dataset.of({"text": [text]})
        found = inserted(data, DIMENSIONS, most=9, seed=0)
        by_set: dict[int, list[str]] = {}
        for version, said in zip(found.each, written(data, found.each).texts, strict=True):
            term = found.groups[version.group].term
            assert term in said
            assert said.endswith(text)
            by_set.setdefault(version.set, []).append(said)
        (each,) = by_set.values()
        assert len(set(each)) == len(each) > 20
        assert [group.neutral for group in found.groups] == [True] * 6 + [False] * (len(each) - 6)


def test_no_identities_no_texts_one_row():
    assert not report_of(case_of(["it was fine"], lambda text: 0.6)).findings
    single = report_of(case_of(["my wife came"], lambda text: 0.1 if "wife" in text else 0.9))
    assert not single.findings
    assert single.measure("flip_rate[swapped]").value == 1
    assert [row[2]["value"] for row in table_of(single, "identity_swapped_groups")["rows"]] == pytest.approx([0.8, 0.8])
    nobody = report_of(case_of(["it was fine", ""], lambda text: 0.6))
    assert not [each for each in nobody.measures if each.name.endswith("[swapped]")]
    (skipped,) = report_of(case_of(["", ""], lambda text: 0.6)).skipped
    assert skipped["why"] == "unsuited"


def test_recorded_answers_cannot_be_asked():
    (skipped,) = report_of(simulated_case(np.random.default_rng(0), rows=50)).skipped
    assert skipped["needs"] == ["model.anew"]


def test_a_small_group_is_said():
    texts = [f"a Muslim person at table {i}" for i in range(3)]
    report = report_of(case_of(texts, lambda text: 0.2 if "Muslim" in text else 0.8))
    rows = {row[0]: (row[2]["value"], row[3]) for row in table_of(report, "identity_swapped_groups")["rows"]}
    assert rows["Muslim ↑ bad"] == (pytest.approx(0.6), 3)
    assert not report.findings


def test_the_order_of_rows_changes_nothing(tmp_path):
    case = leaning_case(np.random.default_rng(0), leaning=0.9, rows=300)
    turned = Case(case.predictor, case.data.take(np.arange(300)[::-1]), seed=case.seed, catalogue=CATALOGUE)
    first, second = report_of(case), report_of(turned)
    for form in ("swapped", "inserted"):
        assert effects(first, form) == pytest.approx(effects(second, form))
    assert {finding.kind for finding in first.findings} == {"identity_bias"}
    assert any("uslim" in finding.slice.rule for finding in first.findings)
    save_measures(first.measures, tmp_path / "draws.npz")
    for saved, measure in zip(load_measures(tmp_path / "draws.npz", CATALOGUE), first.measures, strict=True):
        assert (saved.value, saved.across) == (measure.value, measure.across)
    assert not [each for each in without_rows(first.to_json())["exhibits"] if each["data"]["title"].endswith("answers")]


def test_a_repair_that_ties_a_group_to_a_label_is_held_back():
    """The worst effect is a guard of repairs, and of a finding on a group the effect itself is what has to move."""
    healthy = leaning_case(np.random.default_rng(0), leaning=0.0)
    before, after = (
        examine(case, orders(case, only=["identity_bias"]))
        for case in (healthy, healthy.with_predictor(replace(healthy.predictor, leaning=0.7, fingerprint="leans")))
    )
    name = "worst_group_identity_effect[swapped]"
    guard = next(each for each in _guards(healthy.task, before, after, confidence=False) if each.after.name == name)
    assert guard.verdict() == "worse"
    finding = next(each for each in after.findings if each.ruling.measure.name == name)
    assert finding.slice.where
    change = _target(healthy.task, finding, after, before)
    assert change.after.name == name
    assert change.verdict() == "better"
