"""Weights of other frameworks, in files that they wrote: what they computed the layer computes.

The files of tests/data were written by the scripts beside them, with the versions named there.
"""
from pathlib import Path

import numpy as np
import pytest

from npadasoft import AdaptiveLogSoftmaxWithLoss
from npadasoft.interop import files, layouts, projected

DATA = Path(__file__).parents[1] / "data"
U = 2.0**-53


def numbers(name):
    """Arrays of an .npz of tests/data: weights, and what the framework made of input and target."""
    return files.read(DATA / f"{name}.npz")


def parted(name):
    """Weights and numbers of an .npz that holds both."""
    found = numbers(name)
    keys = ("input", "target", "output", "loss", "log_prob")
    return ({k: v for k, v in found.items() if k not in keys},
            {k: v for k, v in found.items() if k in keys})


def bound(asm, x):
    """What rounding may do to a log-probability, twice (theirs and ours), to first order.

    Products of n terms in any order err by n u Σ|a||b|, two of them in a tail and one in the head,
    or two where the head was projected; a log-softmax of K logits hands on twice the largest error
    and adds a few u of log K and of the largest shifted logit.
    """
    p = asm.parameters
    size = np.abs(x) @ np.abs(p.head.weight).T
    error = (2 * asm.in_features + 2) * size.max()
    spread = 2 * size.max()
    for c in p.tail:
        logit = np.abs(x) @ np.abs(c.projection.weight).T @ np.abs(c.output.weight).T
        error += (asm.in_features + c.output.weight.shape[1] + 2) * logit.max()
        spread += 2 * logit.max()
    return 2 * U * (2 * error + 8 * (spread + np.log(asm.n_classes)))


def assert_agrees(asm, x, found):
    """Log-probabilities and outputs of the framework are the layer's, up to rounding."""
    limit = bound(asm, x)
    assert limit < 1e-11
    if "log_prob" in found:
        assert np.abs(asm.log_prob(x) - found["log_prob"]).max() <= limit
    if "output" in found:
        assert np.abs(asm(x, found["target"]).output - found["output"]).max() <= limit


def assert_same_bits(a, b):
    assert list(a) == list(b)
    for name in a:
        x, y = np.asarray(a[name]), np.asarray(b[name])
        assert x.dtype == y.dtype and x.shape == y.shape and x.tobytes() == y.tobytes(), name


def flat(weights):
    """Paddle's lists as flat names."""
    tails = {f"tail_weights.{i}.{j}": w for i, pair in enumerate(weights.pop("tail_weights"))
             for j, w in enumerate(pair)}
    return {**weights, **tails}


def test_paddles_weights_give_paddles_numbers_and_go_back_bit_for_bit():
    weights, found = parted("paddle")
    state = layouts.from_paddle(weights)
    asm = AdaptiveLogSoftmaxWithLoss.from_state_dict(state, div_value=2.0)
    assert_agrees(asm, found["input"], found)
    back = flat(layouts.to_paddle(asm.state_dict()))
    assert_same_bits(back, {name: weights[name] for name in back})
    assert back.keys() == weights.keys()
    assert_same_bits(layouts.from_paddle(layouts.to_paddle(state)), state)


def test_paddles_state_dict_without_tails_is_refused_with_the_place_where_they_are():
    weights, _ = parted("paddle")
    with pytest.raises(ValueError, match="no tail_weights: Paddle's state_dict"):
        layouts.from_paddle({name: weights[name] for name in ("head_weight", "head_bias")})


def test_a_file_that_libtorch_wrote_is_read_bit_for_bit_and_gives_its_numbers():
    weights, found = parted("libtorch_numbers")
    state = files.read(DATA / "libtorch.pt")
    assert_same_bits(state, weights)
    asm = AdaptiveLogSoftmaxWithLoss.from_state_dict(state, div_value=2.0)
    layouts.check_libtorch(asm)
    assert_agrees(asm, found["input"], found)
    assert abs(asm(found["input"], found["target"]).loss - found["loss"]) <= bound(
        asm, found["input"])


