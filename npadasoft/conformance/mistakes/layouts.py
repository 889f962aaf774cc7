"""Numbers read or written column by column: the habit of Fortran, MATLAB, Octave, R and Julia."""
from npadasoft.conformance.mistakes.answers import EVERY
from npadasoft.conformance.mistakes.construction import INPUTS, flipped, reading
from npadasoft.conformance.mistakes.dialects import Dialect, read_by_columns, written_by_columns
from npadasoft.conformance.mistakes.known import GRADIENTS, LOGIT_GRADIENTS, Layer, known


class Reads(Dialect):
    """Everything that comes in is read by columns."""

    def enter(self, name, a):
        return read_by_columns(a)


class Writes(Dialect):
    """Everything that goes out is written by columns."""

    def leave(self, name, a):
        return written_by_columns(a)


@known("arrays are read column by column", *INPUTS, *EVERY)
class arrays_read_by_columns(Reads):
    pass


@known("arrays are written column by column", *EVERY)
class arrays_written_by_columns(Writes):
    pass


@known("arrays are read and written column by column", *INPUTS, *EVERY)
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


@known("gradients are laid out column by column, the input's too", *GRADIENTS, *LOGIT_GRADIENTS,
       "grad.tail.*.hidden")
class every_gradient_laid_out_by_columns(Layer):
    def finish(self, gradients):
        return {name: written_by_columns(a) for name, a in gradients.items()}
