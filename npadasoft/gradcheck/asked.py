"""From what a person has to a gradient of one f: see `forms`, `special_leaves`, `equations`."""
import numpy as np

from npadasoft.gradcheck import forms, special_leaves, tree
from npadasoft.gradcheck.equations import OUT, Answers
from npadasoft.gradcheck.errors import GradcheckUsage

METHODS = ("auto", "complex", "richardson")
WAYS = ("grads", "jacobian", "elementwise", "hvp")


def refuse(params, options):
    """Raise for what makes no question."""
    if callable(params) and options["grads"] is not None and not callable(options["grads"]):
        raise GradcheckUsage("params is a function (that draws points) and grads is arrays, which "
                             "are of one point: the order is check(f, params, grads)")
    _refuse_choice("method", options["method"], METHODS)
    _refuse_choice("order", options["order"], (1, 2))
    _refuse_choice("out", options["out"], (None, *OUT))
    for what, least in (("probes", 1), ("max_elements", 0), ("points", 1)):
        value = options[what]
        if value is not None and (not isinstance(value, (int, np.integer)) or value < least):
            raise GradcheckUsage(f"{what}: expected an integer of at least {least}, got {value!r}")
    if options["seconds"] is not None and not options["seconds"] > 0:
        raise GradcheckUsage(f"seconds: expected a positive number, got {options['seconds']!r}")
    _refuse_ways(options)


def _refuse_choice(what, value, choices):
    if value not in choices:
        raise GradcheckUsage(f"{what}: expected one of {', '.join(map(str, choices))}, "
                             f"got {value!r}")


def _refuse_ways(options):
    given = [way for way in WAYS[:3] if options[way] is not None]
    grads, hvp, second = options["grads"], options["hvp"], options["order"] == 2
    if len(given) > 1 or not given and hvp is None:
        raise GradcheckUsage("expected one of grads, jacobian and elementwise, or hvp alone; got "
                             f"{' and '.join(given) or 'none'}")
    if second and not callable(grads):
        raise GradcheckUsage("order=2 differentiates grads: expected a callable, got "
                             f"{'none' if grads is None else 'arrays'}")
    if hvp is not None and given and not second:
        raise GradcheckUsage("hvp: is checked with order=2, or alone, without grads")
    if (options["value"] or options["out"]) and not callable(grads):
        raise GradcheckUsage("value and out: are for grads that is called")
    for what in ("structure", "cotangent"):
        if options[what] is not None and options["jacobian"] is not None:
            raise GradcheckUsage(f"{what}: is not for jacobian=")


def question(f, params, options):
    """(Question, Answers or None)."""
    answers, found = None, forms.Question(f, params, options["grads"], options["cotangent"])
    if options["value"] or options["out"]:
        answers = Answers(options["grads"], options["value"], options["out"])
        found = found._replace(grads=answers)
    if options["jacobian"] is not None:
        found = forms.of_jacobian(f, params, options["jacobian"], options["max_elements"])
    elif options["elementwise"] is not None:
        found = forms.of_elementwise(f, params, options["elementwise"])._replace(
            cotangent=options["cotangent"])
    elif options["grads"] is None:
        found = forms.of_hvp(f, params, options["hvp"], options["seed"])
    found = special_leaves.of_complex(found)
    if options["structure"] is not None:
        found = special_leaves.of_structure(found, options["structure"])
    return found, answers


def sparsity(declared, shapes):
    """By path, a boolean array each; `shapes` of the tensors that are checked."""
    if declared is None:
        return {}
    if hasattr(declared, "toarray"):
        declared = declared.toarray()
    found = {}
    for path, end in tree.ends(declared).items():
        if path not in shapes:
            raise GradcheckUsage(f"sparsity: {path} is none of {', '.join(shapes)}")
        end = end.toarray() if hasattr(end, "toarray") else np.asarray(end)
        if end.size != int(np.prod(shapes[path])):
            raise GradcheckUsage(f"sparsity: {path}: expected shape {shapes[path]}, got "
                                 f"{end.shape}")
        found[path] = (end != 0).reshape(shapes[path])
    return found
