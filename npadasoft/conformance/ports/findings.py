"""What was found in the ports, each with the cases or the script that shows it.

A script lies in findings/ at the top of the repository, brings the packages that it needs and runs
without this one; it exits with 1 once the behaviour has changed. Cases are named by their ids:
`npadasoft vectors show ID` prints one.
"""
import textwrap
from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass(frozen=True)
class Finding:
    """One thing that ports do otherwise than the layer, and where to see it."""

    ports: tuple[str, ...]
    says: str
    cases: tuple[str, ...] = ()         # ids or patterns of them
    script: str = ""                    # name of a file in findings/
    dtypes: tuple[str, ...] = ("float64", "float32")    # in which the cases show it

    def explains(self, port, case, dtype):
        """Whether the failure of `port` on the case in `dtype` is this finding."""
        return (port in self.ports and dtype in self.dtypes
                and any(fnmatchcase(case, pattern) for pattern in self.cases))

    def lines(self):
        """The sentence, wrapped, and where to see it."""
        shown = [f"cases {' '.join(self.cases)}"] if self.cases else []
        shown += [f"findings/{self.script}.sh"] if self.script else []
        text = textwrap.wrap(self.says, 94, initial_indent="  - ", subsequent_indent="    ")
        return [*text, f"    {'; '.join(shown)}"]


PYTORCH = ("torch", "torch-newest")
TORCH = (*PYTORCH, "torch-compile", "libtorch")
TRANSFORMERS = ("transfo-xl", "transfo-xl-default", "transfo-xl-newest")
XL = (*TRANSFORMERS, "pytorch-transformers")
PRIMITIVES = ("autograd", "jax", "mlx", "tensorflow", "chainer", "tinygrad")
KERAS = "keras-adaptive-softmax"
LINEAR = ("linear-torch", "linear-torch-fused", "linear-torch-chunked", "linear-optax",
          "linear-sklearn", "linear-cut", "linear-tensorflow", "linear-keras", "linear-paddle",
          "linear-mlx", "linear-chainer", "linear-tinygrad")
