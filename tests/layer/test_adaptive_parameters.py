"""The tree of weights of a layer, and another layer with another tree."""
import numpy as np
import pytest
from contract import COMPLEX, LOADING, REAL, eighths, leaves, refuses, same, small

from npadasoft import AdaptiveLogSoftmaxWithLoss, Cluster, Linear, Parameters

X = eighths(3, (6, 6))
Y = np.array([8, 1, 5, 2, 0, 4])
KEYS = ["head.weight", "head.bias", "tail.0.0.weight", "tail.0.1.weight", "tail.1.0.weight",
        "tail.1.1.weight"]
MIXED = "precisions are not mixed, convert one of them"


def test_the_parameters_are_the_arrays_themselves():
    layer = small()
    assert type(layer.parameters) is Parameters and layer.parameters is layer.parameters
    head, tail = layer.parameters.head, layer.parameters.tail
    assert type(head) is Linear and all(type(cluster) is Cluster for cluster in tail)
    assert [path for path, _ in layer.parameters.items()] == KEYS
    head.weight[0, 0] = 5
    assert layer.state_dict()["head.weight"][0, 0] == 5


def test_with_parameters_makes_another_layer_of_the_same_configuration_uncopied():
    layer = small(ignore_index=4, reduction="sum")
    before, tree = layer.state_dict(), layer.parameters.map(lambda w: w + 1)
    twin = layer.with_parameters(tree)
    assert twin is not layer and twin.parameters is tree
    for name in ("in_features", "n_classes", "cutoffs", "div_value", "head_bias", "ignore_index",
                 "reduction", "dtype"):
        assert getattr(twin, name) == getattr(layer, name), name
    assert same(layer.state_dict(), before) and not same(twin(X, Y), layer(X, Y))


@pytest.mark.parametrize("dtype", REAL + COMPLEX)
def test_the_dtype_of_the_new_layer_is_that_of_the_tree(dtype):
    layer = small("float64")
    twin = layer.with_parameters(layer.parameters.map(lambda w: w.astype(dtype)))
    assert twin.dtype == np.dtype(dtype) and layer.dtype == np.float64
    assert twin.log_prob(X.astype(dtype)).dtype == np.dtype(dtype)


def test_leaves_of_one_epsilon_may_be_real_and_complex():
    layer = small()
    tree = dict(layer.parameters.items())
    tree["tail.0.0.weight"] = tree["tail.0.0.weight"] + 0j
    twin = layer.with_parameters(Parameters.from_items(tree))
    assert twin.dtype == np.complex128
    assert (twin(X, Y).output == layer(X, Y).output).all() and twin(X, Y).loss.dtype == twin.dtype
    gradients = leaves(twin.backward(twin.forward(X, Y)[1]))
    assert {leaf.dtype for leaf in gradients.values()} == {twin.dtype}


@pytest.mark.parametrize("change, kind, message", [
    ({"head.bias": None}, ValueError, LOADING + '\n\tMissing key(s) in state_dict: "head.bias".'),
    ({"head.weight": np.ones((4, 5))}, ValueError, LOADING + "\n\tsize mismatch for head.weight: "
     "copying a param with shape (4, 5) from checkpoint, the shape in current model is (4, 6)."),
    ({"tail.1.1.weight": np.ones((4, 1), "float32")}, TypeError,
     f"tail.1.1.weight is float32 but the layer is float64: {MIXED}"),
    ({"head.weight": np.ones((4, 6), "float32")}, TypeError,
     f"head.bias is float64 but the layer is float32: {MIXED}"),
    ({"head.weight": np.ones((4, 6), int)}, TypeError,
     "head.weight should hold floating-point numbers, but found int64"),
    ({"tail.0.0.weight": np.ones((3, 6), bool)}, TypeError,
     "tail.0.0.weight should hold floating-point numbers, but found bool")])
def test_a_tree_that_does_not_fit_is_refused(change, kind, message):
    layer = small()
    tree = {**dict(layer.parameters.items()), **change}
    with refuses(kind, message):
        layer.with_parameters(Parameters.from_items(
            {path: leaf for path, leaf in tree.items() if leaf is not None}))


def test_a_tree_of_another_number_of_clusters_is_refused():
    tree = AdaptiveLogSoftmaxWithLoss(6, 9, [2], 2.0, True, rng=0).parameters
    with pytest.raises(ValueError, match="(?s)Missing key.*tail.1.0.weight.*tail.1.1.weight"):
        small().with_parameters(tree)
