"""The tree of arrays, its paths."""
import dataclasses

import numpy as np
import pytest
from contract import refuses

from npadasoft import Cluster, Linear, Parameters


def tree(bias=True, n_clusters=2):
    """A tree whose leaves hold their own number, in the order of items."""
    numbers = iter(range(40))

    def leaf(*shape):
        return np.full(shape, next(numbers))

    head = Linear(leaf(4, 6), leaf(4) if bias else None)
    return Parameters(head, tuple(
        Cluster(Linear(leaf(3, 6)), Linear(leaf(5, 3))) for _ in range(n_clusters)))


@pytest.mark.parametrize("bias", [True, False])
def test_items_come_under_torchs_names_in_torchs_order(bias):
    names = ["head.weight", *["head.bias"] * bias, "tail.0.0.weight", "tail.0.1.weight",
             "tail.1.0.weight", "tail.1.1.weight"]
    items = list(tree(bias).items())
    assert [path for path, _ in items] == names
    assert [int(leaf.flat[0]) for _, leaf in items] == [*range(len(names))]


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("n_clusters", [1, 2, 11])
def test_from_items_is_the_inverse_of_items(bias, n_clusters):
    one = tree(bias, n_clusters)
    items = dict(reversed([*one.items()]))
    again = Parameters.from_items(items)
    assert (again.head.bias is None) == (not bias)
    assert [(path, id(leaf)) for path, leaf in again.items()] == [
        (path, id(leaf)) for path, leaf in one.items()]


def test_map_applies_a_function_leaf_by_leaf():
    one = tree()
    mapped = one.map(lambda a, b, c: a + 10 * b + 100 * c, one, one)
    assert type(mapped) is Parameters
    for path, leaf in mapped.items():
        assert (leaf == 111 * dict(one.items())[path]).all()
    assert [int(leaf.flat[0]) for _, leaf in one.items()] == [*range(6)]


def test_map_refuses_a_tree_with_other_leaves():
    names = ["head.weight", "head.bias", "tail.0.0.weight", "tail.0.1.weight"]
    with refuses(ValueError, f"trees differ: {names} and {[names[0], *names[2:]]}"):
        tree(True, 1).map(np.add, tree(False, 1))
    with pytest.raises(ValueError, match="trees differ"):
        tree(True, 1).map(np.add, tree(True, 2))


@pytest.mark.parametrize("node, name", [(tree(), "head"), (tree().head, "weight"),
                                        (tree().tail[0], "output")])
def test_trees_are_frozen(node, name):
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(node, name, None)


def test_trees_are_compared_by_identity_and_hash():
    one, two = tree(), tree()
    assert one == one and one != two and len({one, two}) == 2


def test_a_printed_tree_shows_shapes_and_dtypes_and_no_weight():
    assert repr(tree(n_clusters=1)) == """\
Parameters(
  head.weight     (4, 6) int64
  head.bias       (4) int64
  tail.0.0.weight (3, 6) int64
  tail.0.1.weight (5, 3) int64
)"""
    assert repr(tree().head) == "Linear((4, 6) int64, bias)"
    assert repr(Parameters(Linear(1), (Cluster(Linear("a"), Linear(None)),))).count("\n") == 4
