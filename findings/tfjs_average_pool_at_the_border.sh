#!/usr/bin/env bash
# TensorFlow.js: the gradient of avgPool with padding is too small near the border.
#
# Guess: the mean is over the numbers that lie inside, forward and backward.
# What happens: forward it is so, the gradient divides by all of the window. In a sum of windows of 3
# by 3 the corner of an image gets 0.444, and is worth 0.694.
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

const pool = (x) => tf.avgPool(x.reshape([1, 3, 3, 1]), 3, 1, "same").sum();
const [answered, differences] = both(pool, [[1, 2, 3], [4, 5, 6], [7, 8, 10]]);
console.log("sum of avgPool, 3 by 3, same; answered:", answered);
console.log("differences of the sum:               ", differences);
process.exit(answered === differences ? 1 : 0);
END
echo "tfjs 4.22.0, Node.js $(node --version)"
node "$folder/seen.js"
