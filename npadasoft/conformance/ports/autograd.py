"""The definition in NumPy, differentiated by autograd: `--port autograd`."""
from npadasoft.conformance.ports.primitives import Primitives


class Autograd(Primitives):
    """HIPS autograd; log_softmax is written with its scipy.special.logsumexp."""

    def __init__(self):
        try:
            import autograd
            import autograd.numpy
            import autograd.scipy.special
        except ImportError:
            raise ImportError("this port needs autograd: pip install 'autograd[scipy]'") from None
        from importlib.metadata import version
        self.autograd, self.np = autograd, autograd.numpy
        self.logsumexp = autograd.scipy.special.logsumexp
        self.announce("autograd, logsumexp", version("autograd"))

    def tensor(self, array):
        return array

    def log_softmax(self, scores):
        return scores - self.logsumexp(scores, axis=-1, keepdims=True)

    def concatenate(self, parts):
        return self.np.concatenate(parts, -1)

    def where(self, kept, x):
        return self.np.where(kept, x, self.np.zeros_like(x))

    def pick(self, log_p, y):
        flat = self.np.reshape(log_p, (-1, log_p.shape[-1]))
        return self.np.reshape(flat[self.np.arange(len(flat)), y.ravel()], y.shape)

    def gradients(self, total, weights, x):
        return (self.autograd.grad(total, 0)(weights, x), self.autograd.grad(total, 1)(weights, x))
