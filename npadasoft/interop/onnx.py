"""The layer as an ONNX file: log_prob, predict, or output and loss.

    N rows, a free dimension   D in_features   K columns of the head   s size of the short-list

Standard operators of opset 18.  ONNX has no log1p, so the log-softmax makes its own from one
logarithm: with u = 1 + s as rounded, log1p(s) = s · log(u) / (u - 1), or s where u is 1.  What u
has lost of s cancels in the quotient, and the result is right to a few units of the last place, as
for a confident example it must be.  [Kahan; Higham, Accuracy and Stability, 2nd ed., 1.14.1]
"""
import numpy as np

from npadasoft.arrays import to_numpy
from npadasoft.interop.common import replacing

OPSET = 18
IR_VERSION = 8          # the one that came with opset 18: older runtimes can read it
FUNCTIONS = ("forward", "log_prob", "predict")
_MAX_BYTES = 2**31 - 2**20      # a protobuf ends at 2 GiB


def to_onnx(asm, path, function="log_prob"):
    """Write one of the layer's functions to an ONNX file, atomically.

    Parameters
    ----------
    asm : AdaptiveLogSoftmaxWithLoss
        In float32 or float64; the model computes in the same.
    path : path
    function : {"log_prob", "predict", "forward"}
        log_prob: `input` (N, D) to `log_prob` (N, C).
        predict: `input` (N, D) to `predict` (N,), int64.
        forward: `input` (N, D) and `target` (N,), int64, to `output` (N,) and `loss`, with the
        layer's ignore_index and reduction.  Only clusters of the targets are computed, row by row.

    Returns
    -------
    onnx.ModelProto
        What was written; `onnx.checker` has passed it.

    Raises
    ------
    ValueError
        For another function or dtype, or weights of 2 GiB and more.
    ImportError
        Without the package onnx.

    Notes
    -----
    A graph has no words to refuse with, but it fails where the layer does: a target that is no
    class becomes an index out of bounds, and more or fewer targets than rows a `Reshape` that does
    not fit.  What `ArgMax` makes of nan is the runtime's choice.  A tail of hidden size 0 has
    logits x · 0, and its bias.
    """
    model = onnx_model(asm, function)
    with replacing(path) as file:
        file.write(model.SerializeToString())
    return model


def onnx_model(asm, function="log_prob"):
    """The model that `to_onnx` writes, in memory; parameters and errors are the same."""
    onnx = _onnx()
    if function not in FUNCTIONS:
        raise ValueError(f"function should be one of {', '.join(FUNCTIONS)}, not {function!r}")
    if asm.dtype not in (np.float32, np.float64):
        raise ValueError("an ONNX model computes in float32 or float64, but the layer is "
                         f"{asm.dtype}")
    weights = {name: to_numpy(array) for name, array in asm.parameters.items()}
    n_bytes = sum(array.nbytes for array in weights.values())
    if n_bytes > _MAX_BYTES:
        raise ValueError(f"the weights have {n_bytes} bytes, and an ONNX file holds {_MAX_BYTES}")
    model = _Graph(onnx, asm, weights).model(function)
    onnx.checker.check_model(model, full_check=True)
    return model


