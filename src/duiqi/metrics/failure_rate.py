from duiqi.core.part import metric
from duiqi.core.rates import noted, share, yes_or_no


@metric(
    better="lower",
    notes=("failed",),
    low=0.0,
    high=1.0,
    about="elsewhere",
    shown=("test",),
    source="Ribeiro, Wu, Guestrin & Singh, 2020, Beyond accuracy: behavioral testing of NLP models with CheckList, "
    "ACL, https://arxiv.org/abs/2005.04118",
)
def failure_rate(notes, *, test: str = ""):
    """Share of the cases of functional tests that a model fails: 0 to 1, lower is better.

    `test` names the test, without it all cases of all tests count. A case fails where the answer is none of those
    expected (MFT), where any version of it is answered otherwise (INV), or moves the wrong way (DIR). Noted by the
    probe behaviour. Over all tests it hangs on which there are: compare models by it, not suites.
    """
    return noted(notes)


failure_rate.finish(share)
failure_rate.pseudo(yes_or_no)
