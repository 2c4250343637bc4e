import numpy as np

from duiqi.core.part import metric


@metric(
    better="higher",
    needs=("model.gain",),
    low=-1.0,
    high=1.0,
    level="row",
    about="versions",
    source="DeYoung et al., 2020, ERASER: a benchmark to evaluate rationalized NLP models, ACL, "
    "https://aclanthology.org/2020.acl-main.408/",
)
def faithfulness_gain(truth, guess):
    """How much more of an answer is lost without the words said to matter than without as many others.

    In points of probability, -1 to 1, higher is better: the mean over rows of the comprehensiveness of an explanation
    (what the answer loses without its words) minus that of as many words drawn at random. Near 0 the words that an
    explanation names are no better than any. Reads the column `gain`, which the probe opacity makes; truth plays no
    part. Misleads where answers hang on word order or on the text as a whole: no choice of words then shows it.
    """
    gain = np.asarray(guess["gain"], dtype=np.float64)
    return np.stack([gain, np.ones(len(gain))], axis=1)


@faithfulness_gain.finish
def _(sums):
    return sums[..., 0] / np.where(sums[..., 1] > 0, sums[..., 1], np.nan)


@faithfulness_gain.pseudo
def _(total):
    return np.array([[1.0, 1.0], [-1.0, 1.0]])
