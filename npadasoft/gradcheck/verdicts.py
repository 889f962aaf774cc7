"""The verdicts, and which of several is that of the whole."""
PRECEDENCE = ("NONFINITE", "FAIL", "KINK", "INCONCLUSIVE", "NONDETERMINISTIC", "VACUOUS", "PASS")


def worst(verdicts):
    """The verdict of the whole: the first of `PRECEDENCE` that occurs; VACUOUS of nothing."""
    found = set(verdicts)
    return next((verdict for verdict in PRECEDENCE if verdict in found), "VACUOUS")
