// ---------------------------------------------------------------- the numbers of the small layer

const {config, params, input} = GIVEN,
  N = input.length,
  TAILS = config.cutoffs.map((_, i) => i);
const right = {forward, backward};

// The port with one line of it changed: a mistake.
const portWith = remembered((name) => {
  const mistake = GIVEN.mistakes.find((m) => m.name === name);
  if (!mistake) return right;
  const text = $('port')
    .textContent.replace(/^#!.*/, '')
    .replace(mistake.right, () => mistake.wrong);
  return new Function(`${text}\nreturn {forward, backward};`)();
});

// All tensors by name: what is given, what forward makes of it, and what backward does.
function compute(port) {
  const {target, upstream, rows} = state,
    cotangents = {loss: upstream, output: rows};
  return {
    ...params,
    input,
    ...port.forward(config, params, input, target),
    ...port.backward(config, params, input, target, cotangents),
  };
}

let wanted, got; // of the right port, and of the one with the mistake (the same if there is none)
let origins = [],
  touched = []; // wrong tensors: where it begins, and all

function computeBoth() {
  wanted = compute(right);
  got = state.mistake ? compute(portWith(state.mistake)) : wanted;
  touched = GIVEN.order.filter(
    (name) =>
      places(got[name]).some((at) => isWrong(name, at)) || places(wanted[name]).length !== places(got[name]).length,
  );
  origins = touched.filter((name) => !GIVEN.after[name].some((before) => touched.includes(before)));
}

// Rows whose target lives in tail i.
const rowsIn = (found, i) => found.cluster.flatMap((cluster, n) => (cluster === i + 1 ? [n] : []));
const upstreamOf = (n) => state.rows[n] - state.upstream / N;

// Every index of a tensor: [[0, 0], [0, 1], ...], and [[]] of a number.
const places = (value) =>
  Array.isArray(value) ? value.flatMap((part, i) => places(part).map((at) => [i, ...at])) : [[]];
const valueAt = (found, name, at) => at.reduce((value, i) => (value === undefined ? value : value[i]), found[name]);

// The tail of a tensor that has a line for each of its rows only, else null.
function ownRows(name) {
  const parts = name.match(/^(?:grad\.)?tail\.(\d)\.(relative_target|hidden|logits|log_prob)$/);
  return parts ? Number(parts[1]) : null;
}

// The same place in the right port's tensor: its row, where the mistake routes others into a tail, may stand elsewhere.
function wantedPlace(name, at) {
  const i = ownRows(name);
  return i === null ? at : [rowsIn(wanted, i).indexOf(rowsIn(got, i)[at[0]]), ...at.slice(1)];
}

// What is due at a place; undefined where the right port has no such row.
const wantedAt = (name, at) => valueAt(wanted, name, wantedPlace(name, at));

const isWrong = (name, at) => got !== wanted && !Object.is(wantedAt(name, at) + 0, valueAt(got, name, at) + 0);

// ---- a table of numbers

// `rows` and `columns` label them; marked(at) says which are picked; `bars` and `signed` colour them.
function matrix(name, {rows, columns, bars, signed, marked, title} = {}) {
  const value = got[name],
    lines = Array.isArray(value) ? value : [value];
  const flat = [lines].flat(Infinity).map(Math.abs).filter(Number.isFinite),
    largest = Math.max(...flat, 1e-300);
  const body = lines.map((line, r) =>
    make(
      'tr',
      {},
      rows ? make('th', {scope: 'row'}, String(rows[r])) : null,
      ...[line].flat().map((v, c) =>
        cell(name, Array.isArray(line) ? [r, c] : Array.isArray(value) ? [r] : [], v, largest, {
          bars,
          signed,
          marked,
        }),
      ),
    ),
  );
  const head =
    columns &&
    make(
      'thead',
      {},
      make(
        'tr',
        {},
        rows ? make('td', {class: 'corner'}) : null,
        ...columns.map((label) => make('th', {scope: 'col'}, String(label))),
      ),
    );
  return make(
    'figure',
    {class: `matrix${touched.includes(name) ? ' touched' : ''}`},
    make(
      'figcaption',
      {},
      title || make('code', {}, name),
      bars ? ', bar: −log p' : null,
      origins.includes(name) ? make('b', {class: 'flag'}, ' ← starts here') : null,
    ),
    make('table', {'data-tensor': name}, head, make('tbody', {}, ...body)),
  );
}

function cell(name, at, v, largest, {bars, signed, marked}) {
  const part = Math.abs(v) / largest,
    classes = [];
  if (isWrong(name, at)) classes.push(origins.includes(name) ? 'begins' : 'spreads');
  if (marked && marked(at)) classes.push('picked');
  if (signed && v) classes.push(v > 0 ? 'plus' : 'minus');
  if (v === 0 && signed) classes.push('zero');
  const style = bars
    ? `--part:${(100 * part).toFixed(1)}%`
    : signed
      ? `--size:${(0.08 + 0.5 * part).toFixed(2)}`
      : undefined;
  return make(
    'td',
    {
      'data-name': name,
      'data-at': at.join(','),
      'data-v': v,
      tabindex: -1,
      style,
      class: [...classes, bars ? 'bar' : ''].join(' ').trim() || undefined,
    },
    short(v, window.innerWidth < 520 ? 3 : 4),
  );
}
