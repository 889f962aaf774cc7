"""What the shapes of a state say about a layer, and what keeps arrays from being one."""
import numpy as np
import pytest
from contract import LOADING, refuses

from npadasoft import AdaptiveLogSoftmaxWithLoss, Cutoffs, state


@pytest.mark.parametrize("bias", [True, False])
def test_shapes_of_a_state_follow_the_cut(bias):
    shapes = state.shapes(6, Cutoffs([2, 5], 9), (3, 1), bias)
    assert list(shapes.items()) == [
        ("head.weight", (4, 6)), *[("head.bias", (4,))] * bias, ("tail.0.0.weight", (3, 6)),
        ("tail.0.1.weight", (3, 3)), ("tail.1.0.weight", (1, 6)), ("tail.1.1.weight", (4, 1))]


def test_a_tails_bias_follows_its_weight():
    shapes = state.shapes(6, Cutoffs([2, 5], 9), (3, 1), False, True)
    assert list(shapes)[2:4] == ["tail.0.1.weight", "tail.0.1.bias"]
    assert shapes["tail.0.1.bias"] == (3,) and list(shapes.items())[-1] == ("tail.1.1.bias", (4,))


@pytest.mark.parametrize("gone", ["tail.0.1.bias", "tail.1.1.bias"])
def test_either_all_tails_have_a_bias_or_none_has(gone):
    layer = AdaptiveLogSoftmaxWithLoss(6, 9, [2, 5], 2.0, tail_bias=True, rng=0)
    arrays = layer.state_dict()
    again = AdaptiveLogSoftmaxWithLoss.from_state_dict(arrays)
    assert again.tail_bias and "tail_bias=True" in repr(again)
    del arrays[gone]
    kind = "Unexpected" if gone == "tail.0.1.bias" else "Missing"
    with pytest.raises(ValueError, match=f"{kind} key"):
        AdaptiveLogSoftmaxWithLoss.from_state_dict(arrays)
    plain = AdaptiveLogSoftmaxWithLoss(6, 9, [2, 5], 2.0, rng=0)
    with pytest.raises(ValueError, match='Unexpected key.*"tail.0.1.bias", "tail.1.1.bias"'):
        plain.load_state_dict(layer.state_dict())


def test_without_hidden_units_a_tail_is_what_its_biases_say():
    """log p = log of the softmax of the biases, whatever the input; and it starts uniform."""
    with pytest.warns(UserWarning, match="share its probability equally but for their biases"):
        layer = AdaptiveLogSoftmaxWithLoss(1, 5, [2], 4.0, tail_bias=True, rng=0)
    bias = layer.parameters.tail[0].output.bias
    assert not bias.any()
    bias[:] = np.log([0.5, 0.25, 0.25])
    log_p = layer.log_prob(np.array([[3.0], [-7.0]]))
    inside = np.exp(log_p[:, 2:]) / np.exp(log_p[:, 2:]).sum(-1, keepdims=True)
    assert abs(inside - [0.5, 0.25, 0.25]).max() < 1e-15


@pytest.mark.parametrize("bias", [True, False])
def test_sizes_are_read_off_the_shapes_that_they_make(bias):
    for cut, hidden in ((Cutoffs([2, 5], 9), (3, 1)), (Cutoffs([1], 2), (0,)),
                        (Cutoffs(range(1, 13), 20), tuple(range(12)))):
        found = state.sizes(state.shapes(6, cut, hidden, bias))
        assert found == (6, list(cut.values), hidden)


def test_a_state_that_fits_has_no_errors():
    shapes = state.shapes(6, Cutoffs([2, 5], 9), (3, 1), True)
    assert state.errors(shapes, shapes) == "" and state.refuse("") is None
    assert state.errors(shapes, dict.fromkeys(shapes)) == ""        # None: any shape


def test_errors_name_every_key():
    wanted = {"a": (1,), "b": (2,), "c": (3,), "d": None}
    found = {"c": [4], "d": (9, 9), "x": (1,), "y": (1,)}
    errors = ('\n\tMissing key(s) in state_dict: "a", "b".'
              '\n\tUnexpected key(s) in state_dict: "x", "y".'
              "\n\tsize mismatch for c: copying a param with shape (4,) from checkpoint, "
              "the shape in current model is (3,).")
    assert state.errors(found, wanted) == errors
    with refuses(ValueError, LOADING + errors):
        state.refuse(errors)
