from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from duiqi.core.asking import by_token, choices_of, likelihoods_of_choices, softmax
from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.errors import DataError, OptionError
from duiqi.core.exhibit import Exhibit
from duiqi.core.gate import Gate
from duiqi.core.measure import FEWEST_ROWS, Measure, jeffreys
from duiqi.core.part import probe
from duiqi.core.texts import excerpt
from duiqi.data.formats import read_pieces
from duiqi.data.glossary import Glossary, fold, mentions, shipped
from duiqi.data.language import of_the_two
from duiqi.data.questions import FEWEST_OBJECTS, Question, Quiz, quiz_of
from duiqi.data.simulated_knowledge import knowing_case

SURE = 0.5  # from which probability on a wrong answer is a confident one
MOST_WRONG, MOST_CYCLES, BINS = 30, 5, 10
FITTED = 20  # turns of fitting subjects and choices in turn
MET = ((0, "0"), (9, "1–9"), (99, "10–99"), (float("inf"), "≥ 100"))  # how often a subject stands in the corpus


@probe(
    kind="vocabulary_gap",
    gates=(Gate("known_rate", at_least=0.5),),
    on_request=True,
    source="Petroni et al., 2019, Language models as knowledge bases?, EMNLP, https://aclanthology.org/D19-1250/; "
    "wrong choices of the same relation: Kassner, Dufter & Schütze, 2021, Multilingual LAMA, EACL, "
    "https://aclanthology.org/2021.eacl-main.284/; what to mind: Kassner & Schütze, 2020, Negated and misprimed probes "
    "for pretrained language models, ACL, https://aclanthology.org/2020.acl-main.698/; likely words win: Holtzman "
    "et al., 2021, Surface form competition, EMNLP, https://aclanthology.org/2021.emnlp-main.564/ (there against a "
    "neutral premise, here against other subjects); facts rarely met: Kandpal et al., 2023, Large language models "
    "struggle to learn long-tail knowledge, ICML",
)
def knowledge(
    case: Case, *, glossary: Glossary | None = None, corpus: Path | None = None, choices: int = 4, others: int = 8,
    most: int = 1000,
) -> Iterator[Measure | Exhibit]:  # fmt: skip
    """Whether the model knows the facts and terms of a field, by a glossary or triples, and what it is sure of wrongly.

    It runs where it is named (`--only knowledge`), or given options in duiqi.toml:

        [options.knowledge]
        glossary = "terms.csv"        # subject,relation,object or term,definition; or "general_en", "general_zh"
        corpus = "texts.jsonl"        # what the model read: how often a subject stands there

    Sentences are made by templates: ready ones (definition, is_a, part_of, capital, author, opposite, treats …, English
    and Chinese), a column `template`, or a toml file of the glossary's name beside it:

        hierarchical = ["reports_to"]
        [templates]
        dose = "The daily dose of {subject} is {object}."

    Several rows of one subject and relation are all right. Other spellings of an object stand in `aliases`, divided by
    a bar. Terms defined by each other, and things that stand above themselves in a hierarchical relation, are told.
    Without `glossary` those of general knowledge that come along are asked, in the languages of the rows; the rows of
    data play no other part (training rows are the corpus where none is given).

    What: each fact is a question: its object, or one of `choices` - 1 others of the same relation (0: all of them, a
    cloze), drawn alike for equal seeds. The measure is the share of facts known, beyond guessing. Why: what a model
    does not know of a field it makes up, the surer it is the worse. How: a model that writes tells how likely the whole
    sentence is, a masked one the pieces of the object in it. From this is taken how likely the object is whatever the
    subject, as `others` other subjects of the relation tell; else the commonest word wins everywhere ("Vienna" as the
    capital of any country: Holtzman et al.). What is left decides. With others=0 the plain likelihood by token decides:
    what a model would say rather than what it has learned. A model for `choose` gives its own probabilities; those of
    the others are the softmax of the scores. A model opened for another task is asked as its folder was pre-trained.
    A fact costs up to choices × (1 + others) sentences, each scored once; of more than `most` facts some are drawn.

    Below half of the facts beyond guessing (right .63 of the time with four choices) a model cannot be said to know a
    field; `[gates] known_rate` asks for more or less. By relation the bound holds where ten facts are asked. Accuracy
    stands beside that of a guess and of the commonest object, by how often the subject stands in the corpus, and by how
    sure the answer was.

    Misleads: a wrong answer may be the template's fault, and a right one a guess by sound (Kassner & Schütze): read the
    sentences. Names that the tokenizer has no pieces for are not told apart, and with others=0 long objects win whose
    ends are told by their beginnings. Where wrong choices are far-fetched a model looks well informed.
    Facts whose object stands in the subject are not asked. What treats it: pre-training on texts of the field; for an
    answer that must be right, looking it up.
    """
    _check(choices, others, most)
    asked = [glossary] if glossary else [shipped(language) for language in of_the_two(case.data.written)]
    facts = [fact for each in asked for fact in each.facts]
    quiz = quiz_of(facts, choices=choices, others=others, most=most, seed=case.seed)
    if not quiz.questions:
        raise OptionError(
            f"expected a relation with at least {FEWEST_OBJECTS} different objects in {asked[0].name}, given none: "
            f"{', '.join(f'{name} ({n})' for name, n in quiz.too_few.items()) or 'every object stands in its subject'}",
            hint="Wrong choices are drawn from the other objects of the relation: add facts.",
        )
    probs = _probabilities(case, quiz)
    right = np.array([int(row.argmax()) == each.truth for row, each in zip(probs, quiz.questions, strict=True)])
    relations = np.array([each.fact.relation for each in quiz.questions])
    measures = {name: _measured(case, quiz, right, relations == name, relation=name) for name in _by_name(relations)}
    yield _measured(case, quiz, right, np.ones(len(right), dtype=bool))
    yield from (measure for measure in measures.values() if measure.distinct >= FEWEST_ROWS)
    yield _bars(right, relations)
    yield _table(quiz, asked, probs, right, relations)
    yield _calibration(probs, right)
    yield from _by_frequency(case, quiz, right, corpus)
    yield from _confidently_wrong(quiz, probs, right)


