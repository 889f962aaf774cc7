"""The command `npadasoft`: names its parts and hands over to them."""
import difflib
import importlib
import sys

from npadasoft._version import __version__
from npadasoft.console import guarded

COMMANDS = {
    "conform": ("npadasoft.conformance.command:conform", "judge a port, or the layer itself"),
    "verify": ("npadasoft.conformance.command:verify", "judge the answers of a port from a file"),
    "vectors": ("npadasoft.conformance.command:vectors", "list, show, export or renew the vectors"),
    "port-template": ("npadasoft.conformance.command:port_template", "print a port to fill in"),
    "ports": ("npadasoft.conformance.command:ports", "the state of the ports that are known"),
    "gradcheck": ("npadasoft.gradcheck.command:gradcheck", "check gradients of a layer or port"),
    "plan": ("npadasoft.planning:main", "class counts to cutoffs"),
    "train": ("npadasoft.training.command:train", "train a small language model on a text"),
    "explore": ("npadasoft.explore.command:main", "write a page where the layer moves"),
    "exercises": ("npadasoft.exercises.command:main", "write the layer yourself, with a judge"),
    "weights": ("npadasoft.interop.command:weights", "what stands in a file of weights"),
    "bench": ("npadasoft.bench.command:main", "time the layer against PyTorch and its own floor"),
}


def usage():
    """The help text of the command."""
    lines = [f"npadasoft {__version__}: adaptive log-softmax, its gradients, the judge of ports",
             "", "usage: npadasoft COMMAND [options]    (npadasoft COMMAND --help lists them)", ""]
    return "\n".join(lines + [f"  {name:<15}{text}" for name, (_, text) in COMMANDS.items()])


def main(argv=None):
    """Run one command; the exit status."""
    argv = sys.argv[1:] if argv is None else argv
    return guarded(lambda: _run(list(argv)))


def _run(argv):
    if not argv or argv[0] in ("-h", "--help"):
        print(usage())
        return 0 if argv else 2
    if argv[0] == "--version":
        print(__version__)
        return 0
    if argv[0] not in COMMANDS:
        near = difflib.get_close_matches(argv[0], COMMANDS, n=1)
        meant = f": was {near[0]} meant?" if near else ""
        print(f"npadasoft: there is no command {argv[0]!r}{meant}\n\n{usage()}", file=sys.stderr)
        return 2
    module, function = COMMANDS[argv[0]][0].split(":")
    return getattr(importlib.import_module(module), function)(argv[1:])
