"""The ports in five languages: written from the templates, judged over every case."""

import io
import json
import shutil
import subprocess
import time
from contextlib import redirect_stdout
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from witnesses import tools

from npadasoft.conformance import command
from npadasoft.conformance.golden import vectors_io
from npadasoft.conformance.judge.numbers import hex_bits
from npadasoft.conformance.judge.plan import wanted

pytestmark = pytest.mark.once

PORTS = Path(__file__).parents[1] / "ports"
SOURCES = {
    "r": PORTS / "r" / "port.R",
    "javascript": PORTS / "plain_javascript.js",
    "cpp": PORTS / "plain_cpp.cpp",
    "go": PORTS / "plain_go.go",
    "octave": PORTS / "plain_octave.m",
}
RUNNERS = {"r": "Rscript", "javascript": "node"}
DTYPES = {language: ["float64", "float32"] for language in SOURCES} | {"r": ["float64"]}
BEYOND = ("go", "octave")              # these have topk, ignore_index and reduction, too
UNWRITTEN = {"jvp", "log_prob_jvp", "hvp", "embed", "embed_backward"}      # in no port here


def command_of(language, source, folder, optimise="-O2"):
    """How the port is started; C++ and Go are compiled first."""
    if language == "octave":            # a function file, found by its name
        return ["octave-cli", "-qf", "-p", str(source.parent), "--eval", source.stem]
    if language in RUNNERS:
        return [RUNNERS[language], str(source)]
    program = folder / "port"
    build = {"cpp": ["g++", "-std=c++17", optimise], "go": ["go", "build"]}[language]
    subprocess.run([*build, "-o", str(program), str(source)], check=True, timeout=300)
    return [str(program)]


@pytest.fixture(scope="module")
def argv(tmp_path_factory):
    """The command that starts the port in a language, compiled once."""
    known = {}

    def start(language):
        tools(language)
        if language not in known:
            folder = tmp_path_factory.mktemp(language)
            known[language] = command_of(language, SOURCES[language], folder)
        return known[language]

    return start


def conform(*arguments):
    """(exit status, what is printed) of `npadasoft conform`."""
    out = io.StringIO()
    with redirect_stdout(out):
        status = command.conform([*arguments])
    return status, out.getvalue()


@pytest.fixture(scope="module")
def judged(argv, tmp_path_factory):
    """(exit status, report) of the whole suite over the port in a language, once."""
    known = {}

    def judge(language):
        if language not in known:
            report = tmp_path_factory.mktemp("report") / "report.json"
            status, _ = conform("--quiet", "--report", str(report), "--", *argv(language))
            known[language] = status, json.loads(report.read_text())
        return known[language]

    return judge


@cache
def all_cases():
    return vectors_io.load()


@cache
def asked_of(id):
    """The operations that a case asks for."""
    found = [case for case in all_cases() if case["id"] == id]
    return wanted(found[0]) if found else ("echo",)         # IO, how numbers are read


def ratios(report, dtype):
    """Largest error of each case, as a multiple of its bound."""
    worst = [c["worst"] for c in report["cases"] if c["dtype"] == dtype]
    return [w["ratio"] for w in worst if w and w["ratio"] is not None]


# ------------------------------------------------------------------ the ports pass


@pytest.mark.parametrize("language", SOURCES)
def test_the_port_passes_all_tiers_in_every_dtype_of_its_language(language, judged):
    status, report = judged(language)
    assert status == 0
    for tier in ("required", "quality", "excellence"):
        assert list(report["summary"][tier]) == DTYPES[language]
        assert {c["verdict"] for c in report["cases"] if c["tier"] == tier
                and not set(asked_of(c["id"])) <= UNWRITTEN} == {"pass"}
    beyond = [c for c in report["cases"] if c["tier"] == "extensions"]
    assert {c["verdict"] for c in beyond} == {"pass", "skipped"}
    if language in BEYOND:
        assert all(set(asked_of(c["id"])) <= UNWRITTEN for c in beyond if c["verdict"] == "skipped")


@pytest.mark.parametrize("language", SOURCES)
def test_the_largest_error_comes_near_the_bound_and_stays_within(language, judged):
    for dtype in DTYPES[language]:
        assert 0.2 < max(ratios(judged(language)[1], dtype)) <= 1


def answer(argv, message):
    """What the port answers to one message."""
    lines = json.dumps({"seq": 1, **message}) + '\n{"cmd":"stop"}\n'
    done = subprocess.run(argv, input=lines, capture_output=True, text=True, timeout=60)
    return json.loads(done.stdout)


def log_prob_of(argv, case, dtype):
    """What the port answers, as the numbers of its text."""
    asked = {"cmd": "run", "op": "log_prob", "dtype": dtype, "want": ["log_prob"]}
    asked |= {name: case[name] for name in ("id", "config", "params")}
    asked |= {"inputs": {"input": case["inputs"]["input"]}, "cotangents": {}}
    return np.array(answer(argv, asked)["results"]["log_prob"]["data"])


@pytest.mark.parametrize("language", [name for name in SOURCES if "float32" in DTYPES[name]])
def test_float32_is_computed_in_float32_and_not_rounded_at_the_end(language, argv):
    case = vectors_io.select(vectors_io.load(), ["N22"])[0]
    narrow, wide = (log_prob_of(argv(language), case, dtype) for dtype in ("float32", "float64"))
    assert np.array_equal(narrow, narrow.astype(np.float32))
    assert np.any(narrow != wide.astype(np.float32))


