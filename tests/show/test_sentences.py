"""Sentences: the two languages say the same things, and numbers and slices read as people write them."""

import string
from collections.abc import Mapping

import pytest

from duiqi.core.errors import OptionError
from duiqi.core.part import KINDS
from duiqi.show.sentences import NBSP, Count, Sentences, is_chinese, is_share

EN, ZH = Sentences.of("en"), Sentences.of("zh")


def slots(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_both_languages_have_the_same_keys():
    assert set(EN.texts) == set(ZH.texts)


def test_both_languages_put_the_same_values_into_a_sentence():
    assert {key for key in EN.texts if slots(EN.texts[key]) != slots(ZH.texts[key])} == set()


def test_english_has_no_chinese_and_chinese_has_no_english_sentence():
    assert [key for key, text in EN.texts.items() if is_chinese(text)] == []
    # names such as F1, AUROC, CSV or a command may stay; three lower-case Latin words in a row are a sentence
    import re

    sentences = re.compile(r"(?:\b[a-z]{2,}\b ){2}[a-z]{2,}")
    assert [key for key, text in ZH.texts.items() if sentences.search(text)] == []


def test_chinese_uses_full_width_punctuation():
    import re

    half = re.compile(r"[\u4e00-\u9fff][,;:!?(]|[,;:!?)][\u4e00-\u9fff]")
    assert [key for key, text in ZH.texts.items() if half.search(text)] == []


@pytest.mark.parametrize("words", [EN, ZH], ids=["en", "zh"])
def test_every_kind_of_misalignment_has_a_name_and_a_sentence(words):
    assert [
        kind for kind in KINDS if f"kind.{kind}.name" not in words.texts or f"kind.{kind}.what" not in words.texts
    ] == []


def test_an_unknown_language_names_the_known_ones():
    with pytest.raises(OptionError, match="en, zh"):
        Sentences.of("fr")


@pytest.mark.parametrize(
    ("metric", "measure", "en", "zh"),
    [
        ("accuracy", {"value": 0.8123, "low": 0.794, "high": 0.83}, f"81.2{NBSP}% (79.4–83.0)", "81.2%（79.4–83.0）"),
        ("recall", {"value": 1.0, "low": 0.9995, "high": 1.0}, f"100.0{NBSP}% (100.0–100.0)", "100.0%（100.0–100.0）"),
        ("auroc", {"value": 0.91249, "low": None, "high": None}, "0.912", "0.912"),
        ("log_loss", {"value": 12.345, "low": 11.0, "high": 13.0}, "12.3 (11.0–13.0)", "12.3（11.0–13.0）"),
        ("accuracy", {"value": None}, "–", "–"),
        ("accuracy", {"value": float("nan")}, "–", "–"),
        ("accuracy", None, "–", "–"),
    ],
)  # fmt: skip
def test_values_are_written_with_their_interval(metric: str, measure: Mapping | None, en: str, zh: str):
    assert EN.value(metric, measure) == en
    assert ZH.value(metric, measure) == zh


def test_changes_carry_their_sign_and_are_points():
    change = {"value": -0.012, "low": -0.0231, "high": 0.0041}
    assert EN.value("accuracy", change, change=True) == "−1.2 points (−2.3 to +0.4)"
    assert ZH.value("accuracy", change, change=True) == "−1.2 个百分点（−2.3 至 +0.4）"
    assert EN.value("auroc", change, change=True) == "−0.012 (−0.023 to +0.004)"


def test_a_change_that_rounds_to_nothing_has_no_sign():
    assert EN.points(-0.0001) == "0.0 points"


def test_counts_choose_singular_and_plural():
    assert (
        f"{Count(1):row|rows}, {Count(0):row|rows}, {Count(1204):row|rows}"
        == f"1{NBSP}row, 0{NBSP}rows, 1,204{NBSP}rows"
    )


def test_metrics_quoted_as_decimals_stay_so_in_compound_names():
    assert is_share("macro_f1_gap")
    assert not is_share("auroc_gap")
    assert not is_share("worst_group_log_loss")


def test_compound_metric_names_are_made_of_known_words():
    assert EN.metric("accuracy_gap") == "gap in accuracy between groups"
    assert ZH.metric("worst_group_macro_f1") == "最差群体的宏平均 F1"
    assert EN.metric("tail_harmony") == "tail harmony"


def condition(column: str, op: str, value: object) -> dict:
    return {"column": column, "op": op, "value": value}


@pytest.mark.parametrize(
    ("where", "characters", "en", "zh"),
    [
        ([], False, "all rows", "全部数据"),
        ([condition("text", "contains", "电池")], True, "rows that mention “电池”", "提到“电池”的行"),
        ([condition("product", "==", "books"), condition("negation", "==", True)], False,
         "rows with product “books” that contain a negation", "product 为“books”且含否定词的行"),
        ([condition("城市", "==", "成都")], True, "rows with 城市 “成都”", "城市为“成都”的行"),
        ([condition("length", ">=", 20)], False, "rows that are at least 20 words long", "不少于 20 个词的行"),
        ([condition("length", "<=", 8), condition("number", "==", True)], True,
         "rows that are at most 8 characters long and contain a number", "不超过 8 字且含数字的行"),
        ([condition("stars", ">=", 4)], False, "rows with stars of at least 4", "stars 不小于 4 的行"),
        ([condition("moon", "~", "full")], False, "rows with moon ~ “full”", "moon ~ “full”的行"),
    ],
)  # fmt: skip
def test_slices_are_said_in_words(where: list, characters: bool, en: str, zh: str):
    assert EN.slice(where, characters=characters).replace(NBSP, " ") == en
    assert ZH.slice(where, characters=characters) == zh


def test_values_of_the_user_are_never_read_as_templates():
    odd = [condition("text", "contains", "{0} {slice} %s")]
    assert EN.slice(odd, characters=False) == "rows that mention “{0} {slice} %s”"


def test_a_lower_bound_is_no_interval():
    bound, both = {"value": 0.974, "low": 0.93, "high": None}, {"value": 0.974, "low": 0.93, "high": 1.0}
    english, chinese = Sentences.of("en"), Sentences.of("zh")
    assert english.value("precision", bound).replace("\u00a0", " ") == "97.4 % (at least 93.0 %)"
    assert chinese.value("precision", bound) == "97.4%（不低于 93.0%）"
    assert "least" not in english.value("precision", both)
    assert english.value("precision", {"value": 0.974, "low": None, "high": None}).replace("\u00a0", " ") == "97.4 %"


def test_every_stage_that_is_reported_has_a_name_in_both_languages():
    """Read from the calls themselves, and from the steps of prepare, whose names are stages, too."""
    import re
    from pathlib import Path

    import duiqi
    from duiqi.data.steps import STEPS

    source = Path(duiqi.__file__).parent
    call = re.compile(r"""\b(?:progress|told)\(f?"([a-z_ ]+)(?: \{|")""")
    calls = {code.strip() for path in source.rglob("*.py") for code in call.findall(path.read_text(encoding="utf-8"))}
    assert {"probe", "looking", "reading_pool", "fit"} <= calls
    assert [code for code in {*calls, *STEPS} if f"stage.{code}" not in EN.texts] == []
    assert all(is_chinese(ZH.stage(code)) for code in {*calls, *STEPS})


def test_stages_say_what_is_trained_and_examined():
    assert (
        ZH.stage("fit 2-reweight+augment") == f"训练：2-{ZH.name('remedy', 'reweight')}+{ZH.name('remedy', 'augment')}"
    )
    assert ZH.stage("fit plain") == "训练：普通训练"
    assert EN.stage("probe", "fairness") == "examining: Fairness"
    assert ZH.stage("probe", "fairness") == "检查：公平性"


def test_errors_keep_their_words_in_a_frame_of_the_language():
    message, hint = "expected a file, given x, y, given up", "Check {it}."
    assert EN.complaint(message, hint) == "duiqi: expected a file, given x, y, given up\n  hint: Check {it}."
    assert ZH.complaint(message, hint) == "duiqi 出错\n  要求：a file\n  实际：x, y, given up\n  提示：Check {it}."
    assert ZH.complaint("Interrupted.", "") == "duiqi：Interrupted."
