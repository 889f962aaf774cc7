"""The layer on the stand-in, or on what `layer.use` named, as a port for the golden vectors."""
from npadasoft._version import __version__
from npadasoft.conformance.golden import vectors_io
from npadasoft.conformance.judge.plan import is_linear, representable, requests_of
from npadasoft.conformance.judge.verdict import judge
from npadasoft.conformance.ports.ours import Ours, named
from npadasoft.conformance.wire.messages import PortInfo

from .layer import AdaptiveLogSoftmaxWithLoss, down, up


class OnDevice(Ours):
    """As our own port, without the trace: results alone come down."""

    info = PortInfo("npadasoft on a device", __version__, "python", dtypes=Ours.info.dtypes,
                    trace=())

    def build(self, config, params, dtype):
        if "bands.0.embedding" in params:                   # the adaptive input
            made = super().build(config, params, dtype)
            return made.with_parameters(made.parameters.map(up))
        layer = AdaptiveLogSoftmaxWithLoss(**config, dtype=dtype, rng=0)
        layer.load_state_dict(params)
        return layer

    def forward(self, layer, input, target, want):
        output, loss = layer(input, target)
        return {"output": output, "loss": loss}

    def backward(self, layer, input, target, cotangents, want):
        _, cache = layer.forward(input, target)
        return named(layer.backward(cache, cotangents.get("output"), cotangents.get("loss", 0.0)))

    def embed(self, layer, index):
        return down(super().embed(layer, up(index)))

    def embed_backward(self, layer, index, cotangent, want):
        return down(super().embed_backward(layer, up(index), up(cotangent), want))


def results(dtypes=OnDevice.info.dtypes):
    """A `Result` for each case of the golden vectors and each dtype that can hold it."""
    port = OnDevice()
    for case in vectors_io.load():
        for dtype in dtypes:
            if representable(case, dtype) and not is_linear(case):      # of another class
                requests, lacking = requests_of(case, dtype, port.info)
                answers = {request.op: port.run(request) for request in requests}
                yield judge(case, dtype, answers, lacking)
