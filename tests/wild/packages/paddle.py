"""Paddle on a CPU: `backward` of its operations in float64, by each of their arguments."""
import numpy as np
import paddle
import paddle.nn.functional as F
from case import Case, rng
from paddle import linalg

PINS = "paddlepaddle==3.3.1 numpy==2.4.6 setuptools==80.9.0"

# where an argument is drawn from
POSITIVE, UNIT, ANY = (.4, 1.9), (.1, .9), (-2, 2)
UNARY = {
    "abs asinh atan cos cosh erf exp expm1 neg sigmoid sin sinh square stanh tan tanh":
        (POSITIVE, ANY),
    "i0 i0e i1 i1e": (POSITIVE, ANY),
    "digamma lgamma log log10 log1p log2 reciprocal rsqrt sqrt": (POSITIVE,),
    "acos asin atanh erfinv logit": (UNIT,)}
ACTIVATIONS = """celu elu gelu hardshrink hardsigmoid hardswish hardtanh leaky_relu log_sigmoid mish
relu relu6 silu softplus softshrink softsign tanhshrink log_softmax softmax glu selu""".split()
BINARY = """add subtract multiply divide pow atan2 maximum minimum logaddexp hypot gammainc
gammaincc""".split()
LINES = {
    "sum": paddle.sum, "mean": paddle.mean, "prod": paddle.prod, "max": paddle.max,
    "logsumexp": paddle.logsumexp, "std": paddle.std, "var": paddle.var, "cumsum": paddle.cumsum,
    "cumprod": paddle.cumprod, "logcumsumexp": paddle.logcumsumexp, "median": paddle.median,
    "cummax": lambda x, k: paddle.cummax(x, k)[0], "sort": paddle.sort,
    "topk": lambda x, k: paddle.topk(x, 2, k)[0], "roll": lambda x, k: paddle.roll(x, 1, k),
    "norm": lambda x, k: paddle.norm(x, 2, k), "norm3": lambda x, k: paddle.norm(x, 3., k),
    "take": lambda x, k: paddle.index_select(x, paddle.to_tensor([0, 2, 2]), k),
    "unfold": lambda x, k: paddle.unfold(x, k, 2, 1), "windows": lambda x, k: paddle.unfold(
        x, k, 2, 2)}
IMAGES = {
    "reflect": lambda x: F.pad(x, [1, 2, 1, 1], mode="reflect"),
    "replicate": lambda x: F.pad(x, [1, 2, 1, 1], mode="replicate"),
    "circular": lambda x: F.pad(x, [1, 2, 1, 1], mode="circular"),
    "bilinear": lambda x: F.interpolate(x, size=[5, 7], mode="bilinear"),
    "bicubic": lambda x: F.interpolate(x, size=[5, 7], mode="bicubic"),
    "nearest": lambda x: F.interpolate(x, size=[5, 7], mode="nearest"),
    "average": lambda x: F.avg_pool2d(x, 2, 1, 1), "maximal": lambda x: F.max_pool2d(x, 2, 1, 1),
    "all": lambda x: F.avg_pool2d(x, 2, 1, 1, exclusive=False),
    "columns": lambda x: F.unfold(x, 2, 1, 1)}
SQUARE = {
    "inv": linalg.inv, "det": linalg.det, "slogdet": lambda a: linalg.slogdet(a)[1],
    "cholesky": lambda a: linalg.cholesky(a + a.t()), "expm": linalg.matrix_exp,
    "eigvalsh": lambda a: linalg.eigvalsh(a + a.t()), "power": lambda a: linalg.matrix_power(a, 3),
    "trace": paddle.trace, "diagonal": paddle.diagonal, "diag_embed": paddle.diag_embed,
    "svd": lambda a: linalg.svd(a)[1], "pinv": linalg.pinv}
PAIRS = {
    "solve": linalg.solve, "triangular": linalg.triangular_solve,
    "cholesky_solve": lambda a, b: linalg.cholesky_solve(b, a), "matmul": paddle.matmul,
    "einsum": lambda a, b: paddle.einsum("ij,jk->ki", a, b), "fill": lambda a, b:
        a.fill_diagonal_tensor(b[:, 0]), "scatter": lambda a, b: paddle.scatter(
            a, paddle.to_tensor([1, 1]), b.t(), overwrite=False)}
ALIKE = {
    "lerp": lambda a, b, w: paddle.lerp(a, b, w), "addcmul": lambda a, b, w: a + b * w,
    "gaussian": lambda a, b, w: F.gaussian_nll_loss(a, b, w * w + .1, reduction="none"),
    "triplet": lambda a, b, w: F.triplet_margin_loss(a, b, w, reduction="none"),
    "smooth": lambda a, b, w: F.smooth_l1_loss(a, b * w, reduction="none")}
