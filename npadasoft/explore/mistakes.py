"""Mistakes that the page can switch on: a line of the port in JavaScript, and what it becomes.

The names are the judge's; a test asks it, and it calls every one by the name that stands here.
"""

LINES = {
    "boundary": ("cutoffs.filter((c) => c <= y).length", "cutoffs.filter((c) => c < y).length"),
    "no-head-bias": (
        "const logits = linear(params['head.weight'], x, params['head.bias']);",
        "const logits = linear(params['head.weight'], x);"),
    "shift-not-put-back": ("shifted.map((t) => round(t - log1p(rest)))",
                           "z.map((v) => round(v - log1p(rest)))"),
    "no-cluster-term": ("(column, place) => round(column + place)", "(column, place) => place"),
    "loss-is-a-sum": ("loss: round(-sum(output) / output.length)", "loss: -sum(output)"),
    "gradient-of-a-sum": ("- round((cotangents.loss || 0) / input.length)",
                          "- (cotangents.loss || 0)"),
    "gradients-negated": ("round(-q * (", "round(q * ("),
    "no-one-at-the-target": ("(j === k ? expm1(v) : exp(v))", "exp(v)"),
    "head-learns-from-the-shortlist-alone": (
        "pickedBackward(row.head.logP, row.column, q)",
        "pickedBackward(row.head.logP, row.column, row.tail ? 0 : q)"),
    "tail-gradient-times-cluster": (
        "pickedBackward(row.tail.logP, row.place, q)",
        "pickedBackward(row.tail.logP, row.place, q * exp(row.head.logP[row.column]))"),
    "last-row-overwrites": ("weight[k][j] = round(weight[k][j] + round(d * v));",
                            "weight[k][j] = round(d * v);"),
    "no-bias-gradient": (
        "if (params['head.bias']) addTo(grads['grad.head.bias'], dz);", ""),
    "input-gradient-of-the-head-alone": (
        "addTo(grads['grad.input'][n], "
        "transposed(params[`tail.${i}.0.weight`], dhidden, x.length));", ""),
}
