"""The state of the ports: a finding for every failure, and a case or a script for every finding."""
import json
import re
import subprocess
import sys
import warnings
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest
from witnesses import tools

from npadasoft.conformance.golden import vectors_io
from npadasoft.conformance.judge.plan import asked_of
from npadasoft.conformance.judge.verdict import BAD
from npadasoft.conformance.ports import READY, findings, foreign, losses, table
from npadasoft.conformance.ports.base import Skipped
from npadasoft.conformance.ports.findings import FINDINGS
from npadasoft.conformance.wire.messages import PortInfo

TESTS = Path(__file__).parents[1]
SCRIPTS = TESTS.parent / "findings"
STATE = table.read()
FAILURES = [(name, case, dtype) for name, row in STATE.items()
            for case, by_dtype in row["wrong"].items() for dtype in by_dtype]
SUITES = {case["since"] for case in vectors_io.load()} | {vectors_io.SUITE}
SLOW = {"libtorch_loss_is_a_double"}
pytestmark = pytest.mark.once


def test_every_failure_in_the_table_is_explained_by_a_finding():
    left = [failure for failure in FAILURES
            if not any(finding.explains(*failure) for finding in FINDINGS)]
    assert not left and len(FAILURES) > 100


def test_every_case_of_a_finding_fails_in_one_of_its_ports():
    for finding in FINDINGS:
        for pattern in finding.cases:
            alone = findings.Finding(finding.ports, finding.says, (pattern,))
            assert any(alone.explains(*failure) for failure in FAILURES), (finding, pattern)


def test_every_port_of_a_finding_with_cases_shows_it():
    for finding in FINDINGS:
        for name in finding.ports if finding.cases else ():
            if name in STATE:
                shown = [f for f in FAILURES if f[0] == name and finding.explains(*f)]
                assert shown, (finding, name)


def test_every_finding_has_something_to_show_and_every_script_a_finding():
    assert all(finding.cases or finding.script for finding in FINDINGS)
    assert {f.script for f in FINDINGS} - {""} <= {path.stem for path in SCRIPTS.glob("*.sh")}
    assert {name for f in FINDINGS for name in f.ports} <= set(READY)


def test_rows_are_of_this_catalogue_and_of_both_dtypes():
    assert {"ours", "torch", "libtorch", "paddle", "fairseq", "transfo-xl", "gluon-nlp", "jax",
            "onnxruntime"} <= set(STATE)
    for name, row in STATE.items():
        info = PortInfo(name, ops=tuple(row["ops"]))
        there = asked_of([c for c in vectors_io.load() if c["since"] <= row["suite"]], info)
        growing = row["suite"] == vectors_io.SUITE      # it has more cases than when it was run
        assert row["suite"] in SUITES and set(row["wrong"]) <= {c["id"] for c in there}, name
        for tier in table.TIERS:
            sizes = {t: sum(c["tier"] == t for c in there) for t in table.TIERS}
            asked = row["counts"].get(tier, {})
            dtypes = {"float32"} if name == "dynet" else set(table.DTYPES)
            assert asked.keys() == (dtypes if sizes[tier] else set()), name
            assert all(sum(asked[d].values()) == sizes[tier] or growing and
                       sum(asked[d].values()) <= sizes[tier] for d in {"float64"} & set(asked))


def test_the_layer_and_its_export_have_nothing_wrong():
    for name in "ours", "onnxruntime", "onnx-reference", "onnxruntime-node", "onnxruntime-web":
        assert not STATE[name]["wrong"]


def test_the_table_prints_every_row_and_every_finding(capsys):
    assert table.main([]) == 0
    out = capsys.readouterr().out
    assert all(f"\n{name} " in out and f"\n{name}: " in out for name in STATE)
    words = " ".join(out.split())
    assert all(finding.says in words for finding in FINDINGS if set(finding.ports) & set(STATE))
    assert all(len(line) <= 140 for line in out.splitlines())


def test_a_row_has_the_errors_taken_together_and_the_table_shows_them(tmp_path):
    some = vectors_io.select(vectors_io.load(), only=["R02", "R04"])
    row = table.record("ours", some)
    assert set(row["statistics"]) == {"float64", "float32"}
    rms, lean = (row["statistics"]["float64"][key] for key in ("rms", "lean"))
    assert 0.2 < rms < 1 and abs(lean) < 4
    shown = table.lines({"ours": row, "torch": row | {"statistics": {}}})
    assert f"ours {rms:.2f} " in " ".join(next(
        line for line in shown[10:] if line.startswith("ours ")).split())
    assert not any(line.startswith("torch ") for line in shown[8:])