def test_fairseqs_weights_give_fairseqs_numbers_and_go_back_bit_for_bit():
    weights, found = files.read(DATA / "fairseq.pt"), numbers("fairseq_numbers")
    state = layouts.from_fairseq(weights)
    asm = AdaptiveLogSoftmaxWithLoss.from_state_dict(state, div_value=2.0)
    assert_agrees(asm, found["input"], found)
    back = layouts.to_fairseq(asm.state_dict())
    assert_same_bits({name: back[name] for name in weights}, weights)
    assert back.keys() == weights.keys()


def test_fairseqs_old_checkpoints_are_refused_by_name():
    weights = files.read(DATA / "fairseq.pt")
    del weights["version"]
    for convert in layouts.from_fairseq, projected.from_fairseq_tied:
        with pytest.raises(ValueError, match="buggy_offset"):
            convert(weights)
        with pytest.raises(ValueError, match=r"has version 1, but found \[2\]"):
            convert({**weights, "version": np.array([2])})


def test_fairseqs_tied_weights_give_fairseqs_numbers():
    weights, found = files.read(DATA / "fairseq_tied.pt"), numbers("fairseq_tied_numbers")
    with pytest.raises(ValueError, match="use from_fairseq_tied"):
        layouts.from_fairseq(weights)
    state, constant = projected.from_fairseq_tied(weights)
    assert not constant
    assert_agrees(AdaptiveLogSoftmaxWithLoss.from_state_dict(state), found["input"], found)


def test_fairseqs_tied_head_may_be_unprojected_and_its_tails_transposed():
    weights = files.read(DATA / "fairseq_tied.pt")
    second = weights.pop("head.word_proj.1.weight")
    weights["head.word_proj.weight"] = second @ weights.pop("head.word_proj.0.weight")
    state, _ = projected.from_fairseq_tied(weights)
    assert state["head.weight"].shape == (5, 8)
    turned = {name: a.T if name.endswith(".0.weight") else a for name, a in weights.items()}
    assert_same_bits(projected.from_fairseq_tied(turned, tie_proj=True).state, state)


@pytest.mark.parametrize("convert, name", [
    (projected.from_hf_transfo_xl, "hf_projected"),
    (projected.from_hf_transfo_xl, "hf_shared_projected"),
    (projected.from_transfo_xl, "txl_projected"), (projected.from_transfo_xl, "txl_shared")])
def test_transformer_xls_weights_give_its_numbers(convert, name):
    weights, found = files.read(DATA / f"{name}.pt"), numbers(f"{name}_numbers")
    both_ways(convert, weights, [3, 7] if "shared" in name else None, found)


def both_ways(convert, weights, cutoffs, found):
    """With biases in the tails as they are, and with a hidden unit in the place of each."""
    state, constant = convert(weights, cutoffs)
    asm = AdaptiveLogSoftmaxWithLoss.from_state_dict(state)
    assert not constant and asm.tail_bias and asm.in_features == found["input"].shape[-1]
    assert_agrees(asm, found["input"], found)
    state, constant = convert(weights, cutoffs, fold=True)
    asm = AdaptiveLogSoftmaxWithLoss.from_state_dict(state)
    assert constant and not asm.tail_bias
    assert_agrees(asm, projected.with_constant(found["input"]), found)


@pytest.mark.parametrize("name", ["gluon_projected", "gluon_shared", "gluon_shared_projected"])
def test_gluons_weights_give_gluons_numbers(name):
    weights, found = parted(name)
    both_ways(projected.from_gluon_nlp, weights, [3, 7] if "shared" in name else None, found)


