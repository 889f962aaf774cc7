"""Learn it by doing it: exercises in the reader's own folder, and a judge that names the mistake.

    stubs/            what is written into the folder: contracts with an empty body
    exercise.py       what an exercise is; how answers are taken apart and compared
    rounding.py       the bounds: what rounding may do to an answer, and no more
    places.py calculus.py layer.py answers.py     the exercises: cases, known mistakes, hints
    judge.py          the reader's functions on the cases of an exercise: what is wrong, in words
    trial.py          that, in a process of its own with a time limit
    command.py        `npadasoft exercises`
    notebook.py       the same checks in a notebook
"""
from npadasoft.exercises import answers, calculus, layer, places

EXERCISES = (*places.FIRST, *calculus.EXERCISES, *places.SECOND, *layer.EXERCISES,
             *answers.EXERCISES)