TEXTBOOK = (*TORCH, "fairseq", *XL, "paddle", "gluon-nlp", "dynet", KERAS, *PRIMITIVES, *LINEAR)
FINDINGS = (
    Finding(TEXTBOOK,
            "a confident example loses its loss and gradient: both are 0 from a gap of 37 "
            "(float32: 17) on, and half of the digits are gone at 20",
            cases=("X*", "L20", "L21"), script="torch_confident"),
    Finding(("linear-torch-chunked",),
            "in chunks, a batch of padding alone has gradients of nan, where the plain path of the "
            "same function has 0",
            cases=("L22",), script="torch_chunked_cross_entropy_of_padding"),
    Finding(("linear-optax",),
            "a target that is no class is taken, and the loss is nan or another class's",
            cases=("L18", "L19"), script="optax_labels_that_are_none"),
    Finding(("linear-cut",),
            "float64 is made float32: all of its numbers have seven digits",
            cases=("L*",), dtypes=("float64",)),
    Finding(("linear-mlx",),
            "a target that is no class is taken: it has the loss of some class, and its gradient "
            "is the next row's",
            cases=("L18",)),
    Finding(("linear-paddle",),
            "the mean is over all rows, padding too, if padding is marked by a negative number, as "
            "it is by default; of padding alone it is 0",
            cases=("L05", "L22"), script="paddle_mean_over_padding"),
    Finding(("linear-paddle",),
            "smoothed labels are made in float32, and padding among them is an error",
            cases=("L08", "L09"), script="paddle_smoothing_in_float32"),
    Finding(("linear-keras", "linear-chainer"),
            "a batch of padding alone costs 0, not nan (so does one without rows in Keras)",
            cases=("L22", "L23")),
    Finding(("linear-chainer",),
            "label -1 is the last class where ignore_label is another number",
            cases=("L19",)),
    Finding(("linear-chainer",),
            "a batch without rows has no gradient to give: its backward counts wrongly and raises",
            cases=("L23",), script="chainer_cross_entropy_of_no_rows"),
    Finding(("linear-tinygrad",),
            "a label that is no class costs nothing and counts in the mean, as padding of -1 does",
            cases=("L18", "L19"), script="tinygrad_labels_that_are_none"),
    Finding(("linear-tinygrad",),
            "a batch of padding alone has gradients of nan",
            cases=("L22",)),
    Finding(("linear-sklearn",),
            "a target of n_classes is taken (by the loss, which is internal: LogisticRegression "
            "numbers the labels itself)",
            cases=("L18",)),
    Finding(("onnxruntime", "onnxruntime-node"),
            "Log of float64 leans: on average it is a quarter of a last place too small",
            script="onnxruntime_log_leans"),
    Finding(TORCH,
            "no batch of more than one axis, and no log_prob or predict of a single example",
            cases=("A01", "A02", "A03", "A04")),
    Finding((*PYTORCH, "libtorch"),
            "predict of a 3-D batch is wrong numbers, without an error for some lengths",
            script="torch_predict_3d"),
    Finding((*PYTORCH, "torch-compile", "paddle", "gluon-nlp"),
            "a layer of no features is built",
            cases=("E20",)),
    Finding(PYTORCH,
            "under autocast a batch fails once a target lies in a tail",
            script="torch_autocast"),
    Finding(PYTORCH,
            "its forward cannot be exported to ONNX: torch.export refuses it",
            script="torch_full_graph"),
    Finding(("torch-compile",),
            "fullgraph=True fails: forward asks the data which clusters are used",
            script="torch_full_graph"),
    Finding(("libtorch",),
            "hidden sizes are floors of rounded quotients, 640 for 1024 / 1.6 where Python's "
            "layer has 639: a checkpoint of one does not fit the other",
            cases=("S08", "S09", "S10")),
    Finding(("libtorch",),
            "a hidden size of 0 cannot be built (from is out of bounds for float)",
            cases=("S15", "S16", "S24")),
    Finding(("libtorch",),
            "three targets for four rows are taken, and three results given; so is one target",
            cases=("E06", "E24")),
    Finding(("libtorch",),
            "loss is a C++ double: nothing to call backward on",
            script="libtorch_loss_is_a_double"),
    Finding(("paddle", "linear-paddle"),
            "on a CPU log_softmax is cut off at -64: a loss of 800 is 64, a class that cannot "
            "be has exp(-64), and gradients below 1.6e-28 are 1.6e-28",
            cases=("N08", "N09", "N10", "N17", "N18", "N24", "L17"), script="paddle_clips_at_64"),
    Finding(("paddle",),
            "the tails are in a plain list: no optimizer trains them, no state_dict saves them",
            script="paddle_tails_are_not_trained"),
    Finding(("paddle",),
            "predict of a 3-D batch is of another shape, without an error for some lengths",
            script="paddle_predict"),
    Finding(("paddle",),
            "predict is float32, in which classes above 2**24 run together",
            script="paddle_predict"),
    Finding(("paddle",),
            "log_prob has the default dtype, whatever the layer's",
            script="paddle_log_prob_has_the_default_dtype"),
    Finding(("paddle",),
            "float labels are taken, and the loss is something",
            script="paddle_takes_float_labels"),
    Finding(("paddle",),
            "no batch of more than one axis, and no log_prob of a single example",
            cases=("A01", "A02", "A03", "A04")),
    Finding(("fairseq",),
            "the criterion takes class number padding_idx of every tail for padding: it pays no "
            "loss and gets no gradient; and padding in a tail still pays the head",
            cases=("A06", "A07"), script="fairseq_ignore_index_in_tails"),
    Finding(("fairseq",),
            "get_log_prob has no gradient: it overwrites what log_softmax needs",
            cases=("G04", "G23", "G24", "G25", "G26", "G27", "G29", "X09", "A04"),
            script="fairseq_log_prob_has_no_gradient"),
    Finding(("fairseq",),
            "get_log_prob(input, target) is no distribution",
            script="fairseq_log_prob_with_target"),
    Finding(("fairseq",),
            "targets of other batch axes than the rows are taken: both are flattened",
            cases=("E29",), script="fairseq_targets_of_other_axes"),
    Finding(("fairseq",),
            "repeated, zero and negative cutoffs are taken, and n_classes as a cutoff and a "
            "single class as well",
            cases=("E12", "E13", "E14", "E16", "E21")),
    Finding(("fairseq",),
            "padding_idx must be a class of the head: 255 beside ten classes is out of bounds",
            cases=("A23",)),
    Finding(("fairseq",),
            "an empty batch fails in the criterion and in get_log_prob",
            cases=("F06", "F07", "F08")),
    Finding(XL,
            "a label that is no class costs nothing",
            cases=("E01", "E02", "E03", "E05", "E26"), script="transfo_xl_labels_out_of_range"),
    Finding(TRANSFORMERS,
            "the model's mean leaves out losses of 0, so that a confident token raises the loss",
            cases=("N09", "N10", "N11"), script="transfo_xl_mean_leaves_out_zero_losses"),
    Finding(("transfo-xl-newest",),
            "the model around the layer raises for every batch (the port asks the layer alone)",
            script="transfo_xl_newest_does_not_run"),
    Finding(XL,
            "a div_val that is no int cannot be built",
            cases=("S08", "S09", "S10", "S13", "S14", "S31"),
            script="transfo_xl_float_div_val"),
    Finding(TRANSFORMERS,
            "log_prob raises for any cluster (the port asks forward without labels instead)",
            script="transfo_xl_log_prob"),
    Finding(XL,
            "bad configurations are built: repeated and zero cutoffs, n_classes as a cutoff, no "
            "features, one class, a div_value of 1e300",
            cases=("E12", "E13", "E14", "E20", "E21", "E22")),
    Finding(XL,
            "an empty batch, or one all of whose rows are ignored, has no gradient to give",
            cases=("F07", "A08")),
    Finding(("transfo-xl-default",),
            "losses come grouped by cluster, not in the order of the labels",
            cases=("S*", "T*", "N*", "G*", "F0[24]", "A0[59]", "R0[14]", "B0[1567]"),
            script="transfo_xl_default_order"),
    Finding(TRANSFORMERS,
            "an ignored row of nan reaches the gradients of the head: the row is scored, and "
            "its loss left out",
            cases=("A09",)),
    Finding(("gluon-nlp",),
            "in float32 MXNet's log_softmax is six times less accurate than the plain "
            "formula: most cases miss their bound, by a factor of 1 to 4",
            cases=("[STNPGFARB]*",), script="mxnet_float32_log_softmax",
            dtypes=("float32",)),
    Finding(("gluon-nlp",),
            "a target that is no class is clipped to one",
            cases=("E01", "E02", "E03", "E05"), script="gluon_nlp_labels_out_of_range"),
    Finding(("gluon-nlp",),
            "a single example without a batch axis fails",
            cases=("T19", "T20")),
    Finding(("gluon-nlp",),
            "MXNet's mean (the port's doing: the class has none) of an infinite loss is nan, "
            "and of no losses 0 or an error",
            cases=("N18", "F06", "F07", "A01")),
    Finding(("fairseq",),
            "not a fault: output and loss are computed apart, so their gradients are added "
            "after rounding, which shows where they cancel",
            cases=("A11",)),
    Finding(("jax", "tensorflow"),
            "subnormal numbers are flushed to 0 (jax's also in comparisons)",
            cases=("N10",), script="jax_has_no_subnormals"),
    Finding(PYTORCH,
            "torch.func's jacrev, jacfwd and hessian raise where exactly one row of the batch lies "
            "in some tail",
            script="torch_hessian_with_one_row_in_a_tail"),
    Finding(("autograd",),
            "scores less their logsumexp, as its log-softmax must be written, lose digits where "
            "all scores are shifted far",
            cases=("N02", "N05")),
    Finding(("chainer",),
            "scores less their logsumexp, which is its log-softmax, lose digits where all scores "
            "are shifted far",
            cases=("N02", "N05")),
    Finding(("chainer",),
            "a Variable divided by the int 0 raises ZeroDivisionError, so that a mean over no rows "
            "must be asked for otherwise",
            cases=("F06", "F07", "A08")),
    Finding(("dynet",),
            "full_log_distribution is not the distribution that the loss is taken from",
            cases=("[STNPGFR]*", "X09"), script="dynet_full_distribution_is_another"),
    Finding(("dynet",),
            "its loss of a row is the log of a sum less a score: shifted far, digits are lost",
            cases=("N02", "N05")),
    Finding(("dynet",),
            "a batch without rows has no gradient, as none of its expressions is asked (the port "
            "asks it row by row)",
            cases=("F07", "A01", "A02")),
    Finding(("mlx", "linear-mlx"),
            "float64 is counted in float32 in exp, and so in log-sum-exp",
            cases=("[STNPGXFARB]*", "L*"), script="mlx_float64_in_float32", dtypes=("float64",)),
    Finding(("mlx", "linear-mlx"),
            "a batch without rows is refused by logsumexp, and one all of whose rows are ignored "
            "has the gradient nan",
            cases=("F06", "F07", "F08", "A08", "L23")),
    Finding(("openvino",),
            "float64 is computed in float32, without a word",
            cases=("[STNPGXFARB]*",), script="openvino_computes_float64_in_float32",
            dtypes=("float64",)),
    Finding(("openvino",),
            "a target that is no class is taken, and has a loss, another one from run to run: "
            "Gather does not look",
            cases=("E01", "E02", "E03", "E05", "E26")),
    Finding(("gluon-nlp",),
            "hidden sizes are those of a rounded quotient, as libtorch's; 0 cannot be built",
            cases=("S08", "S09", "S10", "S15", "S16", "S24", "B05")),
    Finding((KERAS,),
            "it gives probabilities, which Keras's cross-entropy cuts at 1e-7: a rarer class costs "
            "16.12 and is not learned",
            cases=("N08", "N09", "N1[0178]", "N24", "R04"),
            script="keras_adaptive_softmax_rare_words"),
    Finding((KERAS,),
            "that cross-entropy puts the probabilities' logarithms through one more softmax, so "
            "that tails without a target get rounding for a gradient, in place of 0",
            cases=("S04", "S07", "S23", "T*", "N02", "N0[456]", "N1[56]", "N22", "G*", "F0[34]")),
    Finding((KERAS,),
            "the logarithms of its probabilities, which are rounded first, lean to one side",
            cases=("R02",)),
    Finding((KERAS,),
            "a div_val that is no int cannot be built (the port sets such sizes by hand)",
            cases=("S08", "S09", "S10", "S13", "S14", "S31")),
    Finding((KERAS,),
            "repeated and zero cutoffs, n_classes as a cutoff, one class, a div_value of 1e300 "
            "are taken",
            cases=("E12", "E13", "E14", "E21", "E22")),
    Finding((KERAS,),
            "a single example without a batch axis fails",
            cases=("T19", "T20", "A03", "A04")),
    Finding(PYTORCH,
            "a row that is sure of its class stands still: forward mode and the Hessian's product, "
            "by torch.func, are exactly 0 where they are 1 - p = 8.5e-18",
            cases=("X20",)),
    Finding(PYTORCH,
            "what is wrong of batches is wrong along a direction: more axes and none",
            cases=("J13", "J16")),
    Finding(("fairseq-input",),
            "an index of n_classes or more is no error: its vector is whatever stood in memory",
            cases=("I21",)),
    Finding(("transfo-xl-input",), "an index that is no class reads zeros",
            cases=("I20", "I21", "I22")),
    Finding(("gluon-nlp-input",),
            "an index that is no class is clipped to one; the argument dtype changes nothing",
            cases=("I20", "I21", "I22")),
    Finding(("gluon-nlp", *PRIMITIVES),
            "every row goes through every cluster, so nan in one row is in the gradients of "
            "clusters that it does not use",
            cases=("F03", "F04")),
)
