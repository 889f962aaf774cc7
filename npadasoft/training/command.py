"""`npadasoft train`: a small language model on a text, with the full and the adaptive softmax."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import sys
import textwrap

from npadasoft.console import Parser, one_line, writable
from npadasoft.training import checkpoint
from npadasoft.training.data import corpus, read_text, unigram_perplexity
from npadasoft.training.progress import Progress
from npadasoft.training.run import Run, Settings, stored_settings


def parser():
    """The arguments of the command."""
    default = Settings()
    p = Parser(prog="npadasoft train", description=(
        "Train a feed-forward language model on a text, once with the full softmax and once with "
        "the adaptive one, from one seed, on the same batches; compare time and perplexity."))
    add = p.add_argument
    add("file", nargs="?", metavar="FILE",
        help="UTF-8 text, the same gzipped (.gz), or an R database (.rdb); "
             "default: three novels by Jane Austen that ship with the package")
    add("--softmax", choices=["full", "adaptive", "both"], help="default: both")
    add("--tied", action="store_true", default=None, help="two models with an adaptive input: its "
        "arrays are its own in one, the softmax's in the other (vectors as long as --hidden)")
    add("--epochs", type=int, default=2, metavar="N", help="passes over the text (default 2)")
    add("--steps", type=int, metavar="N", help="so many batches instead")
    for name, text in (("context", "words that are seen"), ("embedding", "size of a word's vector"),
                       ("hidden", "size of the hidden layer"), ("batch", "examples in a step"),
                       ("seed", "of weights and batches"),
                       ("clusters", "tails, their cutoffs chosen as by npadasoft plan"),
                       ("min-count", "rarer words become one class")):
        value = getattr(default, name.replace("-", "_"))
        add(f"--{name}", type=int, metavar="N", help=f"{text} (default {value})")
    p.add_integers("--cutoffs", metavar="C,...", help="these cutoffs instead")
    for name, text in (("div-value", "of the hidden sizes of the tails"),
                       ("rate", "learning rate of Adagrad"),
                       ("held-out", "last part of the text, not trained on")):
        value = getattr(default, name.replace("-", "_"))
        add(f"--{name}", type=float, metavar="X", help=f"{text} (default {value})")
    add("--save", type=writable, metavar="RUN.npz", help="save there, at the end and on the way")
    add("--save-every", type=int, default=100, metavar="N", help="steps (default 100)")
    add("--resume", type=writable, metavar="RUN.npz", help="go on with a saved run, and save there")
    add("--sample", type=int, default=0, metavar="N",
        help="write N words with each model (default 0)")
    return p


@one_line("train", OSError, ValueError)
def train(argv):
    """Run the command; 0, 2 after one line of error, 130 when interrupted."""
    args = parser().parse_args(argv)
    try:
        return _train(args)
    except KeyboardInterrupt:
        print("npadasoft train: interrupted; what was saved last is whole", file=sys.stderr)
        return 130


def _train(args):
    _check(args)
    run = _resumed(args) if args.resume else Run(_settings(args), _corpus(args, _settings(args)))
    steps = args.steps if args.steps is not None else args.epochs * run.batches.per_epoch
    path = args.resume or args.save
    print("\n".join(_facts(run, steps)), flush=True)
    with _interruptible() as interrupted:
        _work(run, steps, path, args.save_every, interrupted)
    if path:
        run.save(path)
        print(f"saved in {path}")
    if interrupted:
        done = ", ".join(f"{name} {learner.step}" for name, learner in run.learners.items())
        print(f"interrupted ({done} of {steps} steps)" + (
            f"; go on with --resume {path}" if path else "; nothing was saved (--save)"))
        return 130
    print("\n".join(_table(run)))
    for name in run.learners if args.sample else ():
        print(f"\n{name}:", textwrap.fill(run.sample(name, args.sample), 80), sep="\n")
    return 0


def _check(args):
    for name in ("epochs", "steps", "save_every", "sample"):
        value, least = getattr(args, name), 0 if name == "sample" else 1
        if value is not None and value < least:
            raise ValueError(f"--{name.replace('_', '-')} should be at least {least}, but found "
                             f"{value}")
    if args.save and args.resume:
        raise ValueError("--resume saves where it found the run: leave --save out")
    if args.save and os.path.exists(args.save):
        raise ValueError(f"{args.save} exists: go on with it by --resume, or choose another name")


def _given(args):
    """The settings that the command line names."""
    names = [field.name for field in dataclasses.fields(Settings)]
    given = {name: getattr(args, name) for name in names if getattr(args, name) is not None}
    return given | ({"cutoffs": tuple(args.cutoffs)} if args.cutoffs else {})


def _settings(args):
    return Settings(**_given(args))


def _corpus(args, settings):
    return corpus(read_text(args.file), held_out=settings.held_out, min_count=settings.min_count)


def _resumed(args):
    meta, arrays = checkpoint.load(args.resume)
    settings = stored_settings(args.resume, meta)
    for name, value in _given(args).items():
        if value != getattr(settings, name):
            raise ValueError(f"{args.resume} has {name} {getattr(settings, name)}, not {value}")
    run = Run(settings, _corpus(args, settings))
    run.load(args.resume, meta, arrays)
    return run


def _work(run, steps, path, every, interrupted):
    """Train, show, and save on the way."""
    progress, saved = Progress(sys.stderr, steps), run.step

    def after(run):
        nonlocal saved
        progress(run)
        if path and saved + every <= run.step < steps:
            run.save(path)
            saved = run.step
        return not interrupted
    run.train(steps, after)
    if progress.terminal and run.step < steps:
        sys.stderr.write("\n")


@contextlib.contextmanager
def _interruptible():
    """The first Ctrl-C only asks: a step is finished, and what is saved is whole."""
    interrupted = []

    def ask(number, frame):
        interrupted.append(number)
        signal.signal(signal.SIGINT, signal.default_int_handler)    # the second one insists
    before = signal.signal(signal.SIGINT, ask)
    try:
        yield interrupted
    finally:
        signal.signal(signal.SIGINT, before)


def _facts(run, steps):
    text, settings = run.corpus, run.settings
    yield (f"{len(text.train) + len(text.held_out):,} words, {len(text.words):,} different; "
           f"the last {len(text.held_out):,} are held out")
    vectors = settings.hidden if settings.tied else settings.embedding
    yield (f"context {settings.context}, embedding {vectors}, hidden {settings.hidden}, "
           f"batch {settings.batch}, Adagrad {settings.rate}, seed {settings.seed}; {steps} steps"
           + (f" from {run.step}" if run.step else ""))
    if settings.cutoffs:
        yield (f"adaptive: cutoffs {', '.join(map(str, settings.cutoffs))}, "
               f"div_value {settings.div_value:g}")


def _table(run):
    """The lines of the result."""
    yield f"{'softmax':<10}{'weights':>12}{'seconds':>10}{'ms/step':>10}{'perplexity':>12}"
    counted, found = ("softmax.", "input."), {}
    for name, learner in run.learners.items():
        weights = sum(leaf.size for path, leaf in learner.model.named().items()
                      if path.startswith(counted))
        per_step = 1000 * learner.seconds / learner.step
        found[name] = per_step, run.perplexity(name)
        yield (f"{name:<10}{weights:>12,}{learner.seconds:>10.1f}{per_step:>10.2f}"
               f"{found[name][1]:>12.1f}")
    unigram = unigram_perplexity(run.corpus)
    yield f"{'unigram':<10}{'':>32}{unigram:>12.1f}"
    weights = "the softmax and the input, shared ones once" if run.settings.tied else "the softmax"
    yield f"perplexity: of the held-out part; weights: of {weights}; seconds: of the steps alone"
    behind = [name for name, (_, perplexity) in found.items() if not perplexity < unigram]
    if behind:
        yield (f"not yet better than the unigram model, which knows no context: "
               f"{' and '.join(behind)}.  Nothing follows from that: train on")
    elif "full" in found and "adaptive" in found:
        (slow, high), (fast, low) = found["full"], found["adaptive"]
        yield (f"adaptive against full: {slow / fast:.1f} times faster per step, perplexity "
               f"{low / high - 1:+.1%}")
