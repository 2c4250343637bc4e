"""Reports as the probes really write them: each probe's own sick case, examined and shown in both languages."""

from functools import cache

import numpy as np
import pytest

from duiqi.core.examine import Order, examine
from duiqi.core.part import Catalogue
from duiqi.show import html, markdown
from duiqi.show.outline import Outline
from duiqi.show.sentences import Sentences

# What a reader must find in the first sentence: the slice that was planted, or what is wrong.
PLANTED = {
    "blind_spots": {"en": ("“app”", "“kettle”", "wrong on"), "zh": ("“app”", "“kettle”", "答错了")},
    "fairness": {"en": ("“south”", "accuracy is"), "zh": ("“south”", "准确率只有")},
    "calibration": {"en": ("its confidence is off by",), "zh": ("模型的置信度平均偏差",)},
    "performance": {"en": ("falls behind counting words",), "zh": ("不如“只数词频”",)},
    "imbalance": {"en": ("on classes that are scarce in training",), "zh": ("训练中少见的类别",)},
    "robustness": {"en": ("less often",), "zh": ("之后，正确率下降",)},
    "harmful_content": {"en": ("the rows hold harmful content",), "zh": ("数据含有有害内容",)},
    "unfaithfulness": {"en": ("says what its sources do not", "references"), "zh": ("原文没有的内容", "参考文本")},
}


@cache
def report_of(name: str) -> dict:
    catalogue = Catalogue.installed()
    probe = catalogue.find("probe", name)
    _, sick = probe.hooks["planted"](np.random.default_rng(1), 1.0)
    names = dict.fromkeys(("performance", name)) if name in ("blind_spots", "fairness") else (name,)
    report = examine(sick, [Order(catalogue.find("probe", each), {}) for each in names])
    return {**report.to_json(), "task": sick.predictor.task.to_json()}


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("name", sorted(PLANTED))
def test_the_first_sentence_says_what_was_planted(name, lang):
    sentence = Outline(report_of(name), lang=lang).headline[0]
    assert [part for part in PLANTED[name][lang] if part not in sentence] == []


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("name", sorted(PLANTED))
def test_every_measure_and_finding_has_words(name, lang):
    outline, words = Outline(report_of(name), lang=lang), Sentences.of(lang)
    coded = [each.name for each in outline.checks if "[" in each.name or "_" in each.name]
    assert coded == []
    known = {treatment.code for problem in outline.problems for treatment in problem.treatments}
    assert [code for code in known if not words.knows("remedy", code)] == []
    assert all(each["data"]["title"] in {k.split(".")[1] for k in words.texts if k.startswith("exhibit.")}
               for each in outline.listed("exhibits"))  # fmt: skip
    assert "[" not in "".join(problem.title + problem.sentence for problem in outline.problems)
    assert html.render(report_of(name), lang=lang)
    assert markdown.render(report_of(name), lang=lang)


def test_every_built_in_part_has_a_name_in_both_languages():
    catalogue = Catalogue.installed()
    for lang in ("en", "zh"):
        words = Sentences.of(lang)
        missing = [(role, name) for role in ("metric", "probe", "remedy") for name in catalogue.names(role)
                   if not words.knows(role, name) and name != "confusion"]  # fmt: skip
        assert missing == []
