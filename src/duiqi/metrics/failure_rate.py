import numpy as np

from duiqi.core.part import metric


@metric(
    better="lower",
    needs=("model.failed",),
    low=0.0,
    high=1.0,
    level="row",
    about="elsewhere",
    shown=("test",),
    source="Ribeiro, Wu, Guestrin & Singh, 2020, Beyond accuracy: behavioral testing of NLP models with CheckList, "
    "ACL, https://arxiv.org/abs/2005.04118",
)
def failure_rate(truth, guess, *, test: str = ""):
    """Share of the cases of functional tests that a model fails: 0 to 1, lower is better.

    `test` names the test, without it all cases of all tests count. A case fails where the answer is none of those
    expected (MFT), where any version of it is answered otherwise (INV), or moves the wrong way (DIR). Reads the column
    `failed`, which the probe behaviour makes; truth and answers to the rows play no part. Over all tests it hangs on
    which there are: compare models by it, not suites.
    """
    failed = np.asarray(guess["failed"], dtype=np.float64)
    return np.stack([failed, np.ones(len(failed))], axis=1)


@failure_rate.finish
def _(sums):
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.clip(sums[..., 0] / sums[..., 1], 0, 1)


@failure_rate.pseudo
def _(total):
    return np.array([[1.0, 1.0], [0.0, 1.0]])
