"""The confident example keeps its loss and its gradient: 1 - p and log(1 + s) lose them, expm1 and log1p do not.

All scores are exact here, so that what is judged is the softmax alone.
"""
from npadasoft.conformance.recipe import BACKWARD, build, config, tensor


def confident(gap, others=0.0):
    """Head weights with one column far above the others: the score of row n is gap · input[n, 0]."""
    def change(params, inputs):
        K, D = params["head.weight"]["shape"]
        rows = [[others * (k + 1) for _ in range(D)] for k in range(K)]
        rows[0][0] += gap
        params["head.weight"] = tensor([K, D], [v for row in rows for v in row])
        N = inputs["input"]["shape"][0]
        inputs["input"] = tensor([N, D], [v for n in range(N) for v in [1.0] + [0.0] * (D - 1)])
    return change


def recipes():
    return [
        build("X01", "two head columns, a gap of 48: loss and gradient are 1.4e-21, not 0", ["Confident"],
              config(2, 3, [1], 1.0), [0], change=confident(48.0), tier="excellence", ops=BACKWARD,
              cotangents={"loss": tensor([], [1.0])}),
    ]
