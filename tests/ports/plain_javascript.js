#!/usr/bin/env node
// A port of the adaptive log-softmax, judged by
//
//     npadasoft conform -- node plain_javascript.js
//
// All that speaks to the judge is written.  Fill in the functions under "the mathematics", one after the
// other; when one is done, add its name to OPS and run the judge again.
//
// The layer: classes 0 .. s-1 are the short-list, s = cutoffs[0]; tail i (from 0) holds the classes from
// cutoffs[i] up to the next cutoff, the last tail up to n_classes.  A target equal to a cutoff belongs to the
// tail that begins there.  With x one row of the input, W = head.weight, b = head.bias, P = tail.i.0.weight,
// U = tail.i.1.weight, all stored (out, in):
//
//     A = log_softmax(W x + b)            columns: class 0 .. s-1, then tail 0, 1, 2, ...
//     B = log_softmax(U (P x))            of tail i; a few cases add tail.i.1.bias to its scores
//     log_prob[k] = A[k]                              if k < s
//                 = A[s + i] + B[k - cutoffs[i]]      if k is in tail i
//     output[n] = log_prob of row n at its target;    loss = -mean(output);    predict = argmax of log_prob
//
// Tensors come as nested arrays: input[n][d], params["head.weight"][k][d], target[n]; give results back alike.
// Batch axes come as one: a batch of 2 by 3 rows as six rows, one row without a batch as a batch of one; they go
// back as they came.  An axis of 0 hides the axes behind it ([] may be 0 by 4): take sizes from config.  Without a
// row the loss is the mean of nothing, NaN, and gradients are 0.
'use strict';

const NAME = 'plain-javascript', VERSION = '1';
const DTYPES = ['float64', 'float32'];          // JavaScript's number, and Math.fround of every step
const OPS = ['shapes', 'forward', 'log_prob', 'predict', 'backward', 'log_prob_backward'];
const TRACE = ['cluster', 'head_column', 'head_logits', 'head_log_prob',        // intermediate tensors that are shown
  'tail.*.relative_target', 'tail.*.hidden', 'tail.*.logits', 'tail.*.log_prob',
  'grad.head_logits', 'grad.tail.*.logits', 'grad.tail.*.hidden'];

// An error answer; kind is target, shape, cutoffs, config, dtype, unsupported or other.
class Refused extends Error {
  constructor(kind, message) { super(message); this.kind = kind; }
}

// Rounds to the request's dtype, which `run` sets: Math.fround for float32.
let round = (v) => v;

// Something that this port knowingly does not support: throw new Skip('why').
class Skip extends Error {}

// ---------------------------------------------------------------- the mathematics: yours to write

// {output: [...], loss: number}, and what TRACE announces.
// A target outside 0 .. n_classes-1: throw new Refused('target', ...).  As many targets as rows, or
// throw new Refused('shape', ...).
function forward(config, params, input, target, want) {
  check(config, input, target);
  const rows = input.map((x, n) => scored(config, params, x, target[n]));
  const output = rows.map((row) => row.output);
  return {output, loss: round(-sum(output) / output.length), ...trace(config, rows)};
}

// One row on its way to its target: the cluster, the head, and the tail if the target lives in one.
function scored(config, params, x, y) {
  const cluster = clusterOf(y, config.cutoffs), i = cluster - 1, h = head(params, x);
  if (cluster === 0) return {cluster, column: y, head: h, output: h.logP[y]};
  const column = config.cutoffs[0] + i, place = y - config.cutoffs[i], own = tail(params, i, x);
  return {cluster, column, place, head: h, tail: own, output: inTail(h.logP[column], own.logP[place])};
}

// What lies between: of the head for every row, of a tail for the rows whose target lives there.
function trace(config, rows) {
  const found = {cluster: rows.map((row) => row.cluster), head_column: rows.map((row) => row.column),
                 head_logits: rows.map((row) => row.head.logits), head_log_prob: rows.map((row) => row.head.logP)};
  config.cutoffs.forEach((_, i) => {
    const own = rows.filter((row) => row.cluster === i + 1);
    found[`tail.${i}.relative_target`] = own.map((row) => row.place);
    found[`tail.${i}.hidden`] = own.map((row) => row.tail.hidden);
    found[`tail.${i}.logits`] = own.map((row) => row.tail.logits);
    found[`tail.${i}.log_prob`] = own.map((row) => row.tail.logP);
  });
  return found;
}

