"""A port of another layout and index base, with one mistake."""
from npadasoft.conformance.ports.ours import Ours
from npadasoft.conformance.wire.messages import PortInfo


class Turned(Ours):
    """Stores (in, out), counts classes from 1, and has one gradient wrong by 1."""

    info = PortInfo("turned", dtypes=("float64",), layout="in_out", index_base=1)

    def build(self, config, params, dtype):
        mine = {n: a.T if n.endswith("weight") else a for n, a in params.items()}
        return super().build(config, mine, dtype)

    def backward(self, layer, input, target, cotangents, want):
        found = super().backward(layer, input, target - 1, cotangents, want)
        found["grad.head.weight"][1, 2] += 1.0
        return {n: a.T if n.endswith("weight") else a for n, a in found.items()}

    def forward(self, layer, input, target, want):
        return super().forward(layer, input, target - 1, want)

    def predict(self, layer, input):
        return super().predict(layer, input) + 1
