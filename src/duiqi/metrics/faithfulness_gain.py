import numpy as np

from duiqi.core.part import metric
from duiqi.core.rates import mean, noted


@metric(
    better="higher",
    notes=("gain",),
    low=-1.0,
    high=1.0,
    about="versions",
    source="DeYoung et al., 2020, ERASER: a benchmark to evaluate rationalized NLP models, ACL, "
    "https://aclanthology.org/2020.acl-main.408/",
)
def faithfulness_gain(notes):
    """How much more of an answer is lost without the words said to matter than without as many others.

    In points of probability, -1 to 1, higher is better: the mean over rows of the comprehensiveness of an explanation
    (what the answer loses without its words) minus that of as many words drawn at random. Near 0 the words that an
    explanation names are no better than any. Noted by the probe opacity. Misleads where answers hang on word order or
    on the text as a whole: no choice of words then shows it.
    """
    return noted(notes)


faithfulness_gain.finish(mean)


@faithfulness_gain.pseudo
def _(total):
    return np.array([[1.0, 1.0], [-1.0, 1.0]])
