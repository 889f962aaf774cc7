"""State: torch's names, loading, and layers made from arrays; row by row of the contract."""
import threading
from collections import OrderedDict
from types import MappingProxyType

import numpy as np
import pytest
from contract import COMPLEX, LOADING, REAL, eighths, refuses, same, small

from npadasoft import AdaptiveLogSoftmaxWithLoss

X = eighths(3, (6, 6))
Y = np.array([8, 1, 5, 2, 0, 4])
KEYS = ["head.weight", "head.bias", "tail.0.0.weight", "tail.0.1.weight", "tail.1.0.weight",
        "tail.1.1.weight"]
SHAPES = [(4, 6), (4,), (3, 6), (3, 3), (1, 6), (4, 1)]
MIXED = "precisions are not mixed, convert one of them"


def other(layer, dtype=None):
    """A state that fits the layer and has other values."""
    return {path: (leaf / 2 + 1).astype(dtype or leaf.dtype)
            for path, leaf in layer.state_dict().items()}


def test_a_state_dict_has_torchs_keys_in_torchs_order():
    layer = small()
    assert [(path, leaf.shape) for path, leaf in layer.state_dict().items()] == [*zip(KEYS, SHAPES)]
    plain = AdaptiveLogSoftmaxWithLoss(6, 9, [2, 5], 2.0, rng=0)
    assert list(plain.state_dict()) == [key for key in KEYS if key != "head.bias"]


def test_a_state_dict_holds_copies():
    layer = small()
    before, state = layer(X, Y), layer.state_dict()
    for leaf in state.values():
        leaf[...] = 0
    assert same(layer(X, Y), before)


def test_loading_copies_new_arrays_in_and_leaves_the_old_tree_to_those_who_hold_it():
    layer = small()
    tree, (_, cache), state = layer.parameters, layer.forward(X, Y), other(layer)
    values, gradients = dict(layer.state_dict()), layer.backward(cache)
    assert layer.load_state_dict(state) is None
    assert same(layer.state_dict(), state)
    assert same(dict(tree.items()), values) and same(layer.backward(cache), gradients)
    kept = {path: leaf.copy() for path, leaf in state.items()}
    for leaf in state.values():
        leaf[...] = 7
    assert same(layer.state_dict(), kept)


def test_a_layer_and_its_loaded_twin_answer_alike():
    layer, twin = small(), AdaptiveLogSoftmaxWithLoss(6, 9, [2, 5], 2.0, True, rng=99)
    assert not same(twin(X, Y), layer(X, Y))
    twin.load_state_dict(layer.state_dict())
    assert same(twin(X, Y), layer(X, Y)) and same(twin.log_prob(X), layer.log_prob(X))


@pytest.mark.parametrize("kind", [OrderedDict, MappingProxyType, lambda state: dict(
    reversed(state.items()))], ids=["OrderedDict", "MappingProxyType", "another order"])
def test_any_mapping_in_any_order_is_a_state(kind):
    layer, state = small(), other(small())
    layer.load_state_dict(kind(state))
    assert same(layer.state_dict(), state)
    loaded = AdaptiveLogSoftmaxWithLoss.from_state_dict(kind(state))
    assert same(loaded.state_dict(), state)


@pytest.mark.parametrize("change, lines", [
    ({"head.bias": None}, '\n\tMissing key(s) in state_dict: "head.bias".'),
    ({"head.weight": None, "tail.1.0.weight": None},
     '\n\tMissing key(s) in state_dict: "head.weight", "tail.1.0.weight".'),
    ({"weight": (1,), "tail.2.0.weight": (2, 2)},
     '\n\tUnexpected key(s) in state_dict: "weight", "tail.2.0.weight".'),
    ({"head.weight": (6, 4)},
     "\n\tsize mismatch for head.weight: copying a param with shape (6, 4) from checkpoint, "
     "the shape in current model is (4, 6)."),
    ({"head.bias": (1,), "tail.0.1.weight": (3,)},
     "\n\tsize mismatch for head.bias: copying a param with shape (1,) from checkpoint, "
     "the shape in current model is (4,)."
     "\n\tsize mismatch for tail.0.1.weight: copying a param with shape (3,) from checkpoint, "
     "the shape in current model is (3, 3)."),
    ({"head.bias": (4, 1), "tail.0.0.weight": None, "extra": ()},
     '\n\tMissing key(s) in state_dict: "tail.0.0.weight".'
     '\n\tUnexpected key(s) in state_dict: "extra".'
     "\n\tsize mismatch for head.bias: copying a param with shape (4, 1) from checkpoint, "
     "the shape in current model is (4,).")])
