"""chainer: backward passes of its functions in float64; np.bool and its like are put back."""
import numpy as np
from case import Case, rng

np.bool, np.int, np.float = bool, int, float
import chainer.functions as F  # noqa: E402
from chainer import Variable, using_config  # noqa: E402

PINS = "chainer==7.8.1 numpy==1.26.4 scipy==1.13.1 setuptools==65.5.0"
T = np.array([0, 2, 1, 2])
T2 = np.array([[1, 0, 1], [0, 1, 1], [1, 1, 0], [0, 0, 1]])
SHAPES = {"a": (4, 3), "b": (4, 3), "row": (3,), "w": (5, 3), "square": (3, 3), "batch": (2, 3, 3),
          "image": (1, 4, 5, 5), "line": (2, 4, 8), "filter": (5, 4, 3, 3), "wide": (2, 6, 3, 3),
          "beside": (4, 6), "gates": (4, 12), "unit": (4, 3), "open": (4, 3), "half": (4, 3),
          "volume": (1, 2, 4, 4, 4), "filter1": (5, 4, 3), "filter3": (3, 2, 2, 2, 2),
          "back": (4, 2, 3, 3), "deep": (2, 4, 3, 3), "table": (5, 3), "one": (4,), "two": (4,),
          "flow": (1, 2, 3, 4),
          "even": (1, 2, 4, 4), "theta": (2, 2, 3), "bi": (6, 3, 2), "tree": (4, 4, 3),
          "tri": (4, 15), "local": (2, 3, 3, 4, 3, 3), "bias": (2, 3, 3), "pool": (2, 2, 3)}
