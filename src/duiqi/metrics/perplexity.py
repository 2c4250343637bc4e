import numpy as np

from duiqi.core.part import metric


@metric(
    better="lower",
    needs=("model.loglik", "model.tokens"),
    low=1.0,
    level="row",
    source="Jelinek et al., 1977, Perplexity: a measure of the difficulty of speech recognition tasks, JASA",
)
def perplexity(truth, guess):
    """Between how many tokens the model wavers at each step of the true text: 1 and up, lower is better.

    The exponential of minus the mean natural log-likelihood of a token, over all tokens of all rows. Compare only
    models with one tokenizer: with longer tokens there are fewer of them and each is harder. One token held to be
    almost impossible weighs a lot.
    """
    return np.stack([guess["loglik"], guess["tokens"]], axis=1).astype(np.float64)


@perplexity.finish
def _(sums):
    return np.exp(-sums[..., 0] / np.where(sums[..., 1] > 0, sums[..., 1], np.nan))
