"""Our ONNX export in JavaScript: `--port onnxruntime-node`, `--port onnxruntime-web`.

npm install --ignore-scripts --prefix build/peers/node onnxruntime-node onnxruntime-web

(The scripts would fetch what a GPU needs.)  One process of node for all cases; the second runs
WebAssembly, in one thread, as a browser would.
"""
import base64
import json
import shutil
import subprocess
from typing import Any

import numpy as np

from npadasoft.conformance.ports.foreign import PEERS
from npadasoft.conformance.ports.onnxruntime import OPS, OnnxReference
from npadasoft.conformance.wire.messages import PortInfo
from npadasoft.interop.onnx import OPSET

FOLDER = PEERS / "node"
HOW = f"npm install --ignore-scripts --prefix {FOLDER} onnxruntime-node onnxruntime-web"
PROGRAM = """
const ort = require(process.argv[1]);
if (ort.env.wasm) ort.env.wasm.numThreads = 1;
ort.env.logLevel = "fatal";
const kinds = {float32: Float32Array, float64: Float64Array, int64: BigInt64Array};
const bytes = (text) => new Uint8Array(Buffer.from(text, "base64"));
async function answer(line) {
  const {model, feeds} = JSON.parse(line);
  const session = await ort.InferenceSession.create(bytes(model));
  const given = {};
  for (const [name, {dtype, shape, data}] of Object.entries(feeds))
    given[name] = new ort.Tensor(dtype, new kinds[dtype](bytes(data).buffer), shape);
  const found = await session.run(given);
  await session.release();
  return session.outputNames.map((name) => ({dtype: found[name].type, shape: found[name].dims,
    data: Buffer.from(found[name].data.buffer, found[name].data.byteOffset,
                      found[name].data.byteLength).toString("base64")}));
}
(async () => {
  const lines = require("readline").createInterface({input: process.stdin});
  for await (const line of lines) {
    let said;
    try { said = {results: await answer(line)}; } catch (error) { said = {error: String(error)}; }
    process.stdout.write(JSON.stringify(said) + "\\n");
  }
})();
"""


class Node(OnnxReference):
    """onnxruntime-node: the native runtime behind JavaScript."""

    package = "onnxruntime-node"

    def __init__(self):
        super().__init__()
        found = FOLDER / "node_modules" / self.package
        if not found.is_dir() or shutil.which("node") is None:
            raise ImportError(f"this port needs node and {found}; to get it:\n{HOW}")
        version = json.loads((found / "package.json").read_text())["version"]
        self.info = PortInfo(self.package, f"{version}, opset {OPSET}", "ONNX",
                             dtypes=("float64", "float32"), ops=OPS)
        self.process: Any = subprocess.Popen(
            ["node", "-e", PROGRAM, str(found.resolve())], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def stop(self):
        """End the process."""
        self.process.stdin.close()
        self.process.wait()

    def _evaluate(self, model, feeds):
        asked = {"model": base64.b64encode(model.SerializeToString()).decode(),
                 "feeds": {name: {"dtype": a.dtype.name, "shape": a.shape,
                                  "data": base64.b64encode(a.tobytes()).decode()}
                           for name, a in feeds.items()}}
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        said = json.loads(self.process.stdout.readline())
        if "error" in said:
            raise RuntimeError(said["error"])
        return [np.frombuffer(base64.b64decode(a["data"]), a["dtype"]).reshape(a["shape"])
                for a in said["results"]]


class Web(Node):
    """onnxruntime-web: WebAssembly."""

    package = "onnxruntime-web"
