"""Wrong sizes, wrong refusals, weights taken in wrongly."""
import math

import numpy as np

from npadasoft.conformance.mistakes.known import (FAIRSEQ, GLUON, HF, JOHNTRIMBLE, LIBTORCH, LUA,
                                                  PADDLE, PYTORCH, ROSINALITY, SOSKEK, T_XL,
                                                  YANGSAIYONG, Layer, known)

INPUTS = ("head_logits", "tail.*.hidden", "tail.*.logits", "log_prob", "predict", "grad.*",
          "grad.tail.*.*.weight", "grad.head.*", "grad.tail.*.hidden")

# ------------------------------------------------------------------ hidden sizes


@known("hidden sizes are rounded quotients: floor(D / div_value ** (i + 1))", link=LIBTORCH)
class hidden_size_of_a_quotient(Layer):
    @classmethod
    def hidden_size(cls, D, div_value, i):
        return math.floor(D / div_value ** (i + 1))


@known("hidden sizes start at div_value ** 0: the first tail is not reduced", link=ROSINALITY)
class first_tail_not_reduced(Layer):
    @classmethod
    def hidden_size(cls, D, div_value, i):
        return int(D // div_value ** i)


@known("each hidden size is the floor of the one before, divided", link=SOSKEK)
class hidden_size_floored_repeatedly(Layer):
    @classmethod
    def hidden_size(cls, D, div_value, i):
        for _ in range(i + 1):
            D = int(D // div_value)
        return D


@known("all tails have the hidden size of the first")
class hidden_size_of_the_first_tail(Layer):
    @classmethod
    def hidden_size(cls, D, div_value, i):
        return int(D // div_value)


@known("a hidden size of 0 becomes 1", link=YANGSAIYONG)
class hidden_size_at_least_one(Layer):
    @classmethod
    def hidden_size(cls, D, div_value, i):
        return max(1, int(D // div_value ** (i + 1)))


@known("a hidden size is at least 2", link=JOHNTRIMBLE)
class hidden_size_at_least_two(Layer):
    @classmethod
    def hidden_size(cls, D, div_value, i):
        return max(2, int(D // div_value ** (i + 1)))


@known("hidden sizes are divided by powers of 4, whatever div_value is", link=LUA)
class hidden_size_by_four(Layer):
    @classmethod
    def hidden_size(cls, D, div_value, i):
        return int(D // 4.0 ** (i + 1))


@known("hidden sizes are rounded to the nearest instead of down", link=GLUON)
class hidden_size_rounded(Layer):
    @classmethod
    def hidden_size(cls, D, div_value, i):
        return round(D / div_value ** (i + 1))


@known("div_value is cut to an integer")
class whole_div_value(Layer):
    @classmethod
    def hidden_size(cls, D, div_value, i):
        return int(D // max(1, int(div_value)) ** (i + 1))


@known("hidden sizes fall by div_value * (i + 1) instead of its power")
class hidden_size_by_multiples(Layer):
    @classmethod
    def hidden_size(cls, D, div_value, i):
        return int(D // (div_value * (i + 1)))


@known("the head has one column for all tails")
class one_column_for_all_clusters(Layer):
    @classmethod
    def shapes(cls, config):
        rows = config["cutoffs"][0] + 1 if config["cutoffs"] else 1
        head = {n: (rows, *s[1:]) for n, s in Layer.shapes(config).items() if n[0] == "h"}
        return Layer.shapes(config) | head


# ------------------------------------------------------------------ refusals

def accepting(change):
    """A `check` that repairs the cutoffs and the number of classes instead of refusing them."""
    def check(cls, config):
        cuts, n = change(list(config["cutoffs"]), config["n_classes"])
        Layer.check({**config, "cutoffs": cuts, "n_classes": n})
    return classmethod(check)


@known("n_classes as the last cutoff is taken, with a tail of no class", link=LUA)
class takes_n_classes_as_a_cutoff(Layer):
    check = accepting(lambda cuts, n: (cuts[:-1] if cuts[-1:] == [n] else cuts, n))


@known("empty cutoffs are taken: a layer without tails", link=PYTORCH + "106698")
class takes_no_cutoffs(Layer):
    check = accepting(lambda cuts, n: (cuts or [1], n))


@known("decreasing cutoffs are sorted in silence", link=PYTORCH + "16658")
class sorts_cutoffs(Layer):
    check = accepting(lambda cuts, n: (sorted(cuts), n))


@known("a repeated cutoff is taken: a tail of no class")
class takes_repeated_cutoffs(Layer):
    check = accepting(lambda cuts, n: (list(dict.fromkeys(cuts)), n))


@known("a cutoff of 0 is taken: no shortlist", link=SOSKEK)
class takes_a_cutoff_of_zero(Layer):
    check = accepting(lambda cuts, n: ([c for c in cuts if c], n))


@known("cutoffs beyond n_classes are taken")
class takes_cutoffs_beyond(Layer):
    check = accepting(lambda cuts, n: (cuts, max([n, *[c + 1 for c in cuts if c > n]])))


@known("cutoffs are cut to integers", link=PYTORCH + "114334")
class takes_fractional_cutoffs(Layer):
    check = accepting(lambda cuts, n: ([int(c) for c in cuts], n))


@known("div_value is not checked", link=PYTORCH + "114334")
class takes_any_div_value(Layer):
    @classmethod
    def check(cls, config):
        Layer.check({**config, "div_value": 2.0})

    @classmethod
    def hidden_size(cls, D, div_value, i):
        return int(D // (div_value or 1.0) ** (i + 1))


@known("a target of -1 is taken: the last class, read from the end", "output", "loss")
class negative_targets_wrap(Layer):
    def check_targets(self, y):
        C = self.config["n_classes"]
        return super().check_targets(np.where((y < 0) & (y >= -C), y + C, y))


@known("a target of n_classes is taken, as the last class", "output", "loss", link=FAIRSEQ)
class takes_a_target_of_n_classes(Layer):
    def check_targets(self, y):
        return super().check_targets(np.where(y == self.config["n_classes"], y - 1, y))


@known("targets out of range are taken, and cost 0", "output", "loss", link=T_XL)
class targets_out_of_range_cost_nothing(Layer):
    def kept(self, y):
        return super().kept(y) & (y >= 0) & (y < self.config["n_classes"])


@known("a target of -100 is ignored without being asked to", "output", "loss", link=HF)
class always_ignores_minus_100(Layer):
    def kept(self, y):
        return super().kept(y) & (y != -100)


@known("rows without a target are dropped in silence", "output", "loss", link=LIBTORCH)
class drops_rows_without_target(Layer):
    def check_batch(self, x, y):
        return (x[:len(y)], y) if y.ndim == 1 and len(x) > len(y) else super().check_batch(x, y)


@known("targets without a row are dropped in silence", "output", "loss", link=PADDLE)
class drops_targets_without_row(Layer):
    def check_batch(self, x, y):
        return (x, y[:len(x)]) if y.ndim == 1 and len(y) > len(x) else super().check_batch(x, y)


# ------------------------------------------------------------------ taking in numbers

def flipped(array):
    """A matrix whose numbers were read column by column."""
    return array.reshape(array.shape[::-1]).T if array.ndim == 2 else array


def reading(change, pattern=""):
    """A `read` that changes the weights whose name begins with `pattern`."""
    def read(self, params):
        return {name: change(a) if name.startswith(pattern) else a for name, a in params.items()}
    return read


@known("matrices are read column by column", *INPUTS, link=PADDLE)
class matrices_read_by_columns(Layer):
    read = reading(flipped)


@known("the head's matrix is read column by column", *INPUTS)
class head_read_by_columns(Layer):
    read = reading(flipped, "head")


@known("projections are read column by column, as (in, out)", *INPUTS, link=T_XL)
class projections_read_by_columns(Layer):
    def read(self, params):
        return {n: flipped(a) if n.endswith(".0.weight") else a for n, a in params.items()}


@known("square matrices are used transposed", *INPUTS, link=PADDLE)
class square_matrices_transposed(Layer):
    read = reading(lambda a: a.T.copy() if a.ndim == 2 and a.shape[0] == a.shape[1] else a)


def six_digits(a):
    return np.array([float(f"{v:.6g}") for v in a.ravel().tolist()], a.dtype).reshape(a.shape)


@known("weights are read with six digits", *INPUTS)
class weights_of_six_digits(Layer):
    read = reading(six_digits)


@known("weights are read in float32", *INPUTS)
class weights_of_single_precision(Layer):
    read = reading(lambda a: a.astype(np.float32).astype(a.dtype))


@known("inputs are read in float32", *INPUTS)
class input_of_single_precision(Layer):
    def read_input(self, x):
        return x.astype(np.float32).astype(x.dtype)


def half(a):
    """float32 with eleven bits, as fast matrix units take them."""
    bits = a.astype(np.float32).view(np.uint32) + np.uint32(1 << 12)
    return (bits & np.uint32(0xFFFFE000)).view(np.float32).astype(a.dtype)


@known("products take numbers of eleven bits (TF32, half precision)", *INPUTS,
       link=PYTORCH + "44724")
class products_of_eleven_bits(Layer):
    read = reading(half)

    def read_input(self, x):
        return half(x)
