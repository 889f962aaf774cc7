"""What stands in a file of weights, for whoever does not know what he has."""
from dataclasses import dataclass, field

from npadasoft.interop import finding
from npadasoft.interop.common import shown
from npadasoft.interop.files import places_of_layers, under
from npadasoft.interop.opening import opened

# a name that only one project has, and what brings its weights in
THEIRS = {
    "cluster_weight": "projected.from_transfo_xl",     # or from_hf_transfo_xl: no name tells
    "tail_cluster_score_proj.weight": "projected.from_gluon_nlp",
    "kernel-cluster:0": "projected.from_keras_adaptive_softmax",
    "head.class_proj.weight": "projected.from_fairseq_tied",
    "tail.0.2.weight": "layouts.from_fairseq",
    "embeddings.0.0.weight": "inputs.from_fairseq_input",
    "emb_layers.0.weight": "inputs.from_transfo_xl_input",
    "embed0_weight": "inputs.from_gluon_nlp_input",
}


@dataclass(frozen=True)
class Description:
    """What `describe` found; `print` shows all of it."""

    kind: str
    n_bytes: int                                    # of the file; of all files of an index
    arrays: dict[str, tuple]                        # name: (dtype, shape)
    unreadable: dict[str, str]                      # name: why
    entries: list[str]                              # dicts in the file, for entry=
    layers: dict[tuple, tuple]                      # (entry, prefix): (in_features, cutoffs)
    why_no_layer: str = ""
    notes: list[str] = field(default_factory=list)

    def __str__(self):
        return "\n".join(self.lines())

    def lines(self, most=40):
        """The text of it, with `most` names at the most."""
        yield f"{self.kind}, {self.n_bytes} bytes, {len(self.arrays)} arrays"
        if self.entries:
            yield f"dicts in it, for entry=: {', '.join(map(shown, self.entries))}"
        yield from self.notes
        rows = [(shown(name), f"{dtype} {shape}") for name, (dtype, shape) in self.arrays.items()]
        rows += [(shown(name), f"unreadable: {why}") for name, why in self.unreadable.items()]
        width = max((len(name) for name, _ in rows[:most]), default=0)
        yield from (f"  {name:<{width}}  {text}" for name, text in rows[:most])
        if len(rows) > most:
            yield f"  ... and {len(rows) - most} more"
        for (entry, prefix), (in_features, cutoffs) in self.layers.items():
            given = {"entry": entry, "prefix": prefix or None}
            call = ", ".join(["path", *(f"{k}={ascii(v)}" for k, v in given.items() if v)])
            yield f"a layer: interop.load({call}): {in_features} features, cutoffs {list(cutoffs)}"
        if not self.layers:
            yield f"no layer under PyTorch's names: {self.why_no_layer}"
        yield from self._theirs()

    def _theirs(self):
        """A line of Python for each prefix under which there are another project's names."""
        seen = set()
        for tell_tale, convert in THEIRS.items():
            room = convert.partition(".")[0]
            for name in self.arrays:
                prefix = name.removesuffix(tell_tale)
                if prefix == name or prefix in seen or prefix and prefix[-1] not in "./":
                    continue
                seen.add(prefix)
                call = f"path, prefix={ascii(prefix)}" if prefix else "path"
                yield (f"another project's: from npadasoft.interop import {room}; "
                       f"{convert}(interop.read({call}))") + (
                    "  # or from_hf_transfo_xl" * (tell_tale == "cluster_weight"))


def describe(path, *, entry=None):
    """What stands in a file: names, shapes, dtypes, and which layer it would make or why none.

    Parameters
    ----------
    path, entry
        As for `read`.

    Returns
    -------
    Description
        No array has been read.

    Raises
    ------
    WeightFileError
        If it is no file of weights that can be read; the message says what it is.

    Examples
    --------
    >>> import tempfile, os
    >>> import numpy as np
    >>> from npadasoft.interop import write
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "w.safetensors")
    ...     write(path, {"m.head.weight": np.ones((3, 4)), "m.tail.0.0.weight": np.ones((2, 4)),
    ...                  "m.tail.0.1.weight": np.ones((5, 2))})
    ...     print(describe(path))
    a safetensors file, 472 bytes, 3 arrays
      'm.head.weight'      float64 (3, 4)
      'm.tail.0.0.weight'  float64 (2, 4)
      'm.tail.0.1.weight'  float64 (5, 2)
    a layer: interop.load(path, prefix='m.'): 4 features, cutoffs [2, 7]
    """
    with opened(path, entry) as (found, size):
        arrays = {name: (item.dtype, item.shape) for name, item in found.items.items() if item.make}
        shapes = {name: shape for name, (_, shape) in arrays.items()}
        layers = {(entry, prefix): sizes for prefix, sizes in finding.layers(shapes).items()}
        for place in places_of_layers(path, found.entries):
            with opened(path, place[0]) as (inner, _):
                part = {name: item.shape for name, item in inner.items.items() if item.make}
                layers[place] = finding.layer(under(part, place[1]))[0]
        return Description(
            found.kind, size, arrays,
            {name: item.why for name, item in found.items.items() if not item.make},
            found.entries, layers, "" if layers else finding.advice(shapes, ""), found.notes)
