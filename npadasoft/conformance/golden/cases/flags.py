"""What a flag on a case says: the kind of bug it is there to find, and what that does to a user."""

FLAGS: dict[str, dict] = {}


def _flag(name: str, bug_type: str, description: str, effect: str, *links: str) -> None:
    FLAGS[name] = {"bug_type": bug_type, "description": description, "effect": effect,
                   "links": list(links)}


_PAPER = "https://arxiv.org/abs/1609.04309"
_LSE = "https://arxiv.org/abs/1909.03469"
_TORCH = "https://docs.pytorch.org/docs/stable/generated/torch.nn.AdaptiveLogSoftmaxWithLoss.html"
_PADDLE = "https://www.paddlepaddle.org.cn/documentation/docs/"
_ISSUE = "https://github.com/pytorch/pytorch/issues/"

# ------------------------------------------------------------------ construction

_flag("Minimal", "EDGE_CASE", "The smallest sizes that are legal: one feature, one class, one row.",
      "A crash, or a dimension of one that is dropped.", _ISSUE + "16658",
      "https://github.com/PaddlePaddle/Paddle/pull/73554")
_flag("HiddenSize", "FLOOR_DIVISION",
      "The hidden size of tail i is int(D // div_value ** (i + 1)), in Python floats.",
      "Weights of another shape: a checkpoint of one implementation does not fit the other.",
      _ISSUE + "114334", "https://github.com/rosinality/adaptive-softmax-pytorch")
_flag("ZeroHidden", "EDGE_CASE", "A hidden size of 0 makes a tail uniform.",
      "A crash, or a hidden size of 1 that nobody asked for.", _ISSUE + "114334")
_flag("HeadBias", "MISSING_TERM",
      "One bias in the head, for classes and tails alike; none in the tails.",
      "Scores without their bias, or a bias on the classes alone.", _ISSUE + "37155")
_flag("Configuration", "MISSING_CHECK", "A configuration that makes no layer.",
      "A layer that cannot be used, or a tail without classes.", _TORCH, _ISSUE + "106698")

# ------------------------------------------------------------------ routing

_flag("Routing", "ROUTING", "Rows are spread over several tails, in mixed order.",
      "Rows meet the wrong tail, or results come back grouped by tail.", _PAPER,
      "https://github.com/kimiyoung/transformer-xl")
_flag("ColumnOrder", "ORDER", "Several tails, each with its own column of the head.",
      "Clusters in descending order, as Transformer-XL has them, pass with one tail only.",
      "https://github.com/kimiyoung/transformer-xl")
_flag("Boundary", "OFF_BY_ONE", "Targets at and beside the cutoffs: one equal to a cutoff belongs "
      "to the next tail.", "Neighbouring classes are exchanged.", _TORCH)
_flag("EqualClusters", "ORDER", "Clusters of the same size and hidden size: their weights can be "
      "exchanged unseen.", "Two tails are swapped, and no shape complains.")
_flag("Square", "LAYOUT", "Square weights, and batches as large as they are.",
      "A matrix is used transposed, and no shape complains.",
      _PADDLE + "en/api/paddle/nn/AdaptiveLogSoftmaxWithLoss_en.html")
_flag("UnusedCluster", "EDGE_CASE", "No row has its target in some tail.",
      "Gradients of another shape, none at all, or what an earlier call left there.",
      "https://github.com/soskek/efficient_softmax/issues/1")
_flag("SingleRow", "BROADCASTING", "One row, or one row in a tail.",
      "A dimension of one is dropped or stretched.",
      "https://github.com/PaddlePaddle/Paddle/pull/73554")
_flag("State", "STATE", "Several requests of one shape follow each other.",
      "Something that the last call left is used again.")
_flag("Unbatched", "SHAPE", "One example without a batch axis.",
      "Results keep an axis that the input did not have.",
      "https://github.com/pytorch/pytorch/pull/69054")

# ------------------------------------------------------------------ refusal

_flag("Refusal", "MISSING_CHECK", "Input that makes no sense and must be refused.",
      "A silent wrong number: such a row costs 0, or is read from the end.", _TORCH,
      "https://github.com/huggingface/transformers/pull/20326")

# ------------------------------------------------------------------ arithmetic

_flag("ExactGemm", "ARITHMETIC",
      "All products and sums of the scores are exact: they compare as equal numbers.",
      "A difference is a bug, never rounding.")
_flag("Rounding", "ARITHMETIC", "Numbers of 24 significant bits: nothing is exact.",
      "Errors that hide behind exact sums.", _LSE)
_flag("Statistics", "ARITHMETIC", "Thousands of generic numbers, whose errors are taken together.",
      "Sums that truncate, factors cut short, an exp that leans to one side: within every bound, "
      "and wrong in the mean.",
      "https://github.com/arm/tosa-specification", _LSE)
