"""Votes whose truths are known, and how far off what is made of them is."""

import numpy as np

from duiqi.data.labelling_functions import ABSTAINS, Ballot

RIGHT = (0.9, 0.85, 0.7, 0.6, 0.6, 0.55)
COVERS = (0.4, 0.6, 0.5, 0.8, 0.8, 0.7)


def simulated(rng, n, right=RIGHT, covers=COVERS, k=2, shares=None):
    """True classes, and votes of independent functions that are right so often and vote on so many rows."""
    truth = rng.choice(k, n, p=shares)
    columns = []
    for each, share in zip(right, covers, strict=True):
        said = np.where(rng.random(n) < each, truth, (truth + rng.integers(1, k, n)) % k)
        columns.append(np.where(rng.random(n) < share, said, ABSTAINS))
    return truth, np.stack(columns, axis=1)


def brier(probs, truth):
    asked = ~np.isnan(probs[:, 0])
    return ((probs[asked] - np.eye(probs.shape[1])[truth[asked]]) ** 2).sum(axis=1).mean()


def named(columns):
    return Ballot(columns, tuple(f"f{j}" for j in range(columns.shape[1])))
