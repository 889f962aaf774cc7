"""A training run: one model per softmax, from one seed, on the same batches, by turns."""

from __future__ import annotations

import dataclasses
import time

import numpy as np

from npadasoft import AdaptiveLogSoftmaxWithLoss
from npadasoft.planning import plan

from npadasoft.training import checkpoint
from npadasoft.training.data import Batches, windows
from npadasoft.training.full import FullSoftmax
from npadasoft.training.model import Model
from npadasoft.training.optimiser import Adagrad
from npadasoft.training.tied import InputModel

TURN = 100      # steps: short enough that both meet the same machine, long enough for its caches


@dataclasses.dataclass(frozen=True)
class Settings:
    """All that decides what a run computes, but the text and the number of steps."""

    softmax: str = "both"               # full, adaptive, or both
    context: int = 4                    # words
    embedding: int = 64
    hidden: int = 128
    batch: int = 512                    # examples
    rate: float = 0.05                  # of Adagrad
    seed: int = 0
    clusters: int = 2                   # tails to plan cutoffs for, if none are given
    cutoffs: tuple[int, ...] | None = None
    div_value: float = 4.0
    held_out: float = 0.05              # part of the text
    min_count: int = 1                  # rarer words are one class
    tied: bool = False                  # an adaptive input, untied and tied to the softmax

    def __post_init__(self):
        if self.softmax not in ("full", "adaptive", "both"):
            raise ValueError(f"softmax should be full, adaptive or both, but found {self.softmax}")
        if self.tied and self.softmax != "both":
            raise ValueError("tied trains the adaptive softmax, on an input of its own and tied to "
                             f"it: leave softmax out, but found {self.softmax}")
        for name in ("context", "embedding", "hidden", "batch", "clusters", "min_count"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} should be at least 1, but found {getattr(self, name)}")
        if not 0 < self.rate < np.inf:
            raise ValueError(f"rate should be a positive number, but found {self.rate}")
        if self.seed < 0:
            raise ValueError(f"seed should be at least 0, but found {self.seed}")

    @property
    def names(self):
        """What is trained side by side: softmaxes, or an input on its own and tied."""
        if self.tied:
            return ("untied", "tied")
        return ("full", "adaptive") if self.softmax == "both" else (self.softmax,)


class Learner:
    """A model, its optimiser, and what they took."""

    def __init__(self, model, rate):
        self.model, self.optimiser = model, Adagrad(model.named(), rate)
        self.step, self.seconds = 0, 0.0
        self.loss = None                            # running mean, nats

    def learn(self, past, word):
        """One step of training."""
        begin = time.perf_counter()
        loss, gradients = self.model.loss_and_gradients(past, word)
        if not np.isfinite(loss):
            raise ValueError(f"the loss became {loss}: choose a smaller rate than "
                             f"{self.optimiser.rate}")
        self.optimiser.step(gradients)
        self.seconds += time.perf_counter() - begin
        self.step += 1
        self.loss = float(loss) if self.loss is None else 0.98 * self.loss + 0.02 * float(loss)

    def arrays(self, name):
        """Everything that a step changes, by its name in a checkpoint."""
        weights = {f"{name}.{key}": array for key, array in self.model.named().items()}
        sums = {f"{name}.adagrad.{key}": array for key, array in self.optimiser.sums.items()}
        return weights | sums


