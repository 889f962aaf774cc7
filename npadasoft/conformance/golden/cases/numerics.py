"""Scores that exp cannot take, that cancel, that vanish; numbers that are not exact."""
from npadasoft.conformance.golden.cases.scores import both, given, nonzero_loss, scaled, zeros
from npadasoft.conformance.golden.recipe import ALL, build, config, places

TWO = ("output", "loss")
SCORES = ("forward", "backward", "log_prob")    # which is best, float16 cannot say at 1024


def recipes():
    return [*_shifts(), *_spreads(), *_plain(), *_tiny(), *_generic()]


def _raised(columns, by):
    """Adds by · x[0] to every head score and sets x[0] per row: far from 0, equally in a row."""
    def change(params, inputs):
        K, D = params["head.weight"]["shape"]
        for k in range(K):
            params["head.weight"]["data"][k * D] = by
        for n, c in enumerate(columns):
            inputs["input"]["data"][n * D] = c
    return change


def _shifts():
    layer = config(4, 9, [3, 6], 2.0)
    return [
        build("N01", "head scores around 1024: z - logsumexp(z) is conceded",
              ["Shift", "LargeShift", "ExactGemm"], layer, [0, 4, 8, 2], cotangents=TWO, ops=SCORES,
              change=_raised([1.0] * 4, 1024.0)),
        build("N02", "head scores around 1024, without the concession: the shift must leave "
              "before the logarithm", ["Shift", "LargeShift", "ExactGemm"], layer, [0, 4, 8, 2],
              cotangents=TWO, ops=ALL, tier="quality", change=_raised([1.0] * 4, 1024.0)),
        build("N03", "each row has its own shift, from -768 to 768: the batch's maximum serves "
              "none of the others", ["Shift", "ExactGemm"], layer, [0, 4, 8, 2, 5], cotangents=TWO,
              ops=ALL, change=_raised([1.0, -1.0, 0.5, 0.0, -0.5], 768.0)),
        build("N04", "head scores around -1024: without a shift all exponentials are 0",
              ["Shift", "ExactGemm"], layer, [1, 3, 7], cotangents=TWO, ops=SCORES,
              change=_raised([-1.0] * 3, 1024.0)),
        build("N05", "a bias of 2^20 on every column and integer scores: only differences count",
              ["Shift", "LargeShift", "ExactGemm"], config(2, 6, [2, 4], 1.0, True), [0, 3, 5],
              cotangents=TWO, tier="quality", change=both(_integers, _high_bias)),
        build("N06", "a tail's scores around 900, the head's are small", ["Shift", "ExactGemm"],
              config(3, 8, [2, 5], 1.0), [3, 4, 2], cotangents=nonzero_loss(), ops=ALL,
              change=given([[0.5, 0.25, -1, 0], [1, 0, 2, 0.5], [0, 0, 0.75, 1]],
                           [[900, 901, 899], [-900, -901, -899], [1, 0, 2]], None)),
    ]


def _integers(params, inputs):
    for t in (*params.values(), inputs["input"]):
        t["data"] = [float(round(4 * v)) for v in t["data"]]


def _high_bias(params, inputs):
    params["head.bias"]["data"] = [2.0 ** 20 + k for k in range(len(params["head.bias"]["data"]))]


def _spreads():
    small = config(2, 4, [2], 1.0)
    return [
        build("N08", "scores from -400 to 400 in one row; a log-probability of -800",
              ["Spread", "ExactGemm"], small, [1, 2], cotangents=nonzero_loss(), ops=ALL,
              change=given([[400, -400, 0], [0, 1, -400]], [[1, 0], [-300, 300]])),
        build("N09", "gradients of exp(-130): 0 in float32, not in float64",
              ["Underflow", "Spread"], small, [0, 3], cotangents=nonzero_loss(),
              change=given([[130, 0, 0], [-130, 0, 1]], [[1, 0], [0, 130]])),
        build("N10", "gradients of exp(-740), below float64's smallest normal number, and of "
              "exp(-800)", ["Underflow", "Spread"], small, [0, 3], cotangents=nonzero_loss(),
              tier="quality", change=given([[740, 0, -60], [-1, 0, 1]], [[1, 0], [0, 740]])),
        build("N11", "a confident prediction, and its loss within the ordinary bound",
              ["Spread", "ExactGemm"], small, [0, 2], cotangents=nonzero_loss(), ops=ALL,
              change=given([[20, 0, 1], [0, 0, 20]], [[1, 0], [20, 0]])),
    ]


