"""The layer against its own matrix products, against PyTorch, and against the full softmax.

    workloads.py     what is run: sizes, targets from a Zipf law, the layer's own start
    contestants.py   who runs it: ours, the floor (nothing but the products), PyTorch, full softmax
    timing.py        how it is timed: the contestants take turns, medians, after a pause
    machine.py       on what: processor, BLAS, threads, NumPy's exp
    tables.py        what is printed, and the plot
    command.py       `npadasoft bench`

Every figure is a ratio within one run.
"""