@pytest.mark.parametrize("language", SOURCES)
def test_echo_shows_how_a_port_reads_numbers_and_how_it_writes_them(language, argv):
    sent = [0.1, 130.65331632653061, -0.0, 5e-324, "nan", "-inf"]
    for dtype in DTYPES[language]:
        found = answer(argv(language), {"cmd": "echo", "dtype": dtype, "data": sent})
        read, written = (np.asarray(numbers, dtype) for numbers in (sent, found["data"]))
        assert np.array_equal(written[:4], read[:4]) and found["data"][4:] == sent[4:]
        assert found["bits"][:4] == [hex_bits(v, dtype) for v in read[:4].tolist()]
        assert len(found["bits"]) == len(sent)


def test_the_required_tier_takes_the_compiled_port_under_five_seconds(argv):
    port = argv("cpp")
    before = time.perf_counter()
    assert conform("--tier", "required", "--quiet", "--", *port)[0] == 0
    assert time.perf_counter() - before < 5 * 4       # 5 s on two quiet cores; these may be busy


# ------------------------------------------------------------------ and could fail


SUM = {                                 # the loss is a sum, and should be a mean
    "r": ("loss = -mean(output)", "loss = -sum(output)"),
    "javascript": ("loss: round(-sum(output) / output.length)", "loss: -sum(output)"),
    "cpp": ("loss.data[0] /= Number(target.size());", ""),
    "go": ("loss.data[0] /= T(counting)", "_ = counting"),
    "octave": (" / numel(pass.rows);", ";"),
}


WRITES = {                              # numbers are written with fewer digits than they have
    "r": ("%.17g", "%.15g"),
    "javascript": ("if (Number.isFinite(value)) return value;",
                   "if (Math.abs(value) < 1e300) return Number(value.toPrecision(15));\n"
                   "  if (Number.isFinite(value)) return value;"),
    "octave": ("%.17g", "%.15g"),
}


@pytest.mark.parametrize("language", WRITES)
def test_a_writer_with_fifteen_digits_is_told_so(language, tmp_path):
    tools(language)
    copy = tmp_path / "ports"
    shutil.copytree(SOURCES[language].parent, copy)
    source, (right, wrong) = copy / SOURCES[language].name, WRITES[language]
    text = source.read_text()
    assert right in text
    source.write_text(text.replace(right, wrong))
    status, out = conform("--only", "IO", "--only", "T03", "--dtype", "float64", "--",
                          *command_of(language, source, tmp_path))
    assert status == 1 and "your numbers are written with 15 digits" in out
    assert "read rightly, and written wrongly" in out


@pytest.mark.parametrize("language", SOURCES)
def test_a_mistake_in_the_port_is_found_at_its_origin(language, tmp_path):
    tools(language)
    copy = tmp_path / "ports"
    shutil.copytree(SOURCES[language].parent, copy)
    right, wrong = SUM[language]
    where = [p for p in copy.iterdir() if p.is_file() and right in p.read_text()]
    assert len(where) == 1 and where[0].read_text().count(right) == 1
    where[0].write_text(where[0].read_text().replace(right, wrong))
    port = command_of(language, copy / SOURCES[language].name, tmp_path, optimise="-O0")
    status, out = conform("--only", "T03", "--dtype", "float64", "--", *port)
    assert status == 1 and "first divergence: loss " in out


# ------------------------------------------------------------------ they are the templates


def protocol(text):
    return text[text.index("---- the protocol: nothing to change") :]


@pytest.mark.parametrize("language", SOURCES)
def test_what_speaks_to_the_judge_is_the_template_word_for_word(language):
    out = io.StringIO()
    with redirect_stdout(out):
        assert command.port_template([language]) == 0
    assert protocol(SOURCES[language].read_text()) == protocol(out.getvalue())


# ------------------------------------------------------------------ R, as R torch documents it


AS_DOCUMENTED = """
source("nn_adaptive_log_softmax_with_loss.R")
documented <- alist(in_features = , n_classes = , cutoffs = , div_value = 4, head_bias = FALSE)
stopifnot(identical(formals(nn_adaptive_log_softmax_with_loss), as.pairlist(documented)))
set.seed(1)
layer <- nn_adaptive_log_softmax_with_loss(4, 6, c(2, 4), div_value = 2, head_bias = TRUE)
x <- matrix(rnorm(24), 6, 4)
found <- layer(x, 1:6)
log_p <- layer$log_prob(x)
stopifnot(identical(names(found), c("output", "loss")),
          all.equal(found$output, diag(log_p)), all.equal(found$loss, -mean(found$output)),
          all.equal(rowSums(exp(log_p)), rep(1, 6)), identical(layer$predict(x), max.col(log_p)))
for (bad in c(0, 7, 1.5)) {
  kind <- tryCatch({ layer(x, c(1:5, bad)); "accepted" }, refused = function(e) e$kind)
  stopifnot(kind == "target")
}
weights <- layer$state_dict()
h <- 1e-6
moved <- weights
moved$tail.1.0.weight[1, 3] <- moved$tail.1.0.weight[1, 3] + h
layer$load_state_dict(moved)
slope <- (layer(x, 1:6)$loss - found$loss) / h
layer$load_state_dict(weights)
# a forward difference errs by h / 2 times the second derivative and by 2 u / h of cancellation
stopifnot(abs(slope - layer$backward(x, 1:6)$params$tail.1.0.weight[1, 3]) < 1e-5)
wrong <- tryCatch({ layer$load_state_dict(weights[-1]); "accepted" }, refused = function(e) e$kind)
stopifnot(wrong == "shape")
cat("as documented")
"""


def test_the_layer_in_r_has_the_name_and_arguments_of_r_torch_and_counts_from_1():
    tools("r")
    done = subprocess.run(
        ["Rscript", "-e", AS_DOCUMENTED],
        cwd=PORTS / "r",
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout == "as documented", done.stderr