def test_a_state_that_does_not_fit_is_refused_with_all_keys_and_nothing_is_loaded(change, lines):
    layer = small()
    before, state = layer.state_dict(), other(layer)
    for path, shape in change.items():
        if shape is None:
            del state[path]
        else:
            state[path] = np.ones(shape)
    with refuses(ValueError, LOADING + lines):
        layer.load_state_dict(state)
    assert same(layer.state_dict(), before)


def test_torch_names_the_same_faults_in_the_same_words():
    torch = pytest.importorskip("torch")
    theirs = torch.nn.AdaptiveLogSoftmaxWithLoss(6, 9, [2, 5], 2.0, True)
    state = {path: leaf for path, leaf in small().state_dict().items() if path != "head.weight"}
    state["extra"] = np.ones(1)
    with pytest.raises(RuntimeError) as caught:
        theirs.load_state_dict({path: torch.tensor(leaf) for path, leaf in state.items()})
    words = "\n".join(line.rstrip() for line in str(caught.value).splitlines())
    with pytest.raises(ValueError) as ours:
        small().load_state_dict(state)
    assert sorted(str(ours.value).splitlines()) == sorted(words.splitlines())


@pytest.mark.parametrize("wide", REAL + COMPLEX)
@pytest.mark.parametrize("narrow", REAL + COMPLEX + ("int64", "bool"))
def test_values_of_a_narrower_float_are_widened_and_others_refused(wide, narrow):
    layer = small(wide)
    state, before = other(layer), layer.state_dict()
    state["tail.0.1.weight"] = np.real(state["tail.0.1.weight"]).astype(narrow)
    fits = narrow in REAL + COMPLEX and np.result_type(narrow, wide) == np.dtype(wide)
    if fits:
        layer.load_state_dict(state)
        assert layer.dtype == np.dtype(wide)
        assert {leaf.dtype for leaf in layer.state_dict().values()} == {np.dtype(wide)}
        assert (layer.state_dict()["tail.0.1.weight"] == state["tail.0.1.weight"]).all()
        return
    with refuses(TypeError, f"tail.0.1.weight is {np.dtype(narrow)} but the layer is "
                            f"{np.dtype(wide)}: {MIXED}"):
        layer.load_state_dict(state)
    assert same(layer.state_dict(), before)


@pytest.mark.parametrize("value, kind", [([1], "<class 'list'>"), (None, "<class 'NoneType'>"),
                                         ("head.weight", "<class 'str'>"),
                                         (3, "<class 'int'>")])
def test_what_is_no_mapping_is_refused(value, kind):
    for load in (small().load_state_dict, AdaptiveLogSoftmaxWithLoss.from_state_dict):
        with refuses(TypeError, f"Expected state_dict to be dict-like, got {kind}."):
            load(value)


def test_values_may_be_read_only_swapped_or_lists():
    layer, state = small(), other(small())
    odd = {path: leaf.astype(">f8") for path, leaf in state.items()}
    odd["head.bias"] = state["head.bias"].tolist()
    odd["head.weight"].flags.writeable = False
    layer.load_state_dict(odd)
    assert same(layer.state_dict(), state)
    loaded = AdaptiveLogSoftmaxWithLoss.from_state_dict(odd)
    assert same(loaded.state_dict(), state)
    for path, leaf in [*layer.parameters.items(), *loaded.parameters.items()]:
        assert leaf.dtype.isnative and leaf.flags.writeable, path


def test_threads_see_the_old_weights_or_the_new_ones_and_never_a_mixture():
    layer = small()
    states = [layer.state_dict(), other(layer)]
    answers = [AdaptiveLogSoftmaxWithLoss.from_state_dict(state)(X, Y) for state in states]
    stop, wrong = threading.Event(), []

    def read():
        while not stop.is_set():
            result = layer(X, Y)
            if not any(same(result, answer) for answer in answers):
                wrong.append(result)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for turn in range(200):
        layer.load_state_dict(states[turn % 2])
    stop.set()
    for reader in readers:
        reader.join()
    assert not wrong