function check(config, input, target) {
  checkRows(config, input);
  if (input.length !== target.length) throw new Refused('shape', `${input.length} rows, ${target.length} targets`);
  const bad = target.find((y) => !(y >= 0 && y < config.n_classes));
  if (bad !== undefined) throw new Refused('target', `target ${bad} is not in 0 .. ${config.n_classes - 1}`);
}

function checkRows(config, input) {
  if (config.ignore_index !== undefined || config.reduction !== undefined) {
    throw new Skip('ignore_index and reduction are not supported');
  }
  if (input.some((x) => x.length !== config.in_features)) {
    throw new Refused('shape', `rows should have ${config.in_features} features`);
  }
}

// log p of a class in a tail, of the tail's column of the head and of the place in the tail.
const inTail = (column, place) => round(column + place);

// 0 is the short-list, i + 1 is tail i.
const clusterOf = (y, cutoffs) => cutoffs.filter((c) => c <= y).length;

const sum = (v) => v.reduce((total, x) => round(total + x), 0);
const dot = (a, b) => sum(a.map((v, i) => round(v * b[i])));
const linear = (weight, x, bias) => weight.map((row, k) => round(dot(row, x) + (bias ? bias[k] : 0)));
const [exp, expm1, log1p] = ['exp', 'expm1', 'log1p'].map((name) => (v) => round(Math[name](v)));

function logSoftmax(z) {
  const top = z.indexOf(Math.max(...z)), shifted = z.map((v) => round(v - z[top]));
  const rest = sum(shifted.map((t, k) => (k === top ? 0 : exp(t))));
  return shifted.map((t) => round(t - log1p(rest)));
}

function head(params, x) {
  const logits = linear(params['head.weight'], x, params['head.bias']);
  return {logits, logP: logSoftmax(logits)};
}

function tail(params, i, x) {
  const hidden = linear(params[`tail.${i}.0.weight`], x);
  const logits = linear(params[`tail.${i}.1.weight`], hidden, params[`tail.${i}.1.bias`]);
  return {hidden, logits, logP: logSoftmax(logits)};
}

// {'grad.input': ..., 'grad.head.weight': ..., ...}, shaped as what they are the gradient of.
// cotangents may hold 'output' (one number a row) and 'loss' (a number); an absent one is 0.  Of the sum over
// both.  A tail without a target has gradients of zero (null is accepted).
function backward(config, params, input, target, cotangents, want) {
  check(config, input, target);
  const grads = zerosLike(params, input);
  input.forEach((x, n) => {
    const q = round((cotangents.output ? cotangents.output[n] : 0) - round((cotangents.loss || 0) / input.length));
    const row = scored(config, params, x, target[n]), i = row.cluster - 1;
    pullHead(grads, params, n, x, pickedBackward(row.head.logP, row.column, q));
    if (row.tail) pullTail(grads, params, i, n, x, row.tail.hidden, pickedBackward(row.tail.logP, row.place, q));
  });
  return grads;
}

// dz = q (1 at k, else 0) - q p; 1 - p is -expm1(log p), which does not cancel.
const pickedBackward = (logP, k, q) => logP.map((v, j) => round(-q * (j === k ? expm1(v) : exp(v))));

function zerosLike(params, input) {
  const zeros = (v) => (Array.isArray(v) ? v.map(zeros) : 0);
  const grads = {'grad.input': zeros(input)};
  for (const [name, weight] of Object.entries(params)) grads[`grad.${name}`] = zeros(weight);
  grads['grad.head_logits'] = [];                                       // a row is put in when it is computed
  for (let i = 0; params[`tail.${i}.0.weight`]; i++) {
    for (const part of ['logits', 'hidden']) grads[`grad.tail.${i}.${part}`] = [];
  }
  return grads;
}

function addOuter(weight, dy, x) {
  dy.forEach((d, k) => x.forEach((v, j) => { weight[k][j] = round(weight[k][j] + round(d * v)); }));
}

const addTo = (total, part) => part.forEach((v, j) => { total[j] = round(total[j] + v); });
const transposed = (weight, dy, size) => Array.from({length: size}, (_, j) => dot(dy, weight.map((row) => row[j])));

function pullHead(grads, params, n, x, dz) {
  grads['grad.head_logits'].push(dz);
  addOuter(grads['grad.head.weight'], dz, x);
  if (params['head.bias']) addTo(grads['grad.head.bias'], dz);
  addTo(grads['grad.input'][n], transposed(params['head.weight'], dz, x.length));
}