LABELS = np.array([0, 2, 1])
LOSSES = {
    "cross_entropy": lambda x: F.cross_entropy(x, paddle.to_tensor(LABELS)),
    "soft": lambda x: F.cross_entropy(x, paddle.to_tensor(np.eye(4)[LABELS] / 2 + 1 / 8),
                                      soft_label=True),
    "multi_margin": lambda x: F.multi_margin_loss(x, paddle.to_tensor(LABELS)),
    "logits": lambda x: F.binary_cross_entropy_with_logits(
        x, paddle.to_tensor(np.eye(4)[LABELS])),
    "focal": lambda x: F.sigmoid_focal_loss(x, paddle.to_tensor(np.eye(4)[LABELS])),
    "ctc": lambda x: F.ctc_loss(
        x[:, None], paddle.to_tensor([[1, 2]], "int32"), paddle.to_tensor([3]),
        paddle.to_tensor([2]))}


def of(name, op, arguments):
    """A case for each argument: the others are constants."""
    arguments = [np.asarray(x, float) for x in arguments]
    shape = op(*map(paddle.to_tensor, arguments)).shape
    c = rng(name).normal(size=shape) + 2 if shape else np.array(1.0)
    for k, x in enumerate(arguments):
        def at(x, k=k, record=False):
            values = [*arguments[:k], np.array(x), *arguments[k + 1:]]
            tensors = [paddle.to_tensor(value, stop_gradient=not record) for value in values]
            return op(*tensors), tensors[k]

        def slope(x, _c=None, at=at):
            value, tensor = at(x, record=True)
            if not value.stop_gradient:
                (value * paddle.to_tensor(c)).sum().backward()
            return np.zeros_like(x) if tensor.grad is None else tensor.grad.numpy()
        options = {"method": "richardson"} | ({"cotangent": c} if c.ndim else {})
        yield Case(f"{name}.{k}", lambda x, at=at: at(x)[0].numpy(), x, slope, options=options)


def checks():
    r = rng("paddle")
    for names, ranges in UNARY.items():
        for name in names.split():
            for k, where in enumerate(ranges):
                yield from of(f"{name}[{k}]", getattr(paddle, name), [r.uniform(*where, (2, 3))])
    for k in range(2):
        for name in ACTIVATIONS:
            yield from of(f"{name}[{k}]", getattr(F, name), [r.uniform(*ANY, (2, 4))])
        for name in BINARY:
            yield from of(f"{name}[{k}]", getattr(paddle, name),
                          [r.uniform(*POSITIVE, (2, 3)), r.uniform(*POSITIVE, (2, 3))])
        for name, op in LINES.items():
            yield from of(f"{name}[{k}]", lambda x, op=op: op(x, k), [r.normal(size=(3, 5))])
        for name, op in IMAGES.items():
            yield from of(f"{name}[{k}]", op, [r.normal(size=(1, 2, 3, 4))])
        for name, op in SQUARE.items():
            yield from of(f"{name}[{k}]", op, [r.normal(size=(3, 3)) / 2 + 3 * np.eye(3)])
        for name, op in PAIRS.items():
            near_three = r.normal(size=(3, 3)) / 2 + 3 * np.eye(3)
            yield from of(f"{name}[{k}]", op, [near_three, r.normal(size=(3, 2))])
        for name, op in ALIKE.items():
            yield from of(f"{name}[{k}]", op, r.normal(size=(3, 2, 3)))
        for name, op in LOSSES.items():
            yield from of(f"{name}[{k}]", op, [r.normal(size=(3, 4))])


NONE = "by this argument no gradient is recorded, and nothing says so"
WHY = {
    "gaussian*.2": ("mistake", "the variance is clipped where no gradient is recorded"),
    "diag_embed*": ("mistake", NONE), "lerp*.2": ("mistake", NONE), "fill*.1": ("mistake", NONE),
    "gammainc*.0": ("design", NONE),
    "unfold*": ("mistake", "of windows that overlap, one counts"),
    "cholesky_solve*.0": ("mistake",
                          "multiplies by all of the factor, of which one triangle is read"),
    "norm3*": ("mistake", "as if 1e-12 were added to what divides it; right to 7 digits here"),
    "bicubic*": ("approximation", "right to 6 digits in float64"),
    "selu*": ("approximation", "right to 7 digits in float64"),
}
