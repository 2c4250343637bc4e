"""What holds between two marked parts of a text."""

from __future__ import annotations

from duiqi.core.classes import class_task
from duiqi.core.part import task
from duiqi.core.task import Task


@task(
    source="Baldini Soares et al., 2019, Matching the blanks: distributional similarity for relation learning, ACL, "
    "https://arxiv.org/abs/1906.03158; marks: Zhou & Chen, 2022, An improved baseline for sentence-level relation "
    "extraction, AACL, https://arxiv.org/abs/2102.01373",
)
def relation(*, labels: tuple[str, ...] = ()) -> Task:
    """What holds between two parts of a text: cause and effect, drug and disease, part and whole.

    Rows have a `text`, two `spans` of it as character offsets [[start, end], [start, end]], the subject first, and a
    class. Texts with <e1>…</e1> and <e2>…</e2> in them (as in SemEval-2010 task 8) are read so, and texts with lists
    of triples (subject, predicate, object) become a row for each triple, and as many for pairs that stand in none
    ("no_relation"). The model sees the parts in marks (@ … @ and # … #) and answers from the states of the marks.
    """
    return class_task("relation", labels, head="marked_classification", inputs=("text", "spans"), primary="macro_f1")