# ------------------------------------------------------------------------ torch

@pytest.mark.parametrize("name", ["float16", "float32", "float64"])
@pytest.mark.parametrize("head_bias", [False, True])
def test_states_of_torch_come_in_and_go_out(name, head_bias):
    torch = pytest.importorskip("torch")
    theirs = torch.nn.AdaptiveLogSoftmaxWithLoss(6, 9, [2, 5], 2.0, head_bias).to(
        getattr(torch, name))
    loaded = AdaptiveLogSoftmaxWithLoss.from_state_dict(theirs.state_dict(), div_value=2.0)
    ours = AdaptiveLogSoftmaxWithLoss(6, 9, [2, 5], 2.0, head_bias, dtype=name, rng=0)
    ours.load_state_dict(dict(theirs.named_parameters()))       # these require gradients
    assert same(ours.state_dict(), loaded.state_dict()) and loaded.dtype == np.dtype(name)
    values = loaded.state_dict()
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.zero_()
    assert same(loaded.state_dict(), values) and same(ours.state_dict(), values)    # not shared
    theirs.load_state_dict({path: torch.tensor(leaf) for path, leaf in values.items()})
    assert all((theirs.state_dict()[path].numpy() == leaf).all() for path, leaf in values.items())


def test_bfloat16_of_torch_is_widened_to_float32():
    torch = pytest.importorskip("torch")
    theirs = torch.nn.AdaptiveLogSoftmaxWithLoss(6, 9, [2, 5], 2.0).to(torch.bfloat16)
    loaded = AdaptiveLogSoftmaxWithLoss.from_state_dict(theirs.state_dict())
    assert loaded.dtype == np.float32
    assert (loaded.parameters.head.weight == theirs.head.weight.detach().float().numpy()).all()


# ------------------------------------------------------------------------ from_state_dict

@pytest.mark.parametrize("dtype", REAL + COMPLEX)
@pytest.mark.parametrize("cutoffs", [[2, 5], [1], [3, 4, 5, 8], list(range(1, 13))], ids=str)
@pytest.mark.parametrize("head_bias", [False, True])
def test_a_layer_is_read_off_its_state(dtype, cutoffs, head_bias):
    layer = AdaptiveLogSoftmaxWithLoss(16, 14, cutoffs, 1.2, head_bias, dtype=dtype, rng=0)
    read = AdaptiveLogSoftmaxWithLoss.from_state_dict(layer.state_dict())
    for name in ("in_features", "n_classes", "cutoffs", "head_bias", "shortlist_size", "n_clusters",
                 "head_size", "dtype"):
        assert getattr(read, name) == getattr(layer, name), name
    assert (read.div_value, read.ignore_index, read.reduction) == (None, None, "mean")
    assert same(read.state_dict(), layer.state_dict())
    x = eighths(3, (3, 16), dtype)
    assert same(read(x, [0, 13, 5]), layer(x, [0, 13, 5]))


def test_from_state_dict_copies_and_takes_the_options_of_the_loss():
    state = small().state_dict()
    layer = AdaptiveLogSoftmaxWithLoss.from_state_dict(state, ignore_index=4, reduction="sum")
    assert (layer.ignore_index, layer.reduction) == (4, "sum")
    assert same(layer(X, Y), small(ignore_index=4, reduction="sum")(X, Y))
    assert not any(np.shares_memory(state[path], leaf) for path, leaf in layer.parameters.items())
    with refuses(ValueError, "avg is not a valid value for reduction"):
        AdaptiveLogSoftmaxWithLoss.from_state_dict(state, reduction="avg")
    with refuses(TypeError, "ignore_index should be an integer, but found 1.0 of type float"):
        AdaptiveLogSoftmaxWithLoss.from_state_dict(state, ignore_index=1.0)


@pytest.mark.parametrize("div_value", [2, 2.0, np.float32(2)], ids=repr)
def test_a_given_div_value_must_be_followed_and_is_kept(div_value):
    layer = AdaptiveLogSoftmaxWithLoss.from_state_dict(small().state_dict(), div_value=div_value)
    assert layer.div_value == 2.0 and type(layer.div_value) is float


