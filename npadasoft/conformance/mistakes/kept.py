"""What an earlier call leaves: such mistakes show in the order of a run."""
from npadasoft.conformance.mistakes.answers import EVERY
from npadasoft.conformance.mistakes.known import (GRADIENTS, LOGIT_GRADIENTS, SOSKEK, Layer, known)


@known("gradients are added to those of the call before, as .grad is", *GRADIENTS, state=True)
class gradients_accumulate(Layer):
    def finish(self, gradients):
        public = {n: a for n, a in gradients.items() if n not in LOGIT_GRADIENTS}
        for name, a in public.items():
            there = self.memory.get(name)
            if there is not None and there.shape == a.shape and there.dtype == a.dtype:
                gradients[name] = a + there
            self.memory[name] = gradients[name]
        return gradients


@known("a tail without targets keeps the gradients that it had", "grad.tail.*.*.weight",
       state=True, link=SOSKEK)
class unused_tail_keeps_its_gradients(Layer):
    def finish(self, gradients):
        for name, a in gradients.items():
            if not (name.startswith("grad.tail") and name.endswith("weight")):
                continue
            there = self.memory.get(name)
            if not a.any() and there is not None and there.shape == a.shape:
                gradients[name] = there.astype(a.dtype)
            self.memory[name] = gradients[name]
        return gradients


@known("the weights of the first layer of this shape are used again", *EVERY, state=True)
class weights_kept_from_an_earlier_layer(Layer):
    def read(self, params):
        mark = str([self.config, [(a.shape, a.dtype) for a in params.values()]])
        return self.memory.setdefault(mark, params)


@known("forward answers again what it answered to the same shape", "output", "loss", *EVERY,
       "cluster", "head_column", "tail.*.relative_target", state=True)
class forward_remembered_by_shape(Layer):
    def forward(self, x, y):
        mark = str(["forward", self.config, x.shape, x.dtype])
        return self.memory.setdefault(mark, super().forward(x, y))


@known("output is added to what its buffer held", "output", "loss", state=True)
class output_buffer_not_cleared(Layer):
    def output(self, f):
        found, mark = super().output(f), str(["output", f.n, f.x.dtype, self.config])
        found = found + self.memory.get(mark, 0)
        self.memory[mark] = found
        return found


@known("backward uses the log-probabilities of the forward before the last", *LOGIT_GRADIENTS,
       *GRADIENTS, state=True)
class backward_of_an_earlier_forward(Layer):
    def backward(self, x, y, cotangents):
        mark = str(["backward", self.config, x.shape, x.dtype])
        before = self.memory.get(mark, (x, y))
        self.memory[mark] = (x, y)
        return super().backward(before[0], before[1], cotangents)
