from __future__ import annotations

from collections.abc import Sequence

from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.part import remedy
from duiqi.core.plan import Plan
from duiqi.core.report import Finding

TOKENS = 126  # of a row, without its two special tokens


@remedy(
    treats=("task_fit", "vocabulary_gap", "shift"),
    needs=("case.train", "data.text"),
    source="Gururangan et al., 2020, Don't stop pretraining: adapt language models to domains and tasks, ACL, "
    "https://arxiv.org/abs/2004.10964; whole words: Cui et al., 2021, https://arxiv.org/abs/1906.08101",
)
def pretrain(
    case: Case, findings: Sequence[Finding], *, pretraining_epochs: int = 5, share: float = 0.15, epochs: int = 3
) -> Plan:
    """Let the body read the training texts before it learns the labels again.

    An encoder guesses hidden words: `share` of them, whole ones (Chinese is divided by jieba); a decoder each next
    token. It reads all texts `pretraining_epochs` times; then training on the labels begins from the body so made.
    Short texts share a row, long ones are divided.

    Pays where the texts are unlike what the model has read: trade, dialect, another language. Of a thousand short
    texts there is little to learn; it costs several times what fine-tuning costs. Not for encoder-decoders.
    """
    from duiqi.model.heads import filling
    from duiqi.model.objective import masked

    def read(train: Dataset) -> Dataset:
        from duiqi.data.words import filled, words

        texts = list(filled(train.texts, TOKENS))
        return Dataset.of({"text": texts, "tokens": list(map(words, texts))}, name=f"{train.name} as words")

    training = {"epochs": pretraining_epochs}
    said = (("pretrain", {**training, "share": share}),)
    first = Plan(data=read, objective=masked(share), task=filling(), training=training, remedies=said)
    return Plan(first=first, training={"epochs": epochs}, restart=True)
