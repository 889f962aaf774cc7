"""50 random problems: the layer against PyTorch, the complex step and the definition in decimal.

The scale of every error is the largest value of the tensor in question; against a step in single
entries, where what is added up nearly cancels, that of what is added.
"""
import numpy as np
import pytest

import witnesses
from strategies import random_problem

TORCH, EXACT = 2e-14, 5e-15             # what is asked of the layer
OF_ADDED = 2e-15        # the same in units of what is added: 18 roundings, all to one side
PROBLEMS = range(50)


def results(layer, x, y, grad_output, grad_loss):
    """{name: array} of all that is compared."""
    (output, loss), cache = layer.forward(x, y)
    gradients = witnesses.leaves(layer.backward(cache, grad_output, grad_loss))
    return {"output": output, "loss": loss, "log_prob": layer.log_prob(x), **gradients}


def error(found, wanted, scale=0.0):
    """Largest difference, in units of the tensor's largest value, or of `scale` where it is more.
    """
    found, wanted = np.asarray(found), np.asarray(wanted)
    assert found.shape == wanted.shape
    return float(abs(found - wanted).max(initial=0) / (max(abs(wanted).max(initial=0), scale) or 1))


def added(layer, x, y, grad_output, grad_loss):
    """{name: array}: the sum of the absolute values of what is added up to each gradient.

    Any order of summation, on any kernel of BLAS, errs in units of these.
    """
    _, cache = layer.forward(x, y)
    dhead, dtails = layer._logit_gradients(cache, layer._upstream(cache, grad_output, grad_loss))
    absolute = layer.with_parameters(layer.parameters.map(abs))
    _, cache = absolute.forward(abs(x), y)
    gradients, _ = absolute._pull_back(cache, abs(dhead), tuple(map(abs, dtails)))
    return witnesses.leaves(gradients)


def worst(table, bound):
    """Print the largest error of each kind of tensor, and hold it to the bound."""
    print("".join(f"\n  {name:<16}{e:.2e}" for name, e in table.items()))
    assert max(table.values()) <= bound


def kind(name):
    """tail.2.0.weight -> tail.*.0.weight."""
    return ".".join(part if i != 1 or not part.isdigit() else "*"
                    for i, part in enumerate(name.split(".")))


def compare(table, found, wanted):
    for name in wanted:
        table[kind(name)] = max(table.get(kind(name), 0.0), error(found[name], wanted[name]))


def test_fifty_random_problems_agree_with_pytorch():
    witnesses.witness("torch")
    table = {}
    for seed in PROBLEMS:
        problem = random_problem(seed)
        layer, x, y = problem.layer(), problem.input(), problem.target()
        grad_output, grad_loss = problem.upstream()
        for upstream in ((None, 1.0), (grad_output, grad_loss)):
            compare(table, results(layer, x, y, *upstream),
                    witnesses.torch_results(layer, x, y, *upstream))
    worst(table, TORCH)


def test_fifty_random_problems_predict_what_pytorch_predicts():
    torch = witnesses.witness("torch")
    for seed in PROBLEMS:
        problem = random_problem(seed)
        layer, x = problem.layer(), problem.input()
        found, wanted = layer.predict(x), witnesses.torch_layer(layer).predict(
            torch.from_numpy(x)).numpy()
        log_p = layer.log_prob(x)
        for n in np.flatnonzero(found != wanted):       # equal but for rounding
            assert abs(log_p[n, found[n]] - log_p[n, wanted[n]]) <= 2e-14 * abs(log_p[n]).max()


def test_fifty_random_problems_agree_with_the_complex_step():
    """Every tensor: its largest entry, and two at random, against a step in that entry alone."""
    table = {}
    for seed in PROBLEMS:
        problem = random_problem(seed)
        layer, x, y = problem.layer(), problem.input(), problem.target()
        grad_output, grad_loss = problem.upstream()
        found = results(layer, x, y, grad_output, grad_loss)
        sizes = added(layer, x, y, grad_output, grad_loss)

        def objective(layer, x):
            output, loss = layer(x, y)
            return (grad_output * output).sum() + grad_loss * loss

        for name in [*dict(layer.parameters.items()), "input"]:
            gradient = found[name]
            if not gradient.size:
                continue
            chosen = [abs(gradient).argmax(), *problem.rng(name).integers(0, gradient.size, 2)]
            wanted = [witnesses.derivative_of(objective, layer, x, name,
                                              np.unravel_index(j, gradient.shape)) for j in chosen]
            table[kind(name)] = max(table.get(kind(name), 0.0),
                                    error(gradient.ravel()[chosen], wanted,
                                          sizes[name].ravel()[chosen].max()))
    worst(table, OF_ADDED)


@pytest.mark.parametrize("seed", range(12))
def test_small_problems_agree_with_the_complex_step_in_every_entry(seed):
    problem, table = random_problem(seed, small=True), {}
    layer, x, y = problem.layer(), problem.input(), problem.target()
    grad_output, grad_loss = problem.upstream()
    found = results(layer, x, y, grad_output, grad_loss)

    def objective(layer, x):
        output, loss = layer(x, y)
        return (grad_output * output).sum() + grad_loss * loss

    for name in [*dict(layer.parameters.items()), "input"]:
        wanted = np.zeros(found[name].shape)
        for index in np.ndindex(wanted.shape):
            wanted[index] = witnesses.derivative_of(objective, layer, x, name, index)
        compare(table, {name: found[name]}, {name: wanted})
    worst(table, EXACT)


@pytest.mark.parametrize("seed", range(8))
def test_small_problems_agree_with_the_definition_in_decimal(seed):
    problem, table = random_problem(seed, small=True), {}
    layer, x, y = problem.layer(), problem.input(), problem.target()
    grad_output, grad_loss = problem.upstream()
    found = results(layer, x, y, grad_output, grad_loss)
    definition = witnesses.Definition(layer, x)
    output = witnesses.as_longdouble(definition.output(y), (problem.n,))
    q = np.asarray(grad_output) - grad_loss / problem.n
    wanted = {"output": output, "loss": -output.sum() / problem.n,
              "log_prob": witnesses.as_longdouble(definition.log_prob(), found["log_prob"].shape)}
    for name, nested in definition.gradients(y, q).items():
        wanted[name] = witnesses.as_longdouble(nested, found[name].shape)
    compare(table, found, wanted)
    worst(table, EXACT)
