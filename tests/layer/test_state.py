"""What the shapes of a state say about a layer, and what keeps arrays from being one."""
import pytest
from contract import LOADING, refuses

from npadasoft import Cutoffs, state


@pytest.mark.parametrize("bias", [True, False])
def test_shapes_of_a_state_follow_the_cut(bias):
    shapes = state.shapes(6, Cutoffs([2, 5], 9), (3, 1), bias)
    assert list(shapes.items()) == [
        ("head.weight", (4, 6)), *[("head.bias", (4,))] * bias, ("tail.0.0.weight", (3, 6)),
        ("tail.0.1.weight", (3, 3)), ("tail.1.0.weight", (1, 6)), ("tail.1.1.weight", (4, 1))]


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
