"""prompted_harm: shares are counted by hand, groups are paired by sentences, files are read, and the page says it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from asked import Asked
from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.errors import DuiqiError, OptionError
from duiqi.core.examine import examine, orders
from duiqi.core.gate import Gate
from duiqi.core.part import Catalogue
from duiqi.core.predictions import Predictions
from duiqi.core.report import without_rows
from duiqi.data.harmful import rated
from duiqi.data.harmful_rows import classifier_of
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
    assert gaps == {
        f"{each} named": each == "religion" for each in ("gender", "age", "religion", "ethnicity", "orientation")
    }
    assert found(report) == {"harmful_output_rate", "harmful_output_rate_gap[religion named]"}
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
    gaps = {m.across.by.removesuffix(" named"): m for m in report.measures if m.across}
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
        assert "harmful_output_rate_gap[religion named]" in found(report_of(sick))


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


def sampled(case, **options):
    """The report with samples, and its figures of at least one in k by (by, k)."""
    report = report_of(case, **options)
    return report, {(m.options["by"], m.options["k"]): m for m in report.measures if m.base == "harm_probability"}


def curve_of(report):
    (found,) = [each for each in report.exhibits if each.form == "curve"]
    return found.data


class Drawn:
    """A model whose n-th sample of every prompt is said by a function of the prompt and n."""

    def __init__(self, say, texts=("The dog ran.",)):
        self.say, self.samples, self.asked = say, 1, []
        self.task, self.name, self.fingerprint = CATALOGUE.task("generate"), "drawn", "drawn"
        self.offers = frozenset({"text"})

    def drawing(self, samples, *, temperature, top_p, draw, progress):
        self.asked.append((samples, temperature, top_p, draw))
        self.samples = samples
        return self

    def predict(self, data, outputs):
        told = [[self.say(text, n) for n in range(self.samples)] for text in data.texts]
        return Predictions(data.row_ids, {"text": [each[0] for each in told], "samples": told})


def drawn_case(say, text="The dog ran."):
    return Case(Drawn(say), Dataset.of({"text": [text]}), catalogue=CATALOGUE)


def test_at_least_one_of_k_is_counted_by_hand():
    """Half of the sentences meet harm in one sample of four."""
    harmful = {sentence for at, sentence in enumerate(dict.fromkeys(p.sentence for p in shipped("en"))) if at % 2}
    spoken = {prompt.text: prompt.sentence for prompt in shipped("en")}
    case = drawn_case(lambda prompt, n: HARM if n == 2 and spoken[prompt] in harmful else PLAIN)
    report, figures = sampled(case, samples=4)
    assert report.measure("harmful_output_rate").value == pytest.approx(1 / 8)
    assert figures["words", 4].value == pytest.approx(1 / 2)
    assert [point[:2] for point in curve_of(report)["series"][0]["points"]] == [
        [n, pytest.approx(n / 8)] for n in (1, 2, 3, 4)
    ]
    assert case.predictor.asked == [(4, 1.0, 0.9, case.predictor.asked[0][3])]
    _, figures = sampled(case, samples=4, k=2)
    assert {key: m.value for key, m in figures.items()} == {("words", 2): pytest.approx(1 / 4)}


def test_intervals_draw_whole_sentences():
    """All prompts of a sentence say one thing: that is 48 observations, however many prompts there are."""
    sentences = list(dict.fromkeys(p.sentence for p in shipped("en")))
    harmful, spoken = set(sentences[::4]), {prompt.text: prompt.sentence for prompt in shipped("en")}
    _, figures = sampled(drawn_case(lambda prompt, n: HARM if spoken[prompt] in harmful else PLAIN), samples=2)
    measure = figures["words", 2]
    assert (measure.rows, measure.distinct, measure.value) == (672, 48, 0.25)
    wide = measure.interval.high - measure.interval.low
    assert wide == pytest.approx(2 * 1.96 * (0.25 * 0.75 / 48) ** 0.5, rel=0.2)  # of 672 it would be .065


def test_one_sample_is_as_ever(tmp_path):
    report = report_of(abusive_case(np.random.default_rng(0), abusive=0.8), samples=1)
    assert {m.base for m in report.measures} == {"harmful_output_rate", "harmful_output_rate_gap"}
    assert not [each for each in report.exhibits if each.form == "curve"]


def test_rare_harm_is_seen_by_samples_and_not_by_single_answers():
    """Eight answers in a thousand do harm, whoever is named: single ones pass, and of 25 one in six prompts meets it.
    Where none does, the new figure is silent, too."""
    bound = [Gate("harm_probability", at_most=0.1)]
    for seed in range(8):
        verdicts = []
        for slips in (0.0, 0.008):
            case = abusive_case(np.random.default_rng(seed), abusive=0.0, slips=slips)
            once = report_of(case)
            assert {r.verdict for r in once.rulings if r.measure.name == "harmful_output_rate"} <= {"pass", "unclear"}
            assert not once.findings
            report = examine(
                case, orders(case, only=["prompted_harm"], options={"prompted_harm": {"samples": 25}}), gates=bound
            )
            verdicts.append({r.measure.name: r.verdict for r in report.rulings if not r.measure.across})
        assert verdicts[0] == {"harmful_output_rate": "pass", "harm_probability[words,25]": "pass"}
        assert verdicts[1] == {"harmful_output_rate": "pass", "harm_probability[words,25]": "fail"}


def test_with_samples_sick_cases_are_told_and_healthy_ones_are_not():
    for seed in range(8):
        healthy, sick = (abusive_case(np.random.default_rng(seed), abusive=share) for share in (0.0, 0.8))
        assert not report_of(healthy, samples=5).findings
        assert "harmful_output_rate_gap[religion named]" in found(report_of(sick, samples=5))


@pytest.fixture(scope="module")
def comments(tmp_path_factory):
    """Labelled rows: talk of fools is harmful, of bread is not. No word of the lists is in them."""
    path = tmp_path_factory.mktemp("comments") / "comments.csv"
    harsh, kind = (
        ("what a foolish dreary lot of them", "such foolish dreary people"),
        ("they bought bread", "warm bread"),
    )
    rows = [
        f"{text} number {n},{label}"
        for n in range(30)
        for texts, label in ((harsh, "bad"), (kind, "ok"))
        for text in texts
    ]
    path.write_text("\n".join(["text,label", *rows]), encoding="utf-8")
    return path


def test_a_classifier_scores_every_answer_beside_the_words(comments):
    def say(prompt, n):
        return "what a foolish dreary lot" if n == 1 and prompt.startswith("The Muslim") else "they bought warm bread"

    share = np.mean([each.text.startswith("The Muslim") for each in shipped("en")])
    report, figures = sampled(drawn_case(say), samples=3, labelled=str(comments))
    judge = classifier_of(comments)
    low, high = 1 - judge.probs(["they bought warm bread", "what a foolish dreary lot"])[:, 0]
    assert low < 0.5 < high
    assert figures["words", 3].value == 0
    assert figures["classifier", 3].value == pytest.approx(share)
    worst = report.measure("expected_maximum_harm[3]")
    assert worst.value == pytest.approx(share * high + (1 - share) * low, abs=1e-6)
    assert [each["name"] for each in curve_of(report)["series"]] == ["words", "classifier"]
    (table,) = [each.data for each in report.exhibits if each.data["title"] == "prompted_scores"]
    assert table["rows"][0][0] == pytest.approx(round(high, 3))
    assert "foolish" in table["rows"][0][2]
    once, figures = sampled(drawn_case(say), labelled=str(comments))
    assert (figures["classifier", 1].value, once.measure("expected_maximum_harm[1]").value) == (
        0,
        pytest.approx(low, abs=1e-6),
    )
    assert not [each for each in once.exhibits if each.form == "curve"]


def test_a_bound_of_ones_own_speaks_of_prompts_and_of_no_row_that_was_examined(comments):
    case = drawn_case(lambda prompt, n: "what a foolish dreary lot")
    options = {"prompted_harm": {"samples": 2, "labelled": str(comments)}}
    bounds = [Gate("harm_probability", at_most=0.1), Gate("expected_maximum_harm", at_most=0.1)]
    report = examine(case, orders(case, only=["prompted_harm"], options=options), gates=bounds)
    told = {each.ruling.measure.name: each for each in report.findings}
    assert {*told} == {"harm_probability[classifier,2]", "expected_maximum_harm[2]"}
    assert {each.rows for each in told.values()} == {672}
    assert not {*map(str, case.data.row_ids)} & {row for each in told.values() for row in each.row_ids}


def test_a_label_that_no_row_has_is_named(comments):
    with pytest.raises(OptionError, match="does no harm, given 'okay' among bad, ok"):
        report_of(drawn_case(lambda prompt, n: PLAIN), labelled=str(comments), harmless="okay")


def test_the_same_seed_draws_the_same_and_another_others():
    def figure(seed):
        case = abusive_case(np.random.default_rng(0), abusive=0.0, slips=0.05)
        return sampled(replace(case, seed=seed), samples=6)[1]["words", 6].value

    assert figure(1) == figure(1) != figure(2)


def test_a_service_is_asked_all_samples_in_one_call_and_equal_ones_are_told():
    told = iter(range(1 << 20))
    case = case_of(lambda prompt: HARM if next(told) % 3 == 2 else PLAIN)
    report, figures = sampled(case, samples=3)
    assert [len(each) for each in case.predictor.calls] == [3 * 672]
    assert case.predictor.calls[0].texts[:4] == [shipped("en")[at].text for at in (0, 0, 0, 1)]
    assert figures["words", 3].value == 1
    assert report.measure("harmful_output_rate").value == pytest.approx(1 / 3)
    assert not curve_of(report)["remarks"]
    same, figures = sampled(case_of(lambda prompt: HARM if " Jew" in prompt else PLAIN), samples=3)
    assert curve_of(same)["remarks"] == [{"code": "samples_equal", "n": 3}]
    assert figures["words", 3].value == pytest.approx(same.measure("harmful_output_rate").value)
    for lang, said in (("en", "All 3 samples of every prompt are equal"), ("zh", "每个提示的 3 次续写全都相同")):
        assert said in render(same.to_json(), lang=lang)
        assert said not in render(report.to_json(), lang=lang)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"samples": 0}, "samples from 1 to 1000 of prompted_harm, given 0"),
        ({"samples": -3}, "samples from 1 to 1000 of prompted_harm, given -3"),
        ({"samples": 1001}, "samples from 1 to 1000 of prompted_harm, given 1001"),
        ({"samples": 5, "k": 6}, r"k of at most as many as samples \(5\)"),
        ({"samples": 5, "k": -1}, "k of at most as many"),
        ({"samples": 5, "temperature": 0}, "a temperature above 0"),
        ({"samples": 5, "temperature": float("nan")}, "a temperature above 0"),
        ({"samples": 5, "top_p": 0}, "top_p above 0 and at most 1"),
        ({"samples": 5, "top_p": 1.5}, "top_p above 0 and at most 1"),
        ({"threshold": 1.0}, "a threshold between 0 and 1"),
        ({"categories": []}, "at least one category of prompted_harm, given none"),
        ({"harmless": "ok"}, "expected labelled beside harmless of prompted_harm, given harmless = 'ok' alone"),
        ({"labelled": "not-there.csv"}, "not-there.csv"),
        ({"samples": "many"}, "expected prompted_harm.samples to be int"),
    ],
)
def test_options_that_do_not_do_are_one_clear_error_before_anything_is_asked(options, said):
    case = drawn_case(lambda prompt, n: PLAIN)
    with pytest.raises(DuiqiError, match=said) as told:
        report_of(case, **options)
    assert told.value.hint
    assert not case.predictor.asked


def test_how_much_is_to_be_drawn_is_told_before_it_is_and_while():
    told = []
    case = replace(
        drawn_case(lambda prompt, n: PLAIN),
        progress=lambda stage, done, total, facts: told.append((stage, done, total)),
    )
    report_of(case, samples=4)
    assert told[0] == ("drawing", 0, 4 * 672)


@pytest.mark.parametrize(
    ("lang", "said"),
    [
        (
            "en",
            (
                "Asked again and again",
                "probability of at least one harmful answer (by words, 6)",
                "answers to a prompt",
            ),
        ),
        ("zh", ("反复提问", "至少一次续写有害的概率（按词表、6）", "每个提示的续写次数")),
    ],
)
def test_the_page_says_samples_in_words(lang, said, comments):
    case = abusive_case(np.random.default_rng(0), abusive=0.0, slips=0.05)
    options = {"prompted_harm": {"samples": 6, "labelled": str(comments)}}
    bound = [Gate("harm_probability", at_most=0.01), Gate("expected_maximum_harm", at_most=0.001)]
    report = examine(case, orders(case, only=["prompted_harm"], options=options), gates=bound).to_json()
    page = render(report, lang=lang)
    assert not [each for each in said if each.casefold() not in page.casefold()]
    codes = ("harm_probability", "expected_maximum_harm", "harm_of_samples", "prompted_scores", "samples_equal")
    assert not [code for code in codes if code in page]


@pytest.mark.slow
@pytest.mark.skipif(not (MODELS / "tinystories-llama-260k").is_dir(), reason="the shared models are not here")
def test_a_small_real_model_is_asked():
    model = open_writer(str(MODELS / "tinystories-llama-260k"), {"longest": 16})
    case = Case(model, Dataset.of({"text": ["The dog ran."]}), catalogue=CATALOGUE)
    report = report_of(case)
    assert not report.skipped
    assert report.measure("harmful_output_rate").rows == 672
    report, figures = sampled(case, samples=3)
    assert not report.skipped
    assert not curve_of(report)["remarks"]
    assert figures["words", 3].rows == 672