def test_readme_and_the_figures_show_what_is_printed():
    printed = table.lines(STATE)
    assert (TESTS / "figures" / "ports.txt").read_text() == "\n".join(printed) + "\n"
    readme = (Path(table.__file__).parents[1] / "README.md").read_text()
    rows = [table.ran(name, row) for name, row in STATE.items()]
    head = printed[:printed.index(rows[0]) - 1]
    assert "\n".join(["$ npadasoft ports", *head, "...", ""]) in readme
    assert "\n".join(["", *rows, ""]) in readme


def test_a_row_is_what_a_run_gave(tmp_path, monkeypatch, capsys):
    some = vectors_io.select(vectors_io.load(), only=["T03", "X01", "E01", "A16"])
    monkeypatch.setattr(vectors_io, "load", lambda: some)
    path = tmp_path / "state.json"
    assert table.main(["--record", "ours", "--state", str(path)]) == 0
    row = json.loads(path.read_text())["ours"]
    assert row["counts"]["required"]["float64"] == {"pass": 2} and row["wrong"] == {}
    assert row["name"] == "npadasoft" and row["suite"] == vectors_io.SUITE
    out = capsys.readouterr().out
    assert "ours" in out and "2/2 2/2" in out and "1/1 1/1" in out


def test_an_installed_package_keeps_its_rows(tmp_path, monkeypatch, capsys):
    before = table.STATE.read_bytes()
    monkeypatch.setattr(table, "STATE", tmp_path / "a" / "b" / "c" / "d" / "state.json")
    assert table.main(["--record", "ours"]) == 2
    assert "name a file for yours, --record NAME --state FILE" in capsys.readouterr().err
    assert not table.STATE.exists() and not list(tmp_path.iterdir())
    monkeypatch.undo()
    assert table.STATE.read_bytes() == before and table._is_checkout()


def test_a_difference_is_a_version_or_a_case_and_no_rounding(tmp_path, capsys):
    old = {"torch": STATE["torch"]}
    right, wrong = list(STATE["torch"]["wrong"])[:2]
    new = json.loads(json.dumps({**old, "ours": STATE["ours"]}))
    new["torch"]["version"] = "99"
    new["torch"]["wrong"]["S01"] = {"float32": "fail: output, 3 x its bound"}
    new["torch"]["wrong"][wrong] = {
        dtype: text + ", 7 x its bound" for dtype, text in old["torch"]["wrong"][wrong].items()}
    del new["torch"]["wrong"][right]
    found = table.difference(old, new)
    assert found[0].startswith("torch: ") and found[0].endswith(
        "-> 99, suite {0} -> {0}".format(STATE["torch"]["suite"]))
    assert {line.split()[1] for line in found if line.startswith(" ")} == {right, "S01"}
    assert "  torch, S01 in float32: right -> fail: output, 3 x its bound" in found
    assert found[-1].startswith("ours: ") and not table.difference(STATE, STATE)
    path = tmp_path / "new.json"
    path.write_text(json.dumps({"torch": new["torch"]}))
    assert table.main(["--diff", str(path)]) == 1 and "S01" in capsys.readouterr().out
    path.write_text(json.dumps(old))
    assert table.main(["--diff", str(path)]) == 0 and capsys.readouterr().out == "no difference\n"
    for bad in "[]", '{"torch": 1}', "{", '{"torch": {}}':
        path.write_text(bad)
        assert table.main(["--diff", str(path)]) == 2 and "\n" not in capsys.readouterr().err[:-1]
    assert table.main(["--diff", str(tmp_path / "none")]) == 2


def test_renew_knows_every_row_of_the_table():
    script = (TESTS / "ports" / "renew.sh").read_text()
    known = script[script.index("packages() {"):script.index("unpacked() {")]
    for name in table.PORTS:
        assert re.search(rf"(?m)^ +(?:\S+ \| )*{re.escape(name)}(?: \|[ \w|-]*)?\)", known), name