_flag("DecimalText", "NUMBER_FORMAT", "Numbers that a float32 or a six-digit reader damages.",
      "Weights are read with six digits, and every result is off in the seventh.")
_flag("Shift", "OVERFLOW", "Scores that exp cannot take, unless the row's own maximum is taken "
      "out first.", "inf, nan, or log of 0.", _LSE)
_flag("LargeShift", "CANCELLATION", "Scores far from 0 but close to each other.",
      "z - (m + log sum) loses the digits that m has too many.", _LSE)
_flag("Spread", "UNDERFLOW", "Scores of one row that are far apart.",
      "log of a probability that has become 0.", _LSE)
_flag("Underflow", "UNDERFLOW", "Gradients smaller than the smallest normal number.",
      "nan from 0 / 0, or a gradient that is not 0 where it should be.")
_flag("SignedZero", "ARITHMETIC", "Inputs of -0.0.",
      "A sign, or an infinity of the wrong sign, appears.")
_flag("EqualScores", "TIES", "All scores of a softmax are equal.",
      "A maximum that is found twice is left out of the sum twice.")
_flag("Confident", "CANCELLATION",
      "The target's probability is 1 to within rounding; all scores are exact.",
      "Loss and gradient are exactly 0 where they are small: training stops early on such rows.",
      _LSE)
_flag("MaskedClass", "INFINITY", "A score of -inf: a class that cannot be.",
      "nan from inf - inf or 0 · inf.")
_flag("NonFinite", "INFINITY", "nan or inf in one row.", "Other rows are lost with it.")
_flag("EmptyBatch", "EDGE_CASE", "No rows at all.", "A crash, or gradients of nan.")

# ------------------------------------------------------------------ results

_flag("Predict", "ARGMAX", "The most probable class, over the shortlist and all tails.",
      "A greedy choice: the best tail's best class, though another class is more probable.",
      "https://github.com/huggingface/transformers/issues/4461")
_flag("Ties", "TIES", "Two classes are equally probable, or nearly.",
      "Another class than the lowest, or none.")
_flag("Gradient", "GRADIENT", "Every gradient of several tails of unequal sizes.",
      "A layer that learns something else, or a tail that does not learn.",
      "https://github.com/PaddlePaddle/Paddle")
_flag("Cotangent", "GRADIENT", "What arrives at output and loss differs from row to row.",
      "A uniform cotangent hides most mistakes of a softmax's gradient.")
_flag("Accumulation", "GRADIENT", "Many rows share a class, or an input.",
      "Only the last row's gradient is kept, or rows are counted twice.")
_flag("LogProbBackward", "GRADIENT", "Gradients of all log-probabilities.",
      "Only the target's tail is differentiated.")

# ------------------------------------------------------------------ beyond torch

_flag("NdBatch", "SHAPE", "More than one batch axis.", "An error, or numbers of the wrong shape.",
      "https://github.com/pytorch/pytorch/issues/12675")
_flag("IgnoreIndex", "PADDING", "Rows of padding.",
      "Padding counts in the mean, or a class that is legal within its tail pays nothing.",
      _ISSUE + "12675", "https://github.com/facebookresearch/fairseq/pull/1629")
_flag("Reduction", "REDUCTION", "The loss is a sum, or is not reduced.",
      "Off by the number of rows.", _ISSUE + "89053",
      "https://github.com/huggingface/transformers/pull/16140")
_flag("LinearHead", "MISSING_TERM", "The head alone: the cross-entropy of a linear map.",
      "A bias that is not added where it should be, negative losses: a released kernel had both.",
      "https://github.com/apple/ml-cross-entropy/issues/52")
_flag("LabelSmoothing", "REDUCTION", "A part of every label belongs to all classes.",
      "The part is shared by the other classes alone, or padding pays it.",
      "https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html")
_flag("TopK", "ARGMAX", "The k most probable classes.",
      "A class of a tail that was not looked at is missing.")
_flag("TailBias", "MISSING_TERM", "A bias in the output map of every tail.",
      "Scores of the tails without their bias, or a bias that does not train.",
      _ISSUE + "37155", "https://github.com/kimiyoung/transformer-xl")
_flag("Tangent", "GRADIENT", "How results, and gradients, move along a direction of input and "
      "weights.", "A term of the product rule is missing: one of the two factors stands still.",
      "https://doi.org/10.1162/neco.1994.6.1.147")
_flag("AdaptiveInput", "ROUTING", "The embedding that is cut by the same cutoffs: a table and a "
      "projection for each band.",
      "Classes read the vectors of others, or their gradients are lost.",
      "https://arxiv.org/abs/1809.10853")
