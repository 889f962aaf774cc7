"""Mistakes in the head alone, planted in a plain port of it, each told by its own name."""
from dataclasses import replace

import numpy as np
import pytest

from npadasoft.conformance.golden import vectors_io
from npadasoft.conformance.judge.causes import causes
from npadasoft.conformance.judge.outline import remarkable
from npadasoft.conformance.judge.plan import is_linear
from npadasoft.conformance.judge.session import Session
from npadasoft.conformance.mistakes import MISTAKES, name_run
from npadasoft.conformance.mistakes.layer import Layer
from npadasoft.conformance.mistakes.planted import Planted
from npadasoft.conformance.ports.base import Refused
from npadasoft.conformance.ports.linear import Linear
from npadasoft.conformance.wire.messages import LINEAR

CASES = [case for case in vectors_io.load() if is_linear(case)]


class Plain(Linear):
    """Cross-entropy as a tutorial has it, and its gradients; a plant replaces one method."""

    def __init__(self):
        self.announce("plain", "", ("float64",))

    def read(self, x, y, layer):
        config, weights = layer
        C, ignored = config["n_classes"], config.get("ignore_index")
        kept = np.ones(y.shape, bool) if ignored is None else y != ignored
        if ((y[kept] < 0) | (y[kept] >= C)).any():
            raise Refused("target", "no such class")
        return self.target(np.where(kept, y, 0), C), kept

    def target(self, y, C):
        return y

    def count(self, kept):
        return kept.sum()

    def labels(self, y, C, e):
        return (1 - e) * np.eye(C)[y] + e / C

    def scores(self, x, weights):
        return x @ weights["head.weight"].T + weights.get("head.bias", 0)

    def log_p(self, z):
        top = z.max(-1, keepdims=True)
        rest = np.where(np.arange(z.shape[1]) == z.argmax(-1)[:, None], 0, np.exp(z - top))
        return z - top - np.log1p(rest.sum(-1, keepdims=True))

    def slopes(self, log_p, labels):
        """p - labels, which does not cancel at the label."""
        return np.where(labels == 1, np.expm1(log_p), np.exp(log_p) - labels)

    def reduce(self, cost, kept, config):
        how = config.get("reduction", "mean")
        return cost if how == "none" else cost.sum() if how == "sum" else \
            cost.sum() / self.count(kept)

    def linear(self, layer, x, y, want):
        config, weights = layer
        y, kept = self.read(x, y, layer)
        labels = self.labels(y, config["n_classes"], config.get("label_smoothing", 0.0))
        log_p = self.log_p(self.scores(x, weights))
        cost = -np.where(labels > 0, labels * log_p, 0).sum(-1)
        return {"loss": self.reduce(np.where(kept, cost, 0), kept, config)}

    def rows(self, q, kept, config):
        """What arrives at each row's loss."""
        how = config.get("reduction", "mean")
        return q * np.ones(kept.shape) / (self.count(kept) or 1 if how == "mean" else 1)

    def linear_backward(self, layer, x, y, cotangents, want):
        config, weights = layer
        y, kept = self.read(x, y, layer)
        labels = self.labels(y, config["n_classes"], config.get("label_smoothing", 0.0))
        log_p = self.log_p(self.scores(x, weights))
        q = np.where(kept, self.rows(cotangents["loss"], kept, config), 0)
        dz = q[:, None] * self.slopes(log_p, labels)
        found = {"grad.input": self.of_input(dz, weights["head.weight"]),
                 "grad.head.weight": self.of_weight(dz, x)}
        if "head.bias" in weights:
            found["grad.head.bias"] = self.of_bias(dz)
        return found

    def of_input(self, dz, weight):
        return dz @ weight

    def of_weight(self, dz, x):
        return dz.T @ x

    def of_bias(self, dz):
        return dz.sum(0)


