import numpy as np

from duiqi.core.part import metric
from duiqi.core.texts import ngrams, paired

ORDERS = 6
RECALL_WEIGHT = 4  # beta = 2: recall counts twice as much, and beta enters squared


@metric(
    better="higher",
    needs=("model.text", "data.label"),
    low=0.0,
    high=1.0,
    level="row",
    source="Popović, 2015, chrF: character n-gram F-score for automatic MT evaluation, https://aclanthology.org/W15-3049",
)
def chrf(truth, guess):
    """F-score of the runs of 1 to 6 characters that answer and reference share: 0 to 1, higher is better.

    Precision and recall are averaged over the six lengths, and recall counts twice. Counts are added over all rows
    before they are divided; of several references the best for its row counts. Blanks are left out and texts are taken
    as written, so one recipe serves English and Chinese. It is sacrebleu's chrF2, which others quote times 100.
    Misleads where sense hangs on few characters (not, 不); values of two languages are not on one scale; and what is
    said where the reference is empty costs nothing (`exact_match` sees it).
    """
    rows = []
    for references, answer in paired(truth, guess["text"], _runs):
        counted = np.array([_counts(each, answer) for each in references], dtype=np.float64)
        rows.append(counted[_score(counted).argmax()])
    return np.array(rows, dtype=np.float64).reshape(-1, 3 * ORDERS)


def _runs(text):
    characters = "".join(text.split())
    return [ngrams(characters, n) for n in range(1, ORDERS + 1)]


def _counts(reference, answer):
    """For each length: shared, in the answer, in the reference. What no reference could have is not held against it."""
    pairs = list(zip(reference, answer, strict=True))
    shared = [(theirs & ours).total() for theirs, ours in pairs]
    return [*shared, *(ours.total() if theirs else 0 for theirs, ours in pairs), *(each.total() for each in reference)]


@chrf.finish
def _score(sums):
    shared, said, expected = np.split(sums, 3, axis=-1)
    both = (said > 0) & (expected > 0)
    lengths = np.maximum(both.sum(axis=-1), 1)
    precision = (shared * both / np.maximum(said, 1)).sum(axis=-1) / lengths
    recall = (shared * both / np.maximum(expected, 1)).sum(axis=-1) / lengths
    weighted = RECALL_WEIGHT * precision + recall
    score = (1 + RECALL_WEIGHT) * precision * recall / np.where(weighted > 0, weighted, 1.0)
    return np.where((said + expected).sum(axis=-1) > 0, score, np.nan)