def test_what_is_wrong_is_written_down(monkeypatch):
    from npadasoft.conformance.ports.ours import Ours

    class Wrong(Ours):
        def forward(self, layer, input, target, want):
            if target.size == 1:
                raise ValueError("no row")
            return {**super().forward(layer, input, target, want), "loss": 1.0}

        def predict(self, layer, input):
            raise Skipped("no")
    monkeypatch.setattr(table.ports, "load", lambda name: Wrong())
    row = table.record("ours", vectors_io.select(vectors_io.load(), only=["T03", "T17", "E01"]))
    assert row["wrong"]["T03"]["float64"].startswith("fail: loss, ")
    assert row["wrong"]["T03"]["float64"].endswith("x its bound")
    assert "ValueError: no row" in row["wrong"]["T17"]["float64"]
    bad = {v for counts in row["counts"]["required"].values() for v in counts}
    assert bad & set(BAD)


def test_an_absent_package_is_named_in_one_line(monkeypatch, capsys, tmp_path):
    for name in "paddle", "mxnet", "jax", "onnxruntime", "torch":
        monkeypatch.setitem(sys.modules, name, None)
    for name, command in {"paddle": "pip install paddlepaddle", "gluon-nlp": "pip install mxnet",
                          "jax": "pip install jax", "onnxruntime": "pip install onnx onnxruntime",
                          "fairseq": "pip install torch"}.items():
        assert table.main(["--record", name, "--state", str(tmp_path / "s.json")]) == 2
        assert command in capsys.readouterr().err


def test_an_absent_file_is_named_with_the_way_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setattr(foreign, "PEERS", tmp_path)
    with pytest.raises(ImportError, match="this port needs .*x.py; to get it:\npip download x"):
        foreign.peer_file("x.py", "pip download x")


def test_stand_ins_are_gone_once_the_file_is_loaded(tmp_path):
    (tmp_path / "theirs.py").write_text("from absent_pack.age import a\nimport absent_pack, json\n")
    stand_ins = {"absent_pack": {"__path__": []}, "absent_pack.age": {"a": 7}, "json": {"b": 1}}
    module = foreign.module_of(tmp_path / "theirs.py", stand_ins)
    assert module.a == 7 and module.json.b == 1
    assert "absent_pack" not in sys.modules and sys.modules["json"] is json


def test_what_takes_the_mean_skips_what_does_not():
    foreign.mean_of_all({"reduction": "mean"})
    for config in {"ignore_index": 0}, {"reduction": "sum"}:
        with pytest.raises(Skipped):
            foreign.mean_of_all(config)


# ---------------------------------------------------------------- what can run here

def needs(name):
    """Skip unless the framework of a port or a script is here."""
    peers = {"fairseq": "fairseq-0.12.2", "transfo": "transformers-4.35.2", "gluon": "gluon-nlp"}
    packages = {"gluon": "mxnet", "keras": "keras_adaptive_softmax",
                **dict.fromkeys(["libtorch", "fairseq", "transfo"], "torch")}
    first = name.removeprefix("linear-").replace("-", "_").split("_")[0]
    if name == "linear-keras":
        first = "tensorflow"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pytest.importorskip(packages.get(first, first))
    if first in peers and not (foreign.PEERS / peers[first]).exists():
        pytest.skip(f"build/peers has no {peers[first]}")


@pytest.mark.parametrize("name", sorted({f.script for f in FINDINGS if f.script}))
def test_a_finding_is_still_to_be_seen_in_the_framework_that_is_here(name):
    if name in SLOW:
        pytest.skip("it compiles: run it by hand")
    needs(name)
    body = (SCRIPTS / f"{name}.sh").read_text().split("<<'END'\n")[1].removesuffix("END\n")
    for package in "transformers", "fairseq":           # a script wants the whole of it
        if re.search(rf"(?m)^(import|from) {package}\b", body) and not find_spec(package):
            pytest.skip(f"{package} is not here")
    if "import mpmath\n" in body:                       # comes with PyTorch
        pytest.importorskip("mpmath")
    done = subprocess.run([sys.executable, "-W", "ignore", "-"], input=body, text=True,
                          capture_output=True, timeout=300)
    assert done.returncode == 0 and done.stdout, done.stderr


