import numpy as np

from duiqi.core.errors import DependencyError
from duiqi.core.part import metric
from duiqi.core.slice import is_cjk

ORDERS = 4


@metric(
    better="higher",
    needs=("model.text", "data.label"),
    low=0.0,
    high=1.0,
    level="row",
    source="Papineni et al., 2002, BLEU, ACL, https://aclanthology.org/P02-1040; Post, 2018, A call for clarity in "
    "reporting BLEU scores, WMT, https://aclanthology.org/W18-6319",
)
def bleu(truth, guess):
    """Geometric mean of the shares of runs of 1 to 4 words found in a reference: 0 to 1, higher is better.

    Answers shorter than their references are marked down (brevity penalty). A run counts at most as often as in the
    reference that has it most. Counts are added over all rows before they are divided, so the value is that of a corpus
    and no mean of rows. Counted by sacrebleu, with its tokenizer "13a", and "zh" (by character) where a reference is
    Chinese. Misleads on few rows, on free wording, and between data sets. Others quote it times 100.
    """
    scorers = _scorers()
    rows = []
    for references, answer in zip(truth, guess["text"], strict=True):
        expected = list(references) or [""]
        score = scorers[any(map(is_cjk, expected))].sentence_score(answer, expected)
        rows.append([*score.counts, *score.totals, score.sys_len, score.ref_len])
    return np.array(rows, dtype=np.float64).reshape(-1, 2 * ORDERS + 2)


def _scorers():
    """Counters of sacrebleu: for other texts, for Chinese ones."""
    try:
        from sacrebleu.metrics import BLEU
    except ImportError as error:
        raise DependencyError(
            "expected the package sacrebleu to count BLEU, given none",
            hint="Install it: pip install 'duiqi[seq2seq]'",
        ) from error
    # effective_order only silences advice on scores of single sentences; their counts are what is read
    return [BLEU(tokenize=name, effective_order=True) for name in ("13a", "zh")]


@bleu.finish
def _(sums):
    shared, said = sums[..., :ORDERS], sums[..., ORDERS : 2 * ORDERS]
    length, expected = sums[..., -2], sums[..., -1]
    missed = (shared <= 0) & (said > 0)
    halvings = np.cumsum(
        missed, axis=-1
    )  # each order without a hit counts half a hit, a quarter, … (Chen & Cherry 2014)
    precision = np.where(missed, 0.5**halvings, shared) / np.maximum(said, 1)
    mean = np.exp(np.log(np.maximum(precision, 1e-300)).mean(axis=-1))
    brevity = np.exp(np.minimum(0.0, 1 - expected / np.maximum(length, 1e-9)))
    none = (shared.sum(axis=-1) <= 0) | (said.min(axis=-1) <= 0)
    score = brevity * np.where(none, 0.0, mean)
    return np.where(length + expected > 0, score, np.nan)
