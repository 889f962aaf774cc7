"""npadasoft gradcheck: of the layer, of ports in this process, of a port behind a command."""
import json
import re
import shlex
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from npadasoft.conformance.ports.ours import Ours
from npadasoft.conformance.wire.messages import Answer
from npadasoft.conformance.wire.process import Fault
from npadasoft.gradcheck.command import gradcheck

PORT = Path(__file__).parents[1] / "ports" / "plain_python.py"
SMALL = ["--in-features", "4", "--classes", "9", "--cutoffs", "3,6", "--batch", "7",
         "--div-value", "2"]
TINY = ["--in-features", "2", "--classes", "5", "--cutoffs", "3", "--batch", "3", "--div-value",
        "2"]


@pytest.mark.parametrize("options", [[], ["--head-bias", "--blocked"], ["--dtype", "float32"],
                                     ["--order", "2"], ["--seed", "3", "--div-value", "1.5"]])
def test_the_layer_passes(options, capsys):
    assert gradcheck(SMALL + options) == 0
    out = capsys.readouterr().out
    assert "parameters.tail.1.1.weight" in out and "RESULT: " in out
    assert ("second order, curl" in out) == ("--order" in options)


def test_the_default_sizes_fit_fewer_classes(capsys):
    assert gradcheck(["--classes", "15", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["schema"] == "npadasoft.gradcheck/1"
    assert [t["path"] for t in report["tensors"]][-1] == "parameters.tail.0.1.weight"


@pytest.mark.filterwarnings("ignore:tail 1 has hidden size 0")
def test_a_hidden_size_of_zero_is_vacuous_and_accepted(capsys):
    assert gradcheck(SMALL + ["--div-value", "4", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["tensors"][-1]["verdict"] == "VACUOUS"
    assert report["verdict"] == "VACUOUS" and report["ok"]


@pytest.mark.parametrize("wrong", [
    ["--cutoffs", "9,3"], ["--batch", "0"], ["--port", "nobody"], ["--port", "ours", "--", "cmd"],
    ["--port", "ours", "--order", "2"], ["--port", "ours", "--dtype", "float16", "--", "x"],
    ["--", "no-such-command-anywhere"]])
def test_a_wrong_call_exits_with_2_and_one_line(wrong, capsys):
    assert gradcheck(wrong) == 2
    assert capsys.readouterr().err.startswith("npadasoft gradcheck: ")


def test_a_port_behind_a_command_passes(capsys):
    assert gradcheck(["--classes", "7", "--cutoffs", "2,4", "--in-features", "4", "--batch", "3",
                      "--div-value", "2",
                      "--", sys.executable, str(PORT)]) == 0
    out = capsys.readouterr().out
    assert "plain-python" in out and "note: no bias of the head is checked: --head-bias" in out
    assert "note: no bias of a tail is checked: npadasoft conform --only 'B*'" in out


def test_of_a_bias_that_is_checked_nothing_is_said(capsys):
    assert gradcheck([*TINY, "--head-bias", "--port", "ours"]) == 0
    out = capsys.readouterr().out
    assert "head.bias" in out and "no bias of the head" not in out


def test_a_right_port_in_single_precision_is_not_accused_and_what_is_too_small_is_said(capsys):
    assert gradcheck(SMALL + ["--port", "ours", "--dtype", "float32"]) == 1
    out = capsys.readouterr().out
    assert "  FAIL" not in out and "  PASS" in out
    assert "RESULT: INCONCLUSIVE" in out and "blunt at" in out


def damaged(change):
    """A port whose answers to `op` are changed by `change(op, results)`."""
    class Damaged(Ours):
        def run(self, request):
            answer = super().run(request)
            return replace(answer, results=change(request.op, dict(answer.results)))
    return Damaged


def wrong_backward(op, results):
    if op == "backward":
        results["grad.tail.0.0.weight"] = results["grad.tail.0.0.weight"] * 1.5
    return results


def wrong_forward(op, results):
    return {name: a * 1.5 if name == "loss" else a for name, a in results.items()}


class NoBackward(Ours):
    info = replace(Ours.info, ops=("forward",))


class OnlyDouble(Ours):
    info = replace(Ours.info, dtypes=("float64",))


class Silent(Ours):
    def run(self, request):
        raise Fault("timeout", "no answer within 1 s")


class Failing(Ours):
    def run(self, request):
        return Answer(error=("other", "out of luck"))


class Skipping(Ours):
    def run(self, request):
        return Answer(skipped=("not yet", None))


WrongBackward, WrongForward = damaged(wrong_backward), damaged(wrong_forward)
Lacking = damaged(lambda op, results: {})


WrongInLogProb = damaged(lambda op, results: results | {
    "grad.head.weight": -results["grad.head.weight"]} if op == "log_prob_backward" else results)


class DropsOutput(Ours):
    """The loss alone is differentiated."""

    def backward(self, layer, input, target, cotangents, want):
        return super().backward(layer, input, target, {
            name: g for name, g in cotangents.items() if name != "output"}, want)


class NoLogProb(Ours):
    info = replace(Ours.info, ops=("forward", "backward", "log_prob"))


def here(name):
    return ["--port", f"{__name__}:{name}"]


def test_a_port_whose_backward_is_not_the_derivative_of_its_forward_is_told_where(capsys):
    assert gradcheck(TINY + here("WrongBackward") + ["--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert [t["path"] for t in report["tensors"] if t["verdict"] == "FAIL"] == [
        "tail.0.0.weight", "output: tail.0.0.weight"]
    assert report["tensors"][2]["hint"]["value"] == pytest.approx(1.5)


def test_and_so_is_one_whose_forward_is_the_wrong_one(capsys):
    assert gradcheck(TINY + here("WrongForward")) == 1
    out = capsys.readouterr().out
    assert "FAIL, 4 of 12 tensors" in out and "not which of" in out


def test_the_gradient_of_the_log_probabilities_is_checked_too(capsys):
    assert gradcheck(TINY + here("WrongInLogProb") + ["--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    failed = [t for t in report["tensors"] if t["verdict"] == "FAIL"]
    assert [t["path"] for t in failed] == ["log_prob: head.weight"] and len(
        report["tensors"]) == 12
    assert failed[0]["hint"]["value"] == pytest.approx(-1.0)
    assert gradcheck(TINY + here("NoLogProb")) == 0
    assert "log_prob_backward is not checked" in capsys.readouterr().out


def test_the_cotangent_of_output_is_checked_too(capsys):
    assert gradcheck(TINY + here("DropsOutput") + ["--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    failed = {t["path"] for t in report["tensors"] if t["verdict"] == "FAIL"}
    assert failed == {f"output: {t['path']}" for t in report["tensors"][:4]}


@pytest.mark.parametrize("options", [[], ["--max-elements", "5"]])
def test_how_many_requests_there_will_be_is_said_before(options, capsys):
    assert gradcheck(TINY + here("Ours") + options + ["--json"]) == 0
    out, err = capsys.readouterr()
    said = int(re.search(r"will be asked about ([\d,]+) times", err)[1].replace(",", ""))
    made = sum(json.loads(out)["evaluations"].values())
    assert 0.8 * made < said < 1.25 * made


def test_what_fails_behind_a_command_is_repeated_by_a_command(tmp_path, capsys):
    path = tmp_path / "a port.py"
    path.write_text(PORT.read_text().replace('cotangents.get("loss", 0.0) /',
                                             '2 * cotangents.get("loss", 0.0) /'))
    words = ["--classes", "3", "--cutoffs", "2", "--in-features", "2", "--batch", "2",
             "--div-value", "2", "--", sys.executable, str(path)]
    assert gradcheck(words) == 1
    out = "".join(line.strip(" ") + " " for line in capsys.readouterr().out.splitlines())
    again = shlex.split(out.partition("repeat: ")[2])
    assert again == ["npadasoft", "gradcheck", *words]


@pytest.mark.parametrize("name, words", [
    ("NoBackward", "has no backward: gradcheck checks both"),
    ("Silent", "forward: no answer"),
    ("Failing", "out of luck"), ("Skipping", "not yet"), ("Lacking", "lacks loss")])
def test_a_port_that_does_not_answer_exits_with_2(name, words, capsys):
    assert gradcheck(SMALL + here(name)) == 2
    assert words in capsys.readouterr().err


def test_a_port_that_adds_up_its_gradients_is_told_that_it_answers_otherwise(tmp_path, capsys):
    path = tmp_path / "port.py"
    words = ["--classes", "3", "--cutoffs", "2", "--in-features", "2", "--batch", "2",
             "--div-value", "2", "--", sys.executable, str(path)]
    text = PORT.read_text()
    for sum_up in (False, True):
        call = "        found = backward(config, params, x, y, cotangents, want)"
        path.write_text(text.replace(call, call + """
        for key in found if SUM_UP else ():
            found[key] = SEEN[key] = added(SEEN.get(key), found[key])""").replace(
            "def run(message):", f"""SUM_UP, SEEN = {sum_up}, {{}}


def added(a, b):
    return b if a is None else [added(x, y) for x, y in zip(a, b)] if isinstance(
        b, list) else a + b


def run(message):"""))
        assert gradcheck(words) == int(sum_up)
        out = " ".join(capsys.readouterr().out.split())
        assert out.count("the port answers otherwise when it is asked the same again") == sum_up


def test_a_precision_that_the_port_lacks_is_named(capsys):
    assert gradcheck(SMALL + here("OnlyDouble") + ["--dtype", "float32"]) == 2
    assert "computes in float64, not in float32" in capsys.readouterr().err


def test_a_large_layer_is_probed_throughout(capsys):
    assert gradcheck(["--in-features", "16", "--classes", "3000", "--cutoffs", "900",
                      "--div-value", "2"]) == 0
    out = capsys.readouterr().out
    assert len(re.findall(r"\d+ probes", out)) == 4 and "16x16" in out
    assert gradcheck(["--in-features", "8", "--classes", "9", "--cutoffs", "3", "--max-elements",
                      "2"]) == 0
    assert len(re.findall(r"\d+ probes", capsys.readouterr().out)) == 4


def test_the_command_is_reached_through_npadasoft(capsys):
    from npadasoft.cli import main
    assert main(["gradcheck", *SMALL]) == 0


def ptb():
    """0.43 million parameters, a vocabulary of 10 000, batch 64."""
    return ["--in-features", "200", "--classes", "10000", "--cutoffs", "1000,4000", "--batch", "64",
            "--div-value", "4"]


@pytest.mark.figures
def test_figure_of_a_check_at_ptb_size(capsys):
    import time
    start = time.perf_counter()
    status = gradcheck(ptb())
    took = time.perf_counter() - start
    with capsys.disabled():
        print(f"\nnpadasoft gradcheck {' '.join(ptb())}: {took:.1f} s\n{capsys.readouterr().out}")
    assert status == 0 and took < 10
