#!/usr/bin/env bash
# TensorFlow.js: the gradient of softmaxCrossEntropy by the labels is minus that by the logits.
#
# Guess: minus the log-probabilities, as the loss is minus the sum of labels times log-probabilities.
# Who distils, learns labels or differentiates their smoothing needs it.
# What happens: what is answered is labels minus probabilities.
# @tensorflow/tfjs 4.22.0, Node.js 20.20. Seen 2026-11-29.
#
# Exits 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be had.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
npm install --silent --prefix "$folder" @tensorflow/tfjs@4.22.0 >/dev/null || exit 2
cat >"$folder/seen.js" <<'END'
const tf = require("@tensorflow/tfjs");

// Gradient of f at x, and differences of f.
function both(f, x) {
  const value = (x) => f(tf.tensor(x.flat(), [x.length, x[0].length])).dataSync()[0];
  const answered = Array.from(tf.grad(f)(tf.tensor2d(x)).dataSync());
  const differences = x.flat().map((_, i) => {
    const at = (h) => value(x.map((row, r) => row.map((v, c) => v + (r * row.length + c === i ? h : 0))));
    return (at(0.0625) - at(-0.0625)) / 0.125;
  });
  return [answered, differences].map((row) => row.map((v) => v.toFixed(3)).join(" "));
}

const logits = tf.tensor2d([[1, 2, 3], [0, 0, 0]]);
const [answered, differences] = both((y) => tf.losses.softmaxCrossEntropy(y, logits), [[1, 0, 0], [0, 1, 0]]);
console.log("by the labels, answered:", answered);
console.log("differences of the loss:", differences);
process.exit(answered === differences ? 1 : 0);
END
echo "tfjs 4.22.0, Node.js $(node --version)"
node "$folder/seen.js"