def _check(choices: int, others: int, most: int) -> None:
    if choices < 0 or choices == 1 or others < 0 or most < 1:
        raise OptionError(
            f"expected choices of 0 (all) or at least 2, others of at least 0 and most of at least 1, given {choices}, "
            f"{others} and {most}",
            hint="choices=4, others=8 and most=1000 are the defaults.",
        )


def _probabilities(case: Case, quiz: Quiz) -> list[NDArray[np.float64]]:
    """How likely each choice of every question is, float[c]; all are asked in one call."""
    if case.task.name == "choose" and "probs" in case.predictor.offers:
        return choices_of(case.predictor, quiz.to_choose())
    from duiqi.model.cloze import likelihoods_of

    rows, where = quiz.sentences()
    counts = [len(each.choices) * (1 + len(each.others)) for each in quiz.questions]
    said = likelihoods_of_choices(likelihoods_of(case.predictor), rows, counts, where)
    return [softmax(_scores(each, *found)) for each, found in zip(quiz.questions, said, strict=True)]


def _scores(question: Question, loglik: NDArray[np.float64], tokens: NDArray[np.float64]) -> NDArray[np.float64]:
    """By how much each choice is likelier than it is of other subjects, in nats; without others how likely it is, as if
    all sentences were equally long, float[c]."""
    own, *others = loglik.reshape(-1, len(question.choices))
    if others:
        return np.asarray(own - _anyway(np.stack(others), question.known_of_others))
    return by_token(own, tokens)