class _Graph:
    """Nodes in the making; a value is known by its name, and a method that adds one answers it."""

    def __init__(self, onnx, asm, weights):
        self.onnx, self.asm, self.weights = onnx, asm, weights
        self.dtype = asm.dtype
        self.nodes, self.constants = [], {}

    def op(self, kind, *inputs, **attributes):
        """One operator with one result."""
        names = [self.constant(v) if isinstance(v, np.ndarray) else v for v in inputs]
        name = f"{kind}_{len(self.nodes)}"
        self.nodes.append(self.onnx.helper.make_node(kind, names, [name], name, **attributes))
        return name

    def constant(self, array, name=None):
        """An array that is part of the model."""
        name = name or f"constant_{len(self.constants)}"
        if name not in self.constants:
            array = np.ascontiguousarray(array).reshape(array.shape)
            self.constants[name] = self.onnx.numpy_helper.from_array(array, name)
        return name

    def number(self, value):
        return np.array(value, self.dtype)

    def linear(self, x, name):
        """x · weightᵀ + bias."""
        weight = self.weights[f"{name}.weight"]
        y = self.op("MatMul", x, self.constant(weight.T, f"{name}.weight.T"))
        bias = self.weights.get(f"{name}.bias")
        return y if bias is None else self.op("Add", y, self.constant(bias, f"{name}.bias"))

    def head(self, x):
        """Logits of the head: (N, K)."""
        return self.linear(x, "head")

    def tail(self, x, i):
        """Log-probabilities within cluster `i`: (N, O)."""
        weight, bias = (self.weights.get(f"tail.{i}.1.{name}") for name in ("weight", "bias"))
        if self.asm.hidden_sizes[i] == 0:       # runtimes differ on products of no terms
            shape = (self.asm.in_features, len(weight))
            logits = self.op("MatMul", x, np.zeros(shape, self.dtype))
            logits = logits if bias is None else self.op("Add", logits, bias)
        else:
            logits = self.linear(self.linear(x, f"tail.{i}.0"), f"tail.{i}.1")
        return self.log_softmax(logits, len(weight))

    def log_softmax(self, z, n_columns):
        """(z - top) - log1p(Σ exp of all others), as in `npadasoft.functional`."""
        axis = np.array([1])
        shifted = self.op("Sub", z, self.op("ReduceMax", z, axis, keepdims=1))
        top = self.op("ArgMax", z, axis=1, keepdims=1)                          # (N, 1)
        is_top = self.op("Equal", np.arange(n_columns), top)                    # (N, n_columns)
        others = self.op("Where", is_top, self.number(0), self.op("Exp", shifted))
        return self.op("Sub", shifted, self.log1p(self.op("ReduceSum", others, axis, keepdims=1)))

    def log1p(self, s):
        """log(1 + s) for s >= 0, accurate also for small s."""
        one = self.number(1)
        u = self.op("Add", one, s)
        gained = self.op("Sub", u, one)
        nothing = self.op("Equal", gained, self.number(0))
        divisor = self.op("Where", nothing, one, gained)
        quotient = self.op("Div", self.op("Mul", self.op("Log", u), s), divisor)
        return self.op("Where", nothing, s, quotient)

    def log_prob(self, x):
        """Log-probability of every class: (N, C)."""
        asm = self.asm
        head = self.log_softmax(self.head(x), asm.head_size)
        shortlist = np.array([asm.shortlist_size])
        parts = [self.op("Slice", head, np.array([0]), shortlist, np.array([1]))]
        for i in range(asm.n_clusters):
            column = asm.shortlist_size + i
            ends = np.array([column]), np.array([column + 1])
            prior = self.op("Slice", head, *ends, np.array([1]))
            parts.append(self.op("Add", prior, self.tail(x, i)))
        return self.op("Concat", *parts, axis=1)

    def predict(self, x):
        """argmax of the head's logits if it is a class, else of log_prob, for those rows: (N,)."""
        best = self.op("ArgMax", self.head(x), axis=1, keepdims=0)
        in_cluster = self.op("GreaterOrEqual", best, np.array(self.asm.shortlist_size))
        rows = self.rows(in_cluster)
        exact = self.op("ArgMax", self.log_prob(self.op("Gather", x, rows)), axis=1, keepdims=0)
        return self.op("ScatterElements", best, rows, exact, axis=0)

    def rows(self, mask):
        """Row numbers where `mask` (N,) holds."""
        return self.op("Squeeze", self.op("NonZero", mask), np.array([0]))

    def pick(self, log_p, index):
        """log_p[n, index[n]]: (N,)."""
        column = self.op("Unsqueeze", index, np.array([1]))
        return self.op("Squeeze", self.op("GatherElements", log_p, column, axis=1), np.array([1]))

    def output(self, x, y):
        """Log-probability of the targets: (N,)."""
        asm = self.asm
        above = self.op("GreaterOrEqual", self.op("Unsqueeze", y, np.array([1])),
                        np.array([asm.cutoffs]))                                # (N, J + 1)
        cluster = self.op("ReduceSum", self.op("Cast", above, to=self.onnx.TensorProto.INT64),
                          np.array([1]), keepdims=0)                            # (N,)
        column = self.op("Where", self.op("Equal", cluster, np.array(0)), y,
                         self.op("Add", cluster, np.array(asm.shortlist_size - 1)))
        column = self.op("Where", self.op("Less", y, np.array(0)), np.array(asm.head_size), column)
        column = self.op("Gather", np.arange(asm.head_size), column)            # fails out of range
        output = self.pick(self.log_softmax(self.head(x), asm.head_size), column)
        for i in range(asm.n_clusters):
            rows = self.rows(self.op("Equal", cluster, np.array(i + 1)))
            place = self.op("Sub", self.op("Gather", y, rows), np.array(asm.cutoffs[i]))
            inside = self.pick(self.tail(self.op("Gather", x, rows), i), place)
            total = self.op("Add", self.op("Gather", output, rows), inside)
            output = self.op("ScatterElements", output, rows, total, axis=0)
        return output

    def forward(self, x, y):
        """Output (N,) and loss, with the layer's ignore_index and reduction."""
        one = self.number(1)
        rows = self.op("Slice", self.op("Shape", x), np.array([0]), np.array([1]))
        y = self.op("Reshape", y, rows, allowzero=1)            # fails if there are more or fewer
        if self.asm.ignore_index is None:
            output, n_kept = self.output(x, y), self.op("Cast", self.op("Size", y), to=self.kind())
        else:
            ignored = self.op("Equal", y, np.array(self.asm.ignore_index))
            output = self.output(x, self.op("Where", ignored, np.array(0), y))
            output = self.op("Where", ignored, self.number(0), output)
            counted = self.op("Where", ignored, self.number(0), one)
            n_kept = self.op("ReduceSum", counted, keepdims=0)
        loss = self.op("Sub", self.number(0), output)
        if self.asm.reduction != "none":
            loss = self.op("ReduceSum", loss, keepdims=0)
        return output, self.op("Div", loss, n_kept) if self.asm.reduction == "mean" else loss

    def kind(self, dtype=None):
        """ONNX's number for a dtype."""
        return self.onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype or self.dtype))

    def model(self, function):
        """The model of one function, its results under the names of the layer."""
        asm, integer = self.asm, self.kind(np.int64)
        value = self.onnx.helper.make_tensor_value_info
        inputs = [value("input", self.kind(), ["N", asm.in_features])]
        if function == "forward":
            inputs.append(value("target", integer, ["N"]))
            shape = ["N"] if asm.reduction == "none" else []
            found = self.forward("input", "target")
            outputs = [value("output", self.kind(), ["N"]), value("loss", self.kind(), shape)]
        elif function == "log_prob":
            found = (self.log_prob("input"),)
            outputs = [value("log_prob", self.kind(), ["N", asm.n_classes])]
        else:
            found = (self.predict("input"),)
            outputs = [value("predict", integer, ["N"])]
        for name, info in zip(found, outputs):
            self.nodes.append(self.onnx.helper.make_node("Identity", [name], [info.name]))
        graph = self.onnx.helper.make_graph(self.nodes, f"adaptive_log_softmax_{function}", inputs,
                                            outputs, list(self.constants.values()))
        opset = self.onnx.helper.make_opsetid("", OPSET)
        return self.onnx.helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION,
                                           producer_name="npadasoft")


def _onnx():
    try:
        import onnx
        import onnx.numpy_helper
    except ImportError:
        raise ImportError("the package onnx is not installed: pip install onnx") from None
    return onnx