LETTERS = {  # f(the arrays named before the colon); "open" lies in (-1, 1), "half" above 0
    "a": """arctan cos cosh elu erf erfc erfcx exp expm1 identity leaky_relu log_softmax relu selu
            sigmoid sin sinh softmax softplus square tan tanh flatten absolute cumsum hard_sigmoid
            crelu ndtr log_ndtr relu6 clipped_relu mean logsumexp sum max min normalize prod
            transpose fliplr flipud average""",
    "open": "arccos arcsin arctanh erfinv",
    "half": "digamma lgamma log log10 log1p log2 rsqrt sqrt cumprod",
    "unit": "erfcinv ndtri",
    "square": "det inv diagonal", "batch": "batch_inv batch_det batch_l2_norm_squared",
    "a b": "absolute_error add arctan2 maximum minimum mean_absolute_error mean_squared_error "
           "squared_difference squared_error cross_covariance",
}
CALLS = {
    "matmul.transa": ("a b", lambda x, y: F.matmul(x, y, transa=True)),
    "matmul.transb": ("a b", lambda x, y: F.matmul(x, y, transb=True)),
    "linear": ("a w", F.linear), "bias": ("a row", lambda x, y: F.bias(x, y, axis=1)),
    "scale": ("a row", lambda x, y: F.scale(x, y, axis=1)),
    "einsum": ("a w", lambda x, w: F.einsum("ij,kj->ik", x, w)),
    "einsum.trace": ("square a", lambda s, x: F.einsum("ii,kj->kj", s, x)),
    "tensordot": ("image filter", lambda x, w: F.tensordot(x, w[:, :, 0, 0], ((1,), (1,)))),
    "fmod": ("half half", lambda x, y: F.fmod(x, y + .3)),
    "softmax.axis0": ("a", lambda x: F.softmax(x, axis=0)),
    "log_softmax.axis0": ("a", lambda x: F.log_softmax(x, axis=0)),
    "logsumexp.axis": ("a", lambda x: F.logsumexp(x, axis=1)),
    "prod.axis": ("a", lambda x: F.prod(x, axis=1)), "max.axis": ("a", lambda x: F.max(x, 1)),
    "average.weights": ("a one", lambda x, w: F.average(x, 0, w + 5)),
    "cumprod.axis": ("a", lambda x: F.cumprod(x, axis=1)),
    "cumsum.axis": ("a", lambda x: F.cumsum(x, axis=0)),
    "clip": ("a", lambda x: F.clip(x, -.5, .7)), "maxout": ("beside", lambda x: F.maxout(x, 3)),
    "prelu": ("a row", F.prelu),
    "layer_normalization": ("beside", lambda x: F.layer_normalization(
        x, np.arange(6.) + 1, np.ones(6))),
    "layer_normalization.gamma": ("a row", lambda x, g: F.layer_normalization(x, g, g * 2)),
    "batch_normalization": ("a row", lambda x, g: F.batch_normalization(x, g, g * 2)),
    "batch_normalization.image": ("image one", lambda x, g: F.batch_normalization(x, g, g * 2)),
    "fixed_batch_normalization": ("a row", lambda x, g: F.fixed_batch_normalization(
        x, g, g, g * .1, g ** 2 + 1)),
    "batch_renormalization": ("a row", lambda x, g: F.batch_renormalization(
        x, g, g, rmax=Variable(np.array(3.)).array, dmax=5., running_mean=np.zeros(3),
        running_var=np.ones(3))),
    "group_normalization": ("image one", lambda x, g: F.group_normalization(x, 2, g, g * 2)),
    "decorrelated_batch_normalization": ("beside", lambda x: F.decorrelated_batch_normalization(
        F.concat([x, x * x, F.sin(x)], 0), groups=3)),
    "local_response_normalization": ("image", F.local_response_normalization),
    "normalize.axis0": ("a", lambda x: F.normalize(x, axis=0)),
    "convolution_1d": ("line filter1", lambda x, w: F.convolution_1d(x, w, pad=1, stride=2)),
    "convolution_2d": ("image filter", lambda x, w: F.convolution_2d(x, w, stride=2, pad=1)),
    "convolution_2d.dilate": ("image filter", lambda x, w: F.convolution_2d(x, w, dilate=2)),
    "convolution_2d.groups": ("image back", lambda x, w: F.convolution_2d(x, w, groups=2)),
    "convolution_3d": ("volume filter3", F.convolution_3d),
    "deconvolution_1d": ("line filter1", lambda x, w: F.deconvolution_1d(
        x, F.transpose(w, (1, 0, 2)))),
    "deconvolution_2d": ("image back", lambda x, w: F.deconvolution_2d(x, w, stride=2)),
    "depthwise_convolution_2d": ("image back", lambda x, w: F.depthwise_convolution_2d(
        x, F.transpose(w, (1, 0, 2, 3)))),
    "dilated_convolution_2d": ("image filter", lambda x, w: F.dilated_convolution_2d(
        x, w, dilate=2)),
    "local_convolution_2d": ("image local bias", F.local_convolution_2d),
    "deformable_convolution_2d_sampler": (
        "image filter", lambda x, w: F.deformable_convolution_2d_sampler(
            x, .3 + .4 * F.sigmoid(F.tile(x[:, :1, :3, :3], (1, 18, 1, 1))), w)),
    "average_pooling_1d": ("line", lambda x: F.average_pooling_1d(x, 2)),
    "average_pooling_2d": ("image", lambda x: F.average_pooling_2d(x, 3, 2, 1)),
    "average_pooling_nd": ("volume", lambda x: F.average_pooling_nd(x, 2, pad_value=None, pad=1)),
    "max_pooling_1d": ("line", lambda x: F.max_pooling_1d(x, 2)),
    "max_pooling_2d": ("image", lambda x: F.max_pooling_2d(x, 3, 2)),
    "max_pooling_3d": ("volume", lambda x: F.max_pooling_3d(x, 2)),
    "spatial_pyramid_pooling_2d": ("image", lambda x: F.spatial_pyramid_pooling_2d(
        x, 2, "max")),
    "unpooling_2d": ("deep", lambda x: F.unpooling_2d(x, 2)),
    "upsampling_2d": ("deep", lambda x: F.upsampling_2d(x, np.zeros((2, 4, 3, 3), int), 2)),
    "spatial_transformer_grid": ("theta", lambda t: F.spatial_transformer_grid(t, (3, 4))),
    "spatial_transformer_sampler": ("image flow", lambda x, g: F.spatial_transformer_sampler(
        x, F.tanh(g) * .8)),
    "roi_average_pooling_2d": ("image", lambda x: F.roi_average_pooling_2d(
        x, ROIS, INDEX, (2, 2), 1.)),
    "roi_max_pooling_2d": ("image", lambda x: F.roi_max_pooling_2d(x, ROIS, INDEX, (2, 2), 1.)),
    "im2col": ("image", lambda x: F.im2col(x, 3, 2)),
    "depth2space": ("image", lambda x: F.depth2space(x, 2)),
    "space2depth": ("even", lambda x: F.space2depth(x, 2)), "shift": ("wide", lambda x: F.shift(
        F.concat([x, x, x], 1))),
    "linear_interpolate": ("a b unit", lambda x, y, p: F.linear_interpolate(p, x, y)),
    "lstm": ("a gates", lambda c, x: F.concat(F.lstm(c, x))),
    "slstm": ("a b gates", lambda c, d, x: F.concat(F.slstm(c, d, x, x * .5))),
    "tree_lstm": ("a b tri", lambda c, d, x: F.concat(F.tree_lstm(c, d, x))),
    "embed_id": ("table", lambda w: F.embed_id(T, w)),
    "select_item": ("a", lambda x: F.select_item(x, T)),
    "get_item": ("a", lambda x: x[::2, [0, 0, 2]]),
    "scatter_add": ("a row", lambda x, y: F.scatter_add(x, 2, y)),
    "where": ("a b", lambda x, y: F.where(T2 > 0, x, y)),
    "tile": ("a", lambda x: F.tile(x, 2)), "repeat": ("a", lambda x: F.repeat(x, 2, axis=1)),
    "pad": ("a", lambda x: F.pad(x, ((1, 0), (2, 1)), "constant")),
    "permutate": ("a", lambda x: F.permutate(x, np.array([2, 0, 3, 1]))),
    "rollaxis": ("batch", lambda x: F.rollaxis(x, 2)), "moveaxis": ("batch", lambda x: F.moveaxis(
        x, 0, 2)), "swapaxes": ("batch", lambda x: F.swapaxes(x, 0, 2)),
    "broadcast_to": ("row", lambda x: F.broadcast_to(x, (4, 3))),
    "sum_to": ("a", lambda x: F.sum_to(x, (1, 3))), "stack": ("a b", lambda x, y: F.stack([x, y])),
    "concat": ("a b", lambda x, y: F.concat([x, y])), "hstack": ("a b", lambda x, y: F.hstack(
        [x, y])), "vstack": ("a b", lambda x, y: F.vstack([x, y])),
    "dstack": ("a b", lambda x, y: F.dstack([x, y])),
    "pad_sequence": ("a row", lambda x, y: F.pad_sequence([x[:, 0], y])),
    "as_strided": ("a", lambda x: F.as_strided(x, (3, 3), (2, 1))),
    "fft": ("a b", lambda x, y: F.concat(F.fft((x, y)))),
    "ifft": ("a b", lambda x, y: F.concat(F.ifft((x, y)))),
    "cholesky": ("square", lambda x: F.cholesky(F.matmul(x, x, transb=True) + np.eye(3))),
    "softmax_cross_entropy": ("a", lambda x: F.softmax_cross_entropy(x, T)),
    "softmax_cross_entropy.weights": ("a", lambda x: F.softmax_cross_entropy(
        x, T, class_weight=np.array([.2, .5, .3]))),
    "softmax_cross_entropy.soft": ("a", lambda x: F.softmax_cross_entropy(
        x, np.full((4, 3), 1 / 3))),
    "sigmoid_cross_entropy": ("a", lambda x: F.sigmoid_cross_entropy(x, T2)),
    "hinge": ("a", lambda x: F.hinge(x, T)), "hinge.L2": ("a", lambda x: F.hinge(x, T, "L2")),
    "huber_loss": ("a b", lambda x, y: F.huber_loss(x, y, 1.)),
    "contrastive": ("a b", lambda x, y: F.contrastive(x, y, np.array([0, 1, 0, 1]), 3.)),
    "triplet": ("a b half", lambda x, y, z: F.triplet(x, y, z, 4.)), "decov": ("a", F.decov),
    "bernoulli_nll": ("unit a", lambda x, y: F.bernoulli_nll(x, y)),
    "gaussian_nll": ("a b half", lambda x, m, v: F.gaussian_nll(x, m, v)),
    "gaussian_kl_divergence": ("a b", F.gaussian_kl_divergence),
    "crf1d": ("square batch", lambda c, x: F.crf1d(c, [x[0], x[1]], [np.array([0, 2, 1]),
                                                                     np.array([1, 1, 2])])),
    "connectionist_temporal_classification": (
        "batch", lambda x: F.connectionist_temporal_classification(
            [x[0][:2], x[1][:2], x[0][1:]], np.array([[1], [2]], "i4"), 0)),
    "discriminative_margin_based_clustering_loss": (
        "pool", lambda x: F.discriminative_margin_based_clustering_loss(
            F.reshape(F.concat([x, x * 2, x * x]), (2, 2, 3, 3)),
            np.array([[[0, 1, 1], [0, 0, 2], [2, 2, 1]]] * 2), .5, 1.5, 2)[0]),
    "polygamma": ("half", lambda x: F.polygamma(np.ones((4, 3), int), x)),
    "zeta": ("half", lambda x: F.zeta(np.full((4, 3), 3.), x)),
}
ROIS = np.array([[.3, .4, 3.1, 3.6], [1.2, .1, 4.3, 3.2], [0., 1.1, 3.4, 4.2]])
INDEX = np.zeros(3, "i4")