def _plain():
    layer = config(3, 8, [3, 5], 1.5, True)
    weights = ["head.weight", *[f"tail.{i}.{k}.weight" for i in (0, 1) for k in (0, 1)]]
    return [
        build("N13", "all weights 0: every softmax is uniform", ["EqualScores"], layer,
              [0, 3, 7, 6], ops=ALL, cotangents=TWO, change=zeros("head.bias", *weights)),
        build("N14", "all inputs 0: the bias alone decides", ["EqualScores", "HeadBias"], layer,
              [2, 4, 5], ops=ALL, cotangents=TWO, change=zeros("input")),
        build("N15", "equal scores that are not 0: each maximum is found once",
              ["EqualScores", "ExactGemm"], config(3, 7, [2, 4], 1.0), [1, 3, 6], cotangents=TWO,
              ops=ALL,
              change=given([[5, 5, 5, 5], [-3, -3, -3, -3], [2, 7, 7, 1]],
                           [[4, 4], [-2, -2], [0, 0]], [[1, 1, 1], [6, 6, 6], [9, 2, 9]])),
        build("N16", "inputs of -0.0 among zeros", ["SignedZero"], layer, [1, 4, 6], cotangents=TWO,
              ops=ALL, change=_signed_zeros),
        build("N17", "a head bias of -inf on a class that no row has: it cannot be, and changes "
              "nothing else", ["MaskedClass"], layer, [0, 3, 7], cotangents=TWO, ops=ALL,
              tier="quality", change=_masked),
        build("N18", "a target whose bias is -inf: its loss is inf, and nothing is nan",
              ["MaskedClass"], layer, [1, 0], tier="quality", ops=("forward",), change=_masked),
    ]


def _signed_zeros(params, inputs):
    inputs["input"]["data"] = [-0.0 if k % 2 else v * (k % 3)
                               for k, v in enumerate(inputs["input"]["data"])]


def _masked(params, inputs):
    params["head.bias"]["data"][1] = "-inf"


def _tiny():
    layer = config(3, 7, [2, 4], 1.0)
    return [
        build("N19", "inputs of about 2^-70: scores below float32's smallest normal number",
              ["Underflow"], layer, [0, 3, 6], cotangents=TWO, tier="quality",
              change=both(scaled("input", 2.0 ** -70), scaled("head.weight", 2.0 ** -70))),
    ]


def _generic():
    def numbers(draw, shape):
        return draw.generic(shape)

    def quiet(draw, shape):
        return draw.generic(shape, 0.25)
    wide = config(256, 24, [6, 12], 16.0)
    kept = {"grad.head.weight": places([8, 256], [0, 3, 7], [0, 100, 255]),
            "grad.tail.0.0.weight": places([16, 256], [0, 7, 15], [1, 128, 255]),
            "grad.tail.1.0.weight": places([1, 256], [0], [2, 99, 254])}
    middle = {"grad.head.weight": places([11, 64], [0, 5, 10], [0, 31, 63]),
              "grad.tail.0.0.weight": places([16, 64], [0, 9, 15], [0, 20, 63]),
              "grad.tail.1.0.weight": places([4, 64], [0, 3], [1, 40, 62]),
              "grad.tail.2.0.weight": places([1, 64], [0], [0, 33, 63])}
    return [
        build("N21", "generic numbers, 16 features", ["Rounding"],
              config(16, 20, [6, 12], 4.0, True), [0, 7, 19, 12, 5], cotangents=TWO, ops=ALL,
              numbers=numbers),
        build("N22", "generic numbers, 64 features, three tails", ["Rounding"],
              config(64, 30, [8, 14, 20], 4.0, True), [3, 9, 17, 29], cotangents=TWO, ops=ALL,
              numbers=numbers, at=middle),
        build("N23", "generic numbers, 256 features", ["Rounding"], wide, [2, 11, 20],
              cotangents=nonzero_loss(), ops=ALL, numbers=quiet, at=kept),
        build("N24", "scores that lie so close that the seventh digit of a weight decides",
              ["DecimalText", "Rounding"], config(3, 7, [2, 4], 1.0), [1, 3, 5], cotangents=TWO,
              ops=ALL, numbers=numbers, change=_amplified),
        build("N25", "generic numbers in a layer whose weights need more digits than float32 "
              "prints by default", ["DecimalText", "Rounding"], config(6, 10, [3, 6], 1.5, True),
              [9, 1, 4, 7], cotangents=TWO, ops=ALL, numbers=numbers, change=_long_numbers),
        build("N26", "numbers of 53 significant bits, for float64 alone: a port that reads them "
              "as float32 is seen", ["DecimalText", "Rounding"], config(5, 9, [3, 6], 1.5, True),
              [8, 0, 4, 6], cotangents=TWO, ops=ALL, numbers=lambda draw,
              shape: draw.double(shape)),
    ]


def _amplified(params, inputs):
    """Large products that nearly cancel: x = (64, -64, small), and columns that differ a little."""
    N, D = inputs["input"]["shape"]
    for n in range(N):
        inputs["input"]["data"][n * D], inputs["input"]["data"][n * D + 1] = 64.0, -64.0
    K = params["head.weight"]["shape"][0]
    for k in range(K):
        w = params["head.weight"]["data"][k * D]
        params["head.weight"]["data"][k * D + 1] = w + (k - 1) / 2 ** 12


def _long_numbers(params, inputs):
    """Weights a little above 16: of their 24 bits, six decimal digits keep 19."""
    t = params["head.weight"]
    t["data"] = [16 + round(v * 2 ** 12) / 2 ** 19 for v in t["data"]]