def _anyway(loglik: NDArray[np.float64], known: NDArray[np.bool_]) -> NDArray[np.float64]:
    """How likely each choice is whatever the subject, up to a constant, float[c], from other subjects float[o, c]: what
    is left of a subject's column when subjects differ by a constant, too. Where a choice is right it says nothing."""
    weights = (~known).astype(np.float64)
    across, down = np.maximum(weights.sum(axis=1), 1), np.maximum(weights.sum(axis=0), 1)
    columns = np.zeros(loglik.shape[1])
    for _ in range(FITTED):
        rows = (weights * (loglik - columns)).sum(axis=1) / across
        columns = (weights * (loglik - rows[:, None])).sum(axis=0) / down
    return np.asarray(columns)


def _measured(case: Case, quiz: Quiz, right: NDArray[np.bool_], inside: NDArray[np.bool_], **options: Any) -> Measure:
    """The share of facts known among some questions. Facts of one subject are drawn together."""
    some = [each for each, held in zip(quiz.questions, inside, strict=True) if held]
    columns = {
        "text": [each.fact.said(each.fact.object)[0] for each in some],
        "cluster": [fold(each.fact.subject) for each in some],
    }
    data = Dataset.of(columns, name="glossary")
    known = np.column_stack([right[inside], [each.chance for each in some]])
    return replace(case, data=data, slices=()).noted("known_rate", known, **options)


def _by_name(names: NDArray[np.str_]) -> list[str]:
    return list(dict.fromkeys(names.tolist()))


def _accuracy(right: NDArray[np.bool_]) -> dict[str, float]:
    low, high = jeffreys(int(right.sum()), len(right))
    return {"value": float(right.mean()), "low": low, "high": high}


def _bars(right: NDArray[np.bool_], relations: NDArray[np.str_]) -> Exhibit:
    bars = [{"label": name, **_accuracy(right[relations == name])} for name in _by_name(relations)]
    bars.sort(key=lambda bar: (bar["value"], bar["label"]))
    return Exhibit("bars", {"title": "knowledge", "x": "accuracy", "bars": bars, "total": len(bars)})


def _table(
    quiz: Quiz, asked: Sequence[Glossary], probs: Sequence[NDArray[np.float64]], right: NDArray[np.bool_],
    relations: NDArray[np.str_],
) -> Exhibit:  # fmt: skip
    """Accuracy by relation beside a guess and the commonest object, the right one's mean rank, and how sure it was."""
    questions = quiz.questions
    chance, popular = (np.array([getattr(each, name) for each in questions]) for name in ("chance", "popular"))
    ranks = np.array([1 + (row > row[each.truth]).sum() for row, each in zip(probs, questions, strict=True)])
    sure = np.array([row.max() for row in probs])
    groups = {"": np.ones(len(right), dtype=bool)} | {name: relations == name for name in _by_name(relations)}
    rows = [
        [name or {"said": "all_facts"}, int(inside.sum()), {**_accuracy(right[inside]), "metric": "accuracy"},
         *({"value": float(each[inside].mean()), "metric": "accuracy"} for each in (chance, popular)),
         round(float(ranks[inside].mean()), 2), {"value": float(sure[inside].mean()), "metric": "confidence"}]
        for name, inside in groups.items()
    ]  # fmt: skip
    columns = ["relation", "facts", "accuracy", "guessing", "commonest_object", "rank_of_right", "confidence"]
    table = {"title": "knowledge_by_relation", "columns": columns, "rows": rows, "brief": True}
    return Exhibit("table", {**table, "remarks": list(_remarks(quiz, asked))})


def _remarks(quiz: Quiz, asked: Sequence[Glossary]) -> Iterator[Mapping[str, Any]]:
    """What was not asked, and what is odd in the glossary."""
    if quiz.too_few:
        named = ", ".join(f"{name} ({n})" for name, n in quiz.too_few.items())
        yield {"code": "relations_left_out", "n": len(quiz.too_few), "relations": named, "fewest": FEWEST_OBJECTS}
    if quiz.given_away:
        yield {"code": "facts_given_away", "n": quiz.given_away}
    cycles = [" → ".join(cycle) for each in asked for cycle in each.cycles]
    if cycles:
        yield {"code": "glossary_cycles", "n": len(cycles), "cycles": "; ".join(cycles[:MOST_CYCLES])}


