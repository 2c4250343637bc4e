from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import reduce
from importlib.resources import files

import numpy as np

from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.errors import OptionError
from duiqi.core.part import remedy
from duiqi.core.plan import Plan
from duiqi.core.report import Finding
from duiqi.core.seed import derive, generator
from duiqi.core.slice import is_cjk
from duiqi.data.dedupe import copies, near_duplicates, signatures
from duiqi.data.deserving import Belonging, Deserving

ROUNDS = 3  # times that what is still missing is asked for
ASKED = 2  # texts that are asked for in a round for each that is missing
_MARK = re.compile(r"^(?:[-*•·]|\d+[.)、．])\s*")
_QUOTES = (('"', '"'), ("“", "”"), ("「", "」"), ("'", "'"), ("‘", "’"))


@remedy(
    treats=("imbalance", "blind_spot"),
    needs=("case.train", "data.text", "data.label", "task.classify"),
    asks=("model",),
    source="Anaby-Tavor et al., 2020, Do not have enough data? Deep learning to the rescue!, AAAI, "
    "https://arxiv.org/abs/1911.03118; with examples in the prompt: Yoo et al., 2021, GPT3Mix, EMNLP Findings, "
    "https://arxiv.org/abs/2104.08826",
)
def write_rows(
    case: Case,
    findings: Sequence[Finding],
    *,
    model: str = "",
    prompt: str = "",
    rows: int = 0,
    examples: int = 5,
    temperature: float = 0.9,
    top_p: float = 0.95,
    longest: int = 64,
    most_doubtful: float = 0.2,
    most_strange: float = 0.1,
    near: float = 0.7,
    device: str = "cpu",
    epochs: int = 3,
) -> Plan:
    """Add rows of the starved classes that a model writes, shown some real ones: `model` is one that writes.

    Classes with fewer training rows than the median class get what they lack (or `rows` each); where weak slices were
    found, their training rows are the examples, and as many are written as there are. Each prompt shows `examples` rows
    of the class, others each time. A `prompt` of your own has {label} and {examples} in it; the default one is English
    or Chinese, as the rows are. Words are drawn at `temperature` from the likeliest that make up `top_p`; of what is
    written the first line counts.

    Kept is what deserves its label: a linear model on word counts must find it the likeliest, and likelier than that of
    the most doubtful real rows of the class (the share `most_doubtful`). It must look like real rows, too: as like its
    nearest ones, in the embeddings of a model that has not learned them (else in characters), as all but the strangest
    share `most_strange` of the real rows are like theirs. Rows alike by `near` to training rows, to rows examined, put
    aside for the proof, or referred to, or to each other are left out. Three rounds are made; what is still missing
    then, is.

    It misleads with a small model, or one that does not know the matter: little passes, and what passes repeats the
    examples. The filter sees likeness, not truth: where real rows are of many kinds (sentences on films) it took three
    quarters of the stories of a model for children's books for theirs; of questions to a bank, none.
    """
    template = prompt or _template(case)
    lacking = [field for field in ("{examples}",) if field not in template]
    if lacking or not examples >= 1:
        raise OptionError(
            f"expected a prompt with {{examples}} in it and examples of at least 1, given {prompt!r} and {examples}",
            hint="For example: Texts of the kind {label}: {examples}",
        )
    options = {"temperature": temperature, "top_p": top_p, "longest": longest}
    options["draw"] = derive(case.seed, "write_rows") % 2**31
    slices = [finding.slice for finding in findings if finding.kind == "blind_spot" and finding.slice.where]

    def add(train: Dataset) -> Dataset:
        from duiqi.model.open import open_writer

        labels = np.array(train.values("label"), dtype=object)
        shown = reduce(np.logical_or, (each.mask(train) for each in slices), np.full(len(train), not slices))
        wanted = Counter(labels[shown].tolist()) if slices else _wanted(labels.tolist(), rows)
        if not wanted:
            return train
        pool = {label: np.flatnonzero((labels == label) & shown) for label in wanted}
        deserves = Deserving.of(case.task, train, most_doubtful=most_doubtful)
        belongs = Belonging.of(train, wanted, case.reader, most_strange=most_strange)
        writer, made = open_writer(model, options, device=device), train.take([])
        for number in range(ROUNDS):
            have = Counter(made.values("label"))
            missing = [label for label in wanted for _ in range(max(0, wanted[label] - have[label]) * ASKED)]
            rngs = [generator(case.seed, "write_rows", number, at) for at in range(len(missing))]
            few = [rng.permutation(pool[label])[:examples] for label, rng in zip(missing, rngs, strict=True)]
            prompts = [
                _filled(template, label, [train.texts[row] for row in drawn])
                for label, drawn in zip(missing, few, strict=True)
            ]
            if not prompts:
                break
            said = writer.predict(Dataset.of({"text": prompts}), ["text"])["text"]
            texts = [_first_line(text) for text in said]
            drafts = train.take([drawn[0] for drawn in few])  # a draft is of its examples' label, and of their groups
            drafts = drafts.with_column("text", texts)
            drafts = drafts.with_column("id", [f"written{number}-{at}" for at in range(len(texts))], column="duiqi_id")
            drafts = drafts.take(np.flatnonzero([bool(text) for text in texts]))
            drafts = drafts.take(deserves(drafts))
            drafts = drafts.take(belongs(drafts))
            drafts = drafts.take(~case.aside(drafts)) if case.aside is not None else drafts
            made = _new(made.joined(drafts), [train, case.data, *case.references.values()], near)
        return train.joined(_first(made, wanted)) if len(made) else train

    return Plan(data=add, training={"epochs": epochs}, restart=True)


