"""Who runs it: ours, the floor (nothing but the products), PyTorch and its floor, full softmax."""
import numpy as np

from npadasoft import Gradients, fused
from npadasoft.arrays import array_namespace
from npadasoft.bench.workloads import WORKLOADS


def ours(layer, x, y):
    """The ways to a training step: into gradients that are there, into fresh ones, readable."""
    xp = array_namespace(x)
    out = Gradients(xp.empty_like(x), layer.parameters.map(xp.empty_like))

    def readable():
        (_, loss), cache = layer.forward(x, y)
        return loss, layer.backward(cache)
    return {"into out": lambda: layer.loss_and_gradients(x, y, out=out),
            "blocked": lambda: layer.loss_and_gradients(x, y), "forward + backward": readable}


def agree(steps, terms, dtype):
    """Run each once, and see that all have one loss: sums of so many terms, in any order.

    Raises
    ------
    RuntimeError
        If two differ by more than rounding: then they would not be doing the same work.
    """
    losses = {name: float(step()[0]) for name, step in steps.items()}
    bound = 2 * terms * np.finfo(dtype).eps * max(1, *map(abs, losses.values()))
    if max(losses.values()) - min(losses.values()) > bound:
        raise RuntimeError(f"the contestants do not compute the same loss: {losses}")


def products(layer, x, y):
    """(rows, H, K) of each matrix product of a step: (M, H) inputs of a (K, H) weight."""
    _, cache = layer.forward(x, y)
    sizes = [(len(y), layer.in_features, layer.head_size)]
    for hidden, cluster in zip(cache.tail_hidden, layer.parameters.tail):
        sizes.append((hidden.shape[0], layer.in_features, cluster.projection.weight.shape[0]))
        sizes.append((hidden.shape[0], *cluster.output.weight.shape[::-1]))
    return [size for size in sizes if all(size)]


def floor(sizes, dtype, xp=np):
    """Nothing but the products (logits, dx, dW of each linear map), into buffers that are ready."""
    ready = []
    for m, h, k in sizes:
        x, w = xp.ones((m, h), dtype=dtype), xp.ones((k, h), dtype=dtype)
        ready.append((x, w, *(xp.empty(s, dtype=dtype) for s in ((m, k), (m, h), (k, h)))))

    def step():
        for x, w, z, dx, dw in ready:
            xp.matmul(x, w.T, out=z)
            xp.matmul(z, w, out=dx)
            xp.matmul(z.T, x, out=dw)
    return {"floor": step}


def full_softmax(n_classes, x, y):
    """The plain softmax over all classes, in the same blocked NumPy: (N, C) logits, one matrix."""
    xp = array_namespace(x)
    weight = full_weight(n_classes, x)
    part = fused.SubSoftmax(slice(None), y, None, weight, None)
    q = xp.zeros(len(y), dtype=x.dtype) - 1 / len(y)
    dx, dweight = xp.empty_like(x), xp.empty_like(weight)

    def step():
        output = fused.backpropagate([part], x, q, 2**28, dx, [(None, dweight, None)])
        return -output.sum() / len(y), (dx, dweight)
    return {"full softmax": step}


def full_weight(n_classes, x):
    """Weights of a full softmax: scores of about one, no two alike (C, D)."""
    rng = np.random.default_rng(2)
    kind = x.dtype if x.dtype == np.float32 else np.float64
    return (rng.standard_normal((n_classes, x.shape[1]), dtype=kind)
            / np.sqrt(x.shape[1])).astype(x.dtype)


def torch_full(n_classes, x, y):
    """PyTorch's full softmax in chunks: `linear_cross_entropy`, of PyTorch 2.13; {} before it."""
    import torch
    if not hasattr(torch.nn, "LinearCrossEntropyOptions"):
        return {}
    tx = torch.from_numpy(x).clone().requires_grad_()
    weight, ty = torch.from_numpy(full_weight(n_classes, x)).requires_grad_(), torch.from_numpy(y)
    options = torch.nn.LinearCrossEntropyOptions()

    def step():
        tx.grad, weight.grad = None, None
        loss = torch.nn.functional.linear_cross_entropy(tx, weight, ty, options=options)
        loss.backward()
        return loss.item(), (tx.grad, weight.grad)
    return {"torch full": step}


def torch_layer(layer):
    """PyTorch's layer with the same weights."""
    import torch
    module = torch.nn.AdaptiveLogSoftmaxWithLoss(
        layer.in_features, layer.n_classes, list(layer.cutoffs[:-1]), layer.div_value,
        layer.head_bias, dtype=getattr(torch, str(layer.dtype)))
    module.load_state_dict({k: torch.from_numpy(v) for k, v in layer.state_dict().items()})
    return module


def torch_step(module, x, y, name="torch"):
    """PyTorch's training step: forward, backward, gradients of input and weights."""
    import torch
    tx, ty = torch.from_numpy(x).requires_grad_(), torch.from_numpy(y)

    def step():
        tx.grad = None
        module.zero_grad(set_to_none=True)
        loss = module(tx, ty).loss
        loss.backward()
        return loss.item(), tx.grad
    return {name: step}


def torch_floor(sizes, dtype):
    """As `floor`, with PyTorch's matrix products."""
    import torch
    kind, ready = getattr(torch, np.dtype(dtype).name), []
    for m, h, k in sizes:
        x, w = torch.ones((m, h), dtype=kind), torch.ones((k, h), dtype=kind)
        ready.append((x, w, *(torch.empty(s, dtype=kind) for s in ((m, k), (m, h), (k, h)))))

    def step():
        for x, w, z, dx, dw in ready:
            torch.mm(x, w.T, out=z)
            torch.mm(z, w, out=dx)
            torch.mm(z.T, x, out=dw)
    return {"torch floor": step}


def prepared(name, workload, dtype):
    """The step `name` of a workload ("blocked", "full softmax", "torch", "torch full").

    It was run once for a tiny workload before.
    """
    for w in (WORKLOADS["tiny"], workload):
        layer, (x, y) = w.layer(dtype), w.examples(dtype)
        made = {"torch": lambda: torch_step(torch_layer(layer), x, y),
                "torch full": lambda: torch_full(w.n_classes, x, y),
                "full softmax": lambda: full_softmax(w.n_classes, x, y),
                "blocked": lambda: ours(layer, x, y)}
        step = made[name]()[name]
        if w is not workload:
            step()
    return step


def queries(layer, x, k=10):
    """The calls that answer for a batch."""
    return {"log_prob": lambda: layer.log_prob(x), "predict": lambda: layer.predict(x),
            "topk": lambda: layer.topk(x, k)}


def torch_queries(module, x, k=10):
    """The same of PyTorch; it has no topk, so torch.topk of its log_prob."""
    import torch
    tx = torch.from_numpy(x)

    def without_gradient(call):
        def run():
            with torch.no_grad():
                return call()
        return run
    return {"torch log_prob": without_gradient(lambda: module.log_prob(tx)),
            "torch predict": without_gradient(lambda: module.predict(tx)),
            "torch topk": without_gradient(lambda: torch.topk(module.log_prob(tx), k))}
