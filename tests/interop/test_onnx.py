"""The ONNX export: standard operators; two runtimes agree with the layer and the vectors."""
import os

import numpy as np
import pytest

from npadasoft import AdaptiveLogSoftmaxWithLoss
from npadasoft.interop import to_onnx
from npadasoft.interop import onnx as export

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

from onnx.reference import ReferenceEvaluator     # noqa: E402

from npadasoft.conformance.golden import vectors_io     # noqa: E402
from npadasoft.conformance.ports.onnxruntime import OnnxReference, OnnxRuntime      # noqa: E402
from npadasoft.conformance.judge.session import Session       # noqa: E402


def in_onnxruntime(path):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda **feeds: session.run(None, feeds)


def in_reference(path):
    evaluator = ReferenceEvaluator(str(path))
    return lambda **feeds: evaluator.run(None, feeds)


RUNTIMES = pytest.mark.parametrize("runtime", [in_onnxruntime, in_reference])
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def a_layer(dtype=np.float64, **options):
    return AdaptiveLogSoftmaxWithLoss(8, 20, [5, 9, 19], 2.0, head_bias=True, dtype=dtype, rng=0,
                                      **options)


def rows(n, dtype=np.float64):
    rng = np.random.default_rng(1)
    return rng.standard_normal((n, 8)).astype(dtype), rng.integers(0, 20, n)


def limit(dtype):
    """Log-probabilities here are below 8, each from sums of 8 + 4 terms, twice: 2 * 24 * 8 u."""
    return 2 * 24 * 8 * np.finfo(dtype).eps / 2


@RUNTIMES
@DTYPES
@pytest.mark.parametrize("n", [0, 1, 2, 33])
@pytest.mark.filterwarnings("ignore:invalid value encountered in divide")   # 0 / 0, the reference's
def test_every_function_is_the_layers_for_any_number_of_rows(tmp_path, runtime, dtype, n):
    asm, (x, y) = a_layer(dtype), rows(n, dtype)
    for function in export.FUNCTIONS:
        to_onnx(asm, tmp_path / f"{function}.onnx", function)
    (log_prob,) = runtime(tmp_path / "log_prob.onnx")(input=x)
    assert log_prob.dtype == dtype and log_prob.shape == (n, 20)
    assert not n or np.abs(log_prob).max() < 8
    assert not n or np.abs(log_prob - asm.log_prob(x)).max() <= limit(dtype)
    (predict,) = runtime(tmp_path / "predict.onnx")(input=x)
    assert predict.dtype == np.int64 and predict.tolist() == asm.predict(x).tolist()
    output, loss = runtime(tmp_path / "forward.onnx")(input=x, target=y)
    wanted = asm(x, y)
    assert output.dtype == dtype and output.shape == (n,) and loss.shape == ()
    assert not n or np.abs(output - wanted.output).max() <= limit(dtype)
    assert np.isnan(loss) if n == 0 else abs(loss - wanted.loss) <= limit(dtype)


@RUNTIMES
@DTYPES
def test_a_confident_example_keeps_its_loss(tmp_path, runtime, dtype):
    """The loss is log1p(2 exp(-z)) for a gap of z, far below the machine epsilon."""
    weight = np.zeros((3, 1), dtype)
    weight[0] = 60
    asm = AdaptiveLogSoftmaxWithLoss.from_state_dict({
        "head.weight": weight, "tail.0.0.weight": np.ones((1, 1), dtype),
        "tail.0.1.weight": np.ones((4, 1), dtype)})
    to_onnx(asm, tmp_path / "m.onnx", "forward")
    _, loss = runtime(tmp_path / "m.onnx")(input=np.ones((1, 1), dtype), target=np.array([0]))
    exact = np.log1p(2 * np.exp(-60.0))
    # exp of -60 as rounded, a sum, and log(1 + s) · s / s: 8 units of the last place
    assert abs(float(loss) - exact) <= 8 * np.finfo(dtype).eps * exact


@RUNTIMES
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("ignore_index", [None, 3, -100])
def test_ignored_targets_and_reductions_are_the_layers(tmp_path, runtime, reduction, ignore_index):
    asm, (x, y) = a_layer(reduction=reduction, ignore_index=ignore_index), rows(12)
    y[2:5] = 3 if ignore_index is None else ignore_index
    if ignore_index is not None:
        x[3] = np.nan
    to_onnx(asm, tmp_path / "m.onnx", "forward")
    output, loss = runtime(tmp_path / "m.onnx")(input=x, target=y)
    wanted = asm(x, y)
    assert np.abs(output - wanted.output).max() <= limit(np.float64)
    assert loss.shape == np.shape(wanted.loss)
    assert np.abs(loss - wanted.loss).max() <= (12 if reduction == "sum" else 1) * limit(np.float64)