def test_keras_adaptive_softmaxs_file_gives_its_probabilities():
    pytest.importorskip("h5py")
    found = numbers("keras_adaptive_numbers")
    found["log_prob"] = np.log(found.pop("probabilities"))
    weights = files.read(DATA / "keras_adaptive.h5", prefix="softmax/softmax/")
    both_ways(lambda w, _, **how: projected.from_keras_adaptive_softmax(w, **how), weights, None,
              found)
    plain = {k: v for k, v in weights.items() if not k.startswith("bias")}
    del plain["kernel-0:0"]                                 # as long as the model: no projection
    plain["kernel-1:0"], plain["kernel-2:0"] = (plain[f"kernel-{i}:0"][:, :6] for i in (1, 2))
    state, constant = projected.from_keras_adaptive_softmax(plain)
    assert not constant and list(state) == [
        "head.weight", "tail.0.0.weight", "tail.0.1.weight", "tail.1.0.weight", "tail.1.1.weight"]
    assert state["head.weight"][3:].tobytes() == plain["kernel-cluster:0"].T.tobytes()


@pytest.mark.parametrize("right, wrong, name", [
    (projected.from_hf_transfo_xl, projected.from_transfo_xl, "hf_projected"),
    (projected.from_transfo_xl, projected.from_hf_transfo_xl, "txl_projected")])
def test_the_order_of_cluster_columns_matters_where_no_shape_shows_it(right, wrong, name):
    weights, found = files.read(DATA / f"{name}.pt"), numbers(f"{name}_numbers")
    asm = AdaptiveLogSoftmaxWithLoss.from_state_dict(wrong(weights).state)
    assert np.abs(asm(found["input"], found["target"]).output - found["output"]).max() > 0.1


def test_weights_without_biases_need_no_constant_and_keep_their_bits():
    weights, _ = parted("gluon_projected")
    plain = {k: v for k, v in weights.items() if not k.endswith("bias")}
    state, constant = projected.from_gluon_nlp(plain)
    assert not constant and "head.bias" not in state
    for i in (0, 1):
        for j, theirs in enumerate(("inter_proj_l", "out_proj_l")):
            wanted = plain[f"{theirs}.{i + 1}.weight"]
            assert state[f"tail.{i}.{j}.weight"].tobytes() == wanted.tobytes()
    only_words = {k: v for k, v in weights.items() if k != "tail_cluster_score_proj.bias"}
    assert not projected.from_gluon_nlp(only_words).state["head.bias"][3:].any()
    only_one = {k: v for k, v in weights.items() if k != "out_proj_l.2.bias"}
    folded = projected.from_gluon_nlp(only_one, fold=True).state
    assert [folded[f"tail.{i}.0.weight"].shape for i in (0, 1)] == [(4, 9), (1, 9)]
    state = projected.from_gluon_nlp(only_one).state
    assert state["tail.0.1.bias"].all() and not state["tail.1.1.bias"].any()
    shared, _ = parted("gluon_shared")
    shared = {k: v for k, v in shared.items() if not k.endswith("bias")}
    assert not projected.from_gluon_nlp(shared, [3, 7]).constant


def test_folding_a_bias_adds_one_unit_to_every_size_and_rounds_nothing():
    weights = files.read(DATA / "hf_projected.pt")
    state, _ = projected.from_hf_transfo_xl(weights, fold=True)
    assert state["tail.0.0.weight"].shape == (3 + 1, 8 + 1)
    assert state["tail.0.1.weight"][:, -1].tobytes() == weights["out_layers.1.bias"].tobytes()
    assert np.array_equal(state["tail.0.1.weight"][:, :-1], weights["out_layers.1.weight"])
    assert np.array_equal(state["tail.0.0.weight"][:-1, :-1], weights["out_projs.1"].T)


def test_a_projected_head_is_the_product_rounded_once():
    from fractions import Fraction
    weights = {name: a.astype(np.float32)
               for name, a in files.read(DATA / "hf_projected.pt").items()}
    head = projected.from_hf_transfo_xl(weights).state["head.weight"]
    assert head.dtype == np.float32
    rows = np.concatenate([weights["out_layers.0.weight"], weights["cluster_weight"]])
    for i, row in enumerate(rows):
        for j, other in enumerate(weights["out_projs.0"]):
            exact = sum(Fraction(float(a)) * Fraction(float(b)) for a, b in zip(row, other))
            bound = sum(abs(float(a) * float(b)) for a, b in zip(row, other))
            assert abs(Fraction(float(head[i, j])) - exact) <= (
                2.0**-24 * abs(float(exact)) + len(row) * U * bound)