class Run:
    """Learners on one corpus.

    Parameters
    ----------
    settings : Settings
    corpus : Corpus
    """

    def __init__(self, settings, corpus):
        if settings.names != ("full",) and settings.cutoffs is None:
            cutoffs = plan(corpus.counts, settings.clusters).cutoffs
            settings = dataclasses.replace(settings, cutoffs=cutoffs)
        self.settings, self.corpus = settings, corpus
        self.past, self.word = windows(corpus.train, settings.context)
        self.batches = Batches(len(self.word), settings.batch, settings.seed)
        self.learners = {name: Learner(_model(settings, len(corpus.words), name), settings.rate)
                         for name in settings.names}

    @property
    def step(self):
        """Steps that every learner has done."""
        return min(learner.step for learner in self.learners.values())

    def train(self, steps, after=lambda run: True):
        """Train until `steps` steps are done, or `after`, called after each, answers False.

        The learners take turns of `TURN` steps.
        """
        while self.step < steps:
            goal = min(steps, (self.step // TURN + 1) * TURN)
            for learner in self.learners.values():
                while learner.step < goal:
                    rows = self.batches[learner.step]
                    learner.learn(self.past[rows], self.word[rows])
                    if not after(self):
                        return

    def perplexity(self, name):
        """exp of the mean of -log p over the held-out part."""
        past, word = windows(self.corpus.held_out, self.settings.context)
        model, size = self.learners[name].model, 1024
        total = sum(float(model.log_prob(past[i:i + size], word[i:i + size]).sum(dtype=np.float64))
                    for i in range(0, len(word), size))
        return float(np.exp(-total / len(word)))

    def sample(self, name, n_words, seed=0):
        """`n_words` words after the first ones of the held-out part, each drawn from the model."""
        rng, model = np.random.default_rng(seed), self.learners[name].model
        ids = list(self.corpus.held_out[:self.settings.context])
        for _ in range(n_words):
            past = np.array([ids[-self.settings.context:]])
            ids.append(int(model.softmax.sample(model.hidden(past)[1], rng)[0]))
        return " ".join(self.corpus.words[i] for i in ids)

    def save(self, path):
        """Write all that is needed to go on."""
        meta = {"settings": dataclasses.asdict(self.settings), "text": self.corpus.digest,
                "learners": {name: [learner.step, learner.seconds, learner.loss]
                             for name, learner in self.learners.items()}}
        checkpoint.save(path, meta, self._arrays())

    def load(self, path, meta, arrays):
        """Take over what `checkpoint.load` read, all of it or, refusing, nothing."""
        mine = self._arrays()
        if meta.get("text") != self.corpus.digest:
            raise checkpoint.CheckpointError(f"{path} was trained on another text")
        took = meta.get("learners")
        if not isinstance(took, dict) or took.keys() != self.learners.keys() or any(
                not isinstance(numbers, list) or len(numbers) != 3 for numbers in took.values()):
            raise checkpoint.CheckpointError(f"{path} does not say how far it is")
        for name in mine.keys() | arrays.keys():
            found, wanted = arrays.get(name), mine.get(name)
            if found is None or wanted is None or (found.shape, found.dtype) != (
                    wanted.shape, wanted.dtype):
                raise checkpoint.CheckpointError(f"{path} does not fit its own settings: {name}")
        for name, array in arrays.items():
            mine[name][...] = array
        for name, learner in self.learners.items():
            learner.step, learner.seconds, learner.loss = took[name]

    def _arrays(self):
        return {key: array for name, learner in self.learners.items()
                for key, array in learner.arrays(name).items()}


def stored_settings(path, meta):
    """The settings in what `checkpoint.load` read."""
    try:
        settings = dict(meta["settings"])
        if settings["cutoffs"] is not None:
            settings["cutoffs"] = tuple(settings["cutoffs"])
        return Settings(**settings)
    except (KeyError, TypeError) as error:
        raise checkpoint.CheckpointError(
            f"{path} has no settings of this version: {error}") from None


def _model(settings, n_words, name):
    """A fresh model; the part below the softmax starts from the same numbers for every softmax."""
    rng, dtype = np.random.default_rng([settings.seed, 1]), np.float32
    softmax: FullSoftmax | AdaptiveLogSoftmaxWithLoss
    if name == "full":
        softmax = FullSoftmax(settings.hidden, n_words, dtype=dtype, rng=rng)
    else:
        softmax = AdaptiveLogSoftmaxWithLoss(settings.hidden, n_words, settings.cutoffs,
                                             settings.div_value, dtype=dtype, rng=rng)
    if settings.tied:
        return InputModel(settings.context, softmax, name == "tied", dtype=dtype,
                          rng=[settings.seed, 0])
    return Model(n_words, settings.context, settings.embedding, settings.hidden, softmax,
                 dtype=dtype, rng=[settings.seed, 0])
