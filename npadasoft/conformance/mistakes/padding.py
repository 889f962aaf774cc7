"""Padding, of targets and of indices to embed, compared with something else than what is asked.

What is hard-coded, or off by the index base, shows only in a case that asks for another class: on
most others such a port looks like one that honours nothing, or refuses too early.
"""
import numpy as np

from npadasoft.conformance.mistakes.input import READ
from npadasoft.conformance.mistakes.known import SCORES, Layer, known
from npadasoft.conformance.mistakes.unseen import BACKWARD

ROWS = ("cluster", "head_column", *SCORES, "head_logits", "output", "loss", *BACKWARD)


class Ignored(Layer):
    """Ignores another target than that which is asked for; where none is, none if not `unasked`."""

    unasked = False

    def other(self, ignored, y):
        """Which targets are ignored: (N,) bool."""
        raise NotImplementedError

    def kept(self, y):
        ignored = self.config.get("ignore_index")
        return super().kept(y) if ignored is None and not self.unasked else ~self.other(ignored, y)


@known("ignore_index is not looked at: no row is ignored", *ROWS)
class ignore_index_not_looked_at(Ignored):
    def other(self, ignored, y):
        return np.zeros(y.shape, bool)


@known("a target is held against ignore_index + 1: a class from 0 against one from 1", *ROWS)
class ignore_index_one_too_high(Ignored):
    def other(self, ignored, y):
        return y == ignored + 1


@known("a target is held against ignore_index - 1: a class from 1 against one from 0", *ROWS)
class ignore_index_one_too_low(Ignored):
    def other(self, ignored, y):
        return y == ignored - 1


@known("where an ignore_index is asked for, -1 is ignored (of classes from 0), whatever it is",
       *ROWS)
class ignore_index_is_minus_one(Ignored):
    def other(self, ignored, y):
        return y == -1


@known("a target of -1 (of classes from 0) is ignored, asked or not, and no other", *ROWS)
class ignores_minus_one_alone(ignore_index_is_minus_one):
    unasked = True


@known("a target of -1 (of classes from 0) is ignored without being asked to", "output", "loss")
class always_ignores_minus_one(Layer):
    def kept(self, y):
        return super().kept(y) & (y != -1)


@known("where an ignore_index is asked for, -1 (of classes from 0) is ignored, too")
class ignores_minus_one_too(Ignored):
    def other(self, ignored, y):
        return (y == ignored) | (y == -1)


@known("where an ignore_index is asked for, -100 is ignored, whatever it is", *ROWS)
class ignore_index_is_minus_100(Ignored):
    def other(self, ignored, y):
        return y == -100


@known("a target of -100 is ignored, asked or not, and no other", *ROWS)
class ignores_minus_100_alone(ignore_index_is_minus_100):
    unasked = True


@known("where an ignore_index is asked for, class 0 is ignored, whatever it is", *ROWS)
class ignore_index_is_class_zero(Ignored):
    def other(self, ignored, y):
        return y == 0


@known("class 0 is ignored, asked or not, and no other", *ROWS)
class ignores_class_zero_alone(ignore_index_is_class_zero):
    unasked = True


@known("where an ignore_index is asked for, negative targets are ignored, whatever it is", *ROWS)
class ignore_index_is_below_zero(Ignored):
    def other(self, ignored, y):
        return y < 0


@known("negative targets are ignored, asked or not, and no others", *ROWS)
class ignores_negative_targets_alone(ignore_index_is_below_zero):
    unasked = True


# ------------------------------------------------------------------ of an adaptive input


class Padding(Layer):
    """Takes other indices for padding than that which is asked for."""

    unasked = False

    def other(self, padding, index):
        """Which indices read zeros: (N,) bool."""
        raise NotImplementedError

    def is_padding(self, index):
        padding = self.config.get("padding_index")
        if padding is None and not self.unasked:
            return super().is_padding(index)
        return self.other(padding, index)


@known("padding_idx is held against the place in the band, not against the class", *READ)
class padding_compared_with_the_place(Padding):
    def other(self, padding, index):
        inside = (index >= 0) & (index < self.config["n_classes"])
        first = np.array([self.first_of(b) for b in range(len(self.edges))])
        return index - np.where(inside, first[self.band_of(index * inside)], 0) == padding


@known("an index is held against padding_idx + 1: a class from 0 against one from 1", *READ)
class padding_one_too_high(Padding):
    def other(self, padding, index):
        return index == padding + 1


@known("an index is held against padding_idx - 1: a class from 1 against one from 0", *READ)
class padding_one_too_low(Padding):
    def other(self, padding, index):
        return index == padding - 1


@known("where a padding_idx is asked for, class 0 is padding, whatever it is", *READ)
class padding_is_class_zero(Padding):
    def other(self, padding, index):
        return index == 0


@known("class 0 is padding, asked or not, and no other", *READ)
class class_zero_alone_is_padding(padding_is_class_zero):
    unasked = True
