"""One class for every pair of texts."""

from __future__ import annotations

from duiqi.core.classes import class_task
from duiqi.core.part import task
from duiqi.core.task import Task


@task(
    source="partial input: Gururangan et al., 2018, Annotation artifacts in natural language inference data, NAACL, "
    "https://arxiv.org/abs/1803.02324",
)
def classify_pair(*, labels: tuple[str, ...] = ()) -> Task:
    """One class for two texts together: inference, paraphrase, relevance, stance.

    Rows have a `text`, a `text_pair` and a class; the model reads both at once. Of a pair that is too long the second
    text is read in windows. Floors are word counts of both texts, how many words they share, and the second text
    alone: where that does well, the data can be answered without comparing.
    """
    return class_task(
        "classify_pair", labels, inputs=("text", "text_pair"), floors=("majority", "tfidf", "overlap", "second_text")
    )
