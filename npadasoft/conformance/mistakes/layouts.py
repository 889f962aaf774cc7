"""Numbers read or written column by column: the habit of Fortran, MATLAB, Octave, R and Julia."""
import numpy as np

from npadasoft.conformance.mistakes.answers import EVERY
from npadasoft.conformance.mistakes.construction import INPUTS, flipped, reading
from npadasoft.conformance.mistakes.known import GRADIENTS, LOGIT_GRADIENTS, Layer, known


def read_by_columns(a):
    """An array whose numbers, given row by row, were read column by column."""
    return a.ravel().reshape(a.shape, order="F")


def written_by_columns(found):
    """Name -> array whose numbers are written column by column under the shape of rows."""
    return {name: np.asarray(a).ravel(order="F").reshape(np.shape(a)) for name, a in found.items()}


class Reads(Layer):
    """Everything that comes in is read by columns."""

    read = reading(flipped)

    def read_input(self, x):
        return read_by_columns(x)

    def backward(self, x, y, cotangents):
        return super().backward(x, read_by_columns(y), {
            name: read_by_columns(g) for name, g in cotangents.items()})

    def forward(self, x, y):
        return super().forward(x, read_by_columns(y))

    def log_prob_backward(self, x, grad):
        return super().log_prob_backward(x, read_by_columns(grad))

    def moving(self, tangents, x):
        return super().moving({name: read_by_columns(d) for name, d in tangents.items()}, x)

    read_bands = reading(flipped)

    def read_index(self, index):
        return read_by_columns(index)

    def embed_backward(self, index, grad):
        return super().embed_backward(index, read_by_columns(grad))


class Writes(Layer):
    """Everything that goes out is written by columns."""

    def forward(self, x, y):
        return written_by_columns(super().forward(x, y))

    def backward(self, x, y, cotangents):
        return written_by_columns(super().backward(x, y, cotangents))

    def log_prob(self, x):
        return written_by_columns({"": super().log_prob(x)})[""]

    def log_prob_backward(self, x, grad):
        return written_by_columns(super().log_prob_backward(x, grad))

    def predict(self, x):
        return written_by_columns({"": super().predict(x)})[""]

    def topk(self, x, k):
        return written_by_columns(super().topk(x, k))

    def jvp(self, x, y, tangents):
        return written_by_columns(super().jvp(x, y, tangents))

    def log_prob_jvp(self, x, tangents):
        return written_by_columns({"": super().log_prob_jvp(x, tangents)})[""]

    def hvp(self, x, y, cotangents, tangents):
        return written_by_columns(super().hvp(x, y, cotangents, tangents))

    def embed(self, index):
        return written_by_columns({"": super().embed(index)})[""]

    def embed_backward(self, index, grad):
        return written_by_columns(super().embed_backward(index, grad))


@known("all arrays are read column by column", *INPUTS, *EVERY)
class arrays_read_by_columns(Reads):
    pass


@known("all arrays are written column by column", *EVERY)
class arrays_written_by_columns(Writes):
    pass


@known("all arrays are read and written column by column", *INPUTS, *EVERY)
class arrays_read_and_written_by_columns(Writes, Reads):
    pass


@known("matrices and the input are read column by column, what arrives at the answers is not",
       *INPUTS, *EVERY)
class weights_and_input_read_by_columns(Layer):
    read = reading(flipped)

    def read_input(self, x):
        return read_by_columns(x)


@known("the tails' output matrices are read column by column", *INPUTS)
class output_matrices_read_by_columns(Layer):
    def read(self, params):
        return {n: flipped(a) if n.endswith(".1.weight") else a for n, a in params.items()}


@known("all gradients are laid out column by column, the input's too", *GRADIENTS, *LOGIT_GRADIENTS,
       "grad.tail.*.hidden")
class every_gradient_laid_out_by_columns(Layer):
    def finish(self, gradients):
        return written_by_columns(gradients)