def _calibration(probs: Sequence[NDArray[np.float64]], right: NDArray[np.bool_]) -> Exhibit:
    """How often answers are right against how likely they were said to be, in bins of equally many."""
    sure = np.array([row.max() for row in probs])
    order = np.argsort(sure, kind="stable")
    points = []
    for rows in np.array_split(order, max(1, min(BINS, len(order) // 20))):
        points.append([float(sure[rows].mean()), *_accuracy(right[rows]).values(), len(rows)])
    series = [{"name": "model", "points": points}]
    curve = {"title": "knowledge_confidence", "x": "confidence", "y": "accuracy", "series": series, "diagonal": True}
    return Exhibit("curve", curve)


def _by_frequency(case: Case, quiz: Quiz, right: NDArray[np.bool_], corpus: Path | None) -> Iterator[Exhibit]:
    """Accuracy by how often the subject stands in the corpus, else in the training rows."""
    title, columns = "knowledge_by_frequency", ["times_met", "facts", "accuracy"]
    if corpus is None and case.train is None:
        said = {"title": title, "columns": columns, "rows": [], "remarks": [{"code": "no_corpus"}]}
        yield Exhibit("table", said)
        return
    find = mentions([each.fact.subject for each in quiz.questions])
    met: Counter[str] = Counter()
    for text in _texts(case, corpus):
        met.update(find(text))
    counts = np.array([met[each.fact.subject] for each in quiz.questions])
    rows: list[list[Any]] = []
    least = -1.0
    for highest, name in MET:
        inside = (counts > least) & (counts <= highest)
        least = highest
        if inside.any():
            rows.append([name, int(inside.sum()), {**_accuracy(right[inside]), "metric": "accuracy"}])
    yield Exhibit("table", {"title": title, "columns": columns, "rows": rows})


def _texts(case: Case, corpus: Path | None) -> Iterator[str]:
    """The texts of a file: of its column text, else of all columns that hold texts."""
    if corpus is None:
        assert case.train is not None
        yield from case.train.written
        return
    if not corpus.is_file():
        raise OptionError(
            f"expected a file of texts as corpus, given {corpus}, which is no file",
            hint="Check the path under [options.knowledge] in duiqi.toml.",
        )
    try:
        if corpus.suffix == ".txt":
            with corpus.open(encoding="utf-8", errors="replace") as lines:
                yield from lines
            return
        for piece in read_pieces(corpus, corpus.name):
            columns = [piece.columns["text"]] if "text" in piece.columns else piece.columns.values()
            yield from (value for column in columns for value in column if isinstance(value, str))
    except DataError as error:
        raise OptionError(str(error), hint=error.hint) from error


def _confidently_wrong(quiz: Quiz, probs: Sequence[NDArray[np.float64]], right: NDArray[np.bool_]) -> Iterator[Exhibit]:
    """The wrong answers that the model was surest of."""
    wrong = [
        (float(probs[at].max()), quiz.questions[at], int(probs[at].argmax())) for at in np.flatnonzero(~right).tolist()
    ]
    sure = sorted((each for each in wrong if each[0] >= SURE), key=lambda each: -each[0])
    if sure:
        rows = [_wrong(question, answer, probability) for probability, question, answer in sure[:MOST_WRONG]]
        columns = ["subject", "relation", "right_object", "answer", "sure"]
        table = {"title": "knowledge_wrong", "columns": columns, "rows": rows, "total": len(sure)}
        yield Exhibit("table", {**table, "rows_of_data": True})


def _wrong(question: Question, answer: int, probability: float) -> list[Any]:
    fact = question.fact
    right = " / ".join(fact.objects)
    cell = {"value": probability, "metric": "confidence"}
    return [excerpt(fact.subject), fact.relation, excerpt(right), excerpt(question.choices[answer]), cell]


@knowledge.planted
def _(rng: np.random.Generator, strength: float) -> tuple[Case, Case]:
    """Nine facts in ten are known; the sick model knows none."""
    return knowing_case(rng, known=0.9), knowing_case(rng, known=0.9 * (1 - strength))
