"""`explain`: why does the model answer as it does?"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from duiqi.core.dataset import Dataset
from duiqi.core.errors import DataError, OptionError, nearest
from duiqi.core.exhibit import Exhibit
from duiqi.core.folder import check_report_place
from duiqi.core.report import Report
from duiqi.data.recorded import is_recorded
from duiqi.run.answering import answering, notes_of
from duiqi.run.named import made_for, shown
from duiqi.run.table import Settings, Source, Table, lay, provenance
from duiqi.show.publish import publish

if TYPE_CHECKING:
    from duiqi.core.task import Task
    from duiqi.data.counterfactual import Counterfactual
    from duiqi.data.explaining import Explanation, Subject
    from duiqi.data.nearest import Example

ASKING = ("kernel_shap", "occlusion", "lime")  # methods that ask the model about texts without some of their words
GRADIENTS = "integrated_gradients"
FEW = 20  # texts up to which the default is thorough
MOST = 200  # rows of a file that are explained, where nothing else is said
IMPORTANT = 30  # words listed of many texts
HELD = 50  # explanations that are looked at whether they hold
SEVERAL = 5  # texts from which on their words are listed together
IN_TWOS = {  # tasks whose rows have two texts, and what these are
    "classify_pair": ("pairs", '"first text" "second text"'),
    "extract": ("questions and passages", '"question" "passage"'),
}


def explain(
    model: str | Path,
    *given: Source,
    method: Sequence[str] = (),
    samples: int | None = None,
    scale: str = "log_odds",
    class_: str | None = None,
    word: str | None = None,
    train: Source | None = None,
    counterfactual: bool | None = None,
    rows: int = MOST,
    out: str | Path | None = None,
    lang: str = "en",
    report_rows: bool = True,
    **settings: Unpack[Settings],
) -> Report:
    """Say which words of texts speak for the model's answers, what would turn them, and which rows taught them.

    `given` are texts, or one file or folder of rows (its test, dev or all rows, the first `rows` of them), for which it
    is also told which words weigh most over all of them. A model for pairs takes texts two by two, one for answers in
    passages each question with its passage; for choices the first text is the question and the others are the choices,
    for ranks the first is the query and the others are the documents; for relations both parts are marked
    (<e1>…</e1>, <e2>…</e2>); for tags words are divided at blanks and marks, Chinese ones character by character.

    What is explained: the class answered, or `class_`; every label given; the score; every entity, or the tag of
    `word`; how likely a text is that the model wrote; how likely the same words of a passage stay the answer, or that
    it has none; the cosine of a query and the document that comes first (among those of the rows that are explained).
    Weights are in the units of that number: log-odds, or with `scale` "probability" shares; log-likelihoods, cosines
    and scores as they are.

    What can be taken out: every word, in both texts of a row; of a query and a document from one of them while the
    other is whole. Marked parts stay where they are, with "…" for the last
    word that is taken out of one. The words of an answer stay, since nothing could be answered without them. Of a
    passage or document of more than 120 words whole sentences are taken out, but for the 30 words before and behind an
    answer. An answer that is no longer among the model's 20 candidates counts as the last of them.

    - occlusion: what the answer loses without each word; one question a word,
    - lime: a linear model around the text, of `samples` texts without some words; its R² says how far to trust it,
    - kernel_shap: Shapley's fair shares of the whole change from no word to all of them; exact for texts of a few
      words, else estimated from `samples`,
    - integrated_gradients: along the way from [MASK] (or the unknown token) to the text; needs the network itself. How
      far the weights are from summing to the change of the answer is told, and steps are added until that is at most
      2 %. The number followed is the same as above: of CRF heads the log-odds of the marginals, of choices those of the
      choice, of passages those of the answer where it stands against all other spans, of ranks the cosine, of a text
      that a decoder wrote its log-likelihood. Not followed are models with an encoder and a decoder (both read the
      text), and chat templates (what they make of a text cannot be told word by word).

    By default Shapley values, occlusion and gradients of up to 20 texts, and occlusion alone of more. The first method
    named is the one that sentences and lists are made of. `train` are the rows that the model was trained on:
    the nearest ones are shown, and words that tell their classes are tried as replacements. With `counterfactual` the
    smallest edit is looked for that turns each answer, by default of up to 20 texts.

    `model` may also be the address of a service (`duiqi.model.service`), which is asked; it shows no gradients.

    Words are taken out one by one, so the model also answers texts that nobody would write: a weight says what the
    model reacts to, not what is true. Where methods disagree, trust none of them alone.
    """
    from duiqi.data.explaining import explained, subject_of
    from duiqi.data.targets import SCALES, reading_of
    from duiqi.model.gradients import lacking
    from duiqi.model.open import find

    began = time.monotonic()
    _check_asked(method, samples, scale, rows, SCALES)
    check_report_place(out, [model, train, *given])
    if is_recorded(model):
        find(str(model))  # tells that answers in a file cannot be explained
    made = made_for(model)
    if not settings.get("task") and made:
        settings["task"] = made
    if settings.get("options") is None:
        settings["options"] = {}
    source = _source(given, settings.get("task") or "classify")
    table = lay(source, settings, model=model)
    data, notes = _chosen(table, rows)
    predictor: Any = answering(table, model, data)
    if hasattr(predictor, "with_dtype"):  # weights are differences of answers, which fast types round away
        predictor = predictor.with_dtype("float32")
    reading = reading_of(predictor)
    subject = subject_of(predictor, data, _wanted(predictor.task, class_, word))
    methods, left_out = _methods(method, len(data), lacking(predictor))
    notes += left_out
    asking = [each for each in methods if each in ASKING]
    counterfactual = len(data) <= FEW if counterfactual is None else counterfactual

    def progress(done: int, total: int) -> None:
        table.progress("asking", done, total, {})

    table.progress("asking", 0, 1, {})
    found = explained(predictor, subject, asking, samples=samples, scale=scale, seed=table.seed, progress=progress)
    if GRADIENTS in methods:
        found = _with_gradients(table, predictor, found, scale)
    found = [replace(each, by={name: each.by[name] for name in methods}) for each in found]
    notes += _empty(subject) + _nothing(subject)
    known = None if train is None else _train(train, settings)
    turned = _turned(table, predictor, subject, found, known) if counterfactual else [None] * len(found)
    examples = _examples(table, predictor, subject, known, notes)
    exhibits = (*_exhibits(found, methods[0], len(data)), *_held(table, predictor, subject, found, methods))
    report = Report("explain", table.seed, exhibits=exhibits)
    facts = {
        "explanations": [
            _said(each, reading.kind, subject, edit, examples[each.row], predictor.task)
            for each, edit in zip(found, turned, strict=True)
        ],
        "options": {"methods": list(methods), "samples": samples, "scale": scale},
        "seconds": round(time.monotonic() - began, 2),
        "given": shown(model),
        "chinese": _is_chinese(data),
    }
    report = replace(report, notes=(*notes, *table.notes(data), *notes_of(predictor)))
    report = provenance(report, table, data=data, model=predictor, **facts)
    return publish(report, out, lang=lang, rows=report_rows)


def _check_asked(method: Sequence[str], samples: int | None, scale: str, rows: int, scales: Sequence[str]) -> None:
    for name in method:
        if name not in (*ASKING, GRADIENTS):
            raise OptionError(
                f"expected --method among {', '.join((*ASKING, GRADIENTS))}, given '{name}'",
                hint=nearest(name, (*ASKING, GRADIENTS)),
            )
    if samples is not None and samples < 2:
        raise OptionError(f"expected at least 2 samples, given {samples}", hint="Two a word and some more are usual.")
    if scale not in scales:
        raise OptionError(f"expected --scale among {', '.join(scales)}, given '{scale}'", hint=nearest(scale, scales))
    if rows < 1:
        raise OptionError(f"expected at least one row, given {rows}", hint=f"--rows {MOST} is usual.")


# What is given


def _source(given: Sequence[Source], task: str) -> Source:
    """Rows of a file, or the texts themselves as rows of the model's task."""
    from duiqi.data.read import check_there

    if not given:
        raise DataError("expected a text or a file, given none", hint='duiqi explain MODEL "a text"')
    if len(given) == 1 and (not isinstance(given[0], str) or _is_file(given[0])):
        return given[0]
    texts = [str(each) for each in given]
    if len(texts) == 1 and _is_file_name(texts[0]):
        check_there(texts[0])
    if not all(text.strip() for text in texts):
        raise DataError("expected texts with something in them, given an empty one", hint="Write the text in quotes.")
    return _as_rows(texts, task)


