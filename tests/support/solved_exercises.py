"""The exercises solved, as a reader may write them: what stands where the stubs have `...`."""
import re
import textwrap

BODIES = {
    "locate": """
        if target < cutoffs[0]:
            return None, target, None
        i = sum(c <= target for c in cutoffs) - 1
        return i, cutoffs[0] + i, target - cutoffs[i]
        """,
    "hidden_size": "return int(in_features // div_value ** (i + 1))",
    "linear": """
        y = x @ weight.T
        return y if bias is None else y + bias
        """,
    "linear_backward": "return dy @ weight, dy.T @ x",
    "log_softmax": """
        rows, top = np.arange(len(z)), z.argmax(-1)
        t = z - z[rows, top][:, None]
        others = np.exp(t)
        others[rows, top] = 0
        return t - np.log1p(others.sum(-1, keepdims=True))
        """,
    "pick": "return log_p[np.arange(len(index)), index]",
    "pick_backward": """
        rows = np.arange(len(index))
        dz = -grad[:, None] * np.exp(log_p)
        dz[rows, index] = -grad * np.expm1(log_p[rows, index])
        return dz
        """,
    "log_softmax_backward": """
        rows, top = np.arange(len(log_p)), log_p.argmax(-1)
        dz = grad - np.exp(log_p) * grad.sum(-1, keepdims=True)
        others = grad.copy()
        others[rows, top] = 0
        best = log_p[rows, top]
        dz[rows, top] = -np.expm1(best) * grad[rows, top] - np.exp(best) * others.sum(-1)
        return dz
        """,
    "route": """
        tail = np.searchsorted(cutoffs[:-1], target, side="right") - 1
        rows = [np.flatnonzero(tail == i) for i in range(len(cutoffs) - 1)]
        place = [target[own] - cutoffs[i] for i, own in enumerate(rows)]
        return np.where(tail < 0, target, cutoffs[0] + tail), rows, place
        """,
    "forward": """
        column, rows, place = route(target, cutoffs)
        output = pick(log_softmax(linear(x, weights["head.weight"])), column)
        for i, own in enumerate(rows):
            hidden = linear(x[own], weights[f"tail.{i}.0.weight"])
            log_p = log_softmax(linear(hidden, weights[f"tail.{i}.1.weight"]))
            output[own] += pick(log_p, place[i])
        return output, -output.mean()
        """,
    "backward": """
        column, rows, place = route(target, cutoffs)
        q, gradients = np.full(len(x), -1 / len(x)), {}
        dz = pick_backward(log_softmax(linear(x, weights["head.weight"])), column, q)
        dx, gradients["head.weight"] = linear_backward(dz, x, weights["head.weight"])
        for i, own in enumerate(rows):
            first, second = f"tail.{i}.0.weight", f"tail.{i}.1.weight"
            hidden = linear(x[own], weights[first])
            dz = pick_backward(log_softmax(linear(hidden, weights[second])), place[i], q[own])
            dhidden, gradients[second] = linear_backward(dz, hidden, weights[second])
            part, gradients[first] = linear_backward(dhidden, x[own], weights[first])
            dx[own] += part
        return dx, gradients
        """,
    "log_prob": """
        head, s = log_softmax(linear(x, weights["head.weight"])), cutoffs[0]
        parts = [head[:, :s]]
        for i in range(len(cutoffs) - 1):
            hidden = linear(x, weights[f"tail.{i}.0.weight"])
            own = log_softmax(linear(hidden, weights[f"tail.{i}.1.weight"]))
            parts.append(head[:, s + i, None] + own)
        return np.concatenate(parts, axis=1)
        """,
    "log_prob_backward": """
        s, gradients = cutoffs[0], {}
        parts = [grad[:, a:b] for a, b in zip(cutoffs, cutoffs[1:])]
        columns = np.stack([part.sum(-1) for part in parts], axis=1)
        head = log_softmax(linear(x, weights["head.weight"]))
        dz = log_softmax_backward(head, np.concatenate([grad[:, :s], columns], axis=1))
        dx, gradients["head.weight"] = linear_backward(dz, x, weights["head.weight"])
        for i, part in enumerate(parts):
            first, second = f"tail.{i}.0.weight", f"tail.{i}.1.weight"
            hidden = linear(x, weights[first])
            dz = log_softmax_backward(log_softmax(linear(hidden, weights[second])), part)
            dhidden, gradients[second] = linear_backward(dz, hidden, weights[second])
            more, gradients[first] = linear_backward(dhidden, x, weights[first])
            dx = dx + more
        return dx, gradients
        """,
    "predict": "return log_prob(x, weights, cutoffs).argmax(-1)",
    "topk": """
        head, s = log_softmax(linear(x[None], weights["head.weight"]))[0], cutoffs[0]
        log_p, index = head[:s], np.arange(s)
        for i in np.argsort(-head[s:], kind="stable"):
            if len(log_p) >= k and head[s + i] < np.sort(log_p)[-k]:
                break
            hidden = linear(x[None], weights[f"tail.{i}.0.weight"])
            own = log_softmax(linear(hidden, weights[f"tail.{i}.1.weight"]))[0]
            log_p = np.concatenate([log_p, head[s + i] + own])
            index = np.concatenate([index, cutoffs[i] + np.arange(len(own))])
        order = np.lexsort((index, -log_p))[:k]
        return log_p[order], index[order]
        """,
    "step": """
        picked, dhidden = np.empty(len(index)), np.empty_like(hidden)
        dweight = np.zeros_like(weight)
        for begin in range(0, len(index), 8):
            own = slice(begin, begin + 8)
            log_p = log_softmax(hidden[own] @ weight.T)
            picked[own] = pick(log_p, index[own])
            dz = pick_backward(log_p, index[own], grad[own])
            dhidden[own] = dz @ weight
            dweight += dz.T @ hidden[own]
        return picked, dhidden, dweight
        """,
}


def solve(text):
    """The text of a stub or of a cell with each body in its place."""
    before, *functions = re.split("^def ", text, flags=re.M)
    for n, function in enumerate(functions):
        body = textwrap.indent(textwrap.dedent(BODIES[function.partition("(")[0]]).strip(), "    ")
        assert function.count("    ...") == 1
        functions[n] = function.replace("    ...", body)
    return "def ".join([before, *functions])
