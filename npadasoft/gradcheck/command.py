"""The command `npadasoft gradcheck`: checks the layer, or the gradients that a port returns.

Of a port all three are checked: `backward` against differences of its loss, and of its output for
cotangents of that; `log_prob_backward` against those of its log-probabilities.
"""
import shlex
import sys
from pathlib import Path

import numpy as np

from npadasoft.adaptive import AdaptiveLogSoftmaxWithLoss
from npadasoft.console import Parser, one_line
from npadasoft.gradcheck.check import check
from npadasoft.gradcheck.errors import GradcheckUsage

ACCEPT = ("PASS", "VACUOUS")    # a cluster without a target has no gradient to be wrong
# sizes unless given: of the layer, and of a port, which answers one request at a time
SIZES = {"in_features": (32, 16), "classes": (40, 10), "batch": (16, 6)}
CUTOFFS = ((8, 20), (3, 6))
MAX_ELEMENTS = (4096, 512)
MANY, FEW_ELEMENTS = 20_000, 64     # a layer with more numbers is probed throughout
# requests for a derivative; derivatives of a tensor that is probed, and for the noise of a tensor
LINE, PROBES, NOISE = 17, 8, 5


class PortError(Exception):
    """The port did not answer, or with an error."""


@one_line("gradcheck", ValueError, TypeError, GradcheckUsage, PortError, OSError)
def gradcheck(argv):
    """Check gradients; exit status 0: all PASS, 1: not all, 2: nothing could be checked."""
    arguments, command = _parser().parse_with_command(argv)
    if arguments.port and command:
        raise ValueError("--port NAME or -- COMMAND, not both")
    of_port = bool(arguments.port or command)
    _complete(arguments, of_port)
    report = _of_port(arguments, command) if of_port else _of_layer(arguments)
    report.accept = ACCEPT
    report.command = shlex.join(["npadasoft", "gradcheck", *argv])
    if arguments.html:
        Path(arguments.html).write_text(report.html(), encoding="utf-8")
    print(report.to_json(indent=1) if arguments.json else report.text())
    return 0 if report.ok else 1


def _parser():
    parser = Parser(
        prog="npadasoft gradcheck",
        usage="npadasoft gradcheck [options] [--port NAME | -- COMMAND ...]",
        description="Check the gradients of the layer, or those that a port returns against "
                    "differences of its own loss and log-probabilities.")
    parser.add_argument("--port", metavar="NAME", help="a ready port, or module:Class")
    for name, letter in (("in_features", "D"), ("classes", "C"), ("batch", "N")):
        parser.add_argument("--" + name.replace("_", "-"), type=int, metavar=letter,
                            help="default {}, of a port {}".format(*SIZES[name]))
    parser.add_integers("--cutoffs", metavar="C,...", help="default {},{}, of a port {},{}".format(
        *CUTOFFS[0], *CUTOFFS[1]))
    parser.add_argument("--div-value", type=float, default=4.0, metavar="V",
                        help="of the hidden sizes (default 4)")
    parser.add_argument("--head-bias", action="store_true", help="a layer with a bias in its head")
    parser.add_argument("--dtype", choices=("float64", "float32", "float16"), default="float64",
                        help="default float64")
    parser.add_argument("--seed", type=int, default=0, help="of weights and batch (default 0)")
    parser.add_argument("--order", type=int, choices=(1, 2), default=1,
                        help="2: check the derivative of the gradient too (default 1)")
    parser.add_argument("--max-elements", type=int, metavar="N",
                        help="larger tensors are probed, not checked element by element (default "
                             "{}, of a port {}; {} in a layer of more than {:,} numbers)".format(
                                 *MAX_ELEMENTS, FEW_ELEMENTS, MANY))
    parser.add_argument("--blocked", action="store_true",
                        help="gradients of loss_and_gradients instead of backward")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument("--html", metavar="FILE", help="write the report as a page, too")
    return parser


