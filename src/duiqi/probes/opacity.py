from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

import numpy as np

from duiqi.core.case import Case
from duiqi.core.errors import DataError
from duiqi.core.exhibit import Exhibit
from duiqi.core.gate import Gate
from duiqi.core.measure import Measure
from duiqi.core.part import probe
from duiqi.core.seed import derive, generator
from duiqi.data.explaining import explained, subject_of
from duiqi.data.faithfulness import agreement, faithfulness, in_figures
from duiqi.data.simulated_cues import cued_case
from duiqi.data.simulated_words import Whole

OTHER = "kernel_shap"  # the method that the first one is held against


@probe(
    kind="opacity",
    needs=("model.probs", "data.text", "model.anew"),
    gates=(Gate("faithfulness_gain", at_least=0.1),),
    on_request=True,
    source="DeYoung et al., 2020, ERASER: a benchmark to evaluate rationalized NLP models, ACL, "
    "https://aclanthology.org/2020.acl-main.408/; Krishna et al., 2024, The disagreement problem in explainable "
    "machine learning, TMLR",
)
def opacity(
    case: Case,
    *,
    rows: int = 100,
    method: Literal["occlusion", "kernel_shap", "lime"] = "occlusion",
    samples: int = 60,
) -> Iterator[Measure | Exhibit]:
    """Whether explanations of single answers hold: answers hang on the words named, and methods agree.

    A sample of `rows` rows is explained by `method`. The gate is on how much more of the answer's probability is lost
    without the words named (a tenth, a fifth and half of all) than without as many words drawn at random. Beside it
    stand what the words named say alone (sufficiency), how alike `method` and Shapley values order the words, and how
    alike two draws of Shapley values of `samples` questions do; words that weigh nothing stand in any order, so neither
    reaches 1. Answers by a hash of the text gain .02 (up to .13 in 50 rows), by a count of words .33: the gate of .1
    stands between. Runs only when asked for (`--only opacity`): it asks the model some 180 questions a row.

    A model whose explanations do not hold cannot be talked about word by word; nobody can then check why it answers as
    it does. Misleads where answers hang on the order of words or on the text as a whole, and for models that meet texts
    without some words as texts of another kind.
    """
    chosen = generator(case.seed, "opacity").permutation(len(case.data))[:rows]
    data = case.data.take(np.sort(chosen))
    subject = subject_of(case.predictor, data)
    found = explained(case.predictor, subject, [method, OTHER], samples=samples, seed=derive(case.seed, "opacity"))
    again = explained(case.predictor, subject, [OTHER], samples=samples, seed=derive(case.seed, "opacity again"))
    if not found:
        raise DataError(
            f"expected rows with words and answers to explain, given none in {data.name}", hint="Give other rows."
        )
    holds = faithfulness(case.predictor, subject, found, method, seed=case.seed)
    taken = np.array([each.row for each in found])  # a row with several labels or entities stands once for each
    counts = np.bincount(taken, minlength=len(data))
    gain = np.bincount(taken, holds.gain, minlength=len(data))[counts > 0] / counts[counts > 0]
    with_words = data.take(counts > 0)
    inside = replace(case, data=with_words, slices=())
    yield inside.noted("faithfulness_gain", gain)
    lines = (
        ("comprehensiveness", holds.comprehensiveness),
        ("random_comprehensiveness", holds.random_comprehensiveness),
        ("sufficiency", holds.sufficiency),
        ("random_sufficiency", holds.random_sufficiency),
        ("agreement", agreement(found, method, found, OTHER)),
        ("stability", agreement(found, OTHER, again, OTHER)),
    )
    table = [[name, in_figures(values)] for name, values in lines]
    yield Exhibit("table", {"title": "faithfulness", "columns": ["held_by", "mean_change"], "rows": table})


@opacity.planted
def _(rng: np.random.Generator, strength: float) -> tuple[Case, Case]:
    """The healthy model counts words of praise and blame; the sick one answers by the text as a whole."""
    healthy = cued_case(rng, share=0.0, weight=0.0, rows=200, train_rows=50)
    return healthy, replace(healthy, predictor=Whole(healthy.predictor, strength))