def _is_file(said: str) -> bool:
    return said.startswith("hub:") or (len(said) < 1024 and "\0" not in said and os.path.exists(said))


def _is_file_name(said: str) -> bool:
    """Whether one word ends as files of rows do; somebody who types it means a file."""
    from duiqi.data.formats import is_readable

    return said.isprintable() and " " not in said and is_readable(Path(said))


def _as_rows(texts: Sequence[str], task: str) -> Dataset:
    from duiqi.data.divided import as_words

    if task in IN_TWOS:
        if len(texts) % 2:
            what, example = IN_TWOS[task]
            raise DataError(
                f"expected texts two by two, given {len(texts)}",
                hint=f"The model is for {what}: duiqi explain MODEL {example}",
            )
        return Dataset.of({"text": texts[::2], "text_pair": texts[1::2]}, name="texts")
    if task == "choose":
        if len(texts) < 3:
            raise DataError(
                f"expected a question and at least two choices, given {len(texts)} texts",
                hint='duiqi explain MODEL "question" "first choice" "second choice"',
            )
        return Dataset.of({"text": [texts[0]], "choices": [list(texts[1:])]}, name="texts")
    if task == "rank":
        if len(texts) < 2:
            raise DataError(
                "expected a query and at least one document, given 1 text",
                hint='duiqi explain MODEL "query" "document" "another document", or a file of queries and documents.',
            )
        return Dataset.of({"text": [texts[0]], "label": [list(texts[1:])]}, name="texts")
    if task == "relation":
        return Dataset.of(_marked(texts), name="texts")
    if task == "tag":
        return Dataset.of({"tokens": [as_words(text) for text in texts]}, name="texts")
    return Dataset.of({"text": texts}, name="texts")


