#!/usr/bin/env bash
# TensorFlow.js: gradients of mirrorPad and of a resizing with half pixel centers belong elsewhere.
#
# Guess: what is copied gets the gradient of all its copies.
# What happens: mirrorPad answers the gradient of the middle alone, as if the copies were constants;
# resizeNearestNeighbor with halfPixelCenters gives each number the gradient of the pixels that
# another rule would take from it.
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

const weights = tf.tensor2d([[1, 2, 3, 4, 5, 6]]);
const mirrored = both((x) => tf.mul(tf.mirrorPad(x, [[0, 0], [1, 2]], "reflect"), weights).sum(), [[1, 2, 4]]);
console.log("mirrorPad, answered:  ", mirrored[0], "\n  differences of f:   ", mirrored[1]);
const resized = both((x) => tf.mul(tf.image.resizeNearestNeighbor(
  x.reshape([1, 1, 3, 1]), [1, 5], false, true).reshape([1, 5]), weights.slice([0, 0], [1, 5])).sum(), [[1, 2, 4]]);
console.log("resize, answered:     ", resized[0], "\n  differences of f:   ", resized[1]);
process.exit(mirrored[0] === mirrored[1] || resized[0] === resized[1] ? 1 : 0);
END
echo "tfjs 4.22.0, Node.js $(node --version)"
node "$folder/seen.js"
