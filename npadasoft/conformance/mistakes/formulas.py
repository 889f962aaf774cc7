"""The formulas on small arrays, where a call into `functional` costs more than the numbers: that
looks for the library of its arrays, and goes over long ones in pieces.
"""
import numpy as np


def linear(x, weight, bias=None):
    """x · weightᵀ + bias: (N, O)."""
    y = x @ weight.T
    return y if bias is None else y + bias


def log_softmax(z):
    """z - z[j*] - log1p(Σ_{k≠j*} exp(z[k] - z[j*])) of each row: (N, K)."""
    rows, top = np.arange(z.shape[0]), z.argmax(-1)
    z = z - z[rows, top][:, None]                       # 0 at j*
    exps = np.exp(z)
    exps[rows, top] *= 0                                # and not = 0: nan stays
    return z - np.log1p(exps.sum(-1))[:, None]


def pick(log_p, index):
    """log_p[n, index[n]] of each row: (N,)."""
    return log_p[np.arange(log_p.shape[0]), index]


def pick_backward(log_p, index, q):
    """q[n] · ((k = index[n]) - p[n, k]) of each row: (N, K)."""
    rows = np.arange(log_p.shape[0])
    dz = np.exp(log_p) * -q[:, None]
    dz[rows, index] = -q * np.expm1(log_p[rows, index])     # 1 - p does not cancel
    return dz