function pullTail(grads, params, i, n, x, hidden, dz) {
  addOuter(grads[`grad.tail.${i}.1.weight`], dz, hidden);
  if (params[`tail.${i}.1.bias`]) addTo(grads[`grad.tail.${i}.1.bias`], dz);
  const dhidden = transposed(params[`tail.${i}.1.weight`], dz, hidden.length);
  grads[`grad.tail.${i}.logits`].push(dz);
  grads[`grad.tail.${i}.hidden`].push(dhidden);
  addOuter(grads[`grad.tail.${i}.0.weight`], dhidden, x);
  addTo(grads['grad.input'][n], transposed(params[`tail.${i}.0.weight`], dhidden, x.length));
}

// Rows of n_classes numbers.
function logProb(config, params, input) {
  checkRows(config, input);
  return input.map((x) => {
    const A = head(params, x).logP, s = config.cutoffs[0];
    return [...A.slice(0, s), ...config.cutoffs.flatMap((_, i) => tail(params, i, x).logP.map((b) => inTail(A[s + i], b)))];
  });
}

// As `backward`, of the sum of cotangent[n][k] * log_prob[n][k].
function logProbBackward(config, params, input, cotangent, want) {
  checkRows(config, input);
  const grads = zerosLike(params, input), edges = [...config.cutoffs, config.n_classes];
  const softmaxBackward = (logP, grad) => {
    const top = logP.indexOf(Math.max(...logP)), total = sum(grad), others = sum(grad.filter((_, k) => k !== top));
    return logP.map((v, k) => (k === top ? round(round(-expm1(v) * grad[k]) - round(exp(v) * others))
      : round(grad[k] - round(total * exp(v)))));
  };
  input.forEach((x, n) => {
    const parts = config.cutoffs.map((c, i) => cotangent[n].slice(c, edges[i + 1]));
    const A = head(params, x).logP;
    pullHead(grads, params, n, x, softmaxBackward(A, [...cotangent[n].slice(0, edges[0]), ...parts.map(sum)]));
    parts.forEach((part, i) => {
      const {hidden, logP} = tail(params, i, x);
      pullTail(grads, params, i, n, x, hidden, softmaxBackward(logP, part));
    });
  });
  return grads;
}

// The most probable class of each row.
function predict(config, params, input) {
  return logProb(config, params, input).map((row) => row.indexOf(Math.max(...row)));
}

// ---------------------------------------------------------------- shapes: written, and worth reading

// a // b as Python has it: the floor of the exact quotient, where Math.floor(a / b) rounds first.
function floorDivide(a, b) {
  const rest = a % b;
  return Math.round((a - rest) / b);
}

// Shape of every weight; a configuration that makes no layer is refused.
function shapes(config) {
  const {in_features: features, n_classes: classes, cutoffs, div_value: divValue} = config;
  const edges = [...cutoffs, classes];
  const increase = edges.every((edge, i) => Number.isInteger(edge) && (i === 0 ? edge >= 1 : edge > edges[i - 1]));
  if (!(features >= 1 && classes >= 2 && divValue > 0)) {
    throw new Refused('config', `no layer: ${features} features, ${classes} classes, div_value ${divValue}`);
  }
  if (cutoffs.length === 0 || !increase) {
    throw new Refused('cutoffs', `cutoffs should increase within 1 .. ${classes - 1}, but found [${cutoffs}]`);
  }
  const head = cutoffs[0] + cutoffs.length;
  const found = {'head.weight': [head, features]};
  if (config.head_bias) found['head.bias'] = [head];
  for (let i = 0; i < cutoffs.length; i++) {
    const power = divValue ** (i + 1);
    if (!Number.isFinite(power) || power === 0) throw new Refused('config', `hidden size of tail ${i} is not finite`);
    const hidden = floorDivide(features, power);
    found[`tail.${i}.0.weight`] = [hidden, features];
    found[`tail.${i}.1.weight`] = [edges[i + 1] - edges[i], hidden];
  }
  return found;
}

// ---------------------------------------------------------------- the protocol: nothing to change

const WORDS = {nan: NaN, inf: Infinity, '-inf': -Infinity};
const readNumber = (value) => (typeof value === 'string' ? WORDS[value] : value);

function writeNumber(value) {
  if (typeof value !== 'number') throw new Error(`a result holds ${value} where a number must stand`);
  if (Number.isFinite(value)) return value;
  return Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf';
}

// A tensor as nested arrays of `depth` levels, all axes before them made into one.
function rowsOf({shape, data}, depth) {
  const numbers = data.map(readNumber);
  if (depth === 0) return numbers[0];
  const last = depth > 1 ? shape.slice(1 - depth) : [];
  const lead = shape.slice(0, shape.length - last.length).reduce((a, b) => a * b, 1);
  return fold(numbers, [lead, ...last]);
}

