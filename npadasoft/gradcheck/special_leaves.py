"""Leaves that are not what they seem: tied or constant elements, complex numbers.

A question about them is rewritten as one about plain real leaves.
"""
import numpy as np

from npadasoft.gradcheck import tree
from npadasoft.gradcheck.errors import GradcheckUsage
from npadasoft.gradcheck.forms import REAL_ALONE, leaves


def of_structure(question, structure):
    """A question in which some elements are others, or constant: `structure` by path pattern.

    "symmetric": the element above the diagonal is the one below; "lower", "upper": the other
    triangle is constant; an integer array: elements of one number are one, those below 0 constant;
    a boolean array: where it is false is constant.  The gradient with respect to an element is the
    sum over the places where it stands.
    """
    own = leaves(question.params)
    if not isinstance(structure, dict):
        structure = {path: structure for path in own}
    source = {}
    for pattern, kind in structure.items():
        for path in tree.select(list(own), pattern):
            source[path] = _source(path, own[path], kind)

    def filled(p):
        ends = tree.ends(p)
        return tree.rebuild(question.params, {**{path: ends[path] for path in own}, **{
            path: np.where(places < 0, own[path], np.ravel(ends[path])[places])
            for path, places in source.items()}})

    def grads(p, *cotangent):
        found = tree.ends(question.grads(filled(p), *cotangent))
        for path, places in source.items():
            if found.get(path) is not None:
                found[path] = _gathered(np.asarray(found[path]), places)
        return tree.rebuild(question.params, {path: found.get(path) for path in own})

    return question._replace(f=lambda p: question.f(filled(p)), grads=grads)


def _gathered(gradient, places):
    total = np.zeros(places.size, np.result_type(gradient, np.float16))
    if gradient.shape != places.shape:
        return gradient                 # refused where shapes are looked at
    np.add.at(total, places[places >= 0], gradient[places >= 0])
    return total.reshape(places.shape)


def _source(path, leaf, kind):
    """Flat index of the element that each place shows; -1 for constants."""
    here = np.arange(leaf.size).reshape(leaf.shape)
    if isinstance(kind, str):
        if leaf.ndim != 2 or leaf.shape[0] != leaf.shape[1]:
            raise GradcheckUsage(f"structure: {path}: expected a square matrix for {kind!r}, got "
                                 f"shape {leaf.shape}")
        if kind == "symmetric":
            if not np.array_equal(leaf, leaf.T):
                raise GradcheckUsage(f"structure: {path}: is not symmetric, by "
                                     f"{float(np.abs(leaf - leaf.T).max()):.3g}")
            return np.where(here < here.T, here.T, here)        # below the diagonal
        if kind in ("lower", "upper"):
            triangle = np.tril if kind == "lower" else np.triu
            return np.where(triangle(np.ones(leaf.shape, bool)), here, -1)
        raise GradcheckUsage(f"structure: {path}: expected symmetric, lower, upper or an array, "
                             f"got {kind!r}")
    labels = np.asarray(kind)
    if labels.shape != leaf.shape or labels.dtype.kind not in "biu":
        raise GradcheckUsage(f"structure: {path}: expected integers of shape {leaf.shape}, got "
                             f"{labels.dtype} of shape {labels.shape}")
    if labels.dtype.kind == "b":
        return np.where(labels, here, -1)
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    return np.where(labels < 0, -1, first[inverse.reshape(labels.shape)])


# -------------------------------------------------------------------- complex leaves

# why there is no complex step, by our own doing: it explains no PASS
OWN = ("the parts of a complex leaf are real", "f returns complex numbers of its own", REAL_ALONE)


def of_complex(question):
    """A question in which each complex leaf z is two, z.real and z.imag.

    The gradient of z is df/dRe + i df/dIm, as in PyTorch; JAX returns the conjugate of that.
    """
    split = {path: node for path, node in tree.ends(question.params).items() if is_complex(node)}
    if not split:
        return question
    params = tree.rebuild(question.params, {path: _parts(node) for path, node in split.items()})

    def joined(p):
        found = tree.ends(p)
        return tree.rebuild(question.params, {
            path: _join(found[_below(path, "real")], found[_below(path, "imag")])
            if path in split else found[path] for path in tree.ends(question.params)})

    outputs = [path for path, end in tree.ends(question.f(question.params)).items()
               if is_complex(end)]

    def f(p):
        if outputs and any(is_complex(end) for end in tree.ends(p).values()):
            raise TypeError(OWN[1])
        raw = question.f(joined(p))
        ends = tree.ends(raw)
        return tree.rebuild(raw, {path: _parts(ends[path]) for path in outputs})

    def grads(p, *cotangent):
        found = question.grads(joined(p), *map(_join_outputs, cotangent))
        ends = tree.ends(found)
        return tree.rebuild(found, {path: _parts(ends[path]) for path in split
                                    if ends.get(path) is not None})

    return question._replace(f=f, params=params,
                             grads=grads if callable(question.grads) else grads_given(
                                 question.grads, split))


def grads_given(gradients, split):
    """Arrays in place of a callable."""
    ends = tree.ends(gradients)
    return tree.rebuild(gradients, {path: _parts(ends[path]) for path in split})


def is_complex(node):
    """Whether an end is a complex leaf."""
    return isinstance(node, complex) or (isinstance(node, (np.ndarray, np.generic))
                                         and node.dtype.kind == "c")


def _below(path, name):
    return name if path == tree.ROOT else f"{path}.{name}"


def _parts(z):
    z = np.asarray(z)
    return {"real": z.real.copy(), "imag": np.imag(z).copy()}


def _join(real, imag):
    if np.iscomplexobj(real) or np.iscomplexobj(imag):
        raise TypeError(OWN[0])
    return np.asarray(real + 1j * imag)


def _join_outputs(cotangent):
    if isinstance(cotangent, dict) and set(cotangent) == {"real", "imag"}:
        return cotangent["real"] + 1j * cotangent["imag"]
    children = tree.children(cotangent)
    if children is None:
        return cotangent
    if isinstance(cotangent, dict):
        return {key: _join_outputs(child) for key, child in cotangent.items()}
    return type(cotangent)([_join_outputs(child) for _, child in children])


def note_conjugate(tensor):
    """Say so where an imaginary part has the sign of the other convention."""
    hint = tensor.hint
    if tensor.path.split(".")[-1] == "imag" and "(the sign)" in hint["text"]:
        hint["text"] = ("the sign: is it the conjugate, as JAX returns it? Expected is "
                        "df/dRe + i df/dIm")
