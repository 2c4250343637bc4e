"""Clusters of vectors, and the words that tell one from the others."""

import numpy as np

from duiqi.data.clusters import clusters_of, telling_words


def test_rows_that_lie_together_are_one_cluster_and_the_middle_is_typical():
    rng = np.random.default_rng(0)
    group = np.repeat([0, 1, 2], 40)
    vectors = np.eye(3)[group] + rng.normal(0, 0.05, (120, 3))
    found = clusters_of(vectors, fewest_rows=40, seed=0)
    assert found.rows().shape == (3, 120)
    for cluster in range(3):
        inside = found.label == cluster
        assert len(set(group[inside])) == 1
        middle = vectors[inside].mean(axis=0)
        assert (
            found.typical(cluster) == np.flatnonzero(inside)[np.linalg.norm(vectors[inside] - middle, axis=1).argmin()]
        )


def test_equal_rows_are_no_more_clusters_than_there_are_different_ones():
    vectors = np.repeat(np.eye(4), 50, axis=0)
    found = clusters_of(vectors, fewest_rows=5, seed=0)
    assert found.label.max() == 3
    assert len(set(zip(found.label.tolist(), np.repeat(range(4), 50).tolist(), strict=True))) == 4


def test_words_that_tell_stand_inside_more_often_and_say_something():
    inside = [f"the kettle broke {i}" for i in range(40)]
    outside = [f"the hotel was fine for {i} days" for i in range(200)]
    assert set(telling_words(inside, outside)) == {"kettle", "broke"}
    assert telling_words(outside[:40], outside[40:]) == []