@RUNTIMES
@pytest.mark.parametrize("target", [[0, 20], [0, -1], [-100, 5], [0, 10**9], [0], [0, 1, 2]])
def test_a_bad_target_is_no_answer_in_either_runtime(tmp_path, runtime, target):
    to_onnx(a_layer(), tmp_path / "m.onnx", "forward")
    run = runtime(tmp_path / "m.onnx")
    run(input=rows(2)[0], target=np.array([0, 19]))
    with pytest.raises(Exception, match="(?i)out of|bounds|range|reshape"):
        run(input=rows(2)[0], target=np.array(target))


@RUNTIMES
@pytest.mark.filterwarnings("ignore:tail . has hidden size 0")
@pytest.mark.parametrize("tail_bias", [False, True])
def test_a_tail_of_hidden_size_0_is_uniform_but_for_its_bias(tmp_path, runtime, tail_bias):
    asm = AdaptiveLogSoftmaxWithLoss(4, 9, [2, 5], 4.0, tail_bias=tail_bias, rng=0)
    rng = np.random.default_rng(1)
    asm = asm.with_parameters(asm.parameters.map(lambda w: rng.standard_normal(w.shape)))
    assert asm.hidden_sizes == (1, 0)
    to_onnx(asm, tmp_path / "m.onnx")
    x = np.random.default_rng(0).standard_normal((5, 4))
    assert np.abs(runtime(tmp_path / "m.onnx")(input=x)[0] - asm.log_prob(x)).max() <= limit(float)


@pytest.mark.parametrize("function", export.FUNCTIONS)
def test_a_model_states_what_it_needs_and_needs_standard_operators_alone(tmp_path, function):
    model = to_onnx(a_layer(), tmp_path / "m.onnx", function)
    read = onnx.load(tmp_path / "m.onnx")
    assert read == model
    onnx.checker.check_model(read, full_check=True)
    assert [(o.domain, o.version) for o in read.opset_import] == [("", export.OPSET)]
    assert read.ir_version == export.IR_VERSION and read.producer_name == "npadasoft"
    assert {node.domain for node in read.graph.node} == {""}
    values = [*read.graph.input, *read.graph.output]
    dims = {v.name: [d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim]
            for v in values}
    assert dims["input"] == ["N", 8]
    assert dims[{"forward": "output"}.get(function, function)][0] == "N"
    assert os.listdir(tmp_path) == ["m.onnx"]


@pytest.mark.parametrize("function, options, message", [
    ("backward", {}, "function should be one of forward, log_prob, predict, not 'backward'"),
    ("predict", {"dtype": np.float16}, "float32 or float64, but the layer is float16"),
    ("predict", {"dtype": np.complex128}, "but the layer is complex128")])
def test_what_cannot_be_exported_is_refused(tmp_path, function, options, message):
    with pytest.raises(ValueError, match=message):
        to_onnx(a_layer(**options), tmp_path / "m.onnx", function)
    assert os.listdir(tmp_path) == []


def test_weights_beyond_a_protobuf_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(export, "_MAX_BYTES", 1000)
    with pytest.raises(ValueError, match="the weights have .* bytes, and an ONNX file holds 1000"):
        to_onnx(a_layer(), tmp_path / "m.onnx")


@pytest.mark.parametrize("port", [OnnxRuntime, OnnxReference])
def test_the_export_passes_every_vector_that_asks_what_it_can(port):
    """In float32 and float64; gradients, sizes and N-d calls are not exported."""
    results = Session(port(), vectors_io.load()).run(["float64", "float32"])
    verdicts = {r.verdict for r in results}
    bad = [(r.id, r.dtype, r.message, r.differing) for r in results
           if r.verdict not in ("pass", "skipped", "incomplete")]
    assert not bad and "pass" in verdicts
    judged = [c for r in results for c in r.comparisons.values() if c.ratio is not None]
    assert len(judged) > 300 and not any(c.differs for r in results for c in r.comparisons.values())