function fold(numbers, shape) {
  if (shape.length === 0) return numbers[0];
  if (shape.length === 1) return numbers;
  const step = shape.slice(1).reduce((a, b) => a * b, 1);
  return Array.from({length: shape[0]}, (_, i) => fold(numbers.slice(i * step, (i + 1) * step), shape.slice(1)));
}

// Nested arrays as a tensor.
function tensor(value, shape) {
  if (value === null) return null;
  if (!shape) shape = [value.length];
  if (shape[0] === null) shape = [value.length, ...shape.slice(1)];     // as many rows as there are
  const data = Array.isArray(value) ? value.flat(Infinity) : [value];
  return {shape, data: data.map(writeNumber)};
}

// Targets have the batch axes of the input, seen here because they are flattened below.
function checkBatch({input, target}) {
  const rows = input.shape.slice(0, -1);
  if (target && String(target.shape) !== String(rows)) {
    throw new Refused('shape', `target should have shape [${rows}], but found [${target.shape}]`);
  }
}

// The shape of a tensor, known from the request; undefined where the value itself must tell.
function shapeOf(message, name) {
  const rows = message.inputs.input.shape.slice(0, -1);
  const like = name.startsWith('grad.') && (message.params[name.slice(5)] || message.inputs[name.slice(5)]);
  if (like) return like.shape;
  const [part, tail] = name.replace(/^grad\./, '').split('.');
  if (part.startsWith('head_log')) return [null, message.params['head.weight'].shape[0]];
  if (part === 'tail' && !name.includes('target')) {                    // a matrix of the trace
    return [null, message.params[`tail.${tail}.${name.includes('hidden') ? 0 : 1}.weight`].shape[0]];
  }
  return {output: rows, loss: [], predict: rows, log_prob: [...rows, message.config.n_classes]}[name];
}

function run(message) {
  const {config, op, want} = message;
  round = message.dtype === 'float32' ? Math.fround : (v) => v;
  const depth = {input: 2, target: 1, output: 1, log_prob: 2};
  const [params, inputs, cotangents] = ['params', 'inputs', 'cotangents'].map((group) => Object.fromEntries(
    Object.entries(message[group]).map(([name, t]) => [name, rowsOf(t, depth[name] || t.shape.length)])));
  const {input, target} = inputs;
  checkBatch(message.inputs);
  const operations = {
    forward: () => forward(config, params, input, target, want),
    backward: () => backward(config, params, input, target, cotangents, want),
    log_prob: () => ({log_prob: logProb(config, params, input)}),
    log_prob_backward: () => logProbBackward(config, params, input, cotangents.log_prob, want),
    predict: () => ({predict: predict(config, params, input)}),
  };
  if (!(op in operations)) throw new Skip(`${op} is not written`);
  const found = operations[op]();
  const results = {};
  for (const name of want) if (name in found) results[name] = tensor(found[name], shapeOf(message, name));
  return {results};
}

// The bits of the numbers as this port read them, and the numbers written again: a reader or a writer that rounds
// wrongly shows here.
function echo(message) {
  const single = message.dtype === 'float32';
  const view = new DataView(new ArrayBuffer(8));
  const hex = (bits, digits) => bits.toString(16).padStart(digits, '0');
  const numbers = message.data.map(readNumber);
  const bits = numbers.map((value) => {
    if (single) {
      view.setFloat32(0, value);
      return hex(view.getUint32(0), 8);
    }
    view.setFloat64(0, value);
    return hex(view.getBigUint64(0), 16);
  });
  return {bits, data: numbers.map((value) => writeNumber(single ? Math.fround(value) : value))};
}

function answer(message) {
  try {
    if (message.cmd === 'start') {
      return {protocol: 1, implementation: {name: NAME, version: VERSION, language: 'javascript'},
              dtypes: DTYPES, ops: OPS, trace: TRACE, layout: 'out_in', index_base: 0};
    }
    if (message.cmd === 'echo') return echo(message);
    if (message.cmd === 'shapes') return {shapes: shapes(message.config)};
    return run(message);
  } catch (error) {
    if (error instanceof Skip) return {skipped: true, reason: error.message};
    return {error: {kind: error.kind || 'other', message: error.kind ? error.message : String(error.stack)}};
  }
}

if (require.main === module) {
  require('readline').createInterface({input: process.stdin}).on('line', (line) => {
    const message = JSON.parse(line);
    if (message.cmd === 'stop') process.exit(0);
    process.stdout.write(JSON.stringify({seq: message.seq, ...answer(message)}) + '\n');
  });
}
