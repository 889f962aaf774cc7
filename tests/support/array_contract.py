"""What the layer relies on in a library of arrays: expression, verdict, value.

One table for the stand-in, which must keep it everywhere, and for the real CuPy, which must keep it
wherever there is a device.  `xp` is the library; `a` is [[0., 1.], [2., 3.]], `i` is [1, 0],
`n` a 0-d array holding 1, `h` the NumPy array [1, 0].

    accepted   both compute it, and this is the value
    refused    both raise
    ours       the stand-in refuses what CuPy takes, or leaves undefined: we do not rely on it
"""
import numpy as np

INF = float("inf")

ACCEPTED = [
    ("xp.asarray(h)", [1, 0]),
    ("xp.asarray([1.5, 2.0]).dtype.name", "float64"),
    ("xp.array(h, dtype='float32').dtype.name", "float32"),
    ("xp.asarray(a) is a", True),
    ("xp.arange(2, 4)", [2, 3]),
    ("xp.zeros((0, 2)).sum(-1)", []),
    ("xp.zeros((2, 0)) @ xp.zeros((0, 3))", [[0, 0, 0], [0, 0, 0]]),      # hidden size 0
    ("xp.zeros((0, 3)).T @ xp.zeros((0, 2))", [[0, 0], [0, 0], [0, 0]]),     # an unused cluster
    ("xp.zeros((0, 3)).argmax(-1)", []),
    ("xp.matmul(xp.zeros((2, 0)), xp.zeros((0, 2)), out=a)", [[0, 0], [0, 0]]),
    ("xp.zeros((0, 3)).cumsum(axis=-1).shape[0]", 0),
    ("xp.cumsum(a, axis=-1, dtype=xp.float64)", [[0, 1], [2, 5]]),
    ("xp.argsort(xp.zeros((0,)), kind='stable')", []),
    ("xp.argsort(xp.zeros((0, 3)), kind='stable').shape[1]", 3),
    ("xp.searchsorted(xp.asarray([1, 3]), xp.asarray([0, 1, 3]), side='right')", [0, 1, 2]),
    ("xp.searchsorted(xp.asarray([1, 3]), xp.asarray([0, 1, 3]), side='left')", [0, 0, 1]),
    ("xp.searchsorted(xp.zeros(0, dtype=xp.int64), xp.asarray([0]))", [0]),
    ("xp.argsort(xp.asarray([1, 0, 1, 0]), kind='stable')", [1, 3, 0, 2]),
    ("xp.argsort(-a, kind='stable')", [[1, 0], [1, 0]]),
    ("xp.sort(i)", [0, 1]),
    ("xp.argsort(xp.asarray([1.0, float('nan'), -float('inf')]), kind='stable')", [2, 0, 1]),
    ("a[i]", [[2, 3], [0, 1]]),
    ("a[i, i]", [3, 0]),
    ("a[i, i][:, None]", [[3], [0]]),
    ("a[:, 1]", [1, 3]),
    ("a[slice(None)]", [[0, 1], [2, 3]]),
    ("a[..., None].shape[2]", 1),
    ("a[n]", [2, 3]),
    ("a[xp.asarray([5, -3])]", [[2, 3], [2, 3]]),                 # wraps
    ("a[i[:0]]", []),
    ("a[i[:0], i[:0]]", []),
    ("xp.zeros((0, 4))[xp.arange(0), xp.arange(0)]", []),
    ("xp.take_along_axis(a, xp.asarray([[1], [0]]), -1)", [[1], [2]]),
    ("xp.take_along_axis(a, xp.asarray([[3], [2]]), -1)", [[1], [2]]),      # wraps
    ("put(a, i, 7.0)", [[7, 7], [7, 7]]),
    ("put(a, (i, i), xp.asarray([8.0, 9.0]))", [[9, 1], [2, 8]]),
    ("put(a, i[:0], xp.zeros((0, 2)))", [[0, 1], [2, 3]]),
    ("put(a, slice(0, 1), xp.asarray([[5.0, 6.0]]))", [[5, 6], [2, 3]]),
    ("put(a, xp.asarray([2]), 7.0)", [[7, 7], [2, 3]]),           # wraps
    ("add(a, i, xp.asarray([[1.0], [2.0]]))", [[2, 3], [3, 4]]),
    ("xp.where(a > 1, a, 0)", [[0, 0], [2, 3]]),
    ("xp.where(a > 1, 1, xp.zeros(2))", [[0, 0], [1, 1]]),
    ("xp.where(i == 1, i, -1)", [1, -1]),
    ("xp.concatenate([i, xp.stack([n, i.max()])])", [1, 0, 1, 1]),
    ("xp.concatenate([a, a[:, :1]], axis=1)", [[0, 1, 0], [2, 3, 2]]),
    ("a.sum(-1)", [1, 5]), ("a.sum()", 6), ("a.max()", 3), ("i.min()", 0), ("a.argmax(-1)", [1, 1]),
    ("xp.asarray([1.0, float('nan'), 2.0]).argmax()", 1),         # nan is the largest
    ("xp.asarray([2.0, 2.0]).argmax()", 0),
    ("xp.asarray([1.0, float('nan')]).max()", float("nan")),
    ("a.argmax(-1).dtype.name", "int64"), ("(a > 1).sum(-1).dtype.name", "int64"),
    ("xp.searchsorted(i[::-1], i).dtype.name", "int64"), ("xp.arange(3).dtype.name", "int64"),
    ("(a <= xp.asarray([[0.5], [2.5]])).sum(-1)", [1, 1]),
    ("xp.isnan(a).sum()", 0), ("xp.isnan(a).argmax()", 0),
    ("2 - a", [[2, 1], [0, -1]]), ("-a", [[0, -1], [-2, -3]]), ("a / 2", [[0, .5], [1, 1.5]]),
    ("(a > 0) & (a < 3) | (a == 3)", [[False, True], [True, True]]),
    ("a.astype('float32') * 2.0", [[0, 2], [4, 6]]),
    ("(a.astype('float32') * 2.0).dtype.name", "float32"),
    ("(1j * a.astype('float32')).dtype.name", "complex64"),
    ("(1j * a).imag", [[0, 1], [2, 3]]), ("(1j * a).real.argmax(-1)", [0, 0]),
    ("(i * 2.5).dtype.name", "float64"), ("(i.astype('int32') + 1).dtype.name", "int32"),
    ("(i.astype('uint64') > 5).sum()", 0),
    ("xp.exp(xp.asarray([-float('inf'), 0.0]))", [0, 1]),
    ("xp.expm1(xp.asarray([0.0])) + xp.log1p(xp.asarray([0.0]))", [0]),
    ("xp.subtract(a, 1.0, out=a)", [[-1, 0], [1, 2]]), ("xp.exp(a * 0, out=a)", [[1, 1], [1, 1]]),
    ("xp.zeros(1) - float('inf')", [-INF]),
    ("xp.asarray([1.0]) / xp.asarray([0.0])", [INF]),
    ("a[0] @ a[1]", 3), ("xp.zeros(0) @ xp.zeros(0)", 0), ("(1j * a).imag[0] @ a[1]", 3),
    ("xp.isnan(0 * xp.stack([n * float('inf'), n * 1.0])).sum()", 1),
    ("a @ a", [[2, 3], [6, 11]]), ("a.T @ a", [[4, 6], [6, 10]]),
    ("xp.ones(2, dtype=a.dtype) @ a", [2, 4]),
    ("xp.matmul(a, a, out=xp.zeros((2, 2)))", [[2, 3], [6, 11]]),
    ("xp.matmul(a, a.T, out=xp.zeros(6)[:4].reshape(-1, 2))", [[1, 3], [3, 13]]),
    ("a.reshape(-1)", [0, 1, 2, 3]), ("a.reshape(1, *a.shape, 1).ndim", 4), ("n.reshape(-1)", [1]),
    ("a.ravel()", [0, 1, 2, 3]), ("n[()]", 1), ("a.copy()", [[0, 1], [2, 3]]),
    ("a.astype(a.dtype, copy=False) is a", True), ("n.tolist()", 1), ("i.tolist()", [1, 0]),
    ("n.ndim", 0), ("a.sum().shape == ()", True), ("a.size", 4),
    ("xp.asnumpy(i)", [1, 0]), ("hasattr(a, '__index__')", False),
    ("xp.asarray(h.astype('>i8'))", [1, 0]),
    ("float(a[1, 1])", 3.0), ("int(n)", 1), ("bool(n)", True),
    ("xp.add.reduce(i)", 1),
]
REFUSED = [
    "np.asarray(a)", "np.array([n, n])", "a + h", "h + i", "a + [1.0, 2.0]",
    "xp.exp(h.astype(float))", "xp.exp([1.0])", "range(n)", "xp.zeros(n)", "[1, 2][n]",
    "a.reshape(n)",
    "xp.searchsorted([0, 1], i)", "xp.searchsorted(h, i)", "xp.searchsorted(i[::-1], [1])",
    "xp.exp(a, where=a > 0)", "a.sum(initial=0.0)", "a.max(where=a > 0)", "xp.maximum.reduce(a)",
    "xp.argsort(i, kind='quicksort')", "xp.argsort(i, order=None)", "xp.take_along_axis(a, i)",
    "xp.concatenate([a, h])", "xp.concatenate([])", "xp.where([True, False], a, 0)", "xp.errstate",
    "xp.longdouble", "xp.zeros(1, dtype=np.longdouble)", "xp.asarray(np.array([None]))",
    "xp.asarray('1')", "a[3]", "a[:, 2]", "a[xp.asarray([0.5])]", "iter(n)", "len(n)", "a @ h",
    "put(a, 0, h)", "xp.zeros((2, 0))[:, i]", "xp.zeros(0).max()", "xp.zeros(0).argmax()",
    "bool(a)", "a.to_device('cpu')", "a.setflags(write=False)", "xp.zeros(3, like=a)", "hash(a)",
]
OURS = [
    "a + np.float64(1)", "a[h]", "a[[0, 1]]", "np.exp(a)", "np.concatenate([a, a])",
    "put(a, xp.asarray([1, 1]), 7.0)", "add(a, xp.asarray([0, 2]), 1.0)", "xp.add.at(a, i, 1.0)",
    "xp.searchsorted(i, i)", "put(a, 0, np.float64(1))", "xp.asarray([n, n])", "a[n:]", "a[:n]",
    "xp.expm1(1j * a)", "xp.log1p(1j * a)",
]


def names(xp):
    """What the expressions speak of, made anew for each."""
    def put(array, index, value):
        array[index] = value
        return array

    def add(array, index, value):
        array[index] += value
        return array

    a = xp.asarray(np.arange(4.0).reshape(2, 2))
    return {"xp": xp, "np": np, "a": a, "i": xp.asarray([1, 0]), "h": np.array([1, 0]),
            "n": xp.asarray(1), "put": put, "add": add}


def evaluate(expression, xp):
    """The expression's value, arrays as nested lists."""
    value = eval(expression, names(xp))
    return value.tolist() if hasattr(value, "tolist") else value


def agrees(got, want):
    """Whether the value is the wanted one; nan equals nan, and True is not 1."""
    if isinstance(want, str) or isinstance(want, bool):
        return got == want and type(got) is type(want)
    return bool(np.array_equal(np.asarray(got, dtype=float), np.asarray(want, dtype=float),
                               equal_nan=True))