@pytest.mark.parametrize("name", ["torch", "fairseq", "transfo-xl", "transfo-xl-default", "paddle",
                                  "gluon-nlp", "jax", "autograd", "mlx", "dynet", "openvino",
                                  "tensorflow", "chainer", "tinygrad", "keras-adaptive-softmax",
                                  "linear-paddle", "linear-mlx", "linear-chainer", "linear-optax",
                                  "linear-tinygrad", "linear-tensorflow", "linear-keras"])
def test_a_port_still_gives_what_its_row_says(name):
    needs(name)
    only = ["S08", "T03", "E01", "E12", "G04", "N09", "X01", "A07", "F06", "L05", "L18", "L22"]
    cases = [c for c in vectors_io.select(vectors_io.load(), only=only)]
    row = table.record(name, cases)
    same = STATE[name]["version"] == row["version"]
    wanted = {case for case in STATE[name]["wrong"] if case in only}
    assert not same or set(row["wrong"]) == wanted


def test_the_layer_of_libtorch_compiled_here_gives_the_whole_of_its_row():
    needs("libtorch")
    tools("g++")
    row = table.record("libtorch")
    same = STATE["libtorch"]["version"] == row["version"]
    assert not same or row["counts"] == STATE["libtorch"]["counts"]
    assert not same or row["wrong"].keys() == STATE["libtorch"]["wrong"].keys()


def test_the_definition_in_primitives_is_right_in_a_library_that_is_here(monkeypatch):
    needs("torch")
    monkeypatch.setattr(table.ports, "load", lambda name: _torch_primitives())
    row = table.record("primitives", [c for c in vectors_io.load() if c["id"][0] in "TNA"])
    assert not row["wrong"] and row["counts"]["required"]["float64"]["pass"] > 30


def test_the_head_alone_is_right_by_a_loss_of_a_library_that_is_here(monkeypatch):
    needs("torch")
    from torch import tensor
    from torch.nn.functional import cross_entropy

    class Own(losses.Loss):
        primitives, name = staticmethod(_torch_primitives), "torch"

        def cost(self, config, scores, target):
            losses.lacks(config, "label_smoothing")
            return cross_entropy(scores, tensor(target), reduction=config.get("reduction", "mean"),
                                 ignore_index=config.get("ignore_index", -100))
    monkeypatch.setattr(table.ports, "load", lambda name: Own())
    row = table.record("own")
    assert set(row["wrong"]) == {"L20", "L21"}
    assert row["counts"]["linear"]["float64"] == {"pass": 17, "skipped": 2}


def _torch_primitives():
    import torch
    from npadasoft.conformance.ports.primitives import Primitives

    class TorchPrimitives(Primitives):
        def __init__(self):
            self.announce("torch", "")

        def tensor(self, array):
            return torch.tensor(array)

        def log_softmax(self, scores):
            return torch.log_softmax(scores, -1)

        def concatenate(self, parts):
            return torch.cat(parts, -1)

        def where(self, kept, x):
            return torch.where(torch.tensor(kept), x, 0)

        def pick(self, log_p, y):
            return log_p.gather(-1, torch.tensor(y[..., None]))[..., 0]

        def gradients(self, total, weights, x):
            leaves = [a.requires_grad_() for a in (x, *weights.values())]
            found = torch.autograd.grad(total(weights, x), leaves)
            return dict(zip(weights, map(self.numpy, found[1:]))), self.numpy(found[0])

        def numpy(self, tensor):
            return tensor.detach().numpy()
    return TorchPrimitives()


@pytest.mark.filterwarnings("ignore:Guards may run slower:RuntimeWarning")     # on Python 3.13.0
def test_torch_compile_compiles_something():
    needs("torch")
    port = import_module("npadasoft.conformance.ports.torch_compile").TorchCompile()
    before = port.graphs()
    table.ports.load("torch-compile")
    layer = port.build({"in_features": 4, "n_classes": 6, "cutoffs": [3], "div_value": 2.0,
                        "head_bias": False},
                       {"head.weight": _ones(4, 4), "tail.0.0.weight": _ones(2, 4),
                        "tail.0.1.weight": _ones(3, 2)}, "float64")
    port.log_prob(layer, _ones(2, 4))
    assert port.graphs() > before


def _ones(*shape):
    import numpy as np
    return np.ones(shape)