def others(y, C, e):
    """Smoothing that leaves the target out."""
    found = np.full((len(y), C), e / max(C - 1, 1))
    found[np.arange(len(y)), y] = 1 - e
    return found


PLANTS = {          # name of a mistake, and perhaps the tensor that it is found in -> its code
    "padding-counts-in-the-mean": {"reduce": lambda self, cost, kept, config: (
        cost if config.get("reduction") == "none" else cost.sum() if config.get("reduction") ==
        "sum" else cost.sum() / len(kept) if len(kept) else np.nan)},
    "gradient-counts-padding": {"rows": lambda self, q, kept, config: q * np.ones(kept.shape) / (
        len(kept) or 1 if config.get("reduction", "mean") == "mean" else 1)},
    "smoothing-over-the-other-classes": {"labels": lambda self, y, C, e: others(y, C, e)},
    "smoothing-not-shared-out": {"labels": lambda self, y, C, e: (1 - e) * np.eye(C)[y] + e},
    "labels-not-smoothed": {"labels": lambda self, y, C, e: np.eye(C)[y]},
    "smoothing-beside-the-whole-label": {"labels": lambda self, y, C, e: np.eye(C)[y] + e / C},
    "no-bias-gradient": {"of_bias": lambda self, dz: 0 * dz.sum(0)},
    "bias-gradient-averaged": {"of_bias": lambda self, dz: dz.sum(0) / max(len(dz), 1)},
    "bias-gradient-of-the-last-row": {"of_bias": lambda self, dz: dz[-1:].sum(0)},
    "bias-gradient-of-the-first-row": {"of_bias": lambda self, dz: dz[:1].sum(0)},
    "gradients-negated (in grad.head.bias alone)": {"of_bias": lambda self, dz: -dz.sum(0)},
    "gradients-negated (in grad.head.weight alone)": {"of_weight": lambda self, dz, x: -dz.T @ x},
    "weight-gradients-averaged` or `weight-gradients-averaged-over-the-batch": {
        "of_weight": lambda self, dz, x: dz.T @ x / max(len(x), 1)},
    "weight-gradients-averaged-over-what-counts": {
        "of_weight": lambda self, dz, x: dz.T @ x / max(dz.any(1).sum(), 1)},
    "gradients-negated (in grad.input alone)": {"of_input": lambda self, dz, weight: -dz @ weight},
    "head-not-transposed-on-the-way-back": {"of_input": lambda self, dz, weight: (
        dz @ weight.reshape(weight.shape[::-1]).T)},
    "loss-is-a-sum": {"reduce": lambda self, cost, kept, config: (
        cost if config.get("reduction") == "none" else cost.sum())},
    "gradient-of-a-sum": {"rows": lambda self, q, kept, config: q * np.ones(kept.shape)},
    "gradients-negated` or `cotangent-of-loss-negated": {
        "slopes": lambda self, log_p, labels: -Plain.slopes(self, log_p, labels)},
    "cotangent-of-loss-doubled` or `gradients-doubled": {
        "slopes": lambda self, log_p, labels: 2 * Plain.slopes(self, log_p, labels)},
    "loss-not-negated": {"log_p": lambda self, z: -Plain.log_p(self, z),
                         "slopes": lambda self, log_p, labels: Plain.slopes(self, -log_p, labels)},
    "targets-from-one` or `classes-counted-from-one": {
        "target": lambda self, y, C: np.maximum(y - 1, 0)},
    "targets-one-too-low": {"target": lambda self, y, C: (y - 1) % C},
    "targets-one-too-high": {"target": lambda self, y, C: (y + 1) % C},
    "no-head-bias": {"scores": lambda self, x, weights: x @ weights["head.weight"].T},
    "bias-subtracted": {"scores": lambda self, x, weights: (
        x @ weights["head.weight"].T - weights.get("head.bias", 0))},
    "no-shift": {"log_p": lambda self, z: z - np.log(np.exp(z).sum(-1, keepdims=True))},
    "logarithm-to-base-two": {
        "log_p": lambda self, z: Plain.log_p(self, z) / np.log(2),
        "slopes": lambda self, log_p, labels: Plain.slopes(self, log_p, labels)},
    "one-at-the-target-alone": {"slopes": lambda self, log_p, labels: -labels},
    "cotangent-of-loss-is-one` or `cotangent-of-loss-not-looked-at": {
        "rows": lambda self, q, kept, config: Plain.rows(self, np.ones_like(q), kept, config)},
    "mean-of-nothing-is-zero": {"count": lambda self, kept: max(kept.sum(), 1)},
}