def listed():
    for names, functions in LETTERS.items():
        for name in functions.split():
            yield name, names, getattr(F, name)
    for name, call in CALLS.items():
        yield (name, *call)


def array(kind, k, name):
    r = rng(f"{name}{kind}{k}")
    if kind in ("unit", "open", "half"):
        low, high = {"unit": (.1, .9), "open": (-.8, .8), "half": (.4, 2.4)}[kind]
        return r.uniform(low, high, SHAPES[kind])
    return r.normal(size=SHAPES[kind])


def case(name, kinds, f, seed):
    params = {f"{kind}{k}": array(kind, f"{k}.{seed}", name)
              for k, kind in enumerate(kinds.split())}

    def run(p):
        inputs = [Variable(np.array(value)) for value in p.values()]
        with using_config("train", True):
            return inputs, f(*inputs)
    try:
        shape = run(params)[1].shape
    except Exception:           # the check meets it again, and the row says what it was
        shape = ()
    c = rng(name).normal(size=shape) + 2

    def grads(p, c):
        inputs, y = run(p)
        y.grad = np.broadcast_to(c, shape).astype(float)
        y.backward()
        return {key: np.zeros_like(p[key]) if x.grad is None else x.grad.copy()
                for key, x in zip(p, inputs)}
    return Case(f"{name}[{seed}]", lambda p: run(p)[1].array, params,
                grads if shape else lambda p: grads(p, 1.0),
                options={"method": "richardson", **({"cotangent": c} if shape else {})})


def checks():
    for seed in range(2):
        for name, kinds, f in listed():
            yield case(name, kinds, f, seed)


WHY = {"batch_renormalization*": ("design", "r and d are constants in backward, as in the paper")}
