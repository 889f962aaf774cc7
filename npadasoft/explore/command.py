"""`npadasoft explore`: the layer as one page that moves, to open from disk.

`page.html` beside this file is that page.  It is put together from `parts` and from the port in
JavaScript, word for word, by  python -m npadasoft.explore.command  in a checkout.
"""
import json
import re
import shutil
from pathlib import Path

import numpy as np

from npadasoft.conformance.golden import vectors_io
from npadasoft.conformance.mistakes import MISTAKES
from npadasoft.console import Parser, one_line
from npadasoft.explore.mistakes import LINES

HERE = Path(__file__).parent
PAGE = HERE / "page.html"
PORT = HERE.parents[1] / "tests" / "ports" / "plain_javascript.js"
CASE = "S21"            # the small layer: 4 features, 9 classes in a head and two tails, 6 rows


def parser():
    """The arguments of the command."""
    p = Parser(prog="npadasoft explore", description=(
        "Write the layer as a page that moves: one HTML file without a server, to open in any "
        "browser. Drag the cutoffs, route a batch, follow the gradients back."))
    p.add_argument("file", nargs="?", default="explore.html", metavar="FILE",
                   help="where to write it (default explore.html)")
    return p


@one_line("explore", OSError)
def main(argv):
    """Run the command: 0, or 2 after one line of error."""
    file = Path(parser().parse_args(argv).file)
    shutil.copyfile(PAGE, file)
    print(f"wrote {file}: open it in a browser, {file.resolve().as_uri()}")
    return 0


def made():
    """The page, put together anew; in a checkout, where the port lies among the tests."""
    parts = {path.name: path.read_text("utf-8").rstrip("\n")
             for path in (HERE / "parts").iterdir()}
    parts |= {"port.js": PORT.read_text("utf-8"), "given.json": json.dumps(given()), "case": CASE}
    return re.sub(r"\{\{([a-z.]+)\}\}", lambda found: parts[found[1]], parts["frame.html"]) + "\n"


def given():
    """What the page is given: the small layer, the order of its tensors, and the mistakes."""
    case, = vectors_io.select(vectors_io.load(), [CASE])
    order = [name for name in case["expected"] if name not in ("log_prob", "predict")]
    return {"config": case["config"],
            "params": {name: nested(tensor) for name, tensor in case["params"].items()},
            "input": nested(case["inputs"]["input"]), "target": nested(case["inputs"]["target"]),
            "order": order, "after": {name: case["expected"][name]["after"] for name in order},
            "mistakes": [{"name": name, "sentence": MISTAKES[name].sentence, "right": right,
                          "wrong": wrong} for name, (right, wrong) in LINES.items()]}


def nested(tensor):
    """A tensor of the vectors as lists in lists."""
    return np.reshape(tensor["data"], tensor["shape"]).tolist()


if __name__ == "__main__":
    PAGE.write_text(made(), "utf-8")
