"""What a flag on a case says: the kind of bug that the case is there to find, and what it does to a user."""

FLAGS: dict[str, dict] = {}


def _flag(name: str, bug_type: str, description: str, effect: str, *links: str) -> None:
    FLAGS[name] = {"bug_type": bug_type, "description": description, "effect": effect, "links": list(links)}


_PAPER = "https://arxiv.org/abs/1609.04309"
_TORCH = "https://docs.pytorch.org/docs/stable/generated/torch.nn.AdaptiveLogSoftmaxWithLoss.html"

_flag("Minimal", "EDGE_CASE", "The smallest sizes that are legal.",
      "A crash, or a dimension of one that is dropped.", _TORCH)
_flag("Routing", "ROUTING", "Rows are spread over several clusters, in mixed order.",
      "Rows meet the wrong cluster, or results come back in another order.", _PAPER)
_flag("Boundary", "OFF_BY_ONE", "Targets at and beside the cutoffs: a target equal to a cutoff belongs to the next cluster.",
      "Neighbouring classes are exchanged.", _TORCH)
_flag("ExactGemm", "ARITHMETIC", "All products and sums of the scores are exact: they compare as equal numbers.",
      "A difference is a bug, never rounding.")
_flag("Refusal", "MISSING_CHECK", "Input that makes no sense and must be refused.",
      "A silent wrong number, or memory that is not there.", _TORCH)
_flag("Configuration", "MISSING_CHECK", "A configuration that makes no layer.",
      "A layer that cannot be used, or a cluster without classes.", _TORCH)
_flag("Confident", "CANCELLATION", "The target's probability is 1 to within rounding; all scores are exact.",
      "Loss and gradient are exactly 0 where they are small: training stops early on such rows.")
_flag("HiddenSize", "FLOOR_DIVISION", "The hidden size of a tail is Python's float floor-division.",
      "Weights of another shape: a checkpoint of one implementation does not fit the other.",
      "https://github.com/pytorch/pytorch/issues/114334")