def _complete(arguments, of_port):
    """Fill in sizes that were not given."""
    default = {name: sizes[of_port] for name, sizes in SIZES.items()}
    if arguments.cutoffs is None:
        arguments.cutoffs = list(CUTOFFS[of_port])
        if arguments.classes is not None:
            arguments.cutoffs = [c for c in arguments.cutoffs if c < arguments.classes]
    for name, value in default.items():
        if getattr(arguments, name) is None:
            setattr(arguments, name, value)
    if arguments.batch < 1:
        raise ValueError(f"--batch should be at least 1, but found {arguments.batch}")
    if of_port and (arguments.blocked or arguments.order == 2):
        raise ValueError("--blocked and --order 2 are for the layer, not for a port")


def _max_elements(arguments, arrays, of_port):
    """Tensors up to this size are checked element by element, each one evaluation of the loss."""
    if arguments.max_elements is not None:
        return arguments.max_elements
    many = sum(array.size for array in arrays) > MANY
    return FEW_ELEMENTS if many else MAX_ELEMENTS[of_port]


def _layer(arguments):
    return AdaptiveLogSoftmaxWithLoss(
        arguments.in_features, arguments.classes, arguments.cutoffs,
        div_value=arguments.div_value, head_bias=arguments.head_bias, dtype=arguments.dtype,
        rng=arguments.seed)


def _batch(arguments, layer):
    """Input and targets: first and last class of the short-list and of each cluster, then any."""
    rng = np.random.default_rng([arguments.seed, 1])
    edges = [0, *layer.cutoffs]
    boundaries = list(edges[:-1]) + [edge - 1 for edge in edges[1:]]
    drawn = rng.integers(0, layer.n_classes, max(0, arguments.batch - len(boundaries)))
    target = np.concatenate([boundaries, drawn]).astype(np.int64)[:arguments.batch]
    return rng.normal(size=(arguments.batch, layer.in_features)).astype(layer.dtype), target


def _of_layer(arguments):
    layer = _layer(arguments)
    x, target = _batch(arguments, layer)

    def adaptive_softmax_loss(p):
        return layer.with_parameters(p["parameters"])(p["input"], target).loss

    def grads(p):
        own = layer.with_parameters(p["parameters"])
        if arguments.blocked:
            return own.loss_and_gradients(p["input"], target)[1]._asdict()
        _, cache = own.forward(p["input"], target)
        return own.backward(cache)._asdict()

    weights = [x] + [array for _, array in layer.parameters.items()]
    return check(adaptive_softmax_loss, {"input": x, "parameters": layer.parameters}, grads,
                 order=arguments.order, max_elements=_max_elements(arguments, weights, False),
                 seed=arguments.seed)


# -------------------------------------------------------------------- ports

def _of_port(arguments, command):
    """Differences of what the port calls its loss, against what it calls its gradients."""
    from npadasoft.conformance import ports
    from npadasoft.conformance.wire.protocol import ProcessPort, Unusable

    port = ProcessPort(command) if command else ports.load(arguments.port)
    try:
        info = port.start()
    except Unusable as error:
        raise PortError(str(error)) from None
    try:
        return _check_port(port, info, arguments)
    finally:
        port.stop()


def _check_port(port, info, arguments):
    if arguments.dtype not in info.dtypes:
        raise PortError(f"{info.name} computes in {', '.join(info.dtypes)}, not in "
                        f"{arguments.dtype}")
    lacking = [op for op in ("forward", "backward") if op not in info.ops]
    if lacking:
        raise PortError(f"{info.name} has no {' and no '.join(lacking)}: gradcheck checks both "
                        "and log_prob_backward; npadasoft conform asks for all operations")
    layer = _layer(arguments)
    x, target = _batch(arguments, layer)
    params = {"input": x, **dict(layer.parameters.items())}
    ask = _Asker(port, arguments, target)
    limit = _max_elements(arguments, params.values(), True)
    questions: dict = {"": (ask.loss, ask.gradients),
                       "output: ": (ask.output, ask.output_gradients)}
    if {"log_prob", "log_prob_backward"} <= set(info.ops):
        questions["log_prob: "] = ask.log_prob, ask.log_prob_gradients
    say(f"{info.name} will be asked about {requests(params, limit, len(questions)):,} times, "
        "or more if its numbers are noisy")
    report, *more = (check(f, params, gradients, method="richardson", upcast=False,
                           max_elements=limit, seed=arguments.seed, name=info.name)
                     for f, gradients in questions.values())
    for what, other in zip(list(questions)[1:], more):
        _add(report, other, what)
    report.notes.append("gradients of the port against differences of its own loss: a FAIL says "
                        "that they disagree, not which of the two is wrong")
    if any(t.verdict == "NONDETERMINISTIC" for t in report.tensors):
        report.notes.append("the port answers otherwise when it is asked the same again: something "
                            "is kept from request to request, or is random")
    if not arguments.head_bias:
        report.notes.append("no bias of the head is checked: --head-bias gives the layer one")
    report.notes.append("no bias of a tail is checked: npadasoft conform --only 'B*' has them")
    if "log_prob: " not in questions:
        report.notes.append("log_prob_backward is not checked: the port does not announce it, or "
                            "not log_prob")
    return report


