"""What belongs to a text, among many."""

from __future__ import annotations

from duiqi.core.part import task
from duiqi.core.ranking import documents_of
from duiqi.core.task import Task


@task(
    source="Reimers & Gurevych, 2019, Sentence-BERT, EMNLP, https://arxiv.org/abs/1908.10084; Karpukhin et al., 2020, "
    "Dense passage retrieval for open-domain question answering, EMNLP, https://arxiv.org/abs/2004.04906",
)
def rank() -> Task:
    """What belongs to a text, among many: the passage that answers, the entry of a help page, the next thing to buy.

    Rows have a `text` (the query; of recommendations what somebody had before) and as `label` the text of a document
    that is right for it, or a list of such. The model gives every text a vector, queries and documents apart from each
    other, and ranks the documents of all rows asked together; others that are right for the same query do not count. So
    values hang on how many rows are asked: compare them on the same rows only. A row is right where its document is
    among the first ten. Floors are how often a document was right in training, and TF-IDF.
    """
    return Task(
        name="rank",
        head="embedding",
        inputs=("text",),
        output="ranks",
        metrics=("mrr", "ndcg", "recall_at_k"),
        primary="mrr",
        read_truth=documents_of,
        spell=lambda answer, words: " · ".join([answer] if isinstance(answer, str) else answer[:3]),
        row_metric="recall_at_k",
        beside=("text",),
        learned=lambda data: {},
        fewest=0,
        floors=("popularity", "cosine"),
    )