def _marked(texts: Sequence[str]) -> dict[str, list[Any]]:
    """Texts with marks as texts with spans."""
    from duiqi.data.formats import Raw
    from duiqi.data.relations import find_marks, from_marks

    raw = Raw("the texts", {"text": list(texts)}, list(range(1, len(texts) + 1)))
    if find_marks(raw) is None:
        raise DataError(
            f"expected both parts marked in every text, given {texts[0][:80]!r}",
            hint='duiqi explain MODEL "The <e1>cough</e1> comes from a <e2>virus</e2>."',
        )
    return dict(from_marks(raw, "text").columns)


def _wanted(task: Task, class_: str | None, word: str | None) -> str | None:
    """The class or the word that was asked for; `OptionError` where the task has none."""
    has = {"--class": task.output in ("probs", "labels"), "--word": task.output == "tags"}
    for name, said in (("--class", class_), ("--word", word)):
        if said is not None and not has[name]:
            raise OptionError(
                f"expected no {name} for a model for {task.name}, given '{said}'",
                hint="--class is for classes, labels and choices, --word for tags; leave it out.",
            )
    return class_ if word is None else word


def _chosen(table: Table, rows: int) -> tuple[Dataset, list[Mapping[str, Any]]]:
    """The rows that are explained, and a note where others are left out."""
    data = table.part("test", "dev", "all", "train")
    if not len(data):
        raise DataError(f"expected rows in {data.name}, given none", hint="Give a file with rows, or a text.")
    if len(data) <= rows:
        return data, []
    return data.take(range(rows)), [{"code": "first_rows_explained", "rows": rows, "of": len(data)}]


def _train(train: Source, settings: Settings) -> Dataset:
    return lay(train, settings).part("train", "all")


def _methods(asked: Sequence[str], rows: int, lacking: str) -> tuple[tuple[str, ...], list[Mapping[str, Any]]]:
    """The methods to run, and a note for one that was asked for and cannot be."""
    methods = tuple(dict.fromkeys(asked))
    if not methods:
        methods = ("kernel_shap", "occlusion", GRADIENTS) if rows <= FEW else ("occlusion",)
    if GRADIENTS not in methods or not lacking:
        return methods, []
    kept = tuple(each for each in methods if each != GRADIENTS)
    return kept or ("occlusion",), [{"code": f"no_gradients_{lacking}"}]


# What is found


def _with_gradients(table: Table, predictor: Any, found: Sequence[Explanation], scale: str) -> list[Explanation]:
    from duiqi.model.gradients import integrated_gradients

    def progress(done: int, total: int) -> None:
        table.progress("gradients", done, total, {})

    made = integrated_gradients(predictor, found, scale=scale, progress=progress)
    return [each.with_method(weights) for each, weights in zip(found, made, strict=True)]


def _turned(
    table: Table, predictor: Any, subject: Subject, found: Sequence[Explanation], train: Dataset | None
) -> list[Counterfactual | None]:
    """The smallest edits that turn answers: of a class that was asked for and not answered there is none."""
    from duiqi.data.counterfactual import counterfactuals
    from duiqi.data.synonyms import shipped

    table.progress("turning", 0, 1, {})
    answered = [at for at, each in enumerate(found) if each.target.answer == each.target.name or not each.target.name]
    telling = train if predictor.task.labels and predictor.task.unit == "row" else None
    made = counterfactuals(predictor, subject, [found[at] for at in answered], train=telling, synonyms=shipped())
    turned: list[Counterfactual | None] = [None] * len(found)
    for at, each in zip(answered, made, strict=True):
        turned[at] = each
    return turned