def say(text):
    """A line beside the report, on standard error."""
    print(f"npadasoft gradcheck: {text} ...", file=sys.stderr, flush=True)


def requests(params, limit, questions=1):
    """How many requests a check makes, about.

    A derivative by Richardson takes LINE of them, and so does a line of points on which noise is
    measured.  Where there is noise they are more: half as many again in float32.
    """
    sizes = [array.size for array in params.values()]
    lines = sum(size if size <= limit else PROBES for size in sizes) + NOISE * len(sizes)
    return LINE * lines * questions


def _add(report, other, what):
    """Append what another check of the same port found, its paths after `what`."""
    for tensor in other.tensors:
        tensor.path = what + tensor.path
    report.tensors += other.tensors
    report.notes += [what + note for note in other.notes]
    report.evaluations = {name: count + other.evaluations[name]
                          for name, count in report.evaluations.items()}


class _Asker:
    """The loss and the gradients of a port, as functions of parameters."""

    def __init__(self, port, arguments, target):
        self.port, self.dtype, self.target = port, arguments.dtype, target
        self.config = {"in_features": arguments.in_features, "n_classes": arguments.classes,
                       "cutoffs": arguments.cutoffs, "div_value": arguments.div_value,
                       "head_bias": arguments.head_bias}

    def loss(self, p):
        """What `forward` calls the loss."""
        return float(self._ask("forward", p, {}, ["loss"])["loss"])

    def gradients(self, p):
        """What `backward` returns for a cotangent 1 of the loss."""
        return self._gradients("backward", p, {"loss": np.array(1.0)})

    def output(self, p):
        """What `forward` calls output: (N,)."""
        return self._ask("forward", p, {}, ["output"])["output"]

    def output_gradients(self, p, cotangent):
        """What `backward` returns for a cotangent of output."""
        return self._gradients("backward", p, {"output": cotangent})

    def log_prob(self, p):
        """What `log_prob` answers: (N, C)."""
        return self._ask("log_prob", p, {}, ["log_prob"])["log_prob"]

    def log_prob_gradients(self, p, cotangent):
        """What `log_prob_backward` returns for a cotangent of all log-probabilities."""
        return self._gradients("log_prob_backward", p, {"log_prob": cotangent})

    def _gradients(self, op, p, cotangents):
        found = self._ask(op, p, cotangents, [f"grad.{name}" for name in p])
        dtype = np.dtype(self.dtype)
        return {name: found[f"grad.{name}"].astype(dtype) for name in p}

    def _ask(self, op, p, cotangents, want):
        from npadasoft.conformance.wire.messages import Request
        from npadasoft.conformance.wire.process import Fault

        arrays = {name: np.asarray(array, np.float64) for name, array in p.items()}
        x = {"input": arrays.pop("input")}
        inputs = x if op.startswith("log_prob") else {**x, "target": self.target}
        request = Request("gradcheck", op, self.dtype, self.config, arrays, inputs, cotangents,
                          tuple(want))
        try:
            answer = self.port.run(request)
        except Fault as fault:
            raise PortError(f"{op}: {fault}") from None
        if answer.error or answer.skipped:
            said = ' '.join(map(str, answer.error or answer.skipped))
            raise PortError(f"{op}: the port answers {said}")
        missing = [name for name in want if name not in answer.results]
        if missing:
            raise PortError(f"{op}: the answer lacks {', '.join(missing)}")
        return answer.results
