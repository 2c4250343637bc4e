"""The edit `back_translation`: sentences as two models say them that translate there and back."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np

from duiqi.core.edit import Change
from duiqi.core.part import edit
from duiqi.data.floors import SENTENCE

_SPOKEN = re.compile(r"(?:system|user|assistant): ")


@edit(
    preserves=("label", "meaning"),
    asks=("there", "back"),
    source="Sennrich, Haddow & Birch, 2016, Improving neural machine translation models with monolingual data, ACL, "
    "https://arxiv.org/abs/1511.06709; as augmentation: Xie et al., 2020, Unsupervised data augmentation for "
    "consistency training, NeurIPS, https://arxiv.org/abs/1904.12848",
)
def back_translation(
    texts: Sequence[str],
    rngs: Sequence[np.random.Generator],
    *,
    there: str = "",
    back: str = "",
    beams: int = 1,
    temperature: float = 0.0,
    top_p: float = 0.95,
    longest: int = 128,
    device: str = "cpu",
) -> list[list[Change]]:
    """Sentences translated into another language and back: the same thing in other words.

    `there` and `back` are two models that write (a folder or hub:NAME), such as one from English to German and one from
    German to English. Each sentence is translated on its own, equal ones once, in batches. A sentence whose round trip
    is empty, or says the same, stays. What begins and ends alike is kept, and the rest of a sentence is one change, so
    that marked spans outside it survive and a sentence is never half the old and half the new one; where a tag, span or
    answer stands in it, it stays as it was.

    `beams` paths are searched; with a `temperature` above 0 words are drawn instead, from the likeliest that make up
    `top_p`: more variety, more slips, the same ones for the same rows and seed. At most `longest` tokens are
    written for a sentence. It keeps the meaning as far as the models can translate: names, numbers and negations get
    lost in small ones, so filter what is made (`augment` does). Not among the edits tried by default: it needs models.
    """
    places = [(row, *span) for row, text in enumerate(texts) for span in _sentences(text)]
    said = [texts[row][start:end] for row, start, end in places]
    draw = int(rngs[0].integers(2**31)) if rngs else 0
    options = {"beams": beams, "temperature": temperature, "top_p": top_p, "longest": longest, "draw": draw}
    returned = _written(back, _written(there, said, options, device), options, device)
    changes: list[list[Change]] = [[] for _ in texts]
    for (row, start, _), old, new in zip(places, said, returned, strict=True):
        new = " ".join(new.split())
        if new and new != " ".join(old.split()):
            changes[row].append(_smallest(old, new, start))
    return changes


def _sentences(text: str) -> Iterator[tuple[int, int]]:
    """Where the sentences of a text lie, blanks around them and marks of who speaks left out."""
    for found in SENTENCE.finditer(text):
        start, end = found.span()
        spoken = _SPOKEN.match(text, start, end) if not start or text[start - 1] == "\n" else None
        start = spoken.end() if spoken else start
        end = start + len(text[start:end].rstrip())
        if any(map(str.isalnum, text[start:end])):
            yield start, end


def _written(name: str, sources: Sequence[str], options: dict[str, float], device: str) -> list[str]:
    """What a model writes for each source; nothing for an empty one."""
    from duiqi.core.dataset import Dataset
    from duiqi.model.open import open_writer

    asked = [each for each in dict.fromkeys(sources) if each.strip()]
    model = open_writer(name, options, device=device)
    if not asked:
        return [""] * len(sources)
    answers = dict(zip(asked, model.predict(Dataset.of({"text": asked}), ["text"])["text"], strict=True))
    return [answers.get(each, "") for each in sources]


def _smallest(old: str, new: str, start: int) -> Change:
    """One change that makes the new sentence of the old one, without what both begin and end with."""
    most = min(len(old), len(new))
    first = next((at for at in range(most) if old[at] != new[at]), most)
    last = next((at for at in range(most - first) if old[-1 - at] != new[-1 - at]), most - first)
    return Change(start + first, start + len(old) - last, new[first : len(new) - last])
