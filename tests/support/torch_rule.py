"""torch.autograd.gradcheck of a NumPy function with a gradient by hand: accepted or not."""


def torch_accepts(f, g, x, seed, fast):
    """The verdict of torch.autograd.gradcheck at its defaults on f and its gradient g at x."""
    import torch

    class Function(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return torch.tensor(float(f(x.detach().numpy())), dtype=torch.float64)

        @staticmethod
        def backward(ctx, upstream):
            return upstream * torch.from_numpy(g(ctx.saved_tensors[0].detach().numpy()))
    torch.manual_seed(seed)
    return torch.autograd.gradcheck(Function.apply, torch.tensor(x, requires_grad=True),
                                    fast_mode=fast, raise_exception=False)
