"""Rows of trees."""

import jax.numpy as jnp
import numpy as np
import pytest

from learnit_core.structures import Pixels, rows


@pytest.mark.parametrize("kind", [np.asarray, jnp.asarray])
def test_rows_of_every_leaf(kind):
    tree = {"a": kind(np.arange(12).reshape(4, 3)), "b": [kind(np.arange(4))]}
    for i in (2, -1, slice(1, 3), np.array([3, 0, 3]), np.array([True, False, False, True]), None):
        found = rows(tree, i)
        np.testing.assert_array_equal(found["a"], np.arange(12).reshape(4, 3)[i])
        np.testing.assert_array_equal(found["b"][0], np.arange(4)[i])


def test_rows_keep_the_kind_of_tree():
    task = rows(Pixels(np.zeros((5, 7, 2)), np.ones((5, 7, 1))), 0)
    assert isinstance(task, Pixels) and task.coords.shape == (7, 2) and task.values.shape == (7, 1)
