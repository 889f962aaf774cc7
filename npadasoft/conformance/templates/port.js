#!/usr/bin/env node
// A port of the adaptive log-softmax, judged by
//
//     npadasoft conform -- node port.js
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
//     B = log_softmax(U (P x))            of tail i; a few cases, which you may skip, add tail.i.1.bias to its scores
//     log_prob[k] = A[k]                              if k < s
//                 = A[s + i] + B[k - cutoffs[i]]      if k is in tail i
//     output[n] = log_prob of row n at its target;    loss = -mean(output);    predict = argmax of log_prob
//
// Tensors come as nested arrays: input[n][d], params["head.weight"][k][d], target[n]; give results back alike.
// Batch axes come as one: a batch of 2 by 3 rows as six rows, one row without a batch as a batch of one; they go
// back as they came.  An axis of 0 hides the axes behind it ([] may be 0 by 4): take sizes from config.  Without a
// row the loss is the mean of nothing, NaN, and gradients are 0.
'use strict';

const NAME = 'my port', VERSION = '0.1';
const DTYPES = ['float64'];     // JavaScript's number; 'float32' too if every step is rounded with `round`
const OPS = ['shapes'];         // then: 'forward', 'log_prob', 'predict', 'backward', 'log_prob_backward'
// others, topk and the head alone (linear) among them: npadasoft port-template --protocol
// intermediate tensors that you show, for a mistake to be found where it begins, of
//   'cluster' (0 is the short-list, i + 1 is tail i), 'head_column', 'head_logits', 'head_log_prob',
//   'tail.*.relative_target', 'tail.*.hidden', 'tail.*.logits', 'tail.*.log_prob', 'grad.head_logits',
//   'grad.tail.*.hidden', 'grad.tail.*.logits'        (their numbers: npadasoft vectors show T03)
const TRACE = [];

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
// A target outside 0 .. n_classes-1: throw new Refused('target', ...).  Rows without in_features numbers:
// throw new Refused('shape', ...), here and below.  A few cases go beyond the layer, so that you may Skip: where
// config has ignore_index, rows with that target have output 0 and do not count in the loss; where it has
// reduction, 'sum' makes the loss a sum, 'none' a number a row.
function forward(config, params, input, target, want) {
  throw new Skip('forward is not written yet');
}

// {'grad.input': ..., 'grad.head.weight': ..., ...}, shaped as what they are the gradient of.
// cotangents may hold 'output' (one number a row) and 'loss' (a number); an absent one is 0.  Of the sum over
// both.  A tail without a target has gradients of zero (null is accepted).
function backward(config, params, input, target, cotangents, want) {
  throw new Skip('backward is not written yet');
}

// Rows of n_classes numbers.
function logProb(config, params, input) {
  throw new Skip('log_prob is not written yet');
}

// As `backward`, of the sum of cotangent[n][k] * log_prob[n][k].
function logProbBackward(config, params, input, cotangent, want) {
  throw new Skip('log_prob_backward is not written yet');
}

// The most probable class of each row.
function predict(config, params, input) {
  throw new Skip('predict is not written yet');
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
