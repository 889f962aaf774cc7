"""Who imports whom, read from the source.

Two rows carry the meaning: `adaptive` never imports `reference`, and `reference` imports nothing of
ours, not even NumPy.  Otherwise agreement between them would say nothing.  The floors of
`conformance`: `golden` and `wire` stand on the ground beside each other, `judge` on `wire`, then
`ports` and `mistakes`, and the commands on top of all.
"""
import ast
from pathlib import Path

import pytest

import npadasoft

PACKAGE = Path(npadasoft.__file__).parent
FACE = {"__init__", "_version"}
LAYER = {"adaptive", "arrays", "checks", "cutoffs", "functional", "fused", "parameters", "passes",
         "search", "state"}

ALLOWED = {
    "reference": set(),
    "_version": set(),
    "console": set(),
    "arrays": set(),
    "parameters": set(),
    "cutoffs": {"arrays"},
    "passes": {"arrays"},
    "functional": {"arrays", "passes"},
    "checks": {"arrays"},
    "fused": {"arrays", "functional", "passes"},
    "search": {"arrays", "cutoffs", "functional", "passes"},
    "state": {"arrays", "checks", "cutoffs", "parameters"},
    "adaptive": LAYER - {"adaptive"},
    "tangents": LAYER,
    "linear": {"arrays", "checks", "functional", "fused"},
    "adaptive_input": {"arrays", "checks", "cutoffs", "parameters"},
    "tying": {"arrays", "parameters"},
    "planning": {"planning", "cutoffs"},
    "interop": {"interop", "adaptive", "arrays", "cutoffs", "parameters",
                "state"},
    "training": {"training", "planning", "interop", "adaptive_input", "tying"} | FACE,
    "gradcheck": {"gradcheck"},
    "exercises": {"exercises", "reference", "adaptive", "cutoffs", "functional", "fused", "search",
                  "parameters", "gradcheck"} | FACE,
    "explore": set(),                                                  # its command is on top
    "conformance.golden": {"reference", "conformance.golden"},         # what is right
    "conformance.wire": {"conformance.wire"},                          # how a port is spoken to
    "conformance.judge": {"_version", "conformance.judge", "conformance.wire"},
    "conformance.ports": {"functional", "cutoffs", "parameters", "fused", "adaptive", "interop",
                          "tangents", "adaptive_input", "linear",
                          "conformance.ports", "conformance.judge", "conformance.wire"} | FACE,
    "conformance.ports.table": {"conformance.ports", "conformance.judge", "console",
                                "conformance.golden.vectors_io"},
    "conformance.mistakes": {"reference", "functional", "cutoffs", "parameters", "fused",
                             "tangents",
                             "conformance.mistakes", "conformance.ports.base", "conformance.judge",
                             "conformance.wire", "conformance.golden.vectors_io"},
    "conformance": {"conformance", "adaptive", "interop", "console"} | FACE,    # commands, on top
}
EVERYTHING = ("__init__", "__main__", "cli", "bench", "command")    # may import anything


def modules():
    for path in sorted(PACKAGE.rglob("*.py")):
        name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        yield name.removesuffix(".__init__"), path


MODULES = list(modules())


def imported(path):
    """Modules of ours that a file imports, wherever in the file, and other top-level modules."""
    ours, others = set(), set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            names = [node.module or ""] if node.level == 0 else [f"npadasoft.relative{node.level}"]
            if names[0].startswith("npadasoft"):        # from a package: perhaps of its modules
                names = [f"{names[0]}.{alias.name}" if is_module(f"{names[0]}.{alias.name}")
                         else names[0] for alias in node.names]
        for name in names:
            head, _, rest = name.partition(".")
            if head == "npadasoft":
                ours.add(rest or "__init__")
            else:
                others.add(head)
    return ours, others


def is_module(name):
    path = PACKAGE.parent.joinpath(*name.split("."))
    return path.is_dir() or path.with_suffix(".py").exists()


def row(name):
    """The row of the table that a module falls under: the longest that fits."""
    fits = [key for key in ALLOWED if name == key or name.startswith(key + ".")]
    return max(fits, key=len) if fits else None


def may(name, other):
    if name in EVERYTHING or name.split(".")[0] in EVERYTHING or name.endswith(".command"):
        return True
    return any(other == key or other.startswith(key + ".") for key in ALLOWED[row(name)])


@pytest.mark.parametrize("name, path", MODULES, ids=[name for name, _ in MODULES])
def test_a_module_imports_only_what_its_row_allows(name, path):
    ours, _ = imported(path)
    assert not {other for other in ours if not may(name, other)}


def circles(edges):
    """Modules that reach themselves, given name -> names."""
    def reached(name, seen):
        for other in edges.get(name, ()):
            if other not in seen:
                seen.add(other)
                reached(other, seen)
        return seen
    return sorted(name for name in edges if name in reached(name, set()))


def test_no_module_imports_itself_by_a_detour():
    assert circles({name: imported(path)[0] for name, path in MODULES}) == []


def test_a_circle_would_be_seen():
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}}) == ["b", "c"]


def test_what_is_right_knows_nothing_of_who_judges_it_or_how_a_port_is_spoken_to():
    assert not may("conformance.golden.expected", "conformance.judge.compare")
    assert not may("conformance.golden.oracle", "conformance.wire.messages")
    assert not may("conformance.wire.protocol", "conformance.judge.verdict")
    assert not may("conformance.judge.verdict", "conformance.golden.oracle")


def test_every_module_has_a_row():
    rest = [n for n, _ in modules() if row(n) is None and n.split(".")[0] not in EVERYTHING]
    assert rest == []


def test_the_definition_imports_nothing_but_math():
    assert imported(PACKAGE / "reference.py") == (set(), {"math"})


@pytest.mark.parametrize("name, path", MODULES, ids=[name for name, _ in MODULES])
def test_at_import_a_module_needs_numpy_and_the_standard_library_alone(name, path):
    import sys
    top = {alias.name.split(".")[0] for node in ast.parse(path.read_text()).body
           if isinstance(node, ast.Import) for alias in node.names}
    top |= {node.module.split(".")[0] for node in ast.parse(path.read_text()).body
            if isinstance(node, ast.ImportFrom) and node.module}
    assert top <= set(sys.stdlib_module_names) | {"numpy", "npadasoft"}


def test_the_table_is_read_from_the_source_and_would_see_a_breach(tmp_path):
    file = tmp_path / "adaptive.py"
    file.write_text("def f():\n    from npadasoft.reference import output\n")
    ours, _ = imported(file)
    assert ours == {"reference"} and not may("adaptive", "reference")
    file.write_text("from npadasoft import reference\nimport npadasoft.bench.timing\n")
    assert imported(file)[0] == {"reference", "bench.timing"}
    assert not may("adaptive", "bench.timing") and may("bench.tables", "reference")
