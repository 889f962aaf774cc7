"""The contract table: on the stand-in always, on NumPy where it can be, on CuPy with a device."""
import numpy as np
import pytest
import strict_cupy
from array_contract import ACCEPTED, OURS, REFUSED, agrees, evaluate
from gpu import cupy_with_a_device

gpu = pytest.mark.gpu


@pytest.mark.parametrize("expression, value", ACCEPTED, ids=[e for e, _ in ACCEPTED])
def test_the_stand_in_accepts(expression, value):
    assert agrees(evaluate(expression, strict_cupy), value)


@pytest.mark.parametrize("expression", REFUSED + OURS)
def test_the_stand_in_refuses(expression):
    with pytest.raises((TypeError, ValueError, IndexError, AttributeError, NotImplementedError)):
        evaluate(expression, strict_cupy)


CUPYS_OWN = ("[5, -3]", "[[3], [2]]", "asarray([2]), 7", "asnumpy", "__index__")    # it wraps


@pytest.mark.parametrize("expression, value", [
    row for row in ACCEPTED if not any(own in row[0] for own in CUPYS_OWN)])
def test_what_is_accepted_has_numpys_value_where_nothing_wraps(expression, value):
    with np.errstate(all="ignore"):
        assert agrees(evaluate(expression, np), value)


@pytest.mark.parametrize("got, want", [([1, 2], [1, 3]), (1, True), ("a", "b"), ([1], [[1, 2]])])
def test_a_wrong_value_does_not_agree(got, want):
    assert not agrees(got, want)


@gpu
@pytest.mark.parametrize("expression, value", ACCEPTED, ids=[e for e, _ in ACCEPTED])
def test_cupy_accepts(expression, value):
    assert agrees(evaluate(expression, cupy_with_a_device()), value)


@gpu
@pytest.mark.parametrize("expression", REFUSED)
def test_cupy_refuses(expression):
    cupy = cupy_with_a_device()
    with pytest.raises((TypeError, ValueError, IndexError, AttributeError, NotImplementedError)):
        evaluate(expression, cupy)