def lua_state():
    return AdaptiveLogSoftmaxWithLoss(8, 12, [3, 7], div_value=2.0, rng=0).state_dict()


def test_luas_names_count_from_one_and_come_back_bit_for_bit():
    weights = layouts.to_lua(lua_state())
    assert list(weights) == ["head.weight", "tail.1.1.weight", "tail.1.2.weight",
                             "tail.2.1.weight", "tail.2.2.weight"]
    assert_same_bits(layouts.from_lua(weights, [3, 7, 12]), lua_state())
    with pytest.raises(ValueError, match=r"is \[3, 7\], but the weights make it \[3, 7, 12\]"):
        layouts.from_lua(weights, [3, 7])


@pytest.mark.parametrize("convert", [layouts.to_lua, layouts.to_fairseq])
def test_a_head_bias_cannot_go_where_there_is_none(convert):
    with pytest.raises(ValueError, match="no bias in the head"):
        convert({**lua_state(), "head.bias": np.zeros(5)})


@pytest.mark.parametrize("convert, weights, message", [
    (layouts.from_lua, {"head.weight": np.ones((2, 2)), "x": 1}, "no place in the layer: 'x'"),
    (layouts.from_lua, {}, "there is no 'head.weight'"),
    (layouts.from_paddle, {}, "there is no 'head_weight'"),
    (layouts.to_paddle, {"head.weight": np.ones((2, 2)), "y": 1}, "no place in the layer: 'y'"),
    (projected.from_hf_transfo_xl, {}, "without clusters this is a plain softmax"),
    (projected.from_gluon_nlp, {}, "without clusters this is a plain softmax"),
    (projected.from_keras_adaptive_softmax, {}, "without clusters this is a plain softmax"),
    (projected.from_transfo_xl, {"cluster_weight": np.ones((1, 2))}, "there is no 'cluster_bias'"),
])
def test_what_is_missing_or_left_over_is_named(convert, weights, message):
    with pytest.raises(ValueError, match=message):
        convert(weights)


def test_one_table_of_all_classes_needs_the_cutoffs():
    weights = files.read(DATA / "txl_shared.pt")
    for cutoffs in None, [3]:
        with pytest.raises(ValueError, match="one table holds all 12 classes: cutoffs= must name"):
            projected.from_transfo_xl(weights, cutoffs)


def test_tables_and_cluster_columns_must_be_as_many():
    weights = files.read(DATA / "hf_projected.pt")
    weights["cluster_weight"] = weights["cluster_weight"][:1]
    with pytest.raises(ValueError, match="1 cluster columns for 2 clusters"):
        projected.from_hf_transfo_xl(weights)


@pytest.mark.parametrize("size, div_value, message", [
    (1024, 1.6, "hidden size 640 for div_value 1.6, but the layer has 639"),
    (8, 9.0, "cannot build cluster 0: its hidden size is 0")])
@pytest.mark.filterwarnings("ignore:tail 0 has hidden size 0")
def test_libtorch_refuses_what_it_would_build_otherwise(size, div_value, message):
    asm = AdaptiveLogSoftmaxWithLoss(size, 4, [2], div_value=div_value, rng=0)
    with pytest.raises(ValueError, match=message):
        layouts.check_libtorch(asm)


def test_libtorch_takes_dyadic_divisors_and_no_free_sizes():
    asm = AdaptiveLogSoftmaxWithLoss(8, 12, [3, 7], div_value=2.0, rng=0)
    layouts.check_libtorch(asm)
    with pytest.raises(ValueError, match="the layer's sizes follow none"):
        layouts.check_libtorch(AdaptiveLogSoftmaxWithLoss.from_state_dict(asm.state_dict()))