def _examples(
    table: Table, predictor: Any, subject: Subject, train: Dataset | None, notes: list[Mapping[str, Any]]
) -> list[list[Example]]:
    from duiqi.data.nearest import nearest_rows

    if train is None:
        return [[] for _ in subject.divided]
    if "embedding" not in predictor.offers:
        notes.append({"code": "no_embedding"})
        return [[] for _ in subject.divided]
    table.progress("nearest", 0, 1, {})
    return nearest_rows(predictor, subject.data, train)


def _empty(subject: Subject) -> list[Mapping[str, Any]]:
    count = sum(not len(each) for each in subject.divided)
    return [{"code": "no_words", "rows": count}] if count else []


def _nothing(subject: Subject) -> list[Mapping[str, Any]]:
    """Rows with words to which the model gave no label and no entity."""
    count = sum(len(each) > 0 and not found for each, found in zip(subject.divided, subject.targets, strict=True))
    return [{"code": "nothing_answered", "rows": count}] if count else []


def _is_chinese(data: Dataset) -> bool:
    from duiqi.core.slice import is_cjk

    return sum(map(is_cjk, data.texts)) * 2 > len(data)


# What is said of it


def _said(
    each: Explanation, kind: str, subject: Subject, edit: Counterfactual | None, examples: Sequence[Example], task: Task
) -> dict[str, Any]:
    from duiqi.data.nearest import agreement

    target, guess, row = each.target, subject.guess, each.row
    said: dict[str, Any] = {
        "row_id": str(subject.data.row_ids[row]),
        "kind": kind,
        "about": target.name,
        "answer": target.answer,
        "words_of_answer": [each.divided.words[word] for word in target.words],
        "confidence": _confidence(guess, row, each),
        "value": each.full,
        "without_words": each.empty,
        "segments": [[text, number] for text, number in each.divided.segments()],
        "words": each.divided.words,
        "methods": [
            {"method": name, "weights": found.weights.tolist(), "errors": dict(found.errors)}
            for name, found in each.by.items()
        ],
        "counterfactual": None,
        "examples": [
            {"row_id": e.row_id, "text": e.text, "label": e.label, "similarity": round(e.similarity, 4)}
            for e in examples
        ],
    }
    if edit is not None:
        said["counterfactual"] = {
            "edits": [{"word": e.piece, "old": e.old, "new": e.new} for e in edit.edits],
            "texts": list(edit.texts),
            "instead": edit.instead,
        }
    if examples and task.labels and task.unit == "row":
        said["examples_agree"] = agreement(examples, target.answer)
    return said


def _confidence(guess: Any, row: int, each: Explanation) -> float | None:
    """How sure the model is of what is explained, where that is a class, a label, tags or an answer."""
    if "probs" not in guess.columns:
        return None
    probs, target = guess["probs"][row], each.target
    if target.words:
        return float(probs[list(target.words), list(target.tags)].mean())
    return float(probs[target.column]) if probs.ndim == 1 else None


def _exhibits(found: Sequence[Explanation], method: str, rows: int) -> tuple[Exhibit, ...]:
    """The words that weigh most over several texts."""
    from duiqi.data.word_importance import word_importance

    listed = word_importance(found, method)[:IMPORTANT] if rows >= SEVERAL else []
    if not listed:
        return ()
    named = any(each.name for each in listed)
    columns = ["word", *(["speaks_for"] if named else []), "mean_weight", "texts"]
    table = [
        [each.word, *([each.name] if named else []), _weight(each.mean, each.margin), each.rows] for each in listed
    ]
    return (Exhibit("table", {"title": "word_importance", "columns": columns, "rows": table, "rows_of_data": True}),)


def _held(
    table: Table, predictor: Any, subject: Subject, found: Sequence[Explanation], methods: Sequence[str]
) -> tuple[Exhibit, ...]:
    """Whether the explanations of several texts hold: what answers lose without the words named, beside random words,
    and how alike two methods order the words."""
    from duiqi.data.faithfulness import agreement, faithfulness, in_figures
    from duiqi.data.targets import reading_of

    if len(subject.data) < SEVERAL or not found or not reading_of(predictor).shares:
        return ()
    some = found[:HELD]
    table.progress("holding", 0, 1, {})
    holds = faithfulness(predictor, subject, some, methods[0], seed=table.seed)
    names = ("comprehensiveness", "random_comprehensiveness", "sufficiency", "random_sufficiency")
    rows = [[name, in_figures(getattr(holds, name))] for name in names]
    if len(methods) > 1:
        rows.append(["agreement", in_figures(agreement(some, methods[0], some, methods[1]))])
    return (Exhibit("table", {"title": "faithfulness", "columns": ["held_by", "mean_change"], "rows": rows}),)


def _weight(mean: float, margin: float | None) -> dict[str, float | None]:
    low, high = (None, None) if margin is None else (mean - margin, mean + margin)
    return {"value": mean, "low": low, "high": high}
