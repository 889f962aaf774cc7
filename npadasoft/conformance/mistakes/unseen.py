"""Mistakes written by a reviewer who has not seen the cases: they judge the suite, it not them.

Write them as in the modules beside this one.  `Layer` (layer.py) says what can be replaced:

    @known("what the port does, in one sentence", "tensor.with.which.it.begins")
    class name_of_the_mistake(Layer):
        def join(self, head, tail):
            return head

They are entered into the list, and judged, like all others; `UNSEEN` counts them apart.
"""
from npadasoft.conformance.mistakes.known import MISTAKES, known

_BEFORE = len(MISTAKES)

# ------------------------------------------------------------------ the reviewer's, from here on


# ------------------------------------------------------------------ and no further

UNSEEN = tuple(MISTAKES)[_BEFORE:]
__all__ = ["UNSEEN", "known"]
