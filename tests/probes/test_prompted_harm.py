"""prompted_harm: shares are counted by hand, groups are paired by sentences, files are read, and the page says it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from asked import Asked
from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.errors import OptionError
from duiqi.core.examine import examine, orders
from duiqi.core.part import Catalogue
from duiqi.core.report import without_rows
from duiqi.data.harmful import rated
from duiqi.data.prompts import read_prompts, shipped
from duiqi.data.simulated import simulated_case, written_case
from duiqi.data.simulated_prompts import abusive_case
from duiqi.model.open import open_writer
from duiqi.show.html import render

CATALOGUE = Catalogue.installed()
MODELS = Path(__file__).parents[3] / "shared" / "models"
HARM, PLAIN = "i will kill you.", "went home."


def case_of(say, texts=("The dog ran.",)):
    def answer(data):
        return {"text": [say(each) for each in data.texts]}

    model = Asked(CATALOGUE.task("generate"), answer, frozenset({"text"}))
    return Case(model, Dataset.of({"text": list(texts)}), catalogue=CATALOGUE)


def report_of(case, **options):
    return examine(case, orders(case, only=["prompted_harm"], options={"prompted_harm": options}))


def found(report):
    return {finding.ruling.measure.name for finding in report.findings}


@pytest.mark.parametrize(("language", "text", "prompts"), [("en", "The dog ran.", 672), ("zh", "小狗跑了。", 768)])
def test_prompts_are_those_of_the_language_and_asked_at_once(language, text, prompts):
    case = case_of(lambda prompt: PLAIN, [text])
    report = report_of(case)
    assert [each.texts for each in case.predictor.calls] == [[each.text for each in shipped(language)]]
    assert report.measure("harmful_output_rate").rows == prompts
    assert not report.findings
    assert {ruling.verdict for ruling in report.rulings if ruling.measure.name == "harmful_output_rate"} == {"pass"}


@pytest.mark.parametrize("language", ["en", "zh"])
def test_prompts_differ_in_the_group_only_and_say_no_harm(language):
    for each in shipped(language):
        assert each.text in [each.sentence.format(name) for name in each.group.split(" / ")]
    assert len({each.text for each in shipped(language)}) == len(shipped(language))
    assert not any(rated([each.text for each in shipped(language)]))


def test_shares_and_gaps_are_counted_by_hand():
    report = report_of(case_of(lambda prompt: HARM if " Jew " in f"{prompt} ".replace(",", " ") else PLAIN))
    assert report.measure("harmful_output_rate").value == pytest.approx(48 / 672)
    gaps = {m.across.by: m.value for m in report.measures if m.across}
    assert gaps == {"gender": 0, "age": 0, "religion": 1, "ethnicity": 0, "orientation": 0}
    assert found(report) == {"harmful_output_rate", "harmful_output_rate_gap[religion]"}
    (finding,) = [each for each in report.findings if "religion" in each.ruling.measure.name]
    assert (finding.kind, finding.rows) == ("unsafe_output", 48)


def test_harm_alike_to_all_is_no_gap():
    harmful = {sentence for at, sentence in enumerate(dict.fromkeys(p.sentence for p in shipped("en"))) if at % 2}
    spoken = {prompt.text: prompt.sentence for prompt in shipped("en")}
    report = report_of(case_of(lambda prompt: HARM if spoken[prompt] in harmful else PLAIN))
    assert found(report) == {"harmful_output_rate"}
    assert report.measure("harmful_output_rate").value == 0.5
    assert all(m.value == 0 for m in report.measures if m.across)


def test_a_group_is_one_group_in_both_languages():
    report = report_of(case_of(lambda prompt: HARM if "穆斯林" in prompt else PLAIN, ["The dog ran.", "小狗跑了。"]))
    gaps = {m.across.by: m for m in report.measures if m.across}
    assert gaps["religion"].across.levels[1] == "Muslim / 穆斯林"
    assert gaps["religion"].across.rows == (96, 96, 96, 96)
    assert gaps["religion"].value == 0.5  # to all in Chinese, to none in English
    assert (gaps["orientation"].rows, gaps["region"].rows) == (48, 48)


def test_only_the_categories_asked_for_count():
    report = report_of(case_of(lambda prompt: HARM), categories=["pornography"])
    assert report.measure("harmful_output_rate").value == 0


def test_a_file_of_prompts_is_asked_and_groups_are_paired_by_sentence(tmp_path):
    path = tmp_path / "own.csv"
    rows = [f"The {group} said {n},{group},{dim},{n}" for n in range(20) for group, dim in (("cat", "a"), ("dog", "a"))]
    path.write_text("\n".join(["prompt,group,domain,pair", *rows]), encoding="utf-8")
    report = report_of(case_of(lambda prompt: HARM if "dog" in prompt else PLAIN), prompts=str(path))
    (gap,) = [m for m in report.measures if m.across]
    assert (gap.name, gap.value, gap.rows) == ("harmful_output_rate_gap[a]", 1.0, 20)
    bare = tmp_path / "bare.jsonl"
    bare.write_text('{"text": "one"}\n{"text": "two"}\n', encoding="utf-8")
    assert [each.name for each in report_of(case_of(lambda prompt: PLAIN), prompts=str(bare)).measures] == [
        "harmful_output_rate"
    ]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("gone.csv", None, "which is not there"),
        ("other.csv", "question\nwhy\n", "expected a column prompt or text"),
        ("blank.csv", "prompt,group\na,b\n ,c\n", "expected a text in"),
    ],
)
def test_a_file_that_does_not_do_is_one_clear_error(tmp_path, name, text, said):
    if text is not None:
        (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(OptionError, match=said):
        report_of(case_of(lambda prompt: PLAIN), prompts=str(tmp_path / name))


def test_missing_columns_of_a_file_are_empty(tmp_path):
    (tmp_path / "p.csv").write_text("text\nhello there\n", encoding="utf-8")
    (prompt,) = read_prompts(tmp_path / "p.csv")
    assert (prompt.text, prompt.group, prompt.dimension, prompt.sentence) == ("hello there", "", "", "")


def test_other_tasks_and_recorded_answers_say_so():
    (skipped,) = report_of(simulated_case(np.random.default_rng(0))).skipped
    assert skipped["needs"] == ["task.generate", "model.text", "model.anew"]
    (skipped,) = report_of(written_case(np.random.default_rng(0))).skipped
    assert skipped["needs"] == ["model.anew"]


def test_sick_cases_are_told_and_healthy_ones_are_not():
    for seed in range(20):
        healthy, sick = (abusive_case(np.random.default_rng(seed), abusive=share) for share in (0.0, 0.8))
        assert not report_of(healthy).findings
        assert "harmful_output_rate_gap[religion]" in found(report_of(sick))


@pytest.mark.parametrize(
    ("lang", "said"),
    [
        ("en", ("goes on with words of harm", "Prompts answered with harm, by group", "The Muslim worked as")),
        ("zh", ("续写时，模型写出了有害的内容", "各群体引出有害内容的提示比例", "The Muslim worked as")),
    ],
)
def test_the_page_says_it_in_words_and_hides_prompts_of_files(lang, said, tmp_path):
    path = tmp_path / "own.csv"
    path.write_text("prompt,group,dimension\n" + "".join(f"The Muslim worked as {n},a,b\n" for n in range(9)))
    report = report_of(abusive_case(np.random.default_rng(0), abusive=1.0), prompts=str(path)).to_json()
    shown = report_of(abusive_case(np.random.default_rng(0), abusive=1.0)).to_json()
    page = render(shown, lang=lang)
    assert not [each for each in said[:2] if each not in page]
    assert said[2] in render(report, lang=lang)
    assert said[2] not in render(without_rows(report), lang=lang)
    codes = ("harmful_output_rate", "prompted_groups", "unsafe_output")
    assert not [code for code in codes if code in page]


@pytest.mark.slow
@pytest.mark.skipif(not (MODELS / "tinystories-llama-260k").is_dir(), reason="the shared models are not here")
def test_a_small_real_model_is_asked():
    model = open_writer(str(MODELS / "tinystories-llama-260k"), {"longest": 16})
    case = Case(model, Dataset.of({"text": ["The dog ran."]}), catalogue=CATALOGUE)
    report = report_of(case)
    assert not report.skipped
    assert report.measure("harmful_output_rate").rows == 672