def _template(case: Case) -> str:
    """The prompt in the language that most training rows are in."""
    assert case.train is not None
    chinese = np.mean([is_cjk(text) for text in case.train.texts[:500]]) > 0.5
    said = files("duiqi.remedies").joinpath("data", "write_rows.toml").read_text(encoding="utf-8")
    return str(tomllib.loads(said)["zh" if chinese else "en"])


def _filled(template: str, label: object, examples: Sequence[str]) -> str:
    lines = "\n".join(" ".join(text.split()) for text in examples)
    return template.replace("{label}", str(label)).replace("{examples}", lines)


def _wanted(labels: Sequence[str], rows: int) -> dict[str, int]:
    """Each class with fewer rows than the median class, and how many are to be written for it."""
    counts = Counter(labels)
    median = int(np.median(list(counts.values())))
    return {label: rows or median - count for label, count in counts.items() if count < median}


def _first_line(text: str) -> str:
    """The first line of what was written, without the mark of a list or the quotes around it."""
    line = next(filter(None, map(str.strip, text.splitlines())), "")
    line = _MARK.sub("", line)
    quoted = len(line) > 2 and any(line[0] == a and line[-1] == b for a, b in _QUOTES)
    return line[1:-1].strip() if quoted else line


def _new(made: Dataset, others: Sequence[Dataset], near: float) -> Dataset:
    """The rows that are alike neither to those of other data sets nor to an earlier one of their own."""
    fresh = np.ones(len(made), dtype=bool)
    for other in others:
        fresh &= copies(made, other, threshold=near).of < 0
    made = made.take(np.flatnonzero(fresh))
    again = near_duplicates(signatures(made), threshold=near)[:, 1]
    return made.take(np.setdiff1d(np.arange(len(made)), again))


def _first(made: Dataset, wanted: Mapping[str, int]) -> Dataset:
    """Of every class as many rows as are wanted."""
    met: Counter[str] = Counter()
    kept = []
    for row, label in enumerate(made.values("label")):
        met[label] += 1
        if met[label] <= wanted[label]:
            kept.append(row)
    return made.take(kept)
