"""A text for every text."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from duiqi.core.dataset import Dataset
from duiqi.core.errors import OptionError, nearest
from duiqi.core.part import task
from duiqi.core.task import Task
from duiqi.core.texts import references_of

CHOSEN_BY = ("rouge_l", "rouge_1", "rouge_2", "bleu", "chrf", "token_f1", "exact_match")
WITH_SACREBLEU = ("bleu",)
SHORTEST, LONGEST = 8, 256  # between which `longest` is set from training rows


@task(
    source="metrics: Papineni et al., 2002, BLEU, ACL; Popović, 2015, chrF, WMT; Post, 2018, A call for clarity in "
    "reporting BLEU scores, WMT; Lin, 2004, ROUGE, ACL workshop",
)
def generate(
    *,
    longest: int = 64,
    by: str = "rouge_l",
    beams: int = 1,
    length_penalty: float = 1.0,
    no_repeat: int = 0,
    temperature: float = 0.0,
    top_p: float = 1.0,
    draw: int = 0,
    enough: float = 0.5,
) -> Task:
    """A text for every text: translation, summary, reply, what an instruction asks for.

    Rows have a `text`, perhaps a `text_pair` (what was said or is known before it) and as label the text to write, or a
    list of texts that are all right. Rows of chats (`messages` with roles) and of instructions (`instruction`, `input`,
    `output`) are read so. Decoders go on from text and conversation, through the tokenizer's chat template where it has
    one; encoder-decoders write for them. Only the answer is learned.

    `longest` is how many tokens are written at most; training sets it to the characters of its longest answer (8 to
    256). `beams` paths are searched (1: the likeliest token each time), longer ones preferred by a `length_penalty`
    above 1, no run of `no_repeat` tokens coming twice; with a `temperature` above 0 tokens are drawn from the likeliest
    that make up `top_p`, others for each `draw`. The model is chosen by the metric `by`. A row counts as right where
    its text shares at least `enough` of its words with a reference (F1): slices are searched by that. Floors are the
    commonest answer, the text as it stands and its first three sentences.
    """
    if by not in CHOSEN_BY:
        raise OptionError(f"expected a metric among {', '.join(CHOSEN_BY)}, given '{by}'", hint=nearest(by, CHOSEN_BY))
    given = {"longest": longest, "beams": beams, "length_penalty": length_penalty, "no_repeat": no_repeat}
    _check({**given, "temperature": temperature, "top_p": top_p})
    there = [name for name in CHOSEN_BY if find_spec("sacrebleu") or name == by or name not in WITH_SACREBLEU]
    return Task(
        name="generate",
        head="language_model",
        inputs=("text", "text_pair"),
        output="text",
        metrics=(*there, "enough_shared", "edit_rate", "distinct_2", "perplexity"),
        primary=by,
        read_truth=references_of,
        options={**given, "by": by, "temperature": temperature, "top_p": top_p, "draw": draw, "enough": enough},
        spell=lambda answer, words: answer if isinstance(answer, str) else " ‖ ".join(answer[:2]),
        row_metric="enough_shared",
        metric_options={"enough_shared": {"least": enough}},
        beside=("loglik", "tokens"),
        learned=learn,
        fewest=0,
        floors=("commonest", "copy", "lead"),
    )


def learn(data: Dataset) -> Mapping[str, Any]:
    """How long answers may get."""
    lengths = [len(text) for row in references_of(data) for text in row]
    return {"longest": min(max([SHORTEST, *lengths]), LONGEST)}


def _check(options: Mapping[str, float]) -> None:
    least = {"longest": 1, "beams": 1, "no_repeat": 0, "temperature": 0, "top_p": 1e-6, "length_penalty": -10}
    wrong = [name for name, value in options.items() if value < least[name] or (name == "top_p" and value > 1)]
    if wrong:
        raise OptionError(
            f"expected {wrong[0]} of at least {least[wrong[0]]}{' and at most 1' if wrong[0] == 'top_p' else ''}, "
            f"given {options[wrong[0]]}",
            hint="Leave it out for the default.",
        )