def summary_of(port):
    results = Session(port, CASES).run(("float64",))
    with np.errstate(all="ignore"):
        name_run(results)
    return [c.text for c in causes(remarkable(results))], results


def test_the_plain_port_is_right():
    with np.errstate(all="ignore"):
        assert {r.verdict for r in Session(Plain(), CASES).run(("float64",))} == {"pass"}


@pytest.mark.parametrize("name", PLANTS)
def test_a_mistake_of_the_head_alone_is_named_in_all_its_cases_and_by_no_other_name(name):
    port = type("Planted", (Plain,), PLANTS[name])()
    with np.errstate(all="ignore"):
        lines, results = summary_of(port)
    assert lines == [f"`{name}`"]
    assert all(n.split(" (")[0] in MISTAKES for r in results for n in r.mistakes)


@pytest.mark.parametrize("name", ["loss-is-a-sum", "gradients-negated", "no-head-bias", "no-shift"])
@pytest.mark.parametrize("alone", [True, False])
def test_the_head_alone_and_the_layer_are_two_and_neither_denies_a_name_of_the_other(name, alone):
    class Two(Planted):
        def build(self, config, params, dtype):
            wrong = bool(config["cutoffs"]) != alone
            return (MISTAKES[name].layer_class if wrong else Layer)(config, params, self.memory)
    some = vectors_io.select(vectors_io.load(), ["T03", "T04", "G02", "S27", "N01", "L0*", "L1*"])
    results = Session(Two(), some).run(("float64",))
    name_run(results)
    lines = [c.text for c in causes(remarkable(results))]
    assert len(lines) == 1, lines
    assert lines[0].startswith(f"`{name} (in linear" if alone else f"`{name}`"), lines
    assert {is_linear(r.case) for r in results if r.mistakes} == {alone}


@pytest.mark.parametrize("name", ["gradients-negated", "gradients-doubled", "targets-from-one"])
def test_of_names_that_are_one_in_the_head_alone_the_layer_s_is_taken(name):
    some = vectors_io.select(vectors_io.load(), ["T*", "G*", "P0*", "A*", "L0*", "L1*"])
    results = Session(Planted(MISTAKES[name].layer_class), some).run(("float64",))
    name_run(results)
    assert {is_linear(r.case) for r in results if r.mistakes} == {True, False}
    assert {n for r in results for n in r.mistakes} == {name}


class CountsFromZero(Planted):
    """Announces that classes count from 1, and has it so in the layer, not in the head alone."""

    info = replace(Planted.info, index_base=1)

    def ask(self, request):
        if request.op in LINEAR:
            inputs = request.inputs | {"target": request.inputs["target"] + 1}
            config = dict(request.config)
            if "ignore_index" in config:
                config["ignore_index"] += 1
            request = replace(request, inputs=inputs, config=config)
        return super().ask(request)


def test_a_dialect_of_the_head_that_the_layer_has_not_is_told_to_be_in_the_head_alone():
    session = Session(CountsFromZero(), vectors_io.select(vectors_io.load(), ["L*", "T*", "G0*"]))
    results = session.run(("float64",))
    session.explain(("float64",))
    name_run(results)
    assert {name for r in results for name in r.mistakes} == {
        "index_base 1 is announced, 0 used (in linear, linear_backward alone)"}