def test_hidden_sizes_that_do_not_follow_the_div_value_are_refused():
    with refuses(ValueError, LOADING + "".join(
            f"\n\tsize mismatch for {path}: copying a param with shape {found} from checkpoint, "
            f"the shape in current model is {wanted}." for path, found, wanted in (
                ("tail.0.0.weight", (3, 6), (4, 6)), ("tail.0.1.weight", (3, 3), (3, 4)),
                ("tail.1.0.weight", (1, 6), (2, 6)), ("tail.1.1.weight", (4, 1), (4, 2))))):
        AdaptiveLogSoftmaxWithLoss.from_state_dict(small().state_dict(), div_value=1.5)


def test_hidden_sizes_of_no_div_value_are_taken_as_they_are():
    state = small().state_dict()
    state["tail.0.0.weight"], state["tail.0.1.weight"] = np.ones((7, 6)), np.ones((3, 7))
    layer = AdaptiveLogSoftmaxWithLoss.from_state_dict(state)
    assert layer.div_value is None and layer.cutoffs == (2, 5, 9)
    assert np.isfinite(layer(X, Y).loss)


@pytest.mark.parametrize("change, lines", [
    (dict.fromkeys(KEYS), '\n\tMissing key(s) in state_dict: "head.weight", "tail.0.0.weight", '
                          '"tail.0.1.weight".'),
    ({"head.weight": None}, '\n\tMissing key(s) in state_dict: "head.weight".'),
    ({"weight": (3, 3)}, '\n\tUnexpected key(s) in state_dict: "weight".'),
    ({"head.bias": (3,)}, "\n\tsize mismatch for head.bias: copying a param with shape (3,) from "
                          "checkpoint, the shape in current model is (4,)."),
    ({"tail.1.0.weight": (1, 5)}, "\n\tsize mismatch for tail.1.0.weight: copying a param with "
     "shape (1, 5) from checkpoint, the shape in current model is (1, 6)."),
    ({"tail.1.1.weight": (4, 2)}, "\n\tsize mismatch for tail.1.1.weight: copying a param with "
     "shape (4, 2) from checkpoint, the shape in current model is (4, 1).")])
def test_arrays_that_make_no_layer_are_refused(change, lines):
    state = {**small().state_dict(), **{k: v and np.ones(v) for k, v in change.items()}}
    with refuses(ValueError, LOADING + lines):
        AdaptiveLogSoftmaxWithLoss.from_state_dict(
            {path: leaf for path, leaf in state.items() if leaf is not None})


@pytest.mark.parametrize("missing", KEYS[2:])
def test_a_state_with_half_a_cluster_is_refused_by_its_keys(missing):
    state = {path: leaf for path, leaf in small().state_dict().items() if path != missing}
    with pytest.raises(ValueError, match="(?s)^Error.*key.s. in state_dict:"):
        AdaptiveLogSoftmaxWithLoss.from_state_dict(state)


@pytest.mark.parametrize("path, shape", [("head.weight", (4,)), ("tail.0.1.weight", ()),
                                         ("tail.1.0.weight", (1, 6, 1))])
def test_a_weight_that_is_no_matrix_is_refused_by_its_shape(path, shape):
    state = {**small().state_dict(), path: np.ones(shape)}
    with refuses(ValueError, f"{LOADING}\n\t{path} should be a matrix, but found shape {shape}"):
        AdaptiveLogSoftmaxWithLoss.from_state_dict(state)


def test_a_state_without_features_is_refused():
    state = {path: leaf[:, :0] if leaf.ndim == 2 and path != "tail.0.1.weight" else leaf
             for path, leaf in AdaptiveLogSoftmaxWithLoss(4, 5, [2], rng=0).state_dict().items()}
    with refuses(ValueError, "in_features should be at least 1, but found 0"):
        AdaptiveLogSoftmaxWithLoss.from_state_dict(state)


@pytest.mark.parametrize("name, odd", [
    ("float32", "float64"), ("float64", "float16"), ("longdouble", "float64")])
def test_a_state_of_two_precisions_is_refused(name, odd):
    state = small(name).state_dict()
    state["tail.0.1.weight"] = state["tail.0.1.weight"].astype(odd)
    with refuses(TypeError, f"tail.0.1.weight is {np.dtype(odd)} but the layer is "
                            f"{np.dtype(name)}: {MIXED}"):
        AdaptiveLogSoftmaxWithLoss.from_state_dict(state)
